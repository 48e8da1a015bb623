//! What a template can name.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::model::{Complexity, Evidence, Finding, StartKind, StoryTask, TaskId};

/// Everything a prompt is made of. Each field is there in every prompt, empty where there is nothing to say, so that a template never
/// fails for one task and not for another.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PromptInput {
    /// What is wanted as a whole.
    pub story: PromptStory,
    /// What is wanted of this agent.
    pub task: PromptTask,
    /// The tasks it depends on directly.
    pub dependencies: Vec<PromptDependency>,
    /// Which try it is and what went wrong before.
    pub attempt: PromptAttempt,
    /// Names of the tools that the agent can call.
    pub tools: Vec<String>,
}

/// The story, as prompts show it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PromptStory {
    /// One line.
    pub title: String,
    /// At length.
    pub description: String,
    /// What was found out about the code base.
    #[serde(rename = "enrichedContext")]
    pub enriched_context: String,
}

/// The task, as prompts show it. Templates may say `task.name` for the title.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PromptTask {
    /// The plan's spelling.
    pub id: String,
    /// One line.
    pub title: String,
    /// At length.
    pub description: String,
    /// Files, directories and globs that it means to touch.
    pub files: Vec<String>,
    /// Tasks it depends on.
    pub depends_on: Vec<TaskId>,
    /// The text of the pattern that the task names; the name where there is no text.
    pub pattern: Option<String>,
    /// Further advice.
    pub prompt_hints: Vec<String>,
    /// What a reviewer checks.
    pub acceptance_criteria: Vec<String>,
    /// The planner's estimate.
    pub complexity: Option<Complexity>,
    /// The agent that the task asks for.
    pub agent: Option<String>,
    /// Whether doing nothing can be right.
    pub no_change_ok: bool,
    /// Whatever else the plan's author keeps with the task.
    pub metadata: Map<String, Value>,
}

impl From<&StoryTask> for PromptTask {
    fn from(task: &StoryTask) -> Self {
        Self {
            id: task.id.to_string(),
            title: task.title.clone(),
            description: task.description.clone(),
            files: task.files.clone(),
            depends_on: task.depends_on.clone(),
            pattern: task.pattern.clone(),
            prompt_hints: task.prompt_hints.clone(),
            acceptance_criteria: task.acceptance_criteria.clone(),
            complexity: task.complexity,
            agent: task.agent.clone(),
            no_change_ok: task.no_change_ok,
            metadata: task.metadata.clone(),
        }
    }
}

/// A task whose work is in the workspace already.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PromptDependency {
    /// The plan's spelling.
    pub id: String,
    /// One line.
    pub title: String,
    /// The end of what its agent wrote. Cut when it is rendered.
    pub output: String,
}

/// Which try it is and what went wrong before. Cut when it is rendered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PromptAttempt {
    /// Counted from 1.
    pub number: u32,
    /// Why the try before was not accepted, in one line.
    pub error: String,
    /// The gate that was red.
    pub gate: Option<String>,
    /// The end of the output.
    pub output_tail: String,
    /// What the gate found.
    pub findings: Vec<Finding>,
    /// Paths it is about; with [`StartKind::Repair`], those with conflict markers in them.
    pub paths: Vec<String>,
    /// What a person says to the agent.
    pub note: Option<String>,
    /// What the workspace was made from.
    pub start: StartKind,
}

impl Default for PromptAttempt {
    fn default() -> Self {
        Self {
            number: 1,
            error: String::new(),
            gate: None,
            output_tail: String::new(),
            findings: Vec::new(),
            paths: Vec::new(),
            note: None,
            start: StartKind::Base,
        }
    }
}

impl PromptAttempt {
    /// A later try, with what is known of the one before.
    pub fn after(number: u32, start: StartKind, evidence: &Evidence) -> Self {
        Self {
            number,
            error: evidence.summary.clone(),
            gate: evidence.gate.clone(),
            output_tail: evidence.output_tail.clone(),
            findings: evidence.findings.clone(),
            paths: evidence.paths.clone(),
            note: None,
            start,
        }
    }
}
