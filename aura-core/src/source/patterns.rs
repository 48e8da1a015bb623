//! Patterns as files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{Error, ErrorKind, Problem, Result};
use crate::model::{MAX_PATTERN, MAX_PATTERNS, Patterns};

impl Patterns {
    /// Reads every file `NAME.md` of a directory. Other files and directories are nothing to it; a directory that is not there holds
    /// none.
    ///
    /// # Errors
    /// `InvalidConfig` with every problem at once, each with its file: as [`Patterns::new`], and for a link or a text that is not
    /// UTF-8. `Io` where something cannot be read.
    pub fn load(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(Error::io("read", directory, error)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry
                .map_err(|error| Error::io("read", directory, error))?
                .path();
            if path.extension().is_some_and(|ending| ending == "md") && !path.is_dir() {
                files.push(path);
            }
        }
        files.sort();
        // One more shows that there are too many.
        files.truncate(MAX_PATTERNS + 1);
        let mut patterns = Self::default();
        let mut problems = Vec::new();
        for file in files {
            if let Err(problem) = one(&mut patterns, &file)? {
                problems.push(Problem {
                    file: Some(file),
                    ..*problem
                });
            }
        }
        if problems.is_empty() {
            return Ok(patterns);
        }
        Err(Error::from_problems(ErrorKind::InvalidConfig, problems))
    }
}

fn one(patterns: &mut Patterns, file: &Path) -> Result<Result<(), Box<Problem>>> {
    let refuse = |message: &str, help: &str| {
        let problem = Problem::error("invalid_pattern", message).help(help);
        Ok(Err(Box::new(problem)))
    };
    let kind = std::fs::symlink_metadata(file).map_err(|error| Error::io("read", file, error))?;
    // Whatever a repository links to must not get into prompts.
    if !kind.is_file() {
        return refuse(
            "a pattern has to be a plain file",
            "put the text itself there",
        );
    }
    let mut bytes = Vec::new();
    File::open(file)
        .map_err(|error| Error::io("read", file, error))?
        .take(MAX_PATTERN as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io("read", file, error))?;
    let too_long = bytes.len() > MAX_PATTERN;
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        // Cut within a character; that it is too long is said below.
        Err(error) if too_long => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        Err(_) => return refuse("the file is not encoded in UTF-8", "save it as UTF-8"),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    Ok(patterns.add(&name, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_of_the_directory_is_a_pattern() {
        let folder = tempfile::tempdir().expect("a directory");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("endpoint.md"), "\u{feff}# An endpoint\n").expect("written");
        std::fs::write(at("model.md"), "A model\n").expect("written");
        std::fs::write(at("notes.txt"), [0xff]).expect("written");
        std::fs::create_dir(at("old.md")).expect("made");
        let found = Patterns::load(folder.path()).expect("patterns");
        let expected = Patterns::new([("endpoint", "# An endpoint\n"), ("model", "A model\n")]);
        assert_eq!(found, expected.expect("patterns"));
        let none = Patterns::load(at("nowhere")).expect("nothing");
        assert_eq!(none, Patterns::default());
    }

    #[test]
    fn what_cannot_be_one_is_refused_with_its_file() {
        let folder = tempfile::tempdir().expect("a directory");
        let at = |name: &str| folder.path().join(name);
        let secret = at("secret");
        std::fs::write(&secret, "s").expect("written");
        std::os::unix::fs::symlink(&secret, at("link.md")).expect("linked");
        std::fs::write(at("a b.md"), "text").expect("written");
        std::fs::write(at("binary.md"), [0xff]).expect("written");
        std::fs::write(at("empty.md"), "").expect("written");
        std::fs::write(at("large.md"), "é".repeat(MAX_PATTERN)).expect("written");
        std::fs::write(at("sound.md"), "text").expect("written");
        let error = Patterns::load(folder.path()).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        let files: Vec<_> = error
            .problems()
            .iter()
            .map(|problem| {
                let file = problem.file.as_ref().expect("a file");
                let name = file.file_name().expect("a name").to_string_lossy();
                (name.into_owned(), problem.code.to_string())
            })
            .collect();
        let invalid = ["a b.md", "binary.md", "empty.md", "large.md", "link.md"];
        let expected = invalid.map(|name| (name.to_owned(), "invalid_pattern".to_owned()));
        assert_eq!(files, expected);
    }
}
