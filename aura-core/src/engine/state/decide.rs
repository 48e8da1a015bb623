//! What comes next: pure decisions over the state.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::landing::finish;
use super::task::Failure;
use super::{Ix, Phase, Run, State, Stop, Task, gate_events, planted};
use crate::model::{
    EventKind, FailureClass, GatePoint, GateSchedule, NewEvent, OnExhausted, PreviousAttempt,
    Remedy, RunOutcome, StartKind, StoryId, TaskId, TaskStatus,
};

/// Limits met in a row before the run pauses instead of asking again.
const LIMITS: u32 = 10;

/// The agent of a task that names none.
const DEFAULT_AGENT: &str = "default";

impl State {
    /// What comes next at `now`. The decisions of one call do not depend on each other; apply all of them and ask again
    /// until there are none ([`State::settle`]).
    pub(crate) fn decide(&self, now: Timestamp) -> Vec<NewEvent> {
        let Some(run) = &self.run else {
            return Vec::new();
        };
        if run.lands {
            return self.decide_landing(now);
        }
        // A decision about a task is at most two events long.
        let mut events = Vec::with_capacity(self.to_block.len() + 2 * self.agenda.len());
        self.close_breakers(now, &mut events);
        self.decide_parallelism(run, &mut events);
        for (ix, by) in &self.to_block {
            events.push(self.about(
                *ix,
                None,
                EventKind::TaskBlocked {
                    by: self.task(*by).id.clone(),
                },
            ));
        }
        for ix in &self.agenda {
            self.decide_task(*ix, run, now, &mut events);
        }
        match &run.stop {
            None => {
                self.wake(now, &mut events);
                // What a failure means for others is known when it is applied.
                let failed = self.agenda.iter().any(|ix| self.task(*ix).is_failing());
                if !failed {
                    self.start(run, now, &mut events);
                }
            }
            Some(Stop::Abort | Stop::Cancel) => self.cancel_idle(&mut events),
            Some(Stop::Pause(_) | Stop::Halt(_)) => {}
        }
        events.extend(self.decide_batch(now));
        if events.is_empty() {
            events = self.decide_run(run, now);
        }
        events
    }

    fn about(&self, ix: Ix, attempt: Option<u32>, kind: EventKind) -> NewEvent {
        NewEvent::task(self.task(ix).id.clone(), attempt, kind)
    }

    fn close_breakers(&self, now: Timestamp, events: &mut Vec<NewEvent>) {
        for (provider, breaker) in &self.breakers {
            if breaker.until.is_some_and(|until| until <= now) {
                events.push(NewEvent::story(EventKind::BreakerClosed {
                    provider: provider.clone(),
                }));
            }
        }
    }

    fn wake(&self, now: Timestamp, events: &mut Vec<NewEvent>) {
        for (at, ix) in &self.timers {
            if *at > now {
                break;
            }
            if self.is_current(*ix) {
                events.push(self.about(*ix, None, EventKind::TaskQueued {}));
            }
        }
    }

    /// The task belongs to the wave under way and takes part in the run.
    pub(super) fn is_current(&self, ix: Ix) -> bool {
        self.run
            .as_ref()
            .is_some_and(|run| run.wave == Some(self.task(ix).wave) && run.takes(ix))
    }

    fn start(&self, run: &Run, now: Timestamp, events: &mut Vec<NewEvent>) {
        let free = if planted!(ExceedParallel) {
            usize::MAX
        } else {
            run.max_parallel.saturating_sub(self.busy)
        };
        if free == 0 || self.regate_is_open() {
            return;
        }
        let mut places: BTreeMap<&str, i64> = BTreeMap::new();
        let able = self
            .queued
            .iter()
            .filter(|ix| self.is_current(**ix))
            .filter_map(|ix| {
                let agent = self.agent_for(*ix, run, now)?;
                let left = places.entry(agent).or_insert_with(|| self.places(agent));
                *left -= 1;
                (*left >= 0).then_some((ix, agent))
            });
        // The queue may be long, and what is left of a budget is little.
        let free = self.fitting(run, free.min(self.queued.len()));
        for (ix, agent) in able.take(free) {
            let task = self.task(*ix);
            let previous = match task.start {
                StartKind::Base => None,
                StartKind::Previous | StartKind::Repair => task.previous,
            };
            events.push(self.about(
                *ix,
                Some(task.attempt.max(1)),
                EventKind::IntentWorkspace {
                    path: workspace_name(*ix, &task.id),
                    base: self.head_commit(),
                    start: previous.map_or(StartKind::Base, |_: PreviousAttempt| task.start),
                    previous,
                    agent: agent.to_owned(),
                },
            ));
        }
    }

