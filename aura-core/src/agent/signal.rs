//! What an agent tells while it works.

use crate::model::{Progress, TaskId, ToolState, Usage};
use crate::prompt::Redactor;
use crate::text;

/// Bytes of one text that are passed on.
const TEXT_LIMIT: usize = 16 * 1024;

/// What an agent tells while it works, for whoever watches. It decides nothing: an agent's result does.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AgentSignal {
    /// A line of output that says nothing more.
    Line(String),
    /// Something the model wrote.
    Text(String),
    /// A tool began or ended.
    Tool {
        /// As the agent calls it.
        name: String,
        /// What it is about, on one line; may be empty.
        detail: String,
        /// Where the call stands.
        state: ToolState,
    },
    /// A file that the agent says it changed.
    File {
        /// As the agent spells it.
        path: String,
    },
    /// The agent asks its provider again.
    Retry {
        /// The number of this try, where the agent tells it.
        attempt: Option<u32>,
        /// What went wrong.
        why: String,
    },
    /// What the start has used so far.
    Usage(Usage),
    /// Something a person should know.
    Warning(String),
}

impl AgentSignal {
    /// Every text in it without control sequences and without secrets, then cut: half a secret is not recognised.
    pub(crate) fn cleaned(mut self, redactor: &Redactor) -> Self {
        let clean = |text: &mut String| {
            *text = redactor.clean(text);
            text.truncate(text::head(text, TEXT_LIMIT).len());
        };
        match &mut self {
            Self::Line(text) | Self::Text(text) | Self::Warning(text) => clean(text),
            Self::Tool { name, detail, .. } => {
                clean(name);
                clean(detail);
            }
            Self::File { path } => clean(path),
            Self::Retry { why, .. } => clean(why),
            Self::Usage(_) => {}
        }
        self
    }

    /// As whoever watches the run is told it.
    pub(crate) fn progress(self, task: TaskId) -> Progress {
        match self {
            Self::Line(line) => Progress::AgentOutput { task, line },
            Self::Text(text) => Progress::AgentText { task, text },
            Self::Tool {
                name,
                detail,
                state,
            } => Progress::AgentTool {
                task,
                name,
                detail,
                state,
            },
            Self::File { path } => Progress::AgentFile { task, path },
            Self::Retry { attempt, why } => Progress::AgentRetry { task, attempt, why },
            Self::Usage(usage) => Progress::AgentUsage { task, usage },
            Self::Warning(text) => Progress::AgentWarning { task, text },
        }
    }
}

impl From<String> for AgentSignal {
    fn from(line: String) -> Self {
        Self::Line(line)
    }
}

impl From<&str> for AgentSignal {
    fn from(line: &str) -> Self {
        Self::Line(line.to_owned())
    }
}
