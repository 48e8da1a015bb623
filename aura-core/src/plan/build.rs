//! From a draft to a plan.

use std::collections::HashSet;

use super::draft::{Draft, DraftTask, Problems};
use super::overlap::{Added, Reach};
use super::{check, graph, lint, overlap, waves};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Edge, Plan, StoryTask, Wave};

impl Plan {
    /// Validates the tasks, orders those whose files overlap, and derives the waves.
    ///
    /// Paths in `files` are brought to a normal form and titles to one line; `wave` is overwritten. What
    /// a person should look at is in [`Plan::warnings`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidPlan`] with every problem at once: missing, malformed or duplicate ids,
    /// unknown dependencies, cycles, paths outside the repository, exceeded limits.
    pub fn new(
        title: impl Into<String>,
        tasks: impl IntoIterator<Item = StoryTask>,
    ) -> Result<Self> {
        Draft {
            title: title.into(),
            tasks: tasks
                .into_iter()
                .map(|task| DraftTask::new(task, None))
                .collect(),
            ..Draft::default()
        }
        .build()
    }
}

impl Draft {
    /// Judges the draft.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidPlan`] with every problem, those of the reader included.
    pub(crate) fn build(mut self) -> Result<Plan> {
        if let Some(problem) = check::too_many(self.tasks.len()) {
            self.problems.push(problem, self.tasks_at);
            return Err(refusal(self.problems));
        }
        check::fields(&mut self);
        let mut graph = graph::declared(&self.tasks, &mut self.problems);
        if self.problems.has_errors() {
            return Err(refusal(self.problems));
        }
        let order: Vec<usize> = graph.rounds().into_iter().flatten().collect();
        let tasks = &mut self.tasks;
        tasks.iter_mut().for_each(name_dependencies_once);
        let problems = &mut self.problems;
        // Who waits for whom is a square of bits, which most large plans can do without.
        let keeps_apart =
            |draft: &DraftTask| !draft.task.files.is_empty() || !draft.task.parallel_safe;
        let mut reach = tasks
            .iter()
            .any(keeps_apart)
            .then(|| Reach::new(tasks.len()));
        let mut added = match &mut reach {
            Some(reach) => overlap::order_overlaps(tasks, &mut graph, &order, reach, problems),
            None => Vec::new(),
        };
        let overlaps = added.len();
        let cut = waves::derive(tasks, &graph);
        if let Some(reach) = &reach {
            added.extend(waves::isolate(tasks, &cut, &mut graph, reach));
        }
        let order: Vec<usize> = cut.iter().flatten().copied().collect();
        let mut wave_of = vec![0; tasks.len()];
        for (index, wave) in cut.iter().enumerate() {
            for &task in wave {
                wave_of[task] = index;
                tasks[task].task.wave = index;
            }
        }
        waves::compare(&self.stated_waves, tasks, &wave_of, &graph, problems);
        let mut plan = Plan::from_parts(
            std::mem::take(&mut self.title),
            std::mem::take(&mut self.description),
            tasks.iter().map(|draft| draft.task.clone()).collect(),
        );
        let id = |task: usize| plan.tasks[task].id.clone();
        let path = graph::critical_path(&plan.tasks, &graph, &order);
        let critical_path = path.into_iter().map(id).collect();
        let added_edges = added.into_iter().map(|edge| named(edge, &plan)).collect();
        let waves = cut.into_iter().enumerate().map(|(index, tasks)| Wave {
            index,
            tasks: tasks.into_iter().map(id).collect(),
        });
        let waves = waves.collect();
        plan.critical_path = critical_path;
        plan.added_edges = added_edges;
        plan.waves = waves;
        plan.source = self.source;
        plan.review = self.review;
        lint::lint(&plan, &self.tasks, overlaps, &mut self.problems);
        plan.warnings = self.problems.into_list();
        Ok(plan)
    }
}

/// A repeated dependency was reported; whoever counts them must not count it twice.
fn name_dependencies_once(draft: &mut DraftTask) {
    let mut seen = HashSet::new();
    draft.depends_at.clear();
    draft.task.depends_on.retain(|id| seen.insert(id.clone()));
}

fn named(edge: Added, plan: &Plan) -> Edge {
    Edge {
        before: plan.tasks[edge.before].id.clone(),
        after: plan.tasks[edge.after].id.clone(),
        why: edge.why,
    }
}

/// The error of a refused plan.
pub(crate) fn refusal(problems: Problems) -> Error {
    Error::from_problems(ErrorKind::InvalidPlan, problems.into_list())
}
