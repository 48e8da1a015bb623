//! What happened in schedules.

use crate::model::{EventKind, FailureClass, GateVerdict, Spends, Verb};

/// What happened in a schedule, to see that schedules are interesting.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) accepted: usize,
    pub(super) landed: usize,
    pub(super) retries: usize,
    pub(super) restarts: usize,
    pub(super) ejected_by_gate: usize,
    pub(super) ejected_by_conflict: usize,
    pub(super) failed: usize,
    pub(super) blocked: usize,
    pub(super) crashes: usize,
    pub(super) cancelled: usize,
    pub(super) paused: usize,
    pub(super) flaky: usize,
    pub(super) parked: usize,
    pub(super) limits: usize,
    pub(super) halved: usize,
    pub(super) doubled: usize,
    pub(super) exhausted: usize,
    pub(super) stood_in: usize,
    pub(super) asked: usize,
    pub(super) approved: usize,
    pub(super) fewer_tests: usize,
}

impl Totals {
    pub(super) fn add(&mut self, stats: &Self) {
        self.accepted += stats.accepted;
        self.landed += stats.landed;
        self.retries += stats.retries;
        self.restarts += stats.restarts;
        self.ejected_by_gate += stats.ejected_by_gate;
        self.ejected_by_conflict += stats.ejected_by_conflict;
        self.failed += stats.failed;
        self.blocked += stats.blocked;
        self.crashes += stats.crashes;
        self.cancelled += stats.cancelled;
        self.paused += stats.paused;
        self.flaky += stats.flaky;
        self.parked += stats.parked;
        self.limits += stats.limits;
        self.halved += stats.halved;
        self.doubled += stats.doubled;
        self.exhausted += stats.exhausted;
        self.stood_in += stats.stood_in;
        self.asked += stats.asked;
        self.approved += stats.approved;
        self.fewer_tests += stats.fewer_tests;
    }

    pub(super) fn note(&mut self, event: &EventKind) {
        let counter = match event {
            EventKind::TaskAccepted { .. } => &mut self.accepted,
            EventKind::Landed { .. } => &mut self.landed,
            EventKind::TaskRetrying {
                spends: Spends::Retry,
                ..
            } => &mut self.retries,
            EventKind::TaskRetrying {
                spends: Spends::Restart,
                ..
            } => &mut self.restarts,
            EventKind::TaskEjected {
                class: FailureClass::Gate,
                ..
            } => &mut self.ejected_by_gate,
            EventKind::TaskEjected { .. } => &mut self.ejected_by_conflict,
            EventKind::TaskFailed { .. } => &mut self.failed,
            EventKind::TaskBlocked { .. } => &mut self.blocked,
            EventKind::TaskCancelled {} => &mut self.cancelled,
            EventKind::RunPaused { .. } => &mut self.paused,
            EventKind::Parked { .. } => &mut self.parked,
            EventKind::BreakerOpened { .. } => &mut self.limits,
            EventKind::ParallelismChanged { why, .. } if why.ends_with("well") => &mut self.doubled,
            EventKind::ParallelismChanged { .. } => &mut self.halved,
            EventKind::BudgetExceeded { .. } => &mut self.exhausted,
            EventKind::GateFinished {
                verdict: GateVerdict::NeedsHuman { .. },
                ..
            } => &mut self.asked,
            EventKind::GateFinished {
                verdict: GateVerdict::Failed { findings },
                ..
            } if findings
                .iter()
                .any(|finding| finding.message.contains("ran before")) =>
            {
                &mut self.fewer_tests
            }
            EventKind::CommandAccepted {
                verb: Verb::Approve { .. },
                ..
            } => &mut self.approved,
            _ => return,
        };
        *counter += 1;
    }
}
