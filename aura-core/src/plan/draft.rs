//! What a reader hands in, and the collector of everything that is wrong with it.

use std::path::PathBuf;

use super::shown;
use crate::error::{Problem, Severity};
use crate::model::StoryTask;

/// More problems than these help nobody; the rest are counted.
const MAX_LISTED: usize = 200;

/// Where something was read, both counted from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// A wave number that the input states; compared with the derived one, never believed.
#[derive(Debug, Clone)]
pub(crate) struct StatedWave {
    pub(crate) task: String,
    pub(crate) wave: u64,
    pub(crate) at: Option<Place>,
}

/// A task and the places of its parts.
#[derive(Debug, Clone)]
pub(crate) struct DraftTask {
    pub(crate) task: StoryTask,
    /// Where the task itself begins.
    pub(crate) at: Option<Place>,
    /// By canonical field name.
    pub(crate) fields: Vec<(&'static str, Place)>,
    /// Fields that the reader already complained about.
    pub(crate) broken: Vec<&'static str>,
    /// Parallel to `task.depends_on`; empty where nothing was read from a file.
    pub(crate) depends_at: Vec<Place>,
    /// Parallel to `task.files`; empty where nothing was read from a file.
    pub(crate) files_at: Vec<Place>,
}

impl DraftTask {
    pub(crate) fn new(task: StoryTask, at: Option<Place>) -> Self {
        Self {
            task,
            at,
            fields: Vec::new(),
            broken: Vec::new(),
            depends_at: Vec::new(),
            files_at: Vec::new(),
        }
    }

    /// How messages call the task at `position`.
    pub(crate) fn label(&self, position: usize) -> String {
        match self.task.id.as_str().trim() {
            "" => format!("task number {}", position + 1),
            id => format!("task `{}`", shown(id)),
        }
    }

    /// The place of a field's value, or of the task where the field is absent.
    pub(crate) fn place(&self, field: &str) -> Option<Place> {
        self.fields
            .iter()
            .find(|(name, _)| *name == field)
            .map(|(_, place)| *place)
            .or(self.at)
    }
}

/// A plan that nothing has judged yet.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) title: String,
    pub(crate) title_at: Option<Place>,
    pub(crate) description: String,
    pub(crate) description_at: Option<Place>,
    pub(crate) tasks: Vec<DraftTask>,
    pub(crate) tasks_at: Option<Place>,
    pub(crate) stated_waves: Vec<StatedWave>,
    /// What it was read from.
    pub(crate) source: Option<String>,
    /// What the reader found wrong already.
    pub(crate) problems: Problems,
}

/// Collects problems in bounded memory.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    file: Option<PathBuf>,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
    more_errors: usize,
    more_warnings: usize,
}

impl Problems {
    /// Every problem will name `file`.
    pub(crate) fn of_file(file: Option<PathBuf>) -> Self {
        Self {
            file,
            ..Self::default()
        }
    }

    /// An empty collector for another try at the same file.
    pub(crate) fn fork(&self) -> Self {
        Self::of_file(self.file.clone())
    }

    /// How far into the input the last error is.
    pub(crate) fn last_place(&self) -> Option<(u32, u32)> {
        let places = self
            .errors
            .iter()
            .map(|problem| (problem.line, problem.column));
        places.max().and_then(|(line, column)| line.zip(column))
    }

    pub(crate) fn push(&mut self, mut problem: Problem, at: Option<Place>) {
        let (list, more) = match problem.severity {
            Severity::Error => (&mut self.errors, &mut self.more_errors),
            Severity::Warning => (&mut self.warnings, &mut self.more_warnings),
        };
        if list.len() >= MAX_LISTED {
            *more += 1;
            return;
        }
        problem.file.clone_from(&self.file);
        if let Some(place) = at {
            problem = problem.at(place.line, place.column);
        }
        list.push(problem);
    }

    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Whether listing another error is pointless, and so is the work to phrase it.
    pub(crate) fn is_full(&self) -> bool {
        self.errors.len() >= MAX_LISTED
    }

    /// Errors first, each kind in the order of the input.
    pub(crate) fn into_list(mut self) -> Vec<Problem> {
        let file = self.file;
        let note = |count: usize, problem: Problem| {
            (count > 0).then_some(Problem {
                file: file.clone(),
                ..problem
            })
        };
        self.errors
            .sort_by_key(|problem| (problem.line, problem.column));
        self.warnings
            .sort_by_key(|problem| (problem.line, problem.column));
        let errors = note(
            self.more_errors,
            Problem::error(
                "more_problems",
                format!("{} more errors are not listed", self.more_errors),
            ),
        );
        let warnings = note(
            self.more_warnings,
            Problem::warning(
                "more_problems",
                format!("{} more warnings are not listed", self.more_warnings),
            ),
        );
        self.errors.extend(errors);
        self.errors.append(&mut self.warnings);
        self.errors.extend(warnings);
        self.errors
    }
}
