//! The life of a command: held, started, watched, ended.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::capture::{Capture, Log, LogWriter, OutputStream};
use super::command::Command;
#[cfg(not(target_os = "linux"))]
use super::group::{Holder, SWEEP_ALLOWANCE};
#[cfg(target_os = "linux")]
use super::guard::{Holder, SWEEP_ALLOWANCE};
use super::identity::ProcessIdentity;
use super::report::{Exit, Report, Stopped};
use crate::error::{Error, ErrorKind, Result};

/// How long to go on reading after everything has ended: somebody outside may hold a pipe open.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);
const READ_SIZE: usize = 16 * 1024;

/// The host's ends of a program's streams.
pub(super) struct Streams {
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// Everything about a command that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finished {
    /// How the program ended.
    pub exit: Exit,
    /// Why it was told to stop, if it was. It may have ended in its own way all the same.
    pub stopped: Option<Stopped>,
    /// The end of stdout, any bytes, as the filter left them.
    pub stdout_tail: Vec<u8>,
    /// The end of stderr, any bytes, as the filter left them.
    pub stderr_tail: Vec<u8>,
    /// Bytes of stdout in all, those that a filter took out not counted.
    pub stdout_bytes: u64,
    /// Bytes of stderr in all, those that a filter took out not counted.
    pub stderr_bytes: u64,
    /// Lines that were not sent since the reader was slow or gone.
    pub lines_dropped: u64,
    /// The log file, if one was asked for.
    pub log: Option<Log>,
    /// Processes that outlived the program and were stopped. 0 without a guard, which alone can count them.
    pub leftovers: u32,
    /// Processes among them that could not be killed, as those of another user.
    pub survivors: u32,
    /// From go to the end of the program. Stopping what it left is not in it.
    pub wall: Duration,
}

/// A command that is held and waits for go. Dropping it ends it without having started the program.
pub(crate) struct Pending {
    command: Command,
    log: Option<LogWriter>,
    holder: Holder,
}

/// Starts the holder of a command, which waits for [`Pending::go`]. Blocks for about a millisecond.
///
/// Must be called in a tokio runtime with time and I/O enabled.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for a command that cannot be meant, [`ErrorKind::Io`] for a log that cannot be created,
/// [`ErrorKind::Process`] when the holder cannot be started. That the program itself cannot be is told by
/// [`Exit::SpawnFailed`].
pub(crate) fn spawn(command: Command) -> Result<Pending> {
    command.check()?;
    let log = match &command.log {
        Some((path, limit)) => Some(LogWriter::create(path, *limit)?),
        None => None,
    };
    let holder = Holder::launch(&command)?;
    Ok(Pending {
        command,
        log,
        holder,
    })
}

impl Pending {
    /// Who holds the command. Store it durably before [`Pending::go`]: after a crash [`reap`](super::reap()) wants it.
    pub(crate) fn identity(&self) -> &ProcessIdentity {
        self.holder.identity()
    }

    /// Starts the program and waits until it and all that it started are gone.
    ///
    /// A cancelled token, the deadline and silence stop it: the first signal to all, the grace period, SIGKILL until nothing is left.
    /// Not cancel safe: dropping the future stops the program in that way, without anybody waiting for the end.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] when the token was cancelled before anything was started. [`ErrorKind::Process`] when the
    /// holder failed or was killed; what it left has been stopped then, as far as it could be found.
    pub(crate) async fn go(mut self, cancel: CancellationToken) -> Result<Finished> {
        let name = self.command.name();
        if cancel.is_cancelled() {
            let message = format!("{name} was cancelled before it was started");
            return Err(Error::new(ErrorKind::Cancelled, message));
        }
        let with_stdin = !self.command.stdin.is_empty() || self.command.more_stdin.is_some();
        let streams = match self.holder.go(with_stdin).await {
            Ok(streams) => streams,
            Err(error) => {
                let message = format!("could not start {name}: {error}");
                return Err(Error::new(ErrorKind::Process, message).with_source(error));
            }
        };
        Watch::new(self).run(streams, cancel).await
    }
}

