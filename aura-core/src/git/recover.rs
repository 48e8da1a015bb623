//! Finishing a landing in a checked-out branch that a crash interrupted.
//!
//! Git's fast-forward writes the files, then the index, then the branch. Killed in between, every path of the
//! difference holds the old content, the new one or nothing; anything else is somebody's work and is
//! not touched. What is ours is put back to the old commit, and the step is done again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use git2::{FileMode, ObjectType, Oid, Repository};

use crate::error::Result;

use super::apply::{Landing, LandingPlace};
use super::command::split_nul;
use super::failure::{AtPath, During, shown};
use super::fingerprint::Fingerprint;
use super::merge::Change;
use super::stage::{path_of, read_entry};
use super::user::UserRepo;

/// File times are this coarse on the worst file systems.
const TIME_GRAIN: Duration = Duration::from_secs(2);

/// Object and mode of a path.
type Side = Option<(Oid, FileMode)>;

/// A landing that was journaled and perhaps begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InterruptedLanding<'a> {
    /// The branch without `refs/heads/`.
    pub(crate) branch: &'a str,
    /// Where it was.
    pub(crate) old: Oid,
    /// Where it was to go.
    pub(crate) new: Oid,
    /// When the landing was journaled; locks older than that are not ours.
    pub(crate) since: SystemTime,
}

impl UserRepo {
    /// Finishes an interrupted landing, or says what is in the way and touches nothing.
    ///
    /// # Errors
    /// As [`UserRepo::apply_landing`].
    pub(crate) fn recover_landing(
        &self,
        landing: InterruptedLanding<'_>,
        expected: &Fingerprint,
    ) -> Result<Landing> {
        let InterruptedLanding {
            branch, old, new, ..
        } = landing;
        self.require_fingerprint(expected)?;
        let actual = self.resolve_branch(branch)?;
        if actual == Some(new) {
            return Ok(Landing::AlreadyThere);
        }
        if actual != Some(old) {
            return Ok(Landing::Foreign(actual));
        }
        if let LandingPlace::Worktree(worktree) = self.landing_place(branch)?
            && let Some(parked) = self.undo_half(&worktree, &landing)?
        {
            return Ok(parked);
        }
        self.apply_landing(branch, old, new, expected)
    }

    /// Puts a worktree back to the old commit; `Some` when it must not be touched.
    fn undo_half(
        &self,
        worktree: &Path,
        landing: &InterruptedLanding<'_>,
    ) -> Result<Option<Landing>> {
        let locks = self.locks(worktree, landing.branch);
        if let Some(lock) = locks.iter().find(|lock| !is_ours(lock, landing.since)) {
            return Ok(Some(Landing::Parked {
                why: format!("another git process is working there: {}", lock.display()),
                paths: Vec::new(),
            }));
        }
        let half = Half {
            repo: self.open()?,
            worktree,
            since: landing.since,
            index: self.index_entries(worktree)?,
            changes: self.landing_changes(landing.old, landing.new)?,
        };
        let mut foreign = Vec::new();
        let mut begun = !locks.is_empty();
        for change in &half.changes {
            let on_disk = half.on_disk(self, change)?;
            let in_index = half.in_index(change);
            if on_disk == Content::Other || in_index == Content::Other {
                foreign.push(shown(&change.path));
            }
            begun |= on_disk != Content::Old || in_index != Content::Old;
        }
        if !foreign.is_empty() {
            return Ok(Some(Landing::Parked {
                why: format!("somebody else changed files in {}", worktree.display()),
                paths: foreign,
            }));
        }
        for lock in &locks {
            std::fs::remove_file(lock).at("remove", lock)?;
        }
        if begun {
            self.put_back(&half)?;
        }
        Ok(None)
    }

