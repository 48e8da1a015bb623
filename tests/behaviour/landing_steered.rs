//! A landing is stopped until the target begins to move, and never after that.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use aura_core::{
    CompleteOptions, ErrorKind, Event, EventKind, GatePoint, InboxMessage, Lease, Result,
    RunOutcome, SqliteStore, StoryId, StoryStatus, StoryStore, StorySummary, Verb,
};
use aura_tests::{Script, Step};
use tokio::sync::{Notify, Semaphore};

use crate::kit::{
    ScriptedGate, World, arrivals, barrier, happened, quick, run, story, told_of, writes_own_file,
};

fn writers() -> Script {
    Script::new().otherwise(writes_own_file())
}

fn is_started_final(event: &Event) -> bool {
    matches!(
        event.kind,
        EventKind::GateStarted {
            at: GatePoint::Final,
            ..
        }
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_during_the_final_gates_of_a_landing_leaves_it_ready() {
    let world = World::new(&writers());
    let script = Script::new()
        .start("final", 1, [])
        .start(
            "final",
            2,
            [
                barrier("gate"),
                Step::Hang {
                    ignores_term: false,
                },
            ],
        )
        .otherwise([]);
    let last = ScriptedGate::new("final", &script);
    let mut waiting = last.barrier();
    let aura = world
        .open([last.gate().at([aura_core::GateSchedule::Final])])
        .await;
    let story = story(&aura, &["a"], quick()).await;
    run(&aura, story).await;
    world.repo.write("user.txt", "user\n");
    let main = world.repo.commit("user");
    let merge = || CompleteOptions::default().merge(true);
    let landing = aura.complete(story, merge()).await.expect("started");
    arrivals(&mut waiting, 1).await;
    waiting.release();
    landing.cancel().await.expect("cancelled");
    let report = landing.wait().await.expect("finished");
    assert_eq!(
        (report.outcome, report.reason.as_deref()),
        (RunOutcome::ReadyToComplete, Some("cancelled"))
    );
    assert_eq!(world.repo.head(), main);
    let landing = aura.complete(story, merge()).await.expect("started");
    let report = landing.wait().await.expect("finished");
    assert_eq!((report.outcome, last.runs()), (RunOutcome::Completed, 3));
    assert_eq!(world.repo.read("a.txt"), "a\n");
}

/// A store that keeps the writer of one kind of event waiting, after it was stored.
struct Holding {
    inner: SqliteStore,
    held: &'static str,
    reached: Notify,
    go_on: Semaphore,
}

impl Holding {
    fn new(world: &World, held: &'static str) -> Arc<Self> {
        let home: PathBuf = world.agent.dir().join("store");
        std::fs::create_dir_all(&home).expect("created");
        Arc::new(Self {
            inner: SqliteStore::open(home).expect("a store"),
            held,
            reached: Notify::new(),
            go_on: Semaphore::new(0),
        })
    }
}

#[async_trait]
impl StoryStore for Holding {
    async fn create(&self, events: &[Event]) -> Result<()> {
        self.inner.create(events).await
    }
    async fn acquire(&self, story: StoryId) -> Result<Lease> {
        self.inner.acquire(story).await
    }
    async fn append(
        &self,
        lease: &Lease,
        events: &[Event],
        status: StoryStatus,
        handled: Option<u64>,
    ) -> Result<()> {
        self.inner.append(lease, events, status, handled).await?;
        if events.iter().any(|event| event.kind.name() == self.held) {
            self.reached.notify_one();
            drop(self.go_on.acquire().await.expect("open"));
        }
        Ok(())
    }
    async fn events(&self, story: StoryId, after: u64, limit: usize) -> Result<Vec<Event>> {
        self.inner.events(story, after, limit).await
    }
    async fn stories(&self) -> Result<Vec<StorySummary>> {
        self.inner.stories().await
    }
    async fn send(&self, story: StoryId, verb: Verb, actor: &str) -> Result<()> {
        self.inner.send(story, verb, actor).await
    }
    async fn inbox(&self, story: StoryId) -> Result<Vec<InboxMessage>> {
        self.inner.inbox(story).await
    }
    async fn changed(&self, cursor: u64) -> Result<u64> {
        self.inner.changed(cursor).await
    }
    async fn owner(&self, story: StoryId) -> Result<Option<String>> {
        self.inner.owner(story).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_after_the_target_began_to_move_is_refused_and_the_landing_finishes() {
    let world = World::new(&writers());
    let store = Holding::new(&world, "intent.land");
    let aura = world
        .builder()
        .gate(world.gate("check", "exit 0"))
        .store(store.clone())
        .open()
        .await
        .expect("it opens");
    let story = story(&aura, &["a"], quick()).await;
    run(&aura, story).await;
    let merge = CompleteOptions::default().merge(true);
    let landing = aura.complete(story, merge).await.expect("started");
    store.reached.notified().await;
    // The request is there before the writer goes on, and is answered before anything else.
    let (cancelled, ()) = tokio::join!(landing.cancel(), async {
        store.go_on.add_permits(1);
    });
    let error = cancelled.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(
        error.to_string(),
        "the target is being moved; the landing finishes"
    );
    let report = landing.wait().await.expect("finished");
    assert_eq!(report.outcome, RunOutcome::Completed);
    assert_eq!(world.repo.read("a.txt"), "a\n");
    let told = told_of(&aura, story, "command.").await;
    assert_eq!(told, ["command.refused"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_landing_can_not_be_asked_for_twice_at_once() {
    let world = World::new(&writers());
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let story = story(&aura, &["a"], quick()).await;
    run(&aura, story).await;
    let merge = || CompleteOptions::default().merge(true);
    let landing = aura.complete(story, merge()).await.expect("started");
    happened(&aura, story, is_started_final).await;
    match aura.complete(story, merge()).await {
        Err(error) => assert!(
            matches!(error.kind(), ErrorKind::StoryBusy | ErrorKind::Refused),
            "{error}"
        ),
        Ok(_) => panic!("two landings at once"),
    }
    let report = landing.wait().await.expect("finished");
    assert_eq!(report.outcome, RunOutcome::Completed);
}
