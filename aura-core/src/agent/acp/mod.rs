//! Agents that speak the Agent Client Protocol (<https://agentclientprotocol.com>): JSON-RPC 2.0, a message per line, on their standard
//! streams. The host begins a session, sends the prompt, answers what it is asked, and closes the stream when the turn is over.

mod conversation;
mod outbox;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::cli::McpServers;
use super::ending::{check_workspace, failed, lost, mark, not_started, tail_limit};
use super::output::End;
use super::proof::{self, Ending};
use super::session::Session;
use super::watch::{Known, Seen, Watch};
use super::{AgentBackend, AgentContext, AgentRequest, AgentResult};
use crate::digest::digest;
use crate::error::{Error, ErrorKind, Result};
use crate::model::FailureClass;
use crate::process::{self, DEFAULT_LOG_LIMIT, Exit, Finished, FirstSignal, Stopped};
use crate::program::{self, Program, configurable};
use crate::prompt::Redactor;
use conversation::{Brief, Conversation};
use outbox::Outbox;

/// Calls of tools of one start, unless the agent is told another number.
const DEFAULT_STEPS: u32 = 1000;

/// Time that an agent has to end by itself when its turn is over, and to answer when it is asked to stop.
const PATIENCE: Duration = Duration::from_secs(5);

/// A program that speaks the Agent Client Protocol, such as `copilot --acp`, `gemini --acp` or `opencode acp`.
///
/// It runs with the harmless part of the host's environment, and what [`env_allow`](Self::env_allow) and [`env`](Self::env) add. It is
/// believed to have done its task when it answered the prompt with `end_turn`; that it is stopped afterwards counts for nothing.
#[derive(Debug, Clone)]
pub struct AcpAgent {
    program: Program,
    model: Option<String>,
    yolo: bool,
    mcp: McpServers,
    role: Option<String>,
    max_steps: u32,
}

configurable!(AcpAgent, with more);

impl AcpAgent {
    /// Runs a program with its arguments, which no shell interprets. A program without a slash is looked up in `PATH`.
    pub fn new<I, S>(argv: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        Self {
            program: Program::new(argv),
            model: None,
            yolo: true,
            mcp: McpServers::default(),
            role: None,
            max_steps: DEFAULT_STEPS,
        }
    }

    /// The model, by an id that the agent offers; its own default where absent. One that is not offered fails the start.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Whether it is allowed whatever it asks for, which is the default: its workspace is its own and gates judge its work. Without it
    /// only edits are allowed.
    #[must_use]
    pub const fn yolo(mut self, yes: bool) -> Self {
        self.yolo = yes;
        self
    }

    /// MCP servers for the agent to use, besides those that it knows of itself. The protocol cannot limit their tools.
    #[must_use]
    pub fn mcp(mut self, servers: McpServers) -> Self {
        self.mcp = servers;
        self
    }

    /// A text before every prompt, which says who the agent is.
    #[must_use]
    pub fn role(mut self, text: impl Into<String>) -> Self {
        self.role = Some(text.into());
        self
    }

    /// How many calls of tools one start may take; 1000 unless set.
    #[must_use]
    pub const fn max_steps(mut self, steps: u32) -> Self {
        self.max_steps = steps;
        self
    }

    fn brief(&self, request: &AgentRequest, session: &Session) -> Brief {
        let prompt = match &self.role {
            Some(role) => format!("{}\n\n{}", role.trim_end(), request.prompt),
            None => request.prompt.clone(),
        };
        let servers = self.mcp.servers.iter().map(|(name, server)| {
            let env = server.env.iter();
            let env = env.map(|(name, value)| json!({"name": name, "value": value}));
            let env: Vec<_> = env.collect();
            json!({"name": name, "command": server.command, "args": server.args, "env": env})
        });
        Brief {
            directory: request.workspace.display().to_string(),
            servers: servers.collect(),
            prompt,
            model: self.model.clone(),
            yolo: self.yolo,
            read_only: request.read_only,
            resumed: session.resumed().map(ToOwned::to_owned),
        }
    }