/// What is known about a command that runs.
struct Watch {
    command: Command,
    holder: Holder,
    started: Instant,
    last_output: Instant,
    stdout: Capture,
    stderr: Capture,
    log: Option<LogWriter>,
    exit: Option<Exit>,
    stopped: Option<Stopped>,
    leftovers: u32,
    survivors: u32,
    wall: Duration,
    /// When the holder should long have ended.
    overdue: Option<Instant>,
    /// The holder had to be killed.
    abandoned: bool,
    /// The holder has ended; when to stop reading.
    drain_until: Option<Instant>,
}

impl Watch {
    fn new(pending: Pending) -> Self {
        let Pending {
            mut command,
            log,
            holder,
        } = pending;
        let now = Instant::now();
        let (limit, lines) = (command.tail_limit, command.lines.take());
        let [for_stdout, for_stderr] = match command.filters.take() {
            Some(filters) => filters.map(Some),
            None => [None, None],
        };
        Self {
            stdout: Capture::new(OutputStream::Stdout, limit, lines.clone(), for_stdout),
            stderr: Capture::new(OutputStream::Stderr, limit, lines, for_stderr),
            command,
            holder,
            started: now,
            last_output: now,
            log,
            exit: None,
            stopped: None,
            leftovers: 0,
            survivors: 0,
            wall: Duration::ZERO,
            overdue: None,
            abandoned: false,
            drain_until: None,
        }
    }

    async fn run(mut self, streams: Streams, cancel: CancellationToken) -> Result<Finished> {
        let (mut stdin, mut stdout, mut stderr) =
            (streams.stdin, Some(streams.stdout), Some(streams.stderr));
        let mut input = Input {
            unsent: std::mem::take(&mut self.command.stdin).into(),
            more: self.command.more_stdin.take(),
        };
        let (mut out_buffer, mut err_buffer) = (vec![0; READ_SIZE], vec![0; READ_SIZE]);
        while self.drain_until.is_none() || stdout.is_some() || stderr.is_some() {
            let timer = self.timer();
            tokio::select! {
                length = read(&mut stdout, &mut out_buffer) => {
                    self.output(OutputStream::Stdout, &out_buffer[..length]);
                }
                length = read(&mut stderr, &mut err_buffer) => {
                    self.output(OutputStream::Stderr, &err_buffer[..length]);
                }
                () = feed(&mut stdin, &mut input), if stdin.is_some() => {}
                report = self.holder.next(), if self.drain_until.is_none() => {
                    self.hear(report).await?;
                }
                () = cancel.cancelled(), if self.may_stop() => self.stop(Stopped::Cancelled),
                () = at(timer) => {
                    if self.drain_until.is_some_and(|until| until <= Instant::now()) {
                        break;
                    }
                    self.time_is_up().await?;
                }
            }
        }
        Ok(self.finish())
    }

    fn may_stop(&self) -> bool {
        self.exit.is_none() && self.stopped.is_none() && self.drain_until.is_none()
    }

    fn stop(&mut self, reason: Stopped) {
        self.stopped = Some(reason);
        self.holder.stop();
        self.expect_end();
    }

    fn expect_end(&mut self) {
        let allowance = self.command.grace + SWEEP_ALLOWANCE;
        self.overdue.get_or_insert(Instant::now() + allowance);
    }

    /// The next moment at which time itself matters.
    fn timer(&self) -> Option<Instant> {
        if self.drain_until.is_some() {
            return self.drain_until;
        }
        if !self.may_stop() {
            return self.overdue;
        }
        let deadline = self.command.deadline.map(|limit| self.started + limit);
        let idle = self.command.idle.map(|limit| self.last_output + limit);
        deadline.into_iter().chain(idle).min()
    }

    async fn time_is_up(&mut self) -> Result<()> {
        let passed = |from: Instant, limit: Option<Duration>| {
            limit.is_some_and(|limit| from.elapsed() >= limit)
        };
        if !self.may_stop() {
            self.overdue = None;
            self.abandoned = true;
            self.holder.abandon().await?;
        } else if passed(self.started, self.command.deadline) {
            self.stop(Stopped::Deadline);
        } else if passed(self.last_output, self.command.idle) {
            self.stop(Stopped::Idle);
        }
        Ok(())
    }

