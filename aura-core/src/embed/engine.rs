//! An orchestrator and the jobs of its host.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::functions::GraphFormat;
use super::open::{OpenOptions, open};
use super::run::RunHandle;
use super::{answer, arguments, unknown};
use crate::error::{Error, ErrorKind, Result};
use crate::host::HostQueue;
use crate::model::{
    CompleteOptions, DecomposeOptions, Plan, Policy, RunOptions, StoryContext, StoryId, StorySpec,
    TaskId, TaskStatus, Verb,
};
use crate::orchestrator::{Orchestrator, Run, RunControl};

/// The methods of [`Engine::call`].
pub const METHODS: &[&str] = &[
    "create_story",
    "analyze",
    "decompose",
    "stories",
    "find_story",
    "story",
    "plan",
    "status",
    "report",
    "events",
    "graph",
    "command",
    "wait_until_idle",
    "doctor",
];

/// An opened repository, for another language. Clones are the same engine; when the last one and the last [`RunHandle`] are
/// dropped, the host counts as gone.
#[derive(Clone)]
pub struct Engine(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) aura: Orchestrator,
    pub(super) queue: HostQueue,
    /// The runs that were started here; `None` once closed. Locked while one starts, so that closing knows of it.
    runs: Mutex<Option<Vec<RunControl>>>,
    /// Ends what is no run.
    closing: CancellationToken,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfStory {
    story: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    title: Option<String>,
    description: Option<String>,
    plan: Option<Plan>,
    target: Option<String>,
    #[serde(default)]
    policy: Policy,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Find {
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct After {
    story: String,
    #[serde(default)]
    after: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Graph {
    story: String,
    format: GraphFormat,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Command {
    story: String,
    verb: String,
    task: Option<String>,
    note: Option<String>,
    #[serde(default = "somebody")]
    actor: String,
}

fn somebody() -> String {
    "program".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    story: String,
    timeout_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start<T> {
    story: String,
    options: T,
}

impl Engine {
    /// Opens a repository; see [`Orchestrator::builder`].
    ///
    /// `options` is `{path, agents?, gates?, detect_gates?, store?, prompt_template?, patterns?,
    /// workspace_root?}`: `agents` an object of
    /// `{command, env?, env_allow?, sandbox?}`, `{preset, model?, yolo?, program?, args?, config_dir?, role?, env?, env_allow?, sandbox?}`
    /// or `{host: {version?}}` by name, `gates` a list of commands and hosts with `name` and, where wanted, `at`, `required`, `flaky`,
    /// `timeout_ms`, `counts_tests`, `reviews`, or `{protected: {paths?}}` for [`gates::protected_paths`](crate::gates::protected_paths); `store` is `sqlite` or `memory`.
    ///
    /// `patterns` is a directory, or an object of texts by name.
    ///
    /// # Errors
    /// `InvalidInput` for options that cannot be meant; as [`OrchestratorBuilder::open`](crate::OrchestratorBuilder::open).
    pub async fn open(options: &str) -> Result<Self> {
        let options: OpenOptions = arguments("open", options)?;
        let queue = HostQueue::new();
        let aura = open(options, &queue).await?;
        Ok(Self(Arc::new(Inner {
            aura,
            queue,
            runs: Mutex::new(Some(Vec::new())),
            closing: CancellationToken::new(),
        })))
    }

    /// Calls one of [`METHODS`] and returns its answer. They are the methods of [`Orchestrator`] of the same names; `graph`
    /// draws the plan with the status of its tasks. A story is named by its id, its short id or its branch.
    ///
    /// # Errors
    /// `InvalidInput` for an unknown method or arguments that it does not take; `Refused` once closed, for what changes a story;
    /// whatever the method says.
    pub async fn call(&self, method: &str, text: &str) -> Result<String> {
        let aura = &self.0.aura;
        if matches!(method, "create_story" | "analyze" | "decompose" | "command")
            && self.0.runs.lock().await.is_none()
        {
            return Err(closed());
        }
        match method {
            "create_story" => answer(&self.create(arguments(method, text)?).await?),
            "analyze" => answer(&self.analyze(self.of_story(method, text).await?).await?),
            "decompose" => answer(&self.decompose(arguments(method, text)?).await?),
            "stories" => {
                let Nothing {} = arguments(method, text)?;
                answer(&aura.stories().await?)
            }
            "find_story" => {
                let Find { name } = arguments(method, text)?;
                answer(&aura.find_story(name.as_deref()).await?)
            }
            "story" => answer(&aura.story(self.of_story(method, text).await?).await?),
            "plan" => answer(&aura.plan(self.of_story(method, text).await?).await?),
            "status" => answer(&aura.status(self.of_story(method, text).await?).await?),
            "report" => answer(&aura.report(self.of_story(method, text).await?).await?),
            "events" => {
                let After { story, after } = arguments(method, text)?;
                answer(&aura.events(self.find(&story).await?, after).await?)
            }
            "graph" => answer(&self.graph(arguments(method, text)?).await?),
            "command" => answer(&self.command(arguments(method, text)?).await?),
            "wait_until_idle" => {
                let Wait { story, timeout_ms } = arguments(method, text)?;
                let story = self.find(&story).await?;
                let timeout = timeout_ms.map(Duration::from_millis);
                answer(&aura.wait_until_idle(story, timeout).await?)
            }
            "doctor" => {
                let Nothing {} = arguments(method, text)?;
                answer(&aura.doctor().await)
            }
            _ => Err(unknown("method", method, METHODS)),
        }
    }

    /// Runs a story with the options of [`RunOptions`]: `{story, options}`; see [`Orchestrator::run`].
    ///
    /// # Errors
    /// `InvalidInput` for unknown options; `Refused` once closed; as [`Orchestrator::run`].
    pub async fn run(&self, text: &str) -> Result<RunHandle> {
        let Start { story, options } = arguments::<Start<RunOptions>>("run", text)?;
        let story = self.find(&story).await?;
        self.start(self.0.aura.run(story, options)).await
    }

    /// Completes a story with the options of [`CompleteOptions`]: `{story, options}`; see [`Orchestrator::complete`].
    ///
    /// # Errors
    /// `InvalidInput` for unknown options; `Refused` once closed; as [`Orchestrator::complete`].
    pub async fn complete(&self, text: &str) -> Result<RunHandle> {
        let Start { story, options } = arguments::<Start<CompleteOptions>>("complete", text)?;
        let story = self.find(&story).await?;
        self.start(self.0.aura.complete(story, options)).await
    }

    /// Cancels the runs that this engine started, waits until they have ended, and ends the queue of jobs; the host has to go on
    /// answering jobs meanwhile. What was accepted stays, and a later run of a story goes on from there.
    pub async fn close(&self) {
        let runs = self.0.runs.lock().await.take();
        self.0.closing.cancel();
        for run in runs.into_iter().flatten() {
            // A landing that has begun finishes, and what has ended needs no cancel.
            let _ = run.cancel().await;
            let _ = run.wait().await;
        }
        self.0.queue.close();
    }

    /// Ends the queue of jobs at once and waits for nothing, for a host that is about to end.
    pub fn abandon(&self) {
        self.0.closing.cancel();
        self.0.queue.close();
    }

    /// Starts a run, unless closed.
    async fn start(&self, run: impl Future<Output = Result<Run>>) -> Result<RunHandle> {
        let mut runs = self.0.runs.lock().await;
        let runs = runs.as_mut().ok_or_else(closed)?;
        let (control, events) = run.await?.split();
        runs.retain(|run| !run.is_over());
        runs.push(control.clone());
        Ok(RunHandle::new(Arc::clone(&self.0), control, events))
    }

    async fn find(&self, name: &str) -> Result<StoryId> {
        match name.parse() {
            Ok(id) => Ok(id),
            Err(_) => self.0.aura.find_story(Some(name)).await,
        }
    }

    async fn of_story(&self, method: &str, text: &str) -> Result<StoryId> {
        let OfStory { story } = arguments(method, text)?;
        self.find(&story).await
    }

    async fn create(&self, create: Create) -> Result<StoryId> {
        let mut spec = match create.plan {
            // It was outside, so nothing that was derived from its tasks is believed.
            Some(outside) => {
                let mut plan = Plan::new(outside.title, outside.tasks)?;
                plan.description = outside.description;
                plan.source = outside.source;
                plan.review = outside.review;
                StorySpec::from_plan(plan)
            }
            None => StorySpec::default(),
        };
        if let Some(title) = create.title {
            spec.title = title;
        }
        if let Some(description) = create.description {
            spec.description = description;
        }
        spec.target = create.target;
        self.0.aura.create_story(spec.policy(create.policy)).await
    }

    /// Closing ends it.
    async fn analyze(&self, story: StoryId) -> Result<StoryContext> {
        tokio::select! {
            biased;
            () = self.0.closing.cancelled() => Err(closed()),
            context = self.0.aura.analyze(story) => context,
        }
    }

    /// Closing ends it, and with it the agent.
    async fn decompose(&self, start: Start<DecomposeOptions>) -> Result<Plan> {
        let story = self.find(&start.story).await?;
        tokio::select! {
            biased;
            () = self.0.closing.cancelled() => Err(closed()),
            plan = self.0.aura.decompose(story, start.options) => plan,
        }
    }

    async fn graph(&self, graph: Graph) -> Result<String> {
        let story = self.find(&graph.story).await?;
        let plan = self.0.aura.plan(story).await?;
        let view = self.0.aura.status(story).await?;
        let status = |task: &TaskId| -> Option<TaskStatus> {
            let line = view.tasks.iter().find(|line| line.id == *task);
            line.map(|line| line.status)
        };
        Ok(graph.format.draw(&plan, status))
    }

    async fn command(&self, command: Command) -> Result<()> {
        let story = self.find(&command.story).await?;
        let verb = verb(&command.verb, command.task, command.note)?;
        self.0.aura.command(story, verb, &command.actor).await
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Refused, "the orchestrator is closed").with_help("open another one")
}

/// What `verb` asks for; a verb that needs a task is refused without one, and the others with one.
pub(super) fn verb(name: &str, task: Option<String>, note: Option<String>) -> Result<Verb> {
    let wrong = |what: String| {
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!("{name}: {what}"),
        ))
    };
    if note.is_some() && name != "retry" {
        return wrong("only a retry takes a note".to_owned());
    }
    match (name, task) {
        ("pause", None) => Ok(Verb::Pause),
        ("resume", None) => Ok(Verb::Resume),
        ("cancel", None) => Ok(Verb::Cancel),
        ("retry", Some(task)) => Ok(Verb::Retry {
            task: task.into(),
            note,
        }),
        ("approve", Some(task)) => Ok(Verb::Approve { task: task.into() }),
        ("skip", Some(task)) => Ok(Verb::Skip { task: task.into() }),
        ("pause" | "resume" | "cancel", Some(_)) => wrong("it is about the whole story".to_owned()),
        ("retry" | "approve" | "skip", None) => wrong("which task?".to_owned()),
        _ => Err(unknown("verb", name, super::run::RUN_METHODS)),
    }
}
