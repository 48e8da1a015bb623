//! What a story came to when its last run ended, in numbers that were measured.

use serde::{Deserialize, Serialize};

use super::history::History;
use super::schedule::{Job, critical_path, ready_would_save};
use crate::engine::state::{Phase, State, Task};
use crate::model::{
    CheckState, CommitId, CompletionCheck, Event, Evidence, FailureClass, Finding, GatePoint,
    GateSchedule, GateVerdict, RunOutcome, Scheduling, StoryId, TaskId, TaskStatus, Usage,
};

/// The end of a story's last run, with counts and times over all of its runs. Times are in milliseconds and leave out what lies
/// between the runs. Each task is in exactly one of the five lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The story.
    pub story_id: StoryId,
    /// How the last run ended.
    pub outcome: RunOutcome,
    /// Why, where there is more to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Tasks whose work is part of the story branch.
    pub accepted: Vec<TaskId>,
    /// Tasks that were given up.
    pub failed: Vec<FailedTask>,
    /// Tasks with an ancestor that was given up.
    pub blocked: Vec<TaskId>,
    /// Tasks that a person decided to go without.
    pub skipped: Vec<TaskId>,
    /// Tasks about which a gate asks a person: approve, retry or skip. They are unfinished, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<TaskId>,
    /// All others: not started, interrupted, cancelled.
    pub unfinished: Vec<TaskId>,
    /// Where the target stands after a landing, else the accepted head.
    pub commit: CommitId,
    /// After a landing, the commit to go back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<CommitId>,
    /// Agent processes started.
    pub starts: u32,
    /// Starts because an answer was not accepted.
    pub retries: u32,
    /// Starts because a process failed.
    pub restarts: u32,
    /// Runs of any gate.
    pub gate_runs: u32,
    /// Time of the runs.
    pub wall_ms: u64,
    /// Time that agents worked, added up over all tasks.
    pub work_ms: u64,
    /// `work_ms / wall_ms`; 0 when no time passed.
    pub speedup: f64,
    /// The longest chain of tasks, in working time: no number of agents is faster.
    pub critical_path_ms: u64,
    /// Time of the runs in which neither an agent nor a gate worked: workspaces, commits, merges, pauses before retries,
    /// limits of providers.
    pub overhead_ms: u64,
    /// What starting each task as soon as its own dependencies are accepted would have saved, simulated with the measured times.
    pub ready_would_save_ms: u64,
    /// Tokens and cost.
    pub usage: Usage,
    /// Gates that were red and then green on one tree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flaky: Vec<String>,
    /// What a person should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Uncommitted work that was kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub salvaged: Vec<Salvaged>,
    /// After a completion was asked for: what was looked at, gates included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CompletionCheck>,
}

/// A task that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FailedTask {
    /// The task.
    pub id: TaskId,
    /// How its last try failed.
    pub class: FailureClass,
    /// What there is to show for it.
    pub evidence: Evidence,
}

/// Uncommitted work of a workspace that was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Salvaged {
    /// The task.
    pub task: TaskId,
    /// The git directory of Aura's repository, for `git --git-dir`.
    #[serde(default)]
    pub repository: String,
    /// The ref in it.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The commit it stands at.
    pub commit: CommitId,
}

impl Report {
    /// The report of a story whose last run ended; `None` before that and while a run is under way. `state` is the fold of `events`.
    pub(crate) fn of(state: &State, events: &[Event]) -> Option<Self> {
        let story = state.story.as_ref()?;
        let history = History::of(events);
        let (outcome, reason) = history.end.clone()?;
        let jobs = jobs(state);
        let work_ms: u64 = jobs.iter().map(|job| job.duration_ms).sum();
        let agents = history.max_parallel.unwrap_or(state.policy.max_parallel);
        let ids = |wanted: &dyn Fn(TaskStatus) -> bool| -> Vec<TaskId> {
            let tasks = state.tasks.iter().filter(|task| wanted(task.status()));
            tasks.map(|task| task.id.clone()).collect()
        };
        let is_unfinished =
            |status: TaskStatus| !status.is_terminal() || status == TaskStatus::Cancelled;
        Some(Self {
            story_id: story.id,
            outcome,
            reason,
            accepted: ids(&|status| status == TaskStatus::Completed),
            failed: failed(state),
            blocked: ids(&|status| status == TaskStatus::Blocked),
            skipped: ids(&|status| status == TaskStatus::Skipped),
            asked: state
                .tasks
                .iter()
                .filter(|task| task.question.is_some())
                .map(|task| task.id.clone())
                .collect(),
            unfinished: ids(&is_unfinished),
            commit: state
                .landed
                .map_or(state.head_commit(), |(commit, _)| commit),
            previous: state.landed.map(|(_, previous)| previous),
            starts: history.starts,
            retries: history.retries,
            restarts: history.restarts,
            gate_runs: state.gate_runs,
            wall_ms: history.wall_ms,
            work_ms,
            speedup: if history.wall_ms == 0 {
                0.0
            } else {
                work_ms as f64 / history.wall_ms as f64
            },
            critical_path_ms: critical_path(&jobs),
            overhead_ms: history.wall_ms - history.busy_ms,
            ready_would_save_ms: match state.policy.scheduling {
                Scheduling::Waves => ready_would_save(&jobs, agents),
            },
            usage: state.usage,
            flaky: state.flaky.iter().cloned().collect(),
            warnings: warnings(state, &history),
            salvaged: history.salvaged.clone(),
            checks: checks(state, &history),
        })
    }
}

