//! Disks that are full, refuse, or hold something else.

use std::process::Command;

use super::processes::Other;
use super::*;
use crate::error::ErrorKind;
use crate::model::Verb;
use crate::store::Lease;
use crate::store::contract::warnings;
use crate::store::sqlite::schema;

/// Fills a database that may have only so many pages, then checks that exactly what was answered is there.
async fn fill(directory: &Path, pages: u32) -> bool {
    let path = directory.join("aura.db");
    let connection = schema::open_writer(&path, Journal::WriteAhead).unwrap();
    connection
        .pragma_update(None, "max_page_count", pages)
        .unwrap();
    let store = SqliteStore::with_connection(directory, path, connection).unwrap();
    let story = story(1);
    if let Err(error) = store.create(&[created(story)]).await {
        assert_full(&error);
        assert_eq!(store.stories().await.unwrap(), []);
        return false;
    }
    let lease = store.acquire(story).await.unwrap();
    let mut last = 1;
    let error = loop {
        let sizes = [1, 7, 40];
        let next = last + sizes[usize::try_from(last).unwrap() % 3];
        match store
            .append(&lease, &warnings(story, last + 1, next), RUNNING, None)
            .await
        {
            Ok(()) => last = next,
            Err(error) => break error,
        }
    };
    assert_full(&error);
    let events = all(&store, story).await;
    assert_eq!(events.len() as u64, last);
    drop((store, lease));

    let store = SqliteStore::open(directory).unwrap();
    let lease = store.acquire(story).await.unwrap();
    store
        .append(&lease, &warnings(story, last + 1, last + 50), RUNNING, None)
        .await
        .unwrap();
    assert_eq!(all(&store, story).await[1..], warnings(story, 2, last + 50));
    assert_sound(&store);
    true
}

fn assert_full(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Store, "{error}");
    assert!(error.to_string().contains("full"), "{error}");
    assert!(error.help().unwrap().contains("make room"), "{error:?}");
}

