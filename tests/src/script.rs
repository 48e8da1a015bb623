//! What the scripted agent does, as JSON.
//!
//! A script is a list of cases; the first one that fits the start is performed, step by step:
//!
//! ```json
//! { "cases": [
//!     { "task": "api", "attempt": 1, "steps": [
//!         { "write": { "path": "src/api.txt", "text": "draft\n" } },
//!         { "exit": 1 } ] },
//!     { "task": "api", "steps": [
//!         { "expect_prompt_contains": "exit status" },
//!         { "write": { "path": "src/api.txt", "text": "good\n" } } ] },
//!     { "steps": [ { "write": { "path": "{task}.txt", "text": "{task} {attempt}\n" } } ] } ] }
//! ```
//!
//! - `task`, `attempt` and `start` of a case are conditions; what is left out fits everything. `attempt` is the try that Aura
//!   counts, `start` the number of times this agent was started for the task, restarts included, both from 1.
//! - In every string of a step `{task}`, `{attempt}`, `{start}` and `{marker}` stand for what they name.
//! - Paths are relative to the directory the agent was started in.
//! - After the last step the agent exits with 0. A start that no case fits exits with 90, a step that could not be
//!   performed with 91, an expectation that did not hold with 92; the reason goes to standard error and into `failures.log`.
//!
//! The steps are the variants of [`Step`], in snake case; each is an object with that one key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the scripted agent does at each of its starts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The first that fits is performed.
    pub cases: Vec<Case>,
}

/// What it does at some starts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Fits this task only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Fits this try only, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Fits this start of the task only, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u32>,
    /// Performed in order.
    pub steps: Vec<Step>,
}

/// Where output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}

/// A way to leave a process behind. Each of them ends by itself after ten minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A plain child.
    Child,
    /// A child in a session of its own.
    Setsid,
    /// A grandchild in a session of its own whose parent has ended.
    Daemon,
    /// The same, without any environment.
    BareDaemon,
    /// A child that ignores being asked to stop.
    IgnoresTerm,
    /// A child that is stopped, so that it handles no signal but the last one.
    Stopped,
    /// A process that has forked itself and ended, two hundred times over.
    Chain,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Child,
        Self::Setsid,
        Self::Daemon,
        Self::BareDaemon,
        Self::IgnoresTerm,
        Self::Stopped,
        Self::Chain,
    ];
}

/// One thing the agent does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Writes a file, and the directories above it: `text`, then the bytes of `hex`.
    Write {
        /// The file.
        path: String,
        /// UTF-8.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
        /// Bytes, two digits each.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        hex: String,
    },
    /// Appends to a file, which may be missing.
    Append {
        /// The file.
        path: String,
        /// UTF-8.
        text: String,
    },
    /// Replaces a text that occurs exactly once in a file.
    Replace {
        /// The file.
        path: String,
        /// What it says.
        from: String,
        /// What it is to say.
        to: String,
    },
    /// Deletes a file, or a directory with everything in it.
    Delete(String),
    /// Renames a file or directory.
    Rename {
        /// Its name.
        from: String,
        /// Its new name.
        to: String,
    },
    /// Makes a symbolic link.
    Link {
        /// The link.
        path: String,
        /// What it says, as it is.
        target: String,
    },
    /// Sets or takes the right to execute a file.
    Executable {
        /// The file.
        path: String,
        /// Whether it may be executed.
        yes: bool,
    },
    /// Runs git with these arguments; anything but exit status 0 fails the step.
    Git(Vec<String>),
    /// Runs git with these arguments, whatever comes of it.
    TryGit(Vec<String>),
    /// Prints `text`, then the bytes of `hex`, so many times.
    Print {
        /// UTF-8; no newline is added.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
        /// Bytes, two digits each.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        hex: String,
        /// How often.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        times: u64,
        /// Where to.
        #[serde(default)]
        to: Stream,
    },
    /// Prints so many bytes, in lines of a length, or without any newline.
    Flood {
        /// How many.
        bytes: u64,
        /// Bytes of a line, newline included; 0: no newline at all.
        #[serde(default)]
        line: u64,
        /// Where to.
        #[serde(default)]
        to: Stream,
    },
    /// The prompt has this text.
    ExpectPromptContains(String),
    /// The prompt does not have this text.
    ExpectPromptLacks(String),
    /// A file has exactly this content.
    ExpectFile {
        /// The file.
        path: String,
        /// UTF-8.
        text: String,
    },
    /// Nothing has this path.
    ExpectNoFile(String),
    /// Environment variables have these values.
    ExpectEnv(BTreeMap<String, String>),
    /// Waits until the test lets it go ([`Barrier`](crate::Barrier)).
    Barrier(String),
    /// Waits until so many agents have come to this point, without any help of a test.
    Meet {
        /// Of the point.
        name: String,
        /// How many.
        count: u32,
    },
    /// Leaves a process behind. When the step is over, the process is up, has `nonce` in its command line, and everything
    /// between it and the agent that should have ended has.
    Spawn {
        /// How.
        shape: Shape,
        /// To find it by ([`survivors`](crate::survivors)).
        nonce: String,
        /// It keeps the agent's standard output and error open.
        #[serde(default)]
        holds_output: bool,
    },
    /// Exits with that status.
    Exit(i32),
    /// Dies of SIGKILL by its own hand.
    KillSelf,
    /// Does nothing until it is killed, for ten minutes at the longest.
    Hang {
        /// Ignores being asked to stop.
        #[serde(default)]
        ignores_term: bool,
    },
}

