//! Runs that may not begin as things are, and what makes them go on.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::kit::{Held, Plain, interrupt, open, runtime, story};
use super::{git, repository};
use crate::error::ErrorKind;
use crate::gate::{ConfiguredGate, Gate, GateContext, GateReport, GateRequest};
use crate::model::{FlakyPolicy, GateSchedule, GateVerdict, RunOptions, StoryStatus};
use crate::store::{MemoryStore, StoryStore};

struct Green(&'static str);

#[async_trait]
impl Gate for Green {
    fn digest(&self) -> String {
        self.0.to_owned()
    }

    async fn check(&self, _request: GateRequest, _context: GateContext) -> GateReport {
        GateReport::new(GateVerdict::Passed)
    }
}

fn gate() -> ConfiguredGate {
    ConfiguredGate::new("g", Arc::new(Green("one")))
}

/// Gates that are not what `gate` is, and what is said of that.
fn changes() -> Vec<(Vec<ConfiguredGate>, ErrorKind)> {
    let changed = ErrorKind::GateChanged;
    vec![
        (vec![], ErrorKind::GateMissing),
        (
            vec![ConfiguredGate::new("g", Arc::new(Green("two")))],
            changed,
        ),
        (vec![gate().required(false)], changed),
        (vec![gate().at([GateSchedule::Final])], changed),
        (vec![gate().flaky(FlakyPolicy::Refuse)], changed),
        (vec![gate().timeout(Duration::from_secs(1))], changed),
    ]
}

#[tokio::test]
async fn a_required_gate_may_not_change_in_silence() {
    let (_directory, path) = repository();
    let store: Arc<dyn StoryStore> = Arc::new(MemoryStore::new());
    let aura = open(&path, &store, Plain, [gate()]).await;
    let id = aura.create_story(story(&["a"])).await.expect("created");
    let run = aura.run(id, RunOptions::default()).await.expect("started");
    run.finished().await.expect("finished");
    for (gates, kind) in changes() {
        let aura = open(&path, &store, Plain, gates).await;
        let refused = aura.run(id, RunOptions::default()).await.err();
        assert_eq!(refused.expect("refused").kind(), kind);
        let refused = aura
            .complete(id, crate::CompleteOptions::default())
            .await
            .err();
        assert_eq!(refused.expect("refused").kind(), kind);
    }
    let aura = open(
        &path,
        &store,
        Plain,
        [gate().timeout(Duration::from_secs(9))],
    )
    .await;
    let options = RunOptions::default().accept_config(true);
    let run = aura.run(id, options).await.expect("accepted");
    run.finished().await.expect("finished");
}

#[test]
fn an_interrupted_run_goes_on_only_with_the_gates_it_began_with() {
    let (_directory, path) = repository();
    let store: Arc<dyn StoryStore> = Arc::new(MemoryStore::new());
    let working = Arc::new(Semaphore::new(0));
    let agent = Held(Arc::clone(&working));
    let id = interrupt(open(&path, &store, agent, [gate()]), &["a"], &working);
    runtime().block_on(async {
        for (gates, kind) in changes() {
            let aura = open(&path, &store, Plain, gates).await;
            for accept in [false, true] {
                let options = RunOptions::default().accept_config(accept);
                let refused = aura.run(id, options).await.err();
                assert_eq!(refused.expect("refused").kind(), kind);
            }
        }
        let aura = open(&path, &store, Plain, [gate()]).await;
        let run = aura.run(id, RunOptions::default()).await.expect("taken up");
        run.finished().await.expect("finished");
        let status = aura.status(id).await.expect("read").status;
        assert_eq!(status, StoryStatus::ReadyToComplete);
    });
}

#[tokio::test]
async fn a_story_branch_that_is_checked_out_is_moved_when_it_no_longer_is() {
    let (_directory, path) = repository();
    let store: Arc<dyn StoryStore> = Arc::new(MemoryStore::new());
    let aura = open(&path, &store, Plain, []).await;
    let id = aura.create_story(story(&["a"])).await.expect("created");
    let branch = aura.story(id).await.expect("read").branch;
    git(&path, &["switch", "--quiet", &branch]);
    let run = aura.run(id, RunOptions::default()).await.expect("started");
    let report = run.wait().await.expect("finished");
    let why = report.reason.expect("a reason");
    assert!(why.contains("switch --detach"), "{why}");
    // It is told again, and nothing gets worse.
    let run = aura.run(id, RunOptions::default()).await.expect("started");
    run.finished().await.expect("finished");

    git(&path, &["switch", "--quiet", "main"]);
    let run = aura.run(id, RunOptions::default()).await.expect("started");
    run.finished().await.expect("finished");
    let status = aura.status(id).await.expect("read").status;
    assert_eq!(status, StoryStatus::ReadyToComplete);
    assert_eq!(
        git(&path, &["ls-tree", "--name-only", &branch]),
        "a\nshared.txt"
    );
}

#[tokio::test]
async fn a_story_branch_that_somebody_moved_is_refused_until_it_is_restored() {
    let (_directory, path) = repository();
    let store: Arc<dyn StoryStore> = Arc::new(MemoryStore::new());
    let aura = open(&path, &store, Plain, []).await;
    let id = aura.create_story(story(&["a"])).await.expect("created");
    let branch = aura.story(id).await.expect("read").branch;
    git(&path, &["commit", "--quiet", "--allow-empty", "-m", "mine"]);
    git(&path, &["branch", "--force", &branch, "main"]);
    let refused = aura
        .run(id, RunOptions::default())
        .await
        .err()
        .expect("refused");
    assert_eq!(refused.kind(), ErrorKind::ForeignMove);
    assert!(refused.to_string().contains(&branch), "{refused}");
    // Aura's own ref is nobody else's to move.
    let keep = format!("refs/aura/keep/{id}");
    git(&path, &["update-ref", &keep, "main"]);
    let options = RunOptions::default().restore_branch(true);
    let run = aura.run(id, options).await.expect("restored");
    run.finished().await.expect("finished");
    assert_eq!(
        git(&path, &["rev-parse", &keep]),
        git(&path, &["rev-parse", &branch])
    );
}
