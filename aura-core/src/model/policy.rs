//! Values that say how a story is run. All defaults of the library are here.

use std::collections::BTreeMap;

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
    /// Longest wait for a provider's limit whose end is known, in milliseconds; beyond it the run pauses, unless another agent
    /// takes over (see [`RunOptions::fallback`]).
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
    /// Whose limits hold for it; its own where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// As it said itself when the run began. Another one in a later run is told and refuses nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What a story may use up, over all of its runs together; no limit where absent.
///
/// A start is made only when it fits: it counts as one attempt, and as long as its usage is not known, as many tokens and as much
/// cost as the largest attempt of the story so far are set aside for it. Before any attempt has reported its usage nothing can be
/// set aside. So more than the limit is spent only by attempts that were running when it was reached, and only by what each of
/// them uses beyond the largest one before it. A start that a provider's limit, a missing login or a wrong configuration ended
/// costs no attempt; what it reported as used counts all the same.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Starts of agents, retries and restarts included; at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u64>,
    /// Tokens read and written, as agents report them; at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// US dollars, as agents report them; more than 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

impl Limits {
    /// Whether there is no limit at all.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    /// These, and where one of them is absent, the other's.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            attempts: self.attempts.or(other.attempts),
            tokens: self.tokens.or(other.tokens),
            cost_usd: self.cost_usd.or(other.cost_usd),
        }
    }

    /// Sets how many starts of agents the story may have.
    #[must_use]
    pub const fn attempts(mut self, starts: u64) -> Self {
        self.attempts = Some(starts);
        self
    }

    /// Sets how many tokens the story may use.
    #[must_use]
    pub const fn tokens(mut self, tokens: u64) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// Sets how many US dollars the story may cost.
    #[must_use]
    pub const fn cost_usd(mut self, dollars: f64) -> Self {
        self.cost_usd = Some(dollars);
        self
    }
}

/// One of the [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// Starts of agents.
    Attempts,
    /// Tokens.
    Tokens,
    /// US dollars.
    Cost,
}

/// What one call of `run` asks for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
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
    /// What the story may use up, earlier runs included. When no start fits any more the run pauses; run again with a higher limit. A limit
    /// that is absent here is that of the run before.
    #[serde(skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// Which agent stands in for which. It does so for tasks that would have to wait for a limit of the first one's provider whose
    /// end is not known, is farther away than the longest pause between two tries ([`Policy::backoff_max_ms`]), or is not waited
    /// for at all ([`Policy::limit_wait_ms`]); unless its own provider is at a limit, too, when the one that stands in for it comes
    /// next. It begins afresh: no agent resumes the session of another.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fallback: BTreeMap<String, String>,
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

    /// Sets what the story may use up.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Lets one agent stand in for another whose provider is at a limit.
    #[must_use]
    pub fn fallback(mut self, agent: impl Into<String>, other: impl Into<String>) -> Self {
        self.fallback.insert(agent.into(), other.into());
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
