//! Three-way merges of trees in memory, and the linear commits made of them.

use std::collections::BTreeSet;

use git2::build::TreeUpdateBuilder;
use git2::{Commit, Delta, DiffOptions, FileMode, Index, MergeOptions, Oid, Repository, Tree};

use crate::error::Result;

use super::failure::{During, shown};
use super::history;
use super::repo::AuraRepo;
use super::stage::tree_of;
use super::user::Identity;

/// Similarity in percent from which a deleted and an added file count as a rename, as in git.
const RENAME_THRESHOLD: u32 = 50;
/// How many files are compared for renames. Every pair is read, so this bounds the time.
const RENAME_LIMIT: u32 = 1000;

/// A merge that is a commit now, or the paths in which both sides changed the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Merged {
    /// The commit. It has no ref yet: keep the last one of a chain before using it.
    Clean(Oid),
    /// What conflicts; nothing was written that counts.
    Conflict {
        /// The paths, sorted.
        paths: Vec<String>,
    },
}

/// Message and people of a commit to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CommitText<'a> {
    /// The whole message, trailers included.
    pub(crate) message: &'a str,
    /// Author and committer.
    pub(crate) author: &'a Identity,
    /// Seconds since 1970. The same input at the same time is the same commit.
    pub(crate) time: i64,
}

/// The result of merging two trees.
pub(super) enum TreeMerge {
    /// The merged tree.
    Clean(Oid),
    /// The index with its conflicts.
    Conflict(Index),
}

/// One changed path of a tree difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// Where, with `/` between the parts.
    pub(super) path: Vec<u8>,
    /// Object and mode before; `None` when it was not there.
    pub(super) old: Option<(Oid, FileMode)>,
    /// Object and mode after; `None` when it is gone.
    pub(super) new: Option<(Oid, FileMode)>,
}

impl AuraRepo {
    /// Puts what `commit` changed since `base` onto `head`, as one commit whose only parent is `head`.
    ///
    /// Renames are followed. Where the two sides changed different paths the tree is patched directly,
    /// which is much faster than a merge and gives the same tree.
    pub(crate) fn rebase_onto(
        &self,
        base: Oid,
        head: Oid,
        commit: Oid,
        text: &CommitText<'_>,
    ) -> Result<Merged> {
        let repo = self.open()?;
        match merge_commits(&repo, base, head, commit)? {
            TreeMerge::Clean(tree) => write_commit(&repo, tree, &[head], text).map(Merged::Clean),
            TreeMerge::Conflict(index) => Ok(Merged::Conflict {
                paths: conflict_paths(&index)?,
            }),
        }
    }

    /// The paths that differ between the trees of two commits, sorted.
    #[cfg(test)]
    pub(crate) fn changed_paths(&self, old: Oid, new: Oid) -> Result<Vec<String>> {
        let repo = self.open()?;
        let changes = changes(&repo, &tree_of(&repo, old)?, &tree_of(&repo, new)?)?;
        Ok(changes.iter().map(|change| shown(&change.path)).collect())
    }

    /// The tree of a commit, by which verdicts of gates are remembered.
    pub(crate) fn tree_id(&self, commit: Oid) -> Result<Oid> {
        Ok(tree_of(&self.open()?, commit)?.id())
    }

    pub(super) fn reaches(&self, repo: &Repository, commit: Oid, ancestor: Oid) -> Result<bool> {
        history::contains(repo, || self.command(), commit, ancestor)
    }

    /// Whether `ancestor` is `commit` or in its history.
    #[cfg(test)]
    pub(crate) fn contains(&self, commit: Oid, ancestor: Oid) -> Result<bool> {
        self.reaches(&self.open()?, commit, ancestor)
    }
}

/// Merges the trees of three commits.
pub(super) fn merge_commits(
    repo: &Repository,
    base: Oid,
    ours: Oid,
    theirs: Oid,
) -> Result<TreeMerge> {
    let (base, ours, theirs) = (
        tree_of(repo, base)?,
        tree_of(repo, ours)?,
        tree_of(repo, theirs)?,
    );
    if ours.id() == base.id() || ours.id() == theirs.id() {
        return Ok(TreeMerge::Clean(theirs.id()));
    }
    if theirs.id() == base.id() {
        return Ok(TreeMerge::Clean(ours.id()));
    }
    if let Some(tree) = patch_disjoint(repo, &base, &ours, &theirs)? {
        return Ok(TreeMerge::Clean(tree));
    }
    merge_trees(repo, &base, &ours, &theirs)
}

