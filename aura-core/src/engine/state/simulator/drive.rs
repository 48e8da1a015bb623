//! Runs one random story to its end.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::super::State;
use super::super::outcome::{AgentEnd, LandOutcome, LandingBuild, Outcome, SealEnd};
use super::audit::Audit;
use super::totals::Totals;
use super::world::World;
use crate::model::{
    Batched, CompleteOptions, Event, EventKind, Evidence, FailureClass, Finding, GateVerdict,
    LeftOut, NewEvent, RunId, SealOutcome, StoryId, StoryStatus, TaskId, TaskStatus, TestCounts,
    Verb,
};

struct Simulation {
    world: World,
    state: State,
    log: Vec<Event>,
    audit: Audit,
    now: Timestamp,
    /// Effects under way and when they end.
    flying: Vec<(Timestamp, NewEvent)>,
    stats: Totals,
    runs: u64,
    /// Crash once, as soon as the log is this long.
    crash_at: Option<usize>,
    /// Tokens that agents said they used.
    tokens: u64,
}

/// Runs the story of a seed to its end.
pub(super) fn simulate(seed: u64) -> Result<Totals, String> {
    run_to_end(Simulation::new(seed))
}

/// The same, with one crash when the log has `length` events and no other disturbance; `None` when it never gets so long.
pub(super) fn simulate_crash_at(seed: u64, length: usize) -> Result<Option<Totals>, String> {
    let mut simulation = Simulation::new(seed);
    simulation.crash_at = Some(length);
    simulation.world.crash = 0;
    let totals = run_to_end(simulation)?;
    Ok((totals.crashes > 0).then_some(totals))
}

fn run_to_end(mut simulation: Simulation) -> Result<Totals, String> {
    simulation.story()?;
    simulation.stats.flaky = simulation.state.flaky.len();
    Ok(simulation.stats)
}

impl Simulation {
    fn new(seed: u64) -> Self {
        Self {
            world: World::new(seed),
            state: State::default(),
            log: Vec::new(),
            audit: Audit::default(),
            now: Timestamp::UNIX_EPOCH,
            flying: Vec::new(),
            stats: Totals::default(),
            runs: 0,
            crash_at: None,
            tokens: 0,
        }
    }

    fn story(&mut self) -> Result<(), String> {
        let base = self.world.branch;
        let base_tree = self.world.tree(base);
        let policy = self.world.policy.clone();
        let plan = self.world.plan();
        self.audit.begin(base);
        self.append(vec![
            NewEvent::story(EventKind::StoryCreated {
                title: "Simulated".to_owned(),
                description: String::new(),
                slug: "simulated".to_owned(),
                branch: "story/simulated".to_owned(),
                base,
                base_tree,
                target: Some("main".to_owned()),
                worktree: None,
                policy: Box::new(policy),
                fingerprint: String::new(),
            }),
            NewEvent::story(EventKind::PlanAccepted {
                plan: Arc::new(plan),
            }),
        ])?;
        for _ in 0..4 {
            if self.state.status == StoryStatus::ReadyToComplete {
                break;
            }
            self.retry_failed()?;
            self.answer_questions()?;
            if self.world.random.percent(10) {
                self.meddle()?;
            }
            let mut options = self.world.options(self.runs);
            if self.world.random.percent(10) {
                options = options.tasks(self.some_tasks());
            }
            if self.runs > 0 && self.world.random.percent(10) {
                self.world.change_gates();
                options = options.accept_config(true);
            }
            let gates = self.world.gates.clone();
            self.run(EventKind::RunStarted {
                options: Box::new(options),
                agents: World::definitions(),
                gates,
                fingerprint: String::new(),
            })?;
        }
        if self.state.status == StoryStatus::ReadyToComplete || self.world.random.percent(20) {
            if self.world.random.percent(10) {
                self.world.change_gates();
            }
            let options = Box::new(CompleteOptions::default().merge(true));
            let gates = self.world.gates.clone();
            let checks = Vec::new();
            self.run(EventKind::LandingRequested {
                options,
                gates,
                checks,
            })?;
        }
        Ok(())
    }

