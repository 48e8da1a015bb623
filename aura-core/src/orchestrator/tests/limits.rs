//! Agents and gates that do not come back, do not let go, or break.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::kit::{Plain, open, story};
use super::{git, repository};
use crate::agent::{AgentBackend, AgentContext, AgentFailure, AgentRequest, AgentResult};
use crate::error::{ErrorKind, Result};
use crate::gate::{ConfiguredGate, Gate, GateContext, GateReport, GateRequest};
use crate::model::{EventKind, FailureClass, GateVerdict, RunOptions, StoryStatus};
use crate::store::{MemoryStore, StoryStore};

/// Never lets go of directories whose path has a part in it; says when somebody waits for that.
struct Clinging {
    to: &'static str,
    waited_for: Arc<Semaphore>,
}

impl Clinging {
    async fn released(&self, workspace: &Path) {
        if workspace.iter().any(|part| part == self.to) {
            self.waited_for.add_permits(1);
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Gate for Clinging {
    fn digest(&self) -> String {
        "clinging".to_owned()
    }

    async fn check(&self, _request: GateRequest, _context: GateContext) -> GateReport {
        GateReport::new(GateVerdict::Passed)
    }

    async fn released(&self, workspace: &Path) {
        self.released(workspace).await;
    }
}

#[tokio::test]
async fn a_cancel_ends_the_wait_for_a_directory_that_nobody_lets_go() {
    for place in [".tasks", ".gates"] {
        let (_directory, path) = repository();
        let store: Arc<dyn StoryStore> = Arc::new(MemoryStore::new());
        let waited_for = Arc::new(Semaphore::new(0));
        let gate = Clinging {
            to: place,
            waited_for: Arc::clone(&waited_for),
        };
        let gates = [ConfiguredGate::new("clinging", Arc::new(gate))];
        let aura = open(&path, &store, Plain, gates).await;
        let id = aura.create_story(story(&["a"])).await.expect("created");
        let run = aura.run(id, RunOptions::default()).await.expect("started");
        waited_for.acquire().await.expect("open").forget();
        run.cancel().await.expect("accepted");
        run.finished().await.expect("finished");
        let status = aura.status(id).await.expect("read").status;
        assert_eq!(status, StoryStatus::Cancelled, "{place}");
    }
}

/// Panics in task `a` as soon as `b` works, which ends after that.
struct Breaking {
    works: Semaphore,
    broke: Semaphore,
}

impl Drop for Broke<'_> {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

struct Broke<'a>(&'a Semaphore);

#[async_trait]
impl AgentBackend for Breaking {
    fn digest(&self) -> String {
        "plain".to_owned()
    }

    async fn run(&self, request: AgentRequest, context: AgentContext) -> Result<AgentResult> {
        if request.task.id.as_str() == "a" {
            let _broke = Broke(&self.broke);
            self.works.acquire().await.expect("open").forget();
            panic!("a bug in a backend");
        }
        self.works.add_permits(1);
        self.broke.acquire().await.expect("open").forget();
        Plain.run(request, context).await
    }
}

#[tokio::test]
async fn a_failure_of_aura_lets_what_runs_finish() {
    let (_directory, path) = repository();
    let store: Arc<dyn StoryStore> = Arc::new(MemoryStore::new());
    let agent = Breaking {
        works: Semaphore::new(0),
        broke: Semaphore::new(0),
    };
    let aura = open(&path, &store, agent, []).await;
    let id = aura
        .create_story(story(&["a", "b"]))
        .await
        .expect("created");
    let run = aura.run(id, RunOptions::default()).await.expect("started");
    let error = run.finished().await.expect_err("the failure is told");
    assert_eq!(error.kind(), ErrorKind::Internal);
    let (_, events) = aura.load(id).await.expect("loaded");
    let exited: Vec<_> = events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::AgentExited { .. }))
        .filter_map(|event| event.task.as_ref().map(|task| task.as_str()))
        .collect();
    assert_eq!(exited, ["b"], "its end is recorded");

    let aura = open(&path, &store, Plain, []).await;
    let run = aura.run(id, RunOptions::default()).await.expect("taken up");
    run.finished().await.expect("finished");
    let (state, events) = aura.load(id).await.expect("loaded");
    assert_eq!(state.status, StoryStatus::ReadyToComplete);
    let starts = events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::IntentStart { .. }))
        .filter(|event| event.task.as_ref().is_some_and(|task| task.as_str() == "b"));
    assert_eq!(starts.count(), 1, "b is not done again");
}

/// Makes a branch in the user's repository, then fails for good.
struct Straying(std::path::PathBuf);

#[async_trait]
impl AgentBackend for Straying {
    fn digest(&self) -> String {
        "straying".to_owned()
    }

    async fn run(&self, _request: AgentRequest, _context: AgentContext) -> Result<AgentResult> {
        git(&self.0, &["branch", "stray"]);
        Ok(AgentResult {
            failure: Some(AgentFailure {
                class: FailureClass::Config,
                summary: "no such model".to_owned(),
                until: None,
            }),
            ..AgentResult::default()
        })
    }
}

#[tokio::test]
async fn an_agent_that_leaves_its_workspace_is_told_of_although_nothing_is_accepted() {
    let (_directory, path) = repository();
    let store: Arc<dyn StoryStore> = Arc::new(MemoryStore::new());
    let aura = open(&path, &store, Straying(path.clone()), []).await;
    let id = aura.create_story(story(&["a"])).await.expect("created");
    let run = aura.run(id, RunOptions::default()).await.expect("started");
    run.finished().await.expect("finished");
    let (_, events) = aura.load(id).await.expect("loaded");
    let warned = events.iter().any(|event| {
        matches!(&event.kind, EventKind::Warning { message } if message.contains("refs/heads/stray"))
    });
    assert!(warned, "{events:#?}");
}
