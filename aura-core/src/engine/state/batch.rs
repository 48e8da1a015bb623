//! The candidate under way and the trial that finds who made it red.

use super::Ix;
use crate::model::{CommitId, EventKind};

/// A task's place in the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) task: Ix,
    pub(crate) commit: CommitId,
    pub(crate) tree: CommitId,
}

/// Tasks on their way into the story branch together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Batch {
    pub(crate) id: u32,
    /// The accepted head it stands on, and its tree.
    pub(crate) base: (CommitId, CommitId),
    /// The tasks it was asked to hold; those that did not fit are not among `items`.
    pub(crate) tasks: Vec<Ix>,
    /// In plan order; each commit's parent is the one before it.
    pub(crate) items: Vec<Item>,
    pub(crate) phase: BatchPhase,
    /// The intent without an outcome.
    pub(crate) intent: Option<EventKind>,
    /// Gates that judged without being required.
    pub(crate) advisory: Vec<String>,
    /// The last red answer, as evidence for whoever is found to be its cause.
    pub(crate) red: Option<Red>,
}

/// The last red answer of a trial.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Red {
    pub(crate) gate: String,
    pub(crate) findings: Vec<crate::model::Finding>,
    pub(crate) output_tail: String,
    pub(crate) log: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum BatchPhase {
    /// Its commits are being made.
    Building,
    /// Gates judge it.
    Judging(Option<Trial>),
    /// Its tasks conflict with the accepted head and leave one by one.
    Ejecting(Vec<(Ix, Vec<String>)>),
    /// The story branch is moving to its last commit.
    Moving,
}

/// A search for the first prefix of the candidate that turns a gate red.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trial {
    pub(crate) gate: String,
    /// Length of the longest prefix known to be green; 0 is the accepted head.
    pub(crate) green: usize,
    /// Length of the shortest prefix known to be red.
    pub(crate) red: usize,
    pub(crate) stage: Stage,
    /// Confirmations before a task is ejected. The head's verdict being known saves a run, which is spent here.
    pub(crate) confirmations: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Is the accepted head itself red? Asked again before anybody believes it.
    Head { reds: u32 },
    /// Is the candidate red again?
    Repeat,
    /// Which prefix is the first red one?
    Bisect,
    /// Is that prefix red again?
    Confirm { left: u32 },
    /// The last task of the red prefix is the cause.
    Found,
}

impl Batch {
    /// The commit and tree of the first `length` tasks; 0 is the accepted head.
    pub(super) fn prefix(&self, length: usize) -> (CommitId, CommitId) {
        match length.checked_sub(1).and_then(|last| self.items.get(last)) {
            Some(item) => (item.commit, item.tree),
            None => self.base,
        }
    }

    pub(super) fn whole(&self) -> (CommitId, CommitId) {
        self.prefix(self.items.len())
    }
}

impl Trial {
    /// The prefix that has to be judged next; `None` when the search is over.
    pub(super) const fn probe(&self, whole: usize) -> Option<usize> {
        match self.stage {
            Stage::Head { .. } => Some(0),
            Stage::Repeat => Some(whole),
            Stage::Bisect => Some(usize::midpoint(self.green, self.red)),
            Stage::Confirm { .. } => Some(self.red),
            Stage::Found => None,
        }
    }

    /// Goes on with a narrower interval.
    pub(super) const fn narrow(&mut self) {
        self.stage = if self.red - self.green > 1 {
            Stage::Bisect
        } else {
            Stage::Confirm {
                left: self.confirmations,
            }
        };
    }
}
