//! What a person should look at before paying for a run.

use super::draft::{DraftTask, Problems};
use super::shown;
use crate::error::Problem;
use crate::model::Plan;

/// Below this size a chain is no sign of a bad plan.
const SMALL: usize = 4;

/// Judges a plan whose waves are derived. `overlaps` is how many orders overlapping files added.
pub(super) fn lint(plan: &Plan, tasks: &[DraftTask], overlaps: usize, problems: &mut Problems) {
    descriptions(tasks, problems);
    if tasks.len() < SMALL {
        return;
    }
    near_linear(plan, problems);
    heavy_overlap(tasks, overlaps, problems);
}

fn descriptions(tasks: &[DraftTask], problems: &mut Problems) {
    for draft in tasks {
        let task = &draft.task;
        if task.description.trim().is_empty() && !draft.broken.contains(&"description") {
            let id = shown(task.id.as_str());
            problems.push(
                Problem::warning(
                    "missing_description",
                    format!("task `{id}` has no description; the agent sees its title only"),
                )
                .task(id),
                draft.at,
            );
        }
    }
}

/// More waves than three quarters of the tasks: parallel agents have little to do.
fn near_linear(plan: &Plan, problems: &mut Problems) {
    let (tasks, waves) = (plan.tasks.len(), plan.waves.len());
    if waves * 4 > tasks * 3 {
        problems.push(
            Problem::warning(
                "near_linear",
                format!(
                    "{tasks} tasks need {waves} waves, at most {} at a time, and {} of them are one chain; parallel agents will hardly help",
                    plan.width(),
                    plan.critical_path.len()
                ),
            )
            .help("remove dependencies that only state a preferred order"),
            None,
        );
    }
}

/// Half of the tasks wait only because of files they share with others.
fn heavy_overlap(tasks: &[DraftTask], overlaps: usize, problems: &mut Problems) {
    if overlaps * 2 >= tasks.len() {
        problems.push(
            Problem::warning(
                "heavy_overlap",
                format!(
                    "{overlaps} orders were added between {} tasks because their files overlap",
                    tasks.len()
                ),
            )
            .help("cut the tasks along files, or list fewer and smaller directories"),
            None,
        );
    }
}
