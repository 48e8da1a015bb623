//! Differences, a line each, for whoever has to mend them.

use std::collections::BTreeMap;

use aura_core::EventKind;
use serde_json::{Value, json};

use super::normal::{Normal, STORY, parts};
use super::record::{Logged, Record, Tree};
use crate::scenario::{self, Scenario};

/// Most differences that are told about one thing.
const MOST: usize = 5;

/// Whether exactly what the store has was delivered, each event once and in order. Events from before the first run may be left out.
pub fn against_store(delivered: &[Logged], stored: &[Logged]) -> Vec<String> {
    let mut lines = Vec::new();
    for pair in delivered.windows(2) {
        let (before, after) = (pair[0].event.seq, pair[1].event.seq);
        if after <= before {
            lines.push(format!("seq {after} was delivered after seq {before}"));
        }
    }
    let has_beginning = delivered.iter().any(|logged| logged.event.run.is_none());
    let by_seq: BTreeMap<u64, &Logged> = delivered
        .iter()
        .map(|logged| (logged.event.seq, logged))
        .collect();
    for wanted in stored {
        let what = told(wanted);
        match by_seq.get(&wanted.event.seq) {
            None if wanted.event.run.is_none() && !has_beginning => {}
            None => lines.push(format!("{what} was not delivered")),
            Some(found) => {
                let differences = values(&found.wire, &wanted.wire);
                lines.extend(
                    differences
                        .into_iter()
                        .take(MOST)
                        .map(|(path, found, wanted)| {
                            format!(
                                "{what}: {path} was delivered as {found}, the store has {wanted}"
                            )
                        }),
                );
            }
        }
    }
    for found in by_seq.values() {
        let is_stored = |wanted: &Logged| wanted.event.seq == found.event.seq;
        if !stored.iter().any(is_stored) {
            lines.push(format!("{} is not in the store", told(found)));
        }
    }
    lines
}

fn told(logged: &Logged) -> String {
    let line = scenario::line(&logged.event);
    match &logged.event.task {
        Some(task) => format!("seq {} (task {task}: {line})", logged.event.seq),
        None => format!("seq {} ({line})", logged.event.seq),
    }
}

/// Whether what the scenario expects came about.
pub fn against_expectation(scenario: &Scenario, found: &Record) -> Vec<String> {
    let mut lines = Vec::new();
    if !found.failures.is_empty() {
        let text = found.failures.trim_end();
        lines.push(format!("the script did not hold: {text}"));
    }
    let mut tasks: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut story = Vec::new();
    let mut outcome = None;
    for Logged { event, .. } in &found.events {
        if let EventKind::RunFinished { outcome: last, .. } = &event.kind {
            outcome = Some(*last);
        }
        match &event.task {
            Some(task) => tasks
                .entry(task.to_string())
                .or_default()
                .push(scenario::line(event)),
            None => story.push(scenario::line(event)),
        }
    }
    if scenario.expect.story.is_empty() {
        story.clear();
    }
    let contents = found.story.iter().map(|(name, (_, text))| (name, text));
    let found = json!({
        "outcome": outcome,
        "tree": contents.collect::<BTreeMap<_, _>>(),
        "story": story,
        "tasks": tasks,
        "starts": found.starts,
    });
    let wanted = serde_json::to_value(&scenario.expect).expect("JSON");
    let differences = values(&found, &wanted).into_iter();
    let differences = differences.map(|(path, found, wanted)| {
        format!("expect{path}: the scenario wants {wanted}, there is {found}")
    });
    lines.extend(some("expect", differences.collect()));
    lines
}

/// The first of those lines, and how many more there are.
fn some(title: &str, mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    if more > 0 {
        lines.push(format!("{title}: {more} further differences"));
    }
    lines
}

