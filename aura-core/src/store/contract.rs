//! What every store promises, run against each of them.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::error::ErrorKind;
use crate::model::{CommitId, EventKind};

pub(super) fn story(number: u8) -> StoryId {
    format!("0190163d-8694-739b-aea5-966c26f8ad{number:02x}")
        .parse()
        .unwrap()
}

pub(super) fn time(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::new(1_795_000_000 + second, 500_000_000)
}

pub(super) fn event(story: StoryId, seq: u64, kind: EventKind) -> Event {
    Event {
        seq,
        at: time(i64::try_from(seq).unwrap()),
        story,
        run: None,
        task: Some("a".into()),
        attempt: Some(1),
        kind,
    }
}

pub(super) fn created(story: StoryId) -> Event {
    let kind = EventKind::StoryCreated {
        title: format!("title of {}", story.short()),
        description: String::new(),
        slug: "title".into(),
        branch: "aura/title".into(),
        base: CommitId::from_bytes([1; 20]),
        base_tree: CommitId::from_bytes([2; 20]),
        target: None,
        worktree: None,
        policy: Box::default(),
        fingerprint: String::new(),
    };
    event(story, 1, kind)
}

/// Events `first..=last`.
pub(super) fn warnings(story: StoryId, first: u64, last: u64) -> Vec<Event> {
    (first..=last)
        .map(|seq| {
            let message = format!("number {seq}: \"quoted\", línea, \u{1b}[31m, \0");
            event(story, seq, EventKind::Warning { message })
        })
        .collect()
}

pub(super) fn kind_of<T>(result: Result<T>) -> ErrorKind {
    result.err().map(|error| error.kind()).expect("refused")
}

/// A change that is not noticed must not hang the tests.
pub(super) async fn next_change(store: &dyn StoryStore, cursor: u64) -> u64 {
    let limit = std::time::Duration::from_secs(30);
    tokio::time::timeout(limit, store.changed(cursor))
        .await
        .expect("the change is noticed")
        .unwrap()
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

async fn with_story(store: &dyn StoryStore) -> (StoryId, Lease) {
    store.create(&[created(story(1))]).await.unwrap();
    (story(1), store.acquire(story(1)).await.unwrap())
}

async fn appended_events_are_read_in_pages(store: Arc<dyn StoryStore>) {
    let (story, lease) = with_story(&*store).await;
    let all = warnings(story, 2, 9);
    let running = StoryStatus::Running;
    store
        .append(&lease, &all[..5], running, None)
        .await
        .unwrap();
    store.append(&lease, &[], running, None).await.unwrap();
    store
        .append(&lease, &all[5..], running, None)
        .await
        .unwrap();

    let mut read = Vec::new();
    loop {
        let after = read.len() as u64;
        let page = store.events(story, after, 4).await.unwrap();
        if page.is_empty() {
            break;
        }
        read.extend(page);
    }
    assert_eq!(read[0], created(story));
    assert_eq!(read[1..], all);
    for (after, limit, expected) in [
        (8, 4, 1),
        (9, 4, 0),
        (u64::MAX, 4, 0),
        (0, 0, 0),
        (0, usize::MAX, 9),
    ] {
        let page = store.events(story, after, limit).await.unwrap();
        assert_eq!(page.len(), expected, "after {after}, limit {limit}");
    }
}

async fn events_out_of_order_are_refused_whole(store: Arc<dyn StoryStore>) {
    let (story, lease) = with_story(&*store).await;
    let other = self::story(2);
    store.create(&[created(other)]).await.unwrap();
    let wrong = [
        ("gap", warnings(story, 3, 3)),
        ("again", warnings(story, 1, 2)),
        ("zero", warnings(story, 0, 0)),
        (
            "gap inside",
            [warnings(story, 2, 2), warnings(story, 4, 4)].concat(),
        ),
        ("other story", warnings(other, 2, 2)),
    ];
    for (name, events) in wrong {
        let result = store
            .append(&lease, &events, StoryStatus::Failed, Some(u64::MAX))
            .await;
        assert_eq!(kind_of(result), ErrorKind::Refused, "{name}");
    }
    assert_eq!(store.events(story, 0, 9).await.unwrap().len(), 1);
    assert_eq!(
        store.stories().await.unwrap()[1].status,
        StoryStatus::Created
    );
    store
        .append(&lease, &warnings(story, 2, 2), StoryStatus::Running, None)
        .await
        .unwrap();
}

async fn wrong_beginnings_are_refused(store: Arc<dyn StoryStore>) {
    let story = story(1);
    let mut late = created(story);
    late.seq = 2;
    let wrong = [
        ("nothing", vec![], ErrorKind::InvalidInput),
        (
            "no beginning",
            warnings(story, 1, 2),
            ErrorKind::InvalidInput,
        ),
        ("late", vec![late], ErrorKind::Refused),
        (
            "gap",
            vec![created(story), warnings(story, 3, 3).remove(0)],
            ErrorKind::Refused,
        ),
    ];
    for (name, events, expected) in wrong {
        assert_eq!(kind_of(store.create(&events).await), expected, "{name}");
    }
    assert_eq!(store.stories().await.unwrap(), []);
    store.create(&[created(story)]).await.unwrap();
    assert_eq!(
        kind_of(store.create(&[created(story)]).await),
        ErrorKind::Refused
    );
}

async fn unknown_stories_are_named(store: Arc<dyn StoryStore>) {
    let known = with_story(&*store).await.1;
    let nobody = story(9);
    let forged = Lease::new(nobody, known.epoch(), Box::new(()));
    let errors = [
        store.acquire(nobody).await.err(),
        store.events(nobody, 0, 1).await.err(),
        store.inbox(nobody).await.err(),
        store.send(nobody, Verb::Pause, "test").await.err(),
        store
            .append(&forged, &[], StoryStatus::Running, None)
            .await
            .err(),
    ];
    for error in errors {
        let error = error.expect("refused");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains(&nobody.to_string()), "{error}");
    }
    assert_eq!(store.owner(nobody).await.unwrap(), None);
}

