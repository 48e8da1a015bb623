//! What a reader hands in, and the collector of everything that is wrong with it.

use std::path::PathBuf;

use super::shown;
use crate::error::{Problem, Severity};
use crate::model::StoryTask;

/// More problems than these help nobody; the rest are counted.
const MAX_LISTED: usize = 200;

/// Where something was read, line and column counted from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// As [`Problems::add_file`] numbered it; 0 is the source itself.
    file: u32,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Place {
    pub(crate) const fn new(line: u32, column: u32) -> Self {
        Self {
            file: 0,
            line,
            column,
        }
    }

    /// The same place of another file of the source.
    pub(crate) const fn of_file(self, file: u32) -> Self {
        Self { file, ..self }
    }
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
    /// The epics it belongs to, as [`epic_name`](super::epic_name) writes them.
    pub(crate) epics: Vec<String>,
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
            epics: Vec::new(),
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

/// What the source says is done already. It is no task, and whoever depends on it need not wait.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) id: String,
    pub(crate) epics: Vec<String>,
}

/// A plan that nothing has judged yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    pub(crate) title: String,
    pub(crate) title_at: Option<Place>,
    pub(crate) description: String,
    pub(crate) description_at: Option<Place>,
    pub(crate) tasks: Vec<DraftTask>,
    pub(crate) tasks_at: Option<Place>,
    pub(crate) stated_waves: Vec<StatedWave>,
    pub(crate) done: Vec<Done>,
    /// Each task's work has to be reviewed.
    pub(crate) review: bool,
    /// What it was read from.
    pub(crate) source: Option<String>,
    /// What the reader found wrong already.
    pub(crate) problems: Problems,
}

/// Collects problems in bounded memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Problems {
    /// The source itself, then its parts.
    files: Vec<PathBuf>,
    errors: Vec<(Option<Place>, Problem)>,
    warnings: Vec<(Option<Place>, Problem)>,
    more_errors: usize,
    more_warnings: usize,
}

impl Problems {
    /// Every problem will name `file`, unless its place is in a part of it.
    pub(crate) fn of_file(file: Option<PathBuf>) -> Self {
        Self {
            files: file.into_iter().collect(),
            ..Self::default()
        }
    }

    /// An empty collector for another try at the same file.
    pub(crate) fn fork(&self) -> Self {
        Self::of_file(self.files.first().cloned())
    }

    /// A file of the source that places can be in.
    pub(crate) fn add_file(&mut self, file: PathBuf) -> u32 {
        self.files.push(file);
        u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX)
    }

    /// How far into the input the last error is.
    pub(crate) fn last_place(&self) -> Option<(u32, u32)> {
        let places = self.errors.iter().filter_map(|(at, _)| *at);
        places.map(|at| (at.line, at.column)).max()
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
        let file = at.map_or(0, |at| at.file as usize);
        problem.file = self.files.get(file).cloned();
        if let Some(place) = at {
            problem = problem.at(place.line, place.column);
        }
        list.push((at, problem));
    }

    /// Everything that was found, with its place.
    pub(crate) fn into_found(self) -> impl Iterator<Item = (Option<Place>, Problem)> {
        self.errors.into_iter().chain(self.warnings)
    }

    /// Forgets warnings.
    pub(crate) fn retain_warnings(&mut self, keep: impl Fn(&Problem) -> bool) {
        self.warnings.retain(|(_, problem)| keep(problem));
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
        let file = self.files.into_iter().next();
        let note = |count: usize, problem: Problem| {
            (count > 0).then_some(Problem {
                file: file.clone(),
                ..problem
            })
        };
        self.errors.sort_by_key(|(at, _)| *at);
        self.warnings.sort_by_key(|(at, _)| *at);
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
        let listed = |found: Vec<(Option<Place>, Problem)>| found.into_iter().map(|(_, one)| one);
        listed(self.errors)
            .chain(errors)
            .chain(listed(self.warnings))
            .chain(warnings)
            .collect()
    }
}
