//! What the log knows and the state does not keep: verdicts one by one, when agents and gates worked, how runs ended.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::report::Salvaged;
use crate::engine::state::{Ix, Phase, State};
use crate::model::{
    CompletionCheck, Event, EventKind, FailureClass, GatePoint, GateVerdict, RunOutcome, Spends,
    TaskId, Verb,
};

/// A verdict and where it was given.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct GateRun {
    pub(super) gate: String,
    pub(super) at: GatePoint,
    pub(super) wave: Option<usize>,
    pub(super) task: Option<TaskId>,
    pub(super) verdict: GateVerdict,
    pub(super) duration_ms: u64,
}

/// One task's part.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct TaskHistory {
    /// The agent of the last start.
    pub(super) agent: Option<String>,
    /// Tries that got as far as a start.
    pub(super) attempts: u32,
    /// Starts that ended.
    pub(super) ended: u32,
    /// Why it was given up.
    pub(super) why: Option<String>,
    last_attempt: Option<u32>,
}

/// A fold over the whole log.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) tasks: HashMap<TaskId, TaskHistory>,
    pub(super) gates: Vec<GateRun>,
    pub(super) starts: u32,
    pub(super) retries: u32,
    pub(super) restarts: u32,
    /// Agents at once that the last run asked for, where it did.
    pub(super) max_parallel: Option<usize>,
    /// How the last run ended; `None` while one is under way and before the first.
    pub(super) end: Option<(RunOutcome, Option<String>)>,
    pub(super) warnings: Vec<String>,
    pub(super) salvaged: Vec<Salvaged>,
    /// What was found before the last completion began.
    pub(super) checks: Vec<CompletionCheck>,
    /// Time of the runs, without what lay between them.
    pub(super) wall_ms: u64,
    /// The part of it in which an agent or a gate worked.
    pub(super) busy_ms: u64,

    active: bool,
    wave: Option<usize>,
    working: HashSet<Worker>,
    last: Option<(Timestamp, bool)>,
}

/// Who works: an agent on a task, or a gate on a task or on the whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Worker {
    Agent(TaskId),
    Gate(Option<TaskId>, String),
}

impl History {
    pub(super) fn of(events: &[Event]) -> Self {
        let mut history = Self::default();
        for event in events {
            history.pass_time(event);
            history.note_run(event);
            match &event.task {
                Some(task) => history.note_task(task, event),
                None => history.note_story(&event.kind),
            }
            history.note_work(event);
        }
        history
    }

    pub(super) fn task(&self, id: &TaskId) -> TaskHistory {
        self.tasks.get(id).cloned().unwrap_or_default()
    }

    /// Counts the time since the previous event, unless nobody was there to use it.
    fn pass_time(&mut self, event: &Event) {
        let since = self.last.map_or(0, |(at, _)| millis(at, event.at));
        let answers_a_command = self.last.is_some_and(|(_, commanded)| commanded);
        // A run that begins or goes on without having been asked to was left by a crash.
        let was_away = match event.kind {
            EventKind::RunStarted { .. } | EventKind::LandingRequested { .. } => true,
            EventKind::RunResumed {} => !answers_a_command,
            _ => false,
        };
        if was_away {
            self.working.clear();
        } else if self.active {
            self.wall_ms += since;
            if !self.working.is_empty() {
                self.busy_ms += since;
            }
        }
        let commanded = matches!(
            event.kind,
            EventKind::CommandAccepted {
                verb: Verb::Resume,
                ..
            }
        );
        let at = self.last.map_or(event.at, |(at, _)| at.max(event.at));
        self.last = Some((at, commanded));
    }

    fn note_run(&mut self, event: &Event) {
        match &event.kind {
            EventKind::RunStarted { options, .. } => {
                self.max_parallel = options.max_parallel;
                self.begin();
            }
            EventKind::LandingRequested { checks, .. } => {
                self.checks.clone_from(checks);
                self.begin();
            }
            EventKind::RunFinished { outcome, reason } => {
                self.active = false;
                self.wave = None;
                self.working.clear();
                self.end = Some((*outcome, reason.clone()));
            }
            EventKind::WaveStarted { wave, .. } => self.wave = Some(*wave),
            EventKind::WaveFinished { .. } => self.wave = None,
            _ => {}
        }
    }

