//! Files of older and newer versions.

use super::*;
use crate::error::ErrorKind;
use crate::store::contract::warnings;
use crate::store::sqlite::schema::{self, STEPS, Step};

#[tokio::test]
async fn an_event_of_a_newer_version_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let (store, story) = opened(directory.path()).await;
    let lease = store.acquire(story).await.unwrap();
    store
        .append(&lease, &warnings(story, 2, 4), RUNNING, None)
        .await
        .unwrap();
    let change = |sql: &str| {
        Connection::open(store.path())
            .unwrap()
            .execute_batch(sql)
            .unwrap();
    };
    let cases = [
        (
            "UPDATE events SET body = replace(body, '\"warning\"', '\"from.tomorrow\"') WHERE seq = 3",
            "event 3",
        ),
        ("UPDATE events SET body = '[]' WHERE seq = 3", "event 3"),
        (
            "UPDATE events SET body = (SELECT body FROM events WHERE seq = 4) WHERE seq = 3",
            "event 3",
        ),
        ("DELETE FROM events WHERE seq = 2", "event 2"),
        ("UPDATE stories SET status = 'dreaming'", "story"),
    ];
    for (sql, named) in cases {
        change(sql);
        let error = match named {
            "story" => error_of(store.stories().await),
            _ => error_of(store.events(story, 0, 9).await),
        };
        assert_eq!(error.kind(), ErrorKind::Store);
        assert!(error.to_string().contains(named), "{sql}: {error}");
        assert!(error.help().is_some());
    }
    assert_eq!(
        store.events(story, 3, 9).await.unwrap(),
        warnings(story, 4, 4)
    );
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let (store, story) = opened(directory.path()).await;
    let lease = store.acquire(story).await.unwrap();
    let newer = schema::latest(STEPS) + 1;
    Connection::open(store.path())
        .unwrap()
        .execute(
            "UPDATE meta SET value = ?1 WHERE key = 'schema_version'",
            [newer.to_string()],
        )
        .unwrap();
    // Also for whoever had it open before.
    let errors = [
        error_of(SqliteStore::open(directory.path())),
        error_of(
            store
                .append(&lease, &warnings(story, 2, 2), RUNNING, None)
                .await,
        ),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Store);
        assert!(
            error
                .to_string()
                .contains(&format!("schema version {newer}")),
            "{error}"
        );
    }
    assert_eq!(all(&store, story).await.len(), 1);
}

#[tokio::test]
async fn an_older_file_is_copied_and_brought_up_to_date() {
    let steps = [
        Step {
            version: 1,
            sql: STEPS[0].sql,
        },
        Step {
            version: 2,
            sql: "ALTER TABLE stories ADD COLUMN colour TEXT",
        },
        Step {
            version: 3,
            sql: "CREATE TABLE notes (text TEXT) STRICT",
        },
    ];
    let broken = [
        Step {
            version: 1,
            sql: STEPS[0].sql,
        },
        Step {
            version: 2,
            sql: "CREATE TABLE half (x TEXT) STRICT; CREATE NONSENSE",
        },
    ];
    for journal in [Journal::WriteAhead, Journal::Rollback] {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open_with(directory.path(), Some(journal)).unwrap();
        store.create(&[created(story(1))]).await.unwrap();
        let path = store.path().to_owned();
        let mut connection = Connection::open(&path).unwrap();
        let tables = |path: &Path| -> Vec<String> {
            let database = Connection::open(path).unwrap();
            let mut statement = database
                .prepare("SELECT name FROM sqlite_schema ORDER BY name")
                .unwrap();
            statement
                .query_map([], |row| row.get(0))
                .unwrap()
                .map(|name| name.unwrap())
                .collect()
        };
        let before = tables(&path);

        assert!(schema::migrate(&mut connection, &path, &broken).is_err());
        assert_eq!(tables(&path), before, "all or nothing");

        for _ in 0..2 {
            assert!(schema::migrate(&mut connection, &path, &steps).is_ok());
        }
        assert!(tables(&path).contains(&"notes".to_owned()));
        let backup = directory.path().join("aura.db.v1.backup");
        assert_eq!(tables(&backup), before);
        let copied: u32 = Connection::open(&backup)
            .unwrap()
            .query_row("SELECT count(*) FROM events", [], |row| row.get(0))
            .unwrap();
        assert_eq!(copied, 1);
        assert_eq!(all(&store, story(1)).await.len(), 1);
    }
}
