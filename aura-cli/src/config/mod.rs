//! `.aura/agent-config.yaml`: what a repository says about its agents, gates and limits.
//!
//! Every key is honoured or refused by name with its place; nothing is dropped silently.

mod agents;
mod llm;
mod reader;
mod shape;
mod tree;

#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use self::agents::ACP;
pub(crate) use self::llm::LLM;
#[cfg(feature = "llm")]
pub(crate) use self::llm::language_model;
use aura_core::agents::McpServers;
use aura_core::{
    Error, ErrorKind, FlakyPolicy, GateSchedule, Limits, OnExhausted, Problem, Result,
};

/// Where the file is, from the root of the repository.
pub(crate) const PATH: &str = ".aura/agent-config.yaml";

/// Bytes of the file; more is a mistake.
const MAX_BYTES: usize = 1024 * 1024;

/// What the file says. What it does not say is absent, so that defaults stay with the library.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Config {
    /// The file.
    pub(crate) path: PathBuf,
    /// Its text, which is what a person trusts.
    pub(crate) text: String,
    /// Agents at once.
    pub(crate) max_parallel: Option<usize>,
    /// Longest time of one attempt.
    pub(crate) timeout: Option<Duration>,
    /// Longest silence of one attempt.
    pub(crate) idle_timeout: Option<Duration>,
    /// What happens when a task is out of retries.
    pub(crate) on_exhausted: Option<OnExhausted>,
    /// The model of agents that name none.
    pub(crate) model: Option<String>,
    /// Whether agents may do everything.
    pub(crate) yolo: Option<bool>,
    /// The servers that agents are given, where they are.
    pub(crate) mcp: Option<McpServers>,
    /// The commands of these servers, by name.
    pub(crate) servers: Vec<(String, Vec<String>)>,
    /// What a story may use up.
    pub(crate) limits: Limits,
    /// Longest wait for the end of a provider's limit.
    pub(crate) limit_wait: Option<Duration>,
    /// In the order of the file.
    pub(crate) agents: Vec<AgentEntry>,
    /// In the order of the file; `None` where the file has no `gates`.
    pub(crate) gates: Option<Vec<GateEntry>>,
    /// What agents may not touch undeclared.
    pub(crate) protected: Protected,
    /// How secrets are looked for.
    pub(crate) secrets: Secrets,
    /// What it says about reviews.
    pub(crate) review: Option<Review>,
    /// Tries after the first one.
    pub(crate) retry_max: Option<u32>,
    /// Fresh starts of one task.
    pub(crate) restart_max: Option<u32>,
    /// Where patterns are, from the root of the repository.
    pub(crate) patterns: Option<PathBuf>,
    /// Where worktrees are made, from the root of the repository.
    pub(crate) workspace_root: Option<PathBuf>,
}

/// An agent that the file defines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct AgentEntry {
    /// What tasks call it.
    pub(crate) name: String,
    /// Program and arguments; empty for a preset.
    pub(crate) command: Vec<String>,
    /// Variables of the environment that it gets to see.
    pub(crate) env: Vec<String>,
    /// The agent that it is, such as `copilot`.
    pub(crate) preset: Option<String>,
    /// Of a preset.
    pub(crate) model: Option<String>,
    /// Where a language model is asked.
    pub(crate) endpoint: Option<String>,
    /// The variable that has its key.
    pub(crate) key: Option<String>,
    /// The text that is put before every prompt of a preset.
    pub(crate) role: Option<String>,
    /// Patterns of the files of tasks that it does.
    pub(crate) when: Vec<String>,
    /// What is put before the program, with its arguments.
    pub(crate) sandbox: Vec<String>,
    /// Who stands in for it.
    pub(crate) fallback: Option<String>,
    /// The repository's file says what it is, so that it is trusted first.
    pub(crate) is_configured: bool,
}

