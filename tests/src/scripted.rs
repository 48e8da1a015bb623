//! The test's side of the scripted agent.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::Script;

/// A script on disk, and what the agents that perform it left beside it.
pub struct ScriptedAgent {
    dir: TempDir,
    program: PathBuf,
}

/// One start of the agent, from its own log: written before anything else, so that a start that was killed at once is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The task, as `AURA_TASK` or the prompt says.
    pub task: String,
    /// The try, counted from 1.
    pub attempt: u32,
    /// Process id.
    pub pid: u32,
    /// `AURA_ATTEMPT`; empty when not set.
    pub marker: String,
}

/// A prompt that the agent was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// The task.
    pub task: String,
    /// The try, counted from 1.
    pub attempt: u32,
    /// The start of the task, counted from 1.
    pub start: u32,
    /// All of standard input.
    pub prompt: String,
}

impl ScriptedAgent {
    /// Puts a script where agents find it. `program` is the agent: `env!("CARGO_BIN_EXE_fake-agent")` in a test.
    pub fn new(program: impl Into<PathBuf>, script: &Script) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("agent")
            .tempdir()
            .expect("a temporary directory");
        let text = serde_json::to_string_pretty(script).expect("a script is JSON");
        fs::write(dir.path().join("script.json"), text).expect("the script is written");
        Self {
            dir,
            program: program.into(),
        }
    }

    /// The command line that starts it; the prompt goes to standard input.
    pub fn command(&self) -> Vec<String> {
        [&self.program, &self.script()]
            .map(|path| path.to_string_lossy().into_owned())
            .into()
    }

    /// The script.
    pub fn script(&self) -> PathBuf {
        self.dir.path().join("script.json")
    }

    /// Where it keeps its logs.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A barrier that the script's `barrier` steps of that name wait at.
    #[cfg(unix)]
    pub fn barrier(&self, name: &str) -> crate::Barrier {
        crate::Barrier::new(self.dir.path(), name)
    }

    /// Every start so far, in order.
    pub fn starts(&self) -> Vec<Start> {
        Start::read(self.dir.path())
    }

    /// How often a task was started.
    pub fn starts_of(&self, task: &str) -> usize {
        self.starts()
            .iter()
            .filter(|start| start.task == task)
            .count()
    }

    /// Every prompt so far, in order of arrival.
    pub fn prompts(&self) -> Vec<Prompt> {
        let text = fs::read_to_string(self.dir.path().join("prompts.jsonl")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a prompt per line"))
            .collect()
    }

    /// What went wrong in the script itself: starts that no case fits, steps that failed, expectations that did not hold.
    pub fn failures(&self) -> Vec<String> {
        let text = fs::read_to_string(self.dir.path().join("failures.log")).unwrap_or_default();
        text.lines().map(ToOwned::to_owned).collect()
    }
}

impl Start {
    /// The starts in an agent's directory.
    pub fn read(dir: &Path) -> Vec<Self> {
        let text = fs::read_to_string(dir.join("starts.log")).unwrap_or_default();
        text.lines()
            .map(|line| Self::parse(line).unwrap_or_else(|| panic!("starts.log says `{line}`")))
            .collect()
    }

    /// `task attempt pid marker`, with spaces of the task escaped.
    pub fn line(&self) -> String {
        let task = self.task.replace('%', "%25").replace(' ', "%20");
        let task = task.replace('\n', "%0A");
        format!("{task} {} {} {}\n", self.attempt, self.pid, self.marker)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.splitn(4, ' ');
        let task = parts.next()?.replace("%0A", "\n").replace("%20", " ");
        Some(Self {
            task: task.replace("%25", "%"),
            attempt: parts.next()?.parse().ok()?,
            pid: parts.next()?.parse().ok()?,
            marker: parts.next()?.to_owned(),
        })
    }
}

/// Processes with `nonce` in their command line, zombies left out: they have none.
pub fn survivors(nonce: &str) -> Vec<u32> {
    let own = std::process::id();
    let Ok(processes) = fs::read_dir("/proc") else {
        return by_ps(nonce);
    };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != own)
        .filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(nonce)
        })
        .collect()
}

/// Where there is no `/proc`.
fn by_ps(nonce: &str) -> Vec<u32> {
    let args: [OsString; 2] = ["-axo".into(), "pid=,command=".into()];
    let output = std::process::Command::new("ps")
        .args(args)
        .output()
        .expect("ps runs");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|line| line.contains(nonce))
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect()
}
