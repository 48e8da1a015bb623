//! The one error of the library: Aura itself could not do its job.
//!
//! A failing agent, a red gate and a merge conflict are not errors but data
//! ([`AttemptOutcome`](crate::AttemptOutcome), [`GateVerdict`](crate::GateVerdict)).

use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Shorthand for a result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong; stable, so that programs can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// A plan was refused; every reason is in [`Error::problems`].
    InvalidPlan,
    /// The configuration was refused; every reason is in [`Error::problems`].
    InvalidConfig,
    /// An argument was refused.
    InvalidInput,
    /// A prompt template does not parse or names a variable that is not there.
    Template,
    /// A story, task or file that was named does not exist.
    NotFound,
    /// Another process holds the story's lock; the message names it.
    StoryBusy,
    /// The operation is not legal in the present state of the story.
    Refused,
    /// The repository is of a form that Aura does not support, or has no commit yet.
    UnsupportedRepository,
    /// A git operation failed.
    Git,
    /// The user's git configuration, hooks or attributes changed while a run was active.
    ForeignChange,
    /// A ref that belongs to Aura was moved by somebody else.
    ForeignMove,
    /// An agent that the story was started with is not registered.
    BackendMissing,
    /// A gate that the story was started with is not registered.
    GateMissing,
    /// A gate or an agent is defined differently than when the story was started.
    GateChanged,
    /// Commands that the repository configures are not trusted yet.
    Untrusted,
    /// The store could not be read or written.
    Store,
    /// A child process could not be started or supervised.
    Process,
    /// A file could not be read or written.
    Io,
    /// The caller cancelled the operation.
    Cancelled,
    /// A bug in Aura.
    Internal,
}

/// What happened, where, and what to do about it.
#[derive(thiserror::Error)]
#[error("{}", .0.message)]
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    help: Option<String>,
    problems: Vec<Problem>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Makes an error of a kind with a message that a person can act on.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            help: None,
            problems: Vec::new(),
            source: None,
        }))
    }

    /// Bad input with every problem that was found in it.
    pub fn from_problems(kind: ErrorKind, problems: Vec<Problem>) -> Self {
        let message = problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n");
        let mut error = Self::new(kind, message);
        error.0.problems = problems;
        error
    }

    /// A file operation that failed.
    pub fn io(action: &str, path: &Path, source: std::io::Error) -> Self {
        Self::new(
            ErrorKind::Io,
            format!("could not {action} {}: {source}", path.display()),
        )
        .with_source(source)
    }

    /// Adds the remedy.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Puts `context` in front of the message, as in `context: message`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// The same for another listener. The cause is not told twice.
    pub(crate) fn told_again(&self) -> Self {
        Self(Box::new(Inner {
            kind: self.0.kind,
            message: self.0.message.clone(),
            help: self.0.help.clone(),
            problems: self.0.problems.clone(),
            source: None,
        }))
    }

    /// The kind, for programs.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The remedy, where one is known.
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// All problems of a refused plan or configuration; empty for other kinds.
    pub fn problems(&self) -> &[Problem] {
        &self.0.problems
    }

    /// The cause, where there is one.
    pub fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.0.source.as_deref()
    }
}

/// `{kind, message, help?, problems, file?, line?, column?}`, the place being that of the first problem that has one.
impl Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Told<'a> {
            kind: ErrorKind,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            help: Option<&'a str>,
            problems: &'a [Problem],
            #[serde(skip_serializing_if = "Option::is_none")]
            file: Option<&'a Path>,
            #[serde(skip_serializing_if = "Option::is_none")]
            line: Option<u32>,
            #[serde(skip_serializing_if = "Option::is_none")]
            column: Option<u32>,
        }
        let place = self
            .problems()
            .iter()
            .find(|problem| problem.line.is_some());
        let place = place.or(self.problems().first());
        Told {
            kind: self.kind(),
            message: &self.0.message,
            help: self.help(),
            problems: self.problems(),
            file: place.and_then(|problem| problem.file.as_deref()),
            line: place.and_then(|problem| problem.line),
            column: place.and_then(|problem| problem.column),
        }
        .serialize(serializer)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.message)?;
        if let Some(help) = &self.0.help {
            write!(f, "\n  help: {help}")?;
        }
        if let Some(source) = &self.0.source {
            write!(f, "\n  caused by: {source}")?;
        }
        Ok(())
    }
}

/// How much a [`Problem`] matters.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The input is accepted, but a person should look.
    Warning,
    /// The input is refused.
    Error,
}

/// One thing that is wrong with a plan or a configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Whether the input is refused because of it.
    pub severity: Severity,
    /// A stable name such as `unknown_dependency`.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// The task it is about.
    #[serde(default)]
    pub task: Option<String>,
    /// The file it is in.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// Line in that file, counted from 1.
    #[serde(default)]
    pub line: Option<u32>,
    /// Column in that line in characters, counted from 1.
    #[serde(default)]
    pub column: Option<u32>,
    /// What to do about it.
    #[serde(default)]
    pub help: Option<String>,
}

impl Problem {
    /// A problem that refuses the input, with no place yet.
    pub fn error(code: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code: code.to_owned(),
            message: message.into(),
            task: None,
            file: None,
            line: None,
            column: None,
            help: None,
        }
    }

    /// A problem that is only reported, with no place yet.
    pub fn warning(code: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    /// Adds the task.
    #[must_use]
    pub fn task(mut self, task: impl Into<String>) -> Self {
        self.task = Some(task.into());
        self
    }

    /// Adds line and column, both counted from 1.
    #[must_use]
    pub fn at(mut self, line: u32, column: u32) -> Self {
        self.line = Some(line);
        self.column = Some(column);
        self
    }

    /// Adds the remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// `file:line:column: message (code)`, leaving out what is not known.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", file.display())?;
        }
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "{line}:{column}:")?;
        }
        if self.file.is_some() || self.line.is_some() {
            f.write_str(" ")?;
        }
        write!(f, "{} [{}]", self.message, self.code)?;
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}