    fn decide_task(&self, ix: Ix, run: &Run, now: Timestamp, events: &mut Vec<NewEvent>) {
        let task = self.task(ix);
        let attempt = Some(task.attempt);
        match &task.phase {
            Phase::Pending if run.stop.is_none() => {
                events.push(self.about(ix, None, EventKind::TaskQueued {}));
            }
            Phase::Prepared if !self.may_start(ix, run, now) => {
                events.push(self.about(ix, None, EventKind::TaskQueued {}));
            }
            Phase::Prepared => {
                let agent = task.assigned().to_owned();
                if planted!(DoubleStart) {
                    let marker = self.marker(ix);
                    let agent = agent.clone();
                    events.push(self.about(ix, attempt, EventKind::IntentStart { marker, agent }));
                }
                events.push(self.about(
                    ix,
                    attempt,
                    EventKind::IntentStart {
                        marker: self.marker(ix),
                        agent: agent.clone(),
                    },
                ));
                let start = task.start;
                events.push(self.about(ix, attempt, EventKind::TaskStarted { agent, start }));
            }
            Phase::Exited => events.push(self.about(
                ix,
                attempt,
                EventKind::IntentSeal {
                    reference: self.attempt_ref(ix),
                    time: now,
                },
            )),
            Phase::Review { gate } | Phase::ReviewBase { gate } => {
                self.review(ix, *gate, events);
            }
            Phase::Unchanged => events.push(self.about(
                ix,
                attempt,
                EventKind::TaskAccepted {
                    commit: task.base.map_or(self.head_commit(), |(commit, _)| commit),
                },
            )),
            Phase::Failing { class, until } => self.decide_failure(ix, *class, *until, now, events),
            _ => {}
        }
    }

    /// Whether what its workspace was made for still holds.
    fn may_start(&self, ix: Ix, run: &Run, now: Timestamp) -> bool {
        let agent = self.task(ix).assigned();
        let stops = run.stop.is_some() && !planted!(StartWhilePausing);
        !stops
            && self.agent_for(ix, run, now) == Some(agent)
            && self.places(agent) >= 0
            && !self.is_overdrawn(run)
    }

    /// Where the present try of a task is kept.
    fn attempt_ref(&self, ix: Ix) -> String {
        let (task, story) = (self.task(ix), self.story_id());
        format!(
            "refs/aura/attempts/{story}/{ix}-{}-{}",
            task.attempt, task.starts
        )
    }

    /// The nil id before there is a story; then there are no tasks either.
    fn story_id(&self) -> StoryId {
        let id = self.story.as_ref().map(|story| story.id);
        id.unwrap_or(StoryId::from_uuid(uuid::Uuid::nil()))
    }

    fn marker(&self, ix: Ix) -> String {
        let story = self.story_id();
        format!("{story}-{ix}-{}", self.task(ix).starts + 1)
    }

    fn review(&self, ix: Ix, number: usize, events: &mut Vec<NewEvent>) {
        let task = self.task(ix);
        let Some(gate) = self.task_gates().nth(number) else {
            return;
        };
        if self.is_cancelling() {
            events.push(self.about(ix, None, EventKind::TaskCancelled {}));
            return;
        }
        let tree = match task.phase {
            Phase::ReviewBase { .. } => task.base,
            _ => task.sealed,
        };
        let Some(tree) = tree else { return };
        if task.phase == (Phase::Review { gate: number }) && number == 0 {
            events.push(self.about(ix, Some(task.attempt), EventKind::TaskInReview {}));
        }
        let gate_events = gate_events(&gate.name, GatePoint::Task, tree);
        events.extend(gate_events.map(|kind| self.about(ix, Some(task.attempt), kind)));
    }

    fn decide_failure(
        &self,
        ix: Ix,
        class: FailureClass,
        until: Option<Timestamp>,
        now: Timestamp,
        events: &mut Vec<NewEvent>,
    ) {
        let task = self.task(ix);
        // An agent that says "cancelled" without having been asked to stop was killed by somebody else.
        let class = match class {
            FailureClass::Cancelled if !self.is_cancelling() => FailureClass::Killed,
            class => class,
        };
        let retrying = |spends, start, after| EventKind::TaskRetrying {
            class,
            spends,
            start,
            after,
        };
        let failed = |why: String| EventKind::TaskFailed { class, why };
        let (spends, remedy) = class.policy();
        let kind = match remedy {
            Remedy::Retry if task.is_without_progress() => failed(
                "two tries in a row ended with the same tree and the same evidence".to_owned(),
            ),
            Remedy::Retry if task.retries >= self.policy.retry_max => {
                failed(format!("not accepted after {} tries", task.attempt))
            }
            Remedy::Retry => {
                let after = self.after(now, task, task.retries);
                retrying(spends, self.next_start(task, class), after)
            }
            Remedy::Restart if task.restarts >= self.policy.restart_max => failed(format!(
                "the agent ended abnormally {} times",
                task.restarts + 1
            )),
            Remedy::Restart => retrying(spends, task.start, self.after(now, task, task.restarts)),
            Remedy::Wait => {
                let until = match (class, until) {
                    _ if task.limits >= LIMITS => None,
                    (_, Some(until)) if until > now => Some(until),
                    (FailureClass::RateLimited, _) | (_, Some(_)) => {
                        Some(self.after(now, task, task.limits + 3))
                    }
                    (_, None) => None,
                };
                let agent = task.assigned().to_owned();
                events.push(NewEvent::story(EventKind::BreakerOpened {
                    provider: self.provider(&agent).to_owned(),
                    agent,
                    until,
                }));
                // The breaker holds it back, and others with it; another agent may begin at once.
                retrying(spends, task.start, now)
            }
            Remedy::Pause => retrying(spends, task.start, now),
            Remedy::Cancel => EventKind::TaskCancelled {},
            Remedy::Block => failed("a dependency failed".to_owned()),
        };
        events.push(self.about(ix, Some(task.attempt), kind));
    }

