//! The one builder of every git command line that Aura runs.
//!
//! A command inherits nothing that could change its meaning: no `GIT_*` variable of the caller, no
//! hooks, no file system monitor, no signing, no prompts, English messages, no standard input. In
//! Aura's own repository the system's and the user's configuration are left out too; in the user's
//! repository they stay, because filters (LFS) and `safe.directory` live there.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, ErrorKind, Result};

use super::failure::{LOCK_TRIES, lock_pause};

/// The oldest git that is known to work: 2.31 brought `rev-parse --path-format`, 2.32
/// `GIT_CONFIG_GLOBAL`, 2.33 `worktree add --reason`, 2.34 is what supported systems ship at least.
pub(crate) const MINIMUM_VERSION: (u32, u32) = (2, 34);

/// Settings that every command gets, whatever the configuration says.
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.askPass=",
    "core.pager=cat",
    "core.editor=:",
    "color.ui=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "merge.verifySignatures=false",
    "submodule.recurse=false",
    "log.showSignature=false",
];

/// Settings for repositories that Aura owns, where no global file is read.
const OWN_SETTINGS: &[&str] = &[
    "safe.directory=*",
    "core.excludesFile=/dev/null",
    "core.attributesFile=/dev/null",
    "credential.helper=",
];

/// Whose repository a command runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The user's: system and global configuration stay in force.
    User,
    /// Aura's: only the repository's own configuration is read.
    Aura,
}

/// Which git is used, as it says itself.
///
/// # Errors
/// `Process` when there is none, or one that is too old.
pub(crate) fn version() -> Result<String> {
    let git = Git::locate()?;
    let told = git.bare_command(Owner::Aura).arg("version").text()?;
    Ok(told.trim_start_matches("git version ").to_owned())
}

/// The git program.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    program: OsString,
}

impl Git {
    /// Finds git on `PATH` and checks its version.
    ///
    /// # Errors
    /// `Process` when there is no git, `UnsupportedRepository` when it is too old.
    pub(crate) fn locate() -> Result<Self> {
        Self::with_program("git")
    }

    /// Like [`Git::locate`] with a given program.
    pub(crate) fn with_program(program: impl Into<OsString>) -> Result<Self> {
        let git = Self {
            program: program.into(),
        };
        let output = git.bare_command(Owner::Aura).arg("version").text()?;
        let Some(version) = parse_version(&output) else {
            return Err(Error::new(
                ErrorKind::Process,
                format!("{} does not answer like git: {output}", git.shown()),
            ));
        };
        if version < MINIMUM_VERSION {
            let (major, minor) = MINIMUM_VERSION;
            return Err(Error::new(
                ErrorKind::Process,
                format!("{output} is too old: Aura needs git {major}.{minor} or newer"),
            )
            .with_help("install a newer git and put it first on PATH"));
        }
        Ok(git)
    }

    /// A command in `directory`.
    pub(crate) fn command(&self, owner: Owner, directory: &Path) -> GitCommand {
        let mut command = self.bare_command(owner);
        command.command.current_dir(directory);
        command
    }

