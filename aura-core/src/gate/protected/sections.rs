//! Which parts of a project file judge: the rest of it, such as dependencies, is changed every day.

use serde_json::Value;

/// A kind of project file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parts {
    /// `package.json`.
    NodePackage,
    /// `pyproject.toml`.
    PythonProject,
    /// `setup.cfg`.
    PythonSetup,
    /// `Cargo.toml`.
    CargoManifest,
}

/// Members of `package.json` that say what runs and how.
const PACKAGE: &[&str] = &[
    "scripts",
    "jest",
    "vitest",
    "mocha",
    "ava",
    "tap",
    "nyc",
    "c8",
    "husky",
    "lint-staged",
    "imports",
    "overrides",
];

impl Parts {
    /// What may not change of a text, in an order of its own; the whole text where it cannot be read.
    pub(super) fn of(self, text: &str) -> Vec<String> {
        match self {
            Self::NodePackage => members(text),
            Self::PythonProject => sections(text, |head| {
                let tools = [
                    "pytest", "coverage", "tox", "nox", "hatch", "pdm", "poe", "taskipy",
                ];
                head == "build-system"
                    || tools.iter().any(|tool| {
                        let rest = head
                            .strip_prefix("tool.")
                            .and_then(|rest| rest.strip_prefix(tool));
                        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
                    })
            }),
            Self::PythonSetup => sections(text, |head| {
                head.starts_with("tool:pytest")
                    || head.starts_with("coverage")
                    || head == "unittest"
            }),
            Self::CargoManifest => {
                let mut parts = sections(text, |head| {
                    matches!(head, "lib" | "test" | "bench") || head.starts_with("patch")
                });
                // Switches of the test runner that stand in other sections.
                let switches = ["autotests", "harness", "test"];
                let lines = text.lines().map(str::trim);
                parts.extend(
                    lines
                        .filter(|line| {
                            let key = line.split('=').next().unwrap_or_default().trim();
                            line.contains('=') && switches.contains(&key)
                        })
                        .map(ToOwned::to_owned),
                );
                parts
            }
        }
    }
}

fn members(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    match serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')) {
        Ok(Value::Object(package)) => PACKAGE
            .iter()
            .filter_map(|name| Some(format!("{name}: {}", package.get(*name)?)))
            .collect(),
        _ => vec![text.to_owned()],
    }
}

/// The lines of the sections that are wanted, without comments and blank lines.
fn sections(text: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut wanted = false;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(head) = line.strip_prefix('[') {
            let head = head.trim_start_matches('[');
            let head = head.split(']').next().unwrap_or_default();
            // Both spellings of a key are one key.
            wanted = is_wanted(&head.replace(['"', '\'', ' '], ""));
        }
        if wanted && !line.is_empty() && !line.starts_with(['#', ';']) {
            found.push(line.to_owned());
        }
    }
    found
}
