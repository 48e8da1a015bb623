//! The scenarios that every language plays come out as they have to, and the tool that says so notices when they do not.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aura_core::{
    Event, Orchestrator, Plan, Policy, RunEvent, RunOptions, StorySpec, agents, gates,
};
use aura_tests::conformance::{
    EVENTS, Logged, Record, against_expectation, against_store, between_runs, check, read_events,
    write_events,
};
use aura_tests::scenario::{Scenario, Stage};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::kit::AGENT;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance")
}

fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory()).expect("scenarios");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    files
}

/// Plays a scenario as the drivers of other languages do. What is different from what is expected and from another run.
async fn play(path: PathBuf) -> Result<(), String> {
    let scenario = Scenario::read(&path);
    let name = &scenario.name;
    if path.file_stem().is_none_or(|stem| stem != name.as_str()) {
        return Err(format!("{} is called {name}", path.display()));
    }
    let temp = tempfile::tempdir().expect("a directory");
    let stage = Stage::new(temp.path(), AGENT);
    let mut told = Vec::new();
    let lines = async {
        stage
            .play_telling(&scenario, &mut |event| told.push(event))
            .await?;
        write_events(&temp.path().join(EVENTS), &told);
        check(&scenario, temp.path(), Path::new(AGENT)).await
    }
    .await
    .map_err(|error| format!("{name}: {error}"))?;
    if lines.is_empty() {
        return Ok(());
    }
    Err(format!("{name}:\n{}", lines.join("\n")))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_comes_out_as_it_has_to() {
    let mut waiting = files().into_iter();
    assert!(waiting.len() > 10, "{} scenarios", waiting.len());
    let mut playing = JoinSet::new();
    for path in waiting.by_ref().take(3) {
        playing.spawn(play(path));
    }
    let mut wrong = Vec::new();
    while let Some(ended) = playing.join_next().await {
        wrong.extend(ended.expect("played").err());
        if let Some(path) = waiting.next() {
            playing.spawn(play(path));
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A scenario that was played twice.
struct Twice {
    scenario: Scenario,
    temp: tempfile::TempDir,
    /// What the first run was told, a line each.
    told: Vec<Value>,
    first: Record,
    second: Record,
}

impl Twice {
    async fn play(name: &str) -> Self {
        let scenario = Scenario::read(&directory().join(name).with_extension("json"));
        let temp = tempfile::tempdir().expect("a directory");
        let mut records = Vec::new();
        for part in ["first", "second"] {
            let stage = Stage::new(temp.path().join(part), AGENT);
            stage.play(&scenario).await.expect("played");
            let record = Record::of_stage(&stage, &scenario).await;
            records.push(record.expect("a record"));
        }
        let second = records.pop().expect("two");
        let first = records.pop().expect("two");
        let told = first
            .events
            .iter()
            .filter(|logged| logged.event.run.is_some());
        Self {
            told: told.map(|logged| logged.wire.clone()).collect(),
            scenario,
            temp,
            first,
            second,
        }
    }

    /// What the file of events is found to be, when it has these lines.
    fn read(&self, lines: &[Value]) -> (Vec<Logged>, Vec<String>) {
        let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
        let path = self.temp.path().join(EVENTS);
        std::fs::write(&path, text.join("\n")).expect("written");
        read_events(&path)
    }

    /// What is noticed when those lines were delivered: without a look at the other run, and with nothing but that.
    fn noticed(&self, lines: &[Value]) -> (Vec<String>, Vec<String>) {
        let (delivered, mut here) = self.read(lines);
        here.extend(against_store(&delivered, &self.first.events));
        let found = self.first.clone().with_delivered(delivered);
        (here, between_runs(&self.scenario, &found, &self.second))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_missing_doubled_or_out_of_order_is_noticed() {
    let twice = Twice::play("conflict").await;
    let none: (Vec<String>, Vec<String>) = Default::default();
    assert_eq!(twice.noticed(&twice.told), none);
    assert!(twice.told.len() > 20, "{}", twice.told.len());

    for index in 0..twice.told.len() {
        let what = &twice.told[index];
        let mut lines = twice.told.clone();
        lines.remove(index);
        let (here, between) = twice.noticed(&lines);
        assert!(here[0].contains("was not delivered"), "{what}: {here:?}");
        assert!(!between.is_empty(), "missing: {what}");

        let mut lines = twice.told.clone();
        lines.insert(index, what.clone());
        let (here, between) = twice.noticed(&lines);
        assert!(here[0].contains("delivered after"), "{what}: {here:?}");
        assert!(!between.is_empty(), "doubled: {what}");
    }
    for index in 1..twice.told.len() {
        let mut lines = twice.told.clone();
        lines.swap(index - 1, index);
        let (here, between) = twice.noticed(&lines);
        let what = &twice.told[index];
        assert!(here[0].contains("delivered after"), "{what}: {here:?}");
        let tasks = [&lines[index - 1]["task"], &lines[index]["task"]];
        assert_eq!(between.is_empty(), tasks[0] != tasks[1], "swapped: {what}");
    }
}

/// What no two runs of a scenario have in common.
const OWN: [&str; 6] = ["seq", "at", "story", "run", "after", "duration_ms"];

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_changed_is_noticed() {
    let twice = Twice::play("conflict").await;
    let mut changed = 0;
    for (index, event) in twice.told.iter().enumerate() {
        for path in leaves("", event) {
            let mut lines = twice.told.clone();
            let leaf = lines[index].pointer_mut(&path).expect("a value");
            change(leaf);
            let (here, between) = twice.noticed(&lines);
            assert!(!here.is_empty(), "{path} of {event}");
            let key = path.rsplit('/').next().unwrap_or_default();
            // Another number or name of an id is as good as the first, where nothing else refers to it.
            let is_id = leaf_is_id(event.pointer(&path));
            if !OWN.contains(&key) && !is_id {
                assert!(!between.is_empty(), "{path} of {event}");
            }
            changed += 1;
        }
    }
    assert!(changed > 200, "{changed} values");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tree_another_start_and_a_script_that_did_not_hold_are_noticed() {
    let twice = Twice::play("one-task").await;
    let (scenario, second) = (&twice.scenario, &twice.second);
    let same = twice.first.clone();
    assert_eq!(against_expectation(scenario, &same), Vec::<String>::new());
    type Change = fn(&mut Record);
    let changes: [(Change, &str, bool); 4] = [
        (
            |record| {
                record.story.clear();
            },
            "the story branch has",
            true,
        ),
        (
            |record| {
                record.main.clear();
            },
            "main has",
            false,
        ),
        (
            |record| {
                record.starts.insert("a".to_owned(), 7);
            },
            "starts of /a: 7",
            true,
        ),
        (
            |record| {
                record.failures = "task `a`: no case fits\n".to_owned();
            },
            "no case fits",
            true,
        ),
    ];
    for (change, part, is_expected) in changes {
        let mut found = twice.first.clone();
        change(&mut found);
        let expected = against_expectation(scenario, &found);
        assert_eq!(!expected.is_empty(), is_expected, "{part}: {expected:?}");
        let mut all = between_runs(scenario, &found, second);
        all.extend(expected);
        assert!(
            all.iter().any(|line| line.contains(part)),
            "{part}: {all:?}"
        );
    }
}

/// Paths of all values that hold no others.
fn leaves(path: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| leaves(&format!("{path}/{key}"), value))
            .collect(),
        Value::Array(values) => values
            .iter()
            .enumerate()
            .flat_map(|(index, value)| leaves(&format!("{path}/{index}"), value))
            .collect(),
        _ => vec![path.to_owned()],
    }
}

fn change(value: &mut Value) {
    *value = match value {
        Value::Bool(yes) => (!*yes).into(),
        Value::Number(number) => (number.as_u64().unwrap_or_default() + 1).into(),
        Value::String(text) if leaf_is_id(Some(&Value::String(text.clone()))) => {
            let other = if text.starts_with('0') { "1" } else { "0" };
            format!("{other}{}", &text[1..]).into()
        }
        Value::String(text) => format!("{text}x").into(),
        _ => "x".into(),
    };
}

/// Ids of commits and digests.
fn leaf_is_id(value: Option<&Value>) -> bool {
    let text = value.and_then(Value::as_str).unwrap_or_default();
    text.len() >= 16 && text.chars().all(|c| c.is_ascii_hexdigit())
        || text.starts_with("{\"config\"")
}

fn tool(verb: &str, scenario: &Path, place: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_conformance"))
        .arg(verb)
        .args([scenario, place])
        .output()
        .expect("it runs")
}

/// Plays what the tool said, and nothing else; the events that were told.
async fn play_setting(setting: &Value) -> Vec<Event> {
    fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
        serde_json::from_value(value.clone()).expect("as it is passed on")
    }
    let repo: PathBuf = read(&setting["repo"]);
    let gates = setting["gates"].as_array().expect("gates").iter();
    let gates = gates.map(|gate| {
        let command: Vec<String> = read(&gate["command"]);
        gates::command(read::<String>(&gate["name"]), command)
            .at(read::<Vec<_>>(&gate["at"]))
            .required(read(&gate["required"]))
            .flaky(read(&gate["flaky"]))
    });
    let command: Vec<String> = read(&setting["agents"]["default"]["command"]);
    let aura = Orchestrator::builder(repo)
        .agent("default", agents::command(command))
        .gates(gates)
        .open()
        .await
        .expect("it opens");
    let spec = StorySpec::from_plan(read::<Plan>(&setting["plan"]));
    let spec = spec.policy(read::<Policy>(&setting["policy"]));
    let story = aura.create_story(spec).await.expect("created");
    let options: RunOptions = read(&setting["options"]);
    let mut run = aura.run(story, options).await.expect("started");
    let mut told = Vec::new();
    while let Some(event) = run.next_event().await.expect("an event") {
        if let RunEvent::Durable(event) = event {
            told.push(event);
        }
    }
    assert_eq!(setting["merge"], false, "this scenario does not land");
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tool_sets_the_stage_and_judges_what_was_played_there() {
    let temp = tempfile::tempdir().expect("a directory");
    let scenario = directory().join("chosen-tasks.json");
    let said = tool("check", &scenario, temp.path());
    assert_eq!(said.status.code(), Some(1), "nothing was played: {said:?}");

    let said = tool("set", &scenario, temp.path());
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let setting: Value = serde_json::from_slice(&said.stdout).expect("one JSON object");
    let said = tool("check", &scenario, temp.path());
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(text.contains(EVENTS) && text.contains("no story"), "{text}");

    let told = play_setting(&setting).await;
    let events = temp.path().join(EVENTS);
    write_events(&events, &told);
    let said = tool("check", &scenario, temp.path());
    assert_eq!(said.status.code(), Some(0), "{said:?}");

    write_events(&events, &told[1..]);
    let said = tool("check", &scenario, temp.path());
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let text = String::from_utf8_lossy(&said.stdout);
    for part in [
        "(run.started) was not delivered",
        "there is `wave.started 0`, in a run by Rust `run.started`",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
