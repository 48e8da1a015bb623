//! How a workspace is known to Aura's repository.
//!
//! A linked worktree is two halves: a directory with a `.git` file, and an administrative directory
//! `worktrees/<name>` in the repository with a link back. An agent can write to the first half, so only
//! the link back is believed, and commands get both places explicitly.

use std::path::{Path, PathBuf};

use git2::Oid;

use crate::error::{Error, ErrorKind, Result};

use super::command::GitCommand;
use super::failure::AtPath;
use super::repo::AuraRepo;

/// Copy of the index as Aura's own checkout left it; also the sign that the checkout was finished.
const PRISTINE_INDEX: &str = "aura-index";

/// Files and directories that an unfinished operation leaves in the administrative directory.
const OPERATIONS: &[(&str, &str)] = &[
    ("MERGE_HEAD", "a merge"),
    ("CHERRY_PICK_HEAD", "a cherry-pick"),
    ("REVERT_HEAD", "a revert"),
    ("rebase-merge", "a rebase"),
    ("rebase-apply", "a rebase or am"),
    ("sequencer", "a sequence of picks"),
];

/// What else such operations leave.
const REMAINS: &[&str] = &[
    "MERGE_MODE",
    "MERGE_MSG",
    "MERGE_RR",
    "SQUASH_MSG",
    "AUTO_MERGE",
    "REBASE_HEAD",
    "BISECT_LOG",
    "BISECT_START",
    "BISECT_NAMES",
    "BISECT_TERMS",
    "BISECT_EXPECTED_REV",
    "BISECT_ANCESTORS_OK",
];

/// A workspace with both halves.
#[derive(Debug, Clone)]
pub(super) struct Registration {
    /// The administrative directory.
    pub(super) admin: PathBuf,
    /// The workspace.
    pub(super) path: PathBuf,
}

impl AuraRepo {
    /// The registration of the workspace at `path`, which must be normalised.
    pub(super) fn registration(&self, path: &Path) -> Result<Option<Registration>> {
        let link = path.join(".git");
        for admin in self.admin_dirs()? {
            let back = std::fs::read_to_string(admin.join("gitdir")).unwrap_or_default();
            if Path::new(back.trim_end_matches(['\n', '\r'])) == link {
                return Ok(Some(Registration {
                    admin,
                    path: path.to_owned(),
                }));
            }
        }
        Ok(None)
    }

    /// The registration of a workspace that must exist.
    ///
    /// # Errors
    /// `NotFound` when the directory is gone or is no workspace of this repository.
    pub(super) fn require_registration(&self, path: &Path) -> Result<Registration> {
        let path = normalise(path)?;
        self.registration(&path)?
            .filter(Registration::has_directory)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::NotFound,
                    format!("{} is not a workspace of Aura any more", path.display()),
                )
                .with_help("something outside Aura removed it; it will be made anew")
            })
    }

    /// Whether `path` has the `.git` file of a workspace of this repository, registered or not.
    pub(super) fn links_here(&self, path: &Path) -> bool {
        std::fs::read_to_string(path.join(".git"))
            .ok()
            .and_then(|text| text.trim().strip_prefix("gitdir: ").map(PathBuf::from))
            .is_some_and(|target| target.starts_with(self.dir().join("worktrees")))
    }

    /// Removes what is registered for `path`, and half-made registrations of its name.
    pub(super) fn unregister(&self, path: &Path) -> Result<()> {
        let link = path.join(".git");
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        for admin in self.admin_dirs()? {
            let back = std::fs::read_to_string(admin.join("gitdir")).unwrap_or_default();
            let back = back.trim_end_matches(['\n', '\r']);
            let admin_name = admin.file_name().unwrap_or_default().to_string_lossy();
            let half_made = back.is_empty() && is_name_for(&admin_name, &name);
            if Path::new(back) == link || half_made {
                super::trash::delete_tree(&admin)?;
            }
        }
        Ok(())
    }

    fn admin_dirs(&self) -> Result<Vec<PathBuf>> {
        let root = self.dir().join("worktrees");
        match std::fs::read_dir(&root) {
            Ok(entries) => entries
                .map(|entry| entry.map(|entry| entry.path()).at("read", &root))
                .collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error).at("read", &root),
        }
    }

    /// A git command in a workspace, with its own index.
    pub(super) fn workspace_command(&self, place: &Registration) -> Result<GitCommand> {
        self.command_in(&place.admin, &place.path)
    }
}

impl Registration {
    /// Whether the workspace is a directory itself: a link that an agent put in its place leads to
    /// something else, which must be neither read nor cleaned.
    pub(super) fn has_directory(&self) -> bool {
        std::fs::symlink_metadata(&self.path).is_ok_and(|about| about.is_dir())
    }