    fn begin(&mut self) {
        self.active = true;
        self.wave = None;
        self.end = None;
    }

    fn note_story(&mut self, kind: &EventKind) {
        match kind {
            EventKind::PlanAccepted { .. } => self.tasks.clear(),
            EventKind::Warning { message } => self.warnings.push(message.clone()),
            _ => {}
        }
    }

    fn note_task(&mut self, id: &TaskId, event: &Event) {
        let task = self.tasks.entry(id.clone()).or_default();
        match &event.kind {
            EventKind::TaskStarted { agent, .. } => {
                self.starts += 1;
                task.agent = Some(agent.clone());
                if task.last_attempt != event.attempt {
                    task.last_attempt = event.attempt;
                    task.attempts += 1;
                }
            }
            EventKind::AttemptFinished { .. } => task.ended += 1,
            EventKind::TaskRetrying { spends, .. } => match spends {
                Spends::Retry => self.retries += 1,
                Spends::Restart => self.restarts += 1,
                Spends::Nothing => {}
            },
            EventKind::TaskFailed { why, .. } => task.why = Some(why.clone()),
            EventKind::WorkspaceSalvaged { reference, commit } => {
                self.salvaged.push(Salvaged {
                    task: id.clone(),
                    repository: String::new(),
                    reference: reference.clone(),
                    commit: *commit,
                });
            }
            EventKind::Warning { message } => self.warnings.push(format!("task `{id}`: {message}")),
            _ => {}
        }
    }

    fn note_work(&mut self, event: &Event) {
        match (&event.kind, &event.task) {
            (EventKind::TaskStarted { .. }, Some(task)) => {
                self.working.insert(Worker::Agent(task.clone()));
            }
            (EventKind::AgentExited { .. } | EventKind::AttemptFinished { .. }, Some(task)) => {
                self.working.remove(&Worker::Agent(task.clone()));
            }
            (EventKind::GateStarted { gate, .. }, task) => {
                self.working
                    .insert(Worker::Gate(task.clone(), gate.clone()));
            }
            (
                EventKind::GateFinished {
                    gate,
                    at,
                    verdict,
                    duration_ms,
                    ..
                },
                task,
            ) => {
                self.working
                    .remove(&Worker::Gate(task.clone(), gate.clone()));
                self.gates.push(GateRun {
                    gate: gate.clone(),
                    at: *at,
                    wave: self.wave.filter(|_| *at != GatePoint::Final),
                    task: task.clone(),
                    verdict: verdict.clone(),
                    duration_ms: *duration_ms,
                });
            }
            _ => {}
        }
    }
}

/// Why the last try of a task was not accepted, with the class; `None` once it is, and before there is anything to say.
pub(super) fn trouble(state: &State, history: &History, ix: Ix) -> Option<(FailureClass, String)> {
    let task = state.task(ix);
    let summary = task.evidence.as_ref().map(|evidence| &evidence.summary);
    match &task.phase {
        Phase::Completed | Phase::Skipped => None,
        Phase::Failed(class) => {
            let why = history.task(&task.id).why;
            let parts: Vec<String> = why.into_iter().chain(summary.cloned()).collect();
            Some((*class, parts.join("; ")))
        }
        Phase::Blocked { by } => Some((
            FailureClass::Dependency,
            format!("task `{}` failed", state.task(*by).id),
        )),
        _ => {
            let failure = task.failure.as_ref()?;
            Some((failure.class, summary.cloned().unwrap_or_default()))
        }
    }
}

/// Milliseconds from one time to a later one; 0 when it is not later.
pub(super) fn millis(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_millisecond() - from.as_millisecond()).unwrap_or(0)
}
