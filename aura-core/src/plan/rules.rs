//! What holds for a plan where it is to be worked on, beyond what holds for every plan.

use super::draft::Draft;
use super::{closest, shown};
use crate::error::{Error, ErrorKind, Problem, Result};
use crate::model::{Patterns, Plan};

/// What a plan may name and how large it may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    /// Tasks, at the most.
    pub(crate) max_tasks: usize,
    /// Where there are none, a pattern may be called anything.
    pub(crate) patterns: Option<&'a Patterns>,
    /// The agents that there are.
    pub(crate) agents: &'a [&'a str],
}

impl Rules<'_> {
    /// Adds everything that the draft does against the rules to its problems.
    pub(crate) fn judge(&self, draft: &mut Draft) {
        let tasks = draft.tasks.len();
        if tasks > self.max_tasks {
            let message = format!(
                "the plan has {tasks} tasks, more than the {} that were asked for",
                self.max_tasks
            );
            let problem = Problem::error("too_many_tasks", message)
                .help("join small tasks, or leave some out");
            draft.problems.push(problem, draft.tasks_at);
        }
        for position in 0..tasks {
            let task = &draft.tasks[position];
            let label = task.label(position);
            let named = [
                (task.task.pattern.as_deref(), "pattern"),
                (task.task.agent.as_deref(), "agent"),
            ];
            let found: Vec<_> = named
                .into_iter()
                .filter_map(|(name, kind)| {
                    let problem = match kind {
                        "pattern" => unknown_pattern(&label, name?, self.patterns?),
                        _ => unknown("agent", &label, name?, self.agents.iter().copied()),
                    };
                    Some((problem?, task.place(kind)))
                })
                .collect();
            for (problem, at) in found {
                draft.problems.push(problem, at);
            }
        }
    }
}

impl Patterns {
    /// Refuses a plan whose tasks name patterns that are not there.
    ///
    /// # Errors
    /// `InvalidPlan` with every one of them.
    pub fn check(&self, plan: &Plan) -> Result<()> {
        let problems: Vec<Problem> = plan
            .tasks
            .iter()
            .filter_map(|task| {
                let id = shown(task.id.as_str());
                let problem =
                    unknown_pattern(&format!("task `{id}`"), task.pattern.as_deref()?, self)?;
                let file = plan.source.as_ref().map(std::path::PathBuf::from);
                Some(Problem {
                    file,
                    ..problem.task(id)
                })
            })
            .collect();
        if problems.is_empty() {
            return Ok(());
        }
        Err(Error::from_problems(ErrorKind::InvalidPlan, problems))
    }
}

fn unknown_pattern(label: &str, name: &str, patterns: &Patterns) -> Option<Problem> {
    unknown("pattern", label, name, patterns.names())
}

fn unknown<'a>(
    kind: &str,
    label: &str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> Option<Problem> {
    let known: Vec<&str> = known.collect();
    if known.contains(&name) {
        return None;
    }
    let text = format!(
        "{label} names the {kind} `{}`, which is not there",
        shown(name)
    );
    let help = match closest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("there is no {kind}: leave it out"),
        None => format!("known are {}", known.join(", ")),
    };
    Some(Problem::error(&format!("unknown_{kind}"), text).help(help))
}
