//! The fold: what each event does to the state. Total: an event of an older run, or one that does not fit, changes nothing.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::run::Panel;
use super::{Ix, Phase, Run, State, Stop, StoryFacts, Task, planted};
use crate::model::{
    Event, EventKind, GateDefinition, Plan, RunId, RunOptions, RunOutcome, StoryStatus,
};

impl State {
    /// Folds one event.
    pub(crate) fn apply(&mut self, event: &Event) {
        self.last_seq = event.seq;
        match event.task.as_ref().and_then(|id| self.ix(id)) {
            Some(ix) => self.apply_to_task(ix, event),
            None => self.apply_to_story(event),
        }
    }

    fn apply_to_story(&mut self, event: &Event) {
        match &event.kind {
            EventKind::StoryCreated { .. } => self.create(event),
            EventKind::StoryAnalyzed { context } => self.context = Some(Arc::clone(context)),
            EventKind::PlanAccepted { plan } => self.accept_plan(plan),
            EventKind::DecomposeStarted { marker, .. } => {
                self.decomposing = Some(marker.clone());
                self.status = StoryStatus::Decomposing;
            }
            EventKind::DecomposeFinished { usage, .. } => {
                self.decomposing = None;
                self.usage += *usage;
                self.status = self.before_decomposing();
            }
            EventKind::RunStarted {
                options,
                agents,
                gates,
                fingerprint,
            } => {
                self.adopt_gates(gates);
                if let Some(story) = &mut self.story {
                    story.fingerprint.clone_from(fingerprint);
                }
                self.agents = agents
                    .iter()
                    .map(|agent| (agent.name.clone(), agent.digest.clone()))
                    .collect();
                let named = agents.iter().filter_map(|agent| {
                    let provider = agent.provider.clone()?;
                    Some((agent.name.clone(), provider))
                });
                self.providers = named.collect();
                self.start_run(event.run, options, false);
            }
            EventKind::RunPaused { reason } => {
                if let Some(run) = &mut self.run {
                    run.paused = true;
                    // A pause for a limit has no other beginning.
                    run.stop.get_or_insert_with(|| Stop::Pause(reason.clone()));
                }
            }
            EventKind::RunFinished { outcome, .. } => self.finish_run(*outcome),
            EventKind::WaveStarted { wave, .. } => self.start_wave(*wave),
            EventKind::WaveFinished { .. } => {
                if let Some(run) = &mut self.run {
                    run.wave = None;
                    run.waves_finished += 1;
                }
            }
            EventKind::BreakerOpened {
                agent,
                provider,
                until,
            } => {
                let provider = if provider.is_empty() { agent } else { provider };
                self.open_breaker(provider, *until, event.at);
            }
            EventKind::BreakerClosed { provider } => {
                self.breakers.remove(provider);
            }
            EventKind::ParallelismChanged { agent, limit, .. } => {
                self.set_parallelism(agent, *limit);
            }
            EventKind::BudgetExceeded { which } => {
                self.stop(Stop::Pause(self.budget_reason(*which)));
            }
            EventKind::CommandAccepted { verb, .. } => self.obey(verb),
            EventKind::IntentCandidate { .. }
            | EventKind::CandidateBuilt { .. }
            | EventKind::IntentMoveRef { .. }
            | EventKind::RefMoved { .. }
            | EventKind::RefForeign { .. } => self.apply_to_batch(event),
            EventKind::IntentGate { .. } | EventKind::GateFinished { .. } => {
                self.note_asked(&event.kind);
                self.apply_to_gate(event);
            }
            EventKind::LandingRequested { .. }
            | EventKind::IntentLanding { .. }
            | EventKind::LandingBuilt { .. }
            | EventKind::IntentLand { .. }
            | EventKind::LandTargetMoved { .. }
            | EventKind::Landed { .. }
            | EventKind::Parked { .. } => self.apply_to_landing(event),
            _ => {}
        }
    }

    fn create(&mut self, event: &Event) {
        let EventKind::StoryCreated {
            title,
            description,
            slug,
            branch,
            base,
            base_tree,
            target,
            worktree,
            policy,
            fingerprint,
        } = &event.kind
        else {
            return;
        };
        self.story = Some(StoryFacts {
            id: event.story,
            title: title.clone(),
            description: description.clone(),
            slug: slug.clone(),
            branch: branch.clone(),
            base: *base,
            target: target.clone(),
            worktree: worktree.clone(),
            fingerprint: fingerprint.clone(),
            created_at: event.at,
        });
        self.policy = (**policy).clone();
        self.head = Some((*base, *base_tree));
        self.status = StoryStatus::Created;
    }

