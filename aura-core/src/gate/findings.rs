//! What the output of builds and test runners says: how many tests ran, and what was found where.
//!
//! A verdict never depends on it alone: the output is written by the code under test, which may print anything.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use crate::model::{Finding, TestCounts};
use crate::text;

mod cargo;
mod compiler;
mod dotnet;
mod go;
mod node;
mod pytest;
#[cfg(test)]
mod tests;
pub(super) mod totals;
mod traceback;
mod unittest;

/// Findings that are kept; the log has the rest.
const MAX_FINDINGS: usize = 50;
/// Bytes of one message that are kept.
const MAX_MESSAGE: usize = 2000;
/// Lines of an explanation that are kept with a failed test.
const MAX_LINES: usize = 6;

type Parser = fn(&str, &Root) -> Parsed;

const PARSERS: &[Parser] = &[
    cargo::parse,
    pytest::parse,
    unittest::parse,
    go::parse,
    node::parse,
    dotnet::parse,
    compiler::parse,
];

/// What was read from an output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Parsed {
    /// The sum over all test runners that said so.
    pub(super) counts: Option<TestCounts>,
    /// What was found, without repetitions.
    pub(super) findings: Vec<Finding>,
    /// A test runner said that it found no test to run, and no other ran one.
    pub(super) ran_nothing: bool,
    /// A test runner named a test that failed, or counted one.
    pub(super) failed_tests: bool,
}

impl Parsed {
    fn add(&mut self, more: TestCounts) {
        let counts = self.counts.get_or_insert_default();
        counts.passed = counts.passed.saturating_add(more.passed);
        counts.failed = counts.failed.saturating_add(more.failed);
        counts.skipped = counts.skipped.saturating_add(more.skipped);
    }
}

/// Reads the end of an output, whose numbers are taken from the lines that [`totals`] picked out of all of it; there are none
/// where those are missing.
pub(super) fn parse_end(end: &str, root: &Path, totals: Option<&str>) -> Parsed {
    let mut parsed = parse(end, root, false);
    if let Some(totals) = totals {
        let all = parse(totals, root, true);
        parsed.counts = all.counts;
        parsed.ran_nothing = all.ran_nothing;
        parsed.failed_tests |= all.failed_tests;
    }
    parsed
}

/// Reads an output without control sequences. `complete` says whether it is whole: counts of a part would be a lie.
pub(super) fn parse(output: &str, root: &Path, complete: bool) -> Parsed {
    let root = Root::new(root);
    let mut all = Parsed::default();
    for parser in PARSERS {
        let one = parser(output, &root);
        if let Some(counts) = one.counts {
            all.add(counts);
        }
        all.findings.extend(one.findings);
        all.ran_nothing |= one.ran_nothing;
        all.failed_tests |= one.failed_tests;
    }
    all.failed_tests |= all.counts.is_some_and(|counts| counts.failed > 0);
    if all.findings.is_empty() {
        all.findings = traceback::parse(output, &root);
    }
    all.ran_nothing &= complete
        && all
            .counts
            .is_none_or(|counts| counts.passed == 0 && counts.failed == 0);
    if !complete {
        all.counts = None;
    }
    let mut seen = HashSet::new();
    all.findings
        .retain(|one| seen.insert((one.file.clone(), one.line, one.message.clone())));
    all.findings.truncate(MAX_FINDINGS);
    all
}

/// The directory that paths in the output are relative to, or below.
struct Root {
    given: PathBuf,
    canonical: Option<PathBuf>,
}

impl Root {
    fn new(given: &Path) -> Self {
        Self {
            given: given.to_owned(),
            canonical: given.canonicalize().ok(),
        }
    }

    /// A path of the repository, or `None` for one outside.
    fn relative(&self, path: &str) -> Option<String> {
        let path = Path::new(path.strip_prefix("file://").unwrap_or(path));
        let path = if path.is_absolute() {
            std::iter::once(&self.given)
                .chain(&self.canonical)
                .find_map(|root| path.strip_prefix(root).ok())?
        } else {
            path
        };
        let mut parts = Vec::new();
        for component in path.components() {
            match component {
                Component::Normal(part) => parts.push(part.to_str()?),
                Component::CurDir => {}
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
            }
        }
        (!parts.is_empty()).then(|| parts.join("/"))
    }

    /// Whether the repository has the file.
    fn has(&self, relative: &str) -> bool {
        self.given.join(relative).is_file()
    }
}

/// A finding without a place.
fn finding(message: &str) -> Finding {
    Finding {
        file: None,
        line: None,
        column: None,
        message: text::head(message.trim(), MAX_MESSAGE).to_owned(),
    }
}

/// A finding at a place, if that is in the repository; else without one.
fn finding_at(root: &Root, place: &Place<'_>, message: &str) -> Finding {
    let mut finding = finding(message);
    place.put(root, &mut finding);
    finding
}

/// A file as the output names it, with the line and the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place<'a> {
    file: &'a str,
    line: Option<u32>,
    column: Option<u32>,
}

impl<'a> Place<'a> {
    /// Reads `FILE:LINE:COLUMN` or `FILE:LINE`.
    fn parse(text: &'a str) -> Option<Self> {
        let (rest, last) = text.rsplit_once(':')?;
        let last = number(last)?;
        let (file, line, column) = match rest.rsplit_once(':') {
            Some((file, line)) if number(line).is_some() => (file, number(line), Some(last)),
            _ => (rest, Some(last), None),
        };
        (!file.is_empty()).then_some(Self { file, line, column })
    }

    fn put(&self, root: &Root, finding: &mut Finding) {
        if let Some(file) = root.relative(self.file) {
            finding.file = Some(file);
            finding.line = self.line;
            finding.column = self.line.and(self.column);
        }
    }
}

/// A line or a column: from 1.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number| *number > 0)
}

/// A count that a regular expression found to be digits.
fn count(text: &str) -> u64 {
    text.parse().unwrap_or(u64::MAX)
}

/// A regular expression that is part of this program.
fn regex(pattern: &str) -> regex::Regex {
    regex::Regex::new(pattern).expect("the expressions of this program are valid")
}
