//! What a repository says is no secret.

use globset::{GlobBuilder, GlobMatcher};

use super::scan::scanner;

/// The list, in the repository.
pub(super) const PATH: &str = ".aura/secrets-allow";
/// Bytes that the list may have.
pub(super) const LARGEST: usize = 1024 * 1024;

/// Files, and what may stand in them.
#[derive(Debug, Default)]
pub(super) struct Allowed(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    files: GlobMatcher,
    /// `None`: whatever is found.
    rule: Option<String>,
}

impl Allowed {
    /// Reads a list: a pattern of paths a line, with the name of a rule after it or without; `#` begins a comment. `is_rule` says which
    /// words name one. The error names the line.
    pub(super) fn parse(text: &str, is_rule: impl Fn(&str) -> bool) -> Result<Self, String> {
        let mut entries = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // Paths may have blanks; names of rules have none.
            let (files, rule) = match line.rsplit_once([' ', '\t']) {
                Some((files, rule)) if is_rule(rule) => (files.trim_end(), Some(rule.to_owned())),
                _ => (line, None),
            };
            let glob = GlobBuilder::new(files).literal_separator(true).build();
            let glob = glob.map_err(|error| format!("{PATH}, line {}: {error}", at + 1))?;
            let files = glob.compile_matcher();
            entries.push(Entry { files, rule });
        }
        Ok(Self(entries))
    }

    /// Whether the rule may find what it likes in that file.
    pub(super) fn has(&self, path: &str, rule: &str) -> bool {
        self.0.iter().any(|entry| {
            entry.rule.as_ref().is_none_or(|only| only == rule) && entry.files.is_match(path)
        })
    }
}

/// Whether a word names a rule that is built in.
pub(super) fn is_built_in(name: &str) -> bool {
    scanner().is_ok_and(|scanner| scanner.rules().any(|rule| rule.id == name))
}

/// Whether a word could name a rule of a program, and is no path.
pub(super) fn may_be_rule(name: &str) -> bool {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || one == '-' || one == '_';
    !name.is_empty() && name.chars().all(is_plain)
}
