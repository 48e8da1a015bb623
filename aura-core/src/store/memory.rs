//! A store that forgets everything when it is dropped, for tests and for embedders that keep nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;

use super::{InboxMessage, Lease, StoryStore, StorySummary, checks};
use crate::error::Result;
use crate::model::{Event, StoryId, StoryStatus, Verb};

/// Keeps stories in memory, with the same rules as the durable store.
#[derive(Debug)]
pub struct MemoryStore {
    stories: Stories,
    next_message: Mutex<u64>,
    changes: watch::Sender<u64>,
}

type Stories = Arc<Mutex<HashMap<StoryId, Kept>>>;

#[derive(Debug)]
struct Kept {
    summary: StorySummary,
    events: Vec<Event>,
    inbox: Vec<InboxMessage>,
    epoch: u64,
    held: bool,
}

/// Ends the lease when it is dropped.
struct Held {
    stories: Stories,
    story: StoryId,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(kept) = locked(&self.stories).get_mut(&self.story) {
            kept.held = false;
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            stories: Stories::default(),
            next_message: Mutex::new(1),
            changes: watch::Sender::new(1),
        }
    }

    fn with<T>(&self, story: StoryId, act: impl FnOnce(&mut Kept) -> Result<T>) -> Result<T> {
        let mut stories = locked(&self.stories);
        act(stories
            .get_mut(&story)
            .ok_or_else(|| checks::unknown(story))?)
    }

    fn announce(&self) {
        self.changes.send_modify(|version| *version += 1);
    }
}

#[async_trait]
impl StoryStore for MemoryStore {
    async fn create(&self, events: &[Event]) -> Result<()> {
        let summary = checks::birth(events)?;
        let story = summary.id;
        let kept = Kept {
            summary,
            events: events.to_vec(),
            inbox: Vec::new(),
            epoch: 0,
            held: false,
        };
        {
            let mut stories = locked(&self.stories);
            if stories.contains_key(&story) {
                return Err(checks::exists(story));
            }
            stories.insert(story, kept);
        }
        self.announce();
        Ok(())
    }

    async fn acquire(&self, story: StoryId) -> Result<Lease> {
        let epoch = self.with(story, |kept| {
            if kept.held {
                return Err(checks::busy(story, &this_process()));
            }
            kept.held = true;
            kept.epoch += 1;
            Ok(kept.epoch)
        })?;
        let held = Held {
            stories: Arc::clone(&self.stories),
            story,
        };
        Ok(Lease::new(story, epoch, Box::new(held)))
    }

    async fn append(
        &self,
        lease: &Lease,
        events: &[Event],
        status: StoryStatus,
        handled: Option<u64>,
    ) -> Result<()> {
        let story = lease.story();
        self.with(story, |kept| {
            checks::newest(story, lease.epoch(), kept.epoch)?;
            checks::continues(story, kept.events.len() as u64, events)?;
            kept.events.extend_from_slice(events);
            kept.summary.status = status;
            if let Some(last) = events.last() {
                kept.summary.updated_at = last.at;
            }
            if let Some(handled) = handled {
                kept.inbox.retain(|message| message.id > handled);
            }
            Ok(())
        })?;
        self.announce();
        Ok(())
    }

    async fn events(&self, story: StoryId, after: u64, limit: usize) -> Result<Vec<Event>> {
        let after = usize::try_from(after).unwrap_or(usize::MAX);
        self.with(story, |kept| {
            Ok(kept
                .events
                .iter()
                .skip(after)
                .take(limit)
                .cloned()
                .collect())
        })
    }

    async fn stories(&self) -> Result<Vec<StorySummary>> {
        let mut summaries: Vec<_> = locked(&self.stories)
            .values()
            .map(|kept| kept.summary.clone())
            .collect();
        summaries.sort_by_key(|summary| std::cmp::Reverse((summary.created_at, summary.id)));
        Ok(summaries)
    }

    async fn send(&self, story: StoryId, verb: Verb, actor: &str) -> Result<()> {
        self.with(story, |kept| {
            let mut next = locked(&self.next_message);
            kept.inbox.push(InboxMessage {
                id: *next,
                verb,
                actor: actor.to_owned(),
            });
            *next += 1;
            Ok(())
        })?;
        self.announce();
        Ok(())
    }

    async fn inbox(&self, story: StoryId) -> Result<Vec<InboxMessage>> {
        self.with(story, |kept| Ok(kept.inbox.clone()))
    }

    async fn changed(&self, cursor: u64) -> Result<u64> {
        let mut changes = self.changes.subscribe();
        // The sender lives in `self`, so the wait cannot fail while somebody waits.
        match changes.wait_for(|version| *version != cursor).await {
            Ok(version) => Ok(*version),
            Err(_) => Ok(cursor),
        }
    }

    async fn owner(&self, story: StoryId) -> Result<Option<String>> {
        Ok(locked(&self.stories)
            .get(&story)
            .filter(|kept| kept.held)
            .map(|_| this_process()))
    }
}

fn this_process() -> String {
    format!("process {}", std::process::id())
}

/// Every change is complete before anything that could panic, so a poisoned value is still right.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
