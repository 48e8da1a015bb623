//! A plan for people and for programs.

use std::path::Path;

use aura_core::{Edge, Error, Plan, Problem, Result, TaskId, TaskStatus};
use serde::Serialize;

use super::style::{Style, Tone, harmless};
use super::text::{count, list, word};

/// What `aura plan --json` prints; programs rely on its shape.
#[derive(Debug, Serialize)]
pub(crate) struct PlanView<'a> {
    source: String,
    tasks: Vec<TaskView<'a>>,
    waves: Vec<&'a [TaskId]>,
    critical_path: &'a [TaskId],
    /// Orders that the plan does not state: files overlap, or a task runs alone.
    added_edges: &'a [Edge],
    problems: &'a [Problem],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    review: bool,
}

#[derive(Debug, Serialize)]
struct TaskView<'a> {
    id: &'a TaskId,
    title: &'a str,
    depends_on: &'a [TaskId],
    files: &'a [String],
    parallel_safe: bool,
    wave: usize,
}

impl<'a> PlanView<'a> {
    /// Of a plan that was accepted, or of one that was refused.
    pub(crate) fn of(source: &Path, plan: &'a Result<Plan>) -> Self {
        let source = source.display().to_string();
        match plan {
            Ok(plan) => Self {
                source,
                tasks: plan.tasks.iter().map(TaskView::of).collect(),
                waves: plan
                    .waves
                    .iter()
                    .map(|wave| wave.tasks.as_slice())
                    .collect(),
                critical_path: &plan.critical_path,
                added_edges: &plan.added_edges,
                problems: &plan.warnings,
                review: plan.review,
            },
            Err(error) => Self {
                source,
                tasks: Vec::new(),
                waves: Vec::new(),
                critical_path: &[],
                added_edges: &[],
                problems: error.problems(),
                review: false,
            },
        }
    }
}

impl<'a> TaskView<'a> {
    fn of(task: &'a aura_core::StoryTask) -> Self {
        Self {
            id: &task.id,
            title: &task.title,
            depends_on: &task.depends_on,
            files: &task.files,
            parallel_safe: task.parallel_safe,
            wave: task.wave,
        }
    }
}

/// A file that could not be read at all, as the problem that `--json` reports.
pub(crate) fn unreadable(error: Error, source: &Path) -> Error {
    if !error.problems().is_empty() {
        return error;
    }
    let problem = Problem {
        file: Some(source.to_owned()),
        help: error.help().map(ToOwned::to_owned),
        ..Problem::error("unreadable", error.to_string())
    };
    Error::from_problems(error.kind(), vec![problem])
}

/// The waves of a plan, one task per line, each with its status where it has one.
pub(crate) fn plan_text(
    plan: &Plan,
    style: Style,
    status: impl Fn(&TaskId) -> Option<TaskStatus>,
) -> String {
    let mut lines = vec![format!(
        "{}  {} in {}, at most {} side by side",
        style.paint(Tone::Strong, harmless(&plan.title)),
        count(plan.tasks.len(), "task"),
        count(plan.waves.len(), "wave"),
        plan.width()
    )];
    for wave in &plan.waves {
        lines.push(style.paint(Tone::Strong, format!("wave {}", wave.index)));
        for task in wave.tasks.iter().filter_map(|id| plan.task(id)) {
            let after = if task.depends_on.is_empty() {
                String::new()
            } else {
                format!("  (after {})", harmless(&list(&task.depends_on)))
            };
            let id = harmless(task.id.as_str());
            let after = style.paint(Tone::Faint, after);
            let status = status(&task.id).map(|status| format!("  {}", word(&status)));
            let status = status.unwrap_or_default();
            lines.push(format!("  {id}{status}  {}{after}", harmless(&task.title)));
        }
    }
    if !plan.added_edges.is_empty() {
        let orders = count(plan.added_edges.len(), "order");
        lines.push(format!(
            "{orders} added between tasks that the plan leaves side by side:"
        ));
    }
    for edge in &plan.added_edges {
        let text = format!("{} runs before {}: {}", edge.before, edge.after, edge.why);
        lines.push(style.paint(Tone::Faint, harmless(&text)));
    }
    lines.push(format!(
        "critical path: {} ({} of {})",
        harmless(&list(&plan.critical_path)),
        plan.critical_path.len(),
        count(plan.tasks.len(), "task")
    ));
    if plan.review {
        lines.push("each task's work has to be reviewed".to_owned());
    }
    lines.join("\n")
}
