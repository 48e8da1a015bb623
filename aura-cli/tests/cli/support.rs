//! A repository, a home, and the program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A repository with one commit on `main`, and a home directory of its own.
pub(crate) struct World {
    temp: tempfile::TempDir,
}

/// What a call of the program came to.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self {
            temp: tempfile::tempdir().expect("a directory"),
        };
        std::fs::create_dir_all(world.repo()).expect("a directory");
        std::fs::create_dir_all(world.temp.path().join("home")).expect("a directory");
        world.write("README.md", "# A project\n");
        world.git(&["init", "--quiet", "--initial-branch=main"]);
        world.git(&["config", "user.name", "Test"]);
        world.git(&["config", "user.email", "test@example.invalid"]);
        world.git(&["add", "--all"]);
        world.git(&["commit", "--quiet", "--message=Begin"]);
        world
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.temp.path().join("repo")
    }

    /// A path outside the repository.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let file = self.repo().join(path);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
        std::fs::write(file, text).expect("a file");
    }

    /// A plan beside the repository.
    pub(crate) fn plan(&self, text: &str) -> String {
        let file = self.beside("plan.yaml");
        std::fs::write(&file, text).expect("a file");
        file.display().to_string()
    }

    /// An executable script beside the repository, as a word of a command line.
    pub(crate) fn script(&self, name: &str, text: &str) -> String {
        let file = self.beside(name);
        std::fs::write(&file, text).expect("a file");
        format!("sh '{}'", file.display())
    }

    /// An agent that reads its prompt and writes a file that is called like the task.
    pub(crate) fn agent(&self) -> String {
        self.script(
            "agent.sh",
            "cat > /dev/null\necho \"$AURA_TASK_ATTEMPT\" > \"$AURA_TASK.txt\"\n",
        )
    }

    pub(crate) fn git(&self, words: &[&str]) -> String {
        let output = hermetic("git", &self.beside("home"))
            .args(words)
            .current_dir(self.repo())
            .output()
            .expect("git");
        assert!(output.status.success(), "git {words:?}: {output:?}");
        String::from_utf8(output.stdout)
            .expect("text")
            .trim()
            .to_owned()
    }

    /// The program, in the repository.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = hermetic(env!("CARGO_BIN_EXE_aura"), &self.beside("home"));
        command.args(words).current_dir(self.repo());
        command
    }

    /// Another program, in the same surroundings.
    pub(crate) fn other(&self, program: &Path) -> Command {
        hermetic(program, &self.beside("home"))
    }

    pub(crate) fn aura(&self, words: &[&str]) -> Said {
        Said::of(&self.command(words).output().expect("aura"))
    }

    /// Calls the program and expects an exit code.
    pub(crate) fn expect(&self, code: i32, words: &[&str]) -> Said {
        let said = self.aura(words);
        assert_eq!(said.code, code, "aura {words:?}: {said:#?}");
        said
    }

    /// How many stories there are.
    pub(crate) fn stories(&self) -> usize {
        let said = self.expect(0, &["story", "list", "--json"]);
        let list: Vec<Value> = serde_json::from_str(&said.out).expect("a list");
        list.len()
    }
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// Standard output as JSON, a value per line.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).expect("a line of JSON");
        self.out.lines().map(parse).collect()
    }
}

/// A program that sees nothing of the user.
fn hermetic(program: impl AsRef<std::ffi::OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    let keep = |name: &str| matches!(name, "PATH" | "TMPDIR" | "LANG" | "SystemRoot");
    for (name, _) in std::env::vars_os() {
        if !name.to_str().is_some_and(keep) {
            command.env_remove(name);
        }
    }
    command
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::null());
    command
}

/// Two tasks, the second after the first.
pub(crate) const TWO: &str = "\
title: Two steps
tasks:
  - { id: one, title: The first, description: Do it. }
  - { id: two, title: The second, description: Do it too., depends_on: [one] }
";
