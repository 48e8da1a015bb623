//! The run's part of the state.

use std::collections::HashSet;

use super::Ix;
use super::command::REQUESTED;
use crate::model::{CommitId, EventKind, RunId, RunOptions};

/// Why nothing new starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// What runs is finished and integrated first.
    Pause(String),
    /// What runs is finished, but nothing can be integrated: a gate cannot judge, or a ref is not ours any more.
    Halt(String),
    /// A task is out of retries and the policy is to stop everything.
    Abort,
    /// A person stops everything.
    Cancel,
}

/// Gates on one commit that is not part of a candidate, one after the other; a red one is asked twice.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Panel {
    /// The gate run without an outcome.
    pub(crate) intent: Option<EventKind>,
    /// The gate that was red once on this commit.
    pub(crate) red: Option<String>,
    /// The required gate that was red twice: the result is not good enough.
    pub(crate) failed: Option<String>,
    /// Gates that judged this commit without being required.
    pub(crate) advisory: HashSet<String>,
    /// The commit that the above is about.
    pub(crate) commit: Option<CommitId>,
}

/// A run under way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) options: RunOptions,
    pub(crate) max_parallel: usize,
    /// Tasks that take part; `None`: all.
    pub(crate) filter: Option<HashSet<Ix>>,
    /// The wave under way.
    pub(crate) wave: Option<usize>,
    /// Waves that this run finished.
    pub(crate) waves_finished: usize,
    pub(crate) stop: Option<Stop>,
    pub(crate) paused: bool,
    /// Gates that should count tests and did not, which was told.
    pub(crate) uncounted: HashSet<String>,
    pub(crate) finals: Panel,
    /// This run only lands.
    pub(crate) lands: bool,
}

impl Run {
    pub(super) fn takes(&self, ix: Ix) -> bool {
        self.filter.as_ref().is_none_or(|tasks| tasks.contains(&ix))
    }

    /// Ends the run as soon as what runs is finished; a stronger reason replaces a weaker one.
    pub(super) fn stop(&mut self, stop: Stop) {
        let rank = |stop: &Stop| match stop {
            Stop::Pause(_) => 0,
            Stop::Halt(_) => 1,
            Stop::Abort => 2,
            Stop::Cancel => 3,
        };
        // A pause for another reason may not be taken back with the one that somebody asked for.
        let outlasts = |old: &Stop| match (old, &stop) {
            (Stop::Pause(old), Stop::Pause(new)) => old == REQUESTED && new != REQUESTED,
            _ => rank(old) < rank(&stop),
        };
        if self.stop.as_ref().is_none_or(outlasts) {
            self.stop = Some(stop);
        }
    }
}
