//! Runs that outlive the terminal: the same program again, in a session of its own, with its output in a file.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use aura_core::{Error, ErrorKind, EventKind, Orchestrator, Result, StoryId};

use super::story;
use crate::args::StoryRunArgs;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::output;
use crate::program::Program;

/// Time between two looks at whether the run has begun.
const LOOK: Duration = Duration::from_millis(30);

/// Starts the run elsewhere, waits until it has begun, and prints the story's id.
pub(super) async fn start(
    environment: &Environment,
    program: &Program,
    aura: &Orchestrator,
    story: StoryId,
    args: &StoryRunArgs,
) -> Result<Exit> {
    let before = aura
        .events(story, 0)
        .await?
        .last()
        .map_or(0, |event| event.seq);
    let logs = environment.state_dir()?.join("runs");
    std::fs::create_dir_all(&logs).map_err(|error| Error::io("create", &logs, error))?;
    let path = logs.join(format!("{story}.log"));
    // A run that is under way may write to it.
    let log = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(|error| Error::io("open", &path, error))?;
    let begin = log
        .metadata()
        .map_err(|error| Error::io("look at", &path, error))?
        .len();
    let other = log
        .try_clone()
        .map_err(|error| Error::io("open", &path, error))?;
    let mut child = program
        .command()?
        .arg("detached")
        .args(args.to_words())
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(other)
        .spawn()
        .map_err(not_started)?;
    loop {
        // Looked at before the events: a run that is over by now has told of its beginning.
        let ended = child.try_wait().map_err(not_started)?;
        let events = aura.events(story, before).await?;
        let has_begun = events.iter().any(|event| {
            matches!(
                event.kind,
                EventKind::RunStarted { .. } | EventKind::RunResumed { .. }
            )
        });
        if has_begun {
            output::line(story)?;
            output::note(format!("its output goes to {}", path.display()));
            return Ok(Exit::Done);
        }
        if let Some(status) = ended {
            return refused(&path, begin, status.code());
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn not_started(error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Process,
        format!("could not start a run of its own: {error}"),
    )
    .with_source(error)
}

/// The run ended before it began: what it said is what there is to say.
fn refused(log: &Path, begin: u64, code: Option<i32>) -> Result<Exit> {
    let said = std::fs::read(log).map_err(|error| Error::io("read", log, error))?;
    let said = usize::try_from(begin)
        .ok()
        .and_then(|begin| said.get(begin..));
    output::note(String::from_utf8_lossy(said.unwrap_or_default()).trim_end());
    Ok(Exit::from_code(code))
}

/// The other side: leaves the terminal's session and runs.
pub(super) async fn detached(environment: &Environment, args: &StoryRunArgs) -> Result<Exit> {
    #[cfg(unix)]
    rustix::process::setsid().map_err(|error| {
        Error::new(
            ErrorKind::Process,
            format!("could not leave the terminal's session: {error}"),
        )
    })?;
    story::run_here(environment, args).await
}
