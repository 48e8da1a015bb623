//! The scripted agent: `fake-agent SCRIPT [STATE]`.
//!
//! Reads a prompt on standard input and performs what the script (see the `script` module of this package) says for its
//! task, its try and its start. `AURA_FAKE_SCRIPT` and `AURA_FAKE_STATE` stand in for missing arguments; STATE, where its logs
//! and sockets are, is by default the directory of the script. The task and the try come from `AURA_TASK` and
//! `AURA_TASK_ATTEMPT`, else from the lines `Task id: ..` and `Attempt: ..` of the prompt.

#[cfg(unix)]
#[path = "fake-agent/helper.rs"]
mod helper;
#[path = "fake-agent/steps.rs"]
mod steps;

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aura_tests::{Prompt, Script, Start};

/// Why a script could not be performed to its end.
pub(crate) struct Failure {
    code: u8,
    why: String,
}

impl Failure {
    /// No case fits, or the script cannot be read.
    fn script(why: String) -> Self {
        Self { code: 90, why }
    }

    /// A step could not be performed.
    pub(crate) fn step(why: String) -> Self {
        Self { code: 91, why }
    }

    /// An expectation did not hold.
    pub(crate) fn expectation(why: String) -> Self {
        Self { code: 92, why }
    }
}

/// One start.
pub(crate) struct Agent {
    pub(crate) task: String,
    pub(crate) attempt: u32,
    pub(crate) start: u32,
    pub(crate) marker: String,
    pub(crate) prompt: String,
    pub(crate) state: PathBuf,
}

fn main() -> ExitCode {
    #[cfg(unix)]
    if std::env::args().nth(1).as_deref() == Some(helper::FLAG) {
        return helper::main();
    }
    let Some((script, state)) = arguments() else {
        complain("usage: fake-agent SCRIPT [STATE]");
        return ExitCode::from(90);
    };
    let result = begin(&script, &state);
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            let why = failure.why.replace('\n', " ");
            complain(&why);
            append(&state.join("failures.log"), &format!("{why}\n"));
            ExitCode::from(failure.code)
        }
    }
}

fn arguments() -> Option<(PathBuf, PathBuf)> {
    let argument = |number: usize, variable: &str| {
        std::env::args_os()
            .nth(number)
            .or_else(|| std::env::var_os(variable))
            .map(PathBuf::from)
    };
    let script = argument(1, "AURA_FAKE_SCRIPT")?;
    let state =
        argument(2, "AURA_FAKE_STATE").or_else(|| script.parent().map(Path::to_path_buf))?;
    Some((script, state))
}

fn complain(why: &str) {
    let _ = writeln!(std::io::stderr(), "fake-agent: {why}");
}

fn append(path: &Path, text: &str) {
    let file = OpenOptions::new().create(true).append(true).open(path);
    if let Err(error) = file.and_then(|mut file| file.write_all(text.as_bytes())) {
        complain(&format!("{}: {error}", path.display()));
    }
}

fn begin(script: &Path, state: &Path) -> Result<u8, Failure> {
    let cannot =
        |error: &dyn std::fmt::Display| Failure::script(format!("{}: {error}", script.display()));
    let text = std::fs::read_to_string(script).map_err(|error| cannot(&error))?;
    let parsed: Script = serde_json::from_str(&text).map_err(|error| cannot(&error))?;
    let mut agent = introduce(state)?;
    if agent.prompt.is_empty() {
        agent.prompt = read_prompt();
    }
    let line = Prompt {
        task: agent.task.clone(),
        attempt: agent.attempt,
        start: agent.start,
        prompt: agent.prompt.clone(),
    };
    let line = serde_json::to_string(&line).map_err(|error| cannot(&error))?;
    append(&state.join("prompts.jsonl"), &format!("{line}\n"));
    let Some(steps) = parsed.steps(&agent.task, agent.attempt, agent.start) else {
        return Err(Failure::script(format!(
            "no case fits task `{}`, attempt {}, start {}",
            agent.task, agent.attempt, agent.start
        )));
    };
    agent.perform(steps)
}

/// Finds out which start this is and writes it down. Where the environment says enough, that is the first thing that happens.
fn introduce(state: &Path) -> Result<Agent, Failure> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let mut prompt = String::new();
    let (task, attempt) = match (variable("AURA_TASK"), variable("AURA_TASK_ATTEMPT")) {
        (Some(task), Some(attempt)) => (task, attempt),
        (task, attempt) => {
            prompt = read_prompt();
            let said = |key: &str| {
                let line = prompt
                    .lines()
                    .find_map(|line| line.trim().strip_prefix(key));
                line.map(|value| value.trim().to_owned())
            };
            let task = task.or_else(|| said("Task id:")).ok_or_else(|| {
                Failure::script("neither AURA_TASK nor the prompt names a task".to_owned())
            })?;
            let attempt = attempt.or_else(|| said("Attempt:"));
            (task, attempt.unwrap_or_else(|| "1".to_owned()))
        }
    };
    let attempt = attempt
        .parse()
        .map_err(|_| Failure::script(format!("`{attempt}` is not a number of a try")))?;
    let marker = variable("AURA_ATTEMPT").unwrap_or_default();
    let entry = Start {
        task: task.clone(),
        attempt,
        pid: std::process::id(),
        marker: marker.clone(),
    };
    // The lock keeps two starts of one task from taking the same number.
    let lock = File::create(state.join("starts.lock"))
        .and_then(|lock| lock.lock().map(|()| lock))
        .map_err(|error| Failure::script(format!("{}: {error}", state.display())))?;
    append(&state.join("starts.log"), &entry.line());
    let starts = Start::read(state);
    drop(lock);
    let start = starts.iter().filter(|start| start.task == task).count();
    Ok(Agent {
        task,
        attempt,
        start: u32::try_from(start).unwrap_or(u32::MAX),
        marker,
        prompt,
        state: state.to_path_buf(),
    })
}

fn read_prompt() -> String {
    let mut bytes = Vec::new();
    let _ = std::io::stdin().read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