    /// Puts what a fast-forward from `old` to `new` wrote to what `actual` holds, which the branch moved to meanwhile. Paths that hold
    /// anything else than `new` has there are left alone.
    pub(super) fn take_back(
        &self,
        worktree: &Path,
        (old, new): (Oid, Oid),
        actual: Oid,
    ) -> Result<()> {
        let written: BTreeSet<Vec<u8>> = self
            .landing_changes(old, new)?
            .into_iter()
            .map(|change| change.path)
            .collect();
        let mut half = Half {
            repo: self.open()?,
            worktree,
            since: SystemTime::now(),
            index: self.index_entries(worktree)?,
            changes: self.landing_changes(actual, new)?,
        };
        half.changes.retain(|change| written.contains(&change.path));
        let mut ours = Vec::new();
        for change in &half.changes {
            let on_disk = half.on_disk(self, change)?;
            let is_gone = on_disk == Content::Nothing && change.new.is_none();
            let is_new = (on_disk == Content::New || is_gone)
                && matches!(half.in_index(change), Content::New | Content::Old);
            ours.push(is_new);
        }
        let mut ours = ours.into_iter();
        half.changes.retain(|_| ours.next().unwrap_or_default());
        if half.changes.is_empty() {
            return Ok(());
        }
        self.put_back(&half)
    }

    fn put_back(&self, half: &Half<'_>) -> Result<()> {
        let mut entries = Vec::new();
        let mut files = Vec::new();
        // Entries that go come first: one of them may be a directory of one that comes.
        for change in half.changes.iter().filter(|change| change.old.is_none()) {
            entries.extend_from_slice(format!("0 {}\t", Oid::ZERO_SHA1).as_bytes());
            entries.extend_from_slice(&change.path);
            entries.push(0);
            remove_file(half.worktree, &path_of(&change.path))?;
        }
        for change in &half.changes {
            let Some((id, mode)) = change.old else {
                continue;
            };
            entries.extend_from_slice(format!("{:o} {id}\t", u32::from(mode)).as_bytes());
            entries.extend_from_slice(&change.path);
            entries.push(0);
            if mode != FileMode::Commit {
                files.extend_from_slice(&change.path);
                files.push(0);
            }
        }
        self.command_in_worktree(half.worktree)
            .args(["update-index", "-z", "--index-info"])
            .input(entries)
            .run()?;
        self.command_in_worktree(half.worktree)
            .args(["checkout-index", "--force", "--index", "-z", "--stdin"])
            .input(files)
            .run()
            .map(drop)
    }

    /// Lock files that a killed fast-forward leaves.
    fn locks(&self, worktree: &Path, branch: &str) -> Vec<PathBuf> {
        let git_dir = self.git_dir_of(worktree);
        [
            git_dir.join("index.lock"),
            git_dir.join("HEAD.lock"),
            self.common_dir().join(format!("refs/heads/{branch}.lock")),
        ]
        .into_iter()
        .filter(|lock| lock.symlink_metadata().is_ok())
        .collect()
    }

    fn index_entries(&self, worktree: &Path) -> Result<BTreeMap<Vec<u8>, Side>> {
        let output = self
            .command_in_worktree(worktree)
            .args(["ls-files", "--stage", "-z"])
            .run()?;
        let mut entries = BTreeMap::new();
        for record in split_nul(&output) {
            let text = String::from_utf8_lossy(record);
            let Some((head, _)) = text.split_once('\t') else {
                continue;
            };
            let path = record[head.len() + 1..].to_vec();
            let mut words = head.split(' ');
            let (mode, id) = (
                words.next().unwrap_or_default(),
                words.next().unwrap_or_default(),
            );
            let merged = words.next() == Some("0");
            let side = merged
                .then(|| Some((Oid::from_str(id).ok()?, file_mode(mode)?)))
                .flatten();
            entries.insert(path, side);
        }
        Ok(entries)
    }
}

/// The two places of a half-done landing.
struct Half<'a> {
    repo: Repository,
    worktree: &'a Path,
    since: SystemTime,
    index: BTreeMap<Vec<u8>, Side>,
    changes: Vec<Change>,
}

/// What a path holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Old,
    New,
    Nothing,
    Other,
}

