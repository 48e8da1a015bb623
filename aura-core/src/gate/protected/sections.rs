//! Which parts of a project file judge: the rest of it, such as dependencies, is changed every day.
//!
//! What is written in two ways and means the same is read as the same, so that a file is compared by what its reader sees.

use serde_json::Value as Json;
use toml::{Table, Value};

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
    "babel",
    "husky",
    "lint-staged",
    "imports",
    "overrides",
    "resolutions",
    "pnpm",
];

/// Tables of `pyproject.toml` that say what runs, how, and what stands in for what.
const PYTHON: &[&str] = &[
    "build-system",
    "project.entry-points.pytest11",
    "tool.hatch.build",
    "tool.hatch.env",
    "tool.hatch.envs",
    "tool.pdm.build",
    "tool.pdm.scripts",
    "tool.poetry.build",
    "tool.poetry.plugins.pytest11",
    "tool.rye.scripts",
    "tool.uv.override-dependencies",
    "tool.uv.sources",
];

/// Tools with all that belongs to them: `pytest` is also `pytest_env` and `pytest-asyncio`.
const PYTHON_TOOLS: &[&str] = &["pytest", "coverage", "tox", "nox", "poe", "taskipy"];

/// Tables and keys of `Cargo.toml` that say what is built, tested and replaced.
const CARGO: &[&str] = &[
    "bench",
    "cargo-features",
    "lib.bench",
    "lib.doctest",
    "lib.harness",
    "lib.path",
    "lib.test",
    "package.autobenches",
    "package.autobins",
    "package.autoexamples",
    "package.autolib",
    "package.autotests",
    "package.build",
    "package.workspace",
    "patch",
    "profile",
    "replace",
    "test",
    "workspace.default-members",
    "workspace.exclude",
    "workspace.lints",
    "workspace.members",
    "workspace.resolver",
];

/// A table of `Cargo.toml` that weakens what was there, and in a new package only says what others say, too.
const LINTS: &str = "lints";

/// Keys that switch the tests of a program or of an example; another one may be added.
const SWITCHES: &[&str] = &["test", "doctest", "bench", "harness"];

impl Parts {
    /// Whether these parts are as they were. A file that was not there had none of them; one that cannot be read never is.
    pub(super) fn are_same(self, old: Option<&str>, new: Option<&str>) -> bool {
        let text = |side: Option<&str>| {
            let side = side.unwrap_or_default();
            side.strip_prefix('\u{feff}').unwrap_or(side).to_owned()
        };
        let is_new = old.is_none();
        let (old, new) = (text(old), text(new));
        match self {
            Self::NodePackage => are_equal(&members(&old), &members(&new)),
            Self::PythonProject => are_equal(&python(&old), &python(&new)),
            Self::PythonSetup => sections(&old) == sections(&new),
            Self::CargoManifest => are_equal(&cargo(&old, is_new), &cargo(&new, is_new)),
        }
    }
}

fn are_equal<T: PartialEq>(old: &Option<T>, new: &Option<T>) -> bool {
    old.is_some() && old == new
}

fn members(text: &str) -> Option<Vec<(&'static str, Json)>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let package: serde_json::Map<String, Json> = serde_json::from_str(text).ok()?;
    let members = PACKAGE.iter();
    Some(
        members
            .filter_map(|name| Some((*name, package.get(*name)?.clone())))
            .collect(),
    )
}

fn python(text: &str) -> Option<Vec<(String, Value)>> {
    let file: Table = text.parse().ok()?;
    let mut parts = picked(&file, PYTHON);
    if let Some(Value::Table(tools)) = file.get("tool") {
        let is_guarded = |name: &str| {
            PYTHON_TOOLS.iter().any(|tool| {
                let rest = name.strip_prefix(tool);
                rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
            })
        };
        let guarded = tools.iter().filter(|(name, _)| is_guarded(name));
        parts.extend(guarded.map(|(name, value)| (format!("tool.{name}"), value.clone())));
    }
    parts.sort_by(|one, other| one.0.cmp(&other.0));
    Some(parts)
}

fn cargo(text: &str, is_new: bool) -> Option<Vec<(String, Value)>> {
    let file: Table = text.parse().ok()?;
    let mut parts = picked(&file, CARGO);
    if !is_new {
        parts.extend(picked(&file, &[LINTS]));
    }
    for kind in ["bin", "example"] {
        let Some(Value::Array(targets)) = file.get(kind) else {
            continue;
        };
        for target in targets.iter().filter_map(Value::as_table) {
            let name = target.get("name").and_then(Value::as_str);
            let name = name.unwrap_or_default();
            let switches = SWITCHES.iter();
            parts.extend(switches.filter_map(|switch| {
                Some((
                    format!("{kind}.{name}.{switch}"),
                    target.get(*switch)?.clone(),
                ))
            }));
        }
    }
    parts.sort_by(|one, other| one.0.cmp(&other.0));
    Some(parts)
}

/// The values at these dotted paths.
fn picked(file: &Table, paths: &[&str]) -> Vec<(String, Value)> {
    let value = |path: &str| {
        let mut parts = path.split('.');
        let first = file.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    };
    let found = paths.iter();
    found
        .filter_map(|path| Some(((*path).to_owned(), value(path)?.clone())))
        .collect()
}

/// The lines of the sections of `setup.cfg` that judge, without comments and blank lines.
fn sections(text: &str) -> Vec<&str> {
    let is_guarded = |head: &str| {
        head.starts_with("tool:pytest") || head.starts_with("coverage") || head == "unittest"
    };
    let mut wanted = false;
    let mut found = Vec::new();
    for whole in text.lines() {
        let line = whole.trim();
        if let Some(head) = line.strip_prefix('[') {
            let is_head = is_guarded(head.split(']').next().unwrap_or_default().trim());
            // Further to the right it may be the value of the line above, which ends no section.
            wanted = is_head || (wanted && whole.starts_with(char::is_whitespace));
        }
        if wanted && !line.is_empty() && !line.starts_with(['#', ';']) {
            found.push(line);
        }
    }
    found
}
