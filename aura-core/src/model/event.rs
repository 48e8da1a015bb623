//! What happened. The durable events of a story are its only source of truth; every view is a fold over them.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Problem;

use super::{
    AgentDefinition, AttemptOutcome, Budget, CommitId, Evidence, FailureClass, GateDefinition,
    GatePoint, GateVerdict, MergeStrategy, Plan, Policy, RunId, RunOptions, RunOutcome, Spends,
    StartKind, StoryContext, StoryId, TaskId, TestCounts, Usage,
};

/// One durable event. On the wire the fields of [`EventKind`] stand beside these, so no kind may use one of these names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counted from 1 in each story, without gaps.
    pub seq: u64,
    /// When it was appended.
    pub at: Timestamp,
    /// The story it belongs to.
    pub story: StoryId,
    /// The run it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The task it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The try of that task, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// An event before the dispatcher gives it a number, a time and a run.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// The task it is about.
    pub task: Option<TaskId>,
    /// The try of that task, counted from 1.
    pub attempt: Option<u32>,
    /// What happened.
    pub kind: EventKind,
}

impl NewEvent {
    /// An event about the story as a whole.
    pub const fn story(kind: EventKind) -> Self {
        Self {
            task: None,
            attempt: None,
            kind,
        }
    }

    /// An event about a task, or about one try of it.
    pub const fn task(task: TaskId, attempt: Option<u32>, kind: EventKind) -> Self {
        Self {
            task: Some(task),
            attempt,
            kind,
        }
    }
}

/// A task's place in a candidate: the commit on the accepted head that carries its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batched {
    /// The task.
    pub task: TaskId,
    /// Its commit; the parent is the commit of the task before it, or the head.
    pub commit: CommitId,
    /// That commit's tree.
    pub tree: CommitId,
}

/// A task that did not fit into a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The task.
    pub task: TaskId,
    /// The conflicting paths.
    pub paths: Vec<String>,
    /// It conflicts with the accepted head itself, not only with others of the batch.
    pub with_head: bool,
}

/// What the workspace of a retry is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousAttempt {
    /// The accepted head that the attempt started from.
    pub base: CommitId,
    /// What it left: its sealed commit, or the salvaged one.
    pub commit: CommitId,
}

/// What turning a workspace into a commit came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "seal", rename_all = "snake_case")]
pub enum SealOutcome {
    /// There is a commit.
    Sealed {
        /// The one commit of the attempt.
        commit: CommitId,
        /// Its tree.
        tree: CommitId,
        /// The paths it changes.
        paths: Vec<String>,
        /// Ignored files that the attempt made; they are not part of the commit.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ignored: Vec<String>,
    },
    /// Nothing changed, and the plan allows that.
    NoChange,
}

/// Why a landing did not take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkReason {
    /// The story conflicts with the target.
    Conflict,
    /// The user's checkout of the target has changes in paths that the landing would write.
    Dirty,
    /// The target moved each time while the final gates ran.
    TargetMoves,
    /// Tasks are failed or blocked.
    Partial,
    /// The target branch does not exist.
    NoTarget,
}

/// What a person or another process can ask of a story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Verb {
    /// Start nothing new; end the run when what runs is finished.
    Pause,
    /// Take back a pause that has not come into force.
    Resume,
    /// Stop everything.
    Cancel,
    /// Give a failed task a fresh budget.
    Retry {
        /// The task.
        #[serde(rename = "id")]
        task: TaskId,
        /// Shown to the agent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// A gate asked for a person about the work of this task: let that gate count as green on exactly that work.
    Approve {
        /// The task.
        #[serde(rename = "id")]
        task: TaskId,
    },
    /// Go on without a task; its dependants no longer wait for it.
    Skip {
        /// The task.
        #[serde(rename = "id")]
        task: TaskId,
    },
}

