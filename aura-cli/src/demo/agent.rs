//! The agent of the demo: a process that reads a prompt on standard input and edits the directory it is started in.
//!
//! It knows nothing but the prompt. Its first attempts are hasty: it corrects itself only when the prompt shows it a failing test,
//! and where the files hold conflict markers it keeps both sides.

use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use aura_core::{Error, ErrorKind, Result};

use super::directives::{Directive, Request};
use crate::output;

/// Reads the prompt and does what it asks for.
///
/// # Errors
/// `InvalidInput` where the prompt asks for nothing or for what cannot be done; `Io` where a file cannot be read or written.
pub(crate) fn run() -> Result<()> {
    let mut prompt = String::new();
    std::io::stdin()
        .read_to_string(&mut prompt)
        .map_err(|error| {
            Error::new(
                ErrorKind::Io,
                format!("the prompt could not be read: {error}"),
            )
        })?;
    let here = std::env::current_dir().map_err(|error| Error::io("find", Path::new("."), error))?;
    let done = work(&prompt, &here)?;
    output::line(done.join("\n"))
}

/// Does what the prompt asks for in `dir`, and says what it did.
fn work(prompt: &str, dir: &Path) -> Result<Vec<String>> {
    let request = Request::of(prompt);
    if request.directives.is_empty() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "the prompt asks for nothing that this agent understands",
        )
        .with_help("it only serves the demo's plan"));
    }
    let mut done = Vec::new();
    for path in named_files(&request.conflicts, dir) {
        edit(dir, &path, keep_both_sides)?;
        done.push(format!("kept both sides of the conflicts in {path}"));
    }
    for directive in &request.directives {
        done.extend(follow(directive, &request.evidence, dir)?);
    }
    if done.is_empty() {
        done.push("everything was in place already".to_owned());
    }
    Ok(done)
}

fn follow(directive: &Directive, evidence: &str, dir: &Path) -> Result<Option<String>> {
    match directive {
        Directive::Take(time) => {
            std::thread::sleep(*time);
            Ok(None)
        }
        Directive::Create { path, text } => {
            let file = inside(dir, path)?;
            if file.exists() {
                return Ok(None);
            }
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent).map_err(|error| Error::io("create", parent, error))?;
            }
            fs::write(&file, text).map_err(|error| Error::io("write", &file, error))?;
            Ok(Some(format!("created {path}")))
        }
        Directive::Add { path, below, text } => {
            let changed = edit(dir, path, |old| add_below(old, below, text))?;
            Ok(changed.then(|| format!("added to {path}")))
        }
        Directive::Correct {
            test,
            path,
            old,
            new,
        } => {
            if !evidence.contains(test.as_str()) {
                return Ok(None);
            }
            let changed = edit(dir, path, |text| text.replacen(old, new, 1))?;
            Ok(changed.then(|| format!("corrected {path}, because {test} failed")))
        }
    }
}

/// Changes a file; says whether that made a difference.
fn edit(dir: &Path, path: &str, change: impl FnOnce(&str) -> String) -> Result<bool> {
    let file = inside(dir, path)?;
    let old = fs::read_to_string(&file).map_err(|error| Error::io("read", &file, error))?;
    let new = change(&old);
    if new == old {
        return Ok(false);
    }
    fs::write(&file, new).map_err(|error| Error::io("write", &file, error))?;
    Ok(true)
}

fn inside(dir: &Path, path: &str) -> Result<PathBuf> {
    let is_plain = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if is_plain && !path.is_empty() {
        return Ok(dir.join(path));
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        format!("`{path}` is not a path below the current directory"),
    ))
}

/// The text with `addition` below the first line that reads `below`; unchanged where it stands already.
fn add_below(text: &str, below: &str, addition: &str) -> String {
    if text.contains(addition) {
        return text.to_owned();
    }
    let mut new = String::with_capacity(text.len() + addition.len());
    let mut is_added = false;
    for line in text.split_inclusive('\n') {
        new.push_str(line);
        if !is_added && line.trim_end_matches(['\r', '\n']) == below {
            new.push_str(addition);
            is_added = true;
        }
    }
    new
}

/// The text without conflict markers. Lines that both sides have stay once; of the others, those of the first side come first.
fn keep_both_sides(text: &str) -> String {
    let mut new = String::with_capacity(text.len());
    let mut sides: [Vec<&str>; 2] = [Vec::new(), Vec::new()];
    let mut place = Place::Outside;
    for line in text.split_inclusive('\n') {
        let marker = line.trim_end();
        let starts = |mark: &str| marker == mark || marker.starts_with(&format!("{mark} "));
        match place {
            Place::Outside if starts("<<<<<<<") => place = Place::First,
            Place::Outside => new.push_str(line),
            Place::First if starts("|||||||") => place = Place::Base,
            Place::First | Place::Base if marker == "=======" => place = Place::Second,
            Place::First => sides[0].push(line),
            Place::Base => {}
            Place::Second if starts(">>>>>>>") => {
                place = Place::Outside;
                let [first, second] = std::mem::take(&mut sides);
                unite(&first, &second, &mut new);
            }
            Place::Second => sides[1].push(line),
        }
    }
    new
}