impl AgentEntry {
    /// What is run, for people.
    pub(crate) fn shown(&self) -> Vec<String> {
        let mut words = self.sandbox.clone();
        words.extend(self.preset.clone());
        words.extend(self.command.iter().cloned());
        let options = [
            ("--model", &self.model),
            ("--endpoint", &self.endpoint),
            ("--key", &self.key),
        ];
        for (name, value) in options {
            let value = value.iter().cloned();
            words.extend(value.flat_map(|value| [name.to_owned(), value]));
        }
        words
    }
}

/// A gate that the file defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GateEntry {
    /// Unique among the gates.
    pub(crate) name: String,
    /// Program and arguments.
    pub(crate) command: Vec<String>,
    /// Variables of the environment that it gets to see.
    pub(crate) env: Vec<String>,
    /// When it judges; the library's default where absent.
    pub(crate) at: Option<Vec<GateSchedule>>,
    /// Whether its verdict stops anything.
    pub(crate) required: bool,
    /// Longest time of one run.
    pub(crate) timeout: Option<Duration>,
    /// What green after red means.
    pub(crate) flaky: FlakyPolicy,
    /// Whether it runs tests, of which there may not be fewer.
    pub(crate) tests: bool,
    /// Whether it reviews what was done.
    pub(crate) reviews: bool,
}

/// What the file says about secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secrets {
    /// Whether they are looked for.
    pub(crate) enabled: bool,
    /// The program that does it, in place of the built-in rules.
    pub(crate) command: Vec<String>,
}

impl Default for Secrets {
    fn default() -> Self {
        Self {
            enabled: true,
            command: Vec::new(),
        }
    }
}

/// What the file says about reviews.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Review {
    /// Whether work is reviewed.
    pub(crate) enabled: bool,
    /// Who does it.
    pub(crate) agent: Option<String>,
}

/// What the file says about protected paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Protected {
    /// Whether tasks that touch them undeclared need a person.
    pub(crate) enabled: bool,
    /// Paths besides those that every project has.
    pub(crate) paths: Vec<String>,
}

impl Default for Protected {
    fn default() -> Self {
        Self {
            enabled: true,
            paths: Vec::new(),
        }
    }
}

impl Config {
    /// Reads the file of the repository at `root`; `None` where there is none.
    ///
    /// # Errors
    /// `InvalidConfig` with every problem at once; `Io` where the file cannot be read.
    pub(crate) fn load(root: &Path) -> Result<Option<Self>> {
        let path = root.join(PATH);
        let bytes = match read(&path, MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &path, error)),
        };
        let refused = |problem: Problem| {
            let problem = Problem {
                file: Some(path.clone()),
                ..problem
            };
            Error::from_problems(ErrorKind::InvalidConfig, vec![problem])
        };
        if bytes.len() > MAX_BYTES {
            return Err(refused(Problem::error(
                "too_large",
                "the file is larger than 1 MiB",
            )));
        }
        let text = String::from_utf8(bytes).map_err(|_| {
            refused(Problem::error(
                "invalid_utf8",
                "the file is not encoded in UTF-8",
            ))
        })?;
        Self::parse(&text, &path).map(Some)
    }

    /// Reads the text of such a file; `path` stands in messages.
    ///
    /// # Errors
    /// `InvalidConfig` with every problem at once.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self> {
        shape::read(text, path)
    }

    /// The commands that the file wants to be run, each with what it is for.
    pub(crate) fn commands(&self) -> Vec<(String, Vec<String>)> {
        let agents = self
            .agents
            .iter()
            .map(|agent| (format!("agent {}", agent.name), agent.shown()));
        let servers = self.servers.iter();
        let servers =
            servers.map(|(name, command)| (format!("MCP server {name}"), command.clone()));
        let gates = self
            .gates
            .iter()
            .flatten()
            .map(|gate| (format!("gate {}", gate.name), gate.command.clone()));
        let secrets = (self.secrets.enabled && !self.secrets.command.is_empty())
            .then(|| ("gate secrets".to_owned(), self.secrets.command.clone()));
        agents.chain(servers).chain(gates).chain(secrets).collect()
    }
}

/// The bytes of a file, and one more than it may have where it has too many. A repository may have a link to a device in its place.
///
/// # Errors
/// As the system says, and for what is no file.
fn read(path: &Path, most: usize) -> std::io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
