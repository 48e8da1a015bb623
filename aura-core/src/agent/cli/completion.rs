//! Asking whether a task is done, when its agent says so.

use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::super::AgentRequest;
use crate::error::Result;
use crate::process::{self, Exit};
use crate::program::{self, Program, configurable};
use crate::text;

/// Longest time that a command may take to answer.
const LIMIT: Duration = Duration::from_secs(600);

/// Says of a task whose agent ended well whether it is done.
#[async_trait]
pub trait CompletionProbe: Send + Sync {
    /// Changes when what it looks at changes.
    fn digest(&self) -> String;

    /// Why it is not finished; `None` when it is. `output` is the end of what the agent said. `Err` means that it cannot be told,
    /// and fails the start as an error of Aura's own. Cancel safe.
    async fn unfinished(&self, request: &AgentRequest, output: &str) -> Result<Option<String>>;
}

/// A command that is run in the workspace: finished when it ends with 0, and otherwise not, for the reason in its last line.
#[derive(Debug, Clone)]
pub struct CompletionCommand {
    program: Program,
}

configurable!(CompletionCommand);

#[async_trait]
impl CompletionProbe for CompletionCommand {
    fn digest(&self) -> String {
        self.program.digest("completion command")
    }

    async fn unfinished(&self, request: &AgentRequest, output: &str) -> Result<Option<String>> {
        let more = &request.environment;
        let redactor = self.program.redactor(&request.redactor, more)?;
        let marker = format!("{}-done", request.marker);
        let command = self
            .program
            .command(&request.workspace, &marker, more, &redactor)
            .stdin(output.as_bytes())
            .deadline(Some(LIMIT.min(request.deadline)))
            .grace(request.grace);
        let finished = process::spawn(command)?
            .go(CancellationToken::new())
            .await?;
        if finished.stopped.is_none() && finished.exit == Exit::Code(0) {
            return Ok(None);
        }
        let [stdout, stderr] = program::output(&finished, &redactor);
        let last = text::last_line(&stdout).or_else(|| text::last_line(&stderr));
        let program = self.program.argv.first().map_or("", String::as_str);
        Ok(Some(match (&finished.exit, last) {
            (Exit::SpawnFailed { message, .. }, _) => message.clone(),
            (_, Some(last)) => last.to_owned(),
            (exit, None) => format!("{program} says no ({exit:?})"),
        }))
    }
}
