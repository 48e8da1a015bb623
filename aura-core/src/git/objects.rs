//! Moving objects between the user's repository and Aura's, without processes and without alternates.
//!
//! Towards Aura whole object files are hard-linked (copied across file systems): immutable files,
//! each side deletes only its own name. Towards the user only the new objects of one commit are
//! written, children before parents, so that an interrupted copy never leaves a hole below an object.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, Repository, Tree};

use crate::error::{Error, ErrorKind, Result};

use super::command::GitCommand;
use super::failure::{AtPath, During};
use super::history;

/// How often the listing is repeated when files vanish meanwhile (a `gc` of the user is running).
const LINK_TRIES: u32 = 10;

/// Links all object files of the repository `from` (its common directory) and of everything it
/// borrows from into the repository `to`, and its shallow boundary.
pub(super) fn link(from: &Path, to: &Path) -> Result<()> {
    let target = to.join("objects");
    let mut sources = Vec::new();
    find_stores(&from.join("objects"), &mut sources)?;
    for source in &sources {
        let mut tries = 0;
        // Loose files come first: git packs an object before it deletes the loose one.
        while !(link_loose(source, &target)? & link_packs(source, &target)?) {
            tries += 1;
            if tries == LINK_TRIES {
                return Err(Error::new(
                    ErrorKind::Git,
                    format!("the objects in {} change all the time", source.display()),
                )
                .with_help("wait until git's maintenance of the repository has finished"));
            }
        }
    }
    copy_shallow(from, to)
}

fn copy_shallow(from: &Path, to: &Path) -> Result<()> {
    let (theirs, ours) = (from.join("shallow"), to.join("shallow"));
    match std::fs::read(&theirs) {
        Ok(content) => std::fs::write(&ours, content).at("write", &ours),
        Err(_) if ours.exists() => std::fs::remove_file(&ours).at("remove", &ours),
        Err(_) => Ok(()),
    }
}

fn find_stores(store: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let store = std::fs::canonicalize(store).at("resolve", store)?;
    if found.contains(&store) {
        return Ok(());
    }
    let list = std::fs::read_to_string(store.join("info/alternates")).unwrap_or_default();
    found.push(store.clone());
    for line in list
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        find_stores(&store.join(line), found)?;
    }
    Ok(())
}

/// Returns whether nothing vanished meanwhile.
fn link_loose(source: &Path, target: &Path) -> Result<bool> {
    let mut complete = true;
    for number in 0..=255_u8 {
        let name = format!("{number:02x}");
        let names = list(&source.join(&name))?;
        if names.is_empty() {
            continue;
        }
        let present: HashSet<_> = list(&target.join(&name))?.into_iter().collect();
        let is_object = |file: &&std::ffi::OsString| {
            file.len() == 38
                && file
                    .to_string_lossy()
                    .bytes()
                    .all(|b| b.is_ascii_hexdigit())
        };
        for file in names
            .iter()
            .filter(is_object)
            .filter(|file| !present.contains(*file))
        {
            complete &= link_file(source, target, &Path::new(&name).join(file))?;
        }
    }
    Ok(complete)
}

fn link_packs(source: &Path, target: &Path) -> Result<bool> {
    let present: BTreeSet<_> = list(&target.join("pack"))?.into_iter().collect();
    let mut complete = true;
    for name in list(&source.join("pack"))? {
        let index = Path::new(&name);
        if index.extension() != Some(OsStr::new("idx")) || present.contains(&name) {
            continue;
        }
        // A pack counts once its index is there, so that comes last.
        for extension in ["pack", "rev", "idx"] {
            let file = Path::new("pack").join(index.with_extension(extension));
            let linked = link_file(source, target, &file)?;
            complete &= linked || extension == "rev";
            if !linked && extension == "pack" {
                break;
            }
        }
    }
    Ok(complete)
}

fn list(directory: &Path) -> Result<Vec<std::ffi::OsString>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == Io::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).at("read", directory),
    };
    entries
        .map(|entry| entry.map(|entry| entry.file_name()).at("read", directory))
        .collect()
}