    /// How the next try starts. The last one starts afresh, in case the earlier work leads nowhere.
    fn next_start(&self, task: &Task, class: FailureClass) -> StartKind {
        let is_last = task.retries + 1 >= self.policy.retry_max;
        match class {
            _ if task.leftovers().is_none() => StartKind::Base,
            FailureClass::Conflict => StartKind::Repair,
            _ if is_last && self.policy.retry_max > 1 => StartKind::Base,
            _ => StartKind::Previous,
        }
    }

    /// The end of the pause before another try: exponential, capped, with a jitter that the task and its history determine.
    fn after(&self, now: Timestamp, task: &Task, spent: u32) -> Timestamp {
        let full = self
            .policy
            .backoff_ms
            .saturating_mul(1 << spent.min(20))
            .min(self.policy.backoff_max_ms);
        let seed = (u64::from(task.starts) << 32) | u64::from(task.attempt);
        let noise = task
            .id
            .as_str()
            .bytes()
            .fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let pause = full / 2
            + if full > 1 {
                (noise >> 16) % (full / 2).max(1)
            } else {
                0
            };
        now.saturating_add(SignedDuration::from_millis(
            i64::try_from(pause).unwrap_or(i64::MAX),
        ))
        .unwrap_or(now)
    }

    /// Everything that does not run is cancelled at once; the rest follows as it stops.
    fn cancel_idle(&self, events: &mut Vec<NewEvent>) {
        for (task, ix) in self.tasks.iter().zip(0..) {
            if matches!(
                task.phase,
                Phase::Pending
                    | Phase::Waiting(_)
                    | Phase::Queued
                    | Phase::Ready
                    | Phase::Unjudged
                    | Phase::Asked { .. }
                    | Phase::Unsealed
            ) && !self.to_block.contains_key(&ix)
            {
                events.push(self.about(ix, None, EventKind::TaskCancelled {}));
            }
        }
    }

    fn decide_run(&self, run: &Run, now: Timestamp) -> Vec<NewEvent> {
        let regating = self
            .regate
            .as_ref()
            .is_some_and(|panel| panel.intent.is_some());
        if self.busy > 0 || self.batch.is_some() || run.finals.intent.is_some() || regating {
            return Vec::new();
        }
        match &run.stop {
            Some(Stop::Cancel) => return finish(RunOutcome::Cancelled, None),
            Some(Stop::Abort) => {
                return finish(
                    RunOutcome::Failed,
                    Some("aborted: a task failed".to_owned()),
                );
            }
            Some(Stop::Pause(why) | Stop::Halt(why)) if run.paused => {
                return finish(RunOutcome::Paused, Some(why.clone()));
            }
            Some(Stop::Pause(why) | Stop::Halt(why)) => {
                return vec![NewEvent::story(EventKind::RunPaused {
                    reason: why.clone(),
                })];
            }
            None => {}
        }
        if let Some(events) = self.next_regate() {
            return events;
        }
        if let Some(event) = self.give_up_waiting(run, now) {
            return vec![NewEvent::story(event)];
        }
        if !self.ready.is_empty() {
            return Vec::new();
        }
        match run.wave {
            Some(wave) if self.open_in_wave == 0 || planted!(LeaveWaveEarly) => {
                let tasks = self.taken(run, wave, |_| true);
                vec![NewEvent::story(match self.open_questions() {
                    Some(reason) => EventKind::RunPaused { reason },
                    None => EventKind::WaveFinished { wave, tasks },
                })]
            }
            Some(_) => Vec::new(),
            None => self.next_wave(run),
        }
    }

