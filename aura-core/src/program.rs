//! A program as a user configures it, for agents and for gates: what to run, in which environment, behind which sandbox.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, access};
use tokio::sync::mpsc;

use crate::digest::digest;
use crate::error::{Error, ErrorKind, Result};
use crate::host;
use crate::process::{self, Filter, Finished, Line};
use crate::prompt::{RedactStream, Redactor, is_secret_name};
use crate::text;

/// Bytes of the output that a result or a report keeps. The log has the rest.
pub(crate) const OUTPUT_LIMIT: usize = 16 * 1024;

/// Lines of output that wait to be passed on.
pub(crate) const WAITING_LINES: usize = 256;

/// What to run. Nothing of it is interpreted by a shell.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) argv: Vec<String>,
    pub(crate) sandbox: Vec<String>,
    pub(crate) allow: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

impl Program {
    pub(crate) fn new<I, S>(argv: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            sandbox: Vec::new(),
            allow: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Changes with everything but the values of secrets: a new key is no new definition, and a digest is stored.
    pub(crate) fn digest(&self, kind: &str) -> String {
        let mut parts = vec![kind];
        for list in [&self.argv, &self.sandbox, &self.allow] {
            parts.push("list");
            parts.extend(list.iter().map(String::as_str));
        }
        parts.push("environment");
        for (name, value) in &self.environment {
            let value = if is_secret_name(name) { "" } else { value };
            parts.extend([name, value]);
        }
        digest(parts.into_iter().map(str::as_bytes))
    }

    /// Everything that is started: what stands before the program, the program, its arguments.
    pub(crate) fn words(&self) -> Vec<String> {
        self.sandbox.iter().chain(&self.argv).cloned().collect()
    }

    /// The whole environment; what is given for one run wins.
    pub(crate) fn environment(&self, more: &[(String, String)]) -> Vec<(OsString, OsString)> {
        let allow: Vec<&str> = self.allow.iter().map(String::as_str).collect();
        let mut environment = process::base_environment(&allow);
        let given = self.environment.iter().chain(more);
        environment.extend(given.map(|(name, value)| (name.into(), value.into())));
        environment
    }

    /// What is set here and must not be told.
    pub(crate) fn secrets(&self) -> Vec<(String, String)> {
        let variables = self.environment.iter();
        variables
            .filter(|(name, _)| is_secret_name(name))
            .cloned()
            .collect()
    }

    /// What masks the output of one run: it also knows the secrets that the program itself is given.
    pub(crate) fn redactor(
        &self,
        redactor: &Redactor,
        more: &[(String, String)],
    ) -> Result<Redactor> {
        let given = self.environment.iter().chain(more);
        redactor.with(given.map(|(name, value)| (name, value)))
    }

    /// The command for one run. Nothing of its output is kept, sent or logged before its secrets are masked.
    pub(crate) fn command(
        &self,
        cwd: &Path,
        marker: &str,
        environment: &[(String, String)],
        redactor: &Redactor,
    ) -> process::Command {
        process::Command::new(&self.argv, cwd, marker)
            .sandbox(&self.sandbox)
            .environment(self.environment(environment))
            .filters(masking(redactor), masking(redactor))
    }

    /// Whether everything that has to be started is there.
    pub(crate) fn check(&self, what: &str) -> Result<()> {
        if self.argv.first().is_none_or(String::is_empty) {
            let message = format!("{what} has no program");
            return Err(Error::new(ErrorKind::InvalidConfig, message)
                .with_help("give the program and its arguments, as in [\"cargo\", \"build\"]"));
        }
        let environment = self.environment(&[]);
        let path = environment.iter().rev().find(|(name, _)| name == "PATH");
        let path = path.map(|(_, value)| value.as_os_str());
        for program in [self.sandbox.first(), self.argv.first()]
            .into_iter()
            .flatten()
        {
            if is_relative_path(program) || find(program, path).is_some() {
                continue;
            }
            let message =
                format!("{what}: the program {program:?} was not found or is not executable");
            return Err(
                Error::new(ErrorKind::InvalidConfig, message).with_help(format!(
                    "install {program}, add its folder to PATH, or configure its full path"
                )),
            );
        }
        Ok(())
    }
}

/// Leaves out values of the environment, which may be secrets.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.environment.iter().map(|(name, _)| name).collect();
        f.debug_struct("Program")
            .field("argv", &self.argv)
            .field("sandbox", &self.sandbox)
            .field("allow", &self.allow)
            .field("environment", &names)
            .finish()
    }
}

/// A path below the workspace, which is not there yet when a program is looked for.
fn is_relative_path(program: &str) -> bool {
    program.contains('/') && !program.starts_with('/')
}

/// The executable that a name stands for, with `path` as the value of `PATH`.
pub(crate) fn find(program: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    let is_executable = |file: &PathBuf| file.is_file() && access(file, Access::EXEC_OK).is_ok();
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(is_executable);
    }
    std::env::split_paths(path?)
        .map(|folder| folder.join(program))
        .find(is_executable)
}

/// Masks the secrets of one stream.
struct Mask(RedactStream);

impl Filter for Mask {
    fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        self.0.push(chunk)
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        self.0.finish()
    }
}

/// A filter that masks the secrets of one stream.
pub(crate) fn masking(redactor: &Redactor) -> Box<dyn Filter> {
    Box::new(Mask(redactor.stream()))
}

/// Passes lines on while the program runs, without control sequences; drops those that the reader has no room for.
pub(crate) async fn pass_on(
    mut lines: mpsc::Receiver<Line>,
    redactor: &Redactor,
    tell: impl Fn(String),
) {
    while let Some(line) = lines.recv().await {
        tell(redactor.clean(&String::from_utf8_lossy(&line.bytes)));
    }
}