    /// The commit of HEAD, whether detached or on a branch; `None` when it names none.
    pub(super) fn head(&self, repo: &git2::Repository) -> Option<Oid> {
        let text = std::fs::read_to_string(self.admin.join("HEAD")).ok()?;
        let text = text.trim();
        let id = match text.strip_prefix("ref: ") {
            Some(name) => repo.refname_to_id(name).ok()?,
            None => Oid::from_str(text).ok()?,
        };
        repo.find_commit(id).ok().map(|commit| commit.id())
    }

    /// Whether HEAD is detached at `commit`.
    pub(super) fn is_detached_at(&self, commit: Oid) -> bool {
        std::fs::read_to_string(self.admin.join("HEAD"))
            .is_ok_and(|text| text.trim() == commit.to_string())
    }

    /// The operation that was begun and not finished, in words.
    pub(super) fn unfinished_operation(&self) -> Option<&'static str> {
        OPERATIONS
            .iter()
            .find(|(file, _)| self.admin.join(file).exists())
            .map(|(_, words)| *words)
    }

    /// Forgets unfinished operations and removes locks. Only when no process works in the workspace.
    pub(super) fn clear_operations(&self) -> Result<()> {
        let operations = OPERATIONS.iter().map(|(file, _)| *file);
        for file in operations.chain(REMAINS.iter().copied()) {
            super::trash::delete_tree(&self.admin.join(file))?;
        }
        for entry in std::fs::read_dir(&self.admin).at("read", &self.admin)? {
            let path = entry.at("read", &self.admin)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "lock")
            {
                super::trash::delete_tree(&path)?;
            }
        }
        Ok(())
    }

    /// Writes the workspace's `.git` file anew when it does not say what it should.
    pub(super) fn repair_link(&self) -> Result<()> {
        let link = self.path.join(".git");
        let expected = format!("gitdir: {}\n", self.admin.display());
        if std::fs::read_to_string(&link).is_ok_and(|present| present == expected) {
            return Ok(());
        }
        super::trash::delete_tree(&link)?;
        std::fs::write(&link, expected).at("write", &link)
    }

    /// Whether the workspace's `.git` file says what it should.
    pub(super) fn link_is_intact(&self) -> bool {
        let expected = format!("gitdir: {}", self.admin.display());
        std::fs::read_to_string(self.path.join(".git"))
            .is_ok_and(|present| present.trim() == expected)
    }

    /// Whether a checkout by Aura was ever finished here.
    pub(super) fn is_ready(&self) -> bool {
        self.admin.join(PRISTINE_INDEX).is_file()
    }

    /// Remembers the index as it is now, after a checkout by Aura.
    pub(super) fn remember_index(&self) -> Result<()> {
        copy_index(&self.admin.join("index"), &self.admin.join(PRISTINE_INDEX))
    }

    /// Puts a copy of the remembered index at `to`; without one `to` does not exist afterwards.
    pub(super) fn copy_pristine_index(&self, to: &Path) -> Result<()> {
        let pristine = self.admin.join(PRISTINE_INDEX);
        if pristine.is_file() {
            return copy_index(&pristine, to);
        }
        super::trash::delete_tree(to)
    }

    /// Puts the remembered index back, so that marks an agent set in its own (assume-unchanged) and
    /// damage do not count.
    pub(super) fn restore_index(&self) -> Result<()> {
        self.copy_pristine_index(&self.admin.join("index"))
    }

    /// Forgets that a checkout was finished, while the next one is under way.
    pub(super) fn forget_index(&self) -> Result<()> {
        super::trash::delete_tree(&self.admin.join(PRISTINE_INDEX))
    }
}

/// Copies an index with its time: git compares that with the times of files to find racy entries.
fn copy_index(from: &Path, to: &Path) -> Result<()> {
    let time = std::fs::metadata(from)
        .and_then(|about| about.modified())
        .at("look at", from)?;
    let mut aside = to.as_os_str().to_owned();
    aside.push(".aura-new");
    let aside = PathBuf::from(aside);
    std::fs::copy(from, &aside).at("copy", from)?;
    std::fs::File::options()
        .write(true)
        .open(&aside)
        .and_then(|file| file.set_modified(time))
        .at("set the time of", &aside)?;
    std::fs::rename(&aside, to).at("replace", to)
}

/// Git names a registration after the directory, with digits appended when the name is taken.
fn is_name_for(admin: &str, directory: &str) -> bool {
    admin
        .strip_prefix(directory)
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The path with every link in its parent resolved, as git writes it down. The last part may be missing.
pub(super) fn normalise(path: &Path) -> Result<PathBuf> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("{} cannot be a workspace", path.display()),
        ));
    };
    let parent = if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    };
    std::fs::create_dir_all(parent).at("create", parent)?;
    Ok(std::fs::canonicalize(parent)
        .at("resolve", parent)?
        .join(name))
}
