//! GitHub Copilot CLI.

use std::path::Path;

use serde_json::{Value, json};

use super::super::Login;
use super::super::output::Copilot;
use super::login;
use super::preset::{CommandLine, Order, Permission, Preset, Surroundings, no_status};
use crate::error::{Error, Result};
use crate::model::Usage;
use crate::process::FirstSignal;

/// Any of them is a login.
const TOKENS: &[&str] = &[
    "COPILOT_GITHUB_TOKEN",
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "COPILOT_PROVIDER_BASE_URL",
];

pub(in crate::agent) static PRESET: Preset = Preset {
    name: "copilot",
    provider: Some("github"),
    program: "copilot",
    versions: [[1, 0, 0], [2, 0, 0]],
    first_signal: FirstSignal::Interrupt,
    allow: &[
        "COPILOT_*",
        "GH_TOKEN",
        "GITHUB_TOKEN",
        "GH_HOST",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
    ],
    set: &[("COPILOT_AUTO_UPDATE", "false")],
    config: &[("COPILOT_HOME", "")],
    has_mcp: true,
    names_session: true,
    speaks_text: false,
    needs_login: false,
    install: "npm install -g @github/copilot",
    login_help: "run `copilot login`, or set COPILOT_GITHUB_TOKEN",
    login: logged_in,
    native: &["@github/copilot-{npm}/copilot"],
    line,
    protocol: || Box::new(Copilot::default()),
    status: no_status,
    usage: Some(usage),
};

fn line(order: &Order<'_>) -> Result<CommandLine> {
    let mut line = CommandLine::new([
        "--output-format",
        "json",
        "--no-color",
        "--no-auto-update",
        "--no-ask-user",
        // They act on GitHub in the user's name.
        "--disable-builtin-mcps",
        "--log-level",
        "none",
    ]);
    let file = order.scratch.join("usage.json");
    line.option("--usage-output-file", file.to_str());
    let mcp = &order.settings.mcp;
    match order.permission() {
        Permission::Everything => line.add(["--yolo"]),
        Permission::Edits => {
            line.add(["--allow-tool", "write"]);
            // It offers no other tools of theirs.
            for server in mcp.servers.keys() {
                line.add(["--allow-tool", server]);
            }
        }
        Permission::Nothing => line.add(["--deny-tool", "write", "--deny-tool", "shell"]),
    }
    line.option("--model", order.settings.model.as_deref());
    match order.session.resumed() {
        Some(id) => line.add([&format!("--resume={id}")]),
        None => line.option("--session-id", order.session.new_id()),
    }
    if !mcp.is_empty() {
        let all = vec!["*".to_owned()];
        let tools = mcp.tools.as_ref().unwrap_or(&all);
        let file = mcp.file(|entry| {
            entry.insert("type".to_owned(), json!("local"));
            entry.insert("tools".to_owned(), json!(tools));
        });
        let path = order.file("mcp.json", &file.to_string())?;
        line.option("--additional-mcp-config", Some(&format!("@{path}")));
    }
    private_home(order, &mut line)?;
    line.args.extend(order.settings.args.iter().cloned());
    Ok(line)
}

/// With a token in the environment nothing of the user's own directory is needed, so that each task gets one of its own, which
/// lasts for its next starts. Without, the login lies in the user's. The cache, of 235 MB, is the user's in any case.
fn private_home(order: &Order<'_>, line: &mut CommandLine) -> Result<()> {
    let surroundings = order.surroundings;
    if surroundings.has_env(&["COPILOT_HOME"]) || !surroundings.has_env(TOKENS) {
        return Ok(());
    }
    let task = order.request.workspace.file_name().unwrap_or_default();
    let name = format!("{}.copilot", task.to_string_lossy());
    let home = order.request.log.with_file_name(name);
    std::fs::create_dir_all(&home).map_err(|error| Error::io("create", &home, error))?;
    let home = home.to_string_lossy().into_owned();
    line.env.push(("COPILOT_HOME".to_owned(), home));
    Ok(())
}

fn logged_in(surroundings: &Surroundings) -> Login {
    let home = surroundings.folder("COPILOT_HOME", ".copilot");
    let named = login::says(home.as_deref(), "config.json", "\"login\"");
    // The token itself may lie in the system's key ring, or with `gh`.
    login::or(surroundings.has_env(TOKENS) || named, Login::Unknown)
}

/// Its events tell no tokens. Cached ones are among the input.
fn usage(scratch: &Path) -> Option<Usage> {
    let text = std::fs::read(scratch.join("usage.json")).ok()?;
    let file: Value = serde_json::from_slice(&text).ok()?;
    let mut usage = Usage::default();
    for model in file.get("modelMetrics")?.as_object()?.values() {
        let tokens = |name: &str| model.pointer(name).and_then(Value::as_u64).unwrap_or(0);
        let input = tokens("/usage/inputTokens");
        usage.input_tokens = usage.input_tokens.saturating_add(input);
        let output = tokens("/usage/outputTokens");
        usage.output_tokens = usage.output_tokens.saturating_add(output);
    }
    Some(usage)
}
