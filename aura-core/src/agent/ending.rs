//! What the end of a program means, for every agent that is one.

use std::io;

use rustix::io::Errno;

use super::{AgentFailure, AgentRequest, AgentResult, ProcessMark};
use crate::error::{Error, ErrorKind, Result};
use crate::model::FailureClass;
use crate::process::{Exit, Finished, ProcessIdentity, Stopped};
use crate::program::{OUTPUT_LIMIT, show_duration, signal_name};
use crate::text;

/// Bytes of an answer that are kept; a plan of a thousand tasks fits in.
pub(super) const ANSWER_LIMIT: usize = 1024 * 1024;

const PROPOSAL_HEADER: &str = "### tool improvement proposal";

/// Bytes of what an agent wrote that are given back. An answer is wanted whole, of work the end is enough.
pub(super) const fn output_limit(request: &AgentRequest) -> usize {
    if request.read_only {
        ANSWER_LIMIT
    } else {
        OUTPUT_LIMIT
    }
}

/// Bytes of each stream that are kept until the end of the program: events and escapes are cut out of them.
pub(super) const fn tail_limit(request: &AgentRequest) -> usize {
    4 * output_limit(request)
}

pub(super) fn failed(class: FailureClass, summary: impl Into<String>) -> AgentResult {
    AgentResult {
        failure: Some(failure(class, summary)),
        ..AgentResult::default()
    }
}

pub(super) fn failure(class: FailureClass, summary: impl Into<String>) -> AgentFailure {
    AgentFailure {
        class,
        summary: summary.into(),
        until: None,
    }
}

/// The holder of the program could not be started. Without a system error it never can be.
pub(super) fn not_started(error: Error) -> Result<AgentResult> {
    match system_error(&error) {
        Some(errno) if error.kind() == ErrorKind::Process => {
            Ok(failed(spawn_class(errno), error.to_string()))
        }
        _ => Err(error),
    }
}

/// The holder of the program failed. Without a system error it was killed from outside.
pub(super) fn lost(error: Error) -> Result<AgentResult> {
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

/// What a crash of Aura finds the program by.
pub(super) fn mark(identity: &ProcessIdentity) -> ProcessMark {
    ProcessMark {
        pid: identity.pid,
        start_time: identity.start_time,
        boot_id: identity.boot_id.clone(),
        marker: identity.marker.clone(),
    }
}

/// The workspace is Aura's to make: without it no agent is at fault.
pub(super) fn check_workspace(finished: &Finished, request: &AgentRequest) -> Result<()> {
    if matches!(finished.exit, Exit::SpawnFailed { .. }) && !request.workspace.is_dir() {
        let workspace = request.workspace.display();
        let message = format!("the agent's workspace {workspace} is not there");
        return Err(Error::new(ErrorKind::Io, message));
    }
    if let Some(error) = finished.log.as_ref().and_then(|log| log.error.as_ref()) {
        tracing::warn!(log = %request.log.display(), error, "the agent's log is incomplete");
    }
    Ok(())
}

/// Processes that could not be killed: whoever comes next would share the workspace with them.
pub(super) fn survived(finished: &Finished) -> Option<AgentFailure> {
    let count = finished.survivors;
    let summary = format!("{count} processes of the agent could not be killed; end them by hand");
    (count > 0).then(|| failure(FailureClass::Broken, summary))
}

/// It was told to stop, whatever it made of that.
pub(super) fn stopped(finished: &Finished, request: &AgentRequest) -> Option<AgentFailure> {
    let (class, summary) = match finished.stopped? {
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
    Some(failure(class, summary))
}

/// How it ended by itself, where that is a failure.
pub(super) fn exited(exit: &Exit, stderr: &str) -> Option<AgentFailure> {
    match exit {
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