    async fn start(&self, request: &AgentRequest, context: &AgentContext) -> Result<AgentResult> {
        let more = &request.environment;
        let redactor = self.program.redactor(&request.redactor, more)?;
        let session = Session::of(request);
        let (outbox, input) = Outbox::new();
        let conversation = Conversation::begin(self.brief(request, &session), Arc::clone(&outbox));
        let known = Known {
            id: None,
            resumed: session.resumed().is_some(),
        };
        let limits = (self.max_steps, request.idle);
        let watch = Watch::new(Box::new(conversation), &known, limits, &redactor, context);
        let command = self
            .program
            .command(&request.workspace, &request.marker, more, &redactor)
            .stdin_from(input)
            .log(&request.log, DEFAULT_LOG_LIMIT)
            .deadline(Some(request.deadline))
            .idle(Some(request.idle))
            .grace(request.grace)
            .first_signal(FirstSignal::Interrupt)
            .tail_limit(tail_limit(request))
            .tap(watch.tap());
        let pending = match process::spawn(command) {
            Ok(pending) => pending,
            Err(error) => return not_started(error),
        };
        // Without a record of it nothing may run: dropping `pending` ends its holder.
        context.register(mark(pending.identity())).await?;
        let stop = CancellationToken::new();
        let finished = {
            let steered = steer(&outbox, watch.stop(), &stop, request.grace);
            tokio::pin!(steered);
            let work = pending.go(stop.clone());
            tokio::pin!(work);
            tokio::select! {
                finished = &mut work => finished,
                () = &mut steered => work.await,
            }
        };
        match finished {
            Ok(finished) => {
                check_workspace(&finished, request)?;
                let seen = watch.finish(None);
                let over = outbox.is_over();
                Ok(self.result((request, context), finished, &seen, over, &redactor))
            }
            Err(error) => lost(error),
        }
    }

    fn result(
        &self,
        (request, context): (&AgentRequest, &AgentContext),
        mut finished: Finished,
        seen: &Seen,
        over: bool,
        redactor: &Redactor,
    ) -> AgentResult {
        if over {
            // It was done before; how its program ended says nothing.
            finished.exit = Exit::Code(0);
            finished.stopped = None;
        }
        let cancelled = context.cancel().is_cancelled() && seen.told.end != End::Clean;
        if cancelled {
            finished.stopped = Some(Stopped::Cancelled);
        }
        let [_, stderr] = program::output(&finished, redactor);
        let ending = Ending {
            status: |_| None,
            yolo: self.yolo || request.read_only,
            mcp: &self.mcp,
            request,
            finished: &finished,
            seen,
            stderr: &stderr,
            cancelled,
        };
        proof::account(&ending, &redactor.clean(&seen.told.text), redactor)
    }
}

/// Stops the program: some time after its turn is over, when it does not end by itself; and when it has to stop, after it was asked to.
async fn steer(
    outbox: &Outbox,
    wanted: CancellationToken,
    stop: &CancellationToken,
    grace: Duration,
) {
    tokio::select! {
        () = outbox.over() => {}
        () = wanted.cancelled() => outbox.cancel(),
    }
    let patience = PATIENCE.min(grace);
    if wanted.is_cancelled() {
        drop(tokio::time::timeout(patience, outbox.over()).await);
    }
    outbox.close();
    tokio::time::sleep(patience).await;
    stop.cancel();
}

#[async_trait]
impl AgentBackend for AcpAgent {
    fn digest(&self) -> String {
        let program = self.program.digest("acp agent");
        let mcp = self.mcp.digest();
        let steps = self.max_steps.to_string();
        let parts = [
            program.as_str(),
            &mcp,
            self.model.as_deref().unwrap_or_default(),
            if self.yolo { "yolo" } else { "safe" },
            self.role.as_deref().unwrap_or_default(),
            &steps,
        ];
        digest(parts.map(str::as_bytes))
    }

    fn secrets(&self) -> Vec<(String, String)> {
        let mut secrets = self.program.secrets();
        secrets.extend(self.mcp.secrets());
        secrets
    }

    async fn preflight(&self) -> Result<()> {
        if self.mcp.tools.is_some() {
            let message = "an agent of the Agent Client Protocol cannot be limited to some tools of its servers";
            return Err(Error::new(ErrorKind::InvalidConfig, message)
                .with_help("leave `tools` out for this agent"));
        }
        self.mcp.check()?;
        self.program.check("the agent")
    }

    async fn run(&self, request: AgentRequest, context: AgentContext) -> Result<AgentResult> {
        if context.cancel().is_cancelled() {
            let summary = "cancelled before it was started";
            return Ok(failed(FailureClass::Cancelled, summary));
        }
        self.start(&request, &context).await
    }
}
