//! The landing under way.

use jiff::Timestamp;

use super::{State, Stop};
use crate::model::{
    CommitId, CompleteOptions, Event, EventKind, NewEvent, ParkReason, RunOptions, RunOutcome,
    TaskStatus,
};

/// How often the result is built again because the target moved while the final gates ran.
const ROUNDS: u32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LandingPhase {
    /// Nothing was done yet, or the target moved.
    Requested,
    /// The result is being built on the target's tip.
    Building,
    /// Final gates judge the result.
    Judging,
    /// The target is being moved.
    Moving,
    /// It is over.
    Over(RunOutcome),
}

/// What a landing would move, and to where.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LandingResult {
    pub(crate) reference: String,
    pub(crate) worktree: Option<String>,
    pub(crate) old: CommitId,
    pub(crate) new: CommitId,
    pub(crate) tree: CommitId,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Landing {
    pub(crate) options: CompleteOptions,
    /// How often the result was built.
    pub(crate) round: u32,
    pub(crate) phase: LandingPhase,
    pub(crate) result: Option<LandingResult>,
    /// The intent without an outcome.
    pub(crate) intent: Option<EventKind>,
    /// Why it is over, for people.
    pub(crate) reason: Option<String>,
}

impl Landing {
    pub(super) const fn new(options: CompleteOptions) -> Self {
        Self {
            options,
            round: 0,
            phase: LandingPhase::Requested,
            result: None,
            intent: None,
            reason: None,
        }
    }
}

impl State {
    pub(super) fn decide_landing(&self, now: Timestamp) -> Vec<NewEvent> {
        let (Some(landing), Some(run)) = (&self.landing, &self.run) else {
            return Vec::new();
        };
        if let LandingPhase::Over(outcome) = landing.phase {
            return finish(outcome, landing.reason.clone());
        }
        let regating = self
            .regate
            .as_ref()
            .is_some_and(|panel| panel.intent.is_some());
        if landing.intent.is_some() || run.finals.intent.is_some() || regating {
            return Vec::new();
        }
        if let Some(stop) = &run.stop {
            let reason = match stop {
                Stop::Pause(why) | Stop::Halt(why) => why.clone(),
                Stop::Abort | Stop::Cancel => "cancelled".to_owned(),
            };
            let outcome = if self.unfinished().is_empty() {
                RunOutcome::ReadyToComplete
            } else {
                RunOutcome::Paused
            };
            return finish(outcome, Some(reason));
        }
        if let Some(events) = self.next_regate() {
            return events;
        }
        if landing.result.is_none() && !landing.options.partial {
            let unfinished = self.unfinished();
            if !unfinished.is_empty() {
                return park(
                    ParkReason::Partial,
                    format!("not every task is accepted: {}", unfinished.join(", ")),
                );
            }
        }
        match landing.phase {
            LandingPhase::Requested => self.request_result(landing, now),
            LandingPhase::Judging => self.judge_result(landing, now),
            LandingPhase::Building | LandingPhase::Moving | LandingPhase::Over(_) => Vec::new(),
        }
    }

    fn unfinished(&self) -> Vec<&str> {
        self.tasks
            .iter()
            .filter(|task| !matches!(task.status(), TaskStatus::Completed | TaskStatus::Skipped))
            .map(|task| task.id.as_str())
            .collect()
    }

    fn request_result(&self, landing: &Landing, now: Timestamp) -> Vec<NewEvent> {
        if landing.round >= ROUNDS {
            return park(
                ParkReason::TargetMoves,
                format!("the target moved {ROUNDS} times while the final gates ran"),
            );
        }
        vec![NewEvent::story(EventKind::IntentLanding {
            round: landing.round + 1,
            time: now,
        })]
    }

    fn judge_result(&self, landing: &Landing, now: Timestamp) -> Vec<NewEvent> {
        let (commit, tree) = landing
            .result
            .as_ref()
            .map_or((self.head_commit(), self.head_tree()), |result| {
                (result.new, result.tree)
            });
        if let Some(events) = self.next_final(commit, tree) {
            return events;
        }
        match &landing.result {
            Some(result) => vec![
                NewEvent::story(EventKind::LandStarted {
                    old: result.old,
                    new: result.new,
                    strategy: self.policy.merge,
                }),
                NewEvent::story(EventKind::IntentLand {
                    reference: result.reference.clone(),
                    old: result.old,
                    new: result.new,
                    worktree: result.worktree.clone(),
                    time: now,
                }),
            ],
            None => finish(RunOutcome::ReadyToComplete, None),
        }
    }

    pub(super) fn apply_to_landing(&mut self, event: &Event) {
        if let EventKind::LandingRequested { options, gates, .. } = &event.kind {
            self.adopt_gates(gates);
            self.start_run(event.run, &RunOptions::default(), true);
            let mut landing = Landing::new((**options).clone());
            if !options.merge {
                landing.phase = LandingPhase::Judging;
            }
            self.landing = Some(landing);
            return;
        }
        let Some(landing) = &mut self.landing else {
            return;
        };
        match &event.kind {
            EventKind::IntentLanding { round, .. } => {
                landing.round = *round;
                landing.phase = LandingPhase::Building;
                landing.intent = Some(event.kind.clone());
            }
            EventKind::LandingBuilt {
                reference,
                worktree,
                old,
                new,
                tree,
            } => {
                landing.intent = None;
                landing.phase = LandingPhase::Judging;
                landing.result = Some(LandingResult {
                    reference: reference.clone(),
                    worktree: worktree.clone(),
                    old: *old,
                    new: *new,
                    tree: *tree,
                });
            }
            EventKind::IntentLand { .. } => {
                landing.phase = LandingPhase::Moving;
                landing.intent = Some(event.kind.clone());
            }
            EventKind::LandTargetMoved { .. } => {
                landing.intent = None;
                landing.result = None;
                landing.phase = LandingPhase::Requested;
            }
            EventKind::Landed { commit, previous } => {
                landing.intent = None;
                landing.phase = LandingPhase::Over(RunOutcome::Completed);
                self.landed = Some((*commit, *previous));
            }
            EventKind::Parked { reason, why, .. } => {
                landing.intent = None;
                landing.phase = LandingPhase::Over(match reason {
                    ParkReason::Partial => RunOutcome::Paused,
                    _ => RunOutcome::ReadyToComplete,
                });
                landing.reason = Some(why.clone());
            }
            _ => {}
        }
    }
}

fn park(reason: ParkReason, why: String) -> Vec<NewEvent> {
    vec![NewEvent::story(EventKind::Parked {
        reason,
        why,
        paths: Vec::new(),
    })]
}

pub(super) fn finish(outcome: RunOutcome, reason: Option<String>) -> Vec<NewEvent> {
    vec![NewEvent::story(EventKind::RunFinished { outcome, reason })]
}
