//! What is looked at before a story is completed.

use serde::{Deserialize, Serialize};

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// It is as it should be.
    Passed,
    /// It is not. A required gate that failed keeps a story from landing; everything else is for people to weigh.
    Failed,
    /// It was not looked at; the detail says why.
    Skipped,
}

/// One named check of a completion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CompletionCheck {
    /// `clean tree`, `messages`, `secrets`, or the name of a gate.
    pub name: String,
    /// How it went.
    pub state: CheckState,
    /// What was found; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl CompletionCheck {
    pub(crate) fn new(
        name: impl Into<String>,
        state: CheckState,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            state,
            detail: detail.into(),
        }
    }
}
