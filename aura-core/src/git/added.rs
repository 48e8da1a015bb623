//! The lines that one commit has and another has not. Reads objects and nothing else.

use std::ops::{ControlFlow, Range};
use std::path::Path;

use git2::{Delta, DiffFindOptions, DiffOptions, FileMode, ObjectType, Oid, Patch, Repository};

use crate::error::{Error, ErrorKind, Result};

use super::failure::{During, shown};
use super::stage::{objects_of, tree_of};

/// Larger files are named and not read.
pub(crate) const LARGEST: usize = 16 * 1024 * 1024;
/// Bytes of the beginning of a file in which a zero says that it is binary, as for git.
const BINARY_LOOK: usize = 8000;

/// What one file of the newer commit brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AddedFile {
    /// From the repository's root; what is no UTF-8 is replaced.
    pub(crate) path: String,
    /// What there is of it.
    pub(crate) content: AddedContent,
}

/// The part of a file that is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AddedContent {
    /// It has lines.
    Lines(AddedLines),
    /// It has a zero byte near its beginning and was not compared.
    Binary,
    /// It has more than [`LARGEST`] bytes, here how many, and was not compared.
    Huge(usize),
}

/// A file some of whose lines are new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AddedLines {
    /// All of it, of any encoding.
    pub(crate) file: Vec<u8>,
    /// The numbers of the new lines, from 1: runs without an old line between them, in order.
    pub(crate) new: Vec<Range<u32>>,
}

impl AddedLines {
    /// Whether any of these lines is new.
    pub(crate) fn any_new(&self, first: u32, last: u32) -> bool {
        let begins_later = self.new.partition_point(|run| run.end <= first);
        self.new
            .get(begins_later)
            .is_some_and(|run| run.start <= last)
    }
}

/// Shows `visit` each file that has lines in `commit` and not in `base`, sorted by path, until it breaks.
///
/// A file that was renamed or copied is compared with what it was. Attributes and settings of the repository are not asked: they come with the
/// work that is looked at, and `-diff` would hide a file. Submodules have no lines. Blocks; only one file is in memory at a time.
///
/// # Errors
/// `Git` when `place` lies in no repository, or an object is missing or damaged.
pub(crate) fn added_lines(
    place: &Path,
    base: Oid,
    commit: Oid,
    mut visit: impl FnMut(AddedFile) -> ControlFlow<()>,
) -> Result<()> {
    let repo = objects_of(place)?;
    let (old, new) = (tree_of(&repo, base)?, tree_of(&repo, commit)?);
    let mut options = DiffOptions::new();
    options.include_typechange(true).skip_binary_check(true);
    let mut diff = repo
        .diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options))
        .during("compare two commits")?;
    let mut find = DiffFindOptions::new();
    find.renames(true).copies(true);
    diff.find_similar(Some(&mut find))
        .during("look for renamed files")?;
    for delta in diff.deltas() {
        let side = delta.new_file();
        let is_file = matches!(
            side.mode(),
            FileMode::Blob
                | FileMode::BlobExecutable
                | FileMode::BlobGroupWritable
                | FileMode::Link
        );
        if delta.status() == Delta::Deleted || !is_file {
            continue;
        }
        let was = delta.old_file();
        let was_file = !matches!(delta.status(), Delta::Added)
            && !matches!(
                was.mode(),
                FileMode::Commit | FileMode::Tree | FileMode::Unreadable
            );
        let content = compare(&repo, was_file.then(|| was.id()), side.id())?;
        if matches!(&content, AddedContent::Lines(lines) if lines.new.is_empty()) {
            continue;
        }
        let path = shown(side.path_bytes().unwrap_or_default());
        if visit(AddedFile { path, content }).is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// The content of a file in a commit; `None` where there is none. Blocks.
///
/// # Errors
/// `Git` when `place` lies in no repository, or an object is missing; `InvalidConfig` for more than `limit` bytes.
pub(crate) fn file_at(
    place: &Path,
    commit: Oid,
    path: &str,
    limit: usize,
) -> Result<Option<Vec<u8>>> {
    let repo = objects_of(place)?;
    let tree = tree_of(&repo, commit)?;
    let entry = match tree.get_path(Path::new(path)) {
        Ok(entry) if entry.kind() == Some(ObjectType::Blob) => entry,
        Ok(_) => return Ok(None),
        Err(error) if error.code() == git2::ErrorCode::NotFound => return Ok(None),
        Err(error) => return Err(error).during(format!("look for {path} in commit {commit}")),
    };
    if size_of(&repo, entry.id())? > limit {
        return Err(Error::new(
            ErrorKind::InvalidConfig,
            format!("{path} has more than {limit} bytes"),
        ));
    }
    let blob = repo.find_blob(entry.id()).during(format!("read {path}"))?;
    Ok(Some(blob.content().to_vec()))
}

fn size_of(repo: &Repository, id: Oid) -> Result<usize> {
    let odb = repo.odb().during("open the objects")?;
    let (size, _) = odb
        .read_header(id)
        .during(format!("read the size of {id}"))?;
    Ok(size)
}

fn compare(repo: &Repository, old: Option<Oid>, new: Oid) -> Result<AddedContent> {
    let size = size_of(repo, new)?;
    if size > LARGEST {
        return Ok(AddedContent::Huge(size));
    }
    let blob = |id| repo.find_blob(id).during(format!("read the file {id}"));
    let new = blob(new)?;
    if is_binary(new.content()) {
        return Ok(AddedContent::Binary);
    }
    // What could not be compared is wholly new.
    let old = match old {
        Some(old) if size_of(repo, old)? <= LARGEST => Some(blob(old)?),
        _ => None,
    };
    let old = old.as_ref().map_or(&[][..], |blob| blob.content());
    let file = new.content().to_vec();
    let new = if old.is_empty() {
        whole(&file)
    } else {
        differences(old, &file)?
    };
    Ok(AddedContent::Lines(AddedLines { file, new }))
}

fn is_binary(content: &[u8]) -> bool {
    content[..content.len().min(BINARY_LOOK)].contains(&0)
}

fn whole(content: &[u8]) -> Vec<Range<u32>> {
    let ends = content.iter().filter(|byte| **byte == b'\n').count();
    let open = usize::from(content.last().is_some_and(|byte| *byte != b'\n'));
    let count = u32::try_from(ends + open).unwrap_or(u32::MAX - 1);
    let all = 1..count + 1;
    (!all.is_empty()).then_some(all).into_iter().collect()
}

fn differences(old: &[u8], new: &[u8]) -> Result<Vec<Range<u32>>> {
    let mut options = DiffOptions::new();
    options.context_lines(0).force_text(true);
    let patch = Patch::from_buffers(old, None, new, None, Some(&mut options))
        .during("compare two versions of a file")?;
    let mut all: Vec<Range<u32>> = Vec::new();
    for hunk in 0..patch.num_hunks() {
        let count = patch.num_lines_in_hunk(hunk).during("read a difference")?;
        for line in 0..count {
            let line = patch.line_in_hunk(hunk, line).during("read a difference")?;
            let (true, Some(number)) = (line.origin() == '+', line.new_lineno()) else {
                continue;
            };
            match all.last_mut() {
                Some(run) if run.end == number => run.end += 1,
                _ => all.push(number..number + 1),
            }
        }
    }
    Ok(all)
}
