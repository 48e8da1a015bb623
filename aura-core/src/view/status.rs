//! Where a story is right now.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::history::{GateRun, History, millis, trouble};
use crate::engine::state::{Ix, Phase, State, Task};
use crate::model::{
    CommitId, Event, FailureClass, GatePoint, GateVerdict, StoryId, StoryStatus, TaskId,
    TaskStatus, Usage,
};

/// A story at one moment. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StatusView {
    /// The story.
    pub story_id: StoryId,
    /// Its title.
    pub title: String,
    /// Where it is.
    pub status: StoryStatus,
    /// A run is under way by the log, but no process goes on with it: it was killed, and a new run takes it up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// Why the last run or landing ended as it did, where it was not simply done; nothing while one is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The wave under way, counted from 0; between runs the first one with unfinished tasks, at the end the last one.
    pub wave: usize,
    /// How many waves the plan has; 0 while there is no plan.
    pub waves: usize,
    /// The story branch, without `refs/heads/`.
    pub branch: String,
    /// Where people can look at the accepted head.
    pub worktree: Option<String>,
    /// Share of the tasks that are accepted or skipped, from 0 to 1.
    pub progress: f64,
    /// In plan order.
    pub tasks: Vec<TaskLine>,
    /// Every verdict so far, oldest first.
    pub gates: Vec<GateLine>,
    /// How many agents work and how many tasks wait for one.
    pub agents: AgentCounts,
    /// Providers whose limit keeps their agents from starting, while a run is under way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<ProviderLimit>,
    /// Tokens and cost so far, without the attempts under way.
    pub usage: Usage,
}

/// One task of a [`StatusView`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskLine {
    /// Its id.
    pub id: TaskId,
    /// Its title.
    pub title: String,
    /// Where it is.
    pub status: TaskStatus,
    /// Its wave, counted from 0.
    pub wave: usize,
    /// Tries so far, the one under way included.
    pub attempts: u32,
    /// Restarts so far, over all tries.
    pub restarts: u32,
    /// The agent that does it or did it.
    pub agent: String,
    /// How long its agent has been at work; `None` unless one is.
    pub elapsed_ms: Option<u64>,
    /// How long agents worked on it in all starts that ended; `None` before the first end.
    pub duration_ms: Option<u64>,
    /// Tasks it waits for that are not accepted or skipped yet, orders added to the plan included.
    pub waiting_for: Vec<TaskId>,
    /// The end of the pause before its next start, where a run waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_start_at: Option<Timestamp>,
    /// How the last try failed; gone once the task is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<FailureClass>,
    /// Why the last try was not accepted; gone once the task is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What a gate wants a person to decide about it; the answers are approve, retry and skip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// The accepted commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
}

/// A provider at a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProviderLimit {
    /// The provider, as its agents name it; an agent that names none is its own.
    pub provider: String,
    /// When the limit ends, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// One verdict of a [`StatusView`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GateLine {
    /// The gate.
    pub name: String,
    /// What it judged.
    pub at: GatePoint,
    /// The wave under way at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<usize>,
    /// The task whose work it judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// What it said.
    pub verdict: GateWord,
    /// How long it took.
    pub duration_ms: u64,
}

/// A [`GateVerdict`] without its details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words of `GateVerdict`")]
pub enum GateWord {
    Passed,
    Failed,
    Broken,
    Flaky,
    Cancelled,
    NeedsHuman,
}

impl From<&GateVerdict> for GateWord {
    fn from(verdict: &GateVerdict) -> Self {
        match verdict {
            GateVerdict::Passed => Self::Passed,
            GateVerdict::Failed { .. } => Self::Failed,
            GateVerdict::Broken { .. } => Self::Broken,
            GateVerdict::Flaky { .. } => Self::Flaky,
            GateVerdict::Cancelled => Self::Cancelled,
            GateVerdict::NeedsHuman { .. } => Self::NeedsHuman,
        }
    }
}

/// How many agents work and how many tasks wait for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AgentCounts {
    /// Tasks that an agent works on.
    pub running: usize,
    /// Tasks that still need an agent.
    pub waiting: usize,
}

