//! Seal: turning what is in a workspace into one commit, whatever the agent did with git.

use std::collections::BTreeSet;
use std::path::Path;

use git2::{Oid, Repository};

use crate::error::{Error, ErrorKind, Result};

use super::failure::{During, shown};
use super::history;
use super::markers;
use super::merge::{Change, CommitText, changes, write_commit};
use super::registration::Registration;
use super::repo::AuraRepo;
use super::salvage::Salvaged;
use super::stage::{PrivateIndex, tree_of};

/// Mode of an entry that names a commit of another repository.
const GITLINK: git2::FileMode = git2::FileMode::Commit;

/// What to seal and how.
pub(crate) struct SealRequest<'a> {
    /// The workspace. All processes that wrote to it must be gone.
    pub(crate) path: &'a Path,
    /// What the attempt started from; the parent of the sealed commit.
    pub(crate) base: Oid,
    /// Message and author of the sealed commit.
    pub(crate) text: CommitText<'a>,
    /// Where refs of this attempt go, for example `refs/aura/attempts/<story>/<task>/<attempt>`: the
    /// sealed commit is `<prefix>/sealed`, the agent's own last commit `<prefix>/agent`, and when the
    /// base was lost `<prefix>/lost` holds the files.
    pub(crate) refs: &'a str,
    /// Ignored files that lay there before the attempt: [`AuraRepo::ignored_files`].
    pub(crate) known_ignored: &'a BTreeSet<String>,
    /// In a workspace that several tasks share: which paths belong to this one. `None`: all.
    pub(crate) declared: Option<&'a dyn Fn(&str) -> bool>,
}

/// One attempt's work as a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    /// The commit; its only parent is the base.
    pub(crate) commit: Oid,
    /// Its tree.
    pub(crate) tree: Oid,
    /// What it changed, sorted.
    pub(crate) paths: Vec<String>,
    /// Changed paths that are not this task's own, in a shared workspace.
    pub(crate) undeclared: Vec<String>,
    /// Changed paths that name commits of submodules, which live elsewhere.
    pub(crate) submodules: Vec<String>,
    /// Ignored files and directories that were not there before: they are not in the commit.
    pub(crate) new_ignored: Vec<String>,
    /// How many commits the agent had made itself.
    pub(crate) agent_commits: usize,
}

/// Why a workspace cannot be sealed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfinished {
    /// The named git operation was begun and not finished.
    Operation(&'static str),
    /// Conflict markers are left in these files.
    Markers,
    /// Repositories lie inside the workspace that would be committed as bare links.
    Embedded,
    /// Git could not stage everything; its own words.
    Unstageable(String),
}

/// What sealing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SealOutcome {
    /// There is a commit now, or was from an earlier call.
    Sealed(Sealed),
    /// The files are those of the base.
    NoChange {
        /// Ignored files and directories that were not there before.
        new_ignored: Vec<String>,
        /// Changed paths that are not this task's own, in a shared workspace.
        undeclared: Vec<String>,
    },
    /// The agent left something half done. Nothing was written.
    Incomplete {
        /// What.
        why: Unfinished,
        /// Where; empty when the operation names no paths.
        paths: Vec<String>,
    },
    /// HEAD does not descend from the base any more.
    BaseLost {
        /// Where HEAD is now; `None` when it names no commit.
        head: Option<Oid>,
        /// Both sides, the agent's history and the files, as far as they were nowhere else.
        salvaged: Vec<Salvaged>,
    },
}

