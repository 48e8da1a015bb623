//! The files of a folder. Links are not followed, so that nothing from elsewhere gets into a prompt and no way leads in a circle.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::name::{self, Name};
use crate::error::{Error, ErrorKind, Problem, Result};
use crate::plan::{Place, Problems};

/// Entries of the folder and its subfolders.
const MAX_ENTRIES: usize = 20_000;
/// Folders in one another.
const MAX_DEPTH: usize = 8;
/// Bytes of one file.
const MAX_FILE: u64 = 1024 * 1024;
/// Bytes of all files.
const MAX_TOTAL: usize = 64 * 1024 * 1024;

/// A text in Markdown that may be a story.
#[derive(Debug)]
pub(super) struct Found {
    /// As messages call it.
    pub(super) path: PathBuf,
    /// From the folder on.
    pub(super) inside: PathBuf,
    /// `None` where the name is not that of a story.
    pub(super) name: Option<Name>,
    /// The folder that it is in, where it is not the given one.
    pub(super) folder: Option<String>,
    pub(super) bytes: Vec<u8>,
}

/// Reads the folder, in the order of names. What is out of bounds is a problem.
///
/// # Errors
/// `NotFound` and `Io` for what cannot be read.
pub(super) fn read(folder: &Path, problems: &mut Problems) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    let (mut entries, mut total) = (0, 0);
    while let Some(inside) = waiting.pop() {
        let mut folders = Vec::new();
        for name in names(&folder.join(&inside))? {
            entries += 1;
            if entries > MAX_ENTRIES {
                let text = format!("the folder has more than {MAX_ENTRIES} entries");
                let problem = Problem::error("too_many_files", text);
                problems.push(problem.help("name the folder with the stories alone"), None);
                return Ok(Vec::new());
            }
            let place = inside.join(&name);
            let path = folder.join(&place);
            let kind = std::fs::symlink_metadata(&path)
                .map_err(|error| Error::io("read", &path, error))?;
            if kind.is_dir() {
                folders.push(place);
            } else if kind.is_symlink() && path.is_dir() {
                let text = "links to folders are not followed; stories in there are left out";
                tell(problems, path, Problem::warning("link", text));
            } else if name::is_markdown(&name) && !name::is_about_stories(&name) {
                let own = name::parse(&name);
                if !kind.is_file() {
                    // Whatever a repository links to must not get into prompts.
                    if own.is_some() {
                        refuse(
                            problems,
                            path,
                            "a story has to be a plain file",
                            "put the text itself there",
                        );
                    }
                    continue;
                }
                let Some(bytes) = bytes(&path, problems)? else {
                    continue;
                };
                total += bytes.len();
                if total > MAX_TOTAL {
                    let limit = MAX_TOTAL / (1024 * 1024);
                    let text = format!("the folder has more than {limit} MiB of text");
                    let problem = Problem::error("too_large", text);
                    problems.push(problem.help("name the folder with the stories alone"), None);
                    return Ok(Vec::new());
                }
                let last = inside
                    .file_name()
                    .map(|last| last.to_string_lossy().into_owned());
                found.push(Found {
                    path,
                    inside: place,
                    name: own,
                    folder: last,
                    bytes,
                });
            }
        }
        let is_deep = inside.components().count() >= MAX_DEPTH;
        if is_deep && !folders.is_empty() {
            let text = format!("folders are nested more than {MAX_DEPTH} levels deep");
            refuse(problems, folder.join(&inside), &text, "move the stories up");
            continue;
        }
        folders.reverse();
        waiting.append(&mut folders);
    }
    Ok(found)
}

/// The visible entries of one folder, sorted.
fn names(folder: &Path) -> Result<Vec<String>> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(
            ErrorKind::NotFound,
            format!("the folder {} does not exist", folder.display()),
        )
        .with_source(error),
        _ => Error::io("read the folder", folder, error),
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        // A name that is no text is not that of a story.
        if let Ok(name) = name.into_string()
            && !name.starts_with('.')
        {
            names.push(name);
        }
        if names.len() > MAX_ENTRIES {
            break;
        }
    }
    names.sort();
    Ok(names)
}

fn bytes(path: &Path, problems: &mut Problems) -> Result<Option<Vec<u8>>> {
    let failed = |error| Error::io("read", path, error);
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(failed)?
        .take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        let text = format!(
            "a story may have {} MiB; this is larger",
            MAX_FILE / (1024 * 1024)
        );
        refuse(
            problems,
            path.to_owned(),
            &text,
            "move what is not about the story elsewhere",
        );
        return Ok(None);
    }
    Ok(Some(bytes))
}

fn refuse(problems: &mut Problems, path: PathBuf, text: &str, help: &str) {
    tell(
        problems,
        path,
        Problem::error("unreadable_story", text).help(help),
    );
}

fn tell(problems: &mut Problems, path: PathBuf, problem: Problem) {
    let file = problems.add_file(path);
    problems.push(problem, Some(Place::new(1, 1).of_file(file)));
}
