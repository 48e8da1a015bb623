//! What a landed story leaves, and what is kept of it.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::kit::{open, story};
use super::{git, repository};
use crate::agent::{AgentBackend, AgentContext, AgentRequest, AgentResult};
use crate::error::Result;
use crate::gate::{ConfiguredGate, Gate, GateContext, GateReport, GateRequest};
use crate::model::{CompleteOptions, GateSchedule, GateVerdict, Policy, RunOptions, StoryStatus};
use crate::store::{MemoryStore, StoryStore};

/// Writes a file that is called as its task is.
struct Named;

#[async_trait]
impl AgentBackend for Named {
    fn digest(&self) -> String {
        "named".to_owned()
    }

    async fn run(&self, request: AgentRequest, _context: AgentContext) -> Result<AgentResult> {
        let path = request.workspace.join(request.task.id.as_str());
        std::fs::write(path, request.attempt.to_string()).expect("written");
        Ok(AgentResult::default())
    }
}

/// Red when there is a file `bad`.
struct NoneBad;

#[async_trait]
impl Gate for NoneBad {
    fn digest(&self) -> String {
        "none bad".to_owned()
    }

    async fn check(&self, request: GateRequest, _context: GateContext) -> GateReport {
        GateReport::new(if request.workspace.join("bad").exists() {
            GateVerdict::Failed {
                findings: Vec::new(),
            }
        } else {
            GateVerdict::Passed
        })
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_landed_story_is_cleaned_up_when_it_is_asked_for_and_keeps_what_was_not_accepted() {
    let (directory, path) = repository();
    let root = directory.path().join("places");
    let store: Arc<dyn StoryStore> = Arc::new(MemoryStore::new());
    let gate = ConfiguredGate::new("none-bad", Arc::new(NoneBad))
        .at([GateSchedule::AfterTask, GateSchedule::Final]);
    let aura = crate::Orchestrator::builder(&path)
        .agent("default", Named)
        .gate(gate)
        .store(Arc::clone(&store))
        .workspace_root(&root)
        .open()
        .await
        .expect("opened");
    let policy = Policy {
        backoff_ms: 1,
        retry_max: 1,
        ..Policy::default()
    };
    let spec = story(&["good", "bad"]).policy(policy);
    let id = aura.create_story(spec).await.expect("created");
    let run = aura.run(id, RunOptions::default()).await.expect("started");
    run.finished().await.expect("finished");

    let land = CompleteOptions::default().merge(true).partial(true);
    let run = aura.complete(id, land.clone()).await.expect("started");
    run.finished().await.expect("finished");
    let status = aura.status(id).await.expect("read").status;
    assert_eq!(status, StoryStatus::Completed);
    assert!(
        names(&root).contains(&".gates".to_owned()),
        "nothing is removed unasked"
    );

    aura.complete(id, land.clone())
        .await
        .err()
        .expect("it has landed already");
    for _ in 0..2 {
        let again = aura.complete(id, land.clone().cleanup(true)).await;
        let mut again = again.expect("started");
        assert_eq!(again.next_event().await.expect("read"), None);
        again.wait().await.expect("cleaned up");
    }
    assert_eq!(names(&root), Vec::<String>::new());
    let aura_git = path.join(".git/aura");
    let repo = names(&aura_git)
        .into_iter()
        .map(|name| aura_git.join(name))
        .find(|place| place.join("HEAD").is_file())
        .expect("Aura's repository");
    let refs = git(
        &repo,
        &["for-each-ref", "--format=%(refname)", "refs/aura/attempts"],
    );
    let tasks: Vec<&str> = refs
        .lines()
        .filter_map(|name| name.split('/').nth(4)?.split('-').next())
        .collect();
    assert!(!tasks.is_empty());
    assert!(
        tasks.iter().all(|task| *task == "1"),
        "only those of `bad`: {refs}"
    );
    let reopened = open(&path, &store, Named, []).await;
    assert!(reopened.report(id).await.is_ok());
}

/// Libgit2 locks a ref with a file; killed while it holds one, a process would keep the story from ever going on.
#[tokio::test]
async fn locks_that_a_killed_process_left_on_the_storys_refs_are_no_obstacle() {
    let (_directory, path) = repository();
    let store: Arc<dyn StoryStore> = Arc::new(MemoryStore::new());
    let aura = open(&path, &store, Named, []).await;
    let id = aura.create_story(story(&["a"])).await.expect("created");
    let branch = aura.story(id).await.expect("read").branch;
    let own = path.join(".git/aura/repo.git");
    let locks = [
        own.join(format!("refs/aura/attempts/{id}/0-1-1/sealed.lock")),
        own.join(format!("refs/aura/candidates/{id}/1.lock")),
        own.join(format!("refs/aura/keep/{id}.lock")),
        path.join(format!(".git/refs/aura/keep/{id}.lock")),
        path.join(format!(".git/refs/heads/{branch}.lock")),
    ];
    for lock in &locks {
        std::fs::create_dir_all(lock.parent().expect("a directory")).expect("created");
        std::fs::write(lock, "").expect("written");
    }
    let run = aura.run(id, RunOptions::default()).await.expect("started");
    run.finished().await.expect("finished");
    let status = aura.status(id).await.expect("read").status;
    assert_eq!(status, StoryStatus::ReadyToComplete);
}
