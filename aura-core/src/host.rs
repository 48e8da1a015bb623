//! Work for code in another language: the host of the library pulls jobs and answers them, and is never called into.
//!
//! ```text
//! waiting --next_job--> claimed --finish_job--> answered
//!    |                     |deadline or cancel: a cancel job, then the grace period
//!    |unclaimed: gone      +--> abandoned --finish_job: Stale--> released
//! ```

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{Notify, oneshot};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::text;

#[cfg(test)]
mod tests;

/// How long a job may wait for somebody who takes it.
const CLAIM_LIMIT: Duration = Duration::from_secs(30);
/// Bytes of output that the log of a job takes.
const LOG_LIMIT: u64 = 256 * 1024 * 1024;
/// Bytes of one line of output that are kept.
const LINE_LIMIT: usize = 64 * 1024;

/// Names one job for good, also among the queues of several orchestrators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct JobId {
    /// The queue that the job belongs to.
    pub epoch: u32,
    /// Counted from 1 within the queue.
    pub number: u64,
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.number)
    }
}

/// What a host is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Do the work of an agent.
    Agent,
    /// Judge as a gate.
    Gate,
    /// Stop the job with this id, which still has to be answered. Nothing answers the cancel job itself.
    Cancel,
}

/// One job for the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostJob {
    /// The job; of a cancel the job to stop.
    pub id: JobId,
    /// What to do.
    pub kind: JobKind,
    /// The name that the agent or gate was registered under.
    pub name: String,
    /// What an agent or a gate is given; null for a cancel.
    pub request: Value,
    /// Milliseconds from now to the end of the job, or of the grace period for a cancel.
    pub deadline_ms: u64,
}

/// The job is not open: it was answered, cancelled, abandoned, or never given out by this queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("job {0} is not open any more; its answer was not used")]
pub struct Stale(pub JobId);

/// Where a host finds its jobs. Clones are the same queue.
#[derive(Clone)]
pub struct HostQueue {
    shared: Arc<Shared>,
    claim_limit: Duration,
}

struct Shared {
    epoch: u32,
    state: Mutex<State>,
    /// A job waits, or the queue was closed.
    changed: Notify,
    /// An abandoned job was answered.
    released: Notify,
}

#[derive(Default)]
struct State {
    last: u64,
    closed: bool,
    waiting: VecDeque<HostJob>,
    open: HashMap<u64, Open>,
    abandoned: HashMap<u64, PathBuf>,
}

/// A job that somebody waits for.
struct Open {
    name: String,
    workspace: PathBuf,
    grace: Duration,
    /// Taken when the job is claimed.
    claim: Option<oneshot::Sender<()>>,
    /// The host was asked to stop it: its answer comes too late.
    stopping: bool,
    answer: oneshot::Sender<Value>,
    tell: Tell,
    mask: Mask,
    log: File,
    log_left: u64,
}

impl Open {
    /// A full disk must not stop the job: the log then ends early.
    fn write(&mut self, text: &str) {
        let size = text.len() as u64 + 1;
        if size > self.log_left || writeln!(self.log, "{text}").is_err() {
            self.log_left = 0;
        }
        self.log_left = self.log_left.saturating_sub(size);
    }
}

/// Makes a text safe to show and to keep.
pub(crate) type Mask = Box<dyn Fn(&str) -> String + Send>;

/// Passes a line on to whoever watches, or drops it.
pub(crate) type Tell = Box<dyn Fn(String) + Send>;

/// A job to be done.
pub(crate) struct Order {
    pub(crate) kind: JobKind,
    pub(crate) name: String,
    pub(crate) request: Value,
    pub(crate) workspace: PathBuf,
    /// From the moment it is claimed.
    pub(crate) limit: Duration,
    /// From the cancel job to giving up.
    pub(crate) grace: Duration,
    pub(crate) tell: Tell,
    /// Applied to everything that is passed on or logged while the job is done, not to the answer.
    pub(crate) mask: Mask,
    pub(crate) log: PathBuf,
}

/// What became of a job.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// The host answered in time.
    Given(Value),
    /// It was not done in time. If it goes on all the same, its workspace is quarantined.
    Late,
    /// It was cancelled. If it goes on all the same, its workspace is quarantined.
    Cancelled,
    /// Nobody took it, or the queue was closed.
    HostGone,
}

impl Default for HostQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for HostQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("HostQueue")
            .field("epoch", &self.shared.epoch)
            .field("waiting", &state.waiting.len())
            .field("open", &state.open.len())
            .field("abandoned", &state.abandoned.len())
            .finish_non_exhaustive()
    }
}

