//! Codex.

use super::super::Login;
use super::super::output::Codex;
use super::login;
use super::preset::{CommandLine, Order, Permission, Preset, Surroundings, no_status};
use crate::error::Result;
use crate::process::FirstSignal;

pub(in crate::agent) static PRESET: Preset = Preset {
    name: "codex",
    provider: Some("openai"),
    program: "codex",
    versions: [[0, 100, 0], [1, 0, 0]],
    first_signal: FirstSignal::Interrupt,
    allow: &["CODEX_*", "OPENAI_*", "AZURE_OPENAI_*"],
    set: &[],
    config: &[("CODEX_HOME", "")],
    has_mcp: true,
    names_session: false,
    speaks_text: false,
    // Without a login and a network it waits for ever.
    needs_login: true,
    install: "npm install -g @openai/codex",
    login_help: "run `codex login`, or set CODEX_API_KEY",
    login: logged_in,
    native: &[
        "@openai/codex-{npm}/vendor/{triple}/bin/codex",
        "@openai/codex/vendor/{triple}/codex/codex",
    ],
    line,
    protocol: || Box::new(Codex::default()),
    status: no_status,
    usage: None,
};

fn line(order: &Order<'_>) -> Result<CommandLine> {
    let mut line = CommandLine::new(["exec", "--json", "--skip-git-repo-check"]);
    match order.permission() {
        Permission::Everything => line.add(["--dangerously-bypass-approvals-and-sandbox"]),
        Permission::Edits => line.add(["--sandbox", "workspace-write"]),
        Permission::Nothing => line.add(["--sandbox", "read-only"]),
    }
    line.option("-m", order.settings.model.as_deref());
    for setting in [
        "analytics.enabled=false",
        "check_for_update_on_startup=false",
        "features.plugins=false",
        "features.apps=false",
    ] {
        line.add(["-c", setting]);
    }
    let asks = order.permission() == Permission::Edits;
    for (name, server) in &order.settings.mcp.servers {
        let mut set = |key: &str, value: String| {
            line.add(["-c", &format!("mcp_servers.{name}.{key}={value}")]);
        };
        set("command", toml_text(&server.command));
        set("args", toml_list(&server.args));
        if let Some(tools) = &order.settings.mcp.tools {
            set("enabled_tools", toml_list(tools));
        }
        if asks {
            // Nobody is there to be asked, and what the user names is meant to be used.
            set("default_tools_approval_mode", toml_text("approve"));
        }
        // Not on the command line, which everybody on the machine can read.
        let names: Vec<String> = server.env.keys().cloned().collect();
        set("env_vars", toml_list(&names));
        line.env.extend(server.env.clone());
    }
    line.args.extend(order.settings.args.iter().cloned());
    match order.session.resumed() {
        Some(id) => line.add(["resume", id, "-"]),
        None => line.add(["-"]),
    }
    Ok(line)
}

/// A JSON string is a TOML one.
fn toml_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn toml_list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| toml_text(text)).collect();
    format!("[{}]", texts.join(","))
}

fn logged_in(surroundings: &Surroundings) -> Login {
    let home = surroundings.folder("CODEX_HOME", ".codex");
    let stored = login::has(home.clone(), "auth.json");
    if stored || surroundings.has_env(&["CODEX_API_KEY", "CODEX_ACCESS_TOKEN"]) {
        return Login::Yes;
    }
    // A provider of its own may need no login, or have a key of any name.
    let own = login::has(home, "config.toml") || surroundings.mentions("model_provider");
    if own || surroundings.has_env(&["OPENAI_API_KEY"]) {
        Login::Unknown
    } else {
        Login::No
    }
}
