//! What the next attempt starts from: the earlier attempt merged onto the accepted head.

use std::path::Path;

use git2::{Index, IndexConflict, IndexEntry, IndexTime, MergeFileOptions, Oid, Repository};

use crate::error::Result;

use super::failure::{During, shown};
use super::markers::{ACCEPTED_LABEL, ATTEMPT_LABEL};
use super::merge::{TreeMerge, merge_commits};
use super::repo::AuraRepo;
use super::stage::path_of;
use super::workspace::Clean;

/// How the workspace of the next attempt was prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Prepared {
    /// The earlier work is there, merged with everything accepted since.
    Previous,
    /// So it is but for these files, which hold conflict markers naming both sides (or, being binary,
    /// the accepted side only).
    Repair {
        /// What conflicts.
        conflicts: Vec<ConflictedFile>,
    },
}

/// A file in which the accepted work and the earlier attempt disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConflictedFile {
    /// Where it is.
    pub(crate) path: String,
    /// How the two sides disagree.
    pub(crate) kind: ConflictKind,
}

/// How two sides disagree about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConflictKind {
    /// Both changed the same lines: markers around them.
    Content,
    /// The accepted work deleted it, the attempt changed it: markers around the whole.
    DeletedByAccepted,
    /// The attempt deleted it, the accepted work changed it: markers around the whole.
    DeletedByAttempt,
    /// It has no lines to mark (binary, link, submodule): the accepted side is there.
    Unmarked,
}

impl AuraRepo {
    /// Puts a workspace at `head` with, as uncommitted edits, what `attempt` changed since `base`.
    ///
    /// HEAD is `head` and the index is that of `head`; the earlier work looks like fresh edits. What
    /// was in the workspace before is gone, ignored files excepted.
    pub(crate) fn prepare_merge(
        &self,
        path: &Path,
        base: Oid,
        head: Oid,
        attempt: Oid,
    ) -> Result<Prepared> {
        let repo = self.open()?;
        let (tree, prepared) = match merge_commits(&repo, base, head, attempt)? {
            TreeMerge::Clean(tree) => (tree, Prepared::Previous),
            TreeMerge::Conflict(mut index) => {
                let conflicts = materialise(&repo, &mut index, head, attempt)?;
                let tree = index
                    .write_tree_to(&repo)
                    .during("write a tree with markers")?;
                (tree, Prepared::Repair { conflicts })
            }
        };
        let place = self.require_registration(path)?;
        self.reset(&place, head, Clean::Untracked)?;
        let command = || self.workspace_command(&place);
        command()?
            .args([
                "read-tree",
                "-m",
                "-u",
                &head.to_string(),
                &tree.to_string(),
            ])
            .run()?;
        // Files that only the attempt has are marked as to be added, so that one that is ignored by a
        // pattern but was committed on purpose is not lost by the next seal.
        command()?
            .args(["reset", "--quiet", "--mixed", "--intent-to-add"])
            .run()?;
        Ok(prepared)
    }
}

/// Replaces every conflict of `index` by one file.
fn materialise(
    repo: &Repository,
    index: &mut Index,
    head: Oid,
    attempt: Oid,
) -> Result<Vec<ConflictedFile>> {
    let found = index
        .conflicts()
        .during("list conflicts")?
        .collect::<Result<Vec<_>, _>>()
        .during("list conflicts")?;
    let labels = Labels {
        accepted: format!("{ACCEPTED_LABEL} {})", short(head)),
        attempt: format!("{ATTEMPT_LABEL} {})", short(attempt)),
    };
    let mut files = Vec::new();
    for conflict in found {
        let sides = [&conflict.our, &conflict.their, &conflict.ancestor];
        let resolved = resolve(repo, &conflict, &labels)?;
        for side in sides.into_iter().flatten() {
            let place = path_of(&side.path);
            // A side under another name (rename conflicts) may have no entry of its own.
            drop(index.conflict_remove(&place));
        }
        let Some((kind, mut entry)) = resolved else {
            continue;
        };
        entry.path = free_place(index, &entry.path);
        let path = entry.path.clone();
        index.add(&entry).during("put down a conflicted file")?;
        files.push(ConflictedFile {
            path: shown(&path),
            kind,
        });
    }
    Ok(files)
}

