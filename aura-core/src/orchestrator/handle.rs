//! The handle of a run.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::{Mutex, broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::Orchestrator;
use crate::engine::Request;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Event, Progress, RunId, StoryId, TaskId, Verb};
use crate::store::StoryStore;
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
    control: RunControl,
    events: RunEvents,
}

/// Steers a run and waits for its end. Clones are handles of the same run.
#[derive(Clone)]
pub struct RunControl(Arc<Shared>);

struct Shared {
    story: StoryId,
    id: RunId,
    orchestrator: Orchestrator,
    requests: mpsc::Sender<Request>,
    end: Mutex<End>,
}

/// The lock is held while somebody waits; others wait for the lock.
enum End {
    Pending(JoinHandle<Result<()>>),
    Reached(Result<()>),
}

/// The events of a run, each once.
pub struct RunEvents {
    story: StoryId,
    store: Arc<dyn StoryStore>,
    /// The last event that was handed out.
    cursor: u64,
    buffer: VecDeque<Event>,
    published: watch::Receiver<u64>,
    progress: Option<broadcast::Receiver<Progress>>,
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
        let events = RunEvents {
            story,
            store: Arc::clone(&orchestrator.store),
            cursor,
            buffer: VecDeque::new(),
            published,
            progress: Some(progress),
        };
        let control = RunControl(Arc::new(Shared {
            story,
            id,
            orchestrator,
            requests,
            end: Mutex::new(End::Pending(task)),
        }));
        Self { control, events }
    }

    /// The story.
    pub fn story(&self) -> StoryId {
        self.control.story()
    }

    /// This run.
    pub fn id(&self) -> RunId {
        self.control.id()
    }

    /// The next event of the run, or `None` when it has ended and everything was told. Internal events are left out.
    /// Cancel safe.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next_event(&mut self) -> Result<Option<RunEvent>> {
        self.events.next().await
    }

    /// Starts nothing new; the run ends when what runs is finished and integrated.
    /// Cancel safe: once sent, the request is answered.
    ///
    /// # Errors
    /// `Refused` when the run is ending already or has ended.
    pub async fn pause(&self) -> Result<()> {
        self.control.pause().await
    }

    /// Takes back a pause that has not come into force.
    /// Cancel safe: once sent, the request is answered.
    ///
    /// # Errors
    /// `Refused` when there is none, and when the run has ended.
    pub async fn resume(&self) -> Result<()> {
        self.control.resume().await
    }

    /// Stops everything. Work that was accepted stays accepted; edits under way are kept under salvage refs.
    /// Cancel safe: once sent, the request is answered.
    ///
    /// # Errors
    /// `Refused` when the target is being moved already, and when the run has ended.
    pub async fn cancel(&self) -> Result<()> {
        self.control.cancel().await
    }

    /// Gives a failed task a fresh budget, with a note to the agent.
    /// Cancel safe: once sent, the request is answered.
    ///
    /// # Errors
    /// `Refused` when the task is neither failed, cancelled nor skipped, when there is none of this name, and when the run has ended.
    pub async fn retry(&self, task: impl Into<TaskId>, note: Option<String>) -> Result<()> {
        self.control.retry(task, note).await
    }

    /// Answers a gate that asked for a person about a task's own work: it counts as green on exactly that work, and the review goes on
    /// with the next gate. The other answers are [`retry`](Self::retry) and [`skip`](Self::skip).
    /// Cancel safe: once sent, the request is answered.
    ///
    /// # Errors
    /// `Refused` when no gate asks about the task, when there is none of this name, and when the run has ended.
    pub async fn approve(&self, task: impl Into<TaskId>) -> Result<()> {
        self.control.approve(task).await
    }

    /// Goes on without a task.
    /// Cancel safe: once sent, the request is answered.
    ///
    /// # Errors
    /// `Refused` when the task is under way or accepted, when there is none of this name, and when the run has ended.
    pub async fn skip(&self, task: impl Into<TaskId>) -> Result<()> {
        self.control.skip(task).await
    }

    /// Waits until the run has ended and reports what became of it. Cancel safe: it may be called again.
    ///
    /// # Errors
    /// When Aura itself could not do its job; the story can be run again and goes on from where it was.
    pub async fn wait(&self) -> Result<Report> {
        self.control.wait().await
    }

    /// Waits until the run has ended; its outcome is in the story. Cancel safe: it may be called again.
    pub(crate) async fn finished(&self) -> Result<()> {
        self.control.finished().await
    }

    /// Takes the handle apart, for programs that read events in one place and steer or wait in another.
    pub fn split(self) -> (RunControl, RunEvents) {
        (self.control, self.events)
    }
}

