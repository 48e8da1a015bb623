//! OpenCode.

use serde_json::{Map, Value, json};

use super::super::Login;
use super::super::output::OpenCode;
use super::login;
use super::preset::{CommandLine, Order, Permission, Preset, Surroundings, no_status};
use crate::error::Result;
use crate::process::FirstSignal;

/// A configuration that is laid over that of the files.
const CONFIG: &str = "OPENCODE_CONFIG_CONTENT";

/// The keys of common providers.
const KEYS: &[&str] = &[
    "ANTHROPIC_API_KEY",
    "OPENAI_API_KEY",
    "OPENROUTER_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_GENERATIVE_AI_API_KEY",
    "GROQ_API_KEY",
    "DEEPSEEK_API_KEY",
    "MISTRAL_API_KEY",
    "XAI_API_KEY",
    "OPENCODE_API_KEY",
];

pub(in crate::agent) static PRESET: Preset = Preset {
    name: "opencode",
    provider: None,
    program: "opencode",
    versions: [[1, 0, 0], [2, 0, 0]],
    first_signal: FirstSignal::Interrupt,
    allow: &[
        "OPENCODE_*",
        "ANTHROPIC_API_KEY",
        "OPENAI_API_KEY",
        "OPENROUTER_API_KEY",
        "GEMINI_API_KEY",
        "GOOGLE_GENERATIVE_AI_API_KEY",
        "GROQ_API_KEY",
        "DEEPSEEK_API_KEY",
        "MISTRAL_API_KEY",
        "XAI_API_KEY",
        "XDG_*",
    ],
    set: &[("OPENCODE_DISABLE_AUTOUPDATE", "1")],
    config: &[
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_STATE_HOME", "state"),
        ("XDG_CACHE_HOME", "cache"),
    ],
    has_mcp: true,
    names_session: false,
    speaks_text: false,
    needs_login: false,
    install: "npm install -g opencode-ai",
    login_help: "run `opencode auth login`, or set the key of a provider",
    login: logged_in,
    native: &["opencode-{npm}/bin/opencode"],
    line,
    protocol: || Box::new(OpenCode::default()),
    status: no_status,
    usage: None,
};

fn line(order: &Order<'_>) -> Result<CommandLine> {
    let mut line = CommandLine::new(["run", "--format", "json"]);
    // Without a title it asks its model for one.
    let title = order.request.task.id.to_string();
    line.add(["--title", &title]);
    if order.permission() == Permission::Everything {
        line.add(["--auto"]);
    }
    line.option("-m", order.settings.model.as_deref());
    line.option("--session", order.session.resumed());
    let own = order.surroundings.env(CONFIG);
    let own = own.map_or_else(|| Ok(json!({})), |text| serde_json::from_str(&text));
    // One that cannot be read is left for it to complain about.
    if let Ok(Value::Object(own)) = own {
        let whole = Value::Object(config(order, own)).to_string();
        line.env.push((CONFIG.to_owned(), whole));
    }
    line.args.extend(order.settings.args.iter().cloned());
    Ok(line)
}

/// The user's own configuration wins, key by key.
fn config(order: &Order<'_>, mut own: Map<String, Value>) -> Map<String, Value> {
    let mut give = |name: &str, value: Value| {
        own.entry(name).or_insert(value);
    };
    give("autoupdate", json!(false));
    give("share", json!("disabled"));
    match order.permission() {
        Permission::Everything => {}
        Permission::Edits => give("permission", json!({"edit": "allow", "bash": "deny"})),
        Permission::Nothing => give("permission", json!({"edit": "deny", "bash": "deny"})),
    }
    let mcp = &order.settings.mcp;
    if mcp.is_empty() {
        return own;
    }
    let server = |(name, server): (&String, &super::McpServer)| {
        let command: Vec<&String> = std::iter::once(&server.command)
            .chain(&server.args)
            .collect();
        let entry = json!({"type": "local", "command": command, "environment": server.env});
        (name.clone(), entry)
    };
    let servers: Map<String, Value> = mcp.servers.iter().map(server).collect();
    give("mcp", Value::Object(servers));
    if let Some(some) = &mcp.tools {
        let mut tools = Map::new();
        for name in mcp.servers.keys() {
            tools.insert(format!("{name}_*"), json!(false));
            tools.extend(
                some.iter()
                    .map(|tool| (format!("{name}_{tool}"), json!(true))),
            );
        }
        give("tools", Value::Object(tools));
    }
    own
}

fn logged_in(surroundings: &Surroundings) -> Login {
    let data = surroundings.folder("XDG_DATA_HOME", ".local/share");
    let stored = login::has(data.map(|data| data.join("opencode")), "auth.json");
    // It has models that need no login.
    login::or(stored || surroundings.has_env(KEYS), Login::Unknown)
}
