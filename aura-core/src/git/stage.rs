//! What a workspace holds, as a tree, without touching its index or believing it.

use std::path::{Path, PathBuf};

use git2::{FileMode, Oid, Repository};

use crate::error::{Error, ErrorKind, Result};

use super::command::{GitCommand, GitOutput, split_nul};
use super::failure::{AtPath, During, shown};
use super::registration::Registration;
use super::repo::AuraRepo;

/// A temporary index over a workspace, beginning with Aura's own stat data.
pub(super) struct PrivateIndex<'a> {
    aura: &'a AuraRepo,
    place: &'a Registration,
    file: PathBuf,
}

impl Drop for PrivateIndex<'_> {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.file));
        let mut lock = self.file.clone().into_os_string();
        lock.push(".lock");
        drop(std::fs::remove_file(lock));
    }
}

impl<'a> PrivateIndex<'a> {
    /// An index over `place`. There must be only one per workspace at a time.
    pub(super) fn new(aura: &'a AuraRepo, place: &'a Registration) -> Result<Self> {
        let index = Self {
            aura,
            place,
            file: place.admin.join("aura-private-index"),
        };
        drop(std::fs::remove_file(
            place.admin.join("aura-private-index.lock"),
        ));
        place.copy_pristine_index(&index.file)?;
        Ok(index)
    }

    fn command(&self) -> Result<GitCommand> {
        Ok(self
            .aura
            .workspace_command(self.place)?
            .env("GIT_INDEX_FILE", &self.file))
    }

    /// Makes the index hold `commit`, keeping stat data of unchanged entries.
    pub(super) fn load(&self, commit: Oid) -> Result<()> {
        let read = |flags: &[&str]| {
            let command = self.command()?.arg("read-tree").args(flags);
            command.arg(commit.to_string()).run()
        };
        if self.file.exists() && read(&["--reset"]).is_ok() {
            return Ok(());
        }
        drop(std::fs::remove_file(&self.file));
        read(&[]).map(drop)
    }

    /// Paths that differ between HEAD, this index and the files, untracked ones included, ignored ones not.
    pub(super) fn dirty(&self, untracked: bool) -> Result<Vec<String>> {
        let untracked = if untracked { "all" } else { "no" };
        let output = self
            .command()?
            .args([
                "status",
                "--porcelain",
                "-z",
                "--no-renames",
                "--ignore-submodules=none",
            ])
            .arg(format!("--untracked-files={untracked}"))
            .run()?;
        Ok(parse_status(&output))
    }

    /// Repositories inside the workspace that are neither tracked nor ignored, without trailing slash.
    pub(super) fn embedded(&self) -> Result<Vec<String>> {
        let output = self
            .command()?
            .args(["ls-files", "--others", "--exclude-standard", "-z"])
            .run()?;
        Ok(split_nul(&output)
            .filter_map(|path| path.strip_suffix(b"/"))
            .map(shown)
            .collect())
    }

    /// Stages everything that is not ignored but `except`. A refusal of git is returned, not an error.
    pub(super) fn add_all(&self, except: &[String], tolerant: bool) -> Result<GitOutput> {
        let mut command = self.command()?.args(["add", "--all"]);
        if tolerant {
            command = command.arg("--ignore-errors");
        }
        command = command.args(["--", "."]);
        for path in except {
            command = command.arg(format!(":(exclude,literal,top){path}"));
        }
        command.output()
    }

    /// Stages ignored files that the workspace's own index holds and `head` does not: somebody said
    /// `git add --force`, or Aura restored such a file of an earlier attempt.
    pub(super) fn add_forced(&self, repo: &Repository, head: Oid) -> Result<()> {
        let mut listing = self
            .aura
            .workspace_command(self.place)?
            .args(["ls-files", "--cached", "-z"]);
        let listing = listing.output()?;
        if !listing.success() {
            // A damaged index says nothing; the files still do.
            return Ok(());
        }
        let tree = repo
            .find_commit(head)
            .and_then(|commit| commit.tree())
            .during("read the tree of HEAD")?;
        let mut forced = Vec::new();
        for path in split_nul(&listing.stdout) {
            let relative = path_of(path);
            let is_file = std::fs::symlink_metadata(self.place.path.join(&relative))
                .is_ok_and(|about| !about.is_dir());
            if is_file && tree.get_path(&relative).is_err() {
                forced.extend_from_slice(path);
                forced.push(0);
            }
        }
        if forced.is_empty() {
            return Ok(());
        }
        self.command()?
            .env("GIT_LITERAL_PATHSPECS", "1")
            .args([
                "add",
                "--force",
                "--pathspec-from-file=-",
                "--pathspec-file-nul",
            ])
            .input(forced)
            .run()
            .map(drop)
    }

