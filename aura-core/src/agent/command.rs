//! Any program as an agent: the prompt on stdin, the work in its directory, the result by its exit status.

use std::io;

use async_trait::async_trait;
use rustix::io::Errno;
use tokio::sync::mpsc;

use super::{AgentBackend, AgentContext, AgentFailure, AgentRequest, AgentResult, ProcessMark};
use crate::error::{Error, ErrorKind, Result};
use crate::model::FailureClass;
use crate::process::{self, DEFAULT_LOG_LIMIT, Exit, Finished, Stopped};
use crate::program::{
    self, OUTPUT_LIMIT, Program, WAITING_LINES, configurable, pass_on, show_duration, signal_name,
};
use crate::prompt::Redactor;
use crate::text;

const PROPOSAL_HEADER: &str = "### tool improvement proposal";

/// Runs a program that reads its prompt from stdin.
///
/// Its environment is the harmless part of the host's (`PATH`, `HOME`, language, proxies and the like), what
/// [`env_allow`](Self::env_allow) and [`env`](Self::env) add, and what the request brings. Only its exit status is believed:
/// nothing that it prints can make it succeed or fail.
#[derive(Debug, Clone)]
pub struct CommandAgent {
    program: Program,
}

configurable!(CommandAgent);

#[async_trait]
impl AgentBackend for CommandAgent {
    fn digest(&self) -> String {
        self.program.digest("command agent")
    }

    fn secrets(&self) -> Vec<(String, String)> {
        self.program.secrets()
    }

    async fn preflight(&self) -> Result<()> {
        self.program.check("the agent")
    }

    async fn run(&self, request: AgentRequest, context: AgentContext) -> Result<AgentResult> {
        if context.cancel().is_cancelled() {
            return Ok(failed(
                FailureClass::Cancelled,
                "cancelled before it was started",
            ));
        }
        let more = &request.environment;
        let redactor = self.program.redactor(&request.redactor, more)?;
        let (lines, received) = mpsc::channel(WAITING_LINES);
        let command = self
            .program
            .command(&request.workspace, &request.marker, more, &redactor)
            .stdin(request.prompt.as_bytes())
            .log(&request.log, DEFAULT_LOG_LIMIT)
            .deadline(Some(request.deadline))
            .idle(Some(request.idle))
            .grace(request.grace)
            .lines(lines);
        let pending = match process::spawn(command) {
            Ok(pending) => pending,
            Err(error) => return not_started(error),
        };
        let identity = pending.identity();
        let mark = ProcessMark {
            pid: identity.pid,
            start_time: identity.start_time,
            boot_id: identity.boot_id.clone(),
            marker: identity.marker.clone(),
        };
        // Without a record of it nothing may run: dropping `pending` ends its holder.
        context.register(mark).await?;
        let (finished, ()) = tokio::join!(
            pending.go(context.cancel().clone()),
            pass_on(received, &redactor, |line| context.tell(line.into())),
        );
        match finished {
            Ok(finished) => result(&finished, &request, &redactor),
            Err(error) => lost(error),
        }
    }
}

fn failed(class: FailureClass, summary: impl Into<String>) -> AgentResult {
    AgentResult {
        failure: Some(failure(class, summary)),
        ..AgentResult::default()
    }
}

fn failure(class: FailureClass, summary: impl Into<String>) -> AgentFailure {
    AgentFailure {
        class,
        summary: summary.into(),
        until: None,
    }
}

/// The holder of the program could not be started. Without a system error it never can be.
fn not_started(error: Error) -> Result<AgentResult> {
    match system_error(&error) {
        Some(errno) if error.kind() == ErrorKind::Process => {
            Ok(failed(spawn_class(errno), error.to_string()))
        }
        _ => Err(error),
    }
}

/// The holder of the program failed. Without a system error it was killed from outside.
fn lost(error: Error) -> Result<AgentResult> {
    match (error.kind(), system_error(&error)) {
        (ErrorKind::Cancelled, _) => Ok(failed(FailureClass::Cancelled, error.to_string())),
        (ErrorKind::Process, Some(errno)) => Ok(failed(spawn_class(errno), error.to_string())),
        (ErrorKind::Process, None) => Ok(failed(FailureClass::Killed, error.to_string())),
        _ => Err(error),
    }
}

