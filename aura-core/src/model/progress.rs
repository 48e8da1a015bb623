//! What is told while agents and gates work, and kept nowhere.

use serde::{Deserialize, Serialize};

use super::{GatePoint, TaskId, Usage};

/// Where the call of a tool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolState {
    /// The agent called it.
    Started,
    /// It did what it was called for.
    Ended,
    /// It did not, or was not allowed to.
    Failed,
}

/// What an agent or a gate says while it works: masked, bounded, dropped for slow readers, never part of the fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[non_exhaustive]
#[expect(missing_docs, reason = "field names are the documented wire names")]
pub enum Progress {
    /// A line of an agent's output that says nothing Aura understands.
    #[serde(rename = "agent.output")]
    AgentOutput { task: TaskId, line: String },
    /// Something the model wrote.
    #[serde(rename = "agent.text")]
    AgentText { task: TaskId, text: String },
    /// A tool began or ended; `detail` is what it is about, on one line.
    #[serde(rename = "agent.tool")]
    AgentTool {
        task: TaskId,
        name: String,
        detail: String,
        state: ToolState,
    },
    /// A file that the agent says it changed.
    #[serde(rename = "agent.file")]
    AgentFile { task: TaskId, path: String },
    /// The agent asks its provider again.
    #[serde(rename = "agent.retry")]
    AgentRetry {
        task: TaskId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
        why: String,
    },
    /// What the start has used so far.
    #[serde(rename = "agent.usage")]
    AgentUsage { task: TaskId, usage: Usage },
    /// Something a person should know.
    #[serde(rename = "agent.warning")]
    AgentWarning { task: TaskId, text: String },
    /// A line of a gate's output.
    #[serde(rename = "gate.output")]
    GateOutput {
        gate: String,
        #[serde(rename = "point")]
        at: GatePoint,
        line: String,
    },
}