impl Half<'_> {
    fn in_index(&self, change: &Change) -> Content {
        match self.index.get(&change.path) {
            None if change.old.is_none() => Content::Old,
            None if change.new.is_none() => Content::New,
            None => Content::Other,
            // An entry with several sides is a conflict of the user's.
            Some(None) => Content::Other,
            Some(side) if *side == change.old => Content::Old,
            Some(side) if *side == change.new => Content::New,
            Some(_) => Content::Other,
        }
    }

    fn on_disk(&self, user: &UserRepo, change: &Change) -> Result<Content> {
        let path = self.worktree.join(path_of(&change.path));
        let is_link_commit = |side: Side| side.is_some_and(|(_, mode)| mode == FileMode::Commit);
        if is_link_commit(change.old) || is_link_commit(change.new) {
            // A fast-forward leaves the files of submodules alone.
            return Ok(Content::Old);
        }
        let about = match std::fs::symlink_metadata(&path) {
            Ok(about) => about,
            Err(_) if change.old.is_none() => return Ok(Content::Old),
            Err(_) => return Ok(Content::Nothing),
        };
        if about.is_dir() {
            // A directory of other paths of the difference; they are looked at one by one.
            let prefix = [change.path.as_slice(), b"/"].concat();
            let expected = self
                .changes
                .iter()
                .any(|other| other.path.starts_with(&prefix));
            return Ok(if expected {
                Content::Nothing
            } else {
                Content::Other
            });
        }
        let Some((mode, content)) = read_entry(&path) else {
            return Ok(Content::Other);
        };
        for (side, name) in [(change.old, Content::Old), (change.new, Content::New)] {
            if let Some(side) = side
                && self.holds(user, change, side, mode, &content)?
            {
                return Ok(name);
            }
        }
        let touched = about
            .modified()
            .is_ok_and(|time| time + TIME_GRAIN >= self.since);
        if touched && self.is_partial(change, &content) {
            return Ok(Content::Nothing);
        }
        Ok(Content::Other)
    }

    /// Whether a file is one side, raw or as the clean filters would store it.
    fn holds(
        &self,
        user: &UserRepo,
        change: &Change,
        (id, mode): (Oid, FileMode),
        mode_on_disk: i32,
        content: &[u8],
    ) -> Result<bool> {
        let modes_count = self
            .repo
            .config()
            .and_then(|config| config.get_bool("core.filemode"))
            .unwrap_or(true);
        let is_link = |mode: i32| mode == i32::from(FileMode::Link);
        if is_link(mode_on_disk) != is_link(i32::from(mode))
            || (modes_count && mode_on_disk != i32::from(mode))
        {
            return Ok(false);
        }
        let raw = Oid::hash_object(ObjectType::Blob, content).during("hash a file")?;
        if raw == id || is_link(mode_on_disk) {
            return Ok(raw == id);
        }
        let stored = user
            .command_in_worktree(self.worktree)
            .args(["hash-object", "--stdin", "--path"])
            .arg(path_of(&change.path))
            .input(content.to_vec())
            .text()?;
        Ok(stored == id.to_string())
    }

    /// Whether a file is the beginning of the new content: git was killed while it wrote it.
    fn is_partial(&self, change: &Change, content: &[u8]) -> bool {
        change
            .new
            .and_then(|(id, _)| self.repo.find_blob(id).ok())
            .is_some_and(|blob| blob.content().starts_with(content))
    }
}

/// Whether a lock was made since `since` and nobody has it open any more.
fn is_ours(lock: &Path, since: SystemTime) -> bool {
    let is_new = std::fs::symlink_metadata(lock)
        .and_then(|about| about.modified())
        .is_ok_and(|time| time + TIME_GRAIN >= since);
    is_new && !is_open_somewhere(lock)
}

/// Whether a process that can be seen has the file open. Git keeps its locks open while it holds them.
fn is_open_somewhere(path: &Path) -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| std::fs::read_dir(process.path().join("fd")).ok())
        .flat_map(|descriptors| descriptors.flatten())
        .any(|descriptor| std::fs::read_link(descriptor.path()).is_ok_and(|open| open == path))
}

/// Removes a file, if it is one, and the directories above that are empty then.
fn remove_file(top: &Path, relative: &Path) -> Result<()> {
    let path = top.join(relative);
    match std::fs::symlink_metadata(&path) {
        Ok(about) if !about.is_dir() => std::fs::remove_file(&path).at("remove", &path)?,
        _ => return Ok(()),
    }
    let mut above = relative.parent();
    while let Some(directory) = above.filter(|directory| !directory.as_os_str().is_empty()) {
        if std::fs::remove_dir(top.join(directory)).is_err() {
            break;
        }
        above = directory.parent();
    }
    Ok(())
}

fn file_mode(text: &str) -> Option<FileMode> {
    Some(match text {
        "100644" => FileMode::Blob,
        "100755" => FileMode::BlobExecutable,
        "120000" => FileMode::Link,
        "160000" => FileMode::Commit,
        _ => return None,
    })
}
