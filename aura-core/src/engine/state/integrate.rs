//! The integrator's decisions: when a candidate is built, what judges it, who leaves it, when it is accepted.

use jiff::Timestamp;

use super::batch::{Batch, BatchPhase, Item};
use super::{Ix, Phase, State, Stop, gate_events, planted};
use crate::model::{
    Batched, Event, EventKind, Evidence, FailureClass, GatePoint, GateSchedule, LeftOut, NewEvent,
    TaskId,
};

impl State {
    pub(super) fn decide_batch(&self, now: Timestamp) -> Vec<NewEvent> {
        let Some(batch) = &self.batch else {
            return self.close_batch(now);
        };
        if batch.intent.is_some() {
            return Vec::new();
        }
        match &batch.phase {
            BatchPhase::Building | BatchPhase::Moving => Vec::new(),
            BatchPhase::Ejecting(conflicts) => conflicts
                .first()
                .map(|(ix, paths)| self.eject_for_conflict(*ix, paths))
                .into_iter()
                .collect(),
            BatchPhase::Judging(None) => self.judge_next(batch),
            BatchPhase::Judging(Some(trial)) => match trial.probe(batch.items.len()) {
                Some(length) => {
                    gate_events(&trial.gate, GatePoint::Candidate, batch.prefix(length))
                        .map(NewEvent::story)
                        .into()
                }
                None => self.eject_for_gate(batch, trial.red).into_iter().collect(),
            },
        }
    }

    /// Sealed tasks become a candidate when their wave has drained, or when nothing else is going to run.
    fn close_batch(&self, now: Timestamp) -> Vec<NewEvent> {
        let Some(run) = &self.run else {
            return Vec::new();
        };
        let closes = match &run.stop {
            None => {
                let stuck = || self.busy == 0 && self.stuck_at_limit(run, now).is_some();
                self.flush || self.open_in_wave == 0 || !self.ready.is_empty() && stuck()
            }
            Some(Stop::Pause(_)) => self.flush || self.busy == 0,
            Some(Stop::Halt(_) | Stop::Abort | Stop::Cancel) => false,
        };
        if self.ready.is_empty() || !closes || self.regate_is_open() {
            return Vec::new();
        }
        vec![NewEvent::story(EventKind::IntentCandidate {
            candidate: self.candidates + 1,
            base: self.head_commit(),
            tasks: self.next_batch(),
            time: now,
        })]
    }

    /// All that are ready. A task that may remove tests comes after them, alone.
    fn next_batch(&self) -> Vec<TaskId> {
        let all = || self.ready.iter().map(|ix| self.task(*ix));
        let others: Vec<TaskId> = all()
            .filter(|task| !task.removes_tests || planted!(ShareRemoval))
            .map(|task| task.id.clone())
            .collect();
        if others.is_empty() {
            return all().take(1).map(|task| task.id.clone()).collect();
        }
        others
    }

    fn judge_next(&self, batch: &Batch) -> Vec<NewEvent> {
        let (commit, tree) = batch.whole();
        let gate = self.gates_at(GateSchedule::AfterWave).find(|gate| {
            let is_green = self.is_green(tree, &gate.name, GatePoint::Candidate);
            (!is_green || self.has_fallen(batch, gate)) && !batch.advisory.contains(&gate.name)
        });
        match gate {
            Some(gate) if !planted!(AcceptUngated) => {
                self.count_head(batch, gate).unwrap_or_else(|| {
                    gate_events(&gate.name, GatePoint::Candidate, (commit, tree))
                        .map(NewEvent::story)
                        .into()
                })
            }
            _ => vec![self.accept(batch)],
        }
    }

    fn accept(&self, batch: &Batch) -> NewEvent {
        let (new, tree) = batch.whole();
        NewEvent::story(EventKind::IntentMoveRef {
            reference: self
                .story
                .as_ref()
                .map(|story| format!("refs/heads/{}", story.branch))
                .unwrap_or_default(),
            old: batch.base.0,
            new,
            tree,
            tasks: batch
                .items
                .iter()
                .map(|item| Batched {
                    task: self.task(item.task).id.clone(),
                    commit: item.commit,
                    tree: item.tree,
                })
                .collect(),
        })
    }

    fn eject_for_conflict(&self, ix: Ix, paths: &[String]) -> NewEvent {
        let evidence = Evidence {
            summary: format!(
                "the work conflicts with what was accepted meanwhile, in {}",
                paths.join(", ")
            ),
            paths: paths.to_vec(),
            ..Evidence::default()
        };
        self.ejection(ix, FailureClass::Conflict, evidence)
    }

