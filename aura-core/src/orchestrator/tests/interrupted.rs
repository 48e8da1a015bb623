//! Runs whose process is gone, seen from another one.

use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::kit::{Held, HeldGate, Plain, interrupt, open, runtime, story};
use super::repository;
use crate::Orchestrator;
use crate::error::ErrorKind;
use crate::gate::{ConfiguredGate, Gate, GateContext, GateReport, GateRequest};
use crate::model::{GatePoint, GateVerdict, RunOptions, RunOutcome, StoryStatus, Verb};
use crate::store::{MemoryStore, StoryStore};

fn memory() -> Arc<dyn StoryStore> {
    Arc::new(MemoryStore::new())
}

#[test]
fn who_waits_for_a_run_learns_that_its_owner_died() {
    let (_directory, path) = repository();
    let store = memory();
    let working = Arc::new(Semaphore::new(0));
    let first = runtime();
    let (aura, id) = first.block_on(async {
        let aura = open(&path, &store, Held(Arc::clone(&working)), []).await;
        let id = aura.create_story(story(&["a"])).await.expect("created");
        let run = aura.run(id, RunOptions::default()).await;
        let _run = run.expect("started");
        working.acquire().await.expect("open").forget();
        (aura, id)
    });
    let waited = runtime().block_on(async {
        let death = async {
            tokio::task::spawn_blocking(move || drop(first))
                .await
                .expect("ended");
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            waited = aura.wait_until_idle(id, None) => waited,
            () = death => unreachable!("it never ends"),
        }
    });
    let refused = waited.expect_err("nobody goes on with it");
    assert_eq!(refused.kind(), ErrorKind::Refused);
}

#[tokio::test]
async fn a_request_is_answered_when_the_owner_leaves_without_an_answer() {
    let (_directory, path) = repository();
    let store = memory();
    let aura = open(&path, &store, Plain, []).await;
    let id = aura.create_story(story(&["a"])).await.expect("created");
    let lease = store.acquire(id).await.expect("free");
    let leaving = async {
        drop(lease);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        answer = aura.command(id, Verb::Cancel, "tester") => answer.expect("accepted"),
        () = leaving => unreachable!("it never ends"),
    }
    assert_eq!(
        aura.status(id).await.expect("read").status,
        StoryStatus::Cancelled
    );
}

#[test]
fn an_interrupted_run_is_cancelled_without_its_agents_and_gates() {
    let (_directory, path) = repository();
    let store = memory();
    let working = Arc::new(Semaphore::new(0));
    let agent = Held(Arc::clone(&working));
    let gate = ConfiguredGate::new("held", Arc::new(HeldGate(Arc::clone(&working))));
    let id = interrupt(open(&path, &store, agent, [gate]), &["a", "b"], &working);
    runtime().block_on(async {
        let bare = Orchestrator::builder(&path).store(Arc::clone(&store));
        let aura = bare.open().await.expect("opened");
        aura.command(id, Verb::Cancel, "tester")
            .await
            .expect("cancelled");
        let (state, _) = aura.load(id).await.expect("loaded");
        assert_eq!(state.status, StoryStatus::Cancelled);
        assert!(state.run.is_none());
    });
}

#[test]
fn an_interrupted_run_can_be_neither_paused_nor_resumed() {
    let (_directory, path) = repository();
    let store = memory();
    let working = Arc::new(Semaphore::new(0));
    let agent = Held(Arc::clone(&working));
    let id = interrupt(open(&path, &store, agent, []), &["a"], &working);
    runtime().block_on(async {
        let aura = open(&path, &store, Plain, []).await;
        for verb in [Verb::Pause, Verb::Resume] {
            let refused = aura.command(id, verb, "tester").await;
            let refused = refused.expect_err("nobody could pause");
            assert_eq!(refused.kind(), ErrorKind::Refused);
            assert!(refused.to_string().contains("was interrupted"), "{refused}");
        }
        let run = aura.run(id, RunOptions::default()).await.expect("taken up");
        let report = run.wait().await.expect("a report");
        assert_eq!(report.outcome, RunOutcome::ReadyToComplete, "not paused");
    });
}