/// What happened. Types whose name begins with `intent.` or that [`EventKind::is_internal`] names are kept for
/// recovery and hidden from subscribers unless they ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[non_exhaustive]
#[expect(missing_docs, reason = "field names are the documented wire names")]
pub enum EventKind {
    /// The story exists; its branch stands at `base`.
    #[serde(rename = "story.created")]
    StoryCreated {
        title: String,
        description: String,
        slug: String,
        /// Without `refs/heads/`.
        branch: String,
        base: CommitId,
        base_tree: CommitId,
        /// Branch that a landing moves, without `refs/heads/`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
        /// Where people can look at the accepted head.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        worktree: Option<String>,
        policy: Box<Policy>,
        /// Of the user's git configuration, hooks and attributes.
        #[serde(default)]
        fingerprint: String,
    },
    /// What the repository says about the story.
    #[serde(rename = "story.analyzed")]
    StoryAnalyzed { context: Arc<StoryContext> },
    /// The story has a plan.
    #[serde(rename = "plan.accepted")]
    PlanAccepted { plan: Arc<Plan> },

    /// An agent is about to be asked to cut the story into tasks.
    #[serde(rename = "decompose.started")]
    DecomposeStarted {
        agent: String,
        /// Counted from 1 in each decomposition; each later one is told what was wrong with the answer before.
        round: u32,
        /// What is left of the agent after a crash is found by it.
        marker: String,
    },
    /// It was asked. Where nothing was wrong, the plan comes next.
    #[serde(rename = "decompose.finished")]
    DecomposeFinished {
        round: u32,
        /// What is wrong with the answer.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        problems: Vec<Problem>,
        /// Why there is no answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<FailureClass>,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
        #[serde(default)]
        usage: Usage,
        duration_ms: u64,
        /// The file that keeps the whole answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<String>,
    },

    /// A run began; its options, agents and gates hold until it ends.
    #[serde(rename = "run.started")]
    RunStarted {
        options: Box<RunOptions>,
        agents: Vec<AgentDefinition>,
        gates: Vec<GateDefinition>,
        /// Of the user's git configuration, hooks and attributes.
        #[serde(default)]
        fingerprint: String,
    },
    /// Nothing runs any more and nothing new starts.
    #[serde(rename = "run.paused")]
    RunPaused { reason: String },
    /// A pause was taken back, a limit ended, or a crashed run is continued.
    #[serde(rename = "run.resumed")]
    RunResumed {},
    /// The run ended.
    #[serde(rename = "run.finished")]
    RunFinished {
        outcome: RunOutcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },

    #[serde(rename = "wave.started")]
    WaveStarted { wave: usize, tasks: Vec<TaskId> },
    #[serde(rename = "wave.finished")]
    WaveFinished { wave: usize, tasks: Vec<TaskId> },

    /// The task may start as soon as an agent is free.
    #[serde(rename = "task.queued")]
    TaskQueued {},
    /// An agent process is about to start.
    #[serde(rename = "task.started")]
    TaskStarted { agent: String, start: StartKind },
    /// The attempt ended, seal included.
    #[serde(rename = "attempt.finished")]
    AttemptFinished {
        #[serde(flatten)]
        outcome: AttemptOutcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<Box<Evidence>>,
        /// Normalised digest of the evidence, to notice a lack of progress.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        digest: String,
        #[serde(default)]
        usage: Usage,
        duration_ms: u64,
    },
    /// The task goes back to pending; the budget named is spent.
    #[serde(rename = "task.retrying")]
    TaskRetrying {
        class: FailureClass,
        spends: Spends,
        start: StartKind,
        after: Timestamp,
    },
    /// The attempt's work is one commit.
    #[serde(rename = "task.sealed")]
    TaskSealed {
        #[serde(flatten)]
        outcome: SealOutcome,
    },
    /// Gates judge the attempt's work.
    #[serde(rename = "task.in_review")]
    TaskInReview {},
    /// The task's work left the candidate.
    #[serde(rename = "task.ejected")]
    TaskEjected {
        class: FailureClass,
        evidence: Box<Evidence>,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        digest: String,
    },
    /// The task's work is part of the story branch for good.
    #[serde(rename = "task.accepted")]
    TaskAccepted { commit: CommitId },
    /// Out of retries, or without progress.
    #[serde(rename = "task.failed")]
    TaskFailed { class: FailureClass, why: String },
    #[serde(rename = "task.blocked")]
    TaskBlocked { by: TaskId },
    #[serde(rename = "task.skipped")]
    TaskSkipped {},
    #[serde(rename = "task.cancelled")]
    TaskCancelled {},