async fn only_one_lease_at_a_time(store: Arc<dyn StoryStore>) {
    let (story, first) = with_story(&*store).await;
    let other = self::story(2);
    store.create(&[created(other)]).await.unwrap();
    let error = store.acquire(story).await.err().expect("busy");
    assert_eq!(error.kind(), ErrorKind::StoryBusy);
    let me = format!("process {}", std::process::id());
    assert!(error.to_string().contains(&me), "{error}");
    assert!(
        store
            .owner(story)
            .await
            .unwrap()
            .expect("owned")
            .contains(&me)
    );
    assert_eq!(store.owner(other).await.unwrap(), None);
    let _second_story = store.acquire(other).await.unwrap();

    let epoch = first.epoch();
    drop(first);
    assert_eq!(store.owner(story).await.unwrap(), None);
    assert!(store.acquire(story).await.unwrap().epoch() > epoch);
}

async fn a_replaced_writer_is_refused(store: Arc<dyn StoryStore>) {
    let (story, lease) = with_story(&*store).await;
    let stale = Lease::new(story, lease.epoch(), Box::new(()));
    drop(lease);
    let newest = store.acquire(story).await.unwrap();
    store.send(story, Verb::Pause, "test").await.unwrap();
    let result = store
        .append(
            &stale,
            &warnings(story, 2, 2),
            StoryStatus::Failed,
            Some(u64::MAX),
        )
        .await;
    assert_eq!(kind_of(result), ErrorKind::Refused);
    assert_eq!(store.inbox(story).await.unwrap().len(), 1);
    store
        .append(&newest, &warnings(story, 2, 2), StoryStatus::Running, None)
        .await
        .unwrap();
}

async fn requests_are_handled_with_the_events_they_cause(store: Arc<dyn StoryStore>) {
    let (story, lease) = with_story(&*store).await;
    let other = self::story(2);
    store.create(&[created(other)]).await.unwrap();
    let retry = Verb::Retry {
        task: "a".into(),
        note: Some("slowly".into()),
    };
    store.send(story, Verb::Pause, "cli").await.unwrap();
    store.send(other, Verb::Cancel, "cli").await.unwrap();
    store.send(story, retry.clone(), "page").await.unwrap();
    let inbox = store.inbox(story).await.unwrap();
    let said: Vec<_> = inbox
        .iter()
        .map(|message| (&message.verb, message.actor.as_str()))
        .collect();
    assert_eq!(said, [(&Verb::Pause, "cli"), (&retry, "page")]);

    let first = Some(inbox[0].id);
    let refused = store
        .append(&lease, &warnings(story, 7, 7), StoryStatus::Running, first)
        .await;
    assert_eq!(kind_of(refused), ErrorKind::Refused);
    assert_eq!(store.inbox(story).await.unwrap(), inbox);
    store
        .append(&lease, &warnings(story, 2, 2), StoryStatus::Running, first)
        .await
        .unwrap();
    assert_eq!(store.inbox(story).await.unwrap(), inbox[1..]);

    store
        .append(&lease, &[], StoryStatus::Running, Some(inbox[1].id))
        .await
        .unwrap();
    store.send(story, Verb::Resume, "cli").await.unwrap();
    let later = store.inbox(story).await.unwrap();
    assert_eq!(later.len(), 1);
    assert!(later[0].id > inbox[1].id, "a handled id is not used again");
    assert_eq!(store.inbox(other).await.unwrap().len(), 1);
}

