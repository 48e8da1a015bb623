//! One task's part of the state.

use std::fmt;

use jiff::Timestamp;

use super::Ix;
use crate::agent::ProcessMark;
use crate::model::{
    CommitId, EventKind, Evidence, FailureClass, PreviousAttempt, StartKind, TaskId, TaskStatus,
    Usage,
};

/// Where a task is, in more detail than its status.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Phase {
    /// Waits for its wave or its dependencies.
    #[default]
    Pending,
    /// Waits for a time.
    Waiting(Timestamp),
    /// Waits for a free agent.
    Queued,
    /// Its workspace is being made.
    Preparing,
    /// Its workspace stands.
    Prepared,
    /// Its agent works, or is about to.
    Running,
    /// Its agent ended well.
    Exited,
    /// Its workspace is being turned into a commit.
    Sealing,
    /// The gate of that number among the `AfterTask` gates is next on its own tree.
    Review {
        gate: usize,
    },
    /// That gate runs.
    Reviewing {
        gate: usize,
    },
    /// That gate was red and judges the attempt's base next.
    ReviewBase {
        gate: usize,
    },
    /// That gate runs on the attempt's base.
    ReviewingBase {
        gate: usize,
    },
    /// Its agent ended well, but its work could not be sealed; the next run tries again.
    Unsealed,
    /// Sealed, but a gate on its own tree gave no answer; it is asked again by the next run.
    Unjudged,
    /// Sealed, but the gate of that number asked for a person, who approves, retries or skips; the next run asks it again.
    Asked {
        gate: usize,
    },
    /// Nothing changed and the plan allows that.
    Unchanged,
    /// Sealed; waits for a candidate.
    Ready,
    /// In the present candidate.
    Batched,
    /// The last try failed; what follows is not decided yet.
    Failing {
        class: FailureClass,
        until: Option<Timestamp>,
    },
    Completed,
    Failed(FailureClass),
    Blocked {
        by: Ix,
    },
    Skipped,
    Cancelled,
}

impl Phase {
    pub(crate) const fn status(&self) -> TaskStatus {
        match self {
            Self::Pending | Self::Waiting(_) | Self::Failing { .. } => TaskStatus::Pending,
            Self::Queued | Self::Preparing | Self::Prepared => TaskStatus::Queued,
            Self::Running | Self::Exited | Self::Sealing => TaskStatus::Running,
            Self::Review { .. }
            | Self::Reviewing { .. }
            | Self::ReviewBase { .. }
            | Self::ReviewingBase { .. }
            | Self::Unjudged
            | Self::Asked { .. }
            | Self::Unsealed
            | Self::Unchanged
            | Self::Ready
            | Self::Batched => TaskStatus::InReview,
            Self::Completed => TaskStatus::Completed,
            Self::Failed(_) => TaskStatus::Failed,
            Self::Blocked { .. } => TaskStatus::Blocked,
            Self::Skipped => TaskStatus::Skipped,
            Self::Cancelled => TaskStatus::Cancelled,
        }
    }

    /// Occupies one of the places for agents.
    pub(super) const fn is_busy(&self) -> bool {
        matches!(
            self,
            Self::Preparing
                | Self::Prepared
                | Self::Running
                | Self::Exited
                | Self::Sealing
                | Self::Review { .. }
                | Self::Reviewing { .. }
                | Self::ReviewBase { .. }
                | Self::ReviewingBase { .. }
                | Self::Unchanged
                | Self::Failing { .. }
        )
    }

    /// An agent works, or is about to.
    pub(super) const fn needs_agent(&self) -> bool {
        matches!(self, Self::Preparing | Self::Prepared | Self::Running)
    }

    /// Has a reservation in the story's budgets, or usage that is not part of the story's yet.
    pub(super) const fn holds_budget(&self) -> bool {
        self.needs_agent() || matches!(self, Self::Exited | Self::Sealing)
    }

    /// Keeps its wave from draining.
    pub(super) const fn is_open(&self) -> bool {
        self.is_busy() || matches!(self, Self::Pending | Self::Waiting(_) | Self::Queued)
    }

    /// Asks for a decision as soon as possible.
    pub(super) const fn is_on_agenda(&self) -> bool {
        matches!(
            self,
            Self::Pending
                | Self::Prepared
                | Self::Exited
                | Self::Review { .. }
                | Self::ReviewBase { .. }
                | Self::Unchanged
                | Self::Failing { .. }
        )
    }
}