/// The general merge of libgit2.
pub(super) fn merge_trees(
    repo: &Repository,
    base: &Tree<'_>,
    ours: &Tree<'_>,
    theirs: &Tree<'_>,
) -> Result<TreeMerge> {
    let mut options = MergeOptions::new();
    options
        .find_renames(true)
        .rename_threshold(RENAME_THRESHOLD)
        .target_limit(RENAME_LIMIT);
    let mut index = repo
        .merge_trees(base, ours, theirs, Some(&options))
        .during("merge two trees")?;
    if index.has_conflicts() {
        return Ok(TreeMerge::Conflict(index));
    }
    let tree = index.write_tree_to(repo).during("write a merged tree")?;
    Ok(TreeMerge::Clean(tree))
}

/// Applies what `theirs` changed to `ours` when `ours` changed none of these paths; `None` otherwise.
pub(super) fn patch_disjoint(
    repo: &Repository,
    base: &Tree<'_>,
    ours: &Tree<'_>,
    theirs: &Tree<'_>,
) -> Result<Option<Oid>> {
    let their_changes = changes(repo, base, theirs)?;
    let our_changes = changes(repo, base, ours)?;
    if overlap(&our_changes, &their_changes) {
        return Ok(None);
    }
    let mut update = TreeUpdateBuilder::new();
    for change in &their_changes {
        match change.new {
            Some((id, mode)) => update.upsert(change.path.as_slice(), id, mode),
            None => update.remove(change.path.as_slice()),
        };
    }
    // Libgit2 refuses to put a file where a directory was; the general merge knows what to do then.
    Ok(update.create_updated(repo, ours).ok())
}

/// Whether a path of one side is a path of the other, or a directory above or below one, case ignored
/// (on some systems two such names are one file, and a person should see that).
fn overlap(ours: &[Change], theirs: &[Change]) -> bool {
    let folded = |changes: &[Change]| -> BTreeSet<Vec<u8>> {
        changes
            .iter()
            .map(|change| change.path.to_ascii_lowercase())
            .collect()
    };
    let (ours, theirs) = (folded(ours), folded(theirs));
    let meets = |path: &Vec<u8>, others: &BTreeSet<Vec<u8>>| {
        let mut above = (0..path.len()).filter(|at| path[*at] == b'/');
        others.contains(path) || above.any(|at| others.contains(&path[..at]))
    };
    ours.iter().any(|path| meets(path, &theirs)) || theirs.iter().any(|path| meets(path, &ours))
}

/// The difference of two trees, sorted by path, without renames.
pub(super) fn changes(repo: &Repository, old: &Tree<'_>, new: &Tree<'_>) -> Result<Vec<Change>> {
    let mut options = DiffOptions::new();
    options
        .include_typechange(true)
        .ignore_submodules(false)
        .skip_binary_check(true);
    let diff = repo
        .diff_tree_to_tree(Some(old), Some(new), Some(&mut options))
        .during("compare two trees")?;
    let mut changes = Vec::new();
    for delta in diff.deltas() {
        let side = |file: git2::DiffFile<'_>| (file.id(), file.mode());
        let old = (delta.status() != Delta::Added).then(|| side(delta.old_file()));
        let new = (delta.status() != Delta::Deleted).then(|| side(delta.new_file()));
        let path = delta
            .new_file()
            .path_bytes()
            .or(delta.old_file().path_bytes());
        changes.push(Change {
            path: path.unwrap_or_default().to_vec(),
            old,
            new,
        });
    }
    changes.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(changes)
}

/// The paths of the conflicts of an index, sorted.
pub(super) fn conflict_paths(index: &Index) -> Result<Vec<String>> {
    let mut paths = BTreeSet::new();
    for conflict in index.conflicts().during("list conflicts")? {
        let conflict = conflict.during("list conflicts")?;
        for side in [conflict.our, conflict.their, conflict.ancestor]
            .into_iter()
            .flatten()
        {
            paths.insert(shown(&side.path));
        }
    }
    Ok(paths.into_iter().collect())
}

/// Writes a commit without moving any ref.
pub(super) fn write_commit(
    repo: &Repository,
    tree: Oid,
    parents: &[Oid],
    text: &CommitText<'_>,
) -> Result<Oid> {
    let person = text.author.signature(text.time)?;
    let tree = repo
        .find_tree(tree)
        .during("read the tree of a new commit")?;
    let parents: Vec<Commit<'_>> = parents
        .iter()
        .map(|id| repo.find_commit(*id))
        .collect::<Result<_, _>>()
        .during("read the parents of a new commit")?;
    let parents: Vec<_> = parents.iter().collect();
    repo.commit(None, &person, &person, text.message, &tree, &parents)
        .during("write a commit")
}
