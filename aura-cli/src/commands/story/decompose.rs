//! `aura story decompose`.

use std::io::Write;
use std::path::Path;

use aura_core::{Error, ErrorKind, Limits, Plan, Result};

use super::find_to_work;
use crate::args::DecomposeArgs;
use crate::commands::decompose;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::output;
use crate::render::style::Style;
use crate::render::{PlanView, Reporter, plan_text};
use crate::settings::Settings;

/// Lets an agent cut the story into tasks, and shows them.
pub(super) async fn decompose(environment: &Environment, args: &DecomposeArgs) -> Result<Exit> {
    let engine = (&args.place, &args.engine, args.parallel);
    let mut settings = Settings::read_to_decompose(environment, engine, &args.tasks)?;
    if let Some(file) = &args.output {
        check_output(file)?;
    }
    let (aura, story) = find_to_work(&mut settings, args.story.as_deref()).await?;
    let limits = settings.limits_of_questions(Limits::default());
    let options = args.tasks.options(settings.parallel).limits(limits);
    let options = options.agent(&settings.decomposer);
    // The answer on standard output is the plan, so events are told beside it.
    let mut reporter = Reporter::choose(false);
    let plan = decompose::decompose(&settings, (&aura, story), options, &mut reporter).await?;
    if let Some(file) = &args.output {
        write(&plan, file)?;
        output::note(format!("the plan is in {}", file.display()));
    }
    if args.json {
        let source = args.output.as_deref().unwrap_or(Path::new("-"));
        output::json(&PlanView::of(source, &Ok(plan)))?;
    } else {
        output::line(plan_text(&plan, Style::of_stdout(), |_| None))?;
    }
    Ok(Exit::Done)
}

/// Refuses a place that nothing can be written to, before an agent is paid for what belongs there.
fn check_output(file: &Path) -> Result<()> {
    let folder = folder_of(file);
    let refused = |why: String| {
        let message = format!("the plan cannot be written to {}: {why}", file.display());
        Err(Error::new(ErrorKind::InvalidInput, message))
    };
    if file.is_dir() {
        return refused("it is a directory".to_owned());
    }
    match tempfile::NamedTempFile::new_in(folder) {
        Ok(_) => Ok(()),
        Err(_) if !folder.is_dir() => {
            refused(format!("there is no directory {}", folder.display()))
        }
        Err(error) => refused(format!("{}: {}", folder.display(), error.kind())),
    }
}

fn folder_of(file: &Path) -> &Path {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Writes the plan whole or not at all.
fn write(plan: &Plan, file: &Path) -> Result<()> {
    let text = plan.to_yaml()?;
    let failed = |error| Error::io("write", file, error);
    let mut temporary = tempfile::NamedTempFile::new_in(folder_of(file)).map_err(failed)?;
    temporary.write_all(text.as_bytes()).map_err(failed)?;
    temporary
        .persist(file)
        .map_err(|error| failed(error.error))?;
    Ok(())
}
