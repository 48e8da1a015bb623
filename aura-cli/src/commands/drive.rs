//! Follows a run to its end, and lands its result when that was asked for.

use aura_core::{
    CompleteOptions, Error, ErrorKind, EventKind, Orchestrator, Report, Result, Run, RunOptions,
    RunOutcome, StoryId, Verb,
};

use super::hold::Hold;
use crate::args::Again;
use crate::config::PATH;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::interrupt::Interrupts;
use crate::render::Reporter;
use crate::render::style::Style;
use crate::{output, render};

/// What happens to the result of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Landing {
    /// Move the target.
    pub(crate) merge: bool,
    /// Although tasks are failed or blocked.
    pub(crate) partial: bool,
    /// Although no gate judges.
    pub(crate) no_gates: bool,
    /// Clean up afterwards.
    pub(crate) cleanup: bool,
}

impl Landing {
    /// As the library takes it.
    pub(crate) fn options(&self) -> CompleteOptions {
        CompleteOptions::default()
            .merge(self.merge)
            .partial(self.partial)
            .no_gates(self.no_gates)
            .cleanup(self.cleanup)
    }

    /// A run that stopped early, or failed, has nothing to land yet.
    fn follows(&self, outcome: RunOutcome) -> bool {
        self.merge
            && match outcome {
                RunOutcome::ReadyToComplete => true,
                RunOutcome::Failed => self.partial,
                RunOutcome::Completed | RunOutcome::Paused | RunOutcome::Cancelled => false,
            }
    }
}

/// How a run, and the landing that was asked for, came out.
pub(crate) struct Ended {
    /// Of the last of them that began.
    pub(crate) report: Report,
    /// Somebody asked for an end.
    pub(crate) interrupted: bool,
    /// Why the landing did not begin.
    pub(crate) refused: Option<Error>,
}

/// Runs the story and, where asked for, lands it.
pub(super) async fn to_the_end(
    environment: &Environment,
    aura: &Orchestrator,
    story: StoryId,
    options: RunOptions,
    landing: &Landing,
    (again, reporter): (&Again, &mut Reporter),
) -> Result<Ended> {
    let mut interrupts = Interrupts::listen()?;
    if is_being_cancelled(aura, story).await? {
        // Whoever obeyed the cancel is gone: its end comes first, then what is asked for now.
        let run = aura.run(story, options.clone()).await;
        let run = run.map_err(|error| explained(error, again))?;
        let report = follow(run, again, reporter, &mut interrupts).await?;
        if interrupts.seen {
            return Ok(Ended::of(report, &interrupts));
        }
    }
    let run = aura.run(story, options).await;
    let run = run.map_err(|error| explained(error, again))?;
    reporter.begin(&aura.status(story).await?);
    let _hold = match environment.state_dir() {
        Ok(dir) if landing.merge => Hold::take(&dir, story),
        _ => None,
    };
    let report = follow(run, again, reporter, &mut interrupts).await?;
    // One that came when the run was over already is heard here.
    interrupts.poll().await;
    if !landing.follows(report.outcome) || interrupts.seen {
        return Ok(Ended::of(report, &interrupts));
    }
    match aura.complete(story, landing.options()).await {
        Ok(run) => {
            let report = follow(run, again, reporter, &mut interrupts).await?;
            Ok(Ended::of(report, &interrupts))
        }
        Err(error) => Ok(Ended {
            refused: Some(explained(error, again)),
            ..Ended::of(report, &interrupts)
        }),
    }
}

impl Ended {
    const fn of(report: Report, interrupts: &Interrupts) -> Self {
        Self {
            report,
            interrupted: interrupts.seen,
            refused: None,
        }
    }
}

/// Whether a run was cancelled and its process ended before the run did.
async fn is_being_cancelled(aura: &Orchestrator, story: StoryId) -> Result<bool> {
    let (mut is_running, mut is_cancelled) = (false, false);
    for event in aura.events(story, 0).await? {
        match event.kind {
            EventKind::RunStarted { .. } => (is_running, is_cancelled) = (true, false),
            EventKind::RunFinished { .. } | EventKind::LandingRequested { .. } => {
                is_running = false;
            }
            EventKind::CommandAccepted { verb, .. } => is_cancelled |= verb == Verb::Cancel,
            _ => {}
        }
    }
    Ok(is_running && is_cancelled)
}

