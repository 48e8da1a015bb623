//! A program as a gate: green when it exits with 0, red when it says that the work is at fault, broken when it could not say.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::findings::totals::{Picking, Totals};
use super::findings::{self, Parsed};
use super::{Gate, GateContext, GateReport, GateRequest};
use super::{disk, misuse};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Finding, GateVerdict};
use crate::process::{self, DEFAULT_LOG_LIMIT, Exit, Filter, Finished, Stopped};
use crate::program::{
    self, OUTPUT_LIMIT, Program, WAITING_LINES, configurable, pass_on, show_duration, signal_name,
};
use crate::prompt::Redactor;
use crate::text;

/// Bytes of the end of each stream that are searched for findings. What says how many tests ran is looked for in all of it.
const SEARCH_LIMIT: usize = 1024 * 1024;

/// Runs a program in the tree that is judged.
///
/// Its environment is the harmless part of the host's (`PATH`, `HOME`, language, proxies and the like), what [`env_allow`](Self::env_allow) and
/// [`env`](Self::env) add, and what the request brings.
#[derive(Debug, Clone)]
pub struct CommandGate {
    program: Program,
}

configurable!(CommandGate);

#[async_trait]
impl Gate for CommandGate {
    fn digest(&self) -> String {
        self.program.digest("command gate")
    }

    fn secrets(&self) -> Vec<(String, String)> {
        self.program.secrets()
    }

    fn command(&self) -> Vec<String> {
        self.program.words()
    }

    async fn preflight(&self) -> Result<()> {
        self.program.check("the gate")
    }

    async fn check(&self, request: GateRequest, context: GateContext) -> GateReport {
        if context.cancel.is_cancelled() {
            return GateReport::new(GateVerdict::Cancelled);
        }
        let more = &request.environment;
        let redactor = match self.program.redactor(&request.redactor, more) {
            Ok(redactor) => redactor,
            Err(error) => return not_run(&error),
        };
        let ([stdout, stderr], totals) = picking(&redactor);
        let (lines, received) = mpsc::channel(WAITING_LINES);
        let command = self
            .program
            .command(&request.workspace, &request.marker, more, &redactor)
            .filters(stdout, stderr)
            .log(&request.log, DEFAULT_LOG_LIMIT)
            .tail_limit(SEARCH_LIMIT)
            .deadline(Some(request.timeout))
            .grace(request.grace)
            .lines(lines);
        let pending = match process::spawn(command) {
            Ok(pending) => pending,
            Err(error) => return not_run(&error),
        };
        let (finished, ()) = tokio::join!(
            pending.go(context.cancel),
            pass_on(received, &redactor, |line| drop(
                context.output.try_send(line)
            )),
        );
        let finished = match finished {
            Ok(finished) => finished,
            Err(error) => return not_run(&error),
        };
        // Reading megabytes of output takes a while.
        let argv = self.program.argv.clone();
        let report = tokio::task::spawn_blocking(move || {
            let totals = totals.map(|totals| {
                let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
                totals.finish()
            });
            report(&finished, totals, &argv, &request, &redactor)
        });
        report.await.unwrap_or_else(|error| {
            broken(format!("the output of the gate could not be read: {error}"))
        })
    }
}

/// Of standard output and of standard error.
type Sides<T> = [T; 2];
/// Picked out of one stream.
type Picked = Arc<Mutex<Totals>>;

/// What the streams pass through, and what is picked out of them on the way.
fn picking(redactor: &Redactor) -> (Sides<Box<dyn Filter>>, Sides<Picked>) {
    let side = || Picking::new(program::masking(redactor));
    let ((stdout, first), (stderr, second)) = (side(), side());
    ([Box::new(stdout), Box::new(stderr)], [first, second])
}

fn broken(why: String) -> GateReport {
    GateReport::new(GateVerdict::Broken { why })
}

fn not_run(error: &Error) -> GateReport {
    if error.kind() == ErrorKind::Cancelled {
        return GateReport::new(GateVerdict::Cancelled);
    }
    let help = error.help().map(|help| format!("; {help}"));
    broken(format!("{error}{}", help.unwrap_or_default()))
}

fn report(
    finished: &Finished,
    totals: [Option<String>; 2],
    argv: &[String],
    request: &GateRequest,
    redactor: &Redactor,
) -> GateReport {
    let [stdout, stderr] = program::output(finished, redactor);
    let complete = finished.stdout_tail.len() as u64 == finished.stdout_bytes
        && finished.stderr_tail.len() as u64 == finished.stderr_bytes;
    let output = format!("{stdout}\n{stderr}");
    let parsed = if complete {
        findings::parse(&output, &request.workspace, true)
    } else {
        let [stdout, stderr] = totals;
        let totals = stdout.zip(stderr).map(|(one, other)| one + &other);
        findings::parse_end(&output, &request.workspace, totals.as_deref())
    };
    GateReport {
        counts: parsed.counts,
        usage: crate::model::Usage::default(),
        output_tail: text::join_tails(&stdout, &stderr, OUTPUT_LIMIT),
        verdict: judge(finished, argv, request, &output, parsed),
    }
}

fn judge(
    finished: &Finished,
    argv: &[String],
    request: &GateRequest,
    output: &str,
    parsed: Parsed,
) -> GateVerdict {
    let broken = |why| GateVerdict::Broken { why };
    if finished.survivors > 0 {
        let count = finished.survivors;
        return broken(format!(
            "{count} processes of the gate could not be killed; end them by hand"
        ));
    }
    match finished.stopped {
        Some(Stopped::Cancelled) => return GateVerdict::Cancelled,
        Some(Stopped::Deadline | Stopped::Idle) => {
            let limit = show_duration(request.timeout);
            return red(format!("timed out after {limit}"), parsed.findings);
        }
        None => {}
    }
    match &finished.exit {
        Exit::SpawnFailed { message, .. } => broken(format!(
            "{message}; install the gate's program or correct its command"
        )),
        Exit::Signal(number) if misuse::is_from_outside(*number) => {
            broken(misuse::killed(&signal_name(*number)))
        }
        Exit::Signal(number) => red(
            format!("crashed with {}", signal_name(*number)),
            parsed.findings,
        ),
        Exit::Code(code) => match misuse::find(*code, argv, output, &parsed, || is_full(request)) {
            Some(why) => broken(why),
            None if *code == 0 => GateVerdict::Passed,
            None if parsed.findings.is_empty() => {
                let last = text::last_line(output).map(|line| format!(": {line}"));
                red(
                    format!("ended with exit code {code}{}", last.unwrap_or_default()),
                    Vec::new(),
                )
            }
            None => GateVerdict::Failed {
                findings: parsed.findings,
            },
        },
    }
}

/// Whether there is no room left in the workspace or for temporary files.
fn is_full(request: &GateRequest) -> bool {
    let given = request.environment.iter();
    let given = given.filter(|(name, _)| name == "TMPDIR");
    let mut places = vec![request.workspace.clone(), std::env::temp_dir()];
    places.extend(given.map(|(_, folder)| folder.into()));
    places.iter().any(|place| disk::is_full(place))
}

/// Red for a reason that is no finding of the program itself, with what it found before.
fn red(message: String, found: Vec<Finding>) -> GateVerdict {
    let reason = Finding {
        file: None,
        line: None,
        column: None,
        message,
    };
    let findings = std::iter::once(reason).chain(found).collect();
    GateVerdict::Failed { findings }
}
