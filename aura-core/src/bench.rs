//! What the benchmarks measure that has no public name. No part of the API: it changes without notice.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::engine::state::{AgentEnd, Outcome, SealEnd, State};
use crate::error::Result;
use crate::model::{
    Batched, CommitId, Event, EventKind, Evidence, NewEvent, Plan, Policy, RunId, RunOptions,
    SealOutcome, StoryId, StoryStatus, StoryTask, TaskId, Usage,
};
use crate::process::{self, Command};

/// What a story of tasks that do nothing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Tasks that were accepted.
    pub accepted: usize,
    /// Events of all kinds, intents included.
    pub events: u64,
}

/// A plan of tasks without content; `dependencies[i]` are the numbers of the tasks that task `i` waits for.
///
/// # Errors
/// What validation finds: a cycle, a number without a task.
pub fn plan(dependencies: &[Vec<u32>]) -> Result<Plan> {
    let tasks = dependencies.iter().enumerate().map(|(ix, list)| {
        StoryTask::new(format!("t{ix}"), "Nothing")
            .depends_on(list.iter().map(|on| format!("t{on}")))
    });
    Plan::new("Nothing", tasks)
}

/// Decides on and folds a whole story in memory, with effects that take no time, `parallel` agents at once.
pub fn tell(plan: Plan, parallel: usize) -> Told {
    let mut story = Story {
        state: State::default(),
        commits: 0,
        effects: VecDeque::new(),
        accepted: 0,
    };
    let base = story.commit();
    story.append(vec![NewEvent::story(EventKind::StoryCreated {
        title: plan.title.clone(),
        description: String::new(),
        slug: "nothing".to_owned(),
        branch: "story/nothing".to_owned(),
        base,
        base_tree: base,
        target: None,
        worktree: None,
        policy: Box::new(Policy::default()),
        fingerprint: String::new(),
    })]);
    story.append(vec![NewEvent::story(EventKind::PlanAccepted {
        plan: Arc::new(plan),
    })]);
    story.append(vec![NewEvent::story(EventKind::RunStarted {
        options: Box::new(RunOptions::default().max_parallel(parallel)),
        agents: Vec::new(),
        gates: Vec::new(),
        fingerprint: String::new(),
    })]);
    while let Some(intent) = story.effects.pop_front() {
        if let Some(outcome) = story.perform(intent) {
            let events = story.state.record(outcome);
            story.append(events);
        }
    }
    assert_eq!(story.state.status, StoryStatus::ReadyToComplete);
    Told {
        accepted: story.accepted,
        events: story.state.last_seq,
    }
}

/// A story whose events are folded and forgotten.
struct Story {
    state: State,
    commits: u64,
    effects: VecDeque<Event>,
    accepted: usize,
}

impl Story {
    fn commit(&mut self) -> CommitId {
        let mut bytes = [0; 20];
        self.commits += 1;
        bytes[..8].copy_from_slice(&self.commits.to_be_bytes());
        CommitId::from_bytes(bytes)
    }

    /// What the dispatcher does with new events, without a store.
    fn append(&mut self, new: Vec<NewEvent>) {
        for event in new {
            let event = stamp(self.state.last_seq + 1, event);
            self.state.apply(&event);
            self.act_on(event);
        }
        let decided = self.state.settle(Timestamp::UNIX_EPOCH, |state, event| {
            stamp(state.last_seq + 1, event)
        });
        for event in decided {
            self.act_on(event);
        }
    }

    fn act_on(&mut self, event: Event) {
        self.accepted += usize::from(matches!(event.kind, EventKind::TaskAccepted { .. }));
        if event.kind.is_intent() {
            self.effects.push_back(event);
        }
    }

    fn perform(&mut self, intent: Event) -> Option<Outcome> {
        let task = intent.task.as_ref().and_then(|id| self.state.ix(id));
        Some(match (intent.kind, task) {
            (EventKind::IntentWorkspace { start, .. }, Some(task)) => Outcome::Workspace {
                task,
                start,
                conflicts: Vec::new(),
                salvaged: None,
            },
            (EventKind::IntentStart { .. }, Some(task)) => Outcome::Agent {
                task,
                end: nothing_done(),
            },
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
            ) => Outcome::Candidate {
                candidate,
                base,
                tasks: tasks.into_iter().map(|task| self.batched(task)).collect(),
                left_out: Vec::new(),
            },
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
            _ => return None,
        })
    }

    fn batched(&mut self, task: TaskId) -> Batched {
        let commit = self.commit();
        Batched {
            task,
            commit,
            tree: commit,
        }
    }
}

fn nothing_done() -> AgentEnd {
    AgentEnd {
        failure: None,
        evidence: Evidence::default(),
        output: String::new(),
        session: None,
        tool_improvement_proposal: None,
        usage: Usage::default(),
        duration_ms: 0,
        log: None,
        salvaged: None,
    }
}

fn stamp(seq: u64, event: NewEvent) -> Event {
    Event {
        seq,
        at: Timestamp::UNIX_EPOCH,
        story: StoryId::from_uuid(Uuid::nil()),
        run: Some(RunId::from_uuid(Uuid::nil())),
        task: event.task,
        attempt: event.attempt,
        kind: event.kind,
    }
}

/// Runs a program below its guard, with its output captured, to the end of everything it started: its exit code when it
/// returned one.
///
/// # Errors
/// When the guard cannot be started.
pub async fn run_guarded(program: &str, number: usize) -> Result<Option<i32>> {
    let environment: Vec<(OsString, OsString)> = process::base_environment(&[]);
    let command = Command::new([program], "/", format!("bench-{number}")).environment(environment);
    let finished = process::spawn(command)?
        .go(CancellationToken::new())
        .await?;
    Ok(match finished.exit {
        process::Exit::Code(code) => Some(code),
        _ => None,
    })
}