    /// A candidate stands on `base`: one commit per task, in plan order.
    #[serde(rename = "candidate.built")]
    CandidateBuilt {
        candidate: u32,
        base: CommitId,
        tasks: Vec<Batched>,
        left_out: Vec<LeftOut>,
    },
    #[serde(rename = "gate.started")]
    GateStarted {
        gate: String,
        #[serde(rename = "point")]
        at: GatePoint,
        commit: CommitId,
    },
    #[serde(rename = "gate.finished")]
    GateFinished {
        gate: String,
        #[serde(rename = "point")]
        at: GatePoint,
        commit: CommitId,
        /// What the work began with was judged, not the work: a try's base, or the accepted head.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        on_base: bool,
        #[serde(flatten)]
        verdict: GateVerdict,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        counts: Option<TestCounts>,
        /// The bounded end of its output.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        output_tail: String,
        /// What an agent used that the gate asked.
        #[serde(default, skip_serializing_if = "Usage::is_zero")]
        usage: Usage,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log: Option<String>,
        duration_ms: u64,
    },

    /// The agent met a limit of its provider: no new starts with any agent of that provider until the limit ends.
    #[serde(rename = "breaker.opened")]
    BreakerOpened {
        agent: String,
        /// The agent's name, unless the agent says otherwise.
        #[serde(default)]
        provider: String,
        /// Not known where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// The limit has ended.
    #[serde(rename = "breaker.closed")]
    BreakerClosed {
        #[serde(alias = "agent")]
        provider: String,
    },
    /// The agent may work on that many tasks at once from now on: fewer after repeated restarts, more again after successes.
    #[serde(rename = "parallelism.changed")]
    ParallelismChanged {
        agent: String,
        limit: usize,
        why: String,
    },
    /// Nothing runs any more, and what the run's limits leave is not enough for another start; the run pauses.
    #[serde(rename = "budget.exceeded")]
    BudgetExceeded { which: Budget },

    #[serde(rename = "command.accepted")]
    CommandAccepted {
        #[serde(flatten)]
        verb: Verb,
        actor: String,
    },
    #[serde(rename = "command.refused")]
    CommandRefused {
        #[serde(flatten)]
        verb: Verb,
        actor: String,
        why: String,
    },

    /// The target is about to move.
    #[serde(rename = "land.started")]
    LandStarted {
        old: CommitId,
        new: CommitId,
        strategy: MergeStrategy,
    },
    /// The target moved to `commit`; `previous` is the commit to go back to.
    #[serde(rename = "landed")]
    Landed {
        commit: CommitId,
        previous: CommitId,
    },
    /// The landing did not take place; the story is ready to complete.
    #[serde(rename = "parked")]
    Parked {
        reason: ParkReason,
        why: String,
        paths: Vec<String>,
    },
    /// Uncommitted work of a workspace was kept under a ref of Aura's repository.
    #[serde(rename = "workspace.salvaged")]
    WorkspaceSalvaged {
        #[serde(rename = "ref")]
        reference: String,
        commit: CommitId,
    },
    /// Something a person should know that changes nothing.
    #[serde(rename = "warning")]
    Warning { message: String },

    /// The workspace is about to be made at `path`.
    #[serde(rename = "intent.workspace")]
    IntentWorkspace {
        path: String,
        base: CommitId,
        start: StartKind,
        /// The agent that is going to work there.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        agent: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<PreviousAttempt>,
    },
    /// The workspace stands; `start` may differ from the intended one when the merge conflicted.
    #[serde(rename = "workspace.ready")]
    WorkspaceReady {
        start: StartKind,
        conflicts: Vec<String>,
    },
    /// The agent is about to be started.
    #[serde(rename = "intent.start")]
    IntentStart { marker: String, agent: String },
    /// The agent's guard waits for permission to start the agent.
    #[serde(rename = "process.registered")]
    ProcessRegistered {
        pid: u32,
        start_time: u64,
        boot_id: String,
        marker: String,
    },
    /// The agent ended well; nothing is known about its work yet.
    #[serde(rename = "agent.exited")]
    AgentExited {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<String>,
        /// The bounded end of what it wrote.
        output: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tool_improvement_proposal: Option<String>,
        #[serde(default)]
        usage: Usage,
        duration_ms: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log: Option<String>,
    },
    /// The workspace is about to become a commit under that ref.
    #[serde(rename = "intent.seal")]
    IntentSeal {
        #[serde(rename = "ref")]
        reference: String,
        /// Time of the commit, so that sealing again gives the same commit.
        time: Timestamp,
    },
    /// A candidate is about to be built on `base`.
    #[serde(rename = "intent.candidate")]
    IntentCandidate {
        candidate: u32,
        base: CommitId,
        tasks: Vec<TaskId>,
        /// Time of its commits.
        time: Timestamp,
    },
    /// A gate is about to run.
    #[serde(rename = "intent.gate")]
    IntentGate {
        gate: String,
        #[serde(rename = "point")]
        at: GatePoint,
        commit: CommitId,
        tree: CommitId,
    },
    /// The story branch is about to move, which accepts the tasks.
    #[serde(rename = "intent.move_ref")]
    IntentMoveRef {
        #[serde(rename = "ref")]
        reference: String,
        old: CommitId,
        new: CommitId,
        tree: CommitId,
        tasks: Vec<Batched>,
    },
    /// The story branch stands at `new`.
    #[serde(rename = "ref.moved")]
    RefMoved {
        #[serde(rename = "ref")]
        reference: String,
        new: CommitId,
        tree: CommitId,
    },
    /// Somebody else moved a ref of the story.
    #[serde(rename = "ref.foreign")]
    RefForeign {
        #[serde(rename = "ref")]
        reference: String,
        expected: CommitId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found: Option<CommitId>,
        why: String,
    },
    /// `complete` was called.
    #[serde(rename = "landing.requested")]
    LandingRequested {
        options: Box<super::CompleteOptions>,
        gates: Vec<GateDefinition>,
        /// What was found before anything began.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        checks: Vec<super::CompletionCheck>,
    },
    /// The result is about to be built on the target's tip.
    #[serde(rename = "intent.landing")]
    IntentLanding { round: u32, time: Timestamp },
    /// The result that the final gates judge.
    #[serde(rename = "landing.built")]
    LandingBuilt {
        /// Full name of the target.
        #[serde(rename = "ref")]
        reference: String,
        /// Where the target is checked out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        worktree: Option<String>,
        old: CommitId,
        new: CommitId,
        tree: CommitId,
    },
    /// The target is about to move.
    #[serde(rename = "intent.land")]
    IntentLand {
        /// Full name of the target.
        #[serde(rename = "ref")]
        reference: String,
        old: CommitId,
        new: CommitId,
        /// Where the target is checked out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        worktree: Option<String>,
        /// Locks older than that are not ours.
        time: Timestamp,
    },
    /// The target is not where the result was built; it is built again.
    #[serde(rename = "land.target_moved")]
    LandTargetMoved { found: CommitId },
}

impl EventKind {
    /// Announces an effect.
    pub const fn is_intent(&self) -> bool {
        matches!(
            self,
            Self::IntentWorkspace { .. }
                | Self::IntentStart { .. }
                | Self::IntentSeal { .. }
                | Self::IntentCandidate { .. }
                | Self::IntentGate { .. }
                | Self::IntentMoveRef { .. }
                | Self::IntentLanding { .. }
                | Self::IntentLand { .. }
        )
    }

    /// Kept for recovery, hidden from subscribers unless they ask.
    pub const fn is_internal(&self) -> bool {
        self.is_intent()
            || matches!(
                self,
                Self::WorkspaceReady { .. }
                    | Self::ProcessRegistered { .. }
                    | Self::AgentExited { .. }
                    | Self::RefMoved { .. }
                    | Self::RefForeign { .. }
                    | Self::LandingRequested { .. }
                    | Self::LandingBuilt { .. }
                    | Self::LandTargetMoved { .. }
            )
    }

    /// The wire name, such as `task.started`.
    pub fn name(&self) -> String {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests;
