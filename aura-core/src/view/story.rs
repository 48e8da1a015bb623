//! A story with everything that became of its tasks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::history::{History, trouble};
use crate::engine::state::{Ix, State};
use crate::model::{CommitId, Event, StoryId, StoryStatus, StoryTask, Usage, Wave};

/// What is wanted, its tasks, and what became of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Story {
    /// Names it for good.
    pub id: StoryId,
    /// One line.
    pub title: String,
    /// At length.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where it is.
    pub status: StoryStatus,
    /// The story branch, without `refs/heads/`.
    pub branch: String,
    /// Where people can look at the accepted head.
    pub worktree: Option<String>,
    /// The commit it began at.
    pub base: CommitId,
    /// The accepted head.
    pub head: CommitId,
    /// Branch that a landing moves, without `refs/heads/`.
    pub target: Option<String>,
    /// The commit that the target was moved to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landed: Option<CommitId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// In plan order, both parts of [`StoryTask`] filled; empty while there is no plan.
    pub tasks: Vec<StoryTask>,
    /// Tasks that may run side by side.
    pub waves: Vec<Wave>,
    /// Tokens and cost so far.
    pub usage: Usage,
}

impl Story {
    /// `None` when the log does not begin with a story. `state` is the fold of `events`.
    pub(crate) fn of(state: &State, events: &[Event]) -> Option<Self> {
        let story = state.story.as_ref()?;
        let history = History::of(events);
        let plan = state.plan.as_ref();
        Some(Self {
            id: story.id,
            title: story.title.clone(),
            description: story.description.clone(),
            status: state.status,
            branch: story.branch.clone(),
            worktree: story.worktree.clone(),
            base: story.base,
            head: state.head_commit(),
            target: story.target.clone(),
            landed: state.landed.map(|(commit, _)| commit),
            created_at: story.created_at,
            tasks: plan.map_or_else(Vec::new, |plan| {
                (0..)
                    .zip(&plan.tasks)
                    .map(|(ix, task)| filled(task.clone(), state, &history, ix))
                    .collect()
            }),
            waves: plan.map_or_else(Vec::new, |plan| plan.waves.clone()),
            usage: state.usage,
        })
    }
}

/// Fills the second part of a plan's task.
fn filled(mut task: StoryTask, state: &State, history: &History, ix: Ix) -> StoryTask {
    let now = state.task(ix);
    task.status = now.status();
    task.attempts = history.task(&task.id).attempts;
    task.restarts = now.total_restarts;
    task.agent_session_id.clone_from(&now.session);
    task.output.clone_from(&now.output);
    task.error = trouble(state, history, ix).map(|(_, why)| why);
    task.tool_improvement_proposal.clone_from(&now.proposal);
    task.started_at = now.started_at;
    task.completed_at = now.finished_at.filter(|_| task.status.is_terminal());
    task.commit = now.commit;
    task.usage = now.usage;
    task
}

#[cfg(test)]
mod tests;
