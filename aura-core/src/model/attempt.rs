//! One try of one task, and the table that says what each way of failing leads to.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Finding;

/// What the workspace of an attempt starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StartKind {
    /// The accepted head.
    #[default]
    Base,
    /// The previous attempt's work, merged with the accepted head.
    Previous,
    /// The accepted head with the previous attempt's work on it, conflicts marked in the files.
    Repair,
}

/// Why an attempt was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// A gate was red on the task's tree, or the task was ejected from a candidate.
    Gate,
    /// The agent ended well and nothing had changed.
    NoChange,
    /// Work was left half-done: conflict markers, an unfinished merge, an embedded repository.
    Incomplete,
    /// The workspace no longer descends from the commit it was given.
    BaseLost,
    /// The task's work conflicts with the accepted head.
    Conflict,
    /// Over the deadline.
    Timeout,
    /// Silent for too long.
    Stalled,
    /// The agent's process ended with an error.
    Exit,
    /// The agent's process was killed from outside.
    Killed,
    /// The agent's process could not be started.
    Spawn,
    /// The provider asked to slow down.
    RateLimited,
    /// The provider's usage limit is reached.
    Quota,
    /// The agent is not logged in.
    Auth,
    /// The agent refuses its configuration, for example an unknown model.
    Config,
    /// A gate, a setup step or the machine is at fault.
    Broken,
    /// The run was cancelled.
    Cancelled,
    /// Something the task depends on failed.
    Dependency,
}

/// Which budget a failure spends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spends {
    /// A retry: the agent answered badly.
    Retry,
    /// A restart: the process failed.
    Restart,
    /// Neither.
    Nothing,
}

/// What follows a failure, as long as the budget lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// A fresh session that is shown the evidence.
    Retry,
    /// The same start again.
    Restart,
    /// No new starts with this agent until the limit ends.
    Wait,
    /// The run pauses with the remedy: trying again cannot help.
    Pause,
    /// The task is cancelled.
    Cancel,
    /// The task is blocked.
    Block,
}

impl FailureClass {
    /// The one table from class to policy.
    pub const fn policy(self) -> (Spends, Remedy) {
        match self {
            Self::Gate
            | Self::NoChange
            | Self::Incomplete
            | Self::BaseLost
            | Self::Conflict
            | Self::Timeout
            | Self::Stalled => (Spends::Retry, Remedy::Retry),
            Self::Exit | Self::Killed | Self::Spawn => (Spends::Restart, Remedy::Restart),
            Self::RateLimited | Self::Quota => (Spends::Nothing, Remedy::Wait),
            Self::Auth | Self::Config | Self::Broken => (Spends::Nothing, Remedy::Pause),
            Self::Cancelled => (Spends::Nothing, Remedy::Cancel),
            Self::Dependency => (Spends::Nothing, Remedy::Block),
        }
    }
}

/// How an attempt ended, seal included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// The agent ended well and its work is sealed. Gates have not judged it yet.
    Succeeded,
    /// It was not.
    Failed {
        /// Why.
        class: FailureClass,
        /// When a provider's limit ends, where it said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<String>")]
        until: Option<Timestamp>,
    },
}

impl AttemptOutcome {
    /// A failure without a known end of a limit.
    pub const fn failed(class: FailureClass) -> Self {
        Self::Failed { class, until: None }
    }
}

/// What the next attempt, and a person, is shown about a failure. Bounded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Evidence {
    /// One line.
    pub summary: String,
    /// The gate that was red.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
    /// The bounded end of the output.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub output_tail: String,
    /// What the gate found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Paths it is about: conflicting ones, unfinished ones, ignored ones that were left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Where the complete output is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

impl Evidence {
    /// Evidence of one line.
    pub fn summary(summary: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            ..Self::default()
        }
    }
}
