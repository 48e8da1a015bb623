//! Stand-ins for agents and gates, for the test suites of tools that embed the library (feature `testing`).
//!
//! ```
//! use aura_core::testing::{ScriptedAgent, Step};
//! use aura_core::FailureClass;
//!
//! let agent = ScriptedAgent::new()
//!     .task("a", [vec![Step::fail(FailureClass::Exit)], vec![Step::write("a.txt", "done")]]);
//! assert!(agent.starts().is_empty());
//! ```

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{Barrier, Notify, Semaphore};

use crate::agent::{AgentBackend, AgentContext, AgentFailure, AgentRequest, AgentResult};
use crate::error::{Error, ErrorKind, Result};
use crate::gate::{Gate, GateContext, GateReport, GateRequest};
use crate::model::{CommitId, FailureClass, GatePoint, GateVerdict, TaskId, Usage};

/// One thing that a scripted agent does.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Step {
    /// Writes a file, with its folders; the path is relative to the workspace.
    Write(PathBuf, String),
    /// Removes a file that is there.
    Remove(PathBuf),
    /// Adds a line to the output, live and in the result.
    Say(String),
    /// Reports tokens and cost; the last report counts.
    Use(Usage),
    /// Waits until this is notified.
    Wait(Arc<Notify>),
    /// Waits for all others at the barrier.
    Meet(Arc<Barrier>),
    /// Notifies one who waits, now or later.
    Signal(Arc<Notify>),
    /// Waits until it is cancelled, as an agent that hangs.
    Hang,
    /// Ends the attempt with a failure.
    Fail(AgentFailure),
}

impl Step {
    /// Writes a file.
    pub fn write(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self::Write(path.into(), text.into())
    }

    /// Ends the attempt with a failure of that class.
    pub fn fail(class: FailureClass) -> Self {
        Self::Fail(AgentFailure {
            class,
            summary: format!("scripted: {class:?}"),
            until: None,
        })
    }

    /// Ends the attempt with a limit of the provider.
    pub fn limited(class: FailureClass, until: Option<Timestamp>) -> Self {
        Self::Fail(AgentFailure {
            class,
            summary: format!("scripted: {class:?}"),
            until,
        })
    }
}

/// A start of a scripted agent, as a test sees it afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The task.
    pub task: TaskId,
    /// The try, counted from 1.
    pub attempt: u32,
    /// What it was asked.
    pub prompt: String,
    /// Where it worked.
    pub workspace: PathBuf,
}

type Script = dyn Fn(&AgentRequest, usize) -> Vec<Step> + Send + Sync;

/// An agent inside the process that does what a script says. Clones share their record.
///
/// A task without a script gets one file, named by its id with `.txt`. It stops at a step when it is cancelled.
#[derive(Clone)]
pub struct ScriptedAgent {
    tasks: HashMap<TaskId, Vec<Vec<Step>>>,
    otherwise: Arc<Script>,
    digest: String,
    provider: Option<String>,
    record: Arc<Mutex<Record>>,
}

#[derive(Default)]
struct Record {
    starts: Vec<Start>,
    running: usize,
    most: usize,
}

impl Default for ScriptedAgent {
    fn default() -> Self {
        Self::new()
    }
}

impl ScriptedAgent {
    /// An agent that writes one file for each task.
    pub fn new() -> Self {
        Self::from_fn(|request, _| {
            let id = request.task.id.as_str();
            let name = id.replace(
                |char: char| !char.is_ascii_alphanumeric() && char != '.',
                "-",
            );
            vec![Step::write(format!("{name}.txt"), format!("{id}\n"))]
        })
    }

    /// An agent whose steps a function gives for a request and for the how-many-th start of that task it is, from 0.
    pub fn from_fn(
        script: impl Fn(&AgentRequest, usize) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        Self {
            tasks: HashMap::new(),
            otherwise: Arc::new(script),
            digest: "scripted".to_owned(),
            provider: None,
            record: Arc::default(),
        }
    }

    /// Sets the steps of a task: for its first start, its second, and so on; the last ones are for all that follow.
    /// Restarts of one attempt are starts of their own.
    #[must_use]
    pub fn task(
        mut self,
        task: impl Into<TaskId>,
        starts: impl IntoIterator<Item = Vec<Step>>,
    ) -> Self {
        self.tasks.insert(task.into(), starts.into_iter().collect());
        self
    }

    /// Sets the digest of its definition.
    #[must_use]
    pub fn with_digest(mut self, digest: impl Into<String>) -> Self {
        self.digest = digest.into();
        self
    }

    /// Sets whose usage limits hold for it.
    #[must_use]
    pub fn with_provider(mut self, provider: impl Into<String>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// All starts so far, in order.
    pub fn starts(&self) -> Vec<Start> {
        self.record().starts.clone()
    }

    /// How many attempts run now.
    pub fn running(&self) -> usize {
        self.record().running
    }

    /// How many attempts ran side by side at most.
    pub fn most_running(&self) -> usize {
        self.record().most
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn steps(&self, request: &AgentRequest) -> Vec<Step> {
        let mut record = self.record();
        let earlier = record
            .starts
            .iter()
            .filter(|start| start.task == request.task.id);
        let earlier = earlier.count();
        record.starts.push(Start {
            task: request.task.id.clone(),
            attempt: request.attempt,
            prompt: request.prompt.clone(),
            workspace: request.workspace.clone(),
        });
        record.running += 1;
        record.most = record.most.max(record.running);
        drop(record);
        match self.tasks.get(&request.task.id) {
            Some(starts) => starts
                .get(earlier)
                .or(starts.last())
                .cloned()
                .unwrap_or_default(),
            None => (self.otherwise)(request, earlier),
        }
    }
}

/// Counts an attempt as ended, however it ends.
struct Running<'a>(&'a ScriptedAgent);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.record().running -= 1;
    }
}

