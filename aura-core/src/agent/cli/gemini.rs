//! Gemini CLI.

use serde_json::{Map, Value, json};

use super::super::Login;
use super::super::output::Gemini;
use super::preset::{CommandLine, Order, Permission, Preset, Surroundings};
use super::{login, mirror};
use crate::error::Result;
use crate::process::FirstSignal;

/// Where its folder `.gemini` is.
const HOME: &str = "GEMINI_CLI_HOME";

pub(in crate::agent) static PRESET: Preset = Preset {
    name: "gemini",
    provider: Some("google"),
    program: "gemini",
    versions: [[0, 40, 0], [1, 0, 0]],
    first_signal: FirstSignal::Interrupt,
    allow: &["GEMINI_*", "GOOGLE_*"],
    set: &[
        ("GEMINI_CLI_NO_RELAUNCH", "true"),
        ("GEMINI_CLI_TRUST_WORKSPACE", "true"),
        ("GEMINI_TELEMETRY_ENABLED", "false"),
    ],
    config: &[(HOME, "")],
    has_mcp: true,
    names_session: true,
    speaks_text: false,
    needs_login: false,
    install: "npm install -g @google/gemini-cli",
    login_help: "start `gemini` once and log in, or set GEMINI_API_KEY",
    login: logged_in,
    native: &[],
    line,
    protocol: || Box::new(Gemini::default()),
    status,
    usage: None,
};

fn line(order: &Order<'_>) -> Result<CommandLine> {
    let mut line = CommandLine::new(["--output-format", "stream-json"]);
    match order.permission() {
        Permission::Everything => line.add(["--yolo"]),
        Permission::Edits => line.add(["--approval-mode", "auto_edit"]),
        Permission::Nothing => line.add(["--approval-mode", "default"]),
    }
    line.option("-m", order.settings.model.as_deref());
    line.option("--session-id", order.session.new_id());
    line.option("--resume", order.session.resumed());
    if let Some(user) = order.surroundings.folder(HOME, "") {
        let home = order.scratch.join("home");
        mirror::fill(&home, &user, ".gemini", &settings(order))?;
        let home = home.to_string_lossy().into_owned();
        line.env.push((HOME.to_owned(), home));
    }
    line.args.extend(order.settings.args.iter().cloned());
    Ok(line)
}

fn settings(order: &Order<'_>) -> Value {
    let mcp = &order.settings.mcp;
    let mut settings = json!({
        "general": {"enableAutoUpdate": false, "disableAutoUpdate": true},
        "privacy": {"usageStatisticsEnabled": false},
    });
    let mut add = |name: &str, value: Value| {
        if let Some(map) = settings.as_object_mut() {
            map.insert(name.to_owned(), value);
        }
    };
    if order.surroundings.has_env(&["GEMINI_API_KEY"]) {
        // Without a choice it would ask, whatever keys there are.
        let chosen = json!({"auth": {"selectedType": "gemini-api-key"}});
        add("security", chosen);
    }
    if !mcp.is_empty() {
        let some = |entry: &mut Map<String, Value>| {
            if let Some(tools) = &mcp.tools {
                entry.insert("includeTools".to_owned(), json!(tools));
            }
            // Nobody is there to be asked, and what the user names is meant to be used.
            let trust = order.permission() != Permission::Nothing;
            entry.insert("trust".to_owned(), json!(trust));
        };
        add("mcpServers", mcp.entries(some));
    }
    settings
}

/// Its exit code for an error of the provider is the HTTP status in eight bits, and it has some of its own.
fn status(code: i32) -> Option<u16> {
    match code {
        41 => Some(401),
        52 => Some(400),
        // 400 to 511.
        144..=255 => u16::try_from(code + 256).ok(),
        _ => None,
    }
}

fn logged_in(surroundings: &Surroundings) -> Login {
    let keys = [
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_GENAI_USE_GCA",
    ];
    let home = surroundings.folder(HOME, "");
    let stored = login::has(home.map(|home| home.join(".gemini")), "oauth_creds.json");
    login::or(stored || surroundings.has_env(&keys), Login::Unknown)
}