#[test]
fn what_a_cancelled_run_left_is_stopped_when_it_is_taken_up() {
    let (_directory, path) = repository();
    let store = memory();
    let working = Arc::new(Semaphore::new(0));
    let gate = || ConfiguredGate::new("held", Arc::new(HeldGate(Arc::clone(&working))));
    let id = interrupt(open(&path, &store, Plain, [gate()]), &["a"], &working);
    runtime().block_on(async {
        let aura = open(&path, &store, Plain, [gate()]).await;
        aura.command(id, Verb::Cancel, "tester")
            .await
            .expect("the gate is told to stop");
        let (state, _) = aura.load(id).await.expect("loaded");
        assert_eq!(state.status, StoryStatus::Cancelled);
    });
}

/// Green when a process that carries its marker is gone before it judges.
struct After {
    left: Mutex<Child>,
    marker: String,
}

#[async_trait]
impl Gate for After {
    fn digest(&self) -> String {
        "held".to_owned()
    }

    async fn check(&self, request: GateRequest, _context: GateContext) -> GateReport {
        if request.at == GatePoint::Final {
            return GateReport::new(GateVerdict::Passed);
        }
        let ended = self.left.lock().expect("whole").try_wait().expect("asked");
        GateReport::new(GateVerdict::Broken {
            why: match (ended, request.marker == self.marker) {
                (Some(_), true) => return GateReport::new(GateVerdict::Passed),
                (None, _) => "it still works".to_owned(),
                (_, false) => format!("{} is not {}", request.marker, self.marker),
            },
        })
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_gate_left_is_stopped_before_it_judges_again() {
    let (_directory, path) = repository();
    let store = memory();
    let working = Arc::new(Semaphore::new(0));
    let markers = Arc::new(Mutex::new(Vec::new()));
    let held = Noting(HeldGate(Arc::clone(&working)), Arc::clone(&markers));
    let gate = ConfiguredGate::new("g", Arc::new(held));
    let id = interrupt(open(&path, &store, Plain, [gate]), &["a"], &working);
    let marker = markers.lock().expect("whole")[0].clone();
    let left = Command::new("sleep")
        .arg("600")
        .env("AURA_ATTEMPT", &marker)
        .spawn()
        .expect("started");
    let after = After {
        left: Mutex::new(left),
        marker,
    };
    let gate = ConfiguredGate::new("g", Arc::new(after));
    runtime().block_on(async {
        let aura = open(&path, &store, Plain, [gate]).await;
        let run = aura.run(id, RunOptions::default()).await.expect("taken up");
        run.finished().await.expect("finished");
        let (state, events) = aura.load(id).await.expect("loaded");
        assert_eq!(state.status, StoryStatus::ReadyToComplete, "{events:#?}");
    });
}

/// Notes the marker of each request.
struct Noting<G>(G, Arc<Mutex<Vec<String>>>);

#[async_trait]
impl<G: Gate> Gate for Noting<G> {
    fn digest(&self) -> String {
        self.0.digest()
    }

    async fn check(&self, request: GateRequest, context: GateContext) -> GateReport {
        self.1.lock().expect("whole").push(request.marker.clone());
        self.0.check(request, context).await
    }
}

#[tokio::test]
async fn the_last_number_is_found_in_logs_of_any_length() {
    let (_directory, path) = repository();
    let store = memory();
    let aura = open(&path, &store, Plain, []).await;
    let id = aura.create_story(story(&["a"])).await.expect("created");
    for _ in 0..20 {
        let last = aura
            .events(id, 0)
            .await
            .expect("read")
            .last()
            .map(|event| event.seq);
        assert_eq!(Some(aura.last_seq(id).await.expect("found")), last);
        // A refusal is an event too.
        aura.command(id, Verb::Pause, "tester")
            .await
            .expect_err("nothing runs");
    }
}