/// What is different between two runs of one scenario.
pub fn between_runs(scenario: &Scenario, found: &Record, reference: &Record) -> Vec<String> {
    let is_ordered = !scenario.expect.story.is_empty();
    let (found_parts, mut wanted_parts) = (parts(found, is_ordered), parts(reference, is_ordered));
    let mut lines = Vec::new();
    for (title, found) in &found_parts {
        let wanted = wanted_parts.remove(title).unwrap_or_default();
        if title != STORY || is_ordered {
            lines.extend(part(title, found, &wanted));
        }
    }
    for (title, wanted) in wanted_parts {
        lines.extend(part(&title, &[], &wanted));
    }
    lines.extend(tree("the story branch", &found.story, &reference.story));
    lines.extend(tree("main", &found.main, &reference.main));
    let starts = values(&json!(found.starts), &json!(reference.starts)).into_iter();
    lines.extend(starts.map(|(task, found, wanted)| {
        format!("starts of {task}: {found}, in a run by Rust {wanted}")
    }));
    lines
}

fn part(title: &str, found: &[Normal], wanted: &[Normal]) -> Vec<String> {
    let at = |events: &[Normal], index: usize| match events.get(index) {
        Some(event) => format!("`{}`", event.line),
        None => "nothing more".to_owned(),
    };
    let other = (0..found.len().max(wanted.len())).find(|index| {
        found.get(*index).map(|event| &event.line) != wanted.get(*index).map(|event| &event.line)
    });
    let mut lines = Vec::new();
    if let Some(index) = other {
        let seq = found
            .get(index)
            .map_or_else(String::new, |event| format!(" (seq {})", event.seq));
        lines.push(format!(
            "{title}, event {} of {}{seq}: there is {}, in a run by Rust {} ({} events)",
            index + 1,
            found.len(),
            at(found, index),
            at(wanted, index),
            wanted.len()
        ));
    }
    let same = other.unwrap_or(found.len());
    for (found, wanted) in found.iter().zip(wanted).take(same) {
        let differences = values(&found.value, &wanted.value).into_iter();
        lines.extend(differences.map(|(path, value, wanted)| {
            let (line, seq) = (&found.line, found.seq);
            format!("{title}, `{line}` (seq {seq}): {path} is {value}, in a run by Rust {wanted}")
        }));
    }
    some(title, lines)
}

fn tree(title: &str, found: &Tree, wanted: &Tree) -> Vec<String> {
    let differences = values(&json!(found), &json!(wanted)).into_iter();
    let lines = differences.map(|(path, found, wanted)| {
        format!("{title} has {path}: {found}, in a run by Rust {wanted}")
    });
    some(title, lines.collect())
}

/// Path, what is there and what should be, for each value that differs.
pub(super) fn values(found: &Value, wanted: &Value) -> Vec<(String, String, String)> {
    let mut differences = Vec::new();
    walk("", Some(found), Some(wanted), &mut differences);
    differences
}

fn walk(
    path: &str,
    found: Option<&Value>,
    wanted: Option<&Value>,
    differences: &mut Vec<(String, String, String)>,
) {
    match (found, wanted) {
        (Some(Value::Object(found)), Some(Value::Object(wanted))) => {
            for (key, value) in found {
                walk(
                    &format!("{path}/{key}"),
                    Some(value),
                    wanted.get(key),
                    differences,
                );
            }
            for (key, value) in wanted.iter().filter(|(key, _)| !found.contains_key(*key)) {
                walk(&format!("{path}/{key}"), None, Some(value), differences);
            }
        }
        (Some(Value::Array(found)), Some(Value::Array(wanted))) => {
            for index in 0..found.len().max(wanted.len()) {
                let (found, wanted) = (found.get(index), wanted.get(index));
                walk(&format!("{path}/{index}"), found, wanted, differences);
            }
        }
        _ if found == wanted => {}
        _ => {
            let text = |value: Option<&Value>| {
                value.map_or_else(|| "nothing".to_owned(), ToString::to_string)
            };
            differences.push((path.to_owned(), text(found), text(wanted)));
        }
    }
}
