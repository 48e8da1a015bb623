//! `.aura/agent-config.yaml`: what a repository says about its agents, gates and limits.
//!
//! Every key is honoured or refused by name with its place; nothing is dropped silently.

mod reader;
mod shape;
mod tree;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use aura_core::{Error, ErrorKind, FlakyPolicy, GateSchedule, OnExhausted, Problem, Result};

/// Where the file is, from the root of the repository.
pub(crate) const PATH: &str = ".aura/agent-config.yaml";

/// Bytes of the file; more is a mistake.
const MAX_BYTES: usize = 1024 * 1024;

/// What the file says. What it does not say is absent, so that defaults stay with the library.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
    /// In the order of the file.
    pub(crate) agents: Vec<AgentEntry>,
    /// In the order of the file; `None` where the file has no `gates`.
    pub(crate) gates: Option<Vec<GateEntry>>,
    /// Tries after the first one.
    pub(crate) retry_max: Option<u32>,
    /// Fresh starts of one task.
    pub(crate) restart_max: Option<u32>,
    /// Where worktrees are made, from the root of the repository.
    pub(crate) workspace_root: Option<PathBuf>,
}

/// An agent that the file defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentEntry {
    /// What tasks call it.
    pub(crate) name: String,
    /// Program and arguments.
    pub(crate) command: Vec<String>,
    /// Variables of the environment that it gets to see.
    pub(crate) env: Vec<String>,
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
}

impl Config {
    /// Reads the file of the repository at `root`; `None` where there is none.
    ///
    /// # Errors
    /// `InvalidConfig` with every problem at once; `Io` where the file cannot be read.
    pub(crate) fn load(root: &Path) -> Result<Option<Self>> {
        let path = root.join(PATH);
        let bytes = match std::fs::read(&path) {
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
    pub(crate) fn commands(&self) -> Vec<(String, &[String])> {
        let agents = self
            .agents
            .iter()
            .map(|agent| (format!("agent {}", agent.name), agent.command.as_slice()));
        let gates = self
            .gates
            .iter()
            .flatten()
            .map(|gate| (format!("gate {}", gate.name), gate.command.as_slice()));
        agents.chain(gates).collect()
    }
}