/// One task.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Task {
    pub(crate) id: TaskId,
    pub(crate) phase: Phase,
    pub(crate) wave: usize,
    pub(crate) dependencies: Vec<Ix>,
    /// Dependencies that are not satisfied yet.
    pub(crate) open_dependencies: usize,
    pub(crate) no_change_ok: bool,
    /// Its work may leave fewer tests than there were.
    pub(crate) removes_tests: bool,
    pub(crate) agent: Option<String>,
    /// The agent of the present start or of the last one: another where one stood in for it.
    pub(crate) assigned: Option<String>,

    /// The present try, counted from 1; 0 before the first.
    pub(crate) attempt: u32,
    /// Agent starts over all tries.
    pub(crate) starts: u32,
    /// Retries spent from the budget.
    pub(crate) retries: u32,
    /// Restarts spent from the budget.
    pub(crate) restarts: u32,
    /// Limits met in a row.
    pub(crate) limits: u32,
    /// Retries over the life of the story, for the report.
    pub(crate) total_retries: u32,
    /// Restarts over the life of the story, for the report.
    pub(crate) total_restarts: u32,

    /// How the next or the present workspace starts, and from what.
    pub(crate) start: StartKind,
    pub(crate) previous: Option<PreviousAttempt>,
    /// The accepted head that the present workspace started from, and its tree.
    pub(crate) base: Option<(CommitId, CommitId)>,
    pub(crate) workspace: Option<String>,
    /// Conflicting paths that the present workspace was given to repair.
    pub(crate) conflicts: Vec<String>,
    /// Commit and tree of the present try.
    pub(crate) sealed: Option<(CommitId, CommitId)>,
    /// Uncommitted work of the present try that was kept.
    pub(crate) salvaged: Option<CommitId>,
    /// The last work of any try that is under a ref, sealed or salvaged.
    pub(crate) kept: Option<CommitId>,
    /// What a gate wants a person to decide about the present try.
    pub(crate) question: Option<Box<Question>>,
    /// Gates that a person approved the present try for.
    pub(crate) approved: Vec<String>,
    pub(crate) commit: Option<CommitId>,
    /// Result of the agent that is not part of the attempt's end yet.
    pub(crate) exited: Option<Box<Exited>>,

    /// Why the last try failed.
    pub(crate) evidence: Option<Box<Evidence>>,
    /// Why the try before this one was not accepted: what this one is shown, however often it is restarted.
    pub(crate) lesson: Option<Box<Evidence>>,
    /// Class, evidence digest and tree of the last failed try, to notice a lack of progress.
    pub(crate) last_failure: Option<Box<Failure>>,
    pub(crate) failure: Option<Box<Failure>>,
    /// What a person told the agent.
    pub(crate) note: Option<String>,
    pub(crate) output: Option<String>,
    pub(crate) session: Option<String>,
    /// The agent whose session that is.
    pub(crate) session_of: Option<String>,
    pub(crate) proposal: Option<String>,
    pub(crate) usage: Usage,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    /// When the present try's agent was started.
    pub(crate) attempt_started_at: Option<Timestamp>,
    /// Time that agents worked, over all tries.
    pub(crate) work_ms: u64,
    pub(crate) marker: Option<String>,
    pub(crate) process: Option<Box<ProcessMark>>,
    /// The intent without an outcome.
    pub(crate) intent: Option<Box<EventKind>>,
}

/// What an agent that ended well said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exited {
    pub(crate) usage: Usage,
    pub(crate) duration_ms: u64,
    pub(crate) log: Option<String>,
}

/// What a gate wants a person to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) gate: String,
    pub(crate) why: String,
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gate `{}` asks for a person: {}", self.gate, self.why)
    }
}

/// What makes two failures the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) class: FailureClass,
    pub(crate) digest: String,
    pub(crate) tree: Option<CommitId>,
}

impl Task {
    pub(super) fn new(task: &crate::model::StoryTask, dependencies: Vec<Ix>) -> Self {
        Self {
            id: task.id.clone(),
            phase: Phase::Pending,
            wave: task.wave,
            open_dependencies: dependencies.len(),
            dependencies,
            no_change_ok: task.no_change_ok,
            removes_tests: task.removes_tests,
            agent: task.agent.clone(),
            assigned: None,
            attempt: 0,
            starts: 0,
            retries: 0,
            restarts: 0,
            limits: 0,
            total_retries: 0,
            total_restarts: 0,
            start: StartKind::Base,
            previous: None,
            base: None,
            workspace: None,
            conflicts: Vec::new(),
            sealed: None,
            salvaged: None,
            kept: None,
            question: None,
            approved: Vec::new(),
            commit: None,
            exited: None,
            evidence: None,
            lesson: None,
            last_failure: None,
            failure: None,
            note: None,
            output: None,
            session: None,
            session_of: None,
            proposal: None,
            usage: Usage::default(),
            started_at: None,
            finished_at: None,
            attempt_started_at: None,
            work_ms: 0,
            marker: None,
            process: None,
            intent: None,
        }
    }

    pub(crate) const fn status(&self) -> TaskStatus {
        self.phase.status()
    }

    /// The next try begins a conversation of its own.
    pub(super) fn forget_session(&mut self) {
        self.session = None;
        self.session_of = None;
    }

    /// What the next try can build on.
    pub(super) fn leftovers(&self) -> Option<PreviousAttempt> {
        let commit = self.sealed.map(|(commit, _)| commit).or(self.salvaged)?;
        Some(PreviousAttempt {
            base: self.base?.0,
            commit,
        })
    }
}