fn system_error(error: &Error) -> Option<i32> {
    error.cause()?.downcast_ref::<io::Error>()?.raw_os_error()
}

/// A program that is missing stays missing; a lack of memory or processes passes.
fn spawn_class(errno: i32) -> FailureClass {
    const LASTING: &[Errno] = &[
        Errno::PERM,
        Errno::NOENT,
        Errno::TOOBIG,
        Errno::NOEXEC,
        Errno::ACCESS,
        Errno::NOTDIR,
        Errno::ISDIR,
        Errno::INVAL,
        Errno::NAMETOOLONG,
        Errno::LOOP,
    ];
    if LASTING
        .iter()
        .any(|lasting| lasting.raw_os_error() == errno)
    {
        FailureClass::Config
    } else {
        FailureClass::Spawn
    }
}

fn result(finished: &Finished, request: &AgentRequest, redactor: &Redactor) -> Result<AgentResult> {
    if matches!(finished.exit, Exit::SpawnFailed { .. }) && !request.workspace.is_dir() {
        let workspace = request.workspace.display();
        let message = format!("the agent's workspace {workspace} is not there");
        return Err(Error::new(ErrorKind::Io, message));
    }
    if let Some(error) = finished.log.as_ref().and_then(|log| log.error.as_ref()) {
        tracing::warn!(log = %request.log.display(), error, "the agent's log is incomplete");
    }
    let [stdout, stderr] = program::output(finished, redactor);
    let failure = judge(finished, request, &stderr);
    let (stdout, proposal) = cut_proposal(&stdout);
    let output = if failure.is_none() && !stdout.trim().is_empty() {
        text::tail(stdout.trim_end(), OUTPUT_LIMIT).to_owned()
    } else {
        text::join_tails(&stdout, &stderr, OUTPUT_LIMIT)
    };
    Ok(AgentResult {
        failure,
        output,
        tool_improvement_proposal: proposal,
        ..AgentResult::default()
    })
}

fn judge(finished: &Finished, request: &AgentRequest, stderr: &str) -> Option<AgentFailure> {
    if finished.survivors > 0 {
        // Whoever comes next would share the workspace with them.
        let count = finished.survivors;
        let summary =
            format!("{count} processes of the agent could not be killed; end them by hand");
        return Some(failure(FailureClass::Broken, summary));
    }
    if let Some(stopped) = finished.stopped {
        let (class, summary) = match stopped {
            Stopped::Cancelled => (FailureClass::Cancelled, "cancelled".to_owned()),
            Stopped::Deadline => {
                let limit = show_duration(request.deadline);
                (FailureClass::Timeout, format!("not done within {limit}"))
            }
            Stopped::Idle => {
                let limit = show_duration(request.idle);
                (FailureClass::Stalled, format!("silent for {limit}"))
            }
        };
        return Some(failure(class, summary));
    }
    match &finished.exit {
        Exit::Code(0) => None,
        Exit::Code(code) => {
            let last = text::last_line(stderr).map(|line| format!(": {line}"));
            let summary = format!("ended with exit code {code}{}", last.unwrap_or_default());
            Some(failure(FailureClass::Exit, summary))
        }
        Exit::Signal(number) => {
            let summary = format!("killed from outside by {}", signal_name(*number));
            Some(failure(FailureClass::Killed, summary))
        }
        Exit::SpawnFailed { errno, message } => Some(failure(spawn_class(*errno), message)),
    }
}

/// Takes a proposal for better tools out of an output: from its header to the next header of the second level.
pub(super) fn cut_proposal(output: &str) -> (String, Option<String>) {
    let mut rest = String::with_capacity(output.len());
    let mut proposal: Option<String> = None;
    let mut inside = false;
    for line in output.split_inclusive('\n') {
        let header = line.get(..PROPOSAL_HEADER.len());
        if proposal.is_none()
            && header.is_some_and(|text| text.eq_ignore_ascii_case(PROPOSAL_HEADER))
        {
            inside = true;
        } else if inside && line.starts_with("## ") {
            inside = false;
        }
        if inside {
            proposal.get_or_insert_default().push_str(line);
        } else {
            rest.push_str(line);
        }
    }
    let proposal = proposal.map(|text| text::head(text.trim(), OUTPUT_LIMIT).to_owned());
    (rest, proposal)
}
