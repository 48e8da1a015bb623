//! The fold of one task's events: from its workspace to its end, and what that means for the tasks behind it.

use std::collections::HashSet;

use jiff::Timestamp;

use super::task::{Exited, Failure};
use super::{Ix, Phase, State, Stop, planted};
use crate::agent::ProcessMark;
use crate::model::{
    AttemptOutcome, Event, EventKind, FailureClass, OnExhausted, Remedy, SealOutcome, Spends,
    StartKind, StoryStatus,
};

impl State {
    pub(super) fn apply_to_task(&mut self, ix: Ix, event: &Event) {
        let kind = &event.kind;
        match kind {
            EventKind::TaskQueued {} => self.set_phase(ix, Phase::Queued),
            EventKind::IntentWorkspace {
                path,
                base,
                start,
                previous,
                agent,
            } => {
                let tree = self.head_tree();
                let task = self.task_mut(ix);
                task.assigned = Some(agent.clone());
                task.attempt = event.attempt.unwrap_or(task.attempt);
                task.workspace = Some(path.clone());
                task.base = Some((*base, tree));
                task.start = *start;
                task.previous = *previous;
                task.sealed = None;
                task.salvaged = None;
                task.exited = None;
                task.intent = Some(Box::new(kind.clone()));
                self.set_phase(ix, Phase::Preparing);
            }
            EventKind::WorkspaceReady { start, conflicts } => {
                let task = self.task_mut(ix);
                task.start = *start;
                task.conflicts.clone_from(conflicts);
                task.intent = None;
                self.set_phase(ix, Phase::Prepared);
            }
            EventKind::IntentStart { marker, agent } => {
                self.spent.starts += 1;
                let task = self.task_mut(ix);
                task.assigned = Some(agent.clone());
                task.starts += 1;
                task.marker = Some(marker.clone());
                task.process = None;
                task.started_at = task.started_at.or(Some(event.at));
                task.attempt_started_at = Some(event.at);
                task.intent = Some(Box::new(kind.clone()));
                self.set_phase(ix, Phase::Running);
                self.status = StoryStatus::Running;
            }
            EventKind::ProcessRegistered {
                pid,
                start_time,
                boot_id,
                marker,
            } => {
                self.task_mut(ix).process = Some(Box::new(ProcessMark {
                    pid: *pid,
                    start_time: *start_time,
                    boot_id: boot_id.clone(),
                    marker: marker.clone(),
                }));
            }
            EventKind::AgentExited { .. } => self.note_exit(ix, kind),
            EventKind::IntentSeal { .. } => {
                self.task_mut(ix).intent = Some(Box::new(kind.clone()));
                self.set_phase(ix, Phase::Sealing);
            }
            EventKind::TaskSealed { outcome } => self.note_seal(ix, outcome),
            EventKind::AttemptFinished { .. } => self.note_attempt(ix, event),
            EventKind::IntentGate { .. } | EventKind::GateFinished { .. } => {
                let usage = self.note_asked(kind);
                self.task_mut(ix).usage += usage;
                self.apply_to_task_gate(ix, kind);
            }
            EventKind::TaskEjected {
                class,
                evidence,
                digest,
            } => {
                self.eject(ix);
                self.fail(ix, *class, None, evidence, digest);
            }
            EventKind::TaskRetrying {
                class,
                spends,
                start,
                after,
            } => self.retry(ix, *class, *spends, *start, *after),
            EventKind::TaskAccepted { commit } => {
                self.task_mut(ix).commit = Some(*commit);
                self.end_task(ix, Phase::Completed, event.at);
                self.satisfy(ix);
            }
            EventKind::TaskFailed { class, why } => {
                self.end_task(ix, Phase::Failed(*class), event.at);
                self.block_dependents(ix);
                self.note_exhausted(ix, why);
            }
            EventKind::TaskBlocked { by } => {
                self.to_block.remove(&ix);
                let by = self.ix(by).unwrap_or(ix);
                self.end_task(ix, Phase::Blocked { by }, event.at);
            }
            EventKind::TaskSkipped {} => {
                self.end_task(ix, Phase::Skipped, event.at);
                self.satisfy(ix);
                self.reblock();
            }
            EventKind::TaskCancelled {} => self.end_task(ix, Phase::Cancelled, event.at),
            EventKind::WorkspaceSalvaged { commit, .. } => {
                let task = self.task_mut(ix);
                task.salvaged = Some(*commit);
                task.kept = Some(*commit);
            }
            _ => {}
        }
    }

