//! What a gate is and what it says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When a gate judges.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GateSchedule {
    /// Each task's own work, before it is integrated.
    AfterTask,
    /// Each candidate, before it is accepted.
    AfterWave,
    /// The whole result, in a workspace without any leftovers.
    Final,
}

/// What a gate run judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GatePoint {
    /// One task's sealed work, or the base it started from.
    Task,
    /// A candidate, or the accepted head it was built on.
    Candidate,
    /// The result of the story.
    Final,
}

/// What a green answer after a red one on the same tree means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlakyPolicy {
    /// Accepted, and named in the report.
    #[default]
    Accept,
    /// The run pauses.
    Refuse,
}

/// A gate as a run knows it. The code that judges is a [`Gate`](crate::Gate).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateDefinition {
    /// Unique among the gates of a story.
    pub name: String,
    /// Changes when the definition changes.
    pub digest: String,
    /// When it judges.
    pub at: Vec<GateSchedule>,
    /// `false`: its verdict is recorded and stops nothing.
    pub required: bool,
    /// What green after red means.
    #[serde(default)]
    pub flaky: FlakyPolicy,
    /// Longest time of one run, in milliseconds; past it the verdict is `Failed`.
    pub timeout_ms: u64,
    /// `true`: it runs tests, and is red on a candidate on which fewer of them run than on the accepted head.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counts_tests: bool,
    /// `true`: it reviews what was done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reviews: bool,
}

impl GateDefinition {
    /// Whether it judges at that point.
    pub fn judges(&self, schedule: GateSchedule) -> bool {
        self.at.contains(&schedule)
    }

    /// Whether it is what a plan requires that requires a review.
    pub const fn requires_review(&self) -> bool {
        self.required && self.reviews && !self.at.is_empty()
    }

    /// Whether a green answer of this gate says what one of `other` says.
    pub(crate) fn judges_as(&self, other: &Self) -> bool {
        (&self.name, &self.digest, self.counts_tests)
            == (&other.name, &other.digest, other.counts_tests)
    }

    /// Whether nothing that needs this gate has to be judged again where `earlier` judged.
    pub(crate) fn asks_no_more_than(&self, earlier: &Self) -> bool {
        !self.required
            || self.judges_as(earlier)
                && earlier.required
                && self.at.iter().all(|schedule| earlier.judges(*schedule))
    }
}

/// One thing a gate found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Path relative to the repository's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// What was found; for a failed test, its name and its message.
    pub message: String,
}

impl Finding {
    /// The first of them on one line, with its place and with how many more there are, as in `a.rs:3: message (and 2 more)`. Of place
    /// and message at most `most` characters, without control characters.
    pub fn summary(findings: &[Self], most: usize) -> Option<String> {
        let first = findings.first()?;
        let place = match (&first.file, first.line) {
            (Some(file), Some(line)) => format!("{file}:{line}: "),
            (Some(file), None) => format!("{file}: "),
            (None, _) => String::new(),
        };
        let mut lines = first.message.lines().map(str::trim);
        let message = lines.find(|line| !line.is_empty()).unwrap_or_default();
        let text = format!("{place}{message}");
        let mut all = text.chars().map(|character| match character {
            '\n' | '\t' => ' ',
            _ if character.is_control() => '\u{fffd}',
            _ => character,
        });
        let mut text: String = all.by_ref().take(most).collect();
        if all.next().is_some() {
            text.pop();
            text.push('…');
        }
        let more = match findings.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        Some(text + &more)
    }
}

/// How many tests ran, where the gate's output says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct TestCounts {
    /// Green ones.
    pub passed: u64,
    /// Red ones, errors included.
    pub failed: u64,
    /// Those that were not run.
    pub skipped: u64,
}

impl TestCounts {
    /// Those that were run, whatever came of it.
    pub const fn ran(&self) -> u64 {
        self.passed.saturating_add(self.failed)
    }
}

/// What a gate says about a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum GateVerdict {
    /// Green.
    Passed,
    /// Red: the work is at fault.
    Failed {
        /// What was found; may be empty when the output could not be parsed.
        findings: Vec<Finding>,
    },
    /// The gate itself is at fault, so nobody is blamed.
    Broken {
        /// What is wrong with it and what to do.
        why: String,
    },
    /// Red, then green on the same tree.
    Flaky {
        /// How often it ran on that tree.
        runs: u32,
    },
    /// Stopped before it could answer.
    Cancelled,
    /// A person has to decide.
    NeedsHuman {
        /// What about.
        why: String,
    },
}

impl GateVerdict {
    /// `Passed` or `Flaky`.
    pub const fn is_green(&self) -> bool {
        matches!(self, Self::Passed | Self::Flaky { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_summed_up_on_one_line() {
        let finding = |file: &str, line: u32, message: &str| Finding {
            file: Some(file.to_owned()).filter(|file| !file.is_empty()),
            line: Some(line).filter(|line| *line > 0),
            column: Some(7),
            message: message.to_owned(),
        };
        let one = finding("c1.txt", 1, "a secret");
        for (findings, expected) in [
            (vec![], None),
            (vec![one.clone()], Some("c1.txt:1: a secret")),
            (vec![one; 3], Some("c1.txt:1: a secret (and 2 more)")),
            (
                vec![finding("", 3, "\n  test_x: 1 != 2\nleft: 1")],
                Some("test_x: 1 != 2"),
            ),
            (vec![finding("a", 0, "")], Some("a: ")),
            (
                vec![finding("a\nb", 2, "\u{1b}[2Jx\u{9b}\ty"); 2],
                Some("a b:2: \u{fffd}[2Jx\u{fffd} y (and 1 more)"),
            ),
            (
                vec![finding("", 0, "twenty-three characters"); 2],
                Some("twenty-three charac… (and 1 more)"),
            ),
            (
                vec![finding("", 0, "just as many as fit.")],
                Some("just as many as fit."),
            ),
        ] {
            let most = if expected.is_some_and(|text| text.contains("c1")) {
                40
            } else {
                20
            };
            assert_eq!(Finding::summary(&findings, most).as_deref(), expected);
        }
    }
}