impl Script {
    /// A script without cases.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a case for every start of a task that no earlier case fits.
    #[must_use]
    pub fn task(self, task: &str, steps: impl IntoIterator<Item = Step>) -> Self {
        self.case(Some(task), None, None, steps)
    }

    /// Adds a case for one try of a task.
    #[must_use]
    pub fn attempt(self, task: &str, attempt: u32, steps: impl IntoIterator<Item = Step>) -> Self {
        self.case(Some(task), Some(attempt), None, steps)
    }

    /// Adds a case for one start of a task.
    #[must_use]
    pub fn start(self, task: &str, start: u32, steps: impl IntoIterator<Item = Step>) -> Self {
        self.case(Some(task), None, Some(start), steps)
    }

    /// Adds a case for everything that no earlier case fits.
    #[must_use]
    pub fn otherwise(self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.case(None, None, None, steps)
    }

    fn case(
        mut self,
        task: Option<&str>,
        attempt: Option<u32>,
        start: Option<u32>,
        steps: impl IntoIterator<Item = Step>,
    ) -> Self {
        self.cases.push(Case {
            task: task.map(ToOwned::to_owned),
            attempt,
            start,
            steps: steps.into_iter().collect(),
        });
        self
    }

    /// What is done at a start.
    pub fn steps(&self, task: &str, attempt: u32, start: u32) -> Option<&[Step]> {
        let fits = |case: &&Case| {
            case.task.as_deref().is_none_or(|name| name == task)
                && case.attempt.is_none_or(|number| number == attempt)
                && case.start.is_none_or(|number| number == start)
        };
        self.cases.iter().find(fits).map(|case| &*case.steps)
    }
}

impl Step {
    /// Writes a text file.
    pub fn write(path: &str, text: &str) -> Self {
        Self::Write {
            path: path.to_owned(),
            text: text.to_owned(),
            hex: String::new(),
        }
    }

    /// Replaces a text that occurs exactly once in a file.
    pub fn replace(path: &str, from: &str, to: &str) -> Self {
        Self::Replace {
            path: path.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
        }
    }

    /// Prints a text on standard output.
    pub fn print(text: &str) -> Self {
        Self::Print {
            text: text.to_owned(),
            hex: String::new(),
            times: 1,
            to: Stream::Stdout,
        }
    }

    /// Runs git.
    pub fn git<'a>(args: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Git(args.into_iter().map(ToOwned::to_owned).collect())
    }
}

const fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_one(value: &u64) -> bool {
    *value == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_case_that_fits_is_performed() {
        let script = Script::new()
            .start("a", 3, [Step::Exit(3)])
            .attempt("a", 2, [Step::Exit(2)])
            .task("a", [Step::Exit(1)])
            .otherwise([]);
        for (task, attempt, start, expected) in [
            ("a", 1, 1, Some(Step::Exit(1))),
            ("a", 2, 2, Some(Step::Exit(2))),
            ("a", 2, 3, Some(Step::Exit(3))),
            ("b", 2, 3, None),
        ] {
            let steps = script.steps(task, attempt, start).expect("a case fits");
            assert_eq!(steps.first(), expected.as_ref(), "{task} {attempt} {start}");
        }
        assert_eq!(Script::new().steps("a", 1, 1), None);
    }

    #[test]
    fn the_documented_script_reads_and_a_misspelt_one_does_not() {
        let text = include_str!("script.rs");
        let example: String = text
            .lines()
            .skip_while(|line| !line.contains("```json"))
            .skip(1)
            .take_while(|line| !line.contains("```"))
            .map(|line| line.trim_start_matches("//!"))
            .collect();
        let script: Script = serde_json::from_str(&example).expect("the example is a script");
        assert_eq!(script.cases.len(), 3);
        for wrong in [
            r#"{"cases": [{"steps": [{"wirte": {"path": "a"}}]}]}"#,
            r#"{"cases": [{"steps": [{"write": {"path": "a", "txt": "b"}}]}]}"#,
            r#"{"cases": [{"tsak": "a", "steps": []}]}"#,
        ] {
            assert!(serde_json::from_str::<Script>(wrong).is_err(), "{wrong}");
        }
    }
}