    /// Where the story is when no agent is asked for a plan any more and none was found.
    pub(crate) fn before_decomposing(&self) -> StoryStatus {
        if self.plan.is_some() {
            StoryStatus::Planned
        } else {
            StoryStatus::Created
        }
    }

    fn accept_plan(&mut self, plan: &Arc<Plan>) {
        self.index = plan
            .tasks
            .iter()
            .zip(0..)
            .map(|(task, ix)| (task.id.clone(), ix))
            .collect();
        let mut dependencies: Vec<Vec<Ix>> = plan
            .tasks
            .iter()
            .map(|task| {
                task.depends_on
                    .iter()
                    .filter_map(|id| self.ix(id))
                    .collect()
            })
            .collect();
        for edge in &plan.added_edges {
            if let (Some(before), Some(after)) = (self.ix(&edge.before), self.ix(&edge.after)) {
                dependencies[after as usize].push(before);
            }
        }
        self.dependents = vec![Vec::new(); plan.tasks.len()];
        for (list, ix) in dependencies.iter_mut().zip(0..) {
            list.sort_unstable();
            list.dedup();
            for dependency in list {
                self.dependents[*dependency as usize].push(ix);
            }
        }
        self.tasks = plan
            .tasks
            .iter()
            .zip(dependencies)
            .map(|(task, dependencies)| Task::new(task, dependencies))
            .collect();
        self.waves = plan
            .waves
            .iter()
            .map(|wave| wave.tasks.iter().filter_map(|id| self.ix(id)).collect())
            .collect();
        self.unfinished = self.waves.iter().map(Vec::len).collect();
        self.first_unfinished = 0;
        self.plan = Some(Arc::clone(plan));
        self.status = StoryStatus::Planned;
    }

    /// Takes over the gates of a run. A gate whose definition changed has not judged anything yet, and one that is new, or has become
    /// required, may not have judged what is accepted already.
    pub(super) fn adopt_gates(&mut self, gates: &[GateDefinition]) {
        let changed: HashSet<String> = self
            .gates
            .iter()
            .filter(|old| !gates.iter().any(|new| new.judges_as(old)))
            .map(|gate| gate.name.clone())
            .collect();
        let asks_more = gates
            .iter()
            .any(|new| !self.gates.iter().any(|old| new.asks_no_more_than(old)))
            && !planted!(ForgetRegate);
        self.greens.retain(|(_, gate, _)| !changed.contains(gate));
        self.counted.retain(|(_, gate), _| !changed.contains(gate));
        for task in &mut self.tasks {
            task.approved.retain(|gate| !changed.contains(gate));
        }
        let is_due = asks_more || !changed.is_empty();
        if is_due && self.tasks.iter().any(|task| task.phase == Phase::Completed) {
            self.regate = Some(Panel::default());
        }
        self.gates = gates.to_vec();
        if !self.regate_is_open() {
            self.regate = None;
        }
    }

    pub(super) fn start_run(&mut self, id: Option<RunId>, options: &RunOptions, lands: bool) {
        let filter: HashSet<Ix> = options.tasks.iter().filter_map(|id| self.ix(id)).collect();
        let max_parallel = options.max_parallel.unwrap_or(self.policy.max_parallel);
        // Answers of an earlier run about the accepted head are asked for again.
        self.regate = self.regate.take().map(|_| Panel::default());
        self.run = Some(Run {
            id: id.unwrap_or(RunId::from_uuid(uuid::Uuid::nil())),
            options: options.clone(),
            max_parallel,
            filter: (!filter.is_empty()).then_some(filter),
            wave: None,
            waves_finished: 0,
            stop: None,
            paused: false,
            uncounted: HashSet::new(),
            finals: Panel::default(),
            lands,
        });
        self.breakers.clear();
        self.throttles.clear();
        if lands {
            self.status = StoryStatus::Integrating;
            return;
        }
        self.landing = None;
        self.open_in_wave = 0;
        self.status = StoryStatus::Dispatching;
        for ix in 0..self.tasks.len() as Ix {
            self.task_mut(ix).limits = 0;
            let task = self.task(ix);
            let limited = task
                .failure
                .as_ref()
                .is_some_and(|failure| failure.class.policy().1 == crate::model::Remedy::Wait);
            let phase = match (&task.phase, task.sealed) {
                (Phase::Unjudged | Phase::Asked { .. }, _) | (Phase::Cancelled, Some(_)) => {
                    self.task_mut(ix).question = None;
                    self.review_from(ix, 0)
                }
                (Phase::Unsealed, _) => Phase::Exited,
                (Phase::Cancelled, None) | (Phase::Queued, _) => Phase::Pending,
                // The limit may have ended, or somebody changed the account.
                (Phase::Waiting(_), _) if limited => Phase::Pending,
                _ => continue,
            };
            self.set_phase(ix, phase);
        }
        self.flush = !self.ready.is_empty();
        self.reblock();
    }