/// What a finished program wrote to stdout and to stderr, for people.
pub(crate) fn output(finished: &Finished, redactor: &Redactor) -> [String; 2] {
    [
        (&finished.stdout_tail, finished.stdout_bytes),
        (&finished.stderr_tail, finished.stderr_bytes),
    ]
    .map(|(tail, total)| {
        // Again, since a control sequence may have cut a secret in two.
        let mut text = text::clean_tail(tail, total);
        redactor.mask(&mut text);
        text
    })
}

/// Masks what a job in another language says.
pub(crate) fn mask(redactor: &Redactor) -> host::Mask {
    let redactor = redactor.clone();
    Box::new(move |text| redactor.clean(text))
}

/// The end of what a job in another language answered, for people.
pub(crate) fn told_end(text: &str, limit: usize, redactor: &Redactor) -> String {
    text::tail(&redactor.clean(text), limit).to_owned()
}

/// Its last line.
pub(crate) fn told_line(text: &str, redactor: &Redactor) -> Option<String> {
    text::last_line(&redactor.clean(text)).map(str::to_owned)
}

/// Gives an agent or a gate that is a `program: Program` what a user configures of it.
macro_rules! configurable {
    ($kind:ident) => {
        impl $kind {
            /// Runs a program with its arguments, which no shell interprets. A program without a slash is looked up in
            /// `PATH`; a relative path is one below the directory that it is run in.
            pub fn new<I, S>(argv: I) -> Self
            where
                I: IntoIterator<Item = S>,
                S: Into<String>,
            {
                let program = crate::program::Program::new(argv);
                Self { program }
            }
        }

        crate::program::configurable!($kind, with more);
    };
    ($kind:ident, with more) => {
        impl $kind {
            /// Passes on variables of the host's environment: by name, or with a final `*` all that begin so.
            #[must_use]
            pub fn env_allow<I, S>(mut self, names: I) -> Self
            where
                I: IntoIterator<Item = S>,
                S: Into<String>,
            {
                self.program.allow.extend(names.into_iter().map(Into::into));
                self
            }

            /// Sets a variable. Where the name says that it is a secret, its value is masked in all output.
            #[must_use]
            pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
                self.program.environment.push((name.into(), value.into()));
                self
            }

            /// Puts a program with arguments before this one, which has to start it, as `bwrap` does.
            #[must_use]
            pub fn sandbox<I, S>(mut self, prefix: I) -> Self
            where
                I: IntoIterator<Item = S>,
                S: Into<String>,
            {
                self.program.sandbox = prefix.into_iter().map(Into::into).collect();
                self
            }
        }
    };
}
pub(crate) use configurable;

/// `SIGKILL`, or `signal 40` for one without a well-known name.
pub(crate) fn signal_name(number: i32) -> String {
    let name = match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return format!("signal {number}"),
    };
    name.to_owned()
}

/// `90s`, `5 min`.
pub(crate) fn show_duration(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds >= 60 && seconds % 60 == 0 && time.subsec_nanos() == 0 => {
            format!("{} min", seconds / 60)
        }
        _ => format!("{time:?}"),
    }
}

#[cfg(test)]
mod secrets;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_changes_with_the_definition_and_not_with_a_secret() {
        let base = || Program::new(["claude", "-p"]);
        let with = |change: fn(&mut Program)| {
            let mut program = base();
            change(&mut program);
            program.digest("agent")
        };
        let key = |value: &str| {
            let mut program = base();
            program.environment.push(("API_KEY".into(), value.into()));
            program.digest("agent")
        };
        assert_eq!(base().digest("agent"), base().digest("agent"));
        assert_eq!(key("one"), key("two"));
        let mut all = vec![
            base().digest("agent"),
            base().digest("gate"),
            key("one"),
            with(|program| program.argv.push("x".into())),
            with(|program| program.sandbox.push("x".into())),
            with(|program| program.allow.push("x".into())),
            with(|program| program.environment.push(("MODEL".into(), "a".into()))),
            with(|program| program.environment.push(("MODEL".into(), "b".into()))),
        ];
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 8);
    }

    #[test]
    fn what_cannot_be_started_is_refused_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain");
        std::fs::write(&plain, "#!/bin/sh\n").unwrap();
        let plain = plain.to_str().unwrap();
        for (argv, sandbox, fine) in [
            (vec!["sh", "-c", "true"], vec![], true),
            (vec!["/bin/sh"], vec![], true),
            (vec!["./in/the/workspace"], vec![], true),
            (vec!["sh"], vec!["env"], true),
            (vec!["aura-no-such-program"], vec![], false),
            (vec![plain], vec![], false),
            (vec!["/"], vec![], false),
            (vec![""], vec![], false),
            (vec![], vec![], false),
            (vec!["sh"], vec!["aura-no-such-sandbox"], false),
        ] {
            let mut program = Program::new(argv.clone());
            program.sandbox = sandbox.iter().map(ToString::to_string).collect();
            match program.check("agent x") {
                Ok(()) => assert!(fine, "{argv:?}"),
                Err(error) => {
                    assert!(!fine, "{error}");
                    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
                    assert!(error.help().is_some() && error.to_string().starts_with("agent x"));
                }
            }
        }
    }

    #[test]
    fn values_of_the_environment_are_not_shown() {
        let mut program = Program::new(["x"]);
        program
            .environment
            .push(("API_KEY".into(), "hidden".into()));
        let shown = format!("{program:?}");
        assert!(shown.contains("API_KEY") && !shown.contains("hidden"));
    }
}
