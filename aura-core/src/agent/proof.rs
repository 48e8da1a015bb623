//! How an agent ended, whatever it says: its exit status, its last event, whether it was stopped, what it was denied.

use super::cli::McpServers;
use super::ending::{cut_proposal, exited, failure, output_limit, stopped, survived};
use super::output::{Clock, End, Fault};
use super::watch::Seen;
use super::{AgentFailure, AgentRequest, AgentResult, session};
use crate::model::FailureClass;
use crate::process::{Exit, Finished};
use crate::program::show_duration;
use crate::prompt::Redactor;
use crate::text;

/// Bytes of the end of stderr that may say why an agent failed.
const STDERR_LIMIT: usize = 2000;

/// Everything that is known of a start that is over.
pub(super) struct Ending<'a> {
    /// The HTTP status that an exit code stands for.
    pub(super) status: fn(i32) -> Option<u16>,
    pub(super) yolo: bool,
    pub(super) mcp: &'a McpServers,
    pub(super) request: &'a AgentRequest,
    pub(super) finished: &'a Finished,
    pub(super) seen: &'a Seen,
    /// Masked.
    pub(super) stderr: &'a str,
    /// The engine wanted it to stop.
    pub(super) cancelled: bool,
}

/// The start's account of itself. `said` is what people are shown of it.
pub(super) fn account(ending: &Ending<'_>, said: &str, redactor: &Redactor) -> AgentResult {
    let failure = judge(ending).map(|failure| AgentFailure {
        summary: redactor.clean(&failure.summary),
        ..failure
    });
    let (request, told) = (ending.request, &ending.seen.told);
    let (said, proposal) = cut_proposal(said);
    let output = if failure.is_none() && !said.trim().is_empty() {
        text::tail(said.trim_end(), output_limit(request)).to_owned()
    } else {
        text::join_tails(&said, ending.stderr, output_limit(request))
    };
    let session = told.session.as_deref();
    AgentResult {
        failure,
        output,
        session: session.map(|id| session::tied(id, request)),
        usage: told.usage,
        tool_improvement_proposal: proposal,
    }
}

/// Why it did not end well; `None` when nothing speaks against it.
fn judge(ending: &Ending<'_>) -> Option<AgentFailure> {
    survived(ending.finished)
        .or_else(|| in_circles(ending))
        .or_else(|| halted(ending))
        .or_else(|| by_itself(ending))
}

/// It was stopped from here, or by a limit of its own, since it did not get on.
fn in_circles(ending: &Ending<'_>) -> Option<AgentFailure> {
    if ending.cancelled {
        return None;
    }
    let told = &ending.seen.told;
    if ending.seen.gave_up {
        let idle = show_duration(ending.request.idle);
        return Some(limit(ending).unwrap_or_else(|| {
            let last = told.fault.as_ref().map_or("", |fault| &fault.message);
            let summary = format!("asked its provider again for {idle} without an answer: {last}");
            failure(FailureClass::Stalled, summary)
        }));
    }
    let why = told.cut.as_ref()?;
    Some(failure(FailureClass::Stalled, why))
}

/// It was told to stop. One that waited for its provider in vain is not at fault.
fn halted(ending: &Ending<'_>) -> Option<AgentFailure> {
    let stopped = stopped(ending.finished, ending.request)?;
    if stopped.class == FailureClass::Cancelled {
        return Some(stopped);
    }
    Some(limit(ending).unwrap_or(stopped))
}

/// The error that the agent last reported, where no other try can help before something else changes.
fn limit(ending: &Ending<'_>) -> Option<AgentFailure> {
    let fault = ending.seen.told.fault.as_ref()?;
    let class = fault.class.filter(|class| {
        use FailureClass::{Auth, Config, Quota, RateLimited};
        matches!(class, Auth | Config | Quota | RateLimited)
    })?;
    Some(reported(class, fault))
}

fn reported(class: FailureClass, fault: &Fault) -> AgentFailure {
    AgentFailure {
        class,
        summary: text::head(&fault.message, 300).to_owned(),
        until: fault.until,
    }
}

fn by_itself(ending: &Ending<'_>) -> Option<AgentFailure> {
    let told = &ending.seen.told;
    let Exit::Code(code) = ending.finished.exit else {
        return exited(&ending.finished.exit, ending.stderr);
    };
    if let Some(fault) = &told.fault {
        let class = fault.class.unwrap_or(unexplained(code));
        return Some(reported(class, fault));
    }
    match (code, told.end) {
        (0, End::Clean) => denied(ending),
        (0, End::Unclean) => {
            let summary = "it ended before its model had finished its answer";
            Some(failure(FailureClass::Incomplete, summary))
        }
        (0, End::Missing) => {
            let last = text::last_line(ending.stderr).map(|line| format!(": {line}"));
            let last = last.unwrap_or_default();
            let summary = format!("it ended without saying that it was done{last}");
            Some(failure(FailureClass::Incomplete, summary))
        }
        _ => Some(unsaid(ending, code)),
    }
}

/// An end with an error that it does not explain: with 0 it left its work, else its program failed.
const fn unexplained(code: i32) -> FailureClass {
    match code {
        0 => FailureClass::Incomplete,
        _ => FailureClass::Exit,
    }
}

/// An error that only stderr and the exit code tell of.
fn unsaid(ending: &Ending<'_>, code: i32) -> AgentFailure {
    let summary = |class| {
        let told = exited(&Exit::Code(code), ending.stderr);
        let told = told.map_or_else(String::new, |told| told.summary);
        failure(class, told)
    };
    if ending.seen.told.end != End::Missing {
        return summary(FailureClass::Exit);
    }
    let status = (ending.status)(code);
    let end = text::rest_of(ending.stderr, STDERR_LIMIT);
    let clock = Clock::system();
    let fault = Fault::read(status, "", end, &clock);
    // An earlier session that is gone is no mistake of the configuration: the next start begins a new one.
    let class = fault.class.filter(|_| !ending.seen.resumed);
    AgentFailure {
        until: fault.until,
        ..summary(class.unwrap_or(FailureClass::Exit))
    }
}

/// What it was not allowed to do, where its work cannot be whole without it: nobody can be asked. With everything allowed, a
/// denial is the user's own rule, and what the agent made of it counts, unless all it tried was denied.
fn denied(ending: &Ending<'_>) -> Option<AgentFailure> {
    let told = &ending.seen.told;
    // What the user left out of a server's tools, no work needs.
    let mut denied = told.denied.iter();
    let first = denied.find(|tool| !ending.mcp.leaves_out(tool))?;
    if ending.yolo && told.tools_ended > 0 {
        return None;
    }
    let remedy = if ending.yolo {
        "its own configuration or policy forbids it"
    } else {
        "allow it in the agent's own configuration, or let the agent do everything (yolo)"
    };
    let summary = format!("the tool {first} was denied: {remedy}");
    Some(failure(FailureClass::Config, summary))
}
