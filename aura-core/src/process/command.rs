//! What to run and within which limits.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;

use super::capture::{Filter, Line, OutputStream};
use crate::error::{Error, ErrorKind, Result};

/// The environment variable that carries a command's marker, so that what it started can be found after a crash.
pub(crate) const MARKER_VARIABLE: &str = "AURA_ATTEMPT";
/// Time between SIGTERM and SIGKILL.
pub(crate) const DEFAULT_GRACE: Duration = Duration::from_secs(5);
/// Bytes kept in memory of the end of each output stream.
pub(crate) const DEFAULT_TAIL_LIMIT: usize = 64 * 1024;
/// Bytes of output that a log file takes.
pub(crate) const DEFAULT_LOG_LIMIT: u64 = 256 * 1024 * 1024;
/// Longest line in bytes that is sent as live output; the rest of a longer one is left out.
pub(crate) const LINE_LIMIT: usize = 64 * 1024;

/// What a program that has to stop is sent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FirstSignal {
    /// SIGTERM, and SIGKILL after the grace period.
    #[default]
    Terminate,
    /// SIGINT, SIGTERM after half of the grace period, and SIGKILL after all of it.
    Interrupt,
}

impl FirstSignal {
    /// The signal's number.
    pub(super) const fn number(self) -> i32 {
        match self {
            Self::Terminate => 15,
            Self::Interrupt => 2,
        }
    }
}

/// Sees the bytes of the streams. It is called between two reads and must not block.
pub(crate) type Tap = Box<dyn FnMut(OutputStream, &[u8]) + Send>;

/// A program to run, its surroundings, and its limits.
///
/// The environment is complete: nothing is inherited but what is given, and [`MARKER_VARIABLE`].
pub(crate) struct Command {
    pub(super) argv: Vec<OsString>,
    pub(super) sandbox: Vec<OsString>,
    pub(super) cwd: PathBuf,
    pub(super) marker: String,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) stdin: Vec<u8>,
    pub(super) more_stdin: Option<mpsc::UnboundedReceiver<Vec<u8>>>,
    pub(super) log: Option<(PathBuf, u64)>,
    pub(super) tail_limit: usize,
    pub(super) deadline: Option<Duration>,
    pub(super) idle: Option<Duration>,
    pub(super) grace: Duration,
    pub(super) first_signal: FirstSignal,
    pub(super) lines: Option<mpsc::Sender<Line>>,
    pub(super) tap: Option<Tap>,
    pub(super) filters: Option<[Box<dyn Filter>; 2]>,
}

