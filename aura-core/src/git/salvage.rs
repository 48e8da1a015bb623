//! Keeping work that would otherwise be lost, as a commit under a ref of Aura's repository.

use std::path::Path;

use git2::{Oid, Repository, Signature};

use crate::error::Result;

use super::failure::During;
use super::history;
use super::registration::Registration;
use super::repo::AuraRepo;
use super::stage::{PrivateIndex, tree_of};
use super::user::read_ref;

/// Work that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Salvaged {
    /// The ref in Aura's repository.
    pub(crate) reference: String,
    /// The commit: the files as they were, its parent what HEAD was.
    pub(crate) commit: Oid,
}

impl AuraRepo {
    /// Keeps everything that a workspace holds and no ref does: files that are not ignored, staged or
    /// not, and the agent's commits. `None` when there is nothing of the kind.
    ///
    /// A ref of that name that holds other work is left alone and a number is added. The workspace is
    /// not changed.
    ///
    /// Content equal to that of `saved` counts as kept.
    pub(crate) fn salvage(
        &self,
        path: &Path,
        saved: Option<Oid>,
        reference: &str,
    ) -> Result<Option<Salvaged>> {
        let place = self.require_registration(path)?;
        self.salvage_place(&place, saved, reference)
    }

    /// Like [`AuraRepo::salvage`]; content equal to that of `saved` counts as kept.
    pub(super) fn salvage_place(
        &self,
        place: &Registration,
        saved: Option<Oid>,
        reference: &str,
    ) -> Result<Option<Salvaged>> {
        // The common end of a task: its workspace was reset to what was sealed. One look is enough.
        if let Some(saved) = saved
            && place.is_detached_at(saved)
            && place.unfinished_operation().is_none()
            && PrivateIndex::new(self, place)?.dirty(true)?.is_empty()
        {
            return Ok(None);
        }
        let repo = self.open()?;
        let head = place.head(&repo);
        let tree = self.snapshot(&repo, place, head)?;
        if let Some(saved) = saved
            && tree_of(&repo, saved)?.id() == tree
        {
            return Ok(None);
        }
        if let Some(head) = head
            && tree_of(&repo, head)?.id() == tree
        {
            if history::is_kept(self.command()?, head)? {
                return Ok(None);
            }
            return self.keep_salvaged(&repo, reference, head).map(Some);
        }
        let commit = snapshot_commit(&repo, tree, head)?;
        self.keep_salvaged(&repo, reference, commit).map(Some)
    }

    /// The tree of everything in a workspace that is not ignored, embedded repositories as plain files.
    fn snapshot(&self, repo: &Repository, place: &Registration, head: Option<Oid>) -> Result<Oid> {
        let index = PrivateIndex::new(self, place)?;
        if let Some(head) = head {
            index.load(head)?;
        }
        let embedded = index.embedded()?;
        let staged = index.add_all(&embedded, true)?;
        if !staged.success() {
            tracing::warn!(path = %place.path.display(), "not all files could be salvaged: {}", staged.stderr);
        }
        if let Some(head) = head {
            index.add_forced(repo, head)?;
        }
        for path in &embedded {
            index.add_embedded(repo, path)?;
        }
        index.write_tree()
    }

    /// Keeps a commit under `reference`, or under the first free name made from it.
    pub(super) fn keep_salvaged(
        &self,
        repo: &Repository,
        reference: &str,
        commit: Oid,
    ) -> Result<Salvaged> {
        let mut name = reference.to_owned();
        let mut number = 1;
        while let Some(other) = read_ref(repo, &name)? {
            if other == commit {
                break;
            }
            number += 1;
            name = format!("{reference}-{number}");
        }
        self.keep(&name, commit)?;
        Ok(Salvaged {
            reference: name,
            commit,
        })
    }
}

/// A commit of a snapshot; the same content on the same parent is the same commit.
fn snapshot_commit(repo: &Repository, tree: Oid, parent: Option<Oid>) -> Result<Oid> {
    let tree = repo.find_tree(tree).during("read the salvaged tree")?;
    let parent = parent
        .map(|id| repo.find_commit(id))
        .transpose()
        .during("read the parent of the salvaged work")?;
    let time = parent.as_ref().map_or(0, |parent| parent.time().seconds());
    let signature = Signature::new("Aura", "aura@localhost", &git2::Time::new(time, 0))
        .during("make a signature")?;
    let parents: Vec<_> = parent.iter().collect();
    repo.commit(
        None,
        &signature,
        &signature,
        "Unsaved work of a workspace\n",
        &tree,
        &parents,
    )
    .during("keep unsaved work")
}