    fn finish_run(&mut self, outcome: RunOutcome) {
        let gate_failed = self
            .run
            .as_ref()
            .is_some_and(|run| run.finals.failed.is_some());
        self.status = match outcome {
            RunOutcome::Completed => StoryStatus::Completed,
            RunOutcome::ReadyToComplete => StoryStatus::ReadyToComplete,
            RunOutcome::Paused => StoryStatus::Paused,
            RunOutcome::Failed if gate_failed => StoryStatus::GateFailed,
            RunOutcome::Failed => StoryStatus::Failed,
            RunOutcome::Cancelled => StoryStatus::Cancelled,
        };
        self.run = None;
        self.batch = None;
        self.landing = None;
    }

    fn start_wave(&mut self, wave: usize) {
        let Some(run) = &mut self.run else { return };
        run.wave = Some(wave);
        self.flush = false;
        self.open_in_wave = self.count_open(wave);
        for ix in self.waves.get(wave).cloned().unwrap_or_default() {
            let phase = self.task(ix).phase.clone();
            self.set_phase(ix, phase);
        }
    }

    fn count_open(&self, wave: usize) -> usize {
        let Some(run) = &self.run else { return 0 };
        self.waves.get(wave).map_or(0, |tasks| {
            tasks
                .iter()
                .filter(|ix| run.takes(**ix) && self.task(**ix).phase.is_open())
                .count()
        })
    }

    pub(super) fn stop(&mut self, stop: Stop) {
        if let Some(run) = &mut self.run {
            run.stop(stop);
        }
    }

    pub(super) fn task_mut(&mut self, ix: Ix) -> &mut Task {
        &mut self.tasks[ix as usize]
    }

    /// Counts a task that became terminal, or is not any more.
    fn count_unfinished(&mut self, wave: usize, is_terminal: bool) {
        let Some(count) = self.unfinished.get_mut(wave) else {
            return;
        };
        if !is_terminal {
            *count += 1;
            self.first_unfinished = self.first_unfinished.min(wave);
            return;
        }
        *count = count.saturating_sub(1);
        while self.unfinished.get(self.first_unfinished) == Some(&0) {
            self.first_unfinished += 1;
        }
    }

    /// Moves a task to a phase and keeps every index in step. All changes of a phase go through here.
    pub(super) fn set_phase(&mut self, ix: Ix, phase: Phase) {
        let task = &self.tasks[ix as usize];
        let counts = self
            .run
            .as_ref()
            .is_some_and(|run| run.wave == Some(task.wave) && run.takes(ix));
        let (wave, is_terminal) = (task.wave, phase.status().is_terminal());
        let changes_end = task.status().is_terminal() != is_terminal;
        let was_on_agenda = task.phase.is_on_agenda();
        match &task.phase {
            Phase::Waiting(at) => {
                self.timers.remove(&(*at, ix));
            }
            Phase::Queued => {
                self.queued.remove(&ix);
            }
            Phase::Ready => {
                self.ready.remove(&ix);
            }
            _ => {}
        }
        self.busy -= usize::from(task.phase.is_busy());
        if phase.holds_budget() {
            self.holders.insert(ix);
        } else {
            self.holders.remove(&ix);
        }
        if counts {
            self.open_in_wave -= usize::from(task.phase.is_open());
            self.open_in_wave += usize::from(phase.is_open());
        }
        let eligible = (counts && task.open_dependencies == 0)
            || (planted!(SkipDependency) && self.run.is_some());
        if phase.is_on_agenda() && (phase != Phase::Pending || eligible) {
            self.agenda.insert(ix);
        } else if was_on_agenda {
            self.agenda.remove(&ix);
        }
        match &phase {
            Phase::Waiting(at) => {
                self.timers.insert((*at, ix));
            }
            Phase::Queued => {
                self.queued.insert(ix);
            }
            Phase::Ready => {
                self.ready.insert(ix);
            }
            _ => {}
        }
        self.busy += usize::from(phase.is_busy());
        self.tasks[ix as usize].phase = phase;
        if changes_end {
            self.count_unfinished(wave, is_terminal);
        }
    }
}

/// Milliseconds from one time to a later one; 0 when it is not later.
pub(super) fn millis_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_millisecond() - from.as_millisecond()).unwrap_or(0)
}