    fn note_exit(&mut self, ix: Ix, kind: &EventKind) {
        let EventKind::AgentExited {
            session,
            output,
            tool_improvement_proposal,
            usage,
            duration_ms,
            log,
        } = kind
        else {
            return;
        };
        self.spent.note(*usage);
        if let Some(agent) = self.task(ix).assigned.clone() {
            self.note_success(&agent);
        }
        let task = self.task_mut(ix);
        task.session.clone_from(session);
        task.session_of.clone_from(&task.assigned);
        task.output = Some(output.clone());
        task.proposal.clone_from(tool_improvement_proposal);
        task.limits = 0;
        task.process = None;
        task.intent = None;
        task.exited = Some(Box::new(Exited {
            usage: *usage,
            duration_ms: *duration_ms,
            log: log.clone(),
        }));
        self.set_phase(ix, Phase::Exited);
    }

    fn note_seal(&mut self, ix: Ix, outcome: &SealOutcome) {
        let task = self.task_mut(ix);
        task.intent = None;
        if !planted!(KeepApproval) {
            task.approved.clear();
        }
        let phase = match outcome {
            SealOutcome::Sealed { commit, tree, .. } => {
                task.sealed = Some((*commit, *tree));
                task.kept = Some(*commit);
                self.review_from(ix, 0)
            }
            SealOutcome::NoChange => Phase::Unchanged,
        };
        self.set_phase(ix, phase);
    }

    /// Where a sealed task goes that has the gates before this one behind it.
    pub(super) fn review_from(&self, ix: Ix, gate: usize) -> Phase {
        let approved = &self.task(ix).approved;
        let mut left = self.task_gates().enumerate().skip(gate);
        match left.find(|(_, gate)| !approved.contains(&gate.name)) {
            Some((gate, _)) if !planted!(SkipReview) => Phase::Review { gate },
            _ => Phase::Ready,
        }
    }

    fn note_attempt(&mut self, ix: Ix, event: &Event) {
        let EventKind::AttemptFinished {
            outcome,
            evidence,
            digest,
            usage,
            duration_ms,
        } = &event.kind
        else {
            return;
        };
        self.usage += *usage;
        self.spent.note(*usage);
        if let AttemptOutcome::Failed { class, .. } = outcome
            && self.task(ix).phase == Phase::Running
            && matches!(class.policy().1, Remedy::Wait | Remedy::Pause)
        {
            self.spent.starts = self.spent.starts.saturating_sub(1);
        }
        let task = self.task_mut(ix);
        task.usage += *usage;
        task.work_ms += duration_ms;
        if let AttemptOutcome::Failed {
            class: FailureClass::Broken,
            ..
        } = outcome
            && task.phase == Phase::Sealing
        {
            // The agent's work lies in the workspace; the next run seals it.
            let why = evidence.as_ref().map_or("", |evidence| &evidence.summary);
            let why = format!("task `{}` could not be sealed: {why}", task.id);
            task.intent = None;
            // What it used is counted; the seal that succeeds will not bring it again.
            if let Some(exited) = &mut task.exited {
                exited.usage = crate::model::Usage::default();
                exited.duration_ms = 0;
            }
            self.set_phase(ix, Phase::Unsealed);
            self.stop(Stop::Halt(why));
            return;
        }
        task.exited = None;
        if let AttemptOutcome::Failed { class, until } = outcome {
            task.intent = None;
            task.process = None;
            self.fail(
                ix,
                *class,
                *until,
                evidence
                    .as_deref()
                    .unwrap_or(&crate::model::Evidence::default()),
                digest,
            );
        }
    }

    /// The try failed; the decision what follows is on the agenda.
    pub(super) fn fail(
        &mut self,
        ix: Ix,
        class: FailureClass,
        until: Option<Timestamp>,
        evidence: &crate::model::Evidence,
        digest: &str,
    ) {
        let task = self.task_mut(ix);
        task.last_failure = task.failure.take();
        task.failure = Some(Box::new(Failure {
            class,
            digest: digest.to_owned(),
            tree: task.sealed.map(|(_, tree)| tree),
        }));
        task.evidence = Some(Box::new(evidence.clone()));
        self.set_phase(ix, Phase::Failing { class, until });
    }

