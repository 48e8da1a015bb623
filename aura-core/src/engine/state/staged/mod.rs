//! Whole stories with agents that a test scripts, on a clock that moves only when nothing else can.
//!
//! Everything but the agents goes well here and takes no time; the simulator next door disturbs the rest.

mod budgets;
mod fallback;
mod faults;
mod parallelism;
mod provider;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::outcome::{AgentEnd, Outcome, SealEnd};
use super::{Ix, State};
use crate::model::{
    AgentDefinition, Batched, CommitId, Event, EventKind, Evidence, FailureClass, NewEvent, Plan,
    Policy, RunId, RunOptions, RunOutcome, SealOutcome, StoryId, StoryTask, Usage,
};

/// A start of an agent, as a script and a test see it.
#[derive(Debug, Clone, PartialEq)]
struct Start {
    task: usize,
    agent: String,
    /// How many starts there were before it, of any task.
    number: usize,
    /// How many others are under way.
    beside: usize,
    at: Timestamp,
}

/// How a start ends.
#[derive(Debug, Clone)]
struct End {
    failure: Option<(FailureClass, Option<Timestamp>)>,
    usage: Usage,
    seconds: i64,
}

impl End {
    fn well(seconds: i64) -> Self {
        Self {
            failure: None,
            usage: Usage::default(),
            seconds,
        }
    }

    fn failed(class: FailureClass, seconds: i64) -> Self {
        Self {
            failure: Some((class, None)),
            ..Self::well(seconds)
        }
    }

    fn limited(class: FailureClass, until: Option<Timestamp>, seconds: i64) -> Self {
        Self {
            failure: Some((class, until)),
            ..Self::well(seconds)
        }
    }

    fn using(mut self, tokens: u64) -> Self {
        self.usage = Usage {
            input_tokens: tokens,
            output_tokens: 0,
            cost_usd: tokens as f64 / 1000.0,
        };
        self
    }
}

fn minute(minutes: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
}

/// Tasks that do not depend on each other; the agent of each by its number.
fn tasks(count: usize, agent: impl Fn(usize) -> &'static str) -> Vec<StoryTask> {
    let task = |number| {
        let mut task = StoryTask::new(format!("t{number}"), "Something");
        task.agent = Some(agent(number).to_owned()).filter(|name| name != "default");
        task
    };
    (0..count).map(task).collect()
}

/// One story.
struct Stage<S> {
    state: State,
    now: Timestamp,
    log: Vec<Event>,
    flying: BTreeMap<(Timestamp, usize), Outcome>,
    launched: usize,
    commits: u64,
    runs: u128,
    agents: Vec<AgentDefinition>,
    starts: Vec<Start>,
    /// Starts under way, and the most there were.
    working: usize,
    most_working: usize,
    script: S,
}

impl<S: FnMut(&Start) -> End> Stage<S> {
    fn new(
        tasks: Vec<StoryTask>,
        policy: Policy,
        agents: &[(&str, Option<&str>)],
        script: S,
    ) -> Self {
        let definition = |(name, provider): &(&str, Option<&str>)| AgentDefinition {
            name: (*name).to_owned(),
            digest: String::new(),
            provider: provider.map(ToOwned::to_owned),
            version: None,
        };
        let mut stage = Self {
            state: State::default(),
            now: Timestamp::UNIX_EPOCH,
            log: Vec::new(),
            flying: BTreeMap::new(),
            launched: 0,
            commits: 0,
            runs: 0,
            agents: agents.iter().map(definition).collect(),
            starts: Vec::new(),
            working: 0,
            most_working: 0,
            script,
        };
        let base = stage.commit();
        let plan = Plan::new("Staged", tasks).expect("a plan");
        stage.append(vec![
            NewEvent::story(EventKind::StoryCreated {
                title: "Staged".to_owned(),
                description: String::new(),
                slug: "staged".to_owned(),
                branch: "story/staged".to_owned(),
                base,
                base_tree: base,
                target: None,
                worktree: None,
                policy: Box::new(policy),
                fingerprint: String::new(),
            }),
            NewEvent::story(EventKind::PlanAccepted {
                plan: Arc::new(plan),
            }),
        ]);
        stage
    }

    /// Runs until the run ends: its outcome and reason.
    fn run(&mut self, options: RunOptions) -> (RunOutcome, String) {
        self.begin_run(options);
        self.finish()
    }

    fn begin_run(&mut self, options: RunOptions) {
        self.runs += 1;
        self.append(vec![NewEvent::story(EventKind::RunStarted {
            options: Box::new(options),
            agents: self.agents.clone(),
            gates: Vec::new(),
            fingerprint: String::new(),
        })]);
    }

    fn finish(&mut self) -> (RunOutcome, String) {
        while self.state.run.is_some() {
            self.step();
        }
        let end = self.log.iter().rev().find_map(|event| match &event.kind {
            EventKind::RunFinished { outcome, reason } => {
                Some((*outcome, reason.clone().unwrap_or_default()))
            }
            _ => None,
        });
        let folded = State::fold(&self.log);
        assert_eq!(folded, self.state, "the fold is the same again");
        end.expect("an end")
    }