impl Command {
    /// A command with an empty environment, empty stdin and no limits of time.
    ///
    /// `argv` is the program and its arguments; a program without a slash is looked up in the `PATH` of the command's
    /// environment. `cwd` must be absolute. `marker` must be unique to this command, since [`reap_marker`](super::reap_marker)
    /// kills whoever carries it.
    pub(crate) fn new<I, S>(argv: I, cwd: impl Into<PathBuf>, marker: impl Into<String>) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<OsString>,
    {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            sandbox: Vec::new(),
            cwd: cwd.into(),
            marker: marker.into(),
            environment: Vec::new(),
            stdin: Vec::new(),
            more_stdin: None,
            log: None,
            tail_limit: DEFAULT_TAIL_LIMIT,
            deadline: None,
            idle: None,
            grace: DEFAULT_GRACE,
            first_signal: FirstSignal::default(),
            lines: None,
            tap: None,
            filters: None,
        }
    }

    /// The whole environment; of two entries with one name the later wins. See [`base_environment`](super::base_environment).
    #[must_use]
    pub(crate) fn environment(mut self, environment: Vec<(OsString, OsString)>) -> Self {
        self.environment = environment;
        self
    }

    /// What the program reads from stdin; then its stdin ends. A program that does not read it is no error.
    #[must_use]
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// What the program reads from stdin while it runs; then its stdin ends.
    #[must_use]
    pub(crate) fn stdin_from(mut self, bytes: mpsc::UnboundedReceiver<Vec<u8>>) -> Self {
        self.more_stdin = Some(bytes);
        self
    }

    /// A program with arguments that is put before `argv` and starts it, as `bwrap` does.
    #[must_use]
    pub(crate) fn sandbox<I, S>(mut self, prefix: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<OsString>,
    {
        self.sandbox = prefix.into_iter().map(Into::into).collect();
        self
    }

    /// Writes stdout and stderr as they come to a new file, which replaces an older one, up to `limit` bytes and then a line
    /// that says so. Its folder must exist.
    #[must_use]
    pub(crate) fn log(mut self, path: impl Into<PathBuf>, limit: u64) -> Self {
        self.log = Some((path.into(), limit));
        self
    }

    /// How many bytes of the end of each stream to keep in memory; [`DEFAULT_TAIL_LIMIT`] unless set.
    #[must_use]
    pub(crate) fn tail_limit(mut self, bytes: usize) -> Self {
        self.tail_limit = bytes;
        self
    }

    /// Stops the program when it has run for this long.
    #[must_use]
    pub(crate) fn deadline(mut self, deadline: Option<Duration>) -> Self {
        self.deadline = deadline;
        self
    }

    /// Stops the program when it has written nothing to stdout or stderr for this long.
    #[must_use]
    pub(crate) fn idle(mut self, idle: Option<Duration>) -> Self {
        self.idle = idle;
        self
    }

    /// Time between SIGTERM and SIGKILL; [`DEFAULT_GRACE`] unless set.
    #[must_use]
    pub(crate) fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// What the program is sent first when it has to stop; SIGTERM unless set.
    #[must_use]
    pub(crate) fn first_signal(mut self, signal: FirstSignal) -> Self {
        self.first_signal = signal;
        self
    }

    /// Shows every byte of both streams as it came, before a filter: nothing is lost, however slow the readers of lines are.
    #[must_use]
    pub(crate) fn tap(mut self, tap: Tap) -> Self {
        self.tap = Some(tap);
        self
    }

    /// Sends every line of output. A line that the channel has no room for is left out and counted in
    /// [`Finished::lines_dropped`](super::Finished::lines_dropped): the program never waits for the reader.
    #[must_use]
    pub(crate) fn lines(mut self, sender: mpsc::Sender<Line>) -> Self {
        self.lines = Some(sender);
        self
    }

    /// Passes each stream, stdout and stderr, through a filter before anything of it is kept, sent or logged.
    #[must_use]
    pub(crate) fn filters(mut self, stdout: Box<dyn Filter>, stderr: Box<dyn Filter>) -> Self {
        self.filters = Some([stdout, stderr]);
        self
    }

    /// The program as a person knows it, for messages.
    pub(super) fn name(&self) -> String {
        self.argv
            .first()
            .map(|program| program.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// The sandbox prefix and the program, in the order to start them.
    pub(super) fn full_argv(&self) -> impl Iterator<Item = &OsStr> {
        self.sandbox
            .iter()
            .chain(&self.argv)
            .map(OsString::as_os_str)
    }

    /// The environment that is exported, with the marker.
    pub(super) fn full_environment(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.environment
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
            .chain([(OsStr::new(MARKER_VARIABLE), OsStr::new(&self.marker))])
    }

    /// Refuses what could not be started as it is meant.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |message: String| Err(Error::new(ErrorKind::InvalidInput, message));
        if self.argv.first().is_none_or(|program| program.is_empty()) {
            return refuse("a command has no program".to_owned());
        }
        let name = self.name();
        if !self.cwd.is_absolute() {
            let cwd = self.cwd.display();
            return refuse(format!("the directory of {name}, {cwd:?}, is not absolute"));
        }
        if self.marker.is_empty() || self.marker.contains('\0') {
            return refuse(format!("the marker of {name} is empty or has a NUL byte"));
        }
        let has_nul = |text: &OsStr| text.as_bytes().contains(&0);
        if self.full_argv().any(has_nul) || has_nul(self.cwd.as_os_str()) {
            return refuse(format!(
                "an argument or the directory of {name} has a NUL byte"
            ));
        }
        for (variable, value) in &self.environment {
            let bytes = variable.as_bytes();
            if bytes.is_empty() || bytes.contains(&b'=') || has_nul(variable) || has_nul(value) {
                return refuse(format!(
                    "the environment of {name} has an entry that cannot be passed: {variable:?}"
                ));
            }
        }
        Ok(())
    }
}

/// Leaves out values of the environment and stdin, which may hold secrets.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.environment.iter().map(|(name, _)| name).collect();
        f.debug_struct("Command")
            .field("argv", &self.argv)
            .field("sandbox", &self.sandbox)
            .field("cwd", &self.cwd)
            .field("marker", &self.marker)
            .field("environment", &names)
            .field("stdin_bytes", &self.stdin.len())
            .field("log", &self.log)
            .field("deadline", &self.deadline)
            .field("idle", &self.idle)
            .field("grace", &self.grace)
            .field("first_signal", &self.first_signal)
            .finish_non_exhaustive()
    }
}
