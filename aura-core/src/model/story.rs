//! What is wanted.

use serde::{Deserialize, Serialize};

use super::{Plan, Policy};

/// The request to create a story.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct StorySpec {
    /// One line; the branch name is made from it.
    pub title: String,
    /// At length.
    pub description: String,
    /// The plan, when there is one already.
    pub plan: Option<Plan>,
    /// Branch that a landing moves, without `refs/heads/`; the branch that HEAD names where absent.
    pub target: Option<String>,
    /// How tasks are scheduled, retried and integrated.
    pub policy: Policy,
}

impl StorySpec {
    /// A story with a title and no plan yet.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            ..Self::default()
        }
    }

    /// A story with the plan's title, description and tasks.
    pub fn from_plan(plan: Plan) -> Self {
        Self {
            title: plan.title.clone(),
            description: plan.description.clone(),
            plan: Some(plan),
            ..Self::default()
        }
    }

    /// Sets the branch that a landing moves.
    #[must_use]
    pub fn target(mut self, branch: impl Into<String>) -> Self {
        self.target = Some(branch.into());
        self
    }

    /// Sets the policy.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }
}

/// How a run or a landing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// The story landed.
    Completed,
    /// Every task is accepted and the final gates passed; nothing was asked to land, or the landing parked.
    ReadyToComplete,
    /// Waits for a person, a limit, or the next call.
    Paused,
    /// Ended with failed tasks or red gates.
    Failed,
    /// Stopped by a cancel.
    Cancelled,
}
