//! From an intent to the work it announces.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::integrator::{self, CandidateJob, CandidateTask, GateJob, MoveJob};
use super::lander::{self, BuildJob, LandJob};
use super::mask::mask;
use super::seal::{self, SealJob};
use super::state::{Ix, Outcome, State, Task};
use super::worker::{self, AgentJob, ReapJob};
use super::workshop::Site;
use super::workspace::{self, WorkspaceJob};
use crate::agent::ProcessMark;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{CommitId, Event, EventKind, GatePoint, StartKind, StoryTask, TaskId};
use crate::prompt::{PromptAttempt, PromptDependency, PromptInput, PromptStory, PromptTask};

/// The work that an intent announces, with everything it needs from the state.
pub(crate) enum Job {
    Workspace(WorkspaceJob),
    Agent(Box<AgentJob>),
    Reap(ReapJob),
    Seal(Box<SealJob>),
    Candidate(CandidateJob),
    Gate(GateJob),
    Move(MoveJob),
    BuildLanding(BuildJob),
    Land(LandJob),
}

/// Sends a process to be recorded before its program starts.
pub(crate) type Registrar = mpsc::Sender<(Ix, ProcessMark, oneshot::Sender<()>)>;

impl Job {
    /// The job of an intent; `None` for any other event. `after_crash`: the effect may have been begun before.
    pub(crate) fn of(state: &State, intent: &Event, after_crash: bool) -> Option<Self> {
        let task = intent.task.as_ref().and_then(|id| state.ix(id));
        Some(match (&intent.kind, task) {
            (
                EventKind::IntentWorkspace {
                    path,
                    base,
                    previous,
                    ..
                },
                Some(task),
            ) => Self::Workspace(WorkspaceJob {
                task,
                name: path.clone(),
                base: *base,
                previous: *previous,
                kept: state.task(task).kept,
                agent: state.task(task).agent_name().to_owned(),
                patience: Duration::from_millis(state.policy.deadline_ms),
            }),
            (EventKind::IntentStart { .. }, Some(ix)) if after_crash => Self::Reap(reap(state, ix)),
            (EventKind::IntentStart { marker, agent }, Some(ix)) => {
                Self::Agent(Box::new(agent_job(state, ix, marker, agent)?))
            }
            (EventKind::IntentSeal { reference, time }, Some(ix)) => {
                let task = state.task(ix);
                Self::Seal(Box::new(SealJob {
                    task: ix,
                    story_task: story_task(state, &task.id)?.clone(),
                    name: task.workspace.clone()?,
                    attempt: task.attempt,
                    base: task.base?.0,
                    reference: reference.clone(),
                    time: *time,
                    output: task.output.clone().unwrap_or_default(),
                }))
            }
            (
                EventKind::IntentCandidate {
                    candidate,
                    base,
                    tasks,
                    time,
                },
                _,
            ) => Self::Candidate(CandidateJob {
                candidate: *candidate,
                base: *base,
                tasks: tasks
                    .iter()
                    .filter_map(|id| candidate_task(state, id))
                    .collect(),
                time: *time,
            }),
            (
                EventKind::IntentGate {
                    gate, at, commit, ..
                },
                task,
            ) => Self::Gate(GateJob {
                task,
                own: task
                    .map(|ix| state.task(ix))
                    // The base that a task started from is judged in the gate workspace.
                    .filter(|task| task.sealed.map(|(sealed, _)| sealed) == Some(*commit))
                    .and_then(|task| {
                        let subject = Arc::new(story_task(state, &task.id)?.clone());
                        Some((subject, task.workspace.clone()?))
                    }),
                gate: gate.clone(),
                at: *at,
                commit: *commit,
                base: compared_with(state, task, *at),
                story_base: state
                    .story
                    .as_ref()
                    .map_or(state.head_commit(), |story| story.base),
                run: state.gate_runs,
                grace: Duration::from_millis(state.policy.grace_ms),
            }),
            (
                EventKind::IntentMoveRef {
                    reference,
                    old,
                    new,
                    tree,
                    tasks,
                },
                _,
            ) => Self::Move(MoveJob {
                reference: reference.clone(),
                old: *old,
                new: *new,
                tree: *tree,
                tasks: tasks.clone(),
                worktree: state.story.as_ref()?.worktree.clone(),
            }),
            (EventKind::IntentLanding { time, .. }, _) => {
                let story = state.story.as_ref()?;
                Self::BuildLanding(BuildJob {
                    policy: state.policy.clone(),
                    title: story.title.clone(),
                    tasks: accepted_titles(state),
                    base: story.base,
                    accepted: state.head_commit(),
                    target: story.target.clone()?,
                    time: *time,
                })
            }
            (EventKind::IntentLand { old, new, time, .. }, _) => Self::Land(LandJob {
                target: state.story.as_ref()?.target.clone()?,
                old: *old,
                new: *new,
                interrupted: after_crash.then(|| SystemTime::from(*time)),
            }),
            _ => return None,
        })
    }

