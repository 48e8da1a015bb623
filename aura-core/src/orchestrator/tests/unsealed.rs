//! Work that cannot be made a commit: where the workspace is gone, and where git cannot write.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;

use super::kit::{open, story};
use super::{git, repository};
use crate::Orchestrator;
use crate::agent::{AgentBackend, AgentContext, AgentRequest, AgentResult};
use crate::error::Result;
use crate::model::{
    EventKind, FailureClass, RunOptions, RunOutcome, StoryId, StoryStatus, Usage, Verb,
};
use crate::store::{MemoryStore, StoryStore};

/// Tokens of each start.
const TOKENS: u64 = 7;

/// Writes a file, and at its first start does something to the surroundings.
struct Vandal<F> {
    starts: Arc<AtomicU32>,
    at_first: F,
}

#[async_trait]
impl<F: Fn(&Path) + Send + Sync> AgentBackend for Vandal<F> {
    fn digest(&self) -> String {
        "vandal".to_owned()
    }

    async fn run(&self, request: AgentRequest, _context: AgentContext) -> Result<AgentResult> {
        let path = request.workspace.join(request.task.id.as_str());
        std::fs::write(path, "done\n").expect("written");
        if self.starts.fetch_add(1, Ordering::Relaxed) == 0 {
            (self.at_first)(&request.workspace);
        }
        Ok(AgentResult {
            usage: Usage {
                input_tokens: TOKENS,
                ..Usage::default()
            },
            ..AgentResult::default()
        })
    }
}

/// A story whose work git cannot write: Aura's repository has lost its objects while the agent worked. They are back afterwards.
struct Unsealable {
    _directory: tempfile::TempDir,
    path: PathBuf,
    aura: Orchestrator,
    story: StoryId,
    starts: Arc<AtomicU32>,
}

impl Unsealable {
    async fn new() -> Self {
        let (directory, path) = repository();
        let store: Arc<dyn StoryStore> = Arc::new(MemoryStore::new());
        let objects = path.join(".git/aura/repo.git/objects");
        let away = objects.with_extension("away");
        let starts = Arc::new(AtomicU32::new(0));
        let agent = Vandal {
            starts: Arc::clone(&starts),
            at_first: {
                let (objects, away) = (objects.clone(), away.clone());
                move |_: &Path| std::fs::rename(&objects, &away).expect("taken away")
            },
        };
        let aura = open(&path, &store, agent, []).await;
        let id = aura.create_story(story(&["a"])).await.expect("created");
        let world = Self {
            _directory: directory,
            path,
            aura,
            story: id,
            starts,
        };
        let report = world.run().await;
        assert_eq!(report.outcome, RunOutcome::Paused);
        let why = report.reason.expect("a reason");
        assert!(why.contains("could not be sealed"), "{why}");
        std::fs::rename(away, objects).expect("brought back");
        world
    }

    async fn run(&self) -> crate::Report {
        let run = self.aura.run(self.story, RunOptions::default()).await;
        run.expect("started").wait().await.expect("finished")
    }

    async fn ask(&self, verb: Verb) {
        let answer = self.aura.command(self.story, verb, "test").await;
        answer.expect("accepted");
    }

    fn starts(&self) -> u32 {
        self.starts.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn what_could_not_be_sealed_is_sealed_later_and_its_usage_counts_once() {
    let world = Unsealable::new().await;
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
    assert_eq!(world.starts(), 1, "the work was there already");
    assert_eq!(report.usage.input_tokens, TOKENS);
    let told = world.aura.story(world.story).await.expect("read");
    assert_eq!(told.tasks[0].usage.input_tokens, TOKENS);
}

#[tokio::test]
async fn what_cannot_be_sealed_is_tried_again_on_request() {
    let world = Unsealable::new().await;
    let task = "a".into();
    world.ask(Verb::Retry { task, note: None }).await;
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
    assert_eq!(world.starts(), 2);
}

#[tokio::test]
async fn what_cannot_be_sealed_is_skipped_on_request() {
    let world = Unsealable::new().await;
    world.ask(Verb::Skip { task: "a".into() }).await;
    let report = world.run().await;
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
    assert_eq!((world.starts(), report.skipped.len()), (1, 1));
    assert!(!world.path.join("a").exists());
}

#[tokio::test]
async fn an_agent_that_removes_its_own_workspace_is_started_again() {
    let (_directory, path) = repository();
    let store: Arc<dyn StoryStore> = Arc::new(MemoryStore::new());
    let agent = Vandal {
        starts: Arc::default(),
        at_first: |workspace: &Path| std::fs::remove_dir_all(workspace).expect("removed"),
    };
    let aura = open(&path, &store, agent, []).await;
    let id = aura.create_story(story(&["a"])).await.expect("created");
    let run = aura.run(id, RunOptions::default()).await.expect("started");
    let report = run.wait().await.expect("finished");
    assert_eq!(
        (report.outcome, report.starts),
        (RunOutcome::ReadyToComplete, 2)
    );
    let view = aura.story(id).await.expect("read");
    assert_eq!(view.status, StoryStatus::ReadyToComplete);
    assert_eq!(
        git(&path, &["ls-tree", "--name-only", &view.branch]),
        "a\nshared.txt"
    );
    let events = aura.events(id, 0).await.expect("events");
    let retried = events.iter().any(|event| {
        matches!(
            event.kind,
            EventKind::TaskRetrying {
                class: FailureClass::BaseLost,
                ..
            }
        )
    });
    assert!(retried, "the try is told as lost");
}
