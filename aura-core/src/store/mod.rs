//! What is remembered. [`StoryStore`] is the only thing the engine knows of storage.

mod checks;
mod memory;
mod sqlite;

#[cfg(test)]
mod contract;

pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::model::{Event, StoryId, StoryStatus, Verb};

/// The right to write to one story. While it lives nobody else can get one for that story, in this process or another; it ends when
/// dropped or when the process dies. `epoch` grows with each lease, so that a writer that was replaced is refused.
pub struct Lease {
    story: StoryId,
    epoch: u64,
    _guard: Box<dyn std::any::Any + Send + Sync>,
}

impl Lease {
    /// Made by a store; `guard` gives the right back when it is dropped.
    pub fn new(story: StoryId, epoch: u64, guard: Box<dyn std::any::Any + Send + Sync>) -> Self {
        Self {
            story,
            epoch,
            _guard: guard,
        }
    }

    /// The story.
    pub const fn story(&self) -> StoryId {
        self.story
    }

    /// Grows with each lease of the story.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }
}

/// A row of the list of stories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorySummary {
    /// The story.
    pub id: StoryId,
    /// Its title.
    pub title: String,
    /// Its branch, without `refs/heads/`.
    pub branch: String,
    /// Where it is.
    pub status: StoryStatus,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its last event was appended.
    pub updated_at: Timestamp,
}

/// A request from another process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxMessage {
    /// Its place in the story's inbox.
    pub id: u64,
    /// What is asked.
    pub verb: Verb,
    /// Who asks, for people.
    pub actor: String,
}

/// Remembers stories. The writer of a story holds its [`Lease`]; everybody may read at any time and write to the inbox.
#[async_trait]
pub trait StoryStore: Send + Sync {
    /// Adds a story with its first events, durably. Refused when the id exists.
    async fn create(&self, events: &[Event]) -> Result<()>;

    /// The right to write to a story. `StoryBusy` when somebody has it, naming the process;
    /// `NotFound` when there is no such story. Cancel safe.
    async fn acquire(&self, story: StoryId) -> Result<Lease>;

    /// Appends events durably, all or none, and removes the inbox messages up to `handled` in the same
    /// transaction. Refused when the first `seq` is not the next one or when the lease is not the newest.
    async fn append(
        &self,
        lease: &Lease,
        events: &[Event],
        status: StoryStatus,
        handled: Option<u64>,
    ) -> Result<()>;

    /// Up to `limit` events with a `seq` greater than `after`, in order.
    async fn events(&self, story: StoryId, after: u64, limit: usize) -> Result<Vec<Event>>;

    /// All stories, newest first.
    async fn stories(&self) -> Result<Vec<StorySummary>>;

    /// Puts a request into a story's inbox, durably.
    async fn send(&self, story: StoryId, verb: Verb, actor: &str) -> Result<()>;

    /// The requests nobody has handled yet, oldest first.
    async fn inbox(&self, story: StoryId) -> Result<Vec<InboxMessage>>;

    /// Returns when something in the store may have changed since the last call with the same cursor, by any process. The cursor starts at 0
    /// and the new one is returned. May return without a change. Cancel safe.
    async fn changed(&self, cursor: u64) -> Result<u64>;

    /// Whether somebody holds the story's lease, and who, for people.
    async fn owner(&self, story: StoryId) -> Result<Option<String>>;
}