impl RunEvents {
    /// As [`Run::next_event`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next(&mut self) -> Result<Option<RunEvent>> {
        loop {
            if let Some(event) = self.ready().await? {
                return Ok(Some(event));
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

    /// Waits for the next event and returns it with those that are there already, `max` (at least 1) at the most. Empty when the run
    /// has ended and everything was told. Cancel safe.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next_batch(&mut self, max: usize) -> Result<Vec<RunEvent>> {
        let mut batch: Vec<RunEvent> = self.next().await?.into_iter().collect();
        // From here on nothing waits, so that no event is lost when the caller goes away.
        while !batch.is_empty() && batch.len() < max {
            if let Some(event) = self.buffered() {
                batch.push(event);
            } else if let Some(Ok(line)) = self.progress.as_mut().map(|lines| lines.try_recv()) {
                batch.push(RunEvent::Progress(line));
            } else {
                break;
            }
        }
        Ok(batch)
    }

    fn buffered(&mut self) -> Option<RunEvent> {
        while let Some(event) = self.buffer.pop_front() {
            self.cursor = event.seq;
            if !event.kind.is_internal() {
                return Some(RunEvent::Durable(event));
            }
        }
        None
    }

    /// The next durable event, where it is in the store already.
    async fn ready(&mut self) -> Result<Option<RunEvent>> {
        loop {
            if let Some(event) = self.buffered() {
                return Ok(Some(event));
            }
            if *self.published.borrow_and_update() <= self.cursor {
                return Ok(None);
            }
            let events = self.store.events(self.story, self.cursor, PAGE).await?;
            self.buffer.extend(events);
        }
    }
}

impl RunControl {
    /// The story.
    pub fn story(&self) -> StoryId {
        self.0.story
    }

    /// The run.
    pub fn id(&self) -> RunId {
        self.0.id
    }

    /// Whether nothing of the run can be steered any more.
    pub fn is_over(&self) -> bool {
        self.0.requests.is_closed()
    }

    /// As [`Run::pause`].
    pub async fn pause(&self) -> Result<()> {
        self.request(Verb::Pause).await
    }

    /// As [`Run::resume`].
    pub async fn resume(&self) -> Result<()> {
        self.request(Verb::Resume).await
    }

    /// As [`Run::cancel`].
    pub async fn cancel(&self) -> Result<()> {
        self.request(Verb::Cancel).await
    }

    /// As [`Run::retry`].
    pub async fn retry(&self, task: impl Into<TaskId>, note: Option<String>) -> Result<()> {
        let task = task.into();
        self.request(Verb::Retry { task, note }).await
    }

    /// As [`Run::approve`].
    pub async fn approve(&self, task: impl Into<TaskId>) -> Result<()> {
        let task = task.into();
        self.request(Verb::Approve { task }).await
    }

    /// As [`Run::skip`].
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
        self.0.requests.send(request).await.map_err(|_| over())?;
        match answered.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(Error::new(ErrorKind::Refused, why)),
            Err(_) => Err(over()),
        }
    }

    /// As [`Run::wait`]; any number of callers may wait.
    ///
    /// # Errors
    /// As [`Run::wait`], for each of them.
    pub async fn wait(&self) -> Result<Report> {
        self.finished().await?;
        self.0.orchestrator.report(self.0.story).await
    }

    async fn finished(&self) -> Result<()> {
        let mut end = self.0.end.lock().await;
        if let End::Pending(task) = &mut *end {
            let result = task.await.unwrap_or_else(|error| {
                Err(Error::new(
                    ErrorKind::Internal,
                    format!("the run panicked: {error}"),
                ))
            });
            *end = End::Reached(result);
        }
        match &*end {
            End::Reached(Err(error)) => Err(error.told_again()),
            End::Reached(Ok(())) | End::Pending(_) => Ok(()),
        }
    }
}
