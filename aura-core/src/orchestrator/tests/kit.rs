//! What the tests of several themes share.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use crate::Orchestrator;
use crate::agent::{AgentBackend, AgentContext, AgentFailure, AgentRequest, AgentResult};
use crate::error::Result;
use crate::gate::{ConfiguredGate, Gate, GateContext, GateReport, GateRequest};
use crate::model::{
    FailureClass, GateVerdict, Plan, Policy, RunOptions, StoryId, StorySpec, StoryTask,
};
use crate::store::StoryStore;

/// A runtime whose end is, to a run, like the end of its process.
pub(super) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// A story of tasks that do not depend on each other.
pub(super) fn story(tasks: &[&str]) -> StorySpec {
    let tasks: Vec<_> = tasks.iter().map(|id| StoryTask::new(*id, *id)).collect();
    StorySpec::from_plan(Plan::new("Write files", tasks).expect("a plan")).policy(Policy {
        backoff_ms: 1,
        ..Policy::default()
    })
}

pub(super) async fn open(
    path: &Path,
    store: &Arc<dyn StoryStore>,
    agent: impl AgentBackend + 'static,
    gates: impl IntoIterator<Item = ConfiguredGate>,
) -> Orchestrator {
    Orchestrator::builder(path)
        .agent("default", agent)
        .gates(gates)
        .store(Arc::clone(store))
        .open()
        .await
        .expect("opened")
}

/// Starts a run and ends its process as soon as `working` says so.
pub(super) fn interrupt(
    aura: impl Future<Output = Orchestrator>,
    tasks: &[&str],
    working: &Semaphore,
) -> StoryId {
    let runtime = runtime();
    runtime.block_on(async {
        let aura = aura.await;
        let id = aura.create_story(story(tasks)).await.expect("created");
        let run = aura.run(id, RunOptions::default()).await;
        let _run = run.expect("started");
        working.acquire().await.expect("open").forget();
        id
    })
}

/// Writes a file that is called as its task is.
pub(super) struct Plain;

#[async_trait]
impl AgentBackend for Plain {
    fn digest(&self) -> String {
        "plain".to_owned()
    }

    async fn run(&self, request: AgentRequest, _context: AgentContext) -> Result<AgentResult> {
        let path = request.workspace.join(request.task.id.as_str());
        std::fs::write(path, "done\n").expect("written");
        Ok(AgentResult::default())
    }
}

/// Says that it works, and works until it is cancelled.
pub(super) struct Held(pub(super) Arc<Semaphore>);

#[async_trait]
impl AgentBackend for Held {
    fn digest(&self) -> String {
        // The same agent as `Plain` to whoever compares definitions.
        "plain".to_owned()
    }

    async fn run(&self, _request: AgentRequest, context: AgentContext) -> Result<AgentResult> {
        self.0.add_permits(1);
        context.cancel().cancelled().await;
        Ok(AgentResult {
            failure: Some(AgentFailure {
                class: FailureClass::Cancelled,
                summary: "stopped".to_owned(),
                until: None,
            }),
            ..AgentResult::default()
        })
    }
}

/// Says that it judges, and judges until it is cancelled.
pub(super) struct HeldGate(pub(super) Arc<Semaphore>);

#[async_trait]
impl Gate for HeldGate {
    fn digest(&self) -> String {
        "held".to_owned()
    }

    async fn check(&self, _request: GateRequest, context: GateContext) -> GateReport {
        self.0.add_permits(1);
        context.cancel.cancelled().await;
        GateReport::new(GateVerdict::Cancelled)
    }
}
