//! The shape of the file.

use std::collections::HashMap;
use std::path::Path;

use aura_core::{Error, ErrorKind, FlakyPolicy, GateSchedule, OnExhausted, Problem, Result};

use super::reader::{Key, Reader, key, later};
use super::tree::{self, Data, Node, Place};
use super::{AgentEntry, Config, GateEntry};

const TOP: &[Key] = &[
    key("dispatch"),
    key("agents"),
    key("gates"),
    key("retry"),
    key("workspace"),
    later("limits"),
    later("mcp"),
    later("patterns"),
    later("notify"),
];

const DISPATCH: &[Key] = &[
    key("maxParallel"),
    key("timeout"),
    key("idleTimeout"),
    key("schedule"),
    key("isolation"),
    key("onExhausted"),
    later("defaultMode"),
    later("model"),
];

const WORKSPACE: &[Key] = &[
    key("root"),
    later("copy"),
    later("caches"),
    later("setup"),
    later("ports"),
];

const AGENT: &[Key] = &[
    key("backend"),
    key("command"),
    key("env"),
    later("model"),
    later("role"),
    later("when"),
    later("sandbox"),
];

const GATE: &[Key] = &[
    key("name"),
    key("command"),
    key("env"),
    key("at"),
    key("required"),
    key("timeout"),
    key("flaky"),
];

const SCHEDULES: &[(&str, GateSchedule)] = &[
    ("after_task", GateSchedule::AfterTask),
    ("after_wave", GateSchedule::AfterWave),
    ("final", GateSchedule::Final),
];

const FLAKY: &[(&str, FlakyPolicy)] = &[
    ("accept", FlakyPolicy::Accept),
    ("refuse", FlakyPolicy::Refuse),
];

/// Reads the file's text.
pub(super) fn read(text: &str, path: &Path) -> Result<Config> {
    let mut reader = Reader::new(path);
    let mut config = Config {
        path: path.to_owned(),
        text: text.to_owned(),
        ..Config::default()
    };
    let is_blank = text
        .lines()
        .map(str::trim)
        .all(|line| line.is_empty() || line.starts_with('#'));
    if !is_blank {
        match tree::parse(text) {
            Ok(root) => top(&root, &mut config, &mut reader),
            Err(problem) => {
                let at = (problem.line.unwrap_or(1), problem.column.unwrap_or(1));
                reader.push(at, *problem);
            }
        }
    }
    if reader.problems.is_empty() {
        return Ok(config);
    }
    reader
        .problems
        .sort_by_key(|problem| (problem.line, problem.column));
    Err(Error::from_problems(
        ErrorKind::InvalidConfig,
        reader.problems,
    ))
}

fn top(root: &Node, config: &mut Config, reader: &mut Reader) {
    for (name, value) in reader.fields(root, "the configuration", TOP) {
        match name {
            "dispatch" => dispatch(value, config, reader),
            "agents" => agents(value, config, reader),
            "gates" => config.gates = Some(gates(value, reader)),
            "workspace" => {
                for (_, value) in reader.fields(value, "`workspace`", WORKSPACE) {
                    config.workspace_root = reader.text(value, "`root`").map(Into::into);
                }
            }
            _ => retry(value, config, reader),
        }
    }
}

fn dispatch(node: &Node, config: &mut Config, reader: &mut Reader) {
    for (name, value) in reader.fields(node, "`dispatch`", DISPATCH) {
        match name {
            "maxParallel" => {
                config.max_parallel = reader
                    .number(value, "`maxParallel`", 1, 1024)
                    .and_then(|number| usize::try_from(number).ok());
            }
            "timeout" => config.timeout = reader.seconds(value, "`timeout`"),
            "idleTimeout" => config.idle_timeout = reader.seconds(value, "`idleTimeout`"),
            "onExhausted" => {
                config.on_exhausted = reader.word(
                    value,
                    "`onExhausted`",
                    &[
                        ("pause_story", OnExhausted::PauseStory),
                        ("isolate_and_continue", OnExhausted::IsolateAndContinue),
                        ("abort_story", OnExhausted::AbortStory),
                    ],
                );
            }
            "schedule" => only(value, "`schedule`", "waves", &["ready"], reader),
            _ => only(value, "`isolation`", "task", &["group", "story"], reader),
        }
    }
}

/// A setting of which this version has one value.
fn only(node: &Node, what: &str, value: &str, later: &[&str], reader: &mut Reader) {
    let Some(text) = reader.text(node, what) else {
        return;
    };
    if later.contains(&text) {
        let message = format!("{what}: `{text}` is not supported by this version");
        let help = format!("use `{value}`");
        reader.push(
            node.at,
            Problem::error("unsupported_value", message).help(help),
        );
    } else if text != value {
        let message = format!("{what} is `{value}`; not `{text}`");
        reader.push(node.at, Problem::error("unknown_value", message));
    }
}

