//! `aura story create`.

use std::path::Path;

use aura_core::{Error, ErrorKind, Result, StorySpec};

use crate::args::{CreateArgs, EngineFlags};
use crate::commands::{decompose, plan, run};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::output;
use crate::settings::Settings;

/// Creates a story and prints where it is.
pub(super) async fn create(environment: &Environment, args: &CreateArgs) -> Result<Exit> {
    let plan = match args.source.as_deref() {
        Some(source) if is_plan(source) => {
            refuse_words(args)?;
            let plan = plan::read(source, &args.scope)?;
            plan::warn(&plan);
            Some(plan)
        }
        _ => {
            plan::refuse_scope(&args.scope)?;
            None
        }
    };
    // Nothing runs, so nothing has to be trusted.
    let engine = EngineFlags {
        trust: true,
        no_review: args.no_review,
        ..EngineFlags::default()
    };
    let mut settings = Settings::read(environment, &args.place, &engine, None)?;
    let spec = match plan {
        Some(mut plan) => {
            settings.route(&mut plan)?;
            settings.settle_review(&mut plan);
            StorySpec::from_plan(plan)
        }
        None => decompose::wish(&settings.repo, args.source.as_deref(), &args.wish).await?,
    };
    let has_plan = spec.plan.is_some();
    let aura = settings.builder().open().await?;
    let is_folder = run::is_folder(args.source.as_deref());
    let mut spec = spec.policy(settings.policy_for(&args.create, is_folder));
    if let Some(target) = &args.create.target {
        spec = spec.target(target);
    }
    let id = aura.create_story(spec).await?;
    let story = aura.story(id).await?;
    if args.json {
        output::json(&story)?;
    } else {
        output::line(story.id)?;
        output::note(format!("branch {}", story.branch));
        if let Some(worktree) = &story.worktree {
            output::note(format!("worktree {worktree}"));
        }
    }
    if !args.json && !has_plan {
        output::note("next: `aura story decompose` cuts it into tasks");
    }
    Ok(Exit::Done)
}

/// A file, a directory or standard input, there or not; anything else is a title.
fn is_plan(source: &Path) -> bool {
    let ending = source.extension().and_then(|ending| ending.to_str());
    source == Path::new("-") || source.exists() || matches!(ending, Some("yaml" | "yml" | "json"))
}

/// A plan has its own description.
fn refuse_words(args: &CreateArgs) -> Result<()> {
    if args.wish.description.is_none() {
        return Ok(());
    }
    let message = "a plan file has its own description";
    Err(Error::new(ErrorKind::InvalidInput, message).with_help("leave --description out"))
}
