//! `aura demo`: the whole flow on a small real repository.

use std::path::PathBuf;

use aura_core::{Error, ErrorKind, Result, RunOutcome};
use clap::Parser;

use super::plan;
use super::run::{begin, go};
use crate::args::{Again, Cli, Command, DemoArgs, RunArgs, ScopeFlags};
use crate::demo::{Project, tell};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::program::Program;
use crate::render::style::{Style, Tone};
use crate::render::{Reporter, plan_text};
use crate::{output, words};

/// Makes the repository, runs the plan as `aura run` does, and tells what happened.
pub(super) async fn demo(
    environment: &Environment,
    program: &Program,
    args: &DemoArgs,
) -> Result<Exit> {
    let style = Style::of_stdout();
    let aura = program.line()?;
    let project = Project::make(&directory(args)?)?;
    let plan = plan::read(&project.plan, &ScopeFlags::default())?;
    let words = command_line(&project, &aura);
    output::line(format!(
        "{}\n  {} program in {}, main at {}\n",
        style.paint(Tone::Strong, "A repository"),
        project.language,
        project.repo.display(),
        project.commit("main")?
    ))?;
    output::line(format!("{}\n", plan_text(&plan, style, |_| None)))?;
    output::line(format!(
        "{}\n  {aura} {}\n",
        style.paint(Tone::Strong, "A run"),
        words::join(&words)
    ))?;

    let args = understood(&words)?;
    let begun = begin(environment, &args, plan).await?;
    let again = Again::of(begun.story, &args.place, &args.engine);
    let mut reporter = Reporter::choose(false);
    let ended = go(environment, &begun, (&again, &mut reporter)).await?;
    if let Some(error) = ended.refused {
        return Err(error);
    }
    let report = ended.report;

    let story = begun.aura.story(begun.story).await?;
    let events = begun.aura.events(begun.story, 0).await?;
    output::line(format!(
        "\n{}",
        tell(&project, &story, &events, &report, &aura, style)
    ))?;
    let (tone, text) = match report.outcome {
        RunOutcome::Completed => (
            Tone::Good,
            "The demo is complete: main has every task, and its gates are green.",
        ),
        _ => (
            Tone::Bad,
            "The demo did not complete; the events above say why.",
        ),
    };
    output::line(format!("\n{}", style.paint(tone, text)))?;
    Ok(Exit::of_outcome(
        report.outcome,
        report.reason.as_deref(),
        true,
    ))
}

/// Where the demo is made. It stays there, so that there is something to look at.
fn directory(args: &DemoArgs) -> Result<PathBuf> {
    if let Some(dir) = &args.keep {
        return Ok(dir.clone());
    }
    let made = tempfile::Builder::new().prefix("aura-demo-").tempdir();
    made.map(tempfile::TempDir::keep)
        .map_err(|error| Error::io("create a directory in", &std::env::temp_dir(), error))
}

/// What a person would type.
fn command_line(project: &Project, aura: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![
        "run".to_owned(),
        project.plan.to_string_lossy().into_owned(),
    ];
    let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
    option("--repo", project.repo.to_string_lossy().into_owned());
    option("--agent-command", format!("{aura} demo-agent"));
    for gate in project.gates {
        option("--gate", gate.to_owned());
    }
    option("--parallel", "3".to_owned());
    words.push("--merge".to_owned());
    words
}

fn understood(words: &[String]) -> Result<Box<RunArgs>> {
    let line = std::iter::once("aura").chain(words.iter().map(String::as_str));
    match Cli::try_parse_from(line).map(|cli| cli.command) {
        Ok(Command::Run(args)) => Ok(args),
        Ok(_) => Err(Error::new(
            ErrorKind::Internal,
            "the demo's command is not a run",
        )),
        Err(error) => Err(Error::new(
            ErrorKind::Internal,
            format!("the demo's command is refused: {error}"),
        )),
    }
}