fn assert_sound(store: &SqliteStore) {
    let answer: String = Connection::open(store.path())
        .unwrap()
        .pragma_query_value(None, "integrity_check", |row| row.get(0))
        .unwrap();
    assert_eq!(answer, "ok");
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_answered() {
    let mut filled = 0;
    for pages in 9..40 {
        let directory = tempfile::tempdir().unwrap();
        filled += u32::from(fill(directory.path(), pages).await);
    }
    assert!(filled > 20, "{filled}");
}

/// One write that cannot be kept does not take those along that were queued with it.
#[tokio::test]
async fn a_write_that_fails_does_not_disturb_its_neighbours() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("aura.db");
    let connection = schema::open_writer(&path, Journal::WriteAhead).unwrap();
    connection
        .pragma_update(None, "max_page_count", 60)
        .unwrap();
    let store = SqliteStore::with_connection(directory.path(), path, connection).unwrap();
    let leases = {
        let mut leases = Vec::new();
        for number in 1..=3 {
            store.create(&[created(story(number))]).await.unwrap();
            leases.push(store.acquire(story(number)).await.unwrap());
        }
        leases
    };
    let append = |lease: &Lease, last| {
        let events = warnings(lease.story(), 2, last);
        let lease = Lease::new(lease.story(), lease.epoch(), Box::new(()));
        let store = &store;
        async move { store.append(&lease, &events, RUNNING, None).await }
    };
    // While somebody else writes, what is asked for is queued, and so goes into one transaction afterwards.
    let other = Connection::open(store.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (sent, first, second, third, ()) = tokio::join!(
        store.send(story(1), Verb::Pause, "test"),
        append(&leases[0], 3),
        append(&leases[1], 5_000),
        append(&leases[2], 3),
        async { other.execute_batch("ROLLBACK").unwrap() },
    );
    sent.unwrap();
    first.unwrap();
    assert_full(&second.err().unwrap());
    third.unwrap();
    for (number, expected) in [(1, 3), (2, 1), (3, 3)] {
        assert_eq!(all(&store, story(number)).await.len(), expected);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_disk_that_refuses_leaves_the_store_sound() {
    for blocks in [300, 451, 702] {
        let directory = tempfile::tempdir().unwrap();
        let (store, story) = opened(directory.path()).await;
        let mut shell = Command::new("sh");
        shell
            .args([
                "-c",
                &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""),
            ])
            .arg(std::env::current_exe().unwrap());
        let mut other = Other::start_as(shell, "append", directory.path());
        let (mut answered, mut refusal) = (1, None);
        while let Some(said) = other.hear() {
            match said.strip_prefix("appended ") {
                Some(number) => answered = number.parse().unwrap(),
                None => refusal = Some(said),
            }
        }
        other.end();
        let refusal = refusal.expect("the limit is reached");
        assert!(
            refusal.starts_with("Store could not write to the store"),
            "{refusal}"
        );
        let events = all(&store, story).await;
        assert_eq!(events.len(), answered);
        let lease = store.acquire(story).await.unwrap();
        let next = events.len() as u64 + 1;
        store
            .append(&lease, &warnings(story, next, next), RUNNING, None)
            .await
            .unwrap();
        assert_sound(&store);
    }
}

#[test]
fn places_that_cannot_hold_a_store_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert_eq!(error_of(SqliteStore::open(&file)).kind(), ErrorKind::Io);

    type Prepare = fn(&Path);
    let cases: [(&str, Prepare, &str); 3] = [
        (
            "text",
            |path| std::fs::write(path, "not a database at all".repeat(99)).unwrap(),
            "damaged or not a database",
        ),
        (
            "foreign",
            |path| {
                let database = Connection::open(path).unwrap();
                database
                    .execute_batch("CREATE TABLE tasks (id TEXT)")
                    .unwrap();
            },
            "not a store of Aura",
        ),
        (
            "directory",
            |path| std::fs::create_dir(path).unwrap(),
            "cannot be opened",
        ),
    ];
    for (name, prepare, expected) in cases {
        let place = directory.path().join(name);
        std::fs::create_dir(&place).unwrap();
        let path = place.join("aura.db");
        prepare(&path);
        let error = error_of(SqliteStore::open(&place));
        assert_eq!(error.kind(), ErrorKind::Store, "{name}");
        let text = error.to_string();
        assert!(
            text.contains(expected) && text.contains(path.to_str().unwrap()),
            "{name}: {text}"
        );
        assert!(error.help().is_some(), "{name}");
    }
}

#[tokio::test]
async fn a_damaged_page_is_reported_and_not_a_panic() {
    let directory = tempfile::tempdir().unwrap();
    let (store, story) = opened(directory.path()).await;
    let path = store.path().to_owned();
    let lease = store.acquire(story).await.unwrap();
    store
        .append(&lease, &warnings(story, 2, 2_000), RUNNING, None)
        .await
        .unwrap();
    drop((store, lease));
    let mut bytes = std::fs::read(&path).unwrap();
    let (_, rest) = bytes.split_at_mut(16 * 4096);
    rest.fill(0xa5);
    std::fs::write(&path, bytes).unwrap();

    let store = SqliteStore::open(directory.path()).unwrap();
    let error = error_of(store.events(story, 0, usize::MAX).await);
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.help().unwrap().contains("backup"), "{error:?}");
}

#[tokio::test]
async fn a_request_that_nobody_can_read_does_not_hide_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let (store, story) = opened(directory.path()).await;
    store.send(story, Verb::Pause, "one").await.unwrap();
    store.send(story, Verb::Cancel, "two").await.unwrap();
    let changed = Connection::open(store.path())
        .unwrap()
        .execute(
            "UPDATE inbox SET verb = '{\"verb\":\"dance\"}' WHERE actor = 'one'",
            [],
        )
        .unwrap();
    assert_eq!(changed, 1);
    let verbs: Vec<_> = store.inbox(story).await.unwrap();
    let verbs: Vec<_> = verbs.into_iter().map(|message| message.verb).collect();
    assert_eq!(verbs, [Verb::Cancel]);
}
