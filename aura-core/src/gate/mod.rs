//! Who judges the work. [`Gate`] is the only thing the engine knows of a gate.

mod command;
mod detect;
mod disk;
mod findings;
mod host;
mod misuse;
pub(crate) mod presets;
mod protected;
pub(crate) mod review;
mod secrets;
#[cfg(test)]
pub(crate) mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::model::{
    CommitId, FlakyPolicy, GateDefinition, GatePoint, GateSchedule, GateVerdict, StoryId,
    StoryTask, TaskId, TestCounts, Usage,
};
use crate::prompt::Redactor;

/// The tree to judge.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GateRequest {
    /// The story.
    pub story: StoryId,
    /// The task, when one task's work is judged.
    pub task: Option<TaskId>,
    /// That task as the plan has it, with what it declares.
    pub subject: Option<Arc<StoryTask>>,
    /// What is judged.
    pub at: GatePoint,
    /// The commit that is checked out in `workspace`.
    pub commit: CommitId,
    /// The commit to compare with, for gates that judge a difference.
    pub base: CommitId,
    /// The commit that the story starts from: what stands there no task of the story wrote.
    pub story_base: CommitId,
    /// What the gates of the run start; see [`Gate::command`].
    pub commands: Arc<Vec<Vec<String>>>,
    /// Directory with exactly that commit, plus ignored build caches of earlier runs. For a gate that [needs no
    /// checkout](Gate::needs_checkout) a repository that has the commits.
    pub workspace: PathBuf,
    /// Variables to add to the gate's environment.
    pub environment: Vec<(String, String)>,
    /// Longest time; past it the verdict is `Failed`.
    pub timeout: Duration,
    /// Time between asking the gate to stop and killing it.
    pub grace: Duration,
    /// The same for each run of a gate on one commit, of which there is one at a time. Exported to what the gate starts, so that
    /// the next run finds what a crash of Aura left of the one before.
    pub marker: String,
    /// File for the complete output.
    pub log: PathBuf,
    /// Masks the secrets of the run. Whatever a gate writes to the log has to pass through it.
    pub redactor: Redactor,
}

/// How a gate reaches the engine while it works.
#[derive(Debug, Clone)]
pub struct GateContext {
    /// Cancelled when the gate has to stop; the verdict is then `Cancelled`.
    pub cancel: CancellationToken,
    /// Lines for whoever watches; a line is dropped when they are slow.
    pub output: mpsc::Sender<String>,
}

/// A verdict and what there is to show for it.
#[derive(Debug, Clone, PartialEq)]
pub struct GateReport {
    /// The verdict.
    pub verdict: GateVerdict,
    /// How many tests ran, where known.
    pub counts: Option<TestCounts>,
    /// The bounded end of the output.
    pub output_tail: String,
    /// What an agent used that the gate asked; it counts for the story and its budgets.
    pub usage: Usage,
}

impl GateReport {
    /// A verdict with nothing to show.
    pub const fn new(verdict: GateVerdict) -> Self {
        Self {
            verdict,
            counts: None,
            output_tail: String::new(),
            usage: Usage {
                input_tokens: 0,
                output_tokens: 0,
                cost_usd: 0.0,
            },
        }
    }
}

/// Judges the tree in a directory.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Changes when what the gate checks changes.
    fn digest(&self) -> String;

    /// Variables that the gate is given besides those of the host. Where a name says that it is a secret, the value is
    /// masked in all prompts, events and logs of the run, as for [`Redactor::new`].
    fn secrets(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The program that it starts, and its arguments; empty for a gate that starts none. Files of the repository that they name
    /// judge, so that [`protected_paths`](presets::protected_paths) asks a person about changes of them.
    fn command(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether it looks at files in a directory. One that reads nothing but commits is spared a checkout: its
    /// [`workspace`](GateRequest::workspace) is then a repository without files that has them.
    fn needs_checkout(&self) -> bool {
        true
    }

    /// Whether the gate can be started here at all; called before a run starts anything.
    async fn preflight(&self) -> Result<()> {
        Ok(())
    }

    /// Judges. Anything that keeps the gate from judging is `Broken`, never `Failed`, and never a panic.
    /// Not cancel safe: the engine cancels through [`GateContext::cancel`] and waits.
    async fn check(&self, request: GateRequest, context: GateContext) -> GateReport;

    /// Waits until nothing that an earlier [`check`](Self::check) left can still work in the directory, which may be for
    /// ever. Ready at once for a gate that `check` stops with all it started; a function in another language cannot be
    /// stopped. Until then nobody else may use the directory. Cancel safe.
    async fn released(&self, _workspace: &Path) {}
}

/// A gate with its name and the rules for it.
#[derive(Clone)]
pub struct ConfiguredGate {
    name: String,
    at: Vec<GateSchedule>,
    required: bool,
    flaky: FlakyPolicy,
    timeout: Duration,
    counts_tests: bool,
    reviews: bool,
    gate: Arc<dyn Gate>,
}

impl ConfiguredGate {
    /// A required gate that judges candidates and the final result, within an hour.
    pub fn new(name: impl Into<String>, gate: Arc<dyn Gate>) -> Self {
        Self {
            name: name.into(),
            at: vec![GateSchedule::AfterWave, GateSchedule::Final],
            required: true,
            flaky: FlakyPolicy::default(),
            timeout: Duration::from_secs(60 * 60),
            counts_tests: false,
            reviews: false,
            gate,
        }
    }

    /// Sets when it judges.
    #[must_use]
    pub fn at(mut self, at: impl IntoIterator<Item = GateSchedule>) -> Self {
        self.at = at.into_iter().collect();
        self
    }

    /// `false`: the verdict is recorded and stops nothing.
    #[must_use]
    pub const fn required(mut self, yes: bool) -> Self {
        self.required = yes;
        self
    }

    /// Sets what green after red on the same tree means.
    #[must_use]
    pub const fn flaky(mut self, policy: FlakyPolicy) -> Self {
        self.flaky = policy;
        self
    }

    /// Sets the longest time of one run.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// `true`: it runs tests and says how many ([`GateReport::counts`]). On a candidate it is then red when fewer of them ran than
    /// on the accepted head, or when it does not say any more how many, unless the candidate is one task that
    /// [removes tests](crate::StoryTask::removes_tests).
    ///
    /// Such a gate has to judge `after_wave`; otherwise the repository is not opened with it.
    #[must_use]
    pub const fn counts_tests(mut self, yes: bool) -> Self {
        self.counts_tests = yes;
        self
    }

    /// `true`: it reviews what was done. A plan that [requires a review](crate::Plan::review) is not run without such a gate that is
    /// required.
    #[must_use]
    pub const fn reviews(mut self, yes: bool) -> Self {
        self.reviews = yes;
        self
    }

    /// The part of it that is recorded with a run.
    pub fn definition(&self) -> GateDefinition {
        GateDefinition {
            name: self.name.clone(),
            digest: self.gate.digest(),
            at: self.at.clone(),
            required: self.required,
            flaky: self.flaky,
            timeout_ms: u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX),
            counts_tests: self.counts_tests,
            reviews: self.reviews,
        }
    }

    /// The code that judges.
    pub fn gate(&self) -> &Arc<dyn Gate> {
        &self.gate
    }
}
