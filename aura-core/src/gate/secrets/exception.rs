//! What a rule finds and does not mean.

use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use regex::bytes::RegexSet;
use serde::Deserialize;

use super::rule::compile_all;

/// Places, values and words that make a find none, in the form in which `gitleaks` writes them down.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Exception {
    /// For people.
    #[serde(rename = "description")]
    _description: String,
    condition: Condition,
    paths: Vec<String>,
    regex_target: Target,
    regexes: Vec<String>,
    stopwords: Vec<String>,
    #[serde(skip)]
    compiled: OnceLock<Compiled>,
}

/// How many of paths, expressions and words have to apply.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Condition {
    #[default]
    Or,
    And,
}

/// What the expressions are asked about.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Target {
    #[default]
    Secret,
    Match,
    Line,
}

#[derive(Debug)]
struct Compiled {
    paths: RegexSet,
    regexes: RegexSet,
    stopwords: AhoCorasick,
}

/// Something that an expression found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Find<'a> {
    /// The file.
    pub(super) path: &'a str,
    /// The secret.
    pub(super) secret: &'a [u8],
    /// All that the expression matched.
    pub(super) matched: &'a [u8],
    /// The lines that the match is in.
    pub(super) lines: &'a [u8],
}

impl Exception {
    /// Its paths as an exception of their own.
    pub(super) fn take_paths(&mut self) -> Self {
        Self {
            paths: std::mem::take(&mut self.paths),
            ..Self::default()
        }
    }

    /// Whether it covers all files of that path, whatever is found in them.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(super) fn covers_path(&self, path: &str) -> Result<bool, String> {
        Ok(self.compiled()?.paths.is_match(path.as_bytes()))
    }

    /// Whether it says that this is none.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(super) fn covers(&self, find: &Find<'_>) -> Result<bool, String> {
        let compiled = self.compiled()?;
        let asked = match self.regex_target {
            Target::Secret => find.secret,
            Target::Match => find.matched,
            Target::Line => find.lines,
        };
        let tests = [
            (
                self.paths.is_empty(),
                compiled.paths.is_match(find.path.as_bytes()),
            ),
            (self.regexes.is_empty(), compiled.regexes.is_match(asked)),
            (
                self.stopwords.is_empty(),
                compiled.stopwords.is_match(find.secret),
            ),
        ];
        let mut given = tests.iter().filter(|(is_empty, _)| !is_empty);
        Ok(match self.condition {
            Condition::Or => given.any(|(_, applies)| *applies),
            Condition::And => given.all(|(_, applies)| *applies),
        })
    }

    fn compiled(&self) -> Result<&Compiled, String> {
        if let Some(compiled) = self.compiled.get() {
            return Ok(compiled);
        }
        let set = |expressions: &[String]| {
            compile_all(expressions)
                .map_err(|error| format!("an exception of the rules cannot be used: {error}"))
        };
        let stopwords = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(&self.stopwords)
            .map_err(|error| format!("the stop words cannot be searched for: {error}"))?;
        let compiled = Compiled {
            paths: set(&self.paths)?,
            regexes: set(&self.regexes)?,
            stopwords,
        };
        Ok(self.compiled.get_or_init(|| compiled))
    }
}