    fn output(&mut self, stream: OutputStream, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.last_output = Instant::now();
        if let Some(tap) = &mut self.command.tap {
            tap(stream, bytes);
        }
        let capture = match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        };
        capture.push(bytes, self.log.as_mut());
    }

    async fn hear(&mut self, report: Report) -> Result<()> {
        match report {
            Report::Exited(code) => self.ended(Exit::Code(code)),
            Report::Killed(number) => self.ended(Exit::Signal(number)),
            Report::BadDirectory(errno) => {
                let what = format!("enter {}", self.command.cwd.display());
                self.ended(spawn_failed(errno, &what));
            }
            Report::BadProgram(errno) => {
                let program = self.command.full_argv().next().unwrap_or_default();
                let what = format!("start {}", program.display());
                self.ended(spawn_failed(errno, &what));
            }
            Report::BadHolder(errno) => {
                let error = io::Error::from_raw_os_error(errno);
                let message = format!("the guard of {} failed: {error}", self.command.name());
                return Err(Error::new(ErrorKind::Process, message).with_source(error));
            }
            Report::Left(count) => self.leftovers = count,
            Report::Stuck(count) => self.survivors = count,
            Report::Gone => {
                if self.exit.is_none() && !self.abandoned {
                    return Err(self.lost().await);
                }
                self.drain_until = Some(Instant::now() + DRAIN_LIMIT);
            }
        }
        Ok(())
    }

    fn ended(&mut self, exit: Exit) {
        self.exit = Some(exit);
        self.wall = self.started.elapsed();
        self.expect_end();
    }

    /// The holder was killed: what it held is ended from here.
    async fn lost(&mut self) -> Error {
        let (name, pid) = (self.command.name(), self.holder.identity().pid);
        let after = match self.holder.abandon().await {
            Ok(reaped) => format!("{} processes that it left were killed", reaped.killed),
            Err(error) => error.to_string(),
        };
        let message = format!("the guard of {name} (process {pid}) was killed; {after}");
        Error::new(ErrorKind::Process, message).with_help(
            "something outside ended it, as the out-of-memory killer or the program itself; \
             a sandbox with a process namespace keeps a program from doing so",
        )
    }

    fn finish(mut self) -> Finished {
        let stdout = self.stdout.finish(self.log.as_mut());
        let stderr = self.stderr.finish(self.log.as_mut());
        let wall = match &self.exit {
            Some(_) => self.wall,
            None => self.started.elapsed(),
        };
        Finished {
            // Without a word from the holder it was the host that killed all, with SIGKILL.
            exit: self.exit.unwrap_or(Exit::Signal(9)),
            stopped: self.stopped,
            stdout_tail: stdout.tail,
            stderr_tail: stderr.tail,
            stdout_bytes: stdout.bytes,
            stderr_bytes: stderr.bytes,
            lines_dropped: stdout.lines_dropped + stderr.lines_dropped,
            log: self.log.map(LogWriter::finish),
            leftovers: self.leftovers,
            survivors: self.survivors,
            wall,
        }
    }
}

fn spawn_failed(errno: i32, what: &str) -> Exit {
    let error = io::Error::from_raw_os_error(errno);
    let message = format!("could not {what}: {error}");
    Exit::SpawnFailed { errno, message }
}

/// Reads from a stream that is still open; at its end closes it and says 0. Cancel safe.
async fn read<R: AsyncRead + Unpin>(stream: &mut Option<R>, buffer: &mut [u8]) -> usize {
    let Some(open) = stream else {
        return pending().await;
    };
    match open.read(buffer).await {
        Ok(length) if length > 0 => length,
        _ => {
            *stream = None;
            0
        }
    }
}

/// What the program still has to read.
struct Input {
    unsent: VecDeque<u8>,
    more: Option<mpsc::UnboundedReceiver<Vec<u8>>>,
}

/// Writes once to stdin, or waits for what there is to write; closes it when nothing more comes or nobody reads it any more. Cancel
/// safe.
async fn feed(stdin: &mut Option<ChildStdin>, input: &mut Input) {
    let Some(open) = stdin else {
        return pending().await;
    };
    let (piece, _) = input.unsent.as_slices();
    if !piece.is_empty() {
        match open.write(piece).await {
            Ok(length) if length > 0 => drop(input.unsent.drain(..length)),
            _ => *stdin = None,
        }
        return;
    }
    let more = match &mut input.more {
        Some(more) => more.recv().await,
        None => None,
    };
    match more {
        Some(bytes) => input.unsent = bytes.into(),
        None => *stdin = None,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}