    /// A task and everything unaccepted that it depends on.
    fn some_tasks(&mut self) -> Vec<TaskId> {
        let last = self.world.random.below(self.world.tasks as u64);
        let last = u32::try_from(last).expect("small");
        let mut chosen = std::collections::BTreeSet::from([last]);
        let mut stack = vec![last];
        while let Some(ix) = stack.pop() {
            for dependency in self.state.task(ix).dependencies.clone() {
                if self.state.task(dependency).status() != TaskStatus::Completed
                    && chosen.insert(dependency)
                {
                    stack.push(dependency);
                }
            }
        }
        chosen
            .into_iter()
            .map(|ix| self.state.task(ix).id.clone())
            .collect()
    }

    /// Retries or skips some task, whether that is possible or not.
    fn meddle(&mut self) -> Result<(), String> {
        let ix = self.world.random.below(self.world.tasks as u64);
        let task = TaskId::new(format!("t{ix}"));
        match self.world.random.below(10) {
            0..=5 => self.command(Verb::Retry { task, note: None }),
            6..=7 => self.command(Verb::Approve { task }),
            _ => self.command(Verb::Skip { task }),
        }
    }

    fn retry_failed(&mut self) -> Result<(), String> {
        let failed: Vec<u32> = self.audit.failed().collect();
        for ix in failed {
            if self.world.random.percent(60) {
                let task = TaskId::new(format!("t{ix}"));
                self.command(Verb::Retry { task, note: None })?;
            }
        }
        Ok(())
    }

    /// Answers most of what gates ask, at once or later.
    fn answer_questions(&mut self) -> Result<(), String> {
        let asked: Vec<u32> = self.audit.asked().collect();
        for ix in asked {
            let task = TaskId::new(format!("t{ix}"));
            match self.world.random.below(10) {
                0..=5 => self.command(Verb::Approve { task })?,
                6 => self.command(Verb::Retry { task, note: None })?,
                7 => self.command(Verb::Skip { task })?,
                _ => {}
            }
        }
        Ok(())
    }

    fn command(&mut self, verb: Verb) -> Result<(), String> {
        let events = self.state.answer_command(verb, "simulation");
        self.append(events)
    }

    fn run(&mut self, first: EventKind) -> Result<(), String> {
        self.runs += 1;
        self.append(vec![NewEvent::story(first)])?;
        for _ in 0..5_000 {
            if self.state.run.is_none() {
                if !self.flying.is_empty() {
                    return Err("the run ended with effects under way".to_owned());
                }
                let (counted, used) = (self.state.usage.tokens(), self.tokens);
                return if counted == used {
                    Ok(())
                } else {
                    Err(format!("{counted} tokens are counted, {used} were used"))
                };
            }
            self.disturb()?;
            if self.state.run.is_some() {
                self.step()?;
            }
        }
        let last: Vec<String> = self.log[self.log.len().saturating_sub(12)..]
            .iter()
            .map(|event| format!("{:?} {:?}", event.task, event.kind))
            .collect();
        Err(format!("the run does not end: {last:#?}"))
    }

    /// A person, a crash, or somebody else's commit, now and then.
    fn disturb(&mut self) -> Result<(), String> {
        if let Some(length) = self.crash_at {
            if self.log.len() >= length {
                self.crash_at = None;
                self.crash()?;
            }
            return Ok(());
        }
        match self.world.random.below(1_000) {
            0..=3 => self.command(Verb::Pause)?,
            4..=5 => self.command(Verb::Cancel)?,
            6..=9 => self.command(Verb::Resume)?,
            20..=24 => self.meddle()?,
            25..=34 => self.answer_questions()?,
            10..=19 if self.state.landing.is_some() => {
                let content = self.world.content(self.world.target).clone();
                self.world.target = self.world.commit(content);
            }
            _ => {}
        }
        let crash = self.world.crash;
        if self.world.random.percent(crash) {
            self.crash()?;
        }
        Ok(())
    }

