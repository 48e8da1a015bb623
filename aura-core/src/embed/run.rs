//! A run, for another language.

use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::Mutex;

use super::engine::{Inner, verb};
use super::{answer, arguments, unknown};
use crate::error::Result;
use crate::model::Verb;
use crate::orchestrator::{RunControl, RunEvents};

/// The methods of [`RunHandle::call`].
pub const RUN_METHODS: &[&str] = &["pause", "resume", "cancel", "retry", "approve", "skip"];

/// A run under way. Clones are the same run; dropping all of them does not end it.
#[derive(Clone)]
pub struct RunHandle {
    control: RunControl,
    events: Arc<Mutex<RunEvents>>,
    /// Keeps the queue of jobs open while somebody looks at the run.
    _engine: Arc<Inner>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    task: Option<String>,
    note: Option<String>,
}

impl RunHandle {
    pub(super) fn new(engine: Arc<Inner>, control: RunControl, events: RunEvents) -> Self {
        Self {
            control,
            events: Arc::new(Mutex::new(events)),
            _engine: engine,
        }
    }

    /// The id of the story.
    pub fn story(&self) -> String {
        self.control.story().to_string()
    }

    /// The id of the run.
    pub fn id(&self) -> String {
        self.control.id().to_string()
    }

    /// Waits for events and returns those that are there, `max` at the most, as a list; `None` when the run has ended and everything
    /// was told. Each event is told once, to whoever asks first. Cancel safe.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next_events(&self, max: usize) -> Result<Option<String>> {
        let batch = self.events.lock().await.next_batch(max.max(1)).await?;
        if batch.is_empty() {
            return Ok(None);
        }
        answer(&batch).map(Some)
    }

    /// Waits until the run has ended and returns its report. Any number of callers may wait. Cancel safe.
    ///
    /// # Errors
    /// As [`Run::wait`](crate::Run::wait).
    pub async fn wait(&self) -> Result<String> {
        answer(&self.control.wait().await?)
    }

    /// Calls one of [`RUN_METHODS`], those of [`Run`](crate::Run): `retry` takes `{task, note?}`, `approve` and
    /// `skip` `{task}`, the others `{}`.
    ///
    /// # Errors
    /// `InvalidInput` for an unknown method or arguments that it does not take; `Refused` with the reason when it is not possible in the
    /// present state.
    pub async fn call(&self, method: &str, text: &str) -> Result<()> {
        if !RUN_METHODS.contains(&method) {
            return Err(unknown("method", method, RUN_METHODS));
        }
        let About { task, note } = arguments(method, text)?;
        match verb(method, task, note)? {
            Verb::Pause => self.control.pause().await,
            Verb::Resume => self.control.resume().await,
            Verb::Cancel => self.control.cancel().await,
            Verb::Retry { task, note } => self.control.retry(task, note).await,
            Verb::Approve { task } => self.control.approve(task).await,
            Verb::Skip { task } => self.control.skip(task).await,
        }
    }
}
