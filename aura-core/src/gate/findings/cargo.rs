//! `cargo build`, `cargo clippy`, `cargo test`, `cargo nextest run`.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::{MAX_LINES, Parsed, Place, Root, count, finding, finding_at, regex};
use crate::model::{Finding, TestCounts};

static RESULT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored"));
static NEXTEST_SUMMARY: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^ *Summary \[ *[\d.]+s\] (\d+)(?:/\d+)? tests? run: (.*)$"));
static NEXTEST_COUNT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(\d+) (passed|failed|timed out|exec failed|skipped)"));
static NEXTEST_FAILURE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^ *(?:TRY \d+ )?(?:FAIL|TIMEOUT|ABORT|SIG[A-Z]+|FL\+LK) \[ *[\d.]+s\] (?:\( *\d+/\d+\) )?(.+)$",
    )
});
static ERROR: LazyLock<Regex> = LazyLock::new(|| regex(r"^error(?:\[([\w:]+)\])?: (.+)$"));
/// Errors that only say that there were errors.
static SUMMARY: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^(?:could not compile|test failed, to rerun|aborting due to|\d+ targets? failed|test run failed|no tests to run|doctest failed|build failed)",
    )
});

/// See [`totals`](super::totals).
pub(super) fn is_total(line: &str) -> bool {
    RESULT.is_match(line) || NEXTEST_SUMMARY.is_match(line)
}

pub(super) fn parse(output: &str, root: &Root) -> Parsed {
    let mut parsed = Parsed::default();
    for line in output.lines() {
        if let Some(found) = RESULT.captures(line) {
            let [passed, failed, skipped] = found.extract().1.map(count);
            parsed.add(TestCounts {
                passed,
                failed,
                skipped,
            });
        } else if let Some(found) = NEXTEST_SUMMARY.captures(line) {
            let [run, counts] = found.extract().1;
            parsed.ran_nothing |= count(run) == 0;
            parsed.add(nextest_counts(counts));
        }
    }
    let failures = failures(output, root);
    parsed.failed_tests = !failures.is_empty();
    parsed.findings = diagnostics(output, root);
    parsed.findings.extend(failures);
    parsed
}

fn nextest_counts(text: &str) -> TestCounts {
    let mut counts = TestCounts::default();
    for found in NEXTEST_COUNT.captures_iter(text) {
        let [number, word] = found.extract().1;
        match word {
            "passed" => counts.passed = counts.passed.saturating_add(count(number)),
            // Nextest counts here what a filter left out, too: none of them ran.
            "skipped" => counts.skipped = counts.skipped.saturating_add(count(number)),
            _ => counts.failed = counts.failed.saturating_add(count(number)),
        }
    }
    counts
}

/// Errors of the compiler and of cargo itself.
fn diagnostics(output: &str, root: &Root) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut lines = output.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(found) = ERROR.captures(line) else {
            continue;
        };
        let text = found.get(2).map_or("", |text| text.as_str());
        if SUMMARY.is_match(text) {
            continue;
        }
        let message = match found.get(1) {
            Some(code) => format!("{}: {text}", code.as_str()),
            None => text.to_owned(),
        };
        let place = lines
            .clone()
            .take(MAX_LINES)
            .take_while(|line| !line.is_empty())
            .find_map(|line| Place::parse(line.trim_start().strip_prefix("--> ")?));
        findings.push(match place {
            Some(place) => finding_at(root, &place, &message),
            None => finding(&message),
        });
    }
    findings
}

/// Tests that failed, with their panic or the error that they returned.
fn failures(output: &str, root: &Root) -> Vec<Finding> {
    let mut failures: Vec<(&str, Option<Finding>)> = Vec::new();
    let mut known = HashMap::new();
    let mut current = None;
    let mut lines = output.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = failed_test(line) {
            // Nextest names each failed test once more at the end.
            current = Some(*known.entry(name).or_insert_with(|| {
                failures.push((name, None));
                failures.len() - 1
            }));
            continue;
        }
        if line == "failures:" || RESULT.is_match(line) || NEXTEST_SUMMARY.is_match(line) {
            current = None;
        }
        let Some((name, details @ None)) = current.and_then(|index| failures.get_mut(index)) else {
            continue;
        };
        let line = line.trim();
        if line.starts_with("thread '")
            && let Some((_, panic)) = line.split_once(" panicked at ")
        {
            *details = Some(explain_panic(root, name, panic, lines.clone()));
        } else if line.starts_with("Error: ") {
            *details = Some(finding(&format!("{name}: {line}")));
        }
    }
    let failed = |name: &str| finding(&format!("{name}: failed"));
    failures
        .into_iter()
        .map(|(name, details)| details.unwrap_or_else(|| failed(name)))
        .collect()
}

fn failed_test(line: &str) -> Option<&str> {
    if let Some(rest) = line.strip_prefix("---- ") {
        return rest.strip_suffix(" stdout ----");
    }
    let found = NEXTEST_FAILURE.captures(line)?;
    found.get(1).map(|name| name.as_str().trim())
}

/// `FILE:LINE:COLUMN:` and the message in the lines that follow; before Rust 1.73 `'MESSAGE', FILE:LINE:COLUMN`.
fn explain_panic<'a>(
    root: &Root,
    test: &str,
    panic: &str,
    following: impl Iterator<Item = &'a str>,
) -> Finding {
    if let Some((message, place)) = panic
        .strip_prefix('\'')
        .and_then(|rest| rest.rsplit_once("', "))
    {
        let message = format!("{test}: {message}");
        return match Place::parse(place) {
            Some(place) => finding_at(root, &place, &message),
            None => finding(&message),
        };
    }
    let message: Vec<_> = following
        .map(str::trim)
        .take_while(|line| {
            !line.is_empty() && *line != "stack backtrace:" && !line.starts_with("note: ")
        })
        .take(MAX_LINES)
        .collect();
    let message = format!("{test}: {}", message.join("\n"));
    match Place::parse(panic.trim_end_matches(':')) {
        Some(place) => finding_at(root, &place, &message),
        None => finding(&message),
    }
}