async fn stories_are_listed_newest_first(store: Arc<dyn StoryStore>) {
    for number in [1, 3, 2] {
        let mut first = created(story(number));
        // Whole and broken seconds, whose shortest texts do not sort as the times do.
        first.at = time(0) + SignedDuration::from_millis(i64::from(number) * 250 - 500);
        store.create(&[first]).await.unwrap();
    }
    let lease = store.acquire(story(1)).await.unwrap();
    store
        .append(&lease, &warnings(story(1), 2, 3), StoryStatus::Paused, None)
        .await
        .unwrap();
    let stories = store.stories().await.unwrap();
    let order: Vec<_> = stories.iter().map(|summary| summary.id).collect();
    assert_eq!(order, [story(3), story(2), story(1)]);
    assert_eq!(
        stories[2],
        StorySummary {
            id: story(1),
            title: format!("title of {}", story(1).short()),
            branch: "aura/title".into(),
            status: StoryStatus::Paused,
            created_at: time(0) - SignedDuration::from_millis(250),
            updated_at: time(3),
        }
    );
}

async fn a_change_wakes_who_waits(store: Arc<dyn StoryStore>) {
    let (story, lease) = with_story(&*store).await;
    let mut cursor = next_change(&*store, 0).await;
    // Whatever is still being noticed of the past is taken first: then there is nothing to report.
    loop {
        let mut waiting = pin!(store.changed(cursor));
        match poll_once(waiting.as_mut()) {
            Poll::Ready(next) => cursor = next.unwrap(),
            Poll::Pending => break,
        }
    }
    let mut waiting = pin!(next_change(&*store, cursor));
    assert!(poll_once(waiting.as_mut()).is_pending());
    store.send(story, Verb::Pause, "test").await.unwrap();
    let next = waiting.await;
    assert_ne!(next, cursor);

    // A change between two calls is not missed.
    store
        .append(&lease, &warnings(story, 2, 2), StoryStatus::Running, None)
        .await
        .unwrap();
    assert_ne!(next_change(&*store, next).await, next);
}

async fn many_writers_at_once_are_all_answered(store: Arc<dyn StoryStore>) {
    let mut writers = tokio::task::JoinSet::new();
    for number in 1..=20 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            let story = story(number);
            store.create(&[created(story)]).await.unwrap();
            let lease = store.acquire(story).await.unwrap();
            for seq in 2..=10 {
                store
                    .append(
                        &lease,
                        &warnings(story, seq, seq),
                        StoryStatus::Running,
                        None,
                    )
                    .await
                    .unwrap();
                // One wrong write among the queued ones disturbs nobody.
                let gap = store
                    .append(&lease, &warnings(story, 99, 99), StoryStatus::Failed, None)
                    .await;
                assert_eq!(kind_of(gap), ErrorKind::Refused);
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    for number in 1..=20 {
        assert_eq!(store.events(story(number), 0, 99).await.unwrap().len(), 10);
    }
}

macro_rules! contract {
    ($name:ident, $open:expr, [$($case:ident)*]) => {
        mod $name {
            $(
                #[tokio::test]
                async fn $case() {
                    let (store, _directory) = $open;
                    super::$case(store).await;
                }
            )*
        }
    };
    ($($name:ident: $open:expr;)*) => {
        $(contract!($name, $open, [
            appended_events_are_read_in_pages
            events_out_of_order_are_refused_whole
            wrong_beginnings_are_refused
            unknown_stories_are_named
            only_one_lease_at_a_time
            a_replaced_writer_is_refused
            requests_are_handled_with_the_events_they_cause
            stories_are_listed_newest_first
            a_change_wakes_who_waits
            many_writers_at_once_are_all_answered
        ]);)*
    };
}

type Opened = (Arc<dyn StoryStore>, Option<tempfile::TempDir>);

fn in_memory() -> Opened {
    (Arc::new(MemoryStore::new()), None)
}

fn on_disk() -> Opened {
    let directory = tempfile::tempdir().unwrap();
    (
        Arc::new(SqliteStore::open(directory.path()).unwrap()),
        Some(directory),
    )
}

/// As on a network file system.
fn on_disk_with_rollback_journal() -> Opened {
    let directory = tempfile::tempdir().unwrap();
    let store = crate::store::sqlite::open_with_rollback_journal(directory.path());
    (Arc::new(store), Some(directory))
}

contract! {
    memory: super::in_memory();
    sqlite: super::on_disk();
    sqlite_rollback: super::on_disk_with_rollback_journal();
}