    fn bare_command(&self, owner: Owner) -> GitCommand {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GIT_") {
                command.env_remove(name);
            }
        }
        command
            .env_remove("SSH_ASKPASS")
            .env("LC_ALL", "C")
            .env("LANGUAGE", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_EDITOR", ":")
            .env("GIT_MERGE_AUTOEDIT", "no")
            .env("GIT_PAGER", "cat")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .arg("--no-optional-locks");
        let mut settings = SETTINGS.to_vec();
        if owner == Owner::Aura {
            command
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .env("GIT_ATTR_NOSYSTEM", "1")
                // An agent's `git replace` must not change what a commit holds.
                .env("GIT_NO_REPLACE_OBJECTS", "1");
            settings.extend(OWN_SETTINGS);
        }
        for setting in settings {
            command.args(["-c", setting]);
        }
        GitCommand {
            command,
            shown: self.shown(),
            input: None,
        }
    }

    fn shown(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct GitOutput {
    /// The exit status; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: Vec<u8>,
    /// Standard error as text.
    pub(crate) stderr: String,
}

impl GitOutput {
    /// Whether it exited with 0.
    pub(crate) fn success(&self) -> bool {
        self.code == Some(0)
    }
}

/// A git command under construction.
pub(crate) struct GitCommand {
    command: Command,
    shown: String,
    input: Option<Vec<u8>>,
}

impl GitCommand {
    /// Adds one argument.
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.shown.push(' ');
        self.shown.push_str(&arg.as_ref().to_string_lossy());
        self.command.arg(arg);
        self
    }

    /// Adds several arguments.
    pub(crate) fn args<I>(self, args: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        args.into_iter().fold(self, Self::arg)
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Feeds these bytes to standard input.
    pub(crate) fn input(mut self, input: Vec<u8>) -> Self {
        self.input = Some(input);
        self
    }

    /// Runs it to its end, whatever its status.
    ///
    /// # Errors
    /// `Process` when git cannot be started.
    pub(crate) fn output(&mut self) -> Result<GitOutput> {
        self.command
            .stdin(if self.input.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(|source| {
            let help = if source.kind() == std::io::ErrorKind::NotFound {
                "install git, put it on PATH, and check that the directory exists"
            } else {
                "check that git can be started from here"
            };
            Error::new(
                ErrorKind::Process,
                format!("could not start `{}`: {source}", self.shown),
            )
            .with_help(help)
            .with_source(source)
        })?;
        let stdin = child.stdin.take();
        let output = std::thread::scope(|scope| {
            if let (Some(mut stdin), Some(input)) = (stdin, &self.input) {
                // A git that exits early closes the pipe; its status tells what happened.
                scope.spawn(move || drop(stdin.write_all(input)));
            }
            child.wait_with_output()
        })
        .map_err(|source| {
            Error::new(
                ErrorKind::Process,
                format!("could not read from `{}`: {source}", self.shown),
            )
            .with_source(source)
        })?;
        Ok(GitOutput {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    /// Runs it and returns standard output; tries again while a lock file is held by somebody else.
    ///
    /// # Errors
    /// `Git` with git's own words when the status is not 0.
    pub(crate) fn run(mut self) -> Result<Vec<u8>> {
        let mut tried = 0;
        loop {
            let output = self.output()?;
            if output.success() {
                return Ok(output.stdout);
            }
            if is_lock_failure(&output.stderr) && tried < LOCK_TRIES {
                std::thread::sleep(lock_pause(tried));
                tried += 1;
                continue;
            }
            return Err(self.failed(&output));
        }
    }

    /// Runs it and returns standard output as text without surrounding white space.
    pub(crate) fn text(self) -> Result<String> {
        let output = self.run()?;
        Ok(String::from_utf8_lossy(&output).trim().to_owned())
    }

    /// The error for an output that the caller does not accept.
    pub(crate) fn failed(&self, output: &GitOutput) -> Error {
        let status = output
            .code
            .map_or_else(|| "a signal".to_owned(), |code| format!("status {code}"));
        Error::new(
            ErrorKind::Git,
            format!("`{}` ended with {status}: {}", self.shown, output.stderr),
        )
    }
}

/// Splits output that was asked for with `-z`.
pub(crate) fn split_nul(output: &[u8]) -> impl Iterator<Item = &[u8]> {
    output
        .split(|byte| *byte == 0)
        .filter(|part| !part.is_empty())
}

fn is_lock_failure(stderr: &str) -> bool {
    stderr.contains(".lock': File exists") || stderr.contains("could not lock config file")
}

fn parse_version(output: &str) -> Option<(u32, u32)> {
    let numbers = output.strip_prefix("git version ")?;
    let mut parts = numbers.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_all_vendors_are_read() {
        let table = [
            ("git version 2.47.3", Some((2, 47))),
            ("git version 2.39.5 (Apple Git-154)", Some((2, 39))),
            ("git version 2.45.1.windows.1", Some((2, 45))),
            ("git version 3.0", Some((3, 0))),
            ("hg version 2.47", None),
            ("git version", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_version(text), expected, "{text}");
        }
    }

    #[test]
    fn a_missing_git_is_named_with_a_remedy() {
        let error = Git::with_program("/nowhere/git").expect_err("there is no such program");
        assert_eq!(error.kind(), ErrorKind::Process);
        assert!(error.to_string().contains("/nowhere/git"), "{error}");
        assert!(
            error
                .help()
                .is_some_and(|help| help.contains("install git"))
        );
    }

    #[cfg(unix)]
    #[test]
    fn an_old_git_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().expect("temporary directory");
        let fake = directory.path().join("git");
        std::fs::write(&fake, "#!/bin/sh\necho git version 2.20.1\n").expect("write");
        std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).expect("chmod");
        let error = Git::with_program(&fake).expect_err("2.20 is too old");
        assert!(error.to_string().contains("needs git 2.34"), "{error}");
    }

    #[test]
    fn the_callers_environment_does_not_reach_git() {
        let git = Git::locate().expect("git is installed");
        let command = git.bare_command(Owner::Aura).command;
        for (name, value) in command.get_envs() {
            if name == "GIT_DIR" || name == "GIT_INDEX_FILE" {
                assert_eq!(value, None);
            }
        }
        let global = command
            .get_envs()
            .find(|(name, _)| *name == "GIT_CONFIG_GLOBAL");
        assert_eq!(
            global,
            Some((
                OsStr::new("GIT_CONFIG_GLOBAL"),
                Some(OsStr::new("/dev/null"))
            ))
        );
    }

    #[test]
    fn input_larger_than_a_pipe_is_delivered() {
        let git = Git::locate().expect("git is installed");
        let directory = tempfile::tempdir().expect("temporary directory");
        let big = vec![b'x'; 1 << 20];
        let id = git
            .command(Owner::Aura, directory.path())
            .args(["hash-object", "--stdin"])
            .input(big.clone())
            .text()
            .expect("hash-object runs outside repositories");
        let expected = git2::Oid::hash_object(git2::ObjectType::Blob, &big).expect("hash");
        assert_eq!(id, expected.to_string());
    }
}
