//! What a commit changed, for a judge who only has a work tree to start from.

use std::path::Path;

use git2::{FileMode, ObjectType, Oid, Repository};

use crate::error::Result;

use super::failure::shown;
use super::merge::changes;
use super::stage::{objects_of, tree_of};

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) id: Oid,
    /// Which kind of thing it is: a file, one that can be executed, a link, a submodule.
    mode: FileMode,
}

impl Side {
    pub(crate) fn is_file(self) -> bool {
        self.is_plain() || self.mode == FileMode::BlobExecutable
    }

    /// A file that nothing executes. What stands behind a link or in a submodule cannot be read here.
    pub(crate) fn is_plain(self) -> bool {
        matches!(self.mode, FileMode::Blob | FileMode::BlobGroupWritable)
    }

    pub(crate) fn is_same_kind(self, other: Self) -> bool {
        self.mode == other.mode
    }
}

/// One path that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    /// With `/` between the parts. Bytes that are no text are replaced.
    pub(crate) path: String,
    /// `None`: it is new.
    pub(crate) old: Option<Side>,
    /// `None`: it is gone.
    pub(crate) new: Option<Side>,
}

/// The difference of two commits. The work tree says only where the objects are: they have the names of their contents, so that
/// nobody who writes into the tree can make this difference another one.
pub(crate) struct Difference {
    repo: Repository,
    base: Oid,
    changed: Vec<Changed>,
}

impl Difference {
    /// Reads which paths differ. Renamed files are gone under one name and new under the other.
    ///
    /// # Errors
    /// When the directory belongs to no repository that has both commits.
    pub(crate) fn between(work_tree: &Path, base: Oid, commit: Oid) -> Result<Self> {
        let repo = objects_of(work_tree)?;
        let changes = changes(&repo, &tree_of(&repo, base)?, &tree_of(&repo, commit)?)?;
        let side = |(id, mode)| Side { id, mode };
        let changed = changes
            .into_iter()
            .map(|change| Changed {
                path: shown(&change.path),
                old: change.old.map(side),
                new: change.new.map(side),
            })
            .collect();
        Ok(Self {
            repo,
            base,
            changed,
        })
    }

    /// The paths, sorted.
    pub(crate) fn paths(&self) -> &[Changed] {
        &self.changed
    }

    /// The text of a file that is no longer than `limit`; `None` for anything else.
    pub(crate) fn text(&self, id: Oid, limit: usize) -> Option<String> {
        let odb = self.repo.odb().ok()?;
        let (length, kind) = odb.read_header(id).ok()?;
        if kind != ObjectType::Blob || length > limit {
            return None;
        }
        let object = odb.read(id).ok()?;
        String::from_utf8(object.data().to_vec()).ok()
    }

    /// What the base has under some paths.
    ///
    /// # Errors
    /// When its objects cannot be read.
    pub(crate) fn base(&self) -> Result<Names<'_>> {
        let tree = tree_of(&self.repo, self.base)?;
        Ok(Names {
            repo: &self.repo,
            tree,
        })
    }
}

/// Links on the way to a file that are followed.
const MAX_LINKS: usize = 16;

/// Bytes of a link's target that are read.
const LONGEST_LINK: usize = 4096;

/// Where a path leads to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Way {
    /// The links on the way, and the file at its end.
    pub(crate) paths: Vec<String>,
    /// There is a directory at its end instead.
    pub(crate) is_directory: bool,
}

/// The names that a tree has.
pub(crate) struct Names<'a> {
    repo: &'a Repository,
    tree: git2::Tree<'a>,
}

impl Names<'_> {
    /// Goes along a path as a file system would; `None` where it leads to nothing, or out of the tree.
    pub(crate) fn follow(&self, path: &str) -> Option<Way> {
        let mut way = Way::default();
        let mut done: Vec<String> = Vec::new();
        let mut left = parts(path);
        let mut links = 0;
        while let Some(part) = left.pop() {
            if part == ".." {
                done.pop()?;
                continue;
            }
            done.push(part);
            let here = done.join("/");
            let entry = self.tree.get_path(Path::new(&here)).ok()?;
            match entry.kind() {
                Some(ObjectType::Tree) => {}
                Some(ObjectType::Blob) if entry.filemode() == i32::from(FileMode::Link) => {
                    links += 1;
                    let target = self.repo.find_blob(entry.id()).ok()?;
                    let target = target.content();
                    if links > MAX_LINKS || target.len() > LONGEST_LINK || target.starts_with(b"/")
                    {
                        return None;
                    }
                    left.extend(parts(std::str::from_utf8(target).ok()?));
                    way.paths.push(here);
                    done.pop();
                }
                Some(ObjectType::Blob) if left.is_empty() => {
                    way.paths.push(here);
                    return Some(way);
                }
                _ => return None,
            }
        }
        way.is_directory = true;
        Some(way)
    }
}

/// The parts of a path, the first one last.
fn parts(path: &str) -> Vec<String> {
    let parts = path.split('/').rev();
    let parts = parts.filter(|part| !matches!(*part, "" | "."));
    parts.map(ToOwned::to_owned).collect()
}
