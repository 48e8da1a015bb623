//! A run whose process is gone: what is seen of it, and what a new run may ask of it.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::kit::{Held, Plain, interrupt, open, runtime, story};
use super::repository;
use crate::error::ErrorKind;
use crate::model::{EventKind, RunOptions, RunOutcome, StoryId};
use crate::store::{MemoryStore, StoryStore};
use crate::{Orchestrator, StoryStatus};

async fn warnings(aura: &Orchestrator, id: StoryId) -> Vec<String> {
    let events = aura.events(id, 0).await.expect("events");
    let warnings = events.into_iter().filter_map(|event| match event.kind {
        EventKind::Warning { message } => Some(message),
        _ => None,
    });
    warnings.collect()
}

#[test]
fn a_status_says_that_nobody_goes_on_with_a_run() {
    let (_directory, path) = repository();
    let store: Arc<dyn StoryStore> = Arc::new(MemoryStore::new());
    let working = Arc::new(Semaphore::new(0));
    let first = runtime();
    let (aura, id) = first.block_on(async {
        let aura = open(&path, &store, Held(Arc::clone(&working)), []).await;
        let id = aura.create_story(story(&["a"])).await.expect("created");
        let _run = aura.run(id, RunOptions::default()).await.expect("started");
        working.acquire().await.expect("open").forget();
        let view = aura.status(id).await.expect("a status");
        assert!(!view.interrupted);
        assert_eq!((view.agents.running, view.agents.waiting), (1, 0));
        assert!(view.tasks[0].elapsed_ms.is_some());
        let error = aura.report(id).await.expect_err("it has not ended");
        assert!(error.to_string().contains("has not ended"), "{error}");
        (aura, id)
    });
    drop(first);
    runtime().block_on(async {
        let view = aura.status(id).await.expect("a status");
        assert!(view.interrupted);
        assert_eq!(view.status, StoryStatus::Running);
        assert_eq!((view.agents.running, view.agents.waiting), (0, 1));
        assert_eq!(view.tasks[0].elapsed_ms, None);
        let aura = open(&path, &store, Plain, []).await;
        let run = aura.run(id, RunOptions::default()).await.expect("taken up");
        let report = run.wait().await.expect("finished");
        assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
        assert_eq!(warnings(&aura, id).await, Vec::<String>::new());
        assert!(!aura.status(id).await.expect("a status").interrupted);
        assert_eq!(
            report.warnings,
            ["no required gate judged anything that was accepted"]
        );
    });
}

#[test]
fn what_a_run_that_is_taken_up_does_not_honour_is_told() {
    let (_directory, path) = repository();
    let store: Arc<dyn StoryStore> = Arc::new(MemoryStore::new());
    let working = Arc::new(Semaphore::new(0));
    let agent = Held(Arc::clone(&working));
    let id = interrupt(open(&path, &store, agent, []), &["a", "b"], &working);
    runtime().block_on(async {
        let aura = open(&path, &store, Plain, []).await;
        let unknown = RunOptions::default().tasks(["nobody"]);
        let error = aura.run(id, unknown).await.err().expect("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let options = RunOptions::default()
            .tasks(["a"])
            .one_wave(true)
            .max_parallel(7);
        let run = aura.run(id, options).await.expect("taken up");
        let report = run.wait().await.expect("finished");
        assert_eq!(report.accepted.len(), 2, "both tasks");
        let told = warnings(&aura, id).await;
        let [told] = told.as_slice() else {
            panic!("{told:?}");
        };
        for part in [
            "all tasks, not only a",
            "not end after one wave",
            "3 agents at once, not 7",
        ] {
            assert!(told.contains(part), "{told}");
        }
    });
}
