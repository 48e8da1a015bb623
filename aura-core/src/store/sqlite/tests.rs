//! What only a file can promise.

mod disks;
mod processes;
mod versions;

use std::path::Path;

use rusqlite::Connection;

use super::SqliteStore;
use super::schema::Journal;
use crate::error::{Error, Result};
use crate::model::{Event, StoryId, StoryStatus};
use crate::store::StoryStore;
use crate::store::contract::{created, story};

const RUNNING: StoryStatus = StoryStatus::Running;

pub(in crate::store) fn open_with_rollback_journal(directory: &Path) -> SqliteStore {
    let store = SqliteStore::open_with(directory, Some(Journal::Rollback)).unwrap();
    let mode: String = Connection::open(store.path())
        .unwrap()
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "delete");
    store
}

async fn opened(directory: &Path) -> (SqliteStore, StoryId) {
    let store = SqliteStore::open(directory).unwrap();
    store.create(&[created(story(1))]).await.unwrap();
    (store, story(1))
}

async fn all(store: &SqliteStore, story: StoryId) -> Vec<Event> {
    store.events(story, 0, usize::MAX).await.unwrap()
}

fn error_of<T>(result: Result<T>) -> Error {
    result.err().expect("refused")
}