    /// Stages the files of an embedded repository as plain files, so that a salvage holds them.
    pub(super) fn add_embedded(&self, repo: &Repository, path: &str) -> Result<()> {
        let top = self.place.path.join(path);
        let listing = self
            .aura
            .command_in(&top.join(".git"), &top)?
            .args([
                "ls-files",
                "--cached",
                "--others",
                "--exclude-standard",
                "-z",
            ])
            .output()?;
        let mut files = Vec::new();
        if listing.success() {
            files.extend(split_nul(&listing.stdout).map(path_of));
        } else {
            walk(&top, Path::new(""), &mut files)?;
        }
        let mut entries = Vec::new();
        for file in files {
            let full = top.join(&file);
            let Some((mode, content)) = read_entry(&full) else {
                continue;
            };
            let id = repo.blob(&content).during("keep a file")?;
            let name = Path::new(path).join(&file);
            entries.extend_from_slice(format!("{mode:o} {id}\t").as_bytes());
            entries.extend_from_slice(name.to_string_lossy().as_bytes());
            entries.push(0);
        }
        self.command()?
            .args(["update-index", "-z", "--index-info"])
            .input(entries)
            .run()
            .map(drop)
    }

    /// Writes what is staged as a tree.
    pub(super) fn write_tree(&self) -> Result<Oid> {
        let text = self.command()?.arg("write-tree").text()?;
        Oid::from_str(&text).during("read the name of the staged tree")
    }
}

impl AuraRepo {
    /// Ignored files and directories (with trailing slash) that lie in a workspace now.
    pub(crate) fn ignored_files(&self, path: &Path) -> Result<Vec<String>> {
        let place = self.require_registration(path)?;
        let output = self
            .workspace_command(&place)?
            .args([
                "ls-files",
                "--others",
                "--ignored",
                "--exclude-standard",
                "--directory",
                "-z",
            ])
            .run()?;
        Ok(split_nul(&output).map(shown).collect())
    }
}

/// The paths of `git status --porcelain -z --no-renames`.
pub(super) fn parse_status(output: &[u8]) -> Vec<String> {
    split_nul(output)
        .filter_map(|record| record.get(3..))
        .map(shown)
        .collect()
}

/// The path of a name that git printed.
#[cfg(unix)]
pub(super) fn path_of(name: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    PathBuf::from(std::ffi::OsStr::from_bytes(name))
}

/// The path of a name that git printed.
#[cfg(not(unix))]
pub(super) fn path_of(name: &[u8]) -> PathBuf {
    PathBuf::from(shown(name))
}

/// Mode and raw content of a file or link as git would store them; `None` for anything else.
pub(super) fn read_entry(path: &Path) -> Option<(i32, Vec<u8>)> {
    let about = std::fs::symlink_metadata(path).ok()?;
    if about.is_symlink() {
        let target = std::fs::read_link(path).ok()?;
        let bytes = target.into_os_string().into_encoded_bytes();
        return Some((i32::from(FileMode::Link), bytes));
    }
    if !about.is_file() {
        return None;
    }
    let mode = if is_executable(&about) {
        FileMode::BlobExecutable
    } else {
        FileMode::Blob
    };
    Some((i32::from(mode), std::fs::read(path).ok()?))
}

#[cfg(unix)]
fn is_executable(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    about.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_about: &std::fs::Metadata) -> bool {
    false
}

fn walk(top: &Path, below: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let directory = top.join(below);
    for entry in std::fs::read_dir(&directory).at("read", &directory)? {
        let entry = entry.at("read", &directory)?;
        if entry.file_name() == ".git" {
            continue;
        }
        let relative = below.join(entry.file_name());
        if entry.file_type().at("look at", &entry.path())?.is_dir() {
            walk(top, &relative, files)?;
        } else {
            files.push(relative);
        }
    }
    Ok(())
}

/// The repository of a work tree, for reading its objects.
pub(super) fn objects_of(work_tree: &Path) -> Result<Repository> {
    let none = std::iter::empty::<&std::ffi::OsStr>();
    Repository::open_ext(work_tree, git2::RepositoryOpenFlags::NO_SEARCH, none)
        .during(format!("open the repository of {}", work_tree.display()))
}

/// The tree of a commit.
pub(super) fn tree_of(repo: &Repository, commit: Oid) -> Result<git2::Tree<'_>> {
    repo.find_commit(commit)
        .and_then(|commit| commit.tree())
        .map_err(|source| {
            Error::new(
                ErrorKind::Git,
                format!("could not read commit {commit}: {}", source.message()),
            )
            .with_source(source)
        })
}
