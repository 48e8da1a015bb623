//! Texts that tasks follow by name.

use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind, Problem, Result};

/// Bytes of one pattern: it becomes part of a prompt.
pub(crate) const MAX_PATTERN: usize = 64 * 1024;
/// Patterns of one repository: all of their names become part of a prompt.
pub(crate) const MAX_PATTERNS: usize = 200;
/// Characters of a name.
const MAX_NAME: usize = 64;
/// Bytes of a first line, where only that is shown.
const SUMMARY: usize = 200;

/// Texts by name: how things of one kind are done in a repository. A decomposition is offered their names and first lines, and a
/// task that names one gets its text into its prompt.
///
/// Where an orchestrator has patterns, a plan that names one that is not there is refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patterns {
    texts: BTreeMap<String, String>,
}

impl Patterns {
    /// Patterns that a program brings along.
    ///
    /// # Errors
    /// `InvalidConfig` with every problem at once: names that are no simple words, texts that are empty or larger than 64 KiB,
    /// more than 200 patterns.
    pub fn new<N, T>(texts: impl IntoIterator<Item = (N, T)>) -> Result<Self>
    where
        N: Into<String>,
        T: Into<String>,
    {
        let mut problems = Vec::new();
        let mut patterns = Self::default();
        for (name, text) in texts {
            let name = name.into();
            match patterns.add(&name, text.into()) {
                Ok(()) => {}
                Err(problem) => problems.push(*problem),
            }
        }
        if problems.is_empty() {
            Ok(patterns)
        } else {
            Err(Error::from_problems(ErrorKind::InvalidConfig, problems))
        }
    }

    /// Adds one, unless something is wrong with it.
    pub(crate) fn add(&mut self, name: &str, text: String) -> Result<(), Box<Problem>> {
        let shown: String = name.chars().take(MAX_NAME).collect();
        let refuse = |code, message: String, help: &str| {
            Err(Box::new(Problem::error(code, message).help(help)))
        };
        if !is_name(name) {
            let help = "use up to 64 letters, digits, `-`, `_` and `.`, a letter or a digit first";
            return refuse(
                "invalid_pattern",
                format!("{shown:?} cannot be the name of a pattern"),
                help,
            );
        }
        if text.trim().is_empty() {
            let message = format!("the pattern `{shown}` is empty");
            return refuse("invalid_pattern", message, "write down what is to be done");
        }
        if text.len() > MAX_PATTERN {
            let message = format!(
                "the pattern `{shown}` is larger than {} KiB",
                MAX_PATTERN / 1024
            );
            return refuse("invalid_pattern", message, "split it, or name files in it");
        }
        if self.texts.len() >= MAX_PATTERNS && !self.texts.contains_key(name) {
            let message = format!("there are more than {MAX_PATTERNS} patterns");
            return refuse("too_many_patterns", message, "remove some");
        }
        self.texts.insert(name.to_owned(), text);
        Ok(())
    }

    /// The text of a pattern.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// All names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(String::as_str)
    }

    /// All names, each with its first line that says something.
    pub fn summaries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts
            .iter()
            .map(|(name, text)| (name.as_str(), summary(text)))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

/// It becomes part of prompts and stands for a file's name, so it can be neither a path nor markup.
fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn summary(text: &str) -> &str {
    let line = text
        .lines()
        .map(|line| line.trim_start_matches('#').trim())
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    let mut end = line.len().min(SUMMARY);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_found_by_name_and_told_by_their_first_line() {
        let long = "é".repeat(SUMMARY);
        let patterns = Patterns::new([
            ("b", "\n# Endpoints \n\nOne file each.\n".to_owned()),
            ("a.1_x", long),
        ])
        .expect("patterns");
        assert_eq!(patterns.names().collect::<Vec<_>>(), ["a.1_x", "b"]);
        assert_eq!(
            patterns.summaries().collect::<Vec<_>>(),
            [
                ("a.1_x", "é".repeat(SUMMARY / 2).as_str()),
                ("b", "Endpoints")
            ]
        );
        assert_eq!(
            patterns.text("b"),
            Some("\n# Endpoints \n\nOne file each.\n")
        );
        assert_eq!(patterns.text("c"), None);
    }

    #[test]
    fn what_cannot_be_a_pattern_is_refused_with_everything_that_is_wrong() {
        let long = "x".repeat(MAX_NAME + 1);
        for name in ["", "../x", ".x", "a/b", "a b", "a\n", "é", long.as_str()] {
            let error = Patterns::new([(name, "text")]).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert_eq!(error.problems()[0].code, "invalid_pattern");
        }
        let large = "x".repeat(MAX_PATTERN + 1);
        let error = Patterns::new([("a", " \n"), ("b", &large)]).expect_err("two problems");
        assert_eq!(error.problems().len(), 2);
        let many = (0..=MAX_PATTERNS).map(|number| (number.to_string(), "text"));
        let error = Patterns::new(many).expect_err("too many");
        assert_eq!(error.problems().len(), 1);
        assert_eq!(error.problems()[0].code, "too_many_patterns");
    }
}
