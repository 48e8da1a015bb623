//! Whether an agent is logged in, as far as its environment and its files tell without asking anybody.

use std::path::{Path, PathBuf};

use super::super::Login;

/// A file that is there and says something.
pub(super) fn has(folder: Option<PathBuf>, file: &str) -> bool {
    folder.is_some_and(|folder| {
        let data = folder.join(file).metadata();
        data.is_ok_and(|data| data.is_file() && data.len() > 2)
    })
}

/// Whether a file of the agent contains a word.
pub(super) fn says(folder: Option<&Path>, file: &str, word: &str) -> bool {
    let text = folder.and_then(|folder| std::fs::read_to_string(folder.join(file)).ok());
    text.is_some_and(|text| text.contains(word))
}

/// `Yes` when so, else what else could be.
pub(super) const fn or(yes: bool, otherwise: Login) -> Login {
    if yes { Login::Yes } else { otherwise }
}
