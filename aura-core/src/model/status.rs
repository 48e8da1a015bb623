//! The two life cycles.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Waits for its dependencies, its wave, or the end of a backoff.
    #[default]
    Pending,
    /// Eligible; waits for a free agent.
    Queued,
    /// An agent works on it.
    Running,
    /// The agent's work is sealed; gates judge it.
    InReview,
    /// Accepted: its commit is part of the story branch. Final.
    Completed,
    /// Out of retries, or stopped for lack of progress.
    Failed,
    /// An ancestor failed.
    Blocked,
    /// A person decided to go without it.
    Skipped,
    /// Stopped by a cancel; `resume` returns it to `Pending`.
    Cancelled,
}

impl TaskStatus {
    /// Whether the task takes no further part in the run unless a person intervenes.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Blocked | Self::Skipped | Self::Cancelled
        )
    }

    /// The table of legal transitions.
    pub const fn may_become(self, next: Self) -> bool {
        use TaskStatus::{
            Blocked, Cancelled, Completed, Failed, InReview, Pending, Queued, Running, Skipped,
        };
        match self {
            Pending => matches!(next, Queued | Failed | Blocked | Skipped | Cancelled),
            Queued => matches!(next, Running | Pending | Failed | Skipped | Cancelled),
            Running => matches!(next, InReview | Pending | Queued | Failed | Cancelled),
            // What a gate asks a person about, or cannot judge, may be skipped.
            InReview => matches!(
                next,
                Completed | Pending | Queued | Failed | Skipped | Cancelled
            ),
            Failed | Blocked => matches!(next, Pending | Skipped | Cancelled | Blocked),
            // Work that was sealed before a cancel is not done again.
            Cancelled => matches!(next, Pending | InReview | Skipped | Cancelled | Blocked),
            Skipped => matches!(next, Pending),
            Completed => false,
        }
    }
}

/// Where a story is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoryStatus {
    /// It exists and has no plan.
    #[default]
    Created,
    /// Its context is being gathered.
    Analyzing,
    /// A model is cutting it into tasks.
    Decomposing,
    /// It has a plan.
    Planned,
    /// A run began and nothing is running yet.
    Dispatching,
    /// Tasks run.
    Running,
    /// A required gate is red and the run ended.
    GateFailed,
    /// The run ended and waits for a person or a limit.
    Paused,
    /// Every task is accepted; nothing has landed.
    ReadyToComplete,
    /// A landing is under way.
    Integrating,
    /// It landed. Final.
    Completed,
    /// The run ended with failed tasks.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl StoryStatus {
    /// The table of legal transitions.
    pub const fn may_become(self, next: Self) -> bool {
        use StoryStatus::{
            Analyzing, Cancelled, Completed, Created, Decomposing, Dispatching, Failed, GateFailed,
            Integrating, Paused, Planned, ReadyToComplete, Running,
        };
        match self {
            Created => matches!(next, Analyzing | Decomposing | Planned | Cancelled),
            Analyzing | Decomposing => matches!(
                next,
                Created | Analyzing | Decomposing | Planned | Cancelled
            ),
            Planned => matches!(
                next,
                Planned | Decomposing | Dispatching | Cancelled | Integrating
            ),
            Dispatching => matches!(
                next,
                Running | Paused | ReadyToComplete | GateFailed | Failed | Cancelled
            ),
            Running => matches!(
                next,
                Paused | ReadyToComplete | GateFailed | Failed | Cancelled
            ),
            GateFailed | Paused | ReadyToComplete | Failed | Cancelled => {
                matches!(next, Dispatching | Planned | Integrating | Cancelled)
            }
            Integrating => matches!(
                next,
                Completed | ReadyToComplete | GateFailed | Paused | Failed | Cancelled
            ),
            Completed => false,
        }
    }
}
