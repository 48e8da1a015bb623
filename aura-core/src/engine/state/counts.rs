//! The number of tests may not fall silently: a gate that counts them is red on a candidate on which fewer ran than on the
//! accepted head, or on which it does not say how many.

use super::batch::Batch;
use super::{State, gate_events, planted};
use crate::model::{
    CommitId, EventKind, Finding, GateDefinition, GatePoint, GateVerdict, NewEvent, TestCounts,
};

/// How many tests ran on a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    ran: u64,
    is_green: bool,
}

impl Count {
    /// Whether so many are enough for what comes after. Some runners say how many only when one of them is red.
    fn allows(self, ran: Option<u64>) -> bool {
        ran.map_or(!self.is_green, |ran| ran >= self.ran)
    }
}

impl State {
    /// The verdict with what the number of tests says about it. It is what the log has, so that nobody has to compare again.
    pub(super) fn weigh(
        &self,
        (gate, at, commit): (&str, GatePoint, CommitId),
        verdict: GateVerdict,
        counts: Option<TestCounts>,
    ) -> GateVerdict {
        if !verdict.is_green() || !self.counts(gate) {
            return verdict;
        }
        let ran = counts.map(|counts| counts.ran());
        let failed = counts.map_or(0, |counts| counts.failed);
        let before = self.least(gate, at, commit);
        let message = match (before.filter(|before| !before.allows(ran)), ran) {
            // What runs in the runner can end it as it likes.
            _ if failed > 0 => format!("it ended well, and {failed} tests failed"),
            (None, _) => return verdict,
            (Some(before), Some(ran)) => format!("{ran} tests ran, {} ran before", before.ran),
            (Some(before), None) => {
                format!(
                    "it does not say how many tests ran, {} ran before",
                    before.ran
                )
            }
        };
        GateVerdict::Failed {
            findings: vec![Finding {
                file: None,
                line: None,
                column: None,
                message,
            }],
        }
    }

    /// Told once in a run: a gate that should count does not say how many tests ran, so that nothing can be compared.
    pub(super) fn note_uncounted(
        &self,
        gate: &str,
        at: GatePoint,
        verdict: &GateVerdict,
        counts: Option<TestCounts>,
    ) -> Option<NewEvent> {
        let run = self.run.as_ref()?;
        let is_silent = at == GatePoint::Candidate && verdict.is_green() && counts.is_none();
        if !is_silent || !self.counts(gate) || run.uncounted.contains(gate) {
            return None;
        }
        let message = format!(
            "gate `{gate}` should count tests, and its output does not say how many ran: nobody would notice that fewer do; let its \
             test runner print its totals, or do not let it count"
        );
        Some(NewEvent::story(EventKind::Warning { message }))
    }

    /// How many tests have to run on this commit, where that is known.
    fn least(&self, gate: &str, at: GatePoint, commit: CommitId) -> Option<Count> {
        let batch = self.batch.as_ref()?;
        if at != GatePoint::Candidate || !self.counts(gate) || commit == batch.base.0 {
            return None;
        }
        let last = batch.items.iter().position(|item| item.commit == commit)?;
        if self.may_remove(batch, last + 1) {
            return None;
        }
        self.counted(batch.base.1, gate).flatten()
    }

    fn counts(&self, gate: &str) -> bool {
        self.gate(gate).is_some_and(|gate| gate.counts_tests) && !planted!(IgnoreCounts)
    }

    /// Candidates hold such a task alone, so that nobody else's tests go with it.
    fn may_remove(&self, batch: &Batch, length: usize) -> bool {
        let items = batch.items.iter().take(length);
        items
            .map(|item| self.task(item.task))
            .any(|task| task.removes_tests)
    }

    /// `None`: nobody has asked yet. `Some(None)`: the gate did not say.
    fn counted(&self, tree: CommitId, gate: &str) -> Option<Option<Count>> {
        self.counted.get(&(tree, gate.to_owned())).copied()
    }

    /// The gate runs on the accepted head that tell how many tests there were, before the candidate is judged.
    pub(super) fn count_head(&self, batch: &Batch, gate: &GateDefinition) -> Option<Vec<NewEvent>> {
        let is_known = self.counted(batch.base.1, &gate.name).is_some();
        if is_known || !self.counts(&gate.name) || self.may_remove(batch, batch.items.len()) {
            return None;
        }
        let events = gate_events(&gate.name, GatePoint::Candidate, batch.base);
        Some(events.map(NewEvent::story).into())
    }

    /// Whether a tree that was judged against another head has too few tests for this one.
    pub(super) fn has_fallen(&self, batch: &Batch, gate: &GateDefinition) -> bool {
        let (commit, tree) = batch.whole();
        let Some(before) = self.least(&gate.name, GatePoint::Candidate, commit) else {
            return false;
        };
        let now = self.counted(tree, &gate.name).flatten();
        !before.allows(now.map(|now| now.ran))
    }

    /// Keeps how many tests ran. Where the gate neither judged nor counted, it is asked again.
    pub(super) fn note_counts(&mut self, tree: CommitId, finished: &EventKind) {
        let EventKind::GateFinished {
            gate,
            at: GatePoint::Candidate,
            verdict,
            counts,
            ..
        } = finished
        else {
            return;
        };
        let judged = verdict.is_green() || matches!(verdict, GateVerdict::Failed { .. });
        if judged && self.counts(gate) {
            if let (Some(run), true, None) = (&mut self.run, verdict.is_green(), counts) {
                run.uncounted.insert(gate.clone());
            }
            let count = counts.map(|counts| Count {
                ran: counts.ran(),
                is_green: verdict.is_green(),
            });
            self.counted.insert((tree, gate.clone()), count);
        }
    }
}