/// Lands the story.
pub(super) async fn land(
    aura: &Orchestrator,
    story: StoryId,
    landing: &Landing,
    (again, reporter): (&Again, &mut Reporter),
) -> Result<Ended> {
    let mut interrupts = Interrupts::listen()?;
    let run = aura.complete(story, landing.options()).await;
    let run = run.map_err(|error| explained(error, again))?;
    let report = follow(run, again, reporter, &mut interrupts).await?;
    Ok(Ended::of(report, &interrupts))
}

/// Tells of every event until the run ends. The first interrupt cancels the run; after the second one nobody waits for it: this
/// program ends, and the guards of whatever still runs end the rest.
async fn follow(
    mut run: Run,
    again: &Again,
    reporter: &mut Reporter,
    interrupts: &mut Interrupts,
) -> Result<Report> {
    let mut is_stopping = false;
    let mut unwritten = None;
    loop {
        tokio::select! {
            event = run.next_event() => {
                let Some(event) = event? else { break };
                // The run is worth more than its audience: it goes on, and the error is told at the end.
                if let Err(error) = reporter.event(&event) {
                    unwritten = unwritten.or(Some(error));
                }
            }
            () = interrupts.next() => {
                if is_stopping {
                    reporter.finish();
                    let error = Error::new(ErrorKind::Cancelled, "killed; the state is kept");
                    let resume = again.does("resume", &[]);
                    return Err(error.with_help(format!("`{resume}` goes on")));
                }
                is_stopping = true;
                reporter.note("stopping what runs; interrupt again to kill it");
                match run.cancel().await {
                    // It is over already, or cannot be stopped any more; the events say which.
                    Err(error) if error.kind() == ErrorKind::Refused => {}
                    result => result?,
                }
            }
        }
    }
    reporter.finish();
    let report = run.wait().await?;
    unwritten.map_or(Ok(report), Err)
}

/// The error of a run that was not started, with what helps in terms of this command.
fn explained(error: Error, again: &Again) -> Error {
    let help = match error.kind() {
        ErrorKind::BackendMissing => format!(
            "say --agent NAME or --agent-command 'PROG ARGS' as when the story first ran, or define the agent in {PATH}"
        ),
        ErrorKind::GateMissing => {
            format!("say --gate NAME=CMD as when the story first ran, or define the gate in {PATH}")
        }
        // One that was interrupted has to be finished as it began, as the error says.
        ErrorKind::GateChanged
            if error
                .help()
                .is_some_and(|help| help.contains("--accept-config")) =>
        {
            format!(
                "`{}` goes on with the present definition, judges what was accepted anew, and can be completed then",
                again.does("run", &["--accept-config"])
            )
        }
        ErrorKind::ForeignMove => format!(
            "`{}` puts it back",
            again.does("run", &["--restore-branch"])
        ),
        _ => return error,
    };
    error.with_help(help)
}

/// Prints the report of what came to an end and says how the command ends.
pub(super) fn tell_end(ended: Ended, again: &Again, json: bool, merge: bool) -> Result<Exit> {
    let exit = tell(&ended.report, again, json, merge)?;
    match ended.refused {
        Some(error) => Err(error),
        None if ended.interrupted && exit == Exit::Paused => Ok(Exit::Interrupted),
        None => Ok(exit),
    }
}

/// Prints the report and says how the command ends.
pub(super) fn tell(report: &Report, again: &Again, json: bool, merge: bool) -> Result<Exit> {
    if json {
        output::json(report)?;
    } else {
        output::line(render::report(report, again, Style::of_stdout()))?;
    }
    Ok(Exit::of_outcome(
        report.outcome,
        report.reason.as_deref(),
        merge,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_ready_lands() {
        use RunOutcome::{Cancelled, Completed, Failed, Paused, ReadyToComplete};
        let landing = |merge, partial| Landing {
            merge,
            partial,
            ..Landing::default()
        };
        for (merge, partial, outcome, expected) in [
            (true, false, ReadyToComplete, true),
            (false, false, ReadyToComplete, false),
            (true, false, Failed, false),
            (true, true, Failed, true),
            (false, true, Failed, false),
            (true, true, Paused, false),
            (true, true, Cancelled, false),
            (true, true, Completed, false),
        ] {
            let follows = landing(merge, partial).follows(outcome);
            assert_eq!(follows, expected, "{merge} {partial} {outcome:?}");
        }
    }
}