#[derive(Clone, Copy)]
enum Place {
    Outside,
    First,
    Base,
    Second,
}

/// The shortest text that has both as subsequences of its lines.
fn unite(first: &[&str], second: &[&str], text: &mut String) {
    // Lengths of the longest common subsequences of the ends of both.
    let mut common = vec![vec![0_usize; second.len() + 1]; first.len() + 1];
    for i in (0..first.len()).rev() {
        for j in (0..second.len()).rev() {
            common[i][j] = if first[i] == second[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < first.len() || j < second.len() {
        if i < first.len() && j < second.len() && first[i] == second[j] {
            text.push_str(first[i]);
            (i, j) = (i + 1, j + 1);
        } else if j == second.len() || i < first.len() && common[i + 1][j] >= common[i][j + 1] {
            text.push_str(first[i]);
            i += 1;
        } else {
            text.push_str(second[j]);
            j += 1;
        }
    }
}

/// The files that a text names, a line each.
fn named_files(text: &str, dir: &Path) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    for line in text.lines() {
        let name = line.trim().trim_start_matches("- ").trim_matches('`');
        let is_file = inside(dir, name).is_ok_and(|file| file.is_file());
        if is_file && !files.iter().any(|file| file == name) {
            files.push(name.to_owned());
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: &str = "## Description\n\nCreate `a/x.py`:\n```\nx = 1\n```\nIn `list`, below `# top`, add:\n```\nmine\n```\n\
        When `test_x` fails, replace in `a/x.py`:\n```\nx = 1\n```\nby:\n```\nx = 2\n```\n";

    fn directory() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("list"), "# top\nrest\n").expect("a file");
        dir
    }

    fn read(dir: &tempfile::TempDir, path: &str) -> String {
        fs::read_to_string(dir.path().join(path)).expect(path)
    }

    #[test]
    fn the_first_attempt_is_hasty_and_the_one_that_sees_the_failure_is_right() {
        let dir = directory();
        work(TASK, dir.path()).expect("done");
        assert_eq!(read(&dir, "a/x.py"), "x = 1\n");
        assert_eq!(read(&dir, "list"), "# top\nmine\nrest\n");

        let other = format!("{TASK}\n## Previous Attempt\n\nFAIL: test_y\n");
        work(&other, dir.path()).expect("done");
        assert_eq!(read(&dir, "a/x.py"), "x = 1\n");

        let shown = format!("{TASK}\n## Previous Attempt\n\nFAIL: test_x (tests.X)\n");
        let done = work(&shown, dir.path()).expect("done");
        assert_eq!(read(&dir, "a/x.py"), "x = 2\n");
        assert_eq!(done, ["corrected a/x.py, because test_x failed"]);

        // From a fresh start the mistake and its correction come together.
        let dir = directory();
        work(&shown, dir.path()).expect("done");
        assert_eq!(read(&dir, "a/x.py"), "x = 2\n");
    }

    #[test]
    fn both_sides_of_a_conflict_are_kept() {
        for (text, expected) in [
            (
                "# top\n<<<<<<< a (aura 1)\nyours\n=======\nmine\n>>>>>>> b (aura 2)\nrest\n",
                "# top\nyours\nmine\nrest\n",
            ),
            (
                "<<<<<<< a\nx\n||||||| base\nold\n=======\ny\n>>>>>>> b\n",
                "x\ny\n",
            ),
            (
                "<<<<<<< a\nx1\n\ntop {\nx2\n=======\ny1\n\ntop {\ny2\n>>>>>>> b\n}\n",
                "x1\ny1\n\ntop {\nx2\ny2\n}\n",
            ),
        ] {
            assert_eq!(keep_both_sides(text), expected);
        }
        let dir = directory();
        let conflict = "# top\n<<<<<<< a\nyours\n=======\nmine\n>>>>>>> b\nrest\n";
        fs::write(dir.path().join("list"), conflict).expect("a file");
        let prompt =
            format!("{TASK}\n## Conflicts to Repair\n\nIn these files:\n\n```\nlist\n```\n");
        let done = work(&prompt, dir.path()).expect("done");
        assert_eq!(read(&dir, "list"), "# top\nyours\nmine\nrest\n");
        assert_eq!(done[0], "kept both sides of the conflicts in list");
    }

    #[test]
    fn nothing_outside_the_directory_is_touched_and_nothing_is_made_up() {
        let dir = directory();
        let error =
            work("## Description\n\nCreate `../x`:\n```\n```\n", dir.path()).expect_err("outside");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(work("write me a compiler", dir.path()).is_err());
    }
}
