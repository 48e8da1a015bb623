//! What an agent tells while it works, made safe to pass on.

use super::AgentSignal;
use crate::model::{Progress, TaskId};
use crate::prompt::Redactor;
use crate::text;

/// Bytes of one text that are passed on.
const TEXT_LIMIT: usize = 16 * 1024;

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
