//! The validated graph cut into waves. [`Plan::new`](crate::Plan::new) and the readers build it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{StoryTask, TaskId};
use crate::error::Problem;

/// Tasks that may run side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Wave {
    /// Counted from 0.
    pub index: usize,
    /// In plan order.
    pub tasks: Vec<TaskId>,
}

/// An order between two tasks that the plan does not state: their files overlap, or one must run alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Edge {
    /// Runs first.
    pub before: TaskId,
    /// Runs after.
    pub after: TaskId,
    /// Why, for people; for example the paths that both touch.
    pub why: String,
}

/// A graph of tasks that has been validated and cut into waves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// What is wanted, in one line.
    pub title: String,
    /// What is wanted, at length.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// In plan order, each with its wave.
    pub tasks: Vec<StoryTask>,
    /// Orders added to keep overlapping and exclusive tasks apart.
    #[serde(default)]
    pub added_edges: Vec<Edge>,
    /// Derived from the graph: no task is in an earlier wave than anything it waits for.
    pub waves: Vec<Wave>,
    /// The longest chain of tasks, from first to last.
    pub critical_path: Vec<TaskId>,
    /// What a person should look at; nothing here refuses the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Problem>,
    /// The file or folder it was read from, or what made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// `true`: it is not run without a required gate that [reviews](crate::ConfiguredGate::reviews).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub review: bool,
}

impl Plan {
    pub(crate) fn from_parts(title: String, description: String, tasks: Vec<StoryTask>) -> Self {
        Self {
            title,
            description,
            tasks,
            added_edges: Vec::new(),
            waves: Vec::new(),
            critical_path: Vec::new(),
            warnings: Vec::new(),
            source: None,
            review: false,
        }
    }

    /// The task of that id.
    pub fn task(&self, id: &TaskId) -> Option<&StoryTask> {
        self.tasks.iter().find(|task| &task.id == id)
    }

    /// The largest number of tasks in one wave.
    pub fn width(&self) -> usize {
        self.waves
            .iter()
            .map(|wave| wave.tasks.len())
            .max()
            .unwrap_or(0)
    }
}
