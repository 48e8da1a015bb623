//! What the doctor says about agents, with programs in their place, and what a run says when one of them has changed.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use crate::support::{Said, World};

/// A user who has git, and the programs that a test gives them.
struct User {
    world: World,
}

impl User {
    fn new() -> Self {
        let user = Self {
            world: World::new(),
        };
        fs::create_dir(user.programs()).expect("a directory");
        let path = std::env::var_os("PATH").expect("a path");
        let mut places = std::env::split_paths(&path).map(|place| place.join("git"));
        let git = places.find(|git| git.is_file()).expect("git");
        symlink(git, user.programs().join("git")).expect("a link");
        user
    }

    fn programs(&self) -> PathBuf {
        self.world.beside("programs")
    }

    fn has(&self, name: &str, code: &str) {
        let path = self.programs().join(name);
        // Renamed into place: a script that somebody holds open for writing cannot be started.
        let draft = path.with_extension("draft");
        fs::write(&draft, format!("#!/bin/sh\n{code}\n")).expect("written");
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).expect("executable");
        fs::rename(&draft, &path).expect("renamed");
    }

    fn says(&self, words: &[&str], variables: &[(&str, &str)]) -> Said {
        let mut command = self.world.command(words);
        command.env("PATH", self.programs());
        command.envs(variables.iter().copied());
        Said::of(&command.output().expect("aura"))
    }
}

#[test]
fn the_doctor_tells_of_each_agent_what_is_known_of_it() {
    let key = [("ANTHROPIC_API_KEY", "k")];
    let token = [("GH_TOKEN", "t")];
    for (name, code, variables, told, warning) in [
        (
            "copilot",
            "echo 'GitHub Copilot CLI 1.0.102.'",
            &token[..],
            "copilot 1.0.102, logged in, at ",
            "",
        ),
        (
            "copilot",
            "echo 1.0.102",
            &[],
            "copilot 1.0.102, login not known before it is started, at ",
            "",
        ),
        (
            "claude",
            "echo '2.1.3 (Claude Code)'",
            &[],
            "claude 2.1.3, not logged in, at ",
            "to log in, run `claude auth login`, or set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN",
        ),
        (
            "claude",
            "echo '9.9.9 (Claude Code)'",
            &key,
            "claude 9.9.9, logged in, at ",
            "versions from 2.0.0 up to 3.0.0 are known to work, this one is not",
        ),
        (
            "codex",
            "echo broken >&2; exit 1",
            &[],
            "codex of unknown version, not logged in, at ",
            "it failed to tell its version: broken",
        ),
        (
            "gemini",
            "echo hello",
            &[],
            "gemini of unknown version, login not known before it is started, at ",
            "it does not tell its version: hello",
        ),
    ] {
        let user = User::new();
        user.has(name, code);
        for (words, line) in [
            (
                &["doctor", "--gate", "t=git", "--agent", name][..],
                "agent `default`",
            ),
            (
                &["doctor", "--gate", "t=git"],
                "agent that is here, not configured",
            ),
        ] {
            let said = user.says(words, variables);
            assert_eq!(said.code, 0, "{said:#?}");
            let expected = format!("ok   {line}: {told}");
            let (_, rest) = said
                .out
                .split_once(&expected)
                .unwrap_or_else(|| panic!("{expected}: {said:#?}"));
            let next = rest.lines().nth(1).unwrap_or_default();
            let found = next.strip_prefix("     warning: ").unwrap_or_default();
            assert_eq!(found, warning, "{said:#?}");
            assert_eq!(said.out.contains("no agent is chosen"), words.len() == 3);
        }
    }
}

#[test]
fn the_doctor_says_how_to_get_an_agent_that_is_not_there() {
    let user = User::new();
    for (name, install) in [
        ("copilot", "npm install -g @github/copilot"),
        ("claude", "npm install -g @anthropic-ai/claude-code"),
        ("codex", "npm install -g @openai/codex"),
        ("gemini", "npm install -g @google/gemini-cli"),
        ("opencode", "npm install -g opencode-ai"),
        ("aider", "pip install aider-chat"),
    ] {
        let said = user.says(&["doctor", "--gate", "t=git", "--agent", name], &[]);
        assert_eq!(said.code, 1, "{said:#?}");
        let line = format!(
            "FAIL agent `default`: {name}: the program {name:?} was not found or is not executable\n     help: `{install}` installs it; else add its folder to PATH\n"
        );
        assert!(said.out.contains(&line), "{line}{said:#?}");
    }
}

#[test]
fn a_run_says_that_an_agent_is_of_another_version() {
    let user = User::new();
    let agent = |version: &str| {
        let code = format!(
            "[ \"$1\" = --version ] && {{ echo {version}; exit; }}\necho 'No authentication information found.' >&2; exit 1"
        );
        user.has("copilot", &code);
    };
    let plan = user
        .world
        .plan("title: One\ntasks:\n  - { id: one, title: One }\n");
    let flags = ["--agent", "copilot", "--gate", "t=git"];
    let changed = "is version 1.0.5 now; it was 1.0.4 in the earlier run";
    agent("1.0.4");
    let said = user.says(&[&["run", &plan][..], &flags].concat(), &[]);
    assert!(said.code == 3 && !said.err.contains(changed), "{said:#?}");
    let again = [&["story", "resume"][..], &flags].concat();
    let said = user.says(&again, &[]);
    assert!(said.code == 3 && !said.err.contains(changed), "{said:#?}");
    agent("1.0.5");
    let said = user.says(&again, &[]);
    assert!(said.code == 3 && said.err.contains(changed), "{said:#?}");
}
