//! The store as the engine sees it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::lock::{self, StoryLock};
use super::reader::{self, Readers};
use super::schema::{self, Journal};
use super::writer::{Row, Write, Writer};
use crate::error::{Error, Result};
use crate::model::{Event, StoryId, StoryStatus, Verb};
use crate::store::{InboxMessage, Lease, StoryStore, StorySummary, checks};

/// Keeps stories in one SQLite file. Several processes may use the same file.
///
/// The methods need a tokio runtime; [`SqliteStore::open`] does not. A write whose future is dropped may still happen; reads,
/// `acquire` and `changed` are cancel safe. Dropping the store waits for what is queued to be committed.
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    locks: PathBuf,
    readers: Arc<Readers>,
    writer: Writer,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.inner.path)
            .finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens `aura.db` in a directory; makes both where they are missing and brings an older file up to date, keeping a copy
    /// of it beside. `Store` when the file is damaged, not ours, or of a newer version. Blocks.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        Self::open_with(directory, None)
    }

    pub(super) fn open_with(directory: &Path, journal: Option<Journal>) -> Result<Self> {
        std::fs::create_dir_all(directory)
            .map_err(|error| Error::io("create", directory, error))?;
        let journal = journal.unwrap_or_else(|| schema::journal_for(directory));
        let path = directory.join("aura.db");
        let connection = schema::open_writer(&path, journal)?;
        Self::with_connection(directory, path, connection)
    }

    pub(super) fn with_connection(
        directory: &Path,
        path: PathBuf,
        connection: rusqlite::Connection,
    ) -> Result<Self> {
        Ok(Self {
            inner: Arc::new(Inner {
                locks: directory.join("locks"),
                readers: Arc::new(Readers::new(path.clone())),
                writer: Writer::start(connection, path.clone())?,
                path,
            }),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }
}

impl Inner {
    /// The lock comes first: whoever has it and dies before the epoch is counted has not disturbed anybody.
    fn acquire(&self, story: StoryId) -> Result<Lease> {
        self.readers
            .read_blocking(|database| reader::expect_story(database, story))?;
        let lock = StoryLock::take(&self.locks, story)?;
        let epoch = self.writer.write_blocking(Write::Lease { story })?;
        Ok(Lease::new(story, epoch, Box::new(lock)))
    }
}

#[async_trait]
impl StoryStore for SqliteStore {
    async fn create(&self, events: &[Event]) -> Result<()> {
        let write = Write::Create {
            summary: checks::birth(events)?,
            rows: rows(events)?,
        };
        self.inner.writer.write(write).await.map(|_| ())
    }

    async fn acquire(&self, story: StoryId) -> Result<Lease> {
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || inner.acquire(story))
            .await
            .map_err(|error| reader::interrupted(&error))?
    }

    async fn append(
        &self,
        lease: &Lease,
        events: &[Event],
        status: StoryStatus,
        handled: Option<u64>,
    ) -> Result<()> {
        let story = lease.story();
        if let Some(first) = events.first() {
            checks::continues(story, first.seq.saturating_sub(1), events)?;
        }
        let write = Write::Append {
            story,
            epoch: lease.epoch(),
            rows: rows(events)?,
            status,
            handled,
        };
        self.inner.writer.write(write).await.map(|_| ())
    }

    async fn events(&self, story: StoryId, after: u64, limit: usize) -> Result<Vec<Event>> {
        self.inner
            .readers
            .read(move |database| reader::events(database, story, after, limit))
            .await
    }

    async fn stories(&self) -> Result<Vec<StorySummary>> {
        self.inner.readers.read(reader::stories).await
    }

    async fn send(&self, story: StoryId, verb: Verb, actor: &str) -> Result<()> {
        let write = Write::send(story, &verb, actor)?;
        self.inner.writer.write(write).await.map(|_| ())
    }

    async fn inbox(&self, story: StoryId) -> Result<Vec<InboxMessage>> {
        self.inner
            .readers
            .read(move |database| reader::inbox(database, story))
            .await
    }

    async fn changed(&self, cursor: u64) -> Result<u64> {
        self.inner.writer.changed(cursor).await
    }

    async fn owner(&self, story: StoryId) -> Result<Option<String>> {
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || lock::holder(&inner.locks, story))
            .await
            .map_err(|error| reader::interrupted(&error))?
    }
}

fn rows(events: &[Event]) -> Result<Vec<Row>> {
    events.iter().map(Row::new).collect()
}
