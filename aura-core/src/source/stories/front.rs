//! The front matter of a story: YAML between two lines of dashes.

use std::ops::Range;
use std::path::Path;

use super::depends::{Dependencies, read_text};
use crate::error::Problem;
use crate::plan::{Place, Problems};
use crate::source::node::{Data, Node};
use crate::source::yaml;

/// What it says of a story; other keys are other tools'.
#[derive(Debug, Default)]
pub(super) struct Front {
    pub(super) epic: Option<String>,
    pub(super) status: Option<(String, Place)>,
    pub(super) depends: Dependencies,
}

/// The front matter, and where it ends with its last line.
pub(super) fn find(text: &str) -> Option<(Range<usize>, usize)> {
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let said = line.trim_end();
        match index {
            0 if said != "---" => return None,
            0 => {}
            _ if matches!(said, "---" | "...") => return Some((0..at, at + line.len())),
            _ => {}
        }
        at += line.len();
    }
    None
}

/// Reads it. What is wrong with it is added to the problems.
pub(super) fn read(
    text: &str,
    (path, file): (&Path, u32),
    found: &mut Vec<(Problem, Place)>,
) -> Front {
    let mut front = Front::default();
    let says_something = |line: &str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    };
    if !text.lines().skip(1).any(says_something) {
        return front;
    }
    let mut problems = Problems::of_file(Some(path.to_owned()));
    let root = yaml::parse(text, &mut problems);
    let start = Place::new(1, 1);
    let placed = problems.into_found();
    found.extend(placed.map(|(at, problem)| (problem, at.unwrap_or(start).of_file(file))));
    let Some(root) = root else {
        return front;
    };
    let Data::Map(fields) = &root.data else {
        let text = format!("front matter is a mapping, not {}", root.described());
        let at = root.at.of_file(file);
        found.push((Problem::error("wrong_type", text), at));
        return front;
    };
    for field in fields {
        let (value, at) = (&field.value, field.value.at.of_file(file));
        if value.is_null() {
            continue;
        }
        match field.key.to_lowercase().as_str() {
            "epic" => front.epic = text_of("epic", value, at, found),
            "status" => {
                front.status = text_of("status", value, at, found).map(|word| (word, at));
            }
            "dependencies" | "depends_on" => dependencies(value, file, &mut front.depends, found),
            _ => {}
        }
    }
    front
}

fn dependencies(
    value: &Node,
    file: u32,
    depends: &mut Dependencies,
    found: &mut Vec<(Problem, Place)>,
) {
    let entries = match &value.data {
        Data::List(items) => items.as_slice(),
        _ => std::slice::from_ref(value),
    };
    for entry in entries.iter().filter(|entry| !entry.is_null()) {
        let at = entry.at.of_file(file);
        if let Some(text) = text_of("an entry of `dependencies`", entry, at, found) {
            let more = read_text(&text, at);
            depends.all.extend(more.all);
            depends.others.extend(more.others);
        }
    }
}

fn text_of(
    what: &str,
    value: &Node,
    at: Place,
    found: &mut Vec<(Problem, Place)>,
) -> Option<String> {
    let text = value.spelling().map(str::to_owned);
    if text.is_none() {
        let text = format!("{what} must be a text, not {}", value.described());
        found.push((Problem::error("wrong_type", text), at));
    }
    text
}