    /// Everything in memory is gone; what was appended is not.
    fn crash(&mut self) -> Result<(), String> {
        self.stats.crashes += 1;
        self.flying.clear();
        let folded = State::fold(&self.log);
        if folded != self.state {
            return Err("folding the log again gives another state".to_owned());
        }
        self.state = folded;
        for intent in self.state.outstanding() {
            let outcome = match &intent.kind {
                EventKind::IntentStart { .. } => {
                    Some(self.agent_end(&intent, Some(FailureClass::Killed)))
                }
                _ => None,
            };
            match outcome {
                Some(outcome) => {
                    let events = self.state.record(outcome);
                    self.append(events)?;
                }
                None => self.launch(intent),
            }
        }
        self.append(Vec::new())
    }

    /// Lets the next effect end, or moves the clock to the next timer.
    fn step(&mut self) -> Result<(), String> {
        let next = self.flying.iter().map(|(at, _)| *at).min();
        let wakeup = self.state.next_wakeup();
        let at = match (next, wakeup) {
            (Some(a), Some(b)) => a.min(b),
            (Some(a), None) | (None, Some(a)) => a,
            (None, None) => {
                let phases: Vec<_> = self
                    .state
                    .tasks
                    .iter()
                    .map(|task| {
                        (
                            &task.phase,
                            task.wave,
                            &task.dependencies,
                            task.open_dependencies,
                        )
                    })
                    .collect();
                return Err(format!(
                    "nothing is under way and nothing will happen: {phases:?}, {:?}",
                    self.state.run
                ));
            }
        };
        self.now = self.now.max(at);
        let ended = self.flying.iter().position(|(at, _)| *at <= self.now);
        let Some(ended) = ended else {
            return self.append(Vec::new());
        };
        let (_, intent) = self.flying.swap_remove(ended);
        let outcome = self.perform(&intent);
        let events = self.state.record(outcome);
        self.append(events)
    }

    fn append(&mut self, new: Vec<NewEvent>) -> Result<(), String> {
        let from = self.log.len();
        for event in new {
            let event = self.stamp(event);
            self.apply(event)?;
        }
        loop {
            let decisions = self.state.decide(self.now);
            if decisions.is_empty() {
                break;
            }
            for decision in decisions {
                let event = self.stamp(decision);
                self.apply(event)?;
            }
            if self.log.len() > from + 10_000 {
                return Err("decisions never end".to_owned());
            }
        }
        let new: Vec<Event> = self.log[from..]
            .iter()
            .filter(|event| event.kind.is_intent())
            .cloned()
            .collect();
        for event in new {
            self.launch(NewEvent {
                task: event.task,
                attempt: event.attempt,
                kind: event.kind,
            });
        }
        Ok(())
    }

    fn apply(&mut self, event: Event) -> Result<(), String> {
        let before = event
            .task
            .as_ref()
            .and_then(|id| self.state.ix(id))
            .map(|ix| (ix, self.state.task(ix).status()));
        self.audit.check(&self.world, &event)?;
        self.stats.note(&event.kind);
        if let (EventKind::IntentStart { agent, .. }, Some((ix, _))) = (&event.kind, before) {
            self.stats.stood_in += usize::from(self.world.agents[ix as usize] != agent);
        }
        self.state.apply(&event);
        if let Some((ix, before)) = before {
            let after = self.state.task(ix).status();
            if before != after && !before.may_become(after) {
                return Err(format!(
                    "event {}: task went from {before:?} to {after:?}",
                    event.seq
                ));
            }
        }
        self.log.push(event);
        Ok(())
    }

