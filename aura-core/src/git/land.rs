//! Building what a landing would make the target: in memory, in Aura's repository.

use git2::{Oid, Repository};

use crate::error::{Error, ErrorKind, Result};

use super::failure::During;
use super::history;
use super::merge::{CommitText, TreeMerge, conflict_paths, merge_commits, write_commit};
use super::repo::AuraRepo;
use super::stage::tree_of;

/// The shape of what lands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LandShape {
    /// The story's commits one after another on the target; as they are when it has not moved.
    Linear,
    /// One commit with target and story as parents.
    MergeCommit,
    /// One commit on the target.
    Squash,
}

/// What building a landing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LandResult {
    /// The commit that the target is to become; kept under the given ref.
    Built(Oid),
    /// The target holds the story already.
    Nothing,
    /// Target and story changed the same.
    Conflict {
        /// The paths, sorted.
        paths: Vec<String>,
    },
}

/// What to land.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LandRequest<'a> {
    /// The shape of the result.
    pub(crate) shape: LandShape,
    /// The commit that the story began at.
    pub(crate) base: Oid,
    /// The story's accepted head; its history down to `base` is linear.
    pub(crate) accepted: Oid,
    /// The present tip of the target. It must be in Aura's repository.
    pub(crate) target: Oid,
    /// Message of a merge or squash commit, committer and time of all.
    pub(crate) text: CommitText<'a>,
    /// The ref below `refs/aura/` that keeps the result, for example `refs/aura/land/<story>`.
    pub(crate) reference: &'a str,
}

impl AuraRepo {
    /// Builds the result of a landing and keeps it. The story's own commits are never rewritten in place.
    pub(crate) fn build_landing(&self, request: &LandRequest<'_>) -> Result<LandResult> {
        let repo = self.open()?;
        if self.reaches(&repo, request.target, request.accepted)? {
            return Ok(LandResult::Nothing);
        }
        let built = match request.shape {
            LandShape::Linear if self.reaches(&repo, request.accepted, request.target)? => {
                Ok(request.accepted)
            }
            LandShape::Linear => linear(&repo, request)?,
            LandShape::MergeCommit => {
                self.joined(&repo, request, &[request.target, request.accepted])?
            }
            LandShape::Squash => self.joined(&repo, request, &[request.target])?,
        };
        match built {
            Ok(commit) if commit == request.target => Ok(LandResult::Nothing),
            Ok(commit) => {
                self.keep(request.reference, commit)?;
                Ok(LandResult::Built(commit))
            }
            Err(paths) => Ok(LandResult::Conflict { paths }),
        }
    }

    fn joined(
        &self,
        repo: &Repository,
        request: &LandRequest<'_>,
        parents: &[Oid],
    ) -> Result<Built> {
        let common = history::merge_base(self.command()?, request.target, request.accepted)?;
        let common = common.unwrap_or(request.base);
        let tree = match merge_commits(repo, common, request.target, request.accepted)? {
            TreeMerge::Clean(tree) => tree,
            TreeMerge::Conflict(index) => return Ok(Err(conflict_paths(&index)?)),
        };
        if tree_of(repo, request.target)?.id() == tree {
            return Ok(Ok(request.target));
        }
        write_commit(repo, tree, parents, &request.text).map(Ok)
    }
}

/// A commit, or the paths that conflict.
type Built = Result<Oid, Vec<String>>;

fn linear(repo: &Repository, request: &LandRequest<'_>) -> Result<Built> {
    let committer = request.text.author.signature(request.text.time)?;
    let mut tip = request.target;
    for id in story_commits(repo, request.base, request.accepted)? {
        let commit = repo.find_commit(id).during("read a commit of the story")?;
        let parent = commit.parent_id(0).during("read a commit of the story")?;
        let tree = match merge_commits(repo, parent, tip, id)? {
            TreeMerge::Clean(tree) => tree,
            TreeMerge::Conflict(index) => return Ok(Err(conflict_paths(&index)?)),
        };
        let onto = repo.find_commit(tip).during("read the target")?;
        if onto.tree_id() == tree {
            // The target got the same change by another way.
            continue;
        }
        let tree = repo.find_tree(tree).during("read a merged tree")?;
        let message = String::from_utf8_lossy(commit.message_raw_bytes()).into_owned();
        tip = repo
            .commit(
                None,
                &commit.author(),
                &committer,
                &message,
                &tree,
                &[&onto],
            )
            .during("write a commit on the target")?;
    }
    Ok(Ok(tip))
}

/// The commits after `base` up to `accepted`, oldest first.
fn story_commits(repo: &Repository, base: Oid, accepted: Oid) -> Result<Vec<Oid>> {
    let mut found = Vec::new();
    let mut next = accepted;
    while next != base {
        let commit = repo
            .find_commit(next)
            .during("read a commit of the story")?;
        let mut parents = commit.parent_ids();
        let (Some(parent), None) = (parents.next(), parents.next()) else {
            return Err(Error::new(
                ErrorKind::Git,
                format!("{accepted} is not a linear continuation of {base}"),
            )
            .with_help("land it with a merge commit"));
        };
        found.push(next);
        next = parent;
    }
    found.reverse();
    Ok(found)
}
