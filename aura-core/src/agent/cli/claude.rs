//! Claude Code.

use super::super::Login;
use super::super::output::Claude;
use super::login;
use super::preset::{CommandLine, Order, Permission, Preset, Surroundings, no_status};
use crate::error::Result;
use crate::process::FirstSignal;

/// Any of them is a login.
const KEYS: &[&str] = &[
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
];

/// Its own tools, to be named where only some tools of a server are allowed: a rule that allows everything knows no exception.
const TOOLS: &[&str] = &[
    "Bash",
    "Edit",
    "Glob",
    "Grep",
    "NotebookEdit",
    "Read",
    "Skill",
    "Task",
    "TodoWrite",
    "WebFetch",
    "WebSearch",
    "Write",
];

pub(in crate::agent) static PRESET: Preset = Preset {
    name: "claude",
    provider: Some("anthropic"),
    program: "claude",
    versions: [[2, 0, 0], [3, 0, 0]],
    // After SIGTERM its tools would go on until they are killed.
    first_signal: FirstSignal::Interrupt,
    allow: &[
        "ANTHROPIC_*",
        "CLAUDE_CONFIG_DIR",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "CLAUDE_CODE_USE_*",
        "CLAUDE_CODE_SKIP_*",
        "CLAUDE_CODE_MAX_*",
        "CLAUDE_CODE_SUBAGENT_MODEL",
        "API_TIMEOUT_MS",
        "IS_SANDBOX",
    ],
    set: &[
        ("DISABLE_AUTOUPDATER", "1"),
        ("DISABLE_TELEMETRY", "1"),
        ("DISABLE_ERROR_REPORTING", "1"),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        // It asks ten times for three minutes otherwise, also when its key is refused; the engine waits better.
        ("CLAUDE_CODE_MAX_RETRIES", "4"),
    ],
    config: &[("CLAUDE_CONFIG_DIR", "")],
    has_mcp: true,
    names_session: true,
    speaks_text: false,
    needs_login: false,
    install: "npm install -g @anthropic-ai/claude-code",
    login_help: "run `claude auth login`, or set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN",
    login: logged_in,
    native: &["@anthropic-ai/claude-code-{npm}/claude"],
    line,
    protocol: || Box::new(Claude),
    status: no_status,
    usage: None,
};

/// The tools with which it could change something.
const CHANGING: &str = "Bash,Edit,MultiEdit,Write,NotebookEdit";

fn line(order: &Order<'_>) -> Result<CommandLine> {
    let mut line = CommandLine::new(["-p", "--output-format", "stream-json", "--verbose"]);
    let mcp = &order.settings.mcp;
    let mut tools: Vec<String> = Vec::new();
    for server in mcp.servers.keys() {
        let some = mcp.tools.iter().flatten();
        tools.extend(some.map(|tool| format!("mcp__{server}__{tool}")));
    }
    let permission = order.permission();
    if permission == Permission::Everything && tools.is_empty() {
        line.add(["--dangerously-skip-permissions"]);
        allow_root(&mut line);
    } else {
        let (mode, denied) = match permission {
            Permission::Nothing => ("default", Some(CHANGING)),
            Permission::Edits | Permission::Everything => ("acceptEdits", None),
        };
        line.add(["--permission-mode", mode]);
        line.option("--disallowedTools", denied);
        if permission == Permission::Everything {
            tools.extend(TOOLS.iter().map(ToString::to_string));
        } else if mcp.tools.is_none() {
            tools.extend(mcp.servers.keys().map(|server| format!("mcp__{server}")));
        }
        if !tools.is_empty() {
            line.option("--allowedTools", Some(&tools.join(",")));
        }
    }
    line.option("--model", order.settings.model.as_deref());
    line.option("--session-id", order.session.new_id());
    line.option("--resume", order.session.resumed());
    if !mcp.is_empty() {
        let path = order.file("mcp.json", &mcp.file(|_| ()).to_string())?;
        line.option("--mcp-config", Some(&path));
    }
    line.args.extend(order.settings.args.iter().cloned());
    Ok(line)
}

/// It refuses to do everything as root unless it is told that it is contained.
fn allow_root(line: &mut CommandLine) {
    #[cfg(unix)]
    if rustix::process::geteuid().is_root() {
        line.env.push(("IS_SANDBOX".to_owned(), "1".to_owned()));
    }
}

fn logged_in(surroundings: &Surroundings) -> Login {
    let home = surroundings.folder("CLAUDE_CONFIG_DIR", ".claude");
    let helper = login::says(home.as_deref(), "settings.json", "apiKeyHelper");
    let stored = login::has(home, ".credentials.json");
    // On a Mac the login lies in the key chain.
    let otherwise = if cfg!(target_os = "macos") || helper {
        Login::Unknown
    } else {
        Login::No
    };
    login::or(stored || surroundings.has_env(KEYS), otherwise)
}
