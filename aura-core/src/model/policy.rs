//! Values that say how a story is run. All defaults of the library are here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TaskId;

/// When a task may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scheduling {
    /// When every task of the earlier waves is terminal; work is integrated a wave at a time.
    #[default]
    Waves,
}

/// What happens when a task is out of retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnExhausted {
    /// Nothing new starts; what runs is finished and integrated; the run ends paused.
    #[default]
    PauseStory,
    /// Its dependants are blocked; everything else goes on; the run ends failed.
    IsolateAndContinue,
    /// Everything is stopped; the run ends failed.
    AbortStory,
}

/// The shape of the accepted history that a landing brings to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommitStrategy {
    /// One commit per task.
    #[default]
    PerTask,
    /// One commit for the story.
    Squash,
}

/// How a landing joins the story to the target branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MergeStrategy {
    /// The commits are put on the target's tip; the target moves forward to the last of them.
    #[default]
    RebaseFastForward,
    /// One merge commit with the target's tip as its first parent.
    MergeCommit,
}

/// How a story is run. Fixed when the story is created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// When a task may start.
    pub scheduling: Scheduling,
    /// What happens when a task is out of retries.
    pub on_exhausted: OnExhausted,
    /// The shape of the landed history.
    pub commit: CommitStrategy,
    /// How a landing joins the target.
    pub merge: MergeStrategy,
    /// Agents at once, 1 to 1,024.
    pub max_parallel: usize,
    /// Tries after the first one, spent when an agent answered badly or a gate was red.
    pub retry_max: u32,
    /// Fresh starts of one task, spent when a process died, was killed from outside or could not start.
    pub restart_max: u32,
    /// First pause before a retry or a restart, in milliseconds; doubles each time, with jitter.
    pub backoff_ms: u64,
    /// Longest such pause, in milliseconds.
    pub backoff_max_ms: u64,
    /// Longest time of one attempt, in milliseconds.
    pub deadline_ms: u64,
    /// Longest silence of one attempt, in milliseconds.
    pub idle_ms: u64,
    /// Time between asking a process to stop and killing it, in milliseconds.
    pub grace_ms: u64,
    /// Longest wait for a provider's limit whose end is known, in milliseconds; beyond it the run pauses.
    pub limit_wait_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            scheduling: Scheduling::default(),
            on_exhausted: OnExhausted::default(),
            commit: CommitStrategy::default(),
            merge: MergeStrategy::default(),
            max_parallel: 3,
            retry_max: 3,
            restart_max: 10,
            backoff_ms: 1_000,
            backoff_max_ms: 5 * 60_000,
            deadline_ms: 60 * 60_000,
            idle_ms: 5 * 60_000,
            grace_ms: 5_000,
            limit_wait_ms: 6 * 60 * 60_000,
        }
    }
}

/// An agent as a run knew it, so that a resume with another one is noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentDefinition {
    /// The name tasks refer to.
    pub name: String,
    /// Changes when the definition changes.
    pub digest: String,
}

/// What one call of `run` asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RunOptions {
    /// Agents at once; the policy's number where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<usize>,
    /// Only these tasks; all where empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskId>,
    /// With `tasks`: what they depend on too, instead of refusing.
    pub with_dependencies: bool,
    /// End after one wave.
    pub one_wave: bool,
    /// Go on although a required gate or an agent is defined differently than in the earlier run; the accepted head is judged
    /// by the present gates first. A gate that is missing is never accepted, and an interrupted run goes on with its own.
    pub accept_config: bool,
    /// Go on although the user's git configuration, hooks or attributes changed since the story was created.
    pub accept_repo_changes: bool,
    /// Put a story branch that somebody else moved back to the accepted head.
    pub restore_branch: bool,
}

impl RunOptions {
    /// Sets how many agents may run at once.
    #[must_use]
    pub fn max_parallel(mut self, agents: usize) -> Self {
        self.max_parallel = Some(agents);
        self
    }

    /// Restricts the run to some tasks.
    #[must_use]
    pub fn tasks<T: Into<TaskId>>(mut self, tasks: impl IntoIterator<Item = T>) -> Self {
        self.tasks = tasks.into_iter().map(Into::into).collect();
        self
    }

    /// Includes what the chosen tasks depend on.
    #[must_use]
    pub fn with_dependencies(mut self, yes: bool) -> Self {
        self.with_dependencies = yes;
        self
    }

    /// Ends the run after one wave.
    #[must_use]
    pub fn one_wave(mut self, yes: bool) -> Self {
        self.one_wave = yes;
        self
    }

    /// Accepts changed definitions of gates and agents.
    #[must_use]
    pub fn accept_config(mut self, yes: bool) -> Self {
        self.accept_config = yes;
        self
    }

    /// Accepts changes to the user's git configuration, hooks or attributes.
    #[must_use]
    pub fn accept_repo_changes(mut self, yes: bool) -> Self {
        self.accept_repo_changes = yes;
        self
    }

    /// Puts a story branch that somebody else moved back.
    #[must_use]
    pub fn restore_branch(mut self, yes: bool) -> Self {
        self.restore_branch = yes;
        self
    }
}

/// What one call of `complete` asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CompleteOptions {
    /// Move the target branch.
    pub merge: bool,
    /// Land although tasks are failed or blocked.
    pub partial: bool,
    /// Land without any required gate.
    pub no_gates: bool,
    /// Remove the story's worktree and its leftover workspaces after the landing.
    pub cleanup: bool,
}

impl CompleteOptions {
    /// Asks for the target branch to be moved.
    #[must_use]
    pub fn merge(mut self, yes: bool) -> Self {
        self.merge = yes;
        self
    }

    /// Allows failed and blocked tasks.
    #[must_use]
    pub fn partial(mut self, yes: bool) -> Self {
        self.partial = yes;
        self
    }

    /// Allows a landing that no gate judged.
    #[must_use]
    pub fn no_gates(mut self, yes: bool) -> Self {
        self.no_gates = yes;
        self
    }

    /// Cleans up after the landing.
    #[must_use]
    pub fn cleanup(mut self, yes: bool) -> Self {
        self.cleanup = yes;
        self
    }
}
