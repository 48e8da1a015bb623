//! Logs for the tests of the views, with every event that the engine would write for the same course of things.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::engine::state::State;
use crate::model::{
    AttemptOutcome, Batched, CommitId, Edge, Event, EventKind, Evidence, FailureClass, GatePoint,
    GateVerdict, Plan, Policy, RunId, RunOptions, RunOutcome, SealOutcome, Spends, StartKind,
    StoryId, StoryTask, TaskId, Usage, Wave,
};

pub(super) fn id(n: u8) -> CommitId {
    CommitId::from_bytes([n; 20])
}

/// A time in seconds after the story was created.
pub(super) fn second(n: u64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(n.cast_signed())
}

pub(super) struct Log {
    pub(super) events: Vec<Event>,
    pub(super) now: u64,
    run: u128,
    commits: u8,
}

impl Log {
    /// A story with tasks of the given waves and dependencies.
    pub(super) fn new(
        policy: Policy,
        tasks: &[(&str, usize, &[&str])],
        added: &[(&str, &str)],
    ) -> Self {
        let mut log = Self {
            events: Vec::new(),
            now: 0,
            run: 0,
            commits: 10,
        };
        log.story(EventKind::StoryCreated {
            title: "Add email validation".to_owned(),
            description: "At length".to_owned(),
            slug: "add-email-validation".to_owned(),
            branch: "story/add-email-validation-000001".to_owned(),
            base: id(1),
            base_tree: id(2),
            target: Some("main".to_owned()),
            worktree: Some("/home/me/app-worktrees/tree".to_owned()),
            policy: Box::new(policy),
            fingerprint: String::new(),
        });
        log.story(EventKind::PlanAccepted {
            plan: Arc::new(plan(tasks, added)),
        });
        log
    }

    pub(super) fn at(&mut self, seconds: u64) -> &mut Self {
        self.now = seconds;
        self
    }

    pub(super) fn state(&self) -> State {
        State::fold(&self.events)
    }

    fn push(&mut self, task: Option<&str>, attempt: Option<u32>, kind: EventKind) {
        self.events.push(Event {
            seq: self.events.len() as u64 + 1,
            at: second(self.now),
            story: StoryId::from_uuid(uuid::Uuid::from_u128(1)),
            run: Some(RunId::from_uuid(uuid::Uuid::from_u128(self.run))),
            task: task.map(TaskId::new),
            attempt,
            kind,
        });
    }

    pub(super) fn story(&mut self, kind: EventKind) -> &mut Self {
        self.push(None, None, kind);
        self
    }

    pub(super) fn task(&mut self, task: &str, kind: EventKind) -> &mut Self {
        self.push(Some(task), Some(1), kind);
        self
    }

    pub(super) fn run(&mut self) -> &mut Self {
        self.run += 1;
        self.story(EventKind::RunStarted {
            options: Box::new(RunOptions::default().max_parallel(2)),
            agents: Vec::new(),
            gates: Vec::new(),
            fingerprint: String::new(),
        })
    }

    pub(super) fn finish(&mut self, outcome: RunOutcome, reason: Option<&str>) -> &mut Self {
        self.story(EventKind::RunFinished {
            outcome,
            reason: reason.map(ToOwned::to_owned),
        })
    }

    pub(super) fn wave(&mut self, wave: usize, tasks: &[&str]) -> &mut Self {
        self.story(EventKind::WaveStarted {
            wave,
            tasks: tasks.iter().map(|task| TaskId::new(*task)).collect(),
        })
    }

    /// The agent of a try starts.
    pub(super) fn start(&mut self, task: &str, attempt: u32) -> &mut Self {
        let attempt = Some(attempt);
        self.push(Some(task), None, EventKind::TaskQueued {});
        let kind = EventKind::IntentWorkspace {
            path: task.to_owned(),
            base: id(1),
            start: StartKind::Base,
            previous: None,
            agent: "default".to_owned(),
        };
        self.push(Some(task), attempt, kind);
        let kind = EventKind::WorkspaceReady {
            start: StartKind::Base,
            conflicts: Vec::new(),
        };
        self.push(Some(task), attempt, kind);
        let kind = EventKind::IntentStart {
            marker: format!("m-{task}"),
            agent: "default".to_owned(),
        };
        self.push(Some(task), attempt, kind);
        let kind = EventKind::TaskStarted {
            agent: "default".to_owned(),
            start: StartKind::Base,
        };
        self.push(Some(task), attempt, kind);
        self
    }

