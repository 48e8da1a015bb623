//! The handle of a run.

use std::collections::VecDeque;

use serde::Serialize;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::Orchestrator;
use crate::engine::Request;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Event, Progress, RunId, StoryId, TaskId, Verb};
use crate::view::Report;

/// Events read from the store at once.
const PAGE: usize = 256;

/// What a run tells while it goes on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "it is made and taken apart once")]
pub enum RunEvent {
    /// Part of the story for good. None is lost and none comes twice.
    Durable(Event),
    /// Live output; dropped for slow readers.
    Progress(Progress),
}

/// A run under way. Dropping the handle does not end the run; it ends with its runtime, and a later run of the story takes up from
/// there.
pub struct Run {
    story: StoryId,
    id: RunId,
    orchestrator: Orchestrator,
    /// The last event that was handed out.
    cursor: u64,
    buffer: VecDeque<Event>,
    published: watch::Receiver<u64>,
    progress: Option<broadcast::Receiver<Progress>>,
    requests: mpsc::Sender<Request>,
    task: Option<JoinHandle<Result<()>>>,
}

impl Run {
    pub(crate) fn new(
        (story, id): (StoryId, RunId),
        orchestrator: Orchestrator,
        cursor: u64,
        published: watch::Receiver<u64>,
        progress: broadcast::Receiver<Progress>,
        requests: mpsc::Sender<Request>,
        task: JoinHandle<Result<()>>,
    ) -> Self {
        Self {
            story,
            id,
            orchestrator,
            cursor,
            buffer: VecDeque::new(),
            published,
            progress: Some(progress),
            requests,
            task: Some(task),
        }
    }

    /// The story.
    pub const fn story(&self) -> StoryId {
        self.story
    }

    /// This run.
    pub const fn id(&self) -> RunId {
        self.id
    }

    /// The next event of the run, or `None` when it has ended and everything was told. Internal events are left out.
    /// Cancel safe.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next_event(&mut self) -> Result<Option<RunEvent>> {
        loop {
            while let Some(event) = self.buffer.pop_front() {
                self.cursor = event.seq;
                if !event.kind.is_internal() {
                    return Ok(Some(RunEvent::Durable(event)));
                }
            }
            if *self.published.borrow_and_update() > self.cursor {
                let store = &self.orchestrator.store;
                let events = store.events(self.story, self.cursor, PAGE).await?;
                self.buffer.extend(events);
                continue;
            }
            let live = async {
                match &mut self.progress {
                    Some(progress) => progress.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                changed = self.published.changed() => {
                    // The dispatcher is gone; what it stored last is read above.
                    if changed.is_err() && *self.published.borrow() <= self.cursor {
                        return Ok(None);
                    }
                }
                line = live => match line {
                    Ok(line) => return Ok(Some(RunEvent::Progress(line))),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => self.progress = None,
                },
            }
        }
    }

    /// Starts nothing new; the run ends when what runs is finished and integrated.
    pub async fn pause(&self) -> Result<()> {
        self.request(Verb::Pause).await
    }

    /// Takes back a pause that has not come into force.
    pub async fn resume(&self) -> Result<()> {
        self.request(Verb::Resume).await
    }

    /// Stops everything. Work that was accepted stays accepted; edits under way are kept under salvage refs.
    pub async fn cancel(&self) -> Result<()> {
        self.request(Verb::Cancel).await
    }

    /// Gives a failed task a fresh budget, with a note to the agent.
    pub async fn retry(&self, task: impl Into<TaskId>, note: Option<String>) -> Result<()> {
        let task = task.into();
        self.request(Verb::Retry { task, note }).await
    }

    /// Goes on without a task.
    pub async fn skip(&self, task: impl Into<TaskId>) -> Result<()> {
        let task = task.into();
        self.request(Verb::Skip { task }).await
    }

    async fn request(&self, verb: Verb) -> Result<()> {
        let over = || Error::new(ErrorKind::Refused, "the run has ended");
        let (answer, answered) = oneshot::channel();
        let request = Request {
            verb,
            actor: "handle".to_owned(),
            answer,
        };
        self.requests.send(request).await.map_err(|_| over())?;
        match answered.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(Error::new(ErrorKind::Refused, why)),
            Err(_) => Err(over()),
        }
    }

    /// Waits until the run has ended and reports what became of it. Cancel safe: it may be called again.
    ///
    /// # Errors
    /// When Aura itself could not do its job; the story can be run again and goes on from where it was.
    pub async fn wait(&mut self) -> Result<Report> {
        self.finished().await?;
        self.orchestrator.report(self.story).await
    }

    /// Waits until the run has ended; its outcome is in the story. Cancel safe: it may be called again.
    pub(crate) async fn finished(&mut self) -> Result<()> {
        let Some(task) = &mut self.task else {
            return Ok(());
        };
        let result = task.await.unwrap_or_else(|error| {
            Err(Error::new(
                ErrorKind::Internal,
                format!("the run panicked: {error}"),
            ))
        });
        self.task = None;
        result
    }
}