impl HostQueue {
    /// A queue whose host counts as gone when it leaves a job waiting for 30 seconds.
    pub fn new() -> Self {
        // The end of such a UUID is random.
        let random = Uuid::now_v7().as_u128().to_le_bytes();
        let shared = Shared {
            epoch: u32::from_le_bytes([random[0], random[1], random[2], random[3]]),
            state: Mutex::default(),
            changed: Notify::new(),
            released: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
            claim_limit: CLAIM_LIMIT,
        }
    }

    /// Sets how long a job may wait before the host counts as gone. It holds for jobs that are given to this clone.
    #[must_use]
    pub fn claim_within(mut self, limit: Duration) -> Self {
        self.claim_limit = limit;
        self
    }

    /// Waits for the next job and takes it; `None` once the queue is closed. Any number of callers may wait. Cancel safe.
    pub async fn next_job(&self) -> Option<HostJob> {
        loop {
            let changed = self.shared.changed.notified();
            if let Some(job) = self.take() {
                return job;
            }
            changed.await;
        }
    }

    /// Takes the next job, if one waits.
    pub fn try_next_job(&self) -> Option<HostJob> {
        self.take().flatten()
    }

    /// Waits until a job waits, without taking it: ask again once [`try_next_job`](Self::try_next_job) finds none. `false` once the
    /// queue is closed. Cancel safe.
    pub async fn job_waits(&self) -> bool {
        loop {
            let changed = self.shared.changed.notified();
            {
                let state = self.state();
                if !state.waiting.is_empty() {
                    return true;
                }
                if state.closed {
                    return false;
                }
            }
            changed.await;
        }
    }

    /// Reports a line of output of a job, for whoever watches and for the log.
    ///
    /// # Errors
    /// [`Stale`] when the job is not open: there is no use in going on with it.
    pub fn job_event(&self, id: JobId, line: &str) -> Result<(), Stale> {
        let mut state = self.state();
        let open = self.open_job(&mut state, id).ok_or(Stale(id))?;
        // First masked, then cut: half a secret is not recognised.
        let line = text::head(&(open.mask)(line), LINE_LIMIT).to_owned();
        open.write(&line);
        // Somebody who watches too slowly loses lines.
        (open.tell)(line);
        Ok(())
    }

    /// Answers a job. A text in the field `output` is kept in the log, too.
    ///
    /// # Errors
    /// [`Stale`] when the job is not open or was to stop: the answer is not used. Its workspace is free from now on.
    pub fn finish_job(&self, id: JobId, result: Value) -> Result<(), Stale> {
        let mut state = self.state();
        if id.epoch == self.shared.epoch && state.abandoned.remove(&id.number).is_some() {
            drop(state);
            self.shared.released.notify_waiters();
            return Err(Stale(id));
        }
        let open = self.open_job(&mut state, id).ok_or(Stale(id))?;
        if let Some(output) = result.get("output").and_then(Value::as_str) {
            let output = (open.mask)(output);
            open.write(&output);
        }
        let open = state.open.remove(&id.number).ok_or(Stale(id))?;
        state.waiting.retain(|job| job.id != id);
        let used = open.answer.send(result).is_ok() && !open.stopping;
        if used { Ok(()) } else { Err(Stale(id)) }
    }