    /// Nothing runs: the event that ends the run because nothing will.
    fn give_up_waiting(&self, run: &Run, now: Timestamp) -> Option<EventKind> {
        let waits = |ix: &Ix| self.is_current(*ix);
        if self.queued.iter().any(waits) || self.timers.iter().any(|(_, ix)| waits(ix)) {
            if let Some(which) = self.exhausted(run) {
                return Some(EventKind::BudgetExceeded { which });
            }
            let reason = self.stuck_at_limit(run, now)?;
            return Some(EventKind::RunPaused { reason });
        }
        None
    }

    fn taken(&self, run: &Run, wave: usize, keep: impl Fn(&Task) -> bool) -> Vec<TaskId> {
        let tasks = self.waves.get(wave).map_or(&[][..], Vec::as_slice);
        tasks
            .iter()
            .filter(|ix| run.takes(**ix) && keep(self.task(**ix)))
            .map(|ix| self.task(*ix).id.clone())
            .collect()
    }

    fn next_wave(&self, run: &Run) -> Vec<NewEvent> {
        let next = (self.first_unfinished..self.waves.len())
            .filter(|wave| self.unfinished[*wave] > 0)
            .map(|wave| {
                (
                    wave,
                    self.taken(run, wave, |task| !task.status().is_terminal()),
                )
            })
            .find(|(_, tasks)| !tasks.is_empty());
        if let Some((wave, tasks)) = next {
            return if run.options.one_wave && run.waves_finished > 0 {
                finish(RunOutcome::Paused, Some("wave".to_owned()))
            } else {
                vec![NewEvent::story(EventKind::WaveStarted { wave, tasks })]
            };
        }
        let left: Vec<&Task> = self
            .tasks
            .iter()
            .filter(|task| !matches!(task.status(), TaskStatus::Completed | TaskStatus::Skipped))
            .collect();
        if left.is_empty() {
            return self
                .next_final(self.head_commit(), self.head_tree())
                .unwrap_or_else(|| finish(RunOutcome::ReadyToComplete, None));
        }
        let stuck = (0..).zip(&self.tasks).any(|(ix, task)| {
            run.takes(ix)
                && task.status().is_terminal()
                && !matches!(task.status(), TaskStatus::Completed | TaskStatus::Skipped)
        });
        if !stuck {
            return finish(RunOutcome::Paused, Some("filter".to_owned()));
        }
        let names: Vec<&str> = left.iter().map(|task| task.id.as_str()).collect();
        let why = Some(format!("not accepted: {}", names.join(", ")));
        match self.policy.on_exhausted {
            OnExhausted::PauseStory => finish(RunOutcome::Paused, why),
            OnExhausted::IsolateAndContinue | OnExhausted::AbortStory => {
                finish(RunOutcome::Failed, why)
            }
        }
    }

    /// The next final gate on a commit, or the end of the run when one of them stays red; `None` when all are green.
    pub(super) fn next_final(
        &self,
        commit: crate::model::CommitId,
        tree: crate::model::CommitId,
    ) -> Option<Vec<NewEvent>> {
        let panel = &self.run.as_ref()?.finals;
        if planted!(SkipFinals) {
            return None;
        }
        if let (Some(gate), true) = (&panel.failed, panel.commit == Some(commit)) {
            let why = format!("gate `{gate}` is red on the final result");
            return Some(finish(RunOutcome::Failed, Some(why)));
        }
        self.next_in_panel(panel, GateSchedule::Final, GatePoint::Final, (commit, tree))
    }
}

impl Task {
    /// The agent that does it.
    pub(crate) fn agent_name(&self) -> &str {
        self.agent.as_deref().unwrap_or(DEFAULT_AGENT)
    }

    /// The agent of the present start, or of the last one.
    pub(crate) fn assigned(&self) -> &str {
        self.assigned.as_deref().unwrap_or(self.agent_name())
    }

    const fn is_failing(&self) -> bool {
        matches!(self.phase, Phase::Failing { .. })
    }

    /// The last two tries failed in the same way, with the same tree.
    fn is_without_progress(&self) -> bool {
        match (&self.last_failure, &self.failure) {
            (Some(last), Some(this)) => last == this && this.is_comparable(),
            _ => false,
        }
    }
}

impl Failure {
    /// Enough is known to say that two of them are the same: without a tree, only that nothing had changed.
    fn is_comparable(&self) -> bool {
        !self.digest.is_empty() && (self.tree.is_some() || self.class == FailureClass::NoChange)
    }
}

/// A directory name from the place in the plan and what the id has of plain characters.
fn workspace_name(ix: Ix, id: &TaskId) -> String {
    let mut name = format!("{}-", ix + 1);
    let plain = id
        .as_str()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .map(|c| c.to_ascii_lowercase());
    name.extend(plain.take(32));
    name.truncate(name.trim_end_matches('-').len());
    name
}