/// Characters of what a red gate found.
const DETAIL: usize = 300;

/// The checks of the last completion, the final gates' among them.
fn checks(state: &State, history: &History) -> Vec<CompletionCheck> {
    if history.checks.is_empty() {
        return Vec::new();
    }
    let mut checks = history.checks.clone();
    let finals = state.gates.iter();
    let finals = finals.filter(|gate| gate.judges(GateSchedule::Final));
    for gate in finals {
        let mut runs = history.gates.iter().rev();
        let last = runs.find(|run| run.gate == gate.name && run.at == GatePoint::Final);
        let (check, detail) = match last.map(|run| &run.verdict) {
            None => (CheckState::Skipped, "it did not come to it".to_owned()),
            Some(GateVerdict::Passed | GateVerdict::Flaky { .. }) => {
                (CheckState::Passed, String::new())
            }
            Some(GateVerdict::Failed { findings }) => {
                let found = Finding::summary(findings, DETAIL);
                (CheckState::Failed, found.unwrap_or_default())
            }
            Some(GateVerdict::Broken { why } | GateVerdict::NeedsHuman { why }) => {
                (CheckState::Failed, why.clone())
            }
            Some(GateVerdict::Cancelled) => (CheckState::Skipped, "it was stopped".to_owned()),
        };
        checks.push(CompletionCheck::new(&gate.name, check, detail));
    }
    if !checks.iter().any(|check| check.name == SECRETS) {
        let looked = state.gate(SECRETS).is_some_and(|gate| gate.required);
        let (found, detail) = if looked {
            (CheckState::Passed, "in the work of each task")
        } else {
            (CheckState::Skipped, "no gate looks for secrets")
        };
        checks.push(CompletionCheck::new(SECRETS, found, detail));
    }
    checks
}

/// The name of the gate that looks for secrets, unless it is given another.
const SECRETS: &str = "secrets";

/// What was told while the story was run, and what only the whole shows.
fn warnings(state: &State, history: &History) -> Vec<String> {
    let mut warnings = history.warnings.clone();
    let is_required = |name: &str| {
        let gate = state.gates.iter().find(|gate| gate.name == name);
        gate.is_none_or(|gate| gate.required)
    };
    let is_judged = history.gates.iter().any(|run| is_required(&run.gate));
    let is_anything_accepted = state
        .tasks
        .iter()
        .any(|task| task.status() == TaskStatus::Completed);
    if is_anything_accepted && !is_judged {
        warnings.push("no required gate judged anything that was accepted".to_owned());
    }
    warnings
}

fn jobs(state: &State) -> Vec<Job> {
    let job = |task: &Task| Job {
        duration_ms: task.work_ms,
        wave: task.wave,
        dependencies: task.dependencies.iter().map(|ix| *ix as usize).collect(),
    };
    state.tasks.iter().map(job).collect()
}

fn failed(state: &State) -> Vec<FailedTask> {
    let failed = |task: &Task| match task.phase {
        Phase::Failed(class) => Some(FailedTask {
            id: task.id.clone(),
            class,
            evidence: task.evidence.as_deref().cloned().unwrap_or_default(),
        }),
        _ => None,
    };
    state.tasks.iter().filter_map(failed).collect()
}

#[cfg(test)]
mod tests;
