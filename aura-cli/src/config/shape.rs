//! The shape of the file.

use std::collections::HashMap;
use std::path::Path;

use aura_core::{Error, ErrorKind, FlakyPolicy, GateSchedule, OnExhausted, Problem, Result, gates};

use super::reader::{Key, Reader, key, later};
use super::tree::{self, Data, Node, Place};
use super::{Config, GateEntry, Review, agents};

pub(super) const TOP: &[Key] = &[
    key("dispatch"),
    key("agents"),
    key("gates"),
    key("protected"),
    key("review"),
    key("secrets"),
    key("retry"),
    key("workspace"),
    key("limits"),
    key("mcp"),
    key("patterns"),
    later("notify"),
];

pub(super) const DISPATCH: &[Key] = &[
    key("maxParallel"),
    key("timeout"),
    key("idleTimeout"),
    key("schedule"),
    key("isolation"),
    key("onExhausted"),
    key("defaultMode"),
    key("model"),
];

pub(super) const WORKSPACE: &[Key] = &[
    key("root"),
    later("copy"),
    later("caches"),
    later("setup"),
    later("ports"),
];

pub(super) const LIMITS: &[Key] = &[
    key("cost_usd"),
    key("tokens"),
    key("attempts"),
    key("wait"),
    later("heavy_gates"),
];

pub(super) const GATE: &[Key] = &[
    key("name"),
    key("command"),
    key("env"),
    key("at"),
    key("required"),
    key("timeout"),
    key("flaky"),
    key("tests"),
    key("reviews"),
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
            Ok(tree) => top(&tree, &mut config, &mut reader),
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
            "agents" => {
                let root = config.path.ancestors().nth(2).map(Path::to_owned);
                agents::agents(value, &root.unwrap_or_default(), config, reader);
            }
            "limits" => limits(value, config, reader),
            "patterns" => {
                config.patterns = reader.text(value, "`patterns`").map(Into::into);
            }
            "mcp" => agents::mcp(value, config, reader),
            "gates" => config.gates = Some(all_gates(value, reader)),
            "protected" => protected(value, config, reader),
            "review" => review(value, config, reader),
            "secrets" => secrets(value, config, reader),
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
            "defaultMode" => {
                let modes = [("yolo", true), ("safe", false)];
                config.yolo = reader.word(value, "`defaultMode`", &modes);
            }
            "model" => {
                config.model = reader.text(value, "`model`").map(ToOwned::to_owned);
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

fn limits(node: &Node, config: &mut Config, reader: &mut Reader) {
    for (name, value) in reader.fields(node, "`limits`", LIMITS) {
        match name {
            "cost_usd" => config.limits.cost_usd = reader.dollars(value, "`cost_usd`"),
            "tokens" => config.limits.tokens = reader.number(value, "`tokens`", 1, u64::MAX),
            "attempts" => config.limits.attempts = reader.number(value, "`attempts`", 1, u64::MAX),
            _ => config.limit_wait = reader.seconds(value, "`wait`"),
        }
    }
}

fn all_gates(node: &Node, reader: &mut Reader) -> Vec<GateEntry> {
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
        tests: false,
        reviews: false,
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
            "tests" => entry.tests = reader.flag(value, "`tests`").unwrap_or(false),
            "reviews" => entry.reviews = reader.flag(value, "`reviews`").unwrap_or(false),
            _ => entry.flaky = reader.word(value, "`flaky`", FLAKY).unwrap_or_default(),
        }
    }
    if let (true, Some(schedules)) = (entry.tests, &entry.at)
        && !schedules.contains(&GateSchedule::AfterWave)
    {
        let message = "`tests: true` compares numbers of tests where the gate judges `after_wave`, which its `at` does not name";
        reader.push(at, Problem::error("not_counted", message));
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

fn protected(node: &Node, config: &mut Config, reader: &mut Reader) {
    for (name, value) in reader.fields(node, "`protected`", &[key("enabled"), key("paths")]) {
        if name == "enabled" {
            config.protected.enabled = reader.flag(value, "`enabled`").unwrap_or(true);
            continue;
        }
        for item in reader.list(value, "`paths`") {
            let Some(path) = reader.text(item, "a protected path") else {
                continue;
            };
            match gates::protected_paths_and([path]) {
                Ok(_) => config.protected.paths.push(path.to_owned()),
                Err(error) => {
                    reader.push(item.at, Problem::error("invalid_path", error.to_string()));
                }
            }
        }
    }
}

fn secrets(node: &Node, config: &mut Config, reader: &mut Reader) {
    for (name, value) in reader.fields(node, "`secrets`", &[key("enabled"), key("command")]) {
        if name == "enabled" {
            config.secrets.enabled = reader.flag(value, "`enabled`").unwrap_or(true);
        } else {
            let command = reader.command(value, "the command of `secrets`");
            config.secrets.command = command.unwrap_or_default();
        }
    }
}

fn review(node: &Node, config: &mut Config, reader: &mut Reader) {
    let mut review = Review {
        enabled: true,
        agent: None,
    };
    for (name, value) in reader.fields(node, "`review`", &[key("enabled"), key("agent")]) {
        if name == "enabled" {
            review.enabled = reader.flag(value, "`enabled`").unwrap_or(true);
        } else {
            review.agent = reader.text(value, "`agent`").map(ToOwned::to_owned);
        }
    }
    config.review = Some(review);
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