fn agents(node: &Node, config: &mut Config, reader: &mut Reader) {
    for entry in reader.entries(node, "`agents`") {
        let what = format!("agent `{}`", entry.key);
        let mut backend = None;
        let mut command = None;
        let mut env = Vec::new();
        for (name, value) in reader.fields(&entry.value, &what, AGENT) {
            match name {
                "backend" => {
                    backend = reader
                        .text(value, &format!("the backend of {what}"))
                        .map(|text| (text, value.at));
                }
                "env" => env = reader.variables(value, &format!("`env` of {what}")),
                _ => command = reader.command(value, &format!("the command of {what}")),
            }
        }
        if let Some((name, at)) = backend.filter(|(name, _)| *name != "command") {
            let message =
                format!("the backend `{name}` of {what} is not supported by this version");
            let help = "use `backend: command` with a `command` that reads the prompt from its standard input";
            reader.push(at, Problem::error("unsupported_value", message).help(help));
            continue;
        }
        let has_command = matches!(&entry.value.data, Data::Map(fields) if fields.iter().any(|field| field.key == "command"));
        match command {
            Some(command) => config.agents.push(AgentEntry {
                name: entry.key.clone(),
                command,
                env,
            }),
            None if !has_command => reader.push(
                entry.at,
                Problem::error("missing_key", format!("{what} has no `command`")),
            ),
            None => {}
        }
    }
}

fn gates(node: &Node, reader: &mut Reader) -> Vec<GateEntry> {
    let mut gates: Vec<GateEntry> = Vec::new();
    let mut seen: HashMap<String, Place> = HashMap::new();
    for item in reader.list(node, "`gates`") {
        let Some((entry, at)) = gate(item, reader) else {
            continue;
        };
        if let Some(first) = seen.insert(entry.name.clone(), at) {
            let message = format!("the gate `{}` is already in line {}", entry.name, first.0);
            reader.push(at, Problem::error("duplicate_gate", message));
        }
        gates.push(entry);
    }
    gates
}

/// A gate and the place of its name; `None` with a problem where it is not complete.
fn gate(item: &Node, reader: &mut Reader) -> Option<(GateEntry, Place)> {
    let before = reader.problems.len();
    let mut at = item.at;
    let mut entry = GateEntry {
        name: String::new(),
        command: Vec::new(),
        env: Vec::new(),
        at: None,
        required: true,
        timeout: None,
        flaky: FlakyPolicy::default(),
    };
    for (name, value) in reader.fields(item, "a gate", GATE) {
        match name {
            "name" => {
                at = value.at;
                let name = reader.text(value, "the name of a gate");
                entry.name = name.unwrap_or_default().to_owned();
            }
            "command" => {
                let command = reader.command(value, "the command of a gate");
                entry.command = command.unwrap_or_default();
            }
            "env" => entry.env = reader.variables(value, "`env` of a gate"),
            "at" => entry.at = schedules(value, reader),
            "required" => entry.required = reader.flag(value, "`required`").unwrap_or(true),
            "timeout" => entry.timeout = reader.seconds(value, "`timeout`"),
            _ => entry.flaky = reader.word(value, "`flaky`", FLAKY).unwrap_or_default(),
        }
    }
    let is_sound = reader.problems.len() == before;
    for (missing, name) in [
        (entry.name.is_empty(), "name"),
        (entry.command.is_empty(), "command"),
    ] {
        if is_sound && missing {
            let message = format!("a gate has no `{name}`");
            reader.push(item.at, Problem::error("missing_key", message));
        }
    }
    (reader.problems.len() == before).then_some((entry, at))
}

fn schedules(node: &Node, reader: &mut Reader) -> Option<Vec<GateSchedule>> {
    let items = match &node.data {
        Data::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut at = Vec::new();
    for item in items {
        let schedule = reader.word(item, "`at`", SCHEDULES)?;
        if !at.contains(&schedule) {
            at.push(schedule);
        }
    }
    if at.is_empty() {
        reader.push(
            node.at,
            Problem::error(
                "empty",
                "`at` names no point, so the gate would never judge",
            ),
        );
        return None;
    }
    Some(at)
}

fn retry(node: &Node, config: &mut Config, reader: &mut Reader) {
    for (name, value) in reader.fields(node, "`retry`", &[key("max"), key("restarts")]) {
        let number = reader
            .number(value, &format!("`{name}`"), 0, 1000)
            .and_then(|number| u32::try_from(number).ok());
        match name {
            "max" => config.retry_max = number,
            _ => config.restart_max = number,
        }
    }
}
