//! The difference of two commits as text, for a judge who reads it.

use std::ops::ControlFlow;
use std::path::Path;

use git2::{DiffOptions, ObjectType, Oid, Patch, Repository};

use crate::error::Result;

use super::failure::{During, shown};
use super::merge::changes;
use super::stage::{objects_of, tree_of};

/// Bytes of a file beyond which it is not compared line by line.
const LONGEST: usize = 4 * 1024 * 1024;

/// Bytes at the start of a file in which a zero byte makes it binary, as git has it.
const SNIFFED: usize = 8000;

/// What changed in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilePatch {
    /// With `/` between the parts. Bytes that are no text are replaced.
    pub(crate) path: String,
    /// One line: added, deleted or changed, with the modes where they differ.
    pub(crate) what: String,
    /// A unified difference; `Err` says why there is none.
    pub(crate) text: std::result::Result<String, String>,
}

/// Shows `visit` what changed between two commits, file by file and sorted by path, until it breaks; the number says how many files
/// come after this one. Renamed files are gone under one name and new under the other. The work tree says only where the objects
/// are: nothing in it, attributes of files included, can make this difference another one. Blocks; only one file is in memory at a
/// time.
///
/// # Errors
/// `Git` when `work_tree` lies in no repository, or an object is missing or damaged.
pub(crate) fn patches(
    work_tree: &Path,
    base: Oid,
    commit: Oid,
    mut visit: impl FnMut(FilePatch, usize) -> ControlFlow<()>,
) -> Result<()> {
    let repo = objects_of(work_tree)?;
    let changes = changes(&repo, &tree_of(&repo, base)?, &tree_of(&repo, commit)?)?;
    for (change, left) in changes.iter().zip((0..changes.len()).rev()) {
        let mode = |side: Option<(Oid, git2::FileMode)>| side.map(|(_, mode)| i32::from(mode));
        let what = match (mode(change.old), mode(change.new)) {
            (None, Some(new)) => format!("added, mode {new:o}"),
            (Some(_), None) => "deleted".to_owned(),
            (Some(old), Some(new)) if old != new => {
                format!("changed, mode {old:o} becomes {new:o}")
            }
            _ => "changed".to_owned(),
        };
        let id = |side: Option<(Oid, git2::FileMode)>| side.map(|(id, _)| id);
        let patch = FilePatch {
            path: shown(&change.path),
            what,
            text: compare(&repo, id(change.old), id(change.new))?,
        };
        if visit(patch, left).is_break() {
            break;
        }
    }
    Ok(())
}

/// Compares contents alone, since attributes are part of what is judged and could call a text binary.
fn compare(
    repo: &Repository,
    old: Option<Oid>,
    new: Option<Oid>,
) -> Result<std::result::Result<String, String>> {
    let odb = repo.odb().during("open the objects")?;
    let mut sides = [Vec::new(), Vec::new()];
    for (side, id) in sides.iter_mut().zip([old, new]) {
        let Some(id) = id else { continue };
        // A commit of another repository is not among the objects.
        let Ok((length, kind)) = odb.read_header(id) else {
            return Ok(Err(format!("an embedded repository at {id}")));
        };
        if kind != ObjectType::Blob {
            return Ok(Err(format!("an embedded repository at {id}")));
        }
        if length > LONGEST {
            return Ok(Err(format!("a file of {length} bytes")));
        }
        let object = odb.read(id).during(format!("read object {id}"))?;
        if object.data().iter().take(SNIFFED).any(|byte| *byte == 0) {
            return Ok(Err(format!("a binary file of {length} bytes")));
        }
        *side = object.data().to_vec();
    }
    let mut options = DiffOptions::new();
    options.force_text(true).context_lines(5);
    let [old, new] = &sides;
    let mut patch = Patch::from_buffers(old, None, new, None, Some(&mut options))
        .during("compare two files")?;
    let text = patch.to_buf().during("write a difference")?;
    let text = String::from_utf8_lossy(&text).into_owned();
    // Four lines of a header that names no file, since these are contents alone.
    Ok(Ok(text
        .find("@@ ")
        .map_or_else(String::new, |at| text[at..].to_owned())))
}
