//! Gemini CLI.

use serde_json::{Map, Value, json};

use super::super::Login;
use super::super::output::Gemini;
use super::login;
use super::preset::{CommandLine, Order, Permission, Preset, Surroundings};
use crate::error::Result;
use crate::process::FirstSignal;

/// A file of settings below those of the user, which win.
const DEFAULTS: &str = "GEMINI_CLI_SYSTEM_DEFAULTS_PATH";

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
    config: &[("GEMINI_CLI_HOME", "")],
    has_mcp: true,
    names_session: true,
    speaks_text: false,
    needs_login: false,
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
    if order.surroundings.env(DEFAULTS).is_none() {
        let path = order.file("settings.json", &settings(order).to_string())?;
        line.env.push((DEFAULTS.to_owned(), path));
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
            entry.insert("trust".to_owned(), json!(order.settings.yolo));
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
    let home = surroundings.folder("GEMINI_CLI_HOME", "");
    let stored = login::has(home.map(|home| home.join(".gemini")), "oauth_creds.json");
    login::or(stored || surroundings.has_env(&keys), Login::Unknown)
}
