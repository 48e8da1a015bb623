//! Moving the target branch of the user: the only write to something the user owns.
//!
//! A branch that is checked out nowhere moves by compare-and-swap. A checked-out one only by git's own
//! fast-forward in that worktree, which keeps unrelated edits and refuses overlapping ones.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use git2::Oid;

use crate::error::{Error, ErrorKind, Result};

use super::command::{GitCommand, Owner};
use super::failure::shown;
use super::fingerprint::Fingerprint;
use super::history::contains;
use super::merge::{Change, changes};
use super::stage::{parse_status, path_of, tree_of};
use super::user::{RefMove, UserRepo};

/// Where a landing would happen; journaled before it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LandingPlace {
    /// The branch is checked out nowhere.
    Ref,
    /// The branch is checked out in this worktree.
    Worktree(PathBuf),
    /// Nothing can land now: the branch is being rebased, or checked out twice.
    Blocked {
        /// In words.
        why: String,
    },
}

/// What became of a landing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Landing {
    /// The branch has the new value.
    Landed,
    /// It had it before.
    AlreadyThere,
    /// The branch is at something else than the old value; nothing was written.
    Foreign(Option<Oid>),
    /// The user's worktree is in the way; nothing was written.
    Parked {
        /// In words.
        why: String,
        /// The paths in the way, where it is about paths.
        paths: Vec<String>,
    },
}

impl From<RefMove> for Landing {
    fn from(moved: RefMove) -> Self {
        match moved {
            RefMove::Moved => Self::Landed,
            RefMove::AlreadyThere => Self::AlreadyThere,
            RefMove::Foreign(actual) => Self::Foreign(actual),
            RefMove::CheckedOut(path) => Self::Parked {
                why: format!("the branch is checked out in {}", path.display()),
                paths: Vec::new(),
            },
        }
    }
}

impl UserRepo {
    /// Where landing in `branch` (without `refs/heads/`) would happen now.
    pub(crate) fn landing_place(&self, branch: &str) -> Result<LandingPlace> {
        let checkouts = self.checkouts(branch)?;
        if let Some(busy) = checkouts.iter().find(|checkout| checkout.busy.is_some()) {
            let what = busy.busy.unwrap_or_default();
            let why = format!("{branch} {what} in {}", busy.path.display());
            return Ok(LandingPlace::Blocked { why });
        }
        Ok(match checkouts.as_slice() {
            [] => LandingPlace::Ref,
            [only] => LandingPlace::Worktree(only.path.clone()),
            _ => LandingPlace::Blocked {
                why: format!("{branch} is checked out in several worktrees"),
            },
        })
    }

