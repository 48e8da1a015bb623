//! Any program as an agent: the prompt on stdin, the work in its directory, the result by its exit status.

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::ending::{
    check_workspace, cut_proposal, exited, failed, lost, mark, not_started, output_limit, stopped,
    survived, tail_limit,
};
use super::{AgentBackend, AgentContext, AgentRequest, AgentResult};
use crate::error::Result;
use crate::model::FailureClass;
use crate::process::{self, DEFAULT_LOG_LIMIT, Finished};
use crate::program::{self, Program, WAITING_LINES, configurable, pass_on};
use crate::prompt::Redactor;
use crate::text;

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
            .tail_limit(tail_limit(&request))
            .lines(lines);
        let pending = match process::spawn(command) {
            Ok(pending) => pending,
            Err(error) => return not_started(error),
        };
        let mark = mark(pending.identity());
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

fn result(finished: &Finished, request: &AgentRequest, redactor: &Redactor) -> Result<AgentResult> {
    check_workspace(finished, request)?;
    let [stdout, stderr] = program::output(finished, redactor);
    let failure = survived(finished)
        .or_else(|| stopped(finished, request))
        .or_else(|| exited(&finished.exit, &stderr));
    let (stdout, proposal) = cut_proposal(&stdout);
    let output = if failure.is_none() && !stdout.trim().is_empty() {
        text::tail(stdout.trim_end(), output_limit(request)).to_owned()
    } else {
        text::join_tails(&stdout, &stderr, output_limit(request))
    };
    Ok(AgentResult {
        failure,
        output,
        tool_improvement_proposal: proposal,
        ..AgentResult::default()
    })
}
