//! Which tasks of a source are wanted.

use serde::{Deserialize, Serialize};

/// What becomes of a chosen task that depends on one which is neither chosen nor done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutOfScope {
    /// The source is refused, naming both.
    #[default]
    Refuse,
    /// What it depends on is taken in, and what that depends on.
    Expand,
    /// It is left out, and whatever depends on it.
    Skip,
}

/// Which tasks of a source are wanted: all of them, or those that some words name.
///
/// A word is an id (`1.3`), a range of numbered ids with both ends (`1.1-1.5`), a glob over ids (`1.*`), or `epic:` with the name or
/// the number of an epic (`epic:auth`, `epic:1`). Plan files know no epics. Every word has to name something, which may be done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Scope {
    /// What is wanted; everything where there are none.
    #[serde(default)]
    pub words: Vec<String>,
    /// What becomes of dependencies that the words do not name.
    #[serde(default)]
    pub out_of_scope: OutOfScope,
}

impl Scope {
    /// What these words name.
    pub fn new<T: Into<String>>(words: impl IntoIterator<Item = T>) -> Self {
        Self {
            words: words.into_iter().map(Into::into).collect(),
            out_of_scope: OutOfScope::default(),
        }
    }

    /// Sets what becomes of dependencies that the words do not name.
    #[must_use]
    pub const fn out_of_scope(mut self, what: OutOfScope) -> Self {
        self.out_of_scope = what;
        self
    }
}
