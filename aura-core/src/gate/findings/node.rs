//! `node --test` in its two usual forms, and the totals of jest, vitest and mocha.

use std::sync::LazyLock;

use regex::Regex;

use super::{Parsed, Place, Root, count, finding, finding_at, regex};
use crate::model::{Finding, TestCounts};

static TOTAL: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^(?:#|ℹ) (tests|pass|fail|cancelled|skipped|todo) (\d+)$"));
static OTHER_TOTALS: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^ *Tests:? +((?:\d+ [a-z]+(?:, | \| )?)+)(?:, \d+ total| \(\d+\))?$"));
static OTHER_TOTAL: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(\d+) (passed|failed|skipped|todo|pending)"));
static MOCHA: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^  (\d+) (passing|failing|pending)(?: \([^)]*\))?$"));
static TAP: LazyLock<Regex> = LazyLock::new(|| regex(r"^ *not ok \d+ - (.+)$"));
static SPEC: LazyLock<Regex> = LazyLock::new(|| regex(r"^✖ (.+?) \([\d.]+ms\)$"));

/// See [`totals`](super::totals).
pub(super) fn is_total(line: &str) -> bool {
    [&*TOTAL, &*OTHER_TOTALS, &*MOCHA]
        .iter()
        .any(|total| total.is_match(line))
}

pub(super) fn parse(output: &str, root: &Root) -> Parsed {
    let mut parsed = Parsed::default();
    for line in output.lines() {
        if let Some(found) = TOTAL.captures(line) {
            let [word, number] = found.extract().1;
            parsed.ran_nothing |= word == "tests" && number == "0";
            parsed.add(one(word, count(number)));
        } else if let Some(totals) = OTHER_TOTALS.captures(line).and_then(|found| found.get(1)) {
            for found in OTHER_TOTAL.captures_iter(totals.as_str()) {
                let [number, word] = found.extract().1;
                parsed.add(one(word, count(number)));
            }
        } else if let Some(found) = MOCHA.captures(line) {
            let [number, word] = found.extract().1;
            parsed.add(one(word, count(number)));
        }
    }
    parsed.findings = tap_failures(output, root);
    parsed.findings.extend(spec_failures(output, root));
    parsed.failed_tests = !parsed.findings.is_empty();
    parsed
}

fn one(word: &str, number: u64) -> TestCounts {
    let mut counts = TestCounts::default();
    match word {
        "pass" | "passed" | "passing" => counts.passed = number,
        "fail" | "failed" | "failing" | "cancelled" => counts.failed = number,
        "skipped" | "todo" | "pending" => counts.skipped = number,
        _ => {}
    }
    counts
}

fn tap_failures(output: &str, root: &Root) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut lines = output.lines();
    while let Some(line) = lines.next() {
        let Some(name) = TAP.captures(line).and_then(|found| found.get(1)) else {
            continue;
        };
        if name.as_str().contains("# TODO") || name.as_str().contains("# SKIP") {
            continue;
        }
        let mut place = None;
        let mut error = "failed";
        let mut is_group = false;
        // The details follow at once. Where their end is missing, the next result is their end.
        let mut details = lines
            .clone()
            .take_while(|line| line.trim() != "..." && !is_result(line));
        while let Some(detail) = details.next() {
            let unquote = |text: &'static str| {
                detail
                    .trim()
                    .strip_prefix(text)
                    .map(|rest| rest.trim_matches('\''))
            };
            if let Some(text) = unquote("location: ") {
                place = Place::parse(text);
            } else if let Some(text) = unquote("failureType: ") {
                is_group = text == "subtestsFailed";
            } else if let Some(text) = unquote("error: ") {
                error = match text.starts_with('|') {
                    true => details.next().unwrap_or_default().trim(),
                    false => text,
                };
            }
        }
        if !is_group {
            findings.push(failure(root, place, name.as_str(), error));
        }
    }
    findings
}

fn is_result(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("ok ") || line.starts_with("not ok ")
}

/// The list at the end, which names the places.
fn spec_failures(output: &str, root: &Root) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut place = None;
    let mut lines = output
        .lines()
        .skip_while(|line| !line.starts_with("✖ failing tests:"))
        .skip(1);
    while let Some(line) = lines.next() {
        if let Some(text) = line.strip_prefix("test at ") {
            place = Place::parse(text);
        } else if let Some(name) = SPEC.captures(line).and_then(|found| found.get(1)) {
            let error = lines.next().map(str::trim).filter(|line| !line.is_empty());
            findings.push(failure(
                root,
                place.take(),
                name.as_str(),
                error.unwrap_or("failed"),
            ));
        }
    }
    findings
}

fn failure(root: &Root, place: Option<Place<'_>>, name: &str, error: &str) -> Finding {
    let message = format!("{name}: {error}");
    match place {
        Some(place) => finding_at(root, &place, &message),
        None => finding(&message),
    }
}