    /// Lets the next effect end, or moves the clock to the next timer.
    fn step(&mut self) {
        let next = self.flying.first_key_value().map(|((at, _), _)| *at);
        let at = match (next, self.state.next_wakeup()) {
            (Some(a), Some(b)) => a.min(b),
            (a, b) => a.or(b).expect("something will happen"),
        };
        self.now = self.now.max(at);
        let events = match self.flying.first_entry() {
            Some(first) if first.key().0 <= self.now => {
                let outcome = first.remove();
                self.working -= usize::from(matches!(outcome, Outcome::Agent { .. }));
                self.state.record(outcome)
            }
            _ => Vec::new(),
        };
        self.append(events);
    }

    /// What of the log concerns limits, in short.
    fn told(&self) -> Vec<String> {
        let told = self.log.iter().filter_map(|event| match &event.kind {
            EventKind::BreakerOpened { provider, .. } => Some(format!("{provider} opened")),
            EventKind::BreakerClosed { provider } => Some(format!("{provider} closed")),
            EventKind::ParallelismChanged { agent, limit, .. } => Some(format!("{agent}: {limit}")),
            EventKind::BudgetExceeded { which } => Some(format!("{which:?} exceeded")),
            EventKind::RunPaused { .. } => Some("paused".to_owned()),
            _ => None,
        });
        told.collect()
    }

    fn accepted(&self) -> usize {
        let accepted = |event: &&Event| matches!(event.kind, EventKind::TaskAccepted { .. });
        self.log.iter().filter(accepted).count()
    }

    fn commit(&mut self) -> CommitId {
        let mut bytes = [0; 20];
        self.commits += 1;
        bytes[..8].copy_from_slice(&self.commits.to_be_bytes());
        CommitId::from_bytes(bytes)
    }

    /// What the dispatcher does with new events, without a store.
    fn append(&mut self, new: Vec<NewEvent>) {
        let (now, runs) = (self.now, self.runs);
        let from = self.log.len();
        for event in new {
            let event = stamp(self.state.last_seq + 1, now, runs, event);
            self.state.apply(&event);
            self.log.push(event);
        }
        let decided = self.state.settle(now, |state, event| {
            stamp(state.last_seq + 1, now, runs, event)
        });
        self.log.extend(decided);
        for position in from..self.log.len() {
            if self.log[position].kind.is_intent() {
                let event = self.log[position].clone();
                self.launch(event);
            }
        }
    }

    fn launch(&mut self, intent: Event) {
        let task = intent.task.as_ref().and_then(|id| self.state.ix(id));
        let mut at = self.now;
        let outcome = match (intent.kind, task) {
            (EventKind::IntentWorkspace { start, .. }, Some(task)) => Outcome::Workspace {
                task,
                start,
                conflicts: Vec::new(),
                salvaged: None,
            },
            (EventKind::IntentStart { agent, .. }, Some(task)) => {
                let (end, seconds) = self.begin(task, agent);
                at += SignedDuration::from_secs(seconds);
                Outcome::Agent { task, end }
            }
            (EventKind::IntentSeal { .. }, Some(task)) => {
                let commit = self.commit();
                Outcome::Seal {
                    task,
                    end: SealEnd::Done(SealOutcome::Sealed {
                        commit,
                        tree: commit,
                        paths: Vec::new(),
                        ignored: Vec::new(),
                    }),
                }
            }
            (
                EventKind::IntentCandidate {
                    candidate,
                    base,
                    tasks,
                    ..
                },
                None,
            ) => {
                let batched = |task| {
                    let commit = self.commit();
                    Batched {
                        task,
                        commit,
                        tree: commit,
                    }
                };
                Outcome::Candidate {
                    candidate,
                    base,
                    tasks: tasks.into_iter().map(batched).collect(),
                    left_out: Vec::new(),
                }
            }
            (
                EventKind::IntentMoveRef {
                    reference,
                    new,
                    tree,
                    tasks,
                    ..
                },
                None,
            ) => Outcome::Moved {
                reference,
                new,
                tree,
                tasks,
                warnings: Vec::new(),
            },
            other => panic!("{other:?} is no effect"),
        };
        self.launched += 1;
        self.flying.insert((at, self.launched), outcome);
    }

    fn begin(&mut self, task: Ix, agent: String) -> (AgentEnd, i64) {
        let start = Start {
            task: task as usize,
            agent,
            number: self.starts.len(),
            beside: self.working,
            at: self.now,
        };
        let end = (self.script)(&start);
        self.starts.push(start);
        self.working += 1;
        self.most_working = self.most_working.max(self.working);
        let ended = AgentEnd {
            failure: end.failure,
            evidence: Evidence::summary(format!("of start {}", self.starts.len())),
            output: String::new(),
            session: None,
            tool_improvement_proposal: None,
            usage: end.usage,
            duration_ms: 0,
            log: None,
            salvaged: None,
        };
        (ended, end.seconds)
    }
}

fn stamp(seq: u64, at: Timestamp, run: u128, event: NewEvent) -> Event {
    Event {
        seq,
        at,
        story: StoryId::from_uuid(uuid::Uuid::nil()),
        run: Some(RunId::from_uuid(uuid::Uuid::from_u128(run))),
        task: event.task,
        attempt: event.attempt,
        kind: event.kind,
    }
}