    fn eject_for_gate(&self, batch: &Batch, red: usize) -> Option<NewEvent> {
        let culprit = if planted!(BlameNeighbour) {
            batch.items.first()?.task
        } else {
            batch.items.get(red.checked_sub(1)?)?.task
        };
        let evidence = batch.red.as_ref()?.evidence();
        Some(self.ejection(culprit, FailureClass::Gate, evidence))
    }

    fn ejection(&self, ix: Ix, class: FailureClass, evidence: Evidence) -> NewEvent {
        let task = self.task(ix);
        let digest = crate::prompt::digest(&evidence);
        NewEvent::task(
            task.id.clone(),
            Some(task.attempt),
            EventKind::TaskEjected {
                class,
                evidence: Box::new(evidence),
                digest,
            },
        )
    }

    /// The candidate's commits are made.
    pub(super) fn place_candidate(&mut self, items: Vec<Item>, left_out: &[LeftOut]) {
        let Some(batch) = &mut self.batch else { return };
        batch.items = items;
        batch.intent = None;
        let mut conflicts = Vec::new();
        let mut later = Vec::new();
        for out in left_out {
            match self.index.get(&out.task) {
                Some(ix) if out.with_head => conflicts.push((*ix, out.paths.clone())),
                Some(ix) => later.push(*ix),
                None => {}
            }
        }
        batch.phase = if conflicts.is_empty() {
            BatchPhase::Judging(None)
        } else {
            BatchPhase::Ejecting(conflicts)
        };
        self.flush |= !later.is_empty();
        for ix in later {
            self.set_phase(ix, Phase::Ready);
        }
    }

    /// A task leaves the candidate. What stands before it is judged on its own, what stands behind it waits for the next
    /// candidate.
    pub(super) fn eject(&mut self, ix: Ix) {
        let Some(mut batch) = self.batch.take() else {
            return;
        };
        match &mut batch.phase {
            BatchPhase::Ejecting(conflicts) => {
                conflicts.retain(|(task, _)| *task != ix);
                if conflicts.is_empty() {
                    batch.phase = BatchPhase::Judging(None);
                }
            }
            BatchPhase::Judging(_) => {
                let at = batch
                    .items
                    .iter()
                    .position(|item| item.task == ix)
                    .unwrap_or(0);
                for item in batch.items.split_off(at) {
                    if item.task != ix {
                        self.set_phase(item.task, Phase::Ready);
                        self.flush = true;
                    }
                }
                batch.phase = BatchPhase::Judging(None);
            }
            BatchPhase::Building | BatchPhase::Moving => {}
        }
        let is_empty = batch.items.is_empty() && !matches!(batch.phase, BatchPhase::Ejecting(_));
        if !is_empty {
            self.batch = Some(batch);
        }
    }

    /// Whether gates that changed or are new still have to judge the accepted head.
    pub(super) fn regate_is_open(&self) -> bool {
        self.next_regate().is_some()
    }

    pub(super) fn next_regate(&self) -> Option<Vec<NewEvent>> {
        let panel = self.regate.as_ref()?;
        self.next_in_panel(
            panel,
            GateSchedule::AfterWave,
            GatePoint::Candidate,
            self.head?,
        )
    }

    pub(super) fn apply_to_batch(&mut self, event: &Event) {
        match &event.kind {
            EventKind::IntentCandidate {
                candidate,
                base,
                tasks,
                ..
            } => {
                let tasks: Vec<Ix> = tasks.iter().filter_map(|id| self.ix(id)).collect();
                for ix in &tasks {
                    self.set_phase(*ix, Phase::Batched);
                }
                self.candidates = *candidate;
                self.batch = Some(Batch {
                    id: *candidate,
                    base: (*base, self.head_tree()),
                    tasks,
                    items: Vec::new(),
                    phase: BatchPhase::Building,
                    intent: Some(event.kind.clone()),
                    advisory: Vec::new(),
                    red: None,
                });
            }
            EventKind::CandidateBuilt {
                tasks, left_out, ..
            } => {
                let items: Vec<Item> = tasks
                    .iter()
                    .filter_map(|item| {
                        Some(Item {
                            task: self.ix(&item.task)?,
                            commit: item.commit,
                            tree: item.tree,
                        })
                    })
                    .collect();
                self.place_candidate(items, left_out);
            }
            EventKind::IntentMoveRef { .. } => {
                if let Some(batch) = &mut self.batch {
                    batch.intent = Some(event.kind.clone());
                    batch.phase = BatchPhase::Moving;
                }
            }
            EventKind::RefMoved { new, tree, .. } => {
                self.head = Some((*new, *tree));
                self.batch = None;
                self.flush = self.flush && !self.ready.is_empty();
            }
            EventKind::RefForeign { why, .. } => {
                self.dissolve();
                self.stop(Stop::Halt(why.clone()));
            }
            _ => {}
        }
    }
}
