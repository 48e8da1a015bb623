//! `python3 -m unittest`, and what imitates it, as Django's `manage.py test`.

use std::sync::LazyLock;

use regex::Regex;

use super::{Parsed, Root, count, regex, traceback};
use crate::model::{Finding, TestCounts};

static RAN: LazyLock<Regex> = LazyLock::new(|| regex(r"^Ran (\d+) tests? in [\d.]+s$"));
static DETAIL: LazyLock<Regex> = LazyLock::new(|| regex(r"([a-z ]+)=(\d+)"));

const RULE: &str = "----------------------------------------------------------------------";
const DOUBLE_RULE: &str = "======================================================================";

/// See [`totals`](super::totals).
pub(super) fn is_total(line: &str) -> bool {
    RAN.is_match(line) || is_result(line)
}

fn is_result(line: &str) -> bool {
    line == "OK" || line.starts_with("OK (") || line.starts_with("FAILED (")
}

pub(super) fn parse(output: &str, root: &Root) -> Parsed {
    let mut parsed = Parsed::default();
    let mut lines = output.lines();
    while let Some(line) = lines.next() {
        let Some(ran) = RAN.captures(line).and_then(|found| found.get(1)) else {
            continue;
        };
        let ran = count(ran.as_str());
        let result = lines
            .clone()
            .find(|line| !line.is_empty())
            .unwrap_or_default();
        parsed.ran_nothing |= ran == 0;
        parsed.add(counts(ran, result));
    }
    parsed.findings = failures(output, root);
    parsed.failed_tests = !parsed.findings.is_empty();
    parsed
}

/// The result line is `OK`, or `FAILED (failures=1, errors=2, skipped=1)` and the like.
fn counts(ran: u64, result: &str) -> TestCounts {
    let mut counts = TestCounts::default();
    if result.starts_with("OK") || result.starts_with("FAILED") {
        for found in DETAIL.captures_iter(result) {
            let [what, number] = found.extract().1;
            let number = count(number);
            match what.trim() {
                "failures" | "errors" | "unexpected successes" => {
                    counts.failed = counts.failed.saturating_add(number);
                }
                "skipped" => counts.skipped = counts.skipped.saturating_add(number),
                _ => {}
            }
        }
    }
    // Failed parts of one test count one by one, so that there may be more of them than tests.
    counts.passed = ran.saturating_sub(counts.failed.saturating_add(counts.skipped));
    counts
}

fn failures(output: &str, root: &Root) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines: Vec<&str> = output.lines().collect();
    for (index, pair) in lines.windows(2).enumerate() {
        let [DOUBLE_RULE, title] = pair else {
            continue;
        };
        let Some(test) = title
            .strip_prefix("FAIL: ")
            .or_else(|| title.strip_prefix("ERROR: "))
        else {
            continue;
        };
        // A description of the test may stand between its name and the rule. Where the rule is missing, the next failure is the end.
        let body: Vec<&str> = lines[index + 2..]
            .iter()
            .copied()
            .take_while(|line| *line != DOUBLE_RULE)
            .skip_while(|line| *line != RULE)
            .skip(1)
            .take_while(|line| *line != RULE)
            .collect();
        let (place, message) = traceback::explain(&body, root);
        let message = message.unwrap_or_else(|| "failed".to_owned());
        findings.push(traceback::at(root, place, &format!("{test}: {message}")));
    }
    findings
}