/// Links or copies one file; `false` when it is gone.
fn link_file(source: &Path, target: &Path, name: &Path) -> Result<bool> {
    let (from, to) = (source.join(name), target.join(name));
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).at("create", parent)?;
    }
    match std::fs::hard_link(&from, &to) {
        Ok(()) => return Ok(true),
        Err(error) if error.kind() == Io::AlreadyExists => return Ok(true),
        Err(error) if error.kind() == Io::NotFound => return Ok(false),
        // Another file system, or one without hard links.
        Err(_) => {}
    }
    let aside = to.with_extension("aura-copy");
    match std::fs::copy(&from, &aside) {
        Ok(_) => {}
        Err(error) if error.kind() == Io::NotFound => return Ok(false),
        Err(error) => return Err(error).at("copy", &from),
    }
    File::open(&aside)
        .and_then(|file| file.sync_all())
        .at("flush", &aside)?;
    std::fs::rename(&aside, &to).at("move into place", &aside)?;
    Ok(true)
}

/// Writes what `commit` needs and no ref of `to` reaches into `to`; returns the number of objects.
pub(super) fn publish(
    from: &Repository,
    from_command: GitCommand,
    to: &Repository,
    to_common: &Path,
    commit: Oid,
) -> Result<usize> {
    let mut known = BTreeSet::new();
    for reference in to.references().during("list refs")? {
        let target = reference
            .ok()
            .and_then(|reference| reference.peel_to_commit().ok());
        if let Some(tip) = target
            && from.find_commit(tip.id()).is_ok()
        {
            known.insert(tip.id());
        }
    }
    let mut copy = Copy {
        from,
        to: to.odb().during("open the user's objects")?,
        written: Vec::new(),
    };
    for id in history::new_commits(from_command, commit, known)? {
        let commit = from.find_commit(id).during("read a new commit")?;
        let parents = commit
            .parents()
            .map(|parent| parent.tree())
            .collect::<Result<Vec<_>, _>>()
            .during("read the trees of parents")?;
        copy.tree(
            &commit.tree().during("read the tree of a new commit")?,
            &parents,
        )?;
        copy.object(id)?;
    }
    for id in &copy.written {
        flush_loose(to_common, *id);
    }
    Ok(copy.written.len())
}

struct Copy<'a> {
    from: &'a Repository,
    to: git2::Odb<'a>,
    written: Vec<Oid>,
}

impl Copy<'_> {
    /// Writes a tree and what it holds, but what one of the same-named `parents` holds too.
    fn tree(&mut self, tree: &Tree<'_>, parents: &[Tree<'_>]) -> Result<()> {
        if parents.iter().any(|parent| parent.id() == tree.id()) {
            return Ok(());
        }
        for entry in tree {
            let known: Vec<_> = parents
                .iter()
                .filter_map(|parent| parent.get_name_bytes(entry.name_bytes()))
                .collect();
            if known.iter().any(|other| other.id() == entry.id()) {
                continue;
            }
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let subtree = self.from.find_tree(entry.id()).during("read a tree")?;
                    let below: Vec<_> = known
                        .iter()
                        .filter_map(|other| self.from.find_tree(other.id()).ok())
                        .collect();
                    self.tree(&subtree, &below)?;
                }
                Some(ObjectType::Blob) => self.object(entry.id())?,
                // The commit of a submodule lives in another repository.
                _ => {}
            }
        }
        self.object(tree.id())
    }

    /// Writes one object; where it is there already libgit2 renews its age, so that a `gc` spares it.
    fn object(&mut self, id: Oid) -> Result<()> {
        let odb = self.from.odb().during("open Aura's objects")?;
        let object = odb.read(id).during(format!("read object {id}"))?;
        self.to
            .write(object.kind(), object.data())
            .during(format!("write object {id} into the user's repository"))?;
        self.written.push(id);
        Ok(())
    }
}

/// Flushes the loose file of an object; one that lies in a pack is on disk already.
fn flush_loose(common_dir: &Path, id: Oid) {
    let hex = id.to_string();
    let file = common_dir.join("objects").join(&hex[..2]).join(&hex[2..]);
    drop(File::open(file).and_then(|file| file.sync_all()));
}