    /// Does the work. An `Err` is Aura's own failure: the intent stays open and is taken up by the next run.
    pub(crate) async fn perform(
        self,
        site: Arc<Site>,
        cancel: CancellationToken,
        registrar: Registrar,
    ) -> Result<Outcome> {
        let redactor = site.shop.redactor.clone();
        let mut outcome = match self {
            Self::Workspace(job) => workspace::make_workspace(site, job).await,
            Self::Agent(job) => worker::run_agent(site, *job, cancel, registrar).await,
            Self::Reap(job) => worker::reap_agent(site, job).await?,
            Self::Seal(job) => seal::seal(site, *job).await,
            Self::Candidate(job) => integrator::build_candidate(site, job).await?,
            Self::Gate(job) => integrator::run_gate(site, job, cancel).await,
            Self::Move(job) => integrator::accept(site, job).await?,
            Self::BuildLanding(job) => lander::build(site, job).await?,
            Self::Land(job) => lander::land(site, job).await?,
        };
        mask(&mut outcome, &redactor);
        Ok(outcome)
    }
}

/// An intent that cannot be acted on is a damaged log.
pub(crate) fn damaged(event: &Event) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!(
            "event {} ({}) does not fit what came before it",
            event.seq,
            event.kind.name()
        ),
    )
}

/// The commit whose difference to the judged one is the work in question.
fn compared_with(state: &State, task: Option<Ix>, at: GatePoint) -> CommitId {
    let own = task.and_then(|ix| state.task(ix).base);
    let target = state
        .landing
        .as_ref()
        .and_then(|landing| landing.result.as_ref());
    match (own, at) {
        (Some((base, _)), _) => base,
        (None, GatePoint::Final) => match (target, &state.story) {
            (Some(result), _) => result.old,
            (None, Some(story)) => story.base,
            (None, None) => state.head_commit(),
        },
        (None, GatePoint::Task | GatePoint::Candidate) => state.head_commit(),
    }
}

fn story_task<'a>(state: &'a State, id: &TaskId) -> Option<&'a StoryTask> {
    state.plan.as_ref()?.tasks.get(state.ix(id)? as usize)
}

fn accepted_titles(state: &State) -> Vec<String> {
    let tasks = state.plan.iter().flat_map(|plan| &plan.tasks);
    tasks
        .zip(&state.tasks)
        .filter(|(_, task)| task.commit.is_some())
        .map(|(task, _)| task.title.clone())
        .collect()
}

fn candidate_task(state: &State, id: &TaskId) -> Option<CandidateTask> {
    let task = state.task(state.ix(id)?);
    Some(CandidateTask {
        task: story_task(state, id)?.clone(),
        attempt: task.attempt,
        base: task.base?.0,
        sealed: task.sealed?.0,
    })
}

fn reap(state: &State, ix: Ix) -> ReapJob {
    let task = state.task(ix);
    ReapJob {
        task: ix,
        name: task.workspace.clone().unwrap_or_default(),
        attempt: task.attempt,
        start: task.starts,
        marker: task.marker.clone().unwrap_or_default(),
        process: task.process.as_deref().cloned(),
        grace: Duration::from_millis(state.policy.grace_ms),
    }
}

fn agent_job(state: &State, ix: Ix, marker: &str, agent: &str) -> Option<AgentJob> {
    let task = state.task(ix);
    let policy = &state.policy;
    Some(AgentJob {
        task: ix,
        story_task: story_task(state, &task.id)?.clone(),
        name: task.workspace.clone()?,
        agent: agent.to_owned(),
        attempt: task.attempt,
        start: task.starts,
        marker: marker.to_owned(),
        session: task
            .session
            .clone()
            .filter(|_| task.session_of.as_deref() == Some(agent)),
        prompt: prompt(state, task)?,
        deadline: Duration::from_millis(policy.deadline_ms),
        idle: Duration::from_millis(policy.idle_ms),
        grace: Duration::from_millis(policy.grace_ms),
    })
}