    /// Ends the queue: no more jobs are given out. Who waits for an answer learns that the host is gone, and the workspaces
    /// of jobs that were taken stay quarantined until they are answered all the same.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.waiting.clear();
        let open = std::mem::take(&mut state.open).into_iter();
        let claimed = open.filter(|(_, open)| open.claim.is_none());
        let abandoned: Vec<_> = claimed
            .map(|(number, open)| (number, open.workspace))
            .collect();
        state.abandoned.extend(abandoned);
        drop(state);
        self.shared.changed.notify_waiters();
    }

    /// Whether an abandoned job may still be at work in the directory.
    pub fn is_quarantined(&self, workspace: &Path) -> bool {
        let state = self.state();
        state.abandoned.values().any(|path| path == workspace)
    }

    /// Waits until no abandoned job can be at work in the directory, which may be for ever. Cancel safe.
    pub async fn released(&self, workspace: &Path) {
        loop {
            let released = self.shared.released.notified();
            if !self.is_quarantined(workspace) {
                return;
            }
            released.await;
        }
    }

    /// Has a job done. Dropping the future cancels the job; if it was taken, its workspace is quarantined.
    pub(crate) async fn run(&self, order: Order, cancel: &CancellationToken) -> Result<Answer> {
        let (limit, grace) = (order.limit, order.grace);
        let Some(enqueued) = self.enqueue(order)? else {
            return Ok(Answer::HostGone);
        };
        let (ticket, claimed, mut answer) = (enqueued.ticket, enqueued.claimed, enqueued.answered);
        tokio::select! {
            biased;
            claimed = claimed => if claimed.is_err() {
                return Ok(Answer::HostGone);
            },
            () = cancel.cancelled() => if ticket.withdraw() {
                return Ok(Answer::Cancelled);
            },
            () = sleep(self.claim_limit) => if ticket.withdraw() {
                return Ok(Answer::HostGone);
            },
        }
        let end = tokio::select! {
            biased;
            answer = &mut answer => return Ok(answer.map_or(Answer::HostGone, Answer::Given)),
            () = cancel.cancelled() => Answer::Cancelled,
            () = sleep(limit) => Answer::Late,
        };
        self.push_cancel(ticket.number);
        tokio::select! {
            biased;
            _ = answer => {}
            () = sleep(grace) => {}
        }
        Ok(end)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that panics runs while it is held.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn open_job<'a>(&self, state: &'a mut State, id: JobId) -> Option<&'a mut Open> {
        let open = state.open.get_mut(&id.number)?;
        (id.epoch == self.shared.epoch && open.claim.is_none()).then_some(open)
    }

    /// The next job, or that there will be none; `None` when there is neither.
    fn take(&self) -> Option<Option<HostJob>> {
        let mut state = self.state();
        let Some(job) = state.waiting.pop_front() else {
            return state.closed.then_some(None);
        };
        if let Some(claim) = state
            .open
            .get_mut(&job.id.number)
            .and_then(|open| open.claim.take())
        {
            let _ = claim.send(());
        }
        Some(Some(job))
    }

    /// Puts a job into the queue; `None` when that is closed.
    fn enqueue(&self, order: Order) -> Result<Option<Enqueued<'_>>> {
        let log =
            File::create(&order.log).map_err(|error| Error::io("create", &order.log, error))?;
        let (claim, claimed) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let mut state = self.state();
        if state.closed {
            return Ok(None);
        }
        state.last += 1;
        let number = state.last;
        state.waiting.push_back(HostJob {
            id: JobId {
                epoch: self.shared.epoch,
                number,
            },
            kind: order.kind,
            name: order.name.clone(),
            request: order.request,
            deadline_ms: millis(order.limit),
        });
        let open = Open {
            name: order.name,
            workspace: order.workspace,
            grace: order.grace,
            claim: Some(claim),
            stopping: false,
            answer,
            tell: order.tell,
            mask: order.mask,
            log,
            log_left: LOG_LIMIT,
        };
        state.open.insert(number, open);
        drop(state);
        self.shared.changed.notify_one();
        let ticket = Ticket {
            queue: self,
            number,
        };
        Ok(Some(Enqueued {
            ticket,
            claimed,
            answered,
        }))
    }

    /// Asks the host, once, to stop a job that it has taken.
    fn push_cancel(&self, number: u64) {
        let mut state = self.state();
        let Some(open) = state.open.get_mut(&number).filter(|open| !open.stopping) else {
            return;
        };
        open.stopping = true;
        let job = HostJob {
            id: JobId {
                epoch: self.shared.epoch,
                number,
            },
            kind: JobKind::Cancel,
            name: open.name.clone(),
            request: Value::Null,
            deadline_ms: millis(open.grace),
        };
        state.waiting.push_back(job);
        drop(state);
        self.shared.changed.notify_one();
    }
}

/// A job in the queue, as whoever waits for it sees it.
struct Enqueued<'a> {
    ticket: Ticket<'a>,
    claimed: oneshot::Receiver<()>,
    answered: oneshot::Receiver<Value>,
}

/// The claim of whoever waits for a job. Without it the job ends.
struct Ticket<'a> {
    queue: &'a HostQueue,
    number: u64,
}

impl Ticket<'_> {
    /// Takes a job back that nobody has taken.
    fn withdraw(&self) -> bool {
        let mut state = self.queue.state();
        let unclaimed = |open: &Open| open.claim.is_some();
        if !state.open.get(&self.number).is_some_and(unclaimed) {
            return false;
        }
        state.open.remove(&self.number);
        state.waiting.retain(|job| job.id.number != self.number);
        true
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if self.withdraw() {
            return;
        }
        self.queue.push_cancel(self.number);
        let mut state = self.queue.state();
        if let Some(open) = state.open.remove(&self.number) {
            state.abandoned.insert(self.number, open.workspace);
        }
    }
}

/// A list would be read as the members of a struct in their order, which no host means.
pub(crate) fn members(answer: Value) -> serde_json::Result<Value> {
    match answer {
        Value::Array(_) => Err(serde::de::Error::custom("it is a list")),
        answer => Ok(answer),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