    fn retry(
        &mut self,
        ix: Ix,
        class: FailureClass,
        spends: Spends,
        start: StartKind,
        after: Timestamp,
    ) {
        let task = self.task_mut(ix);
        match spends {
            Spends::Retry => {
                task.retries += u32::from(!planted!(UnspentRetry));
                task.total_retries += 1;
                task.attempt += 1;
                task.previous = task.leftovers();
                task.sealed = None;
                task.salvaged = None;
                task.lesson = task.evidence.clone();
                // Whoever goes on from work that a gate refused may remember how it came about; a last try from the base is to be
                // a fresh one.
                if class != FailureClass::Gate || start == StartKind::Base {
                    task.forget_session();
                }
            }
            Spends::Restart => {
                // The session may be what is broken, or gone.
                task.forget_session();
                task.restarts += u32::from(!planted!(UnspentRestart));
                task.total_restarts += 1;
                if let Some(agent) = task.assigned.clone() {
                    self.note_restart(&agent);
                }
            }
            Spends::Nothing => task.limits += 1,
        }
        let task = self.task_mut(ix);
        if class != FailureClass::RateLimited && class != FailureClass::Quota {
            task.limits = 0;
        }
        task.start = start;
        if class.policy().1 == Remedy::Pause {
            let why = format!(
                "task `{}` cannot run: {}",
                task.id,
                task.evidence
                    .as_ref()
                    .map_or("", |evidence| &evidence.summary)
            );
            self.stop(Stop::Pause(why));
        }
        self.set_phase(ix, Phase::Waiting(after));
    }

    fn note_exhausted(&mut self, ix: Ix, why: &str) {
        match self.policy.on_exhausted {
            OnExhausted::PauseStory => {
                let why = format!("task `{}` failed: {why}", self.task(ix).id);
                self.stop(Stop::Pause(why));
            }
            OnExhausted::AbortStory => self.stop(Stop::Abort),
            OnExhausted::IsolateAndContinue => {}
        }
    }

    fn end_task(&mut self, ix: Ix, phase: Phase, at: Timestamp) {
        let task = self.task_mut(ix);
        task.finished_at = Some(at);
        task.intent = None;
        task.process = None;
        task.question = None;
        self.set_phase(ix, phase);
    }

    /// What waits for this task waits no longer.
    fn satisfy(&mut self, ix: Ix) {
        let dependents = std::mem::take(&mut self.dependents[ix as usize]);
        for dependent in &dependents {
            let task = self.task_mut(*dependent);
            task.open_dependencies = task.open_dependencies.saturating_sub(1);
            if task.open_dependencies == 0 && task.phase == Phase::Pending {
                self.set_phase(*dependent, Phase::Pending);
            }
        }
        self.dependents[ix as usize] = dependents;
    }

    /// Everything that stands behind a failed task will be blocked by it.
    fn block_dependents(&mut self, ix: Ix) {
        if planted!(ForgetBlocked) {
            return;
        }
        let mut stack = self.dependents[ix as usize].clone();
        let mut seen = HashSet::new();
        while let Some(next) = stack.pop() {
            // Behind one that is blocked already somebody may have asked for another again.
            let is_blocked = matches!(self.task(next).phase, Phase::Blocked { .. });
            let is_over = self.task(next).status().is_terminal() && !is_blocked;
            if is_over || self.to_block.contains_key(&next) || !seen.insert(next) {
                continue;
            }
            if !is_blocked {
                self.to_block.insert(next, ix);
            }
            stack.extend(&self.dependents[next as usize]);
        }
    }

    /// Blocked tasks none of whose ancestors is failed any more go back to pending; those that have one will be blocked.
    pub(super) fn reblock(&mut self) {
        let order: Vec<Ix> = self.waves.iter().flatten().copied().collect();
        for ix in order {
            if !matches!(self.task(ix).phase, Phase::Blocked { .. }) {
                continue;
            }
            let held = self.task(ix).dependencies.iter().find_map(|dependency| {
                match self.task(*dependency).phase {
                    Phase::Failed(_) => Some(*dependency),
                    Phase::Blocked { by } => Some(by),
                    _ => None,
                }
            });
            match held {
                Some(by) => self.set_phase(ix, Phase::Blocked { by }),
                None => {
                    self.task_mut(ix).finished_at = None;
                    self.set_phase(ix, Phase::Pending);
                }
            }
        }
        for ix in 0..self.tasks.len() as Ix {
            if matches!(self.task(ix).phase, Phase::Failed(_)) {
                self.block_dependents(ix);
            }
        }
    }
}
