//! `pytest`.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::{MAX_LINES, Parsed, Place, Root, count, finding, finding_at, number, regex};
use crate::model::{Finding, TestCounts};

static TOTALS: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^(?:=+ )?(no tests ran|\d+ [a-z]+(?: [a-z]+)?(?:, \d+ [a-z]+(?: [a-z]+)?)*) in [\d.]+s(?: \([\d:, a-z]+\))?(?: =+)?$",
    )
});
static TOTAL: LazyLock<Regex> = LazyLock::new(|| regex(r"(\d+) ([a-z]+(?: [a-z]+)?)"));
static HEADER: LazyLock<Regex> = LazyLock::new(|| regex(r"^_{3,} (.+) _{3,}$"));
static PLACE: LazyLock<Regex> = LazyLock::new(|| regex(r"^([^\s:>][^:]*):(\d+): "));
static FAILED: LazyLock<Regex> = LazyLock::new(|| regex(r"^(FAILED|ERROR) (\S.*?)(?: - (.*))?$"));

const SUMMARY: &str = " short test summary info ";
const CONFTEST: &str = "ImportError while loading conftest ";

/// See [`totals`](super::totals).
pub(super) fn is_total(line: &str) -> bool {
    TOTALS.is_match(line)
}

pub(super) fn parse(output: &str, root: &Root) -> Parsed {
    let mut parsed = Parsed::default();
    for line in output.lines() {
        let Some(found) = TOTALS.captures(line) else {
            continue;
        };
        if let Some(counts) = totals(found.get(1).map_or("", |text| text.as_str())) {
            parsed.ran_nothing |= counts == TestCounts::default();
            parsed.add(counts);
        }
    }
    let sections = sections(output, root);
    parsed.findings = summary(output, root, &sections);
    if parsed.findings.is_empty() {
        parsed.findings = sections
            .iter()
            .map(|section| section.finding(root))
            .collect();
    }
    parsed.failed_tests = !parsed.findings.is_empty();
    parsed
}

/// Each count by itself, in whatever order; `None` for a line of some other program.
fn totals(text: &str) -> Option<TestCounts> {
    let mut counts = TestCounts::default();
    let mut known = text == "no tests ran";
    for found in TOTAL.captures_iter(text) {
        let [number, word] = found.extract().1;
        let number = count(number);
        known = true;
        match word {
            // An expected failure and an unexpected success of a lenient test leave the run green.
            "passed" | "xfailed" | "xpassed" => {
                counts.passed = counts.passed.saturating_add(number);
            }
            "failed" | "error" | "errors" => counts.failed = counts.failed.saturating_add(number),
            "skipped" => counts.skipped = counts.skipped.saturating_add(number),
            "deselected" | "warning" | "warnings" | "rerun" => {}
            _ if word.starts_with("subtest") => {}
            _ => return None,
        }
    }
    known.then_some(counts)
}

/// What is printed about one failure.
struct Section<'a> {
    name: &'a str,
    place: Option<Place<'a>>,
    errors: Vec<&'a str>,
}

impl Section<'_> {
    fn finding(&self, root: &Root) -> Finding {
        self.finding_named(root, self.name, "failed")
    }

    fn finding_named(&self, root: &Root, name: &str, otherwise: &str) -> Finding {
        let message = if self.errors.is_empty() {
            format!("{name}: {otherwise}")
        } else {
            format!("{name}: {}", self.errors.join("\n"))
        };
        match &self.place {
            Some(place) => finding_at(root, place, &message),
            None => finding(&message),
        }
    }
}

fn sections<'a>(output: &'a str, root: &Root) -> Vec<Section<'a>> {
    let mut sections: Vec<Section<'a>> = Vec::new();
    let mut open = false;
    for line in output.lines() {
        let name = HEADER.captures(line).and_then(|found| found.get(1));
        let conftest = line.starts_with(CONFTEST);
        if name.is_some() || conftest {
            let name = name.map_or("conftest", |name| name.as_str());
            sections.push(Section {
                name,
                place: None,
                errors: Vec::new(),
            });
            open = true;
            continue;
        }
        open &= !(line.starts_with("====") && line.ends_with("===="));
        let Some(section) = sections.last_mut().filter(|_| open) else {
            continue;
        };
        if let Some(error) = line.strip_prefix("E  ") {
            if section.errors.len() < MAX_LINES {
                section.errors.push(error.trim());
            }
        } else if let Some(found) = PLACE.captures(line) {
            let (Some(file), Some(line)) = (found.get(1), found.get(2)) else {
                continue;
            };
            // The last place within the repository: deeper ones are in libraries.
            if root.relative(file.as_str()).is_some() {
                section.place = Some(Place {
                    file: file.as_str(),
                    line: number(line.as_str()),
                    column: None,
                });
            }
        }
    }
    sections
}

fn summary(output: &str, root: &Root, sections: &[Section<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let index = Index::new(sections, root);
    let lines = output.lines().skip_while(|line| !line.contains(SUMMARY));
    for found in lines.filter_map(|line| FAILED.captures(line)) {
        let id = found.get(2).map_or("", |id| id.as_str());
        let message = found.get(3).map_or("failed", |message| message.as_str());
        let (file, test) = id.split_once("::").unwrap_or((id, ""));
        let place = Place {
            file,
            line: None,
            column: None,
        };
        findings.push(match index.find(file, test) {
            Some(section) if section.place.is_some() => section.finding_named(root, id, message),
            _ => finding_at(root, &place, &format!("{id}: {message}")),
        });
    }
    findings
}

/// Sections by what they are about.
#[derive(Default)]
struct Index<'s> {
    tests: HashMap<&'s str, Named<'s>>,
    /// Files that could not be collected.
    files: HashMap<&'s str, Named<'s>>,
}

/// Sections of one name: the first one, and the first one with a place in each file.
struct Named<'s> {
    first: &'s Section<'s>,
    in_file: HashMap<String, &'s Section<'s>>,
}

impl<'s> Index<'s> {
    fn new(sections: &'s [Section<'s>], root: &Root) -> Self {
        let mut index = Self::default();
        for section in sections {
            let named = match section.name.strip_prefix("ERROR ") {
                None => index.tests.entry(section.name),
                Some(rest) => match (rest.strip_prefix("collecting "), rest.split_once(" of ")) {
                    (Some(file), _) => index.files.entry(file),
                    (None, Some((_, test))) => index.tests.entry(test),
                    (None, None) => continue,
                },
            };
            let named = named.or_insert_with(|| Named {
                first: section,
                in_file: HashMap::new(),
            });
            let here = section.place.and_then(|place| root.relative(place.file));
            if let Some(file) = here {
                named.in_file.entry(file).or_insert(section);
            }
        }
        index
    }

    /// The section about a test, or about a file when there is no test.
    fn find(&self, file: &str, test: &str) -> Option<&'s Section<'s>> {
        let named = if test.is_empty() {
            self.files.get(file)?
        } else {
            self.tests.get(test.replace("::", ".").as_str())?
        };
        Some(*named.in_file.get(file).unwrap_or(&named.first))
    }
}
