//! A log without what differs between any two runs of one scenario.
//!
//! Times, durations and numbers in the log go. Ids of commits, digests and fingerprints become names that say where in the log each was
//! met first, so that it still shows whether two places hold the same one. Ids of the story and of runs, and the directory, become
//! words wherever they stand in a text. Trees stay as they are: their ids are made of nothing but content.
//!
//! Commits of the same content are the same commit when they are made within one second. So a task's sealed commit, and each commit of
//! a candidate, counts as a new one, whatever its id.

use std::collections::{BTreeMap, HashMap};

use aura_core::{Event, EventKind, GatePoint, SealOutcome};
use serde_json::Value;

use super::record::Record;
use crate::scenario;

/// The part of a log that is about the story as a whole.
pub(super) const STORY: &str = "story";

const COMMIT: usize = 40;
/// As commits are named in texts for people.
const SHORT: usize = 10;

/// Events about one task, or about the story as a whole.
pub(super) type Part = Vec<Normal>;

/// One event of a part.
#[derive(Debug)]
pub(super) struct Normal {
    pub(super) seq: u64,
    /// The event in a line.
    pub(super) line: String,
    pub(super) value: Value,
}

/// The parts of a log by the title they have in messages.
pub(super) fn parts(record: &Record, is_ordered: bool) -> BTreeMap<String, Part> {
    let mut names = Names::new(record, is_ordered);
    let mut parts: BTreeMap<String, Part> = BTreeMap::new();
    for logged in &record.events {
        let title = title(&logged.event);
        let mut value = logged.wire.clone();
        if let Value::Object(fields) = &mut value {
            fields.remove("seq");
            fields.remove("at");
        }
        names.meet(&title, &logged.event.kind);
        names.value(&title, "", &mut value);
        parts.entry(title).or_default().push(Normal {
            seq: logged.event.seq,
            line: scenario::line(&logged.event),
            value,
        });
    }
    parts
}

fn title(event: &Event) -> String {
    event
        .task
        .as_ref()
        .map_or_else(|| STORY.to_owned(), |task| format!("task {task}"))
}

/// What stands for what so far.
struct Names {
    /// Texts that are replaced wherever they stand, longest first.
    words: Vec<(String, String)>,
    /// Names of ids by the id.
    known: HashMap<String, String>,
    /// The same for sealed commits, where the present event is about one.
    sealed: HashMap<String, String>,
    is_about_sealed: bool,
    /// How many ids were met first in each part.
    counts: HashMap<String, usize>,
    is_ordered: bool,
}

impl Names {
    fn new(record: &Record, is_ordered: bool) -> Self {
        let mut words = Vec::new();
        let mut word = |from: String, to: &str| {
            if !words.iter().any(|(known, _)| *known == from) {
                words.push((from, to.to_owned()));
            }
        };
        word(record.directory.display().to_string(), "{directory}");
        if let Ok(real) = record.directory.canonicalize() {
            word(real.display().to_string(), "{directory}");
        }
        let mut runs = 0;
        for Event { story, run, .. } in record.events.iter().map(|logged| &logged.event) {
            word(story.to_string(), "{story}");
            word(format!("-{}", story.short()), "-{short}");
            if let Some(run) = run {
                runs += 1;
                word(run.to_string(), &format!("{{run {runs}}}"));
            }
        }
        Self {
            words,
            known: HashMap::new(),
            sealed: HashMap::new(),
            is_about_sealed: false,
            counts: HashMap::new(),
            is_ordered,
        }
    }

    /// Gets ready for an event: the commits that it makes are new.
    fn meet(&mut self, part: &str, kind: &EventKind) {
        self.is_about_sealed = matches!(
            kind,
            EventKind::TaskSealed { .. }
                | EventKind::GateStarted {
                    at: GatePoint::Task,
                    ..
                }
                | EventKind::GateFinished {
                    at: GatePoint::Task,
                    ..
                }
        );
        match kind {
            EventKind::TaskSealed {
                outcome: SealOutcome::Sealed { commit, .. },
            } => {
                self.sealed.remove(&commit.to_string());
            }
            EventKind::CandidateBuilt { base, tasks, .. } => {
                self.named(part, &base.to_string());
                for task in tasks {
                    self.known.remove(&task.commit.to_string());
                }
            }
            _ => {}
        }
    }

    fn names(&self) -> &HashMap<String, String> {
        if self.is_about_sealed {
            &self.sealed
        } else {
            &self.known
        }
    }

    fn value(&mut self, part: &str, key: &str, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    self.value(part, key, value);
                }
            }
            Value::Array(values) => {
                for value in values {
                    self.value(part, key, value);
                }
            }
            Value::Number(_) if key == "duration_ms" => *value = "{time}".into(),
            Value::String(text) => *text = self.text(part, key, text),
            _ => {}
        }
    }

    fn text(&mut self, part: &str, key: &str, text: &str) -> String {
        match key {
            "after" | "until" => "{time}".to_owned(),
            "digest" | "fingerprint" if !text.is_empty() => self.named(part, text),
            // What a retry is built on depends on who was accepted by then.
            "tree" | "base_tree" if !self.is_ordered => "{tree}".to_owned(),
            "tree" | "base_tree" => text.to_owned(),
            _ => {
                let mut text = self.ids(part, text);
                for (from, to) in &self.words {
                    text = text.replace(from, to);
                }
                text
            }
        }
    }

    /// Replaces ids of commits, full ones and the beginnings of known ones.
    fn ids(&mut self, part: &str, text: &str) -> String {
        let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let mut result = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let length = rest.find(|c| !is_hex(c)).unwrap_or(rest.len());
            let (run, behind) = rest.split_at(length);
            match length {
                COMMIT => result.push_str(&self.named(part, run)),
                SHORT => result.push_str(self.beginning(run).unwrap_or(run)),
                _ => result.push_str(run),
            }
            let other = behind.find(is_hex).unwrap_or(behind.len());
            result.push_str(&behind[..other]);
            rest = &behind[other..];
        }
        result
    }

    fn beginning(&self, short: &str) -> Option<&str> {
        let mut known = self.known.iter().chain(&self.sealed);
        let found = known.find(|(id, _)| id.len() == COMMIT && id.starts_with(short));
        found.map(|(_, name)| name.as_str())
    }

    fn named(&mut self, part: &str, id: &str) -> String {
        if let Some(name) = self.names().get(id) {
            return name.clone();
        }
        let count = self.counts.entry(part.to_owned()).or_default();
        *count += 1;
        let name = if part == STORY && !self.is_ordered {
            "{some id of story}".to_owned()
        } else {
            format!("{{id {count} of {part}}}")
        };
        let names = if self.is_about_sealed {
            &mut self.sealed
        } else {
            &mut self.known
        };
        names.insert(id.to_owned(), name.clone());
        name
    }
}