/// Where a file can lie beside what is in the index: a name that is a directory on the other side, or
/// lies below a file of it, gets a suffix as git would give it.
fn free_place(index: &Index, path: &[u8]) -> Vec<u8> {
    let below = [path, b"/"].concat();
    if index.find_prefix(below).is_ok() {
        return [path, b"~conflict"].concat();
    }
    let file_above = (0..path.len())
        .filter(|at| path[*at] == b'/')
        .find(|at| index.get_path(&path_of(&path[..*at]), 0).is_some());
    match file_above {
        Some(at) => [&path[..at], b"~conflict", &path[at..]].concat(),
        None => path.to_vec(),
    }
}

struct Labels {
    accepted: String,
    attempt: String,
}

/// The file to put down, or `None` when both sides deleted it.
fn resolve(
    repo: &Repository,
    conflict: &IndexConflict,
    labels: &Labels,
) -> Result<Option<(ConflictKind, IndexEntry)>> {
    Ok(match (&conflict.our, &conflict.their) {
        (Some(our), Some(their)) => Some(merge_content(repo, conflict, our, their, labels)?),
        (Some(our), None) => Some(whole(repo, our, true, labels)?),
        (None, Some(their)) => Some(whole(repo, their, false, labels)?),
        (None, None) => None,
    })
}

fn merge_content(
    repo: &Repository,
    conflict: &IndexConflict,
    our: &IndexEntry,
    their: &IndexEntry,
    labels: &Labels,
) -> Result<(ConflictKind, IndexEntry)> {
    if !is_text(repo, our) || !is_text(repo, their) {
        return Ok((ConflictKind::Unmarked, plain(our, our.id)));
    }
    let empty;
    let ancestor = match &conflict.ancestor {
        Some(ancestor) => ancestor,
        None => {
            let nothing = repo.blob(&[]).during("write an empty file")?;
            empty = index_entry(&our.path, nothing, our.mode);
            &empty
        }
    };
    let mut options = MergeFileOptions::new();
    options
        .our_label(labels.accepted.as_str())
        .their_label(labels.attempt.as_str())
        .style_standard(true);
    let merged = repo
        .merge_file_from_index(ancestor, our, their, Some(&mut options))
        .during("merge the lines of a file")?;
    let id = repo
        .blob(merged.content())
        .during("write a conflicted file")?;
    Ok((ConflictKind::Content, plain(our, id)))
}

fn whole(
    repo: &Repository,
    entry: &IndexEntry,
    accepted_has_it: bool,
    labels: &Labels,
) -> Result<(ConflictKind, IndexEntry)> {
    let kind = if accepted_has_it {
        ConflictKind::DeletedByAttempt
    } else {
        ConflictKind::DeletedByAccepted
    };
    if !is_text(repo, entry) {
        return Ok((ConflictKind::Unmarked, plain(entry, entry.id)));
    }
    let blob = repo
        .find_blob(entry.id)
        .during("read one side of a conflict")?;
    let mut lines = blob.content().to_vec();
    if !lines.is_empty() && !lines.ends_with(b"\n") {
        lines.push(b'\n');
    }
    let (accepted, attempt) = (&labels.accepted, &labels.attempt);
    let (before, after) = if accepted_has_it {
        (
            format!("<<<<<<< {accepted}\n"),
            format!("=======\n>>>>>>> {attempt}: deleted\n"),
        )
    } else {
        (
            format!("<<<<<<< {accepted}: deleted\n=======\n"),
            format!(">>>>>>> {attempt}\n"),
        )
    };
    let content = [before.as_bytes(), &lines, after.as_bytes()].concat();
    let id = repo.blob(&content).during("write a conflicted file")?;
    Ok((kind, plain(entry, id)))
}

fn is_text(repo: &Repository, entry: &IndexEntry) -> bool {
    let is_file = entry.mode & 0o170_000 == 0o100_000;
    is_file && repo.find_blob(entry.id).is_ok_and(|blob| !blob.is_binary())
}

fn plain(like: &IndexEntry, id: Oid) -> IndexEntry {
    index_entry(&like.path, id, like.mode)
}

/// An entry without conflict stage and stat data.
pub(super) fn index_entry(path: &[u8], id: Oid, mode: u32) -> IndexEntry {
    IndexEntry {
        ctime: IndexTime::new(0, 0),
        mtime: IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.to_vec(),
    }
}

fn short(id: Oid) -> String {
    let mut text = id.to_string();
    text.truncate(8);
    text
}
