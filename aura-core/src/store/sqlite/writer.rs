//! The thread that owns the only connection that writes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use tokio::sync::{oneshot, watch};

use super::problem::{Fault, explain, is_busy};
use super::schema;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Event, StoryId, StoryStatus, Verb};
use crate::store::{StorySummary, checks};

/// How often the writes of other processes are looked for while somebody waits for them.
const POLL: Duration = Duration::from_millis(50);

/// Most writes of one transaction.
const BATCH: usize = 1024;

/// An event as its row holds it.
pub(super) struct Row {
    seq: i64,
    at: String,
    body: String,
}

impl Row {
    pub(super) fn new(event: &Event) -> Result<Self> {
        Ok(Self {
            seq: to_sql(event.seq)?,
            at: time(event.at),
            body: to_json(event)?,
        })
    }
}

/// What can be asked of the writer. Everything is prepared, so that the thread only talks to the database.
pub(super) enum Write {
    Create {
        summary: StorySummary,
        rows: Vec<Row>,
    },
    Append {
        story: StoryId,
        epoch: u64,
        rows: Vec<Row>,
        status: StoryStatus,
        handled: Option<u64>,
    },
    Send {
        story: StoryId,
        verb: String,
        actor: String,
        at: String,
    },
    /// Answers with the epoch of the new lease.
    Lease { story: StoryId },
}

impl Write {
    pub(super) fn send(story: StoryId, verb: &Verb, actor: &str) -> Result<Self> {
        Ok(Self::Send {
            story,
            verb: to_json(verb)?,
            actor: actor.to_owned(),
            at: time(Timestamp::now()),
        })
    }
}

type Answer = oneshot::Sender<Result<u64>>;

enum Command {
    Write(Write, Answer),
    /// Somebody waits for changes: look for those of other processes now.
    Look,
}

/// The way to the thread. Dropping it waits until what is queued is committed.
pub(super) struct Writer {
    commands: Option<Sender<Command>>,
    thread: Option<JoinHandle<()>>,
    changes: watch::Receiver<u64>,
    waiting: Arc<AtomicUsize>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the store panicked");
        }
    }
}

/// Counts somebody who waits for changes, for as long as they do.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Writer {
    pub(super) fn start(connection: Connection, path: PathBuf) -> Result<Self> {
        let (commands, queue) = channel();
        let (announce, changes) = watch::channel(1);
        let waiting = Arc::new(AtomicUsize::new(0));
        let mut worker = Worker {
            connection,
            path,
            queue,
            announce,
            waiting: Arc::clone(&waiting),
        };
        let thread = std::thread::Builder::new()
            .name("aura-store".to_owned())
            .spawn(move || worker.run())
            .map_err(|error| {
                Error::new(
                    ErrorKind::Store,
                    format!("could not start the thread of the store: {error}"),
                )
                .with_help("the limit of threads or of memory is reached; free some and try again")
                .with_source(error)
            })?;
        Ok(Self {
            commands: Some(commands),
            thread: Some(thread),
            changes,
            waiting,
        })
    }

    /// Answered after the commit. Not cancel safe: dropped, the write may still happen.
    pub(super) async fn write(&self, write: Write) -> Result<u64> {
        self.queue(write)?.await.map_err(|_| stopped())?
    }

    /// The same for a thread that may block.
    pub(super) fn write_blocking(&self, write: Write) -> Result<u64> {
        self.queue(write)?.blocking_recv().map_err(|_| stopped())?
    }

    /// Returns as soon as the number of the last change is not `cursor`. Cancel safe.
    pub(super) async fn changed(&self, cursor: u64) -> Result<u64> {
        let mut changes = self.changes.clone();
        let _waiting = Waiting::new(&self.waiting);
        self.command(Command::Look)?;
        let version = changes
            .wait_for(|version| *version != cursor)
            .await
            .map_err(|_| stopped())?;
        Ok(*version)
    }

    fn queue(&self, write: Write) -> Result<oneshot::Receiver<Result<u64>>> {
        let (answer, answered) = oneshot::channel();
        self.command(Command::Write(write, answer))?;
        Ok(answered)
    }

    fn command(&self, command: Command) -> Result<()> {
        self.commands
            .as_ref()
            .and_then(|commands| commands.send(command).ok())
            .ok_or_else(stopped)
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Internal, "the writer of the store has stopped")
        .with_help("open the store again; what was answered is on disk")
}

