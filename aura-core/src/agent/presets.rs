//! Agents that are ready to use.

pub use super::acp::AcpAgent;
use super::cli;
pub use super::cli::{CliAgent, CompletionCommand, CompletionProbe, McpServer, McpServers};
pub use super::command::CommandAgent;
pub use super::host::HostAgent;
#[cfg(feature = "llm")]
pub use super::llm::LlmAgent;
use crate::host::HostQueue;

/// Any program that reads its prompt from stdin and works in its directory.
///
/// No shell interprets the arguments.
pub fn command<I, S>(argv: I) -> CommandAgent
where
    I: IntoIterator<Item = S>,
    S: Into<String>,
{
    CommandAgent::new(argv)
}

/// A program that speaks the Agent Client Protocol on its standard streams, such as `["opencode", "acp"]`.
///
/// No shell interprets the arguments.
pub fn acp<I, S>(argv: I) -> AcpAgent
where
    I: IntoIterator<Item = S>,
    S: Into<String>,
{
    AcpAgent::new(argv)
}

/// A language model that is asked over HTTP, for decompositions and reviews. Only with the feature `llm`.
///
/// The model is written as `provider::model`, as in `anthropic::claude-sonnet-4-5`, `openai::gpt-4.1`, `gemini::gemini-2.5-pro` or
/// `ollama::qwen3`. The provider's usual variable has the key, such as `ANTHROPIC_API_KEY`.
#[cfg(feature = "llm")]
pub fn llm(model: impl Into<String>) -> LlmAgent {
    LlmAgent::new(model)
}

/// GitHub Copilot CLI (`copilot`).
///
/// A logged-in user needs nothing else. With `COPILOT_GITHUB_TOKEN`, `GH_TOKEN`, `GITHUB_TOKEN` or a provider of its own (`COPILOT_PROVIDER_*`)
/// in the environment each task gets a `COPILOT_HOME` of its own; otherwise the login in the user's is used.
pub fn copilot() -> CliAgent {
    CliAgent::of(&cli::copilot::PRESET)
}

/// Claude Code (`claude`).
///
/// A logged-in user needs nothing else: `CLAUDE_CONFIG_DIR` stays the user's, where the login lies, unless
/// [`config_dir`](CliAgent::config_dir) names another. As root it is told that it is contained (`IS_SANDBOX`), which it asks for.
pub fn claude() -> CliAgent {
    CliAgent::of(&cli::claude::PRESET)
}

/// Codex (`codex`).
///
/// A logged-in user needs nothing else (`codex login`); `CODEX_API_KEY` is passed on. It takes no notice of `OPENAI_API_KEY` unless
/// its own configuration names it.
pub fn codex() -> CliAgent {
    CliAgent::of(&cli::codex::PRESET)
}

/// Gemini CLI (`gemini`).
///
/// A logged-in user needs nothing else; `GEMINI_API_KEY` is passed on and chosen where it is set.
pub fn gemini() -> CliAgent {
    CliAgent::of(&cli::gemini::PRESET)
}

/// OpenCode (`opencode`).
///
/// Its model is named as `provider/model`. Logins and the keys of common providers in the environment count.
pub fn opencode() -> CliAgent {
    CliAgent::of(&cli::opencode::PRESET)
}

/// aider (`aider`).
///
/// Its model is named as `provider/model`, and the key of that provider is passed on. It is given the files of the task that are there; it
/// cannot resume, has no MCP servers and no configuration directory.
pub fn aider() -> CliAgent {
    CliAgent::of(&cli::aider::PRESET)
}

/// An agent that the host of the library implements: it pulls its jobs from the queue.
///
/// `name` is what the host knows it by; `version` has to change when what it does changes.
pub fn host(queue: &HostQueue, name: impl Into<String>, version: impl Into<String>) -> HostAgent {
    HostAgent::new(queue, name, version)
}
