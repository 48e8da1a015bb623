//! Where the user has a branch checked out.

use std::path::{Path, PathBuf};

use crate::error::Result;

use super::user::UserRepo;

/// A worktree of the user that has a branch checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkout {
    /// The top of the worktree.
    pub(crate) path: PathBuf,
    /// What is going on with the branch there (a rebase, a bisect), when HEAD does not simply name it.
    pub(crate) busy: Option<&'static str>,
}

impl UserRepo {
    /// Every worktree that has `branch` (without `refs/heads/`) checked out, being rebased or bisected.
    pub(crate) fn checkouts(&self, branch: &str) -> Result<Vec<Checkout>> {
        let full = format!("refs/heads/{branch}");
        let output = self
            .command()
            .args(["worktree", "list", "--porcelain"])
            .text()?;
        let mut found = Vec::new();
        for record in output.split("\n\n") {
            let mut path = None;
            let (mut here, mut bare) = (false, false);
            for line in record.lines() {
                if let Some(place) = line.strip_prefix("worktree ") {
                    path = Some(PathBuf::from(place));
                }
                here |= line.strip_prefix("branch ") == Some(&full);
                bare |= line == "bare";
            }
            let Some(path) = path else { continue };
            if bare {
                continue;
            }
            let busy = occupation(&self.git_dir_of(&path), &full, branch);
            if here || busy.is_some() {
                found.push(Checkout { path, busy });
            }
        }
        Ok(found)
    }

    /// The git directory of one of the user's worktrees.
    pub(super) fn git_dir_of(&self, worktree: &Path) -> PathBuf {
        let link = worktree.join(".git");
        let Ok(text) = std::fs::read_to_string(&link) else {
            // A main worktree has a directory there, or lives elsewhere by `core.worktree`.
            return if link.is_dir() {
                link
            } else {
                self.common_dir().to_owned()
            };
        };
        let place = text.trim().strip_prefix("gitdir: ").unwrap_or_default();
        worktree.join(place)
    }
}

fn occupation(git_dir: &Path, full: &str, branch: &str) -> Option<&'static str> {
    let holds = |file: &str, expected: &str| {
        std::fs::read_to_string(git_dir.join(file)).is_ok_and(|text| text.trim() == expected)
    };
    if holds("rebase-merge/head-name", full) || holds("rebase-apply/head-name", full) {
        return Some("is being rebased");
    }
    if git_dir.join("rebase-merge").is_dir() || git_dir.join("rebase-apply").is_dir() {
        let updated = std::fs::read_to_string(git_dir.join("rebase-merge/update-refs"));
        return updated
            .is_ok_and(|text| text.lines().any(|line| line == full))
            .then_some("will be moved by a rebase");
    }
    holds("BISECT_START", branch).then_some("is being bisected")
}