    /// The agent of a try ends well after so many seconds, and its work is sealed.
    pub(super) fn exit(&mut self, task: &str, attempt: u32, seconds: u64) -> &mut Self {
        let attempt = Some(attempt);
        let usage = Usage {
            input_tokens: 100,
            output_tokens: 10,
            cost_usd: 0.5,
        };
        let kind = EventKind::AgentExited {
            session: Some(format!("s-{task}")),
            output: format!("{task} is done"),
            tool_improvement_proposal: None,
            usage,
            duration_ms: seconds * 1_000,
            log: None,
        };
        self.push(Some(task), attempt, kind);
        let kind = EventKind::IntentSeal {
            reference: format!("refs/aura/attempts/{task}"),
            time: second(self.now),
        };
        self.push(Some(task), attempt, kind);
        let kind = EventKind::AttemptFinished {
            outcome: AttemptOutcome::Succeeded,
            evidence: None,
            digest: String::new(),
            usage,
            duration_ms: seconds * 1_000,
        };
        self.push(Some(task), attempt, kind);
        let commit = self.fresh();
        let outcome = SealOutcome::Sealed {
            commit,
            tree: commit,
            paths: vec!["a".to_owned()],
            ignored: Vec::new(),
        };
        self.push(Some(task), attempt, EventKind::TaskSealed { outcome });
        self
    }

    /// The agent of a try ends badly after so many seconds.
    pub(super) fn fail(
        &mut self,
        task: &str,
        attempt: u32,
        class: FailureClass,
        seconds: u64,
    ) -> &mut Self {
        let kind = EventKind::AttemptFinished {
            outcome: AttemptOutcome::failed(class),
            evidence: Some(Box::new(Evidence::summary(format!("{task} ended badly")))),
            digest: "digest".to_owned(),
            usage: Usage::default(),
            duration_ms: seconds * 1_000,
        };
        self.push(Some(task), Some(attempt), kind);
        self
    }

    pub(super) fn retry(&mut self, task: &str, class: FailureClass, spends: Spends) -> &mut Self {
        let kind = EventKind::TaskRetrying {
            class,
            spends,
            start: StartKind::Base,
            after: second(self.now),
        };
        self.task(task, kind)
    }

    pub(super) fn gate_start(
        &mut self,
        task: Option<&str>,
        gate: &str,
        at: GatePoint,
    ) -> &mut Self {
        let gate = gate.to_owned();
        let intent = EventKind::IntentGate {
            gate: gate.clone(),
            at,
            commit: id(3),
            tree: id(4),
        };
        self.push(task, None, intent);
        let kind = EventKind::GateStarted {
            gate,
            at,
            commit: id(3),
        };
        self.push(task, None, kind);
        self
    }

    pub(super) fn gate_end(
        &mut self,
        task: Option<&str>,
        gate: &str,
        at: GatePoint,
        verdict: GateVerdict,
        seconds: u64,
    ) -> &mut Self {
        let kind = EventKind::GateFinished {
            gate: gate.to_owned(),
            at,
            commit: id(3),
            on_base: false,
            verdict,
            counts: None,
            output_tail: String::new(),
            usage: Usage::default(),
            log: None,
            duration_ms: seconds * 1_000,
        };
        self.push(task, None, kind);
        self
    }

    /// Sealed tasks become a candidate.
    pub(super) fn candidate(&mut self, tasks: &[&str]) -> &mut Self {
        let base = self.state().head_commit();
        let intent = EventKind::IntentCandidate {
            candidate: 1,
            base,
            tasks: tasks.iter().map(|task| TaskId::new(*task)).collect(),
            time: second(self.now),
        };
        self.story(intent);
        let tasks = tasks
            .iter()
            .map(|task| {
                let commit = self.fresh();
                Batched {
                    task: TaskId::new(*task),
                    commit,
                    tree: commit,
                }
            })
            .collect();
        self.story(EventKind::CandidateBuilt {
            candidate: 1,
            base,
            tasks,
            left_out: Vec::new(),
        })
    }

    /// The candidate is accepted.
    pub(super) fn accept(&mut self, tasks: &[&str]) -> &mut Self {
        let new = self.fresh();
        self.story(EventKind::RefMoved {
            reference: "refs/heads/story/add-email-validation-000001".to_owned(),
            new,
            tree: new,
        });
        for task in tasks {
            self.push(Some(task), None, EventKind::TaskAccepted { commit: new });
        }
        self
    }

    fn fresh(&mut self) -> CommitId {
        self.commits += 1;
        id(self.commits)
    }
}

fn plan(tasks: &[(&str, usize, &[&str])], added: &[(&str, &str)]) -> Plan {
    let tasks: Vec<StoryTask> = tasks
        .iter()
        .map(|(id, wave, dependencies)| {
            let mut task =
                StoryTask::new(*id, format!("Task {id}")).depends_on(dependencies.iter().copied());
            task.wave = *wave;
            task
        })
        .collect();
    let waves = tasks.iter().map(|task| task.wave + 1).max().unwrap_or(0);
    let mut plan = Plan::from_parts("Add email validation".to_owned(), String::new(), tasks);
    plan.waves = (0..waves)
        .map(|index| Wave {
            index,
            tasks: plan
                .tasks
                .iter()
                .filter(|task| task.wave == index)
                .map(|task| task.id.clone())
                .collect(),
        })
        .collect();
    plan.added_edges = added
        .iter()
        .map(|(before, after)| Edge {
            before: TaskId::new(*before),
            after: TaskId::new(*after),
            why: "overlap".to_owned(),
        })
        .collect();
    plan
}