impl AuraRepo {
    /// Seals an attempt. Only the refs of the request are written; workspace and its index stay as they are.
    ///
    /// Sealing again after a crash gives the same commit: an existing ref is adopted, and a commit made
    /// from the same input has the same id.
    ///
    /// # Errors
    /// `ForeignMove` when the sealed ref names something else than a commit on this base; `NotFound`
    /// when the workspace is gone and was not sealed before.
    pub(crate) fn seal(&self, request: &SealRequest<'_>) -> Result<SealOutcome> {
        let repo = self.open()?;
        if let Some(sealed) = self.adopt(&repo, request)? {
            return Ok(SealOutcome::Sealed(sealed));
        }
        let place = self.require_registration(request.path)?;
        let head = place.head(&repo);
        let head = match head {
            Some(head) if self.reaches(&repo, head, request.base)? => head,
            _ => return self.base_lost(&repo, request, &place, head),
        };
        if let Some(operation) = place.unfinished_operation() {
            return Ok(SealOutcome::Incomplete {
                why: Unfinished::Operation(operation),
                paths: self.unmerged(&place)?,
            });
        }
        let tree = match self.stage(&repo, &place, head)? {
            Ok(tree) => tree,
            Err((why, paths)) => return Ok(SealOutcome::Incomplete { why, paths }),
        };
        self.seal_tree(&repo, request, &place, head, tree)
    }

    fn seal_tree(
        &self,
        repo: &Repository,
        request: &SealRequest<'_>,
        place: &Registration,
        head: Oid,
        tree: Oid,
    ) -> Result<SealOutcome> {
        let base_tree = tree_of(repo, request.base)?;
        let staged = repo.find_tree(tree).during("read the staged tree")?;
        let (own, foreign) = split(changes(repo, &base_tree, &staged)?, request.declared);
        let undeclared: Vec<_> = foreign.iter().map(|change| shown(&change.path)).collect();
        let new_ignored = self.new_ignored(request)?;
        if own.is_empty() {
            return Ok(SealOutcome::NoChange {
                new_ignored,
                undeclared,
            });
        }
        let left = markers::left_in(repo, &own, &self.unmerged(place)?);
        if !left.is_empty() {
            return Ok(SealOutcome::Incomplete {
                why: Unfinished::Markers,
                paths: left,
            });
        }
        let tree = if foreign.is_empty() {
            tree
        } else {
            self.tree_with(repo, request.base, &own)?
        };
        if head != request.base {
            self.keep(&format!("{}/agent", request.refs), head)?;
        }
        let commit = write_commit(repo, tree, &[request.base], &request.text)?;
        self.keep(&format!("{}/sealed", request.refs), commit)?;
        Ok(SealOutcome::Sealed(Sealed {
            commit,
            tree,
            paths: own.iter().map(|change| shown(&change.path)).collect(),
            undeclared,
            submodules: submodules(&own),
            new_ignored,
            agent_commits: history::count_since(self.command()?, request.base, head)?,
        }))
    }

    /// What an earlier call sealed.
    fn adopt(&self, repo: &Repository, request: &SealRequest<'_>) -> Result<Option<Sealed>> {
        let name = format!("{}/sealed", request.refs);
        let Some(commit) = self.read_ref(&name)? else {
            return Ok(None);
        };
        let found = repo.find_commit(commit).during(format!("read {name}"))?;
        if found.parent_ids().collect::<Vec<_>>() != [request.base] {
            return Err(Error::new(
                ErrorKind::ForeignMove,
                format!("{name} is {commit}, which is no commit on {}", request.base),
            )
            .with_help("something else wrote to Aura's repository; retry the task"));
        }
        let tree = found.tree().during("read a sealed tree")?;
        let changed = changes(repo, &tree_of(repo, request.base)?, &tree)?;
        let agent = self.read_ref(&format!("{}/agent", request.refs))?;
        Ok(Some(Sealed {
            commit,
            tree: tree.id(),
            paths: changed.iter().map(|change| shown(&change.path)).collect(),
            undeclared: Vec::new(),
            submodules: submodules(&changed),
            // Evidence only: a workspace that is gone by now has none.
            new_ignored: self.new_ignored(request).unwrap_or_default(),
            agent_commits: match agent {
                Some(agent) => history::count_since(self.command()?, request.base, agent)?,
                None => 0,
            },
        }))
    }