#[async_trait]
impl AgentBackend for ScriptedAgent {
    fn digest(&self) -> String {
        self.digest.clone()
    }

    fn provider(&self) -> Option<String> {
        self.provider.clone()
    }

    async fn run(&self, request: AgentRequest, context: AgentContext) -> Result<AgentResult> {
        let steps = self.steps(&request);
        let _running = Running(self);
        let mut result = AgentResult::default();
        for step in steps {
            tokio::select! {
                biased;
                () = context.cancel().cancelled() => {
                    result.failure = Some(AgentFailure {
                        class: FailureClass::Cancelled,
                        summary: "cancelled".to_owned(),
                        until: None,
                    });
                }
                done = take(step, &request, &context, &mut result) => done?,
            }
            if result.failure.is_some() {
                break;
            }
        }
        Ok(result)
    }
}

async fn take(
    step: Step,
    request: &AgentRequest,
    context: &AgentContext,
    result: &mut AgentResult,
) -> Result<()> {
    match step {
        Step::Write(path, text) => {
            let path = inside(&request.workspace, &path)?;
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
            }
            fs::write(&path, text).map_err(|error| Error::io("write", &path, error))?;
        }
        Step::Remove(path) => {
            let path = inside(&request.workspace, &path)?;
            fs::remove_file(&path).map_err(|error| Error::io("remove", &path, error))?;
        }
        Step::Say(line) => {
            result.output.push_str(&line);
            result.output.push('\n');
            // A line is dropped when the reader is slow, as with a real agent.
            context.tell(line.into());
        }
        Step::Use(usage) => result.usage = usage,
        Step::Wait(notify) => notify.notified().await,
        Step::Meet(barrier) => {
            barrier.wait().await;
        }
        Step::Signal(notify) => notify.notify_one(),
        Step::Hang => std::future::pending().await,
        Step::Fail(failure) => result.failure = Some(failure),
    }
    Ok(())
}

fn inside(workspace: &Path, path: &Path) -> Result<PathBuf> {
    if path
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
    {
        return Ok(workspace.join(path));
    }
    let message = format!(
        "the scripted path {} is not below the workspace",
        path.display()
    );
    Err(Error::new(ErrorKind::InvalidInput, message))
}

/// A check of a scripted gate, as a test sees it afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The task, when one task's work was judged.
    pub task: Option<TaskId>,
    /// What was judged.
    pub at: GatePoint,
    /// The commit.
    pub commit: CommitId,
    /// Where it was checked out.
    pub workspace: PathBuf,
}

type Judge = dyn Fn(&GateRequest, usize) -> GateVerdict + Send + Sync;

/// A gate inside the process that judges by a function. Clones share their record.
#[derive(Clone)]
pub struct ScriptedGate {
    judge: Arc<Judge>,
    held: Option<Arc<Semaphore>>,
    digest: String,
    checks: Arc<Mutex<Vec<Check>>>,
}

impl ScriptedGate {
    /// A gate that is always green.
    pub fn green() -> Self {
        Self::new(|_, _| GateVerdict::Passed)
    }

    /// A gate whose verdict a function gives for a request and for the how-many-th check it is, from 0. It may look at the
    /// files in the workspace.
    pub fn new(judge: impl Fn(&GateRequest, usize) -> GateVerdict + Send + Sync + 'static) -> Self {
        Self {
            judge: Arc::new(judge),
            held: None,
            digest: "scripted".to_owned(),
            checks: Arc::default(),
        }
    }

    /// Makes each check wait for a permit of its own before it judges, which is used up.
    #[must_use]
    pub fn held_by(mut self, permits: Arc<Semaphore>) -> Self {
        self.held = Some(permits);
        self
    }

    /// Sets the digest of its definition.
    #[must_use]
    pub fn with_digest(mut self, digest: impl Into<String>) -> Self {
        self.digest = digest.into();
        self
    }

    /// All checks that were begun, in order.
    pub fn checks(&self) -> Vec<Check> {
        self.record().clone()
    }

    fn record(&self) -> MutexGuard<'_, Vec<Check>> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Gate for ScriptedGate {
    fn digest(&self) -> String {
        self.digest.clone()
    }

    async fn check(&self, request: GateRequest, context: GateContext) -> GateReport {
        let number = {
            let mut checks = self.record();
            checks.push(Check {
                task: request.task.clone(),
                at: request.at,
                commit: request.commit,
                workspace: request.workspace.clone(),
            });
            checks.len() - 1
        };
        if let Some(held) = &self.held {
            let permit = tokio::select! {
                biased;
                () = context.cancel.cancelled() => return GateReport::new(GateVerdict::Cancelled),
                permit = held.acquire() => permit,
            };
            match permit {
                Ok(permit) => permit.forget(),
                Err(_) => {
                    let why = "the permits of the scripted gate are closed".to_owned();
                    return GateReport::new(GateVerdict::Broken { why });
                }
            }
        }
        if context.cancel.is_cancelled() {
            return GateReport::new(GateVerdict::Cancelled);
        }
        GateReport::new((self.judge)(&request, number))
    }
}

#[cfg(test)]
mod tests;
