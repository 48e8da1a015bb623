//! aider. It has no tools and no sessions: files go in by name, and its model's answer is applied to them.

use super::super::Login;
use super::super::output::Aider;
use super::login;
use super::preset::{CommandLine, Order, Permission, Preset, Surroundings, no_status};
use crate::error::Result;
use crate::process::FirstSignal;

/// The keys of common providers.
const KEYS: &[&str] = &[
    "ANTHROPIC_API_KEY",
    "OPENAI_API_KEY",
    "OPENROUTER_API_KEY",
    "GEMINI_API_KEY",
    "GROQ_API_KEY",
    "DEEPSEEK_API_KEY",
    "MISTRAL_API_KEY",
    "XAI_API_KEY",
];

pub(in crate::agent) static PRESET: Preset = Preset {
    name: "aider",
    provider: None,
    program: "aider",
    versions: [[0, 80, 0], [1, 0, 0]],
    first_signal: FirstSignal::Interrupt,
    allow: &[
        "AIDER_*",
        "OPENAI_*",
        "ANTHROPIC_API_KEY",
        "OPENROUTER_API_KEY",
        "GEMINI_API_KEY",
        "GROQ_API_KEY",
        "DEEPSEEK_API_KEY",
        "MISTRAL_API_KEY",
        "XAI_API_KEY",
        "OLLAMA_*",
    ],
    set: &[
        ("AIDER_ANALYTICS", "false"),
        ("LITELLM_LOCAL_MODEL_COST_MAP", "True"),
    ],
    config: &[],
    has_mcp: false,
    names_session: false,
    speaks_text: true,
    needs_login: false,
    install: "pip install aider-chat",
    login_help: "set the key of a provider, such as OPENAI_API_KEY",
    login: logged_in,
    native: &[],
    line,
    protocol: || Box::new(Aider::default()),
    status: no_status,
    usage: None,
};

fn line(order: &Order<'_>) -> Result<CommandLine> {
    let prompt = order.file("prompt.md", order.prompt)?;
    let mut line = CommandLine {
        prompt_is_given: true,
        ..CommandLine::new([
            "--yes-always",
            "--no-auto-commits",
            "--no-dirty-commits",
            "--no-check-update",
            "--no-show-model-warnings",
            "--no-analytics",
            "--no-pretty",
            "--no-stream",
            "--no-gitignore",
            // The map's cache would lie in the workspace.
            "--map-tokens",
            "0",
            "--message-file",
        ])
    };
    line.args.push(prompt);
    for (option, name) in [
        ("--chat-history-file", "chat.md"),
        ("--input-history-file", "input"),
    ] {
        let file = order.scratch.join(name);
        line.option(option, file.to_str());
    }
    match order.permission() {
        Permission::Everything => {}
        Permission::Edits => line.add(["--no-suggest-shell-commands"]),
        Permission::Nothing => line.add(["--no-suggest-shell-commands", "--chat-mode", "ask"]),
    }
    line.option("--model", order.settings.model.as_deref());
    line.args.extend(order.settings.args.iter().cloned());
    // It creates a file that it is named, so that only those count which are there.
    let files = order.request.task.files.iter();
    line.args.extend(
        files
            .filter(|file| !file.starts_with('-') && order.request.workspace.join(file).is_file())
            .cloned(),
    );
    Ok(line)
}

fn logged_in(surroundings: &Surroundings) -> Login {
    // Keys may also be in files that it reads.
    login::or(surroundings.has_env(KEYS), Login::Unknown)
}