    /// Moves `branch` from `old` to its descendant `new`, whose objects must be published.
    ///
    /// Edits in the worktree that has the branch checked out stay; one in a path that `new` changes
    /// parks the landing. Runs nothing when the repository's settings differ from `expected`.
    ///
    /// # Errors
    /// `ForeignChange` for other settings, `InvalidInput` when `new` does not descend from `old`,
    /// `Git` when git failed half way: then [`UserRepo::recover_landing`] is next.
    pub(crate) fn apply_landing(
        &self,
        branch: &str,
        old: Oid,
        new: Oid,
        expected: &Fingerprint,
    ) -> Result<Landing> {
        self.require_fingerprint(expected)?;
        if !contains(&self.open()?, || Ok(self.command()), new, old)? {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("{new} does not build on {old}, so {branch} cannot move there"),
            ));
        }
        match self.landing_place(branch)? {
            LandingPlace::Blocked { why } => Ok(Landing::Parked {
                why,
                paths: Vec::new(),
            }),
            LandingPlace::Ref => self
                .compare_and_swap(&format!("refs/heads/{branch}"), Some(old), new)
                .map(Landing::from),
            LandingPlace::Worktree(path) => self.fast_forward(&path, branch, old, new),
        }
    }

    /// A git command in one of the user's worktrees.
    pub(super) fn command_in_worktree(&self, worktree: &Path) -> GitCommand {
        self.git()
            .command(Owner::User, worktree)
            .env("GIT_DIR", self.git_dir_of(worktree))
    }

    fn fast_forward(&self, worktree: &Path, branch: &str, old: Oid, new: Oid) -> Result<Landing> {
        let actual = self.resolve_branch(branch)?;
        if actual == Some(new) {
            return Ok(Landing::AlreadyThere);
        }
        if actual != Some(old) {
            return Ok(Landing::Foreign(actual));
        }
        let changed = self.landing_changes(old, new)?;
        if let Some(parked) = self.obstacle(worktree, &changed)? {
            return Ok(parked);
        }
        let mut command = self
            .command_in_worktree(worktree)
            .args([
                "merge",
                "--ff-only",
                "--quiet",
                "--no-stat",
                "--no-autostash",
            ])
            .args(["--no-overwrite-ignore", "--no-verify-signatures"])
            .arg(new.to_string());
        let output = command.output()?;
        let actual = self.resolve_branch(branch)?;
        if actual == Some(new) {
            return Ok(Landing::Landed);
        }
        if actual != Some(old) {
            // Git writes files and index before it finds that the branch has moved.
            if let Some(actual) = actual {
                self.take_back(worktree, (old, new), actual)?;
            }
            return Ok(Landing::Foreign(actual));
        }
        let paths = paths_in_refusal(&output.stderr);
        if paths.is_empty() {
            return Err(command.failed(&output));
        }
        Ok(overlapping(worktree, paths))
    }

    pub(super) fn landing_changes(&self, old: Oid, new: Oid) -> Result<Vec<Change>> {
        let repo = self.open()?;
        changes(&repo, &tree_of(&repo, old)?, &tree_of(&repo, new)?)
    }

    /// Paths of one of the user's worktrees that are not as its commit has them, untracked ones included, ignored ones not. It runs
    /// the filters that the repository's settings name.
    pub(crate) fn edits(&self, worktree: &Path) -> Result<Vec<String>> {
        let output = self
            .command_in_worktree(worktree)
            .args([
                "status",
                "--porcelain",
                "-z",
                "--no-renames",
                "--untracked-files=all",
            ])
            .run()?;
        Ok(parse_status(&output))
    }

    /// What in a worktree keeps a fast-forward from happening.
    fn obstacle(&self, worktree: &Path, changed: &[Change]) -> Result<Option<Landing>> {
        let parked = |why: String| {
            Some(Landing::Parked {
                why,
                paths: Vec::new(),
            })
        };
        let git_dir = self.git_dir_of(worktree);
        let begun = [
            "MERGE_HEAD",
            "CHERRY_PICK_HEAD",
            "REVERT_HEAD",
            "rebase-merge",
            "rebase-apply",
        ];
        if let Some(begun) = begun.iter().find(|file| git_dir.join(file).exists()) {
            let why = format!(
                "{begun} shows an unfinished operation in {}",
                worktree.display()
            );
            return Ok(parked(why));
        }
        let lock = git_dir.join("index.lock");
        if lock.exists() {
            return Ok(parked(format!(
                "git is working there, or was killed: {}",
                lock.display()
            )));
        }
        let dirty: BTreeSet<_> = self.edits(worktree)?.into_iter().collect();
        let expected: BTreeSet<_> = changed.iter().map(|change| shown(&change.path)).collect();
        let mut paths = BTreeSet::new();
        for change in changed {
            let path = shown(&change.path);
            let below = format!("{path}/");
            if dirty.contains(&path) {
                paths.insert(path);
            } else if change.old.is_none() {
                paths.extend(
                    dirty
                        .iter()
                        .filter(|other| other.starts_with(&below))
                        .cloned(),
                );
                paths.extend(in_the_way(worktree, &change.path, &expected));
            }
        }
        let paths: Vec<_> = paths.into_iter().collect();
        Ok((!paths.is_empty()).then(|| overlapping(worktree, paths)))
    }
}

/// What lies where a landing adds a file, ignored or not: at the path itself, or a file or link where it
/// needs a directory. Tracked paths that the landing itself changes do not count.
fn in_the_way(worktree: &Path, path: &[u8], expected: &BTreeSet<String>) -> Option<String> {
    let ends = (0..path.len())
        .filter(|at| path[*at] == b'/')
        .chain([path.len()]);
    ends.map(|end| &path[..end])
        .find(|part| {
            let is_tracked = part.len() < path.len() && expected.contains(&shown(part));
            !is_tracked
                && std::fs::symlink_metadata(worktree.join(path_of(part)))
                    .is_ok_and(|about| !about.is_dir())
        })
        .map(shown)
}

fn overlapping(worktree: &Path, paths: Vec<String>) -> Landing {
    Landing::Parked {
        why: format!(
            "uncommitted changes in {} are in the way",
            worktree.display()
        ),
        paths,
    }
}

/// The paths that git lists, indented, when it refuses to overwrite them.
pub(super) fn paths_in_refusal(stderr: &str) -> Vec<String> {
    stderr
        .lines()
        .filter_map(|line| line.strip_prefix('\t'))
        .map(|path| path.trim_end().to_owned())
        .collect()
}