    fn stamp(&self, event: NewEvent) -> Event {
        Event {
            seq: self.log.len() as u64 + 1,
            at: self.now,
            story: StoryId::from_uuid(uuid::Uuid::nil()),
            run: Some(RunId::from_uuid(uuid::Uuid::from_u128(u128::from(
                self.runs,
            )))),
            task: event.task,
            attempt: event.attempt,
            kind: event.kind,
        }
    }

    fn launch(&mut self, intent: NewEvent) {
        let millis = match &intent.kind {
            EventKind::IntentStart { .. } => 1_000 + self.world.random.below(20_000),
            EventKind::IntentGate { .. } => 100 + self.world.random.below(2_000),
            _ => self.world.random.below(50),
        };
        let at = self.now + SignedDuration::from_millis(i64::try_from(millis).expect("small"));
        self.flying.push((at, intent));
    }

    fn perform(&mut self, intent: &NewEvent) -> Outcome {
        let task = intent.task.as_ref().and_then(|id| self.state.ix(id));
        match (&intent.kind, task) {
            (EventKind::IntentWorkspace { start, .. }, Some(task)) => {
                if self.world.random.percent(1) {
                    return Outcome::NoWorkspace {
                        task,
                        why: "disk full".to_owned(),
                    };
                }
                Outcome::Workspace {
                    task,
                    start: *start,
                    conflicts: Vec::new(),
                    salvaged: None,
                }
            }
            (EventKind::IntentStart { .. }, _) => {
                let EventKind::IntentStart { agent, .. } = &intent.kind else {
                    panic!("not a start");
                };
                let failure = if self.state.is_cancelling() {
                    Some(FailureClass::Cancelled)
                } else {
                    self.world.agent_failure(agent)
                };
                self.agent_end(intent, failure)
            }
            (EventKind::IntentSeal { .. }, Some(task)) => self.seal(task),
            (
                EventKind::IntentCandidate {
                    candidate,
                    base,
                    tasks,
                    ..
                },
                _,
            ) => self.candidate(*candidate, *base, tasks),
            (EventKind::IntentGate { .. }, _) => self.gate(intent),
            (
                EventKind::IntentMoveRef {
                    reference,
                    old,
                    new,
                    tree,
                    tasks,
                },
                _,
            ) => {
                assert!(
                    self.world.branch == *old || self.world.branch == *new,
                    "the branch is elsewhere"
                );
                self.world.branch = *new;
                Outcome::Moved {
                    reference: reference.clone(),
                    new: *new,
                    tree: *tree,
                    tasks: tasks.clone(),
                    warnings: Vec::new(),
                }
            }
            (EventKind::IntentLanding { .. }, _) => self.build_landing(),
            (EventKind::IntentLand { old, new, .. }, _) => {
                if self.world.target == *old || self.world.target == *new {
                    self.world.target = *new;
                    Outcome::Landed(LandOutcome::Landed {
                        commit: *new,
                        previous: *old,
                    })
                } else {
                    Outcome::Landed(LandOutcome::TargetMoved {
                        found: self.world.target,
                    })
                }
            }
            other => panic!("{other:?} is no effect"),
        }
    }

    fn agent_end(&mut self, intent: &NewEvent, failure: Option<FailureClass>) -> Outcome {
        let task = intent
            .task
            .as_ref()
            .and_then(|id| self.state.ix(id))
            .expect("a task");
        let minutes = match (failure, self.world.random.below(4)) {
            (Some(FailureClass::Quota), 0 | 1) => Some(30),
            // Longer than a run waits.
            (Some(FailureClass::Quota), 2) => Some(7 * 60),
            _ => None,
        };
        let until = minutes.map(|minutes| self.now + SignedDuration::from_mins(minutes));
        let usage = self.world.usage();
        self.tokens += usage.tokens();
        Outcome::Agent {
            task,
            end: AgentEnd {
                failure: failure.map(|class| (class, until)),
                evidence: Evidence::summary(format!(
                    "{failure:?} of start {}",
                    self.state.task(task).starts
                )),
                output: String::new(),
                session: None,
                tool_improvement_proposal: None,
                usage,
                duration_ms: 1,
                log: None,
                salvaged: None,
            },
        }
    }