struct Worker {
    connection: Connection,
    path: PathBuf,
    queue: Receiver<Command>,
    announce: watch::Sender<u64>,
    waiting: Arc<AtomicUsize>,
}

impl Worker {
    fn run(&mut self) {
        let mut seen = self.version_of_others();
        while let Some(batch) = self.next_batch() {
            if !batch.is_empty() {
                self.commit(batch);
            }
            let version = self.version_of_others();
            if version != seen {
                seen = version;
                self.announce.send_modify(|version| *version += 1);
            }
        }
    }

    /// Changes when another connection, of any process, has committed. `None` while it cannot be told.
    fn version_of_others(&self) -> Option<i64> {
        self.connection
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .ok()
    }

    /// Waits for work, then takes what else is queued. Empty: time to look for changes. `None`: nobody can ask any more.
    fn next_batch(&self) -> Option<Vec<(Write, Answer)>> {
        let first = if self.waiting.load(Ordering::Acquire) == 0 {
            self.queue.recv().ok()?
        } else {
            match self.queue.recv_timeout(POLL) {
                Ok(command) => command,
                Err(RecvTimeoutError::Timeout) => return Some(Vec::new()),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        };
        let rest = std::iter::from_fn(|| self.queue.try_recv().ok());
        Some(
            std::iter::once(first)
                .chain(rest.take(BATCH - 1))
                .filter_map(|command| match command {
                    Command::Write(write, answer) => Some((write, answer)),
                    Command::Look => None,
                })
                .collect(),
        )
    }

    /// One transaction for all. Where that fails each gets its own, so that nobody suffers for the write of another.
    fn commit(&mut self, batch: Vec<(Write, Answer)>) {
        let (writes, answers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let results = match self.transact(&writes) {
            Ok(results) => results,
            Err(error) if writes.len() == 1 || is_busy(&error) => writes
                .iter()
                .map(|_| Err(explain(&error, "write to", &self.path)))
                .collect(),
            Err(_) => writes
                .iter()
                .map(|write| {
                    self.transact(std::slice::from_ref(write))
                        .map_err(|error| explain(&error, "write to", &self.path))
                        .and_then(|mut results| results.pop().unwrap_or_else(|| Err(stopped())))
                })
                .collect(),
        };
        if results.iter().any(Result::is_ok) {
            self.announce.send_modify(|version| *version += 1);
        }
        for (answer, result) in answers.into_iter().zip(results) {
            // Whoever asked may be gone, and the write stands all the same.
            let _ = answer.send(result);
        }
    }

    /// A refused write does not disturb the others; a failed one undoes all.
    fn transact(&mut self, writes: &[Write]) -> rusqlite::Result<Vec<Result<u64>>> {
        let path = &self.path;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        match schema::expect_latest(&transaction, path) {
            Ok(()) => {}
            Err(Fault::Failed(error)) => return Err(error),
            Err(Fault::Refused(error)) => {
                return Ok(writes.iter().map(|_| Err(again(&error))).collect());
            }
        }
        let mut results = Vec::with_capacity(writes.len());
        for write in writes {
            match apply(&transaction, write) {
                Ok(answer) => results.push(Ok(answer)),
                Err(Fault::Refused(error)) => results.push(Err(error)),
                Err(Fault::Failed(error)) => return Err(error),
            }
        }
        transaction.commit()?;
        Ok(results)
    }
}

/// Each write is checked before its first statement that changes something, so that a refused one leaves no trace.
fn apply(database: &Connection, write: &Write) -> Result<u64, Fault> {
    match write {
        Write::Create { summary, rows } => create(database, summary, rows),
        Write::Append {
            story,
            epoch,
            rows,
            status,
            handled,
        } => append(database, *story, *epoch, rows, *status, *handled),
        Write::Send {
            story,
            verb,
            actor,
            at,
        } => send(database, *story, verb, actor, at),
        Write::Lease { story } => lease(database, *story),
    }
}

fn create(database: &Connection, summary: &StorySummary, rows: &[Row]) -> Result<u64, Fault> {
    let last = rows.last().map_or(0, |row| row.seq);
    let inserted = database
        .prepare_cached(
            "INSERT INTO stories (id, title, branch, status, created_at, updated_at, last_seq, epoch)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            summary.id.to_string(),
            summary.title,
            summary.branch,
            status_name(summary.status)?,
            time(summary.created_at),
            time(summary.updated_at),
            last,
        ])?;
    if inserted == 0 {
        return Err(checks::exists(summary.id).into());
    }
    insert(database, summary.id, rows)?;
    Ok(0)
}

fn append(
    database: &Connection,
    story: StoryId,
    epoch: u64,
    rows: &[Row],
    status: StoryStatus,
    handled: Option<u64>,
) -> Result<u64, Fault> {
    let id = story.to_string();
    let (last, newest): (i64, i64) = database
        .prepare_cached("SELECT last_seq, epoch FROM stories WHERE id = ?1")?
        .query_row([&id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .ok_or_else(|| checks::unknown(story))?;
    checks::newest(story, epoch, from_sql(newest))?;
    if let Some(first) = rows.first().filter(|row| row.seq != last + 1) {
        return Err(checks::out_of_order(story, from_sql(last + 1), from_sql(first.seq)).into());
    }
    insert(database, story, rows)?;
    database
        .prepare_cached(
            "UPDATE stories SET status = ?2, last_seq = ?3, updated_at = coalesce(?4, updated_at) WHERE id = ?1",
        )?
        .execute(params![
            id,
            status_name(status)?,
            rows.last().map_or(last, |row| row.seq),
            rows.last().map(|row| &row.at),
        ])?;
    if let Some(handled) = handled {
        database
            .prepare_cached("DELETE FROM inbox WHERE story = ?1 AND id <= ?2")?
            .execute(params![id, i64::try_from(handled).unwrap_or(i64::MAX)])?;
    }
    Ok(0)
}

fn insert(database: &Connection, story: StoryId, rows: &[Row]) -> Result<(), Fault> {
    let story = story.to_string();
    let mut statement = database
        .prepare_cached("INSERT INTO events (story, seq, at, body) VALUES (?1, ?2, ?3, ?4)")?;
    for row in rows {
        statement.execute(params![story, row.seq, row.at, row.body])?;
    }
    Ok(())
}

fn send(
    database: &Connection,
    story: StoryId,
    verb: &str,
    actor: &str,
    at: &str,
) -> Result<u64, Fault> {
    let inserted = database
        .prepare_cached(
            "INSERT INTO inbox (story, verb, actor, at) SELECT id, ?2, ?3, ?4 FROM stories WHERE id = ?1",
        )?
        .execute(params![story.to_string(), verb, actor, at])?;
    match inserted {
        0 => Err(checks::unknown(story).into()),
        _ => Ok(0),
    }
}

fn lease(database: &Connection, story: StoryId) -> Result<u64, Fault> {
    database
        .prepare_cached("UPDATE stories SET epoch = epoch + 1 WHERE id = ?1 RETURNING epoch")?
        .query_row([story.to_string()], |row| row.get(0))
        .optional()?
        .map(from_sql)
        .ok_or_else(|| checks::unknown(story).into())
}

/// The same refusal for somebody else.
fn again(error: &Error) -> Error {
    Error::new(error.kind(), error.to_string()).with_help(error.help().unwrap_or_default())
}

/// Nine digits of a second always, so that the text sorts as the time does.
fn time(at: Timestamp) -> String {
    format!("{at:.9}")
}

fn status_name(status: StoryStatus) -> Result<String> {
    match serde_json::to_value(status) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        _ => Err(Error::new(ErrorKind::Internal, "a status is not a word")),
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            format!("a value cannot be stored: {error}"),
        )
        .with_source(error)
    })
}

fn to_sql(seq: u64) -> Result<i64> {
    i64::try_from(seq).map_err(|_| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("{seq} is too large for the number of an event"),
        )
    })
}

fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
