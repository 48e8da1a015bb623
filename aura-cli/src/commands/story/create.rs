//! `aura story create`.

use aura_core::{Result, StorySpec};

use crate::args::{CreateArgs, EngineFlags};
use crate::commands::plan;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::output;
use crate::settings::Settings;

/// Creates a story and prints where it is.
pub(super) async fn create(environment: &Environment, args: &CreateArgs) -> Result<Exit> {
    let mut plan = plan::read(&args.source)?;
    plan::warn(&plan);
    // Nothing runs, so nothing has to be trusted.
    let engine = EngineFlags {
        trust: true,
        ..EngineFlags::default()
    };
    let settings = Settings::read(environment, &args.place, &engine, None)?;
    settings.route(&mut plan)?;
    let aura = settings.builder().open().await?;
    let mut spec = StorySpec::from_plan(plan).policy(settings.policy_for(&args.create));
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
    Ok(Exit::Done)
}
