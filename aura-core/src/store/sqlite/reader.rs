//! Reading: connections of their own, on threads that may block.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::problem::{self, Fault};
use super::schema;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Event, StoryId};
use crate::store::{InboxMessage, StorySummary, checks};

/// Connections kept open between reads.
const IDLE: usize = 4;

/// Lends a connection to each read.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Reads on a thread of the runtime that may block. Cancel safe: nobody notices when the answer is not wanted any more.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        query: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        let readers = Arc::clone(self);
        tokio::task::spawn_blocking(move || readers.read_blocking(query))
            .await
            .map_err(|error| interrupted(&error))?
    }

    /// The same for a thread that may block.
    pub(super) fn read_blocking<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T> {
        let answer = || -> Result<T, Fault> {
            let connection = match self.idle().pop() {
                Some(connection) => connection,
                None => schema::open_reader(&self.path)?,
            };
            let answer = query(&connection)?;
            let mut idle = self.idle();
            if idle.len() < IDLE {
                idle.push(connection);
            }
            Ok(answer)
        };
        answer().map_err(|fault| fault.into_error("read", &self.path))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that may block did not come to its end.
pub(super) fn interrupted(error: &tokio::task::JoinError) -> Error {
    if error.is_cancelled() {
        Error::new(ErrorKind::Cancelled, "the runtime is shutting down")
    } else {
        Error::new(ErrorKind::Internal, format!("the store panicked: {error}"))
    }
}

pub(super) fn expect_story(database: &Connection, story: StoryId) -> Result<(), Fault> {
    database
        .prepare_cached("SELECT 1 FROM stories WHERE id = ?1")?
        .query_row([story.to_string()], |_| Ok(()))
        .optional()?
        .ok_or_else(|| checks::unknown(story).into())
}

pub(super) fn events(
    database: &Connection,
    story: StoryId,
    after: u64,
    limit: usize,
) -> Result<Vec<Event>, Fault> {
    let mut statement = database.prepare_cached(
        "SELECT seq, body FROM events WHERE story = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    )?;
    let mut rows = statement.query(params![
        story.to_string(),
        i64::try_from(after).unwrap_or(i64::MAX),
        i64::try_from(limit).unwrap_or(i64::MAX),
    ])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(event(row, story, after + events.len() as u64 + 1)?);
    }
    if events.is_empty() {
        expect_story(database, story)?;
    }
    Ok(events)
}

fn event(row: &Row<'_>, story: StoryId, expected: u64) -> Result<Event, Fault> {
    let seq: i64 = row.get(0)?;
    if u64::try_from(seq) != Ok(expected) {
        return Err(Error::new(
            ErrorKind::Store,
            format!("event {expected} of story {story} is missing; the next one is {seq}"),
        )
        .with_help("the store was changed by hand or is damaged; restore a backup of it")
        .into());
    }
    let what = || format!("event {seq} of story {story}");
    let body = row.get_ref(1)?;
    let body = body
        .as_str()
        .map_err(|error| problem::unreadable(&what(), error))?;
    let event: Event =
        serde_json::from_str(body).map_err(|error| problem::unreadable(&what(), error))?;
    if event.seq != expected || event.story != story {
        return Err(problem::unreadable(
            &what(),
            format!("its text says event {} of story {}", event.seq, event.story),
        )
        .into());
    }
    Ok(event)
}

pub(super) fn stories(database: &Connection) -> Result<Vec<StorySummary>, Fault> {
    let mut statement = database.prepare_cached(
        "SELECT id, title, branch, status, created_at, updated_at FROM stories ORDER BY created_at DESC, id DESC",
    )?;
    let mut rows = statement.query([])?;
    let mut stories = Vec::new();
    while let Some(row) = rows.next()? {
        stories.push(summary(row)?);
    }
    Ok(stories)
}

fn summary(row: &Row<'_>) -> Result<StorySummary, Fault> {
    let id: String = row.get(0)?;
    let what = || format!("the row of story {id}");
    let status: String = row.get(3)?;
    let time = |column: usize| -> Result<jiff::Timestamp, Fault> {
        let text: String = row.get(column)?;
        text.parse()
            .map_err(|error: jiff::Error| problem::unreadable(&what(), error).into())
    };
    Ok(StorySummary {
        id: id
            .parse()
            .map_err(|error: uuid::Error| problem::unreadable(&what(), error))?,
        title: row.get(1)?,
        branch: row.get(2)?,
        status: serde_json::from_value(status.into())
            .map_err(|error| problem::unreadable(&what(), error))?,
        created_at: time(4)?,
        updated_at: time(5)?,
    })
}

pub(super) fn inbox(database: &Connection, story: StoryId) -> Result<Vec<InboxMessage>, Fault> {
    let mut statement = database
        .prepare_cached("SELECT id, verb, actor FROM inbox WHERE story = ?1 ORDER BY id")?;
    let mut rows = statement.query([story.to_string()])?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let verb: String = row.get(1)?;
        // One that a newer version wrote, perhaps. It may not keep the others from being heard; it goes when they do.
        match serde_json::from_str(&verb) {
            Ok(verb) => messages.push(InboxMessage {
                id: u64::try_from(id).unwrap_or(0),
                verb,
                actor: row.get(2)?,
            }),
            Err(error) => tracing::warn!(
                "request {id} in the inbox of story {story} cannot be read and is passed over: {error}"
            ),
        }
    }
    if messages.is_empty() {
        expect_story(database, story)?;
    }
    Ok(messages)
}
