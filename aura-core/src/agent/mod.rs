//! Who does the work. [`AgentBackend`] is the only thing the engine knows of an agent.

mod acp;
mod cli;
mod command;
mod ending;
mod host;
#[cfg(feature = "llm")]
mod llm;
mod output;
pub(crate) mod presets;
mod proof;
mod session;
mod signal;
#[cfg(test)]
pub(crate) mod tests;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{FailureClass, StoryId, StoryTask, ToolState, Usage};
use crate::prompt::Redactor;

/// Everything an agent is given for one attempt.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AgentRequest {
    /// The story.
    pub story: StoryId,
    /// The task as the plan has it.
    pub task: StoryTask,
    /// The try, counted from 1.
    pub attempt: u32,
    /// The rendered prompt, evidence of the previous try included.
    pub prompt: String,
    /// Directory to work in.
    pub workspace: PathBuf,
    /// Variables to add to the agent's environment.
    pub environment: Vec<(String, String)>,
    /// Longest time for this try.
    pub deadline: Duration,
    /// Longest silence.
    pub idle: Duration,
    /// Time between asking the agent to stop and killing it.
    pub grace: Duration,
    /// Unique to this start; exported to the agent so that what it leaves behind can be found.
    pub marker: String,
    /// File for the complete output.
    pub log: PathBuf,
    /// Session to resume, where an earlier start of this try named one.
    pub session: Option<String>,
    /// The agent is asked and not set to work: its answer is what counts, and the engine throws away what it changes. A backend
    /// that can keep its agent from changing anything does so.
    pub read_only: bool,
    /// Masks the secrets of the run. Whatever an agent writes to the log has to pass through it.
    pub redactor: Redactor,
}

/// What a process is known by after a crash of Aura.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessMark {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot.
    pub start_time: u64,
    /// The boot that `pid` and `start_time` belong to.
    pub boot_id: String,
    /// Environment marker of the process and of everything it starts.
    pub marker: String,
}

/// What an agent tells while it works, for whoever watches. It decides nothing: an agent's result does.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AgentSignal {
    /// A line of output that says nothing more.
    Line(String),
    /// Something the model wrote.
    Text(String),
    /// A tool began or ended.
    Tool {
        /// As the agent calls it.
        name: String,
        /// What it is about, on one line; may be empty.
        detail: String,
        /// Where the call stands.
        state: ToolState,
    },
    /// A file that the agent says it changed.
    File {
        /// As the agent spells it.
        path: String,
    },
    /// The agent asks its provider again.
    Retry {
        /// The number of this try, where the agent tells it.
        attempt: Option<u32>,
        /// What went wrong.
        why: String,
    },
    /// What the start has used so far.
    Usage(Usage),
    /// Something a person should know.
    Warning(String),
}

/// How an agent reaches the engine while it works.
#[derive(Debug, Clone)]
pub struct AgentContext {
    cancel: CancellationToken,
    register: mpsc::Sender<(ProcessMark, oneshot::Sender<()>)>,
    output: mpsc::Sender<AgentSignal>,
}

impl AgentContext {
    /// A context and the ends that the engine, or a test, keeps.
    pub fn new(
        cancel: CancellationToken,
        register: mpsc::Sender<(ProcessMark, oneshot::Sender<()>)>,
        output: mpsc::Sender<AgentSignal>,
    ) -> Self {
        Self {
            cancel,
            register,
            output,
        }
    }

    /// Cancelled when the attempt has to stop. The agent then has its grace period.
    pub const fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    /// For whoever watches. A backend drops what there is no room for: it never waits for them.
    pub const fn output(&self) -> &mpsc::Sender<AgentSignal> {
        &self.output
    }

    /// Tells whoever watches, or nobody when they are slow.
    pub fn tell(&self, signal: AgentSignal) {
        drop(self.output.try_send(signal));
    }

    /// Stores the process durably. A backend calls this before the agent's program gets to run, so that a crash of
    /// Aura cannot leave an agent nobody knows of. Cancel safe: when dropped, the process may or may not be stored.
    pub async fn register(&self, process: ProcessMark) -> Result<()> {
        let stopped = || {
            Error::new(
                ErrorKind::Cancelled,
                "the run ended before the agent started",
            )
        };
        let (stored, confirmation) = oneshot::channel();
        self.register
            .send((process, stored))
            .await
            .map_err(|_| stopped())?;
        confirmation.await.map_err(|_| stopped())
    }
}

/// What an agent says of its own attempt. The engine believes only the failures; work is proved by what changed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AgentResult {
    /// `None`: ended well by its own account.
    pub failure: Option<AgentFailure>,
    /// The bounded end of what it wrote, for people and for dependants' prompts.
    pub output: String,
    /// The session, where it has one that can be resumed.
    pub session: Option<String>,
    /// Tokens and cost.
    pub usage: Usage,
    /// What it proposed to change about its tools.
    pub tool_improvement_proposal: Option<String>,
}

/// Why an agent did not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentFailure {
    /// Decides what follows.
    pub class: FailureClass,
    /// One line for people.
    pub summary: String,
    /// End of a provider's limit, where known.
    pub until: Option<Timestamp>,
}

/// Whether an agent is logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// It is, or has a key.
    Yes,
    /// It cannot be.
    No,
    /// Only it can tell.
    Unknown,
}

/// What is there of an agent, found out without asking its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentProbe {
    /// Which agent it is.
    pub name: String,
    /// The program that its name stands for.
    pub path: PathBuf,
    /// The executable behind it that is started in its place.
    pub native: Option<PathBuf>,
    /// As it says itself.
    pub version: Option<String>,
    /// Whether that version is known to work.
    pub supported: bool,
    /// As far as it can be known.
    pub login: Login,
    /// What a person should know; empty where everything is as it should be.
    pub detail: String,
}

/// Does the work of one task in one directory.
#[async_trait]
pub trait AgentBackend: Send + Sync {
    /// Changes when the definition of the agent changes: its program, arguments, model.
    fn digest(&self) -> String;

    /// Whose usage limits hold for the agent. When one agent of a provider meets a limit, no other agent of that provider is started
    /// until the limit ends. `None`: the agent has limits of its own.
    fn provider(&self) -> Option<String> {
        None
    }

    /// Variables that the agent is given besides those of the host. Where a name says that it is a secret, the value is
    /// masked in all prompts, events and logs of the run, as for [`Redactor::new`].
    fn secrets(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Whether the agent can only be asked: it decomposes stories and reviews work, but cannot work on a task and cannot open a file. A
    /// run whose plan needs it for a task is refused before anything starts.
    fn only_answers(&self) -> bool {
        false
    }

    /// What is there of the agent, which may take some seconds; `None` where nothing is known or nothing is there. Cancel safe.
    async fn probe(&self) -> Option<AgentProbe> {
        None
    }

    /// Whether the agent can be started here at all; called before a run starts anything.
    async fn preflight(&self) -> Result<()> {
        Ok(())
    }

    /// Works until done, failed or cancelled. A failing agent is a [`AgentFailure`]; `Err` means that Aura could not do
    /// its job. Not cancel safe: the engine cancels through [`AgentContext::cancel`] and waits.
    async fn run(&self, request: AgentRequest, context: AgentContext) -> Result<AgentResult>;

    /// Waits until nothing that an earlier [`run`](Self::run) left can still work in the directory, which may be for ever.
    /// Ready at once for an agent that `run` stops with all it started; a function in another language cannot be stopped.
    /// Until then nobody else may use the directory. Cancel safe.
    async fn released(&self, _workspace: &Path) {}
}
