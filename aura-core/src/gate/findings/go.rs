//! `go build`, `go vet`, `go test`, `go test -v`.

use std::sync::LazyLock;

use regex::Regex;

use super::{MAX_FINDINGS, MAX_LINES, Parsed, Place, Root, finding, finding_at, regex};
use crate::model::{Finding, TestCounts};

static TEST: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^--- (PASS|FAIL|SKIP): (\S+) \([\d.]+s\)$"));
static SUBTEST: LazyLock<Regex> = LazyLock::new(|| regex(r"^ +--- FAIL: (\S+) \([\d.]+s\)$"));
static COMPILER: LazyLock<Regex> = LazyLock::new(|| regex(r"^(?:vet: )?(\S+\.go:\d+:\d+): (.+)$"));
static LOG: LazyLock<Regex> = LazyLock::new(|| regex(r"^ +(\S+\.go:\d+): (.*)$"));
static PACKAGE: LazyLock<Regex> = LazyLock::new(|| regex(r"^(?:FAIL|ok  |---)\t(\S+)"));

/// What `-v` says before each test.
const RUN: &str = "=== RUN ";

/// A failed test whose package is named only further below.
struct Failure<'a> {
    name: &'a str,
    place: Option<Place<'a>>,
    lines: Vec<&'a str>,
}

impl Failure<'_> {
    /// The file of a test is named without its folder, which is the end of the package's path.
    fn finding(&self, root: &Root, package: &str) -> Finding {
        let text = match self.lines.as_slice() {
            [] => "failed".to_owned(),
            lines => lines.join("\n"),
        };
        let message = format!("{}: {text}", self.name);
        let Some(place) = self.place else {
            return finding(&message);
        };
        // No path of a folder is longer.
        let mut folder = Some(package).filter(|path| path.len() <= 4096);
        while let Some(path) = folder {
            let file = format!("{path}/{}", place.file);
            if root.has(&file) {
                return finding_at(
                    root,
                    &Place {
                        file: &file,
                        ..place
                    },
                    &message,
                );
            }
            folder = path.split_once('/').map(|(_, rest)| rest);
        }
        if root.has(place.file) {
            return finding_at(root, &place, &message);
        }
        finding(&format!(
            "{message} ({}:{})",
            place.file,
            place.line.unwrap_or_default()
        ))
    }
}

/// See [`totals`](super::totals).
pub(super) fn is_total(line: &str) -> bool {
    line.starts_with(RUN) || TEST.is_match(line)
}

pub(super) fn parse(output: &str, root: &Root) -> Parsed {
    let mut parsed = Parsed::default();
    let mut counts = TestCounts::default();
    // Without `-v` only failures are named, which makes no count.
    let mut verbose = false;
    let mut failures: Vec<Failure<'_>> = Vec::new();
    let mut open = false;
    for line in output.lines() {
        verbose |= line.starts_with(RUN);
        parsed.failed_tests |= !failures.is_empty();
        if let Some(found) = TEST.captures(line) {
            let name = found.get(2).map_or("", |name| name.as_str());
            open = line.starts_with("--- FAIL");
            match &line[4..8] {
                "PASS" => counts.passed += 1,
                "SKIP" => counts.skipped += 1,
                _ => counts.failed += 1,
            }
            if open {
                failures.push(Failure {
                    name,
                    place: None,
                    lines: Vec::new(),
                });
            }
        } else if let Some(name) = SUBTEST.captures(line).and_then(|found| found.get(1)) {
            // The subtest says more than the test that it is part of.
            match failures
                .last_mut()
                .filter(|failure| open && failure.lines.is_empty())
            {
                Some(failure) => failure.name = name.as_str(),
                None => failures.push(Failure {
                    name: name.as_str(),
                    place: None,
                    lines: Vec::new(),
                }),
            }
        } else if let Some(package) = PACKAGE.captures(line).and_then(|found| found.get(1)) {
            // Each of them is looked for on the disk.
            let room = MAX_FINDINGS.saturating_sub(parsed.findings.len());
            let found = failures.drain(..).take(room);
            parsed
                .findings
                .extend(found.map(|failure| failure.finding(root, package.as_str())));
            open = false;
        } else if let Some(found) = COMPILER.captures(line) {
            let [place, message] = found.extract().1;
            let place = Place::parse(place);
            parsed
                .findings
                .extend(place.map(|place| finding_at(root, &place, message)));
        } else if let Some(failure) = failures.last_mut().filter(|_| open) {
            detail(failure, line);
        }
    }
    parsed.failed_tests |= !failures.is_empty();
    let room = MAX_FINDINGS.saturating_sub(parsed.findings.len());
    let left = failures.iter().take(room);
    parsed
        .findings
        .extend(left.map(|failure| failure.finding(root, "")));
    if verbose {
        parsed.counts = Some(counts);
    }
    parsed
}

fn detail<'a>(failure: &mut Failure<'a>, line: &'a str) {
    if failure.lines.len() >= MAX_LINES {
        return;
    }
    if let Some(found) = LOG.captures(line) {
        let [place, message] = found.extract().1;
        failure.place = failure.place.or_else(|| Place::parse(place));
        failure.lines.push(message);
    } else if line.starts_with("        ") || line.starts_with("panic: ") {
        failure.lines.push(line.trim());
    }
}