    fn seal(&mut self, task: u32) -> Outcome {
        if self.world.random.percent(4) {
            let class = if self.world.random.percent(30) {
                FailureClass::Broken
            } else {
                FailureClass::NoChange
            };
            return Outcome::Seal {
                task,
                end: SealEnd::Refused {
                    class,
                    evidence: Evidence::summary(format!(
                        "nothing in try {}",
                        self.state.task(task).attempt
                    )),
                    salvaged: None,
                },
            };
        }
        let this = self.state.task(task);
        let (base, attempt) = (this.base.expect("a base").0, this.retries + 1);
        let commit = self.world.work(task, attempt, base);
        let tree = self.world.tree(commit);
        let outcome = SealOutcome::Sealed {
            commit,
            tree,
            paths: Vec::new(),
            ignored: Vec::new(),
        };
        Outcome::Seal {
            task,
            end: SealEnd::Done(outcome),
        }
    }

    fn candidate(
        &mut self,
        candidate: u32,
        base: crate::model::CommitId,
        ids: &[TaskId],
    ) -> Outcome {
        let mut tip = base;
        let mut tasks = Vec::new();
        let mut left_out = Vec::new();
        for id in ids {
            let ix = self.state.ix(id).expect("a task");
            let (sealed, _) = self.state.task(ix).sealed.expect("sealed");
            match self.world.rebase(ix, sealed, tip) {
                Some(commit) => {
                    tip = commit;
                    tasks.push(Batched {
                        task: id.clone(),
                        commit,
                        tree: self.world.tree(commit),
                    });
                }
                None => left_out.push(LeftOut {
                    task: id.clone(),
                    paths: vec!["shared.txt".to_owned()],
                    with_head: self.world.rebase(ix, sealed, base).is_none(),
                }),
            }
        }
        Outcome::Candidate {
            candidate,
            base,
            tasks,
            left_out,
        }
    }

    fn gate(&mut self, intent: &NewEvent) -> Outcome {
        let EventKind::IntentGate {
            gate, at, commit, ..
        } = &intent.kind
        else {
            panic!("not a gate");
        };
        let verdict = if self.state.is_cancelling() {
            GateVerdict::Cancelled
        } else if self.world.random.below(500) == 0 {
            GateVerdict::Broken {
                why: "no such program".to_owned(),
            }
        } else if self.world.asks(gate, *at) {
            GateVerdict::NeedsHuman {
                why: "is that meant?".to_owned(),
            }
        } else if self.world.judge(gate, *at, *commit) {
            GateVerdict::Passed
        } else {
            let message = format!("red {}", self.world.random.next());
            GateVerdict::Failed {
                findings: vec![Finding {
                    file: None,
                    line: None,
                    column: None,
                    message,
                }],
            }
        };
        Outcome::Gate {
            task: intent.task.as_ref().and_then(|id| self.state.ix(id)),
            gate: gate.clone(),
            at: *at,
            commit: *commit,
            verdict,
            counts: self.world.counts_tests().then(|| TestCounts {
                passed: self.world.tests(*commit),
                ..TestCounts::default()
            }),
            output_tail: String::new(),
            usage: crate::model::Usage::default(),
            log: None,
            duration_ms: 1,
        }
    }

    fn build_landing(&mut self) -> Outcome {
        if self.world.random.percent(3) {
            return Outcome::LandingBuilt(LandingBuild::Parked {
                reason: crate::model::ParkReason::Conflict,
                why: "conflict".to_owned(),
                paths: vec!["a".to_owned()],
            });
        }
        let old = self.world.target;
        let content = self.world.content(self.world.branch).clone();
        let new = self.world.commit(content);
        Outcome::LandingBuilt(LandingBuild::Built {
            reference: "refs/heads/main".to_owned(),
            worktree: None,
            old,
            new,
            tree: self.world.tree(new),
        })
    }
}
