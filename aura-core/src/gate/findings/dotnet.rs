//! `dotnet test`: the summary per assembly, the older table, the newer single line. Its compiler is in `compiler.rs`.

use std::sync::LazyLock;

use regex::Regex;

use super::{MAX_LINES, Parsed, Place, Root, count, finding, finding_at, number, regex};
use crate::model::{Finding, TestCounts};

/// The first line of the table.
const TABLE_HEAD: &str = "Total tests: ";

static ASSEMBLY: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^\s*(?:Passed|Failed|Skipped)! +- (?P<counts>Failed: +\d+, Passed: +\d+.*)$")
});
static TABLE: LazyLock<Regex> = LazyLock::new(|| regex(r"^\s*(Passed|Failed|Skipped): (\d+)$"));
static LINE: LazyLock<Regex> = LazyLock::new(|| regex(r"^Test summary: (total: \d+, .*)$"));
static COUNT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)\b(passed|succeeded|failed|skipped): +(\d+)"));
static FAILED: LazyLock<Regex> = LazyLock::new(|| regex(r"^ +Failed (\S.*?) \[[^\]]+\]$"));
static FRAME: LazyLock<Regex> = LazyLock::new(|| regex(r"^\s+at .+ in (.+):line (\d+)$"));

/// See [`totals`](super::totals).
pub(super) fn is_total(line: &str) -> bool {
    line.starts_with(TABLE_HEAD)
        || [&*ASSEMBLY, &*TABLE, &*LINE]
            .iter()
            .any(|total| total.is_match(line))
}

pub(super) fn parse(output: &str, root: &Root) -> Parsed {
    let mut parsed = Parsed::default();
    let mut in_table = false;
    for line in output.lines() {
        in_table |= line.starts_with(TABLE_HEAD);
        let counts = ASSEMBLY.captures(line).or_else(|| LINE.captures(line));
        if let Some(counts) = counts.and_then(|found| found.get(1)) {
            parsed.add(read(counts.as_str()));
        } else if in_table && TABLE.is_match(line) {
            parsed.add(read(line));
        }
    }
    parsed.findings = failures(output, root);
    parsed.failed_tests = !parsed.findings.is_empty();
    parsed
}

fn read(text: &str) -> TestCounts {
    let mut counts = TestCounts::default();
    for found in COUNT.captures_iter(text) {
        let [word, number] = found.extract().1;
        match word.to_ascii_lowercase().as_str() {
            "failed" => counts.failed = count(number),
            "skipped" => counts.skipped = count(number),
            _ => counts.passed = count(number),
        }
    }
    counts
}

/// `  Failed NAME [12 ms]`, then a message and a stack trace.
fn failures(output: &str, root: &Root) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut lines = output.lines();
    while let Some(line) = lines.next() {
        let Some(name) = FAILED.captures(line).and_then(|found| found.get(1)) else {
            continue;
        };
        let mut message = Vec::new();
        let mut place = None;
        let mut in_trace = false;
        for line in lines
            .clone()
            .take_while(|line| !line.is_empty() && !FAILED.is_match(line))
        {
            match line.trim() {
                "Error Message:" => {}
                "Stack Trace:" => in_trace = true,
                text if !in_trace && message.len() < MAX_LINES => message.push(text),
                _ => {}
            }
            if let Some(found) = FRAME.captures(line).filter(|_| place.is_none()) {
                let (file, line) = (found.get(1), found.get(2));
                place = file.zip(line).and_then(|(file, line)| {
                    root.relative(file.as_str())?;
                    let line = number(line.as_str());
                    Some(Place {
                        file: file.as_str(),
                        line,
                        column: None,
                    })
                });
            }
        }
        let message = format!("{}: {}", name.as_str(), message.join("\n"));
        findings.push(match place {
            Some(place) => finding_at(root, &place, &message),
            None => finding(&message),
        });
    }
    findings
}