fn prompt(state: &State, task: &Task) -> Option<PromptInput> {
    let story = state.story.as_ref()?;
    let definition = story_task(state, &task.id)?;
    let dependencies = definition.depends_on.iter().filter_map(|id| {
        Some(PromptDependency {
            id: id.to_string(),
            title: story_task(state, id)?.title.clone(),
            output: state.task(state.ix(id)?).output.clone().unwrap_or_default(),
        })
    });
    Some(PromptInput {
        story: PromptStory {
            title: story.title.clone(),
            description: story.description.clone(),
            enriched_context: state.context_text(),
        },
        task: PromptTask::from(definition),
        dependencies: dependencies.collect(),
        attempt: attempt(task),
        tools: Vec::new(),
    })
}

fn attempt(task: &Task) -> PromptAttempt {
    let mut attempt = match &task.lesson {
        Some(evidence) if task.attempt > 1 => {
            PromptAttempt::after(task.attempt, task.start, evidence)
        }
        _ => PromptAttempt {
            number: task.attempt,
            start: task.start,
            ..PromptAttempt::default()
        },
    };
    if task.start == StartKind::Repair {
        attempt.paths.clone_from(&task.conflicts);
    }
    attempt.note.clone_from(&task.note);
    attempt
}

/// The commit that a task's workspace is compared with when it is removed.
pub(crate) fn sealed_commit(task: &Task) -> Option<CommitId> {
    task.sealed.map(|(commit, _)| commit)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::{NewEvent, Plan, Policy, RunId, StoryId, Usage};

    /// The session that the last of these events hands to an agent, after one of its starts told its own.
    fn session_of(kinds: impl IntoIterator<Item = EventKind>) -> Option<String> {
        let mut state = State::default();
        let commit = CommitId::from_bytes([1; 20]);
        let plan = Plan::new("t", [StoryTask::new("a", "a")]).expect("a plan");
        let created = EventKind::StoryCreated {
            title: "t".to_owned(),
            description: String::new(),
            slug: "t".to_owned(),
            branch: "story/t".to_owned(),
            base: commit,
            base_tree: commit,
            target: None,
            worktree: None,
            policy: Box::new(Policy::default()),
            fingerprint: String::new(),
        };
        let plan = EventKind::PlanAccepted {
            plan: Arc::new(plan),
        };
        let exited = EventKind::AgentExited {
            session: Some("of the first".to_owned()),
            output: String::new(),
            tool_improvement_proposal: None,
            usage: Usage::default(),
            duration_ms: 0,
            log: None,
        };
        let first = started("first").into_iter().chain([exited]);
        let mut job = None;
        for kind in [created, plan].into_iter().chain(first).chain(kinds) {
            let about = state.ix(&TaskId::new("a")).map(|_| TaskId::new("a"));
            let event = crate::engine::dispatcher::stamp(
                StoryId::from_uuid(uuid::Uuid::nil()),
                Some(RunId::from_uuid(uuid::Uuid::nil())),
                state.last_seq + 1,
                Timestamp::UNIX_EPOCH,
                NewEvent {
                    task: about,
                    attempt: Some(1),
                    kind,
                },
            );
            state.apply(&event);
            job = Job::of(&state, &event, false);
        }
        let Some(Job::Agent(job)) = job else {
            panic!("the last event starts an agent");
        };
        job.session
    }

    fn started(agent: &str) -> [EventKind; 2] {
        let workspace = EventKind::IntentWorkspace {
            path: "1-a".to_owned(),
            base: CommitId::from_bytes([1; 20]),
            start: StartKind::Base,
            previous: None,
            agent: agent.to_owned(),
        };
        let start = EventKind::IntentStart {
            marker: "m".to_owned(),
            agent: agent.to_owned(),
        };
        [workspace, start]
    }

    #[test]
    fn nobody_resumes_the_session_of_another_agent() {
        for (next, session) in [("first", Some("of the first")), ("second", None)] {
            assert_eq!(session_of(started(next)).as_deref(), session);
        }
    }

    #[test]
    fn a_session_goes_on_where_its_work_does() {
        use crate::model::{FailureClass, Spends};
        for (class, spends, start, goes_on) in [
            (FailureClass::Gate, Spends::Retry, StartKind::Previous, true),
            (FailureClass::Gate, Spends::Retry, StartKind::Base, false),
            (
                FailureClass::NoChange,
                Spends::Retry,
                StartKind::Previous,
                false,
            ),
            (FailureClass::Exit, Spends::Restart, StartKind::Base, false),
            (
                FailureClass::RateLimited,
                Spends::Nothing,
                StartKind::Base,
                true,
            ),
        ] {
            let retrying = EventKind::TaskRetrying {
                class,
                spends,
                start,
                after: Timestamp::UNIX_EPOCH,
            };
            let session = session_of([retrying].into_iter().chain(started("first")));
            assert_eq!(session.is_some(), goes_on, "{class:?} {start:?}");
        }
    }
}