impl StatusView {
    /// The story at `now`; `None` when the log does not begin with one. `state` is the fold of `events`.
    pub(crate) fn of(state: &State, events: &[Event], now: Timestamp) -> Option<Self> {
        let story = state.story.as_ref()?;
        let history = History::of(events);
        let count = |wanted: &[TaskStatus]| {
            let is_wanted = |task: &&Task| wanted.contains(&task.status());
            state.tasks.iter().filter(is_wanted).count()
        };
        let done = count(&[TaskStatus::Completed, TaskStatus::Skipped]);
        Some(Self {
            story_id: story.id,
            title: story.title.clone(),
            status: state.status,
            interrupted: false,
            reason: reason(state, &history),
            wave: current_wave(state),
            waves: state.plan.as_ref().map_or(0, |plan| plan.waves.len()),
            branch: story.branch.clone(),
            worktree: story.worktree.clone(),
            progress: if state.tasks.is_empty() {
                0.0
            } else {
                done as f64 / state.tasks.len() as f64
            },
            tasks: (0..)
                .zip(&state.tasks)
                .map(|(ix, _)| task_line(state, &history, ix, now))
                .collect(),
            gates: history.gates.iter().map(gate_line).collect(),
            agents: AgentCounts {
                running: count(&[TaskStatus::Running]),
                waiting: count(&[TaskStatus::Pending, TaskStatus::Queued]),
            },
            limits: limits(state),
            usage: state.usage,
        })
    }
}

/// What somebody who looks at a story that rests has to know first.
fn reason(state: &State, history: &History) -> Option<String> {
    if state.run.is_some() || state.status == StoryStatus::Completed {
        return None;
    }
    history.end.as_ref().and_then(|(_, reason)| reason.clone())
}

fn limits(state: &State) -> Vec<ProviderLimit> {
    let limits = state
        .breakers
        .iter()
        .map(|(provider, breaker)| ProviderLimit {
            provider: provider.clone(),
            until: breaker.until,
        });
    limits.filter(|_| state.run.is_some()).collect()
}

impl StatusView {
    /// The same where nobody works any more.
    pub(crate) fn interrupted(mut self) -> Self {
        self.interrupted = true;
        self.agents.waiting += self.agents.running;
        self.agents.running = 0;
        for task in &mut self.tasks {
            task.elapsed_ms = None;
        }
        self
    }
}

fn is_done(status: TaskStatus) -> bool {
    matches!(status, TaskStatus::Completed | TaskStatus::Skipped)
}

fn current_wave(state: &State) -> usize {
    let under_way = state.run.as_ref().and_then(|run| run.wave);
    let unfinished = || {
        let open = state.tasks.iter().filter(|task| !is_done(task.status()));
        open.map(|task| task.wave).min()
    };
    let last = || state.tasks.iter().map(|task| task.wave).max();
    under_way.or_else(unfinished).or_else(last).unwrap_or(0)
}

fn task_line(state: &State, history: &History, ix: Ix, now: Timestamp) -> TaskLine {
    let task = state.task(ix);
    let past = history.task(&task.id);
    let status = task.status();
    let (class, error) = trouble(state, history, ix).unzip();
    let title = state
        .plan
        .as_ref()
        .and_then(|plan| plan.tasks.get(ix as usize))
        .map(|task| task.title.clone());
    let waits = matches!(
        status,
        TaskStatus::Pending | TaskStatus::Queued | TaskStatus::Blocked | TaskStatus::Cancelled
    );
    let waiting_for = task
        .dependencies
        .iter()
        .map(|dependency| state.task(*dependency))
        .filter(|dependency| waits && !is_done(dependency.status()))
        .map(|dependency| dependency.id.clone())
        .collect();
    TaskLine {
        id: task.id.clone(),
        title: title.unwrap_or_default(),
        status,
        wave: task.wave,
        attempts: past.attempts,
        restarts: task.total_restarts,
        agent: past.agent.unwrap_or_else(|| task.agent_name().to_owned()),
        elapsed_ms: task
            .attempt_started_at
            .filter(|_| status == TaskStatus::Running)
            .map(|from| millis(from, now)),
        duration_ms: (past.ended > 0).then_some(task.work_ms),
        waiting_for,
        next_start_at: next_start(state, ix, now),
        class,
        error,
        question: task.question.as_ref().map(|asked| asked.to_string()),
        commit: task.commit,
    }
}

/// When the task may start again; `None` unless it waits for a time, in a run that goes on.
fn next_start(state: &State, ix: Ix, now: Timestamp) -> Option<Timestamp> {
    let waits = state.run.as_ref().is_some_and(|run| run.stop.is_none());
    match state.task(ix).phase {
        Phase::Waiting(at) if waits && at > now => Some(at),
        _ => None,
    }
}

fn gate_line(run: &GateRun) -> GateLine {
    GateLine {
        name: run.gate.clone(),
        at: run.at,
        wave: run.wave,
        task: run.task.clone(),
        verdict: (&run.verdict).into(),
        duration_ms: run.duration_ms,
    }
}

#[cfg(test)]
mod tests;
