//! What the examples share: a small repository to work on.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A repository with one commit, in a temporary directory that the caller keeps.
///
/// # Errors
/// When git is missing or a file cannot be written.
pub fn repository(temp: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let path = temp.join("app");
    std::fs::create_dir_all(&path)?;
    std::fs::write(path.join("README.md"), "# A book in many parts\n")?;
    let steps: [&[&str]; 5] = [
        &["init", "--quiet", "--initial-branch=main"],
        &["config", "user.name", "Example"],
        &["config", "user.email", "example@example.invalid"],
        &["add", "--all"],
        &["commit", "--quiet", "--message=Begin"],
    ];
    for words in steps {
        let status = Command::new("git")
            .args(words)
            .current_dir(&path)
            .status()?;
        if !status.success() {
            return Err(format!("git {} failed", words[0]).into());
        }
    }
    Ok(path)
}
