//! Asks for a person where a task changed what judges it without saying so in its plan.

mod commands;
mod rules;
mod sections;
#[cfg(test)]
mod tests;

use async_trait::async_trait;

use self::rules::{Guarded, Rules};
use self::sections::Parts;
use super::{Gate, GateContext, GateReport, GateRequest};
use crate::digest::digest;
use crate::error::{Error, ErrorKind, Result};
use crate::git::{Changed, Difference, Oid, Side};
use crate::model::{GateVerdict, StoryTask};
use crate::plan;
use crate::text;

/// The name of the gate.
pub const PROTECTED: &str = "protected";

/// Changes when the rules of this page and of its parts change.
const VERSION: &str = "2";

/// Paths that are named to people; of the others only the number.
const NAMED: usize = 10;

/// Bytes of a file whose parts are compared; of a longer one every change counts.
const LONGEST: usize = 1024 * 1024;

/// The gate behind [`protected_paths`](super::presets::protected_paths).
#[derive(Debug, Clone, Default)]
pub struct ProtectedPaths {
    more: Vec<String>,
}

impl ProtectedPaths {
    /// The gate with the paths that every project has.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a path, a directory or a glob, relative to the repository's root, as in `files` of a task.
    ///
    /// # Errors
    /// `InvalidInput` when it is none.
    pub fn and(mut self, path: &str) -> Result<Self> {
        if let Some(problem) = plan::refuse_entry(path) {
            return Err(Error::new(ErrorKind::InvalidInput, problem.message));
        }
        self.more.push(path.to_owned());
        Ok(self)
    }
}

#[async_trait]
impl Gate for ProtectedPaths {
    fn digest(&self) -> String {
        let parts = ["protected paths", VERSION];
        let parts = parts
            .into_iter()
            .chain(self.more.iter().map(String::as_str));
        digest(parts.map(str::as_bytes))
    }

    fn needs_checkout(&self) -> bool {
        false
    }

    async fn check(&self, request: GateRequest, context: GateContext) -> GateReport {
        if context.cancel.is_cancelled() {
            return GateReport::new(GateVerdict::Cancelled);
        }
        let more = self.more.clone();
        let judged = tokio::task::spawn_blocking(move || judge(&more, &request));
        let verdict = match judged.await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(error)) => broken(error.to_string()),
            Err(error) => broken(format!("the difference could not be read: {error}")),
        };
        GateReport::new(verdict)
    }
}

const fn broken(why: String) -> GateVerdict {
    GateVerdict::Broken { why }
}

fn judge(more: &[String], request: &GateRequest) -> Result<GateVerdict> {
    let Some(task) = &request.subject else {
        let why = "it judges what one task did; let it judge `after_task` only";
        return Ok(broken(why.to_owned()));
    };
    let (base, commit) = (Oid::from(request.base), Oid::from(request.commit));
    let difference = Difference::between(&request.workspace, base, commit)?;
    let named = commands::named(&request.commands, &difference.base()?);
    let touched = Touched::by(task, &Rules::new(more, named)?, &difference);
    Ok(match touched.question(task) {
        None => GateVerdict::Passed,
        Some(why) => GateVerdict::NeedsHuman { why },
    })
}

/// The protected paths that a task changed.
#[derive(Default)]
struct Touched {
    /// It should have declared these.
    undeclared: Vec<String>,
    /// A person is asked about these whatever it declares.
    always: Vec<String>,
}

impl Touched {
    fn by(task: &StoryTask, rules: &Rules<'_>, difference: &Difference) -> Self {
        let is_declared = |path: &str| task.files.iter().any(|entry| plan::covers(entry, path));
        let mut touched = Self::default();
        for changed in difference.paths() {
            let path = changed.path.clone();
            match matters(rules, changed, difference) {
                Matters::Always => touched.always.push(path),
                Matters::Undeclared if !is_declared(&path) => touched.undeclared.push(path),
                Matters::Undeclared | Matters::Not => {}
            }
        }
        touched
    }

    /// What a person is asked, where one has to be.
    fn question(&self, task: &StoryTask) -> Option<String> {
        let mut what = Vec::new();
        if !self.undeclared.is_empty() {
            let paths = listed(&self.undeclared);
            what.push(format!(
                "{paths}, which judges its work, and its `files` do not say so"
            ));
        }
        if !self.always.is_empty() {
            let paths = listed(&self.always);
            what.push(format!(
                "{paths}, which decides for later work as well, so that no plan can allow it"
            ));
        }
        if what.is_empty() {
            return None;
        }
        let advice = match self.undeclared.is_empty() {
            true => "or retry it",
            false => "or retry it, and let a plan declare such a change",
        };
        Some(format!(
            "the task changed {}; approve task `{}` when that is meant, {advice}",
            what.join("; and it changed "),
            text::strip_controls(task.id.as_str()).trim()
        ))
    }
}

/// What a change is to the gate.
enum Matters {
    Not,
    Undeclared,
    Always,
}

fn matters(rules: &Rules<'_>, changed: &Changed, difference: &Difference) -> Matters {
    let guarded = match (rules.of(&changed.path), changed.new) {
        // Through a link or a submodule everything below the path may be new.
        (Guarded::Not, Some(new)) if !new.is_file() => {
            match rules.of(&format!("{}/x", changed.path)) {
                // New tests are welcome.
                Guarded::Test => Guarded::Not,
                guarded => guarded,
            }
        }
        (guarded, _) => guarded,
    };
    let is_asked = match guarded {
        Guarded::Always => return Matters::Always,
        Guarded::Not => false,
        Guarded::Whole => true,
        // An agent should add tests.
        Guarded::Test => changed.old.is_some(),
        Guarded::Parts(parts) => !are_same(parts, changed, difference),
    };
    match is_asked {
        true => Matters::Undeclared,
        false => Matters::Not,
    }
}

/// Whether the parts of a file that judge are as they were, and it is the kind of file that it was.
fn are_same(parts: Parts, changed: &Changed, difference: &Difference) -> bool {
    let kinds = match (changed.old, changed.new) {
        (Some(old), Some(new)) => old.is_file() && new.is_same_kind(old),
        (one, other) => one.or(other).is_some_and(Side::is_plain),
    };
    // A file that is not there has none of these parts.
    let read = |side: Option<Side>| match side {
        Some(side) => difference.text(side.id, LONGEST).map(Some),
        None => Some(None),
    };
    match (read(changed.old), read(changed.new)) {
        (Some(old), Some(new)) => kinds && parts.are_same(old.as_deref(), new.as_deref()),
        _ => false,
    }
}

/// The first of the paths, and how many more there are.
fn listed(paths: &[String]) -> String {
    let named: Vec<String> = paths
        .iter()
        .take(NAMED)
        .map(|path| format!("`{}`", text::strip_controls(path).trim()))
        .collect();
    let more = match paths.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", named.join(", "))
}
