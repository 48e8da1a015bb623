//! Takes values out of the tree and collects everything that is wrong.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aura_core::Problem;

use super::tree::{Data, Entry, Node, Place};

/// Longest time that a setting may name, in seconds: a year.
const MAX_SECONDS: u64 = 365 * 24 * 3600;

/// The problems found so far.
pub(super) struct Reader {
    file: PathBuf,
    pub(super) problems: Vec<Problem>,
}

/// A key that this version knows, and whether it honours it.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) supported: bool,
}

/// A key that is honoured.
pub(super) const fn key(name: &'static str) -> Key {
    Key {
        name,
        supported: true,
    }
}

/// A key that is part of the format and that this version refuses rather than ignores.
pub(super) const fn later(name: &'static str) -> Key {
    Key {
        name,
        supported: false,
    }
}

impl Reader {
    pub(super) fn new(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            problems: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, at: Place, problem: Problem) {
        let problem = problem.at(at.0, at.1);
        self.problems.push(Problem {
            file: Some(self.file.clone()),
            ..problem
        });
    }

    fn wrong(&mut self, node: &Node, what: &str, wanted: &str) {
        let message = format!("{what} is {wanted}, not {}", node.data.kind());
        self.push(node.at, Problem::error("wrong_type", message));
    }

    /// The entries of a mapping whose keys are all known. Unknown keys and those of later versions are problems.
    pub(super) fn fields<'a>(
        &mut self,
        node: &'a Node,
        what: &str,
        known: &[Key],
    ) -> Vec<(&'static str, &'a Node)> {
        let mut found = Vec::new();
        for entry in self.entries(node, what) {
            let Some(key) = known.iter().find(|key| key.name == entry.key) else {
                self.unknown(entry, what, known);
                continue;
            };
            if key.supported {
                found.push((key.name, &entry.value));
            } else {
                let message = format!("`{}` of {what} is not supported by this version", key.name);
                self.push(
                    entry.at,
                    Problem::error("unsupported_key", message)
                        .help("remove it: a setting without an effect would mislead"),
                );
            }
        }
        found
    }

    /// The entries of a mapping with keys of the author's choice.
    pub(super) fn entries<'a>(&mut self, node: &'a Node, what: &str) -> &'a [Entry] {
        match &node.data {
            Data::Map(entries) => entries,
            Data::Null => &[],
            _ => {
                self.wrong(node, what, "a mapping");
                &[]
            }
        }
    }

    fn unknown(&mut self, entry: &Entry, what: &str, known: &[Key]) {
        let message = format!("{what} has no key `{}`", entry.key);
        let honoured = || known.iter().filter(|key| key.supported).map(|key| key.name);
        let help = closest(&entry.key, known.iter().map(|key| key.name)).map_or_else(
            || format!("known keys: {}", honoured().collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        self.push(entry.at, Problem::error("unknown_key", message).help(help));
    }

    pub(super) fn list<'a>(&mut self, node: &'a Node, what: &str) -> &'a [Node] {
        if let Data::List(items) = &node.data {
            return items;
        }
        self.wrong(node, what, "a list");
        &[]
    }

    pub(super) fn text<'a>(&mut self, node: &'a Node, what: &str) -> Option<&'a str> {
        match &node.data {
            Data::Text(text) if text.trim().is_empty() => {
                let message = format!("{what} is empty");
                self.push(node.at, Problem::error("empty", message));
                None
            }
            Data::Text(text) => Some(text),
            _ => {
                self.wrong(node, what, "a text");
                None
            }
        }
    }

    pub(super) fn flag(&mut self, node: &Node, what: &str) -> Option<bool> {
        if let Data::Bool(value) = node.data {
            return Some(value);
        }
        self.wrong(node, what, "true or false");
        None
    }

    /// A whole number within bounds, both included.
    pub(super) fn number(&mut self, node: &Node, what: &str, least: u64, most: u64) -> Option<u64> {
        match node.data {
            Data::Whole(value) if (least..=most).contains(&value) => Some(value),
            Data::Whole(_) | Data::OtherNumber(_) => {
                let message = format!("{what} is a whole number from {least} to {most}");
                self.push(node.at, Problem::error("out_of_range", message));
                None
            }
            _ => {
                self.wrong(node, what, "a whole number");
                None
            }
        }
    }

    /// An amount of money above 0.
    pub(super) fn dollars(&mut self, node: &Node, what: &str) -> Option<f64> {
        let amount = match node.data {
            Data::Whole(value) => value as f64,
            Data::OtherNumber(value) => value,
            _ => {
                self.wrong(node, what, "a number");
                return None;
            }
        };
        if amount.is_finite() && amount > 0.0 {
            return Some(amount);
        }
        let message = format!("{what} is an amount above 0");
        self.push(node.at, Problem::error("out_of_range", message));
        None
    }

    pub(super) fn seconds(&mut self, node: &Node, what: &str) -> Option<Duration> {
        self.number(node, &format!("{what} in seconds"), 1, MAX_SECONDS)
            .map(Duration::from_secs)
    }

    /// Names of environment variables, each with a `*` at its end at the most.
    pub(super) fn variables(&mut self, node: &Node, what: &str) -> Vec<String> {
        let mut names = Vec::new();
        for item in self.list(node, what) {
            let Some(name) = self.text(item, &format!("a name in {what}")) else {
                continue;
            };
            if let Err(why) = crate::settings::check_variable(name) {
                self.push(item.at, Problem::error("not_a_name", why));
            } else {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        node: &Node,
        what: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(node, what)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let message = format!("{what} is one of {}; not `{text}`", known.join(", "));
            self.push(node.at, Problem::error("unknown_value", message));
        }
        found.map(|(_, value)| *value)
    }

    /// Program and arguments. A bare text is refused: nobody would know which shell reads it.
    pub(super) fn command(&mut self, node: &Node, what: &str) -> Option<Vec<String>> {
        if let Data::Text(text) = &node.data {
            let help = match crate::words::split(text) {
                Ok(words) => format!("write [{}]", words.join(", ")),
                Err(_) => "write it as a list of words".to_owned(),
            };
            let message = format!("{what} is a list of words; no shell is run");
            self.push(node.at, Problem::error("wrong_type", message).help(help));
            return None;
        }
        let before = self.problems.len();
        let items = self.list(node, what);
        let mut words = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match &item.data {
                Data::Text(text) if index > 0 || !text.trim().is_empty() => {
                    words.push(text.clone());
                }
                Data::Whole(number) => words.push(number.to_string()),
                _ => {
                    let message = format!("word {} of {what} is not a text", index + 1);
                    self.push(
                        item.at,
                        Problem::error("wrong_type", message).help("put quotes around it"),
                    );
                }
            }
        }
        if self.problems.len() > before {
            return None;
        }
        if words.is_empty() {
            let message = format!("{what} has no program");
            self.push(node.at, Problem::error("empty", message));
            return None;
        }
        Some(words)
    }
}

/// The known name that `word` is most likely a misspelling of.
fn closest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let fold = |text: &str| -> Vec<char> {
        let plain = text.chars().filter(|c| !matches!(c, '_' | '-'));
        plain.flat_map(char::to_lowercase).collect()
    };
    let word = fold(word);
    if word.len() > 64 {
        return None;
    }
    known
        .map(|name| (distance(&word, &fold(name)), name))
        .filter(|(distance, _)| *distance <= (word.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
