//! A node of the graph.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{CommitId, TaskId, TaskStatus, Usage};

/// How large a planner thinks a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Complexity {
    /// Minutes.
    Small,
    /// Up to an hour.
    Medium,
    /// More than that; worth splitting.
    Large,
}

/// One task: what the plan says of it, then what became of it.
///
/// A plan fills the first part. The second part is filled in the copies that
/// [`Orchestrator::story`](crate::Orchestrator::story) returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoryTask {
    /// Unique within the story, as the plan spells it.
    pub id: TaskId,
    /// One line for people; part of the commit message.
    pub title: String,
    /// What the agent is asked to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Files, directories (`src/`) and globs that the task means to touch, relative to the repository's root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Tasks whose accepted work must be in the workspace before this one starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<TaskId>,
    /// Index of its wave, from 0; always derived from the graph.
    #[serde(default)]
    pub wave: usize,
    /// `false`: runs alone, with nothing beside it.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub parallel_safe: bool,
    /// `true`: an attempt that changes nothing counts as done.
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_change_ok: bool,
    /// `true`: its work may leave fewer tests than there were.
    #[serde(default, skip_serializing_if = "is_false")]
    pub removes_tests: bool,
    /// A named pattern whose text is put into the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The planner's estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complexity: Option<Complexity>,
    /// Further advice for the prompt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompt_hints: Vec<String>,
    /// What a reviewer checks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptance_criteria: Vec<String>,
    /// The agent that does it; the story's default where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Whatever else the plan's author keeps with the task; carried, never interpreted.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,

    /// Where it is.
    #[serde(default, skip_serializing_if = "is_pending")]
    pub status: TaskStatus,
    /// Tries so far.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// Restarts so far, over all tries.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restarts: u32,
    /// The session of the last try, where the agent names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_session_id: Option<String>,
    /// The bounded end of what the agent of the last try wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Why the last try was not accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What the agent proposed to change about its tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_improvement_proposal: Option<String>,
    /// Start of the first try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it became terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// The accepted commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// Tokens and cost over all tries.
    #[serde(default, skip_serializing_if = "Usage::is_zero")]
    pub usage: Usage,
}

impl StoryTask {
    /// A task with an id and a title, everything else at its default.
    pub fn new(id: impl Into<TaskId>, title: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            description: String::new(),
            files: Vec::new(),
            depends_on: Vec::new(),
            wave: 0,
            parallel_safe: true,
            no_change_ok: false,
            removes_tests: false,
            pattern: None,
            complexity: None,
            prompt_hints: Vec::new(),
            acceptance_criteria: Vec::new(),
            agent: None,
            metadata: Map::new(),
            status: TaskStatus::Pending,
            attempts: 0,
            restarts: 0,
            agent_session_id: None,
            output: None,
            error: None,
            tool_improvement_proposal: None,
            started_at: None,
            completed_at: None,
            commit: None,
            usage: Usage::default(),
        }
    }

    /// Sets the description.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Adds tasks that this one depends on.
    #[must_use]
    pub fn depends_on<T: Into<TaskId>>(mut self, ids: impl IntoIterator<Item = T>) -> Self {
        self.depends_on.extend(ids.into_iter().map(Into::into));
        self
    }

    /// Adds files that the task means to touch.
    #[must_use]
    pub fn files<T: Into<String>>(mut self, files: impl IntoIterator<Item = T>) -> Self {
        self.files.extend(files.into_iter().map(Into::into));
        self
    }
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_true(value: &bool) -> bool {
    *value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_pending(value: &TaskStatus) -> bool {
    *value == TaskStatus::Pending
}