    fn stage(
        &self,
        repo: &Repository,
        place: &Registration,
        head: Oid,
    ) -> Result<Result<Oid, (Unfinished, Vec<String>)>> {
        let index = PrivateIndex::new(self, place)?;
        index.load(head)?;
        let known = known_submodules(&place.path);
        let mut embedded = index.embedded()?;
        embedded.retain(|path| !known.contains(path));
        if !embedded.is_empty() {
            return Ok(Err((Unfinished::Embedded, embedded)));
        }
        let added = index.add_all(&[], false)?;
        if !added.success() {
            return Ok(Err((Unfinished::Unstageable(added.stderr), Vec::new())));
        }
        index.add_forced(repo, head)?;
        index.write_tree().map(Ok)
    }

    fn base_lost(
        &self,
        repo: &Repository,
        request: &SealRequest<'_>,
        place: &Registration,
        head: Option<Oid>,
    ) -> Result<SealOutcome> {
        let mut salvaged = Vec::new();
        if let Some(head) = head {
            let name = format!("{}/agent", request.refs);
            salvaged.push(self.keep_salvaged(repo, &name, head)?);
        }
        let name = format!("{}/lost", request.refs);
        salvaged.extend(self.salvage_place(place, None, &name)?);
        Ok(SealOutcome::BaseLost { head, salvaged })
    }

    /// Paths with more than one side in the workspace's own index.
    fn unmerged(&self, place: &Registration) -> Result<Vec<String>> {
        let output = self
            .workspace_command(place)?
            .args([
                "diff",
                "--name-only",
                "--diff-filter=U",
                "--no-ext-diff",
                "-z",
            ])
            .output()?;
        let paths: BTreeSet<_> = super::command::split_nul(&output.stdout)
            .map(shown)
            .collect();
        Ok(paths.into_iter().collect())
    }

    fn new_ignored(&self, request: &SealRequest<'_>) -> Result<Vec<String>> {
        let mut ignored = self.ignored_files(request.path)?;
        ignored.retain(|path| !request.known_ignored.contains(path));
        Ok(ignored)
    }

    /// The tree of `base` with only these changes.
    fn tree_with(&self, repo: &Repository, base: Oid, own: &[Change]) -> Result<Oid> {
        let mut index = git2::Index::new().during("make an index")?;
        index
            .read_tree(&tree_of(repo, base)?)
            .during("read the tree of the base")?;
        for change in own.iter().filter(|change| change.new.is_none()) {
            index
                .remove(&super::stage::path_of(&change.path), 0)
                .during("leave out a deleted file")?;
        }
        for change in own {
            if let Some((id, mode)) = change.new {
                index
                    .add(&super::repair::index_entry(
                        &change.path,
                        id,
                        u32::from(mode),
                    ))
                    .during("add a changed file")?;
            }
        }
        index.write_tree_to(repo).during("write the task's tree")
    }
}

fn split(
    changes: Vec<Change>,
    declared: Option<&dyn Fn(&str) -> bool>,
) -> (Vec<Change>, Vec<Change>) {
    match declared {
        Some(is_own) => changes
            .into_iter()
            .partition(|change| is_own(&shown(&change.path))),
        None => (changes, Vec::new()),
    }
}

fn submodules(changes: &[Change]) -> Vec<String> {
    changes
        .iter()
        .filter(|change| change.new.is_some_and(|(_, mode)| mode == GITLINK))
        .map(|change| shown(&change.path))
        .collect()
}

/// The paths that `.gitmodules` names.
fn known_submodules(workspace: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let file = workspace.join(".gitmodules");
    let mut config = match git2::Config::new() {
        Ok(config) if file.is_file() => config,
        _ => return found,
    };
    if config
        .add_file(&file, git2::ConfigLevel::Local, false)
        .is_err()
    {
        return found;
    }
    let Ok(mut entries) = config.entries(Some(r"submodule\..*\.path")) else {
        return found;
    };
    while let Some(Ok(entry)) = entries.next() {
        if let Ok(path) = entry.value() {
            found.insert(path.to_owned());
        }
    }
    found
}
