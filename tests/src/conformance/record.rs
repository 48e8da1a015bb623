//! What is left of a scenario that was played: the log, the branches, the agent's own notes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use aura_core::Event;
use serde_json::Value;

use super::compare::values;
use crate::scenario::{Scenario, Stage, git};

/// A durable event that is not internal, and its wire form.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged {
    /// The event.
    pub event: Event,
    /// Its wire form. Numbers without a fraction are whole numbers, since some languages know only one kind.
    pub wire: Value,
}

/// What is left of a scenario that was played.
#[derive(Debug, Clone)]
pub struct Record {
    /// Where it was played.
    pub directory: PathBuf,
    /// The log, without internal events.
    pub events: Vec<Logged>,
    /// The files of the story branch.
    pub story: Tree,
    /// The files of `main`.
    pub main: Tree,
    /// Starts of each task's agent.
    pub starts: BTreeMap<String, usize>,
    /// What the script did not foresee.
    pub failures: String,
}

/// Mode and content of each file of a branch.
pub type Tree = BTreeMap<String, (String, String)>;

impl Logged {
    /// An event as it is delivered.
    pub fn new(event: Event) -> Self {
        let mut wire = serde_json::to_value(&event).expect("JSON");
        whole_numbers(&mut wire);
        Self { event, wire }
    }

    /// Reads a line.
    fn read(line: &str) -> Result<Self, String> {
        let mut wire: Value =
            serde_json::from_str(line).map_err(|error| format!("is not JSON: {error}"))?;
        let event: Event = serde_json::from_value(wire.clone())
            .map_err(|error| format!("is not an event in wire form: {error}"))?;
        whole_numbers(&mut wire);
        let logged = Self::new(event);
        if logged.event.kind.is_internal() {
            let kind = logged.event.kind.name();
            return Err(format!("is a `{kind}`, which no stream delivers"));
        }
        match values(&wire, &logged.wire).first() {
            None => Ok(logged),
            Some((path, found, wanted)) => Err(format!(
                "is not as it is sent: {path} is {found} instead of {wanted}"
            )),
        }
    }
}

impl Record {
    /// What was left on a stage, with the log as the store has it.
    ///
    /// # Errors
    /// Whatever the library says.
    pub async fn of_stage(stage: &Stage, scenario: &Scenario) -> aura_core::Result<Self> {
        let aura = stage.open(scenario).await?;
        let story = aura.find_story(None).await?;
        let branch = aura.story(story).await?.branch;
        let events = aura.events(story, 0).await?;
        let told = events.into_iter().filter(|event| !event.kind.is_internal());
        let failures = stage.agent().join("failures.log");
        Ok(Self {
            directory: stage.directory().to_owned(),
            events: told.map(Logged::new).collect(),
            story: tree(&stage.repo(), &branch),
            main: tree(&stage.repo(), "main"),
            starts: stage.starts(),
            failures: std::fs::read_to_string(failures).unwrap_or_default(),
        })
    }

    /// The same with the log as it was delivered. What happened before the first run is taken from the store, unless it was written
    /// down, too.
    #[must_use]
    pub fn with_delivered(mut self, delivered: Vec<Logged>) -> Self {
        let has_beginning = delivered.iter().any(|logged| logged.event.run.is_none());
        self.events
            .retain(|logged| !has_beginning && logged.event.run.is_none());
        self.events.extend(delivered);
        self
    }
}

/// The events in a file, and what is wrong with its lines.
pub fn read_events(path: &Path) -> (Vec<Logged>, Vec<String>) {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return (Vec::new(), vec![format!("{}: {error}", path.display())]),
    };
    let (mut events, mut wrong) = (Vec::new(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        match Logged::read(line) {
            Ok(event) => events.push(event),
            Err(why) => wrong.push(format!("line {} of the events {why}", number + 1)),
        }
    }
    (events, wrong)
}

/// Writes a file that [`read_events`] reads.
pub fn write_events<'a>(path: &Path, events: impl IntoIterator<Item = &'a Event>) {
    let mut text = String::new();
    for event in events {
        let line = serde_json::to_string(event).expect("JSON");
        let _ = writeln!(text, "{line}");
    }
    std::fs::write(path, text).expect("the events are written");
}

fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or_default();
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it has no fraction and is small enough"
            )]
            if float.fract() == 0.0 && float.abs() < 1e15 {
                *value = (float as i64).into();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        _ => {}
    }
}

fn tree(repo: &Path, branch: &str) -> Tree {
    let lines = git(repo, &["ls-tree", "-r", branch]);
    lines
        .lines()
        .filter_map(|line| {
            let (entry, name) = line.split_once('\t')?;
            let mode = entry.split(' ').next()?;
            let content = git(repo, &["show", &format!("{branch}:{name}")]);
            Some((name.to_owned(), (mode.to_owned(), content)))
        })
        .collect()
}
