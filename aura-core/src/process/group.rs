//! The holder for Unix systems other than Linux: a process group, killed as a whole.
//!
//! A shell stands in for the guard: it waits for a line on stdin and then becomes the program. Whoever leaves the group
//! escapes, and nothing stops the group when the host is killed. Tested on Linux; never built elsewhere.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt;
use tokio::process::Child;
use tokio::time::{Instant, sleep_until};

use super::command::{Command, FirstSignal};
use super::identity::{ProcessIdentity, Reaped};
#[cfg(not(target_os = "linux"))]
use super::report::Containment;
use super::report::Report;
use super::run::Streams;
use crate::error::{Error, ErrorKind, Result};

/// How long after the grace period a group may take to end.
#[cfg(not(target_os = "linux"))]
pub(super) const SWEEP_ALLOWANCE: Duration = Duration::from_secs(15);

const ENOENT: i32 = 2;
const EACCES: i32 = 13;

/// Waits for go, and then becomes the program with the rest of stdin. The end of stdin before go ends it.
const GATE: &str = r#"IFS= read -r go || exit 0; cd -- "$1" || exit 126; shift; exec "$@""#;

/// The level of containment in force.
///
/// # Errors
/// None on this system.
#[cfg(not(target_os = "linux"))]
pub fn containment() -> Result<Containment> {
    Ok(Containment::ProcessGroup)
}

/// Does nothing: this system cannot tell a process of ours from a stranger with the same number.
///
/// # Errors
/// None on this system.
#[cfg(not(target_os = "linux"))]
pub async fn reap(_identity: &ProcessIdentity, _grace: Duration) -> Result<Reaped> {
    Ok(Reaped { killed: 0 })
}

/// Does nothing: this system does not show environments.
///
/// # Errors
/// None on this system.
#[cfg(not(target_os = "linux"))]
pub async fn reap_marker(_marker: &str, _grace: Duration) -> Result<Reaped> {
    Ok(Reaped { killed: 0 })
}

/// A group that waits for go or runs. Dropping it kills the group.
pub(super) struct Holder {
    child: Child,
    group: Option<Pid>,
    identity: ProcessIdentity,
    grace: Duration,
    first: FirstSignal,
    term_at: Option<Instant>,
    kill_at: Option<Instant>,
    /// Why the program cannot be started, found out before the shell would try.
    refusal: Option<Report>,
    running: bool,
}

impl Holder {
    /// Starts the shell that waits for go. Must be called in a tokio runtime with I/O enabled.
    pub(super) fn launch(command: &Command) -> Result<Self> {
        let failed = |error: io::Error| {
            let message = format!("could not start a shell for {}: {error}", command.name());
            Error::new(ErrorKind::Process, message).with_source(error)
        };
        let child = tokio::process::Command::new("/bin/sh")
            .args(["-c", GATE, "sh"])
            .arg(&command.cwd)
            .args(command.full_argv())
            .env_clear()
            .envs(command.full_environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let pid = child.id().unwrap_or_default();
        Ok(Self {
            group: i32::try_from(pid).ok().and_then(Pid::from_raw),
            child,
            identity: ProcessIdentity {
                pid,
                start_time: 0,
                boot_id: String::new(),
                marker: command.marker.clone(),
            },
            grace: command.grace,
            first: command.first_signal,
            term_at: None,
            kill_at: None,
            refusal: refusal(command),
            running: true,
        })
    }

    pub(super) fn identity(&self) -> &ProcessIdentity {
        &self.identity
    }

    /// Lets the program start; `stdin` tells whether it gets more than an end.
    pub(super) async fn go(&mut self, stdin: bool) -> io::Result<Streams> {
        let (Some(mut input), Some(stdout), Some(stderr)) = (
            self.child.stdin.take(),
            self.child.stdout.take(),
            self.child.stderr.take(),
        ) else {
            return Err(io::Error::other("it was started already"));
        };
        if self.refusal.is_none() {
            input.write_all(b"\n").await?;
        }
        Ok(Streams {
            stdin: (stdin && self.refusal.is_none()).then_some(input),
            stdout,
            stderr,
        })
    }

    /// The first signal to the group now, SIGKILL after the grace period.
    pub(super) fn stop(&mut self) {
        let now = Instant::now();
        self.kill_at = Some(now + self.grace);
        match self.first {
            FirstSignal::Terminate => self.signal(Signal::TERM),
            FirstSignal::Interrupt => {
                self.signal(Signal::INT);
                self.term_at = Some(now + self.grace / 2);
            }
        }
    }

    /// What became of the program, then [`Report::Gone`]. Cancel safe.
    pub(super) async fn next(&mut self) -> Report {
        if !self.running {
            return Report::Gone;
        }
        let status = loop {
            let Some(next) = self.term_at.or(self.kill_at) else {
                break self.child.wait().await;
            };
            tokio::select! {
                status = self.child.wait() => break status,
                () = sleep_until(next) => {
                    if self.term_at.take().is_some() {
                        self.signal(Signal::TERM);
                    } else {
                        self.kill_at = None;
                        self.signal(Signal::KILL);
                    }
                }
            }
        };
        self.running = false;
        // Members of the group may have outlived their leader.
        self.signal(Signal::KILL);
        self.group = None;
        match (self.refusal.take(), status) {
            (Some(refusal), _) => refusal,
            (None, Ok(status)) => ended(status),
            (None, Err(error)) => Report::BadHolder(error.raw_os_error().unwrap_or_default()),
        }
    }

    /// Kills the group at once.
    pub(super) async fn abandon(&self) -> Result<Reaped> {
        self.signal(Signal::KILL);
        Ok(Reaped { killed: 1 })
    }

    fn signal(&self, number: Signal) {
        if let Some(group) = self.group {
            // A group that is empty by now needs no signal.
            let _ = kill_process_group(group, number);
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

fn ended(status: ExitStatus) -> Report {
    match (status.code(), status.signal()) {
        (Some(code), _) => Report::Exited(code),
        (None, signal) => Report::Killed(signal.unwrap_or_default()),
    }
}

/// What the shell could only tell by an exit code that a program may return too.
fn refusal(command: &Command) -> Option<Report> {
    if !command.cwd.is_dir() {
        return Some(Report::BadDirectory(ENOENT));
    }
    let program = command.full_argv().next()?;
    if program.as_bytes().contains(&b'/') {
        let path = command.cwd.join(program);
        return (!is_program(&path))
            .then(|| Report::BadProgram(if path.exists() { EACCES } else { ENOENT }));
    }
    let path = command
        .full_environment()
        .filter(|(name, _)| *name == "PATH")
        .last()
        .map_or("/usr/bin:/bin".into(), |(_, value)| value.to_owned());
    let found = std::env::split_paths(&path).any(|folder| is_program(&folder.join(program)));
    (!found).then_some(Report::BadProgram(ENOENT))
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::super::environment::base_environment;
    use super::*;

    fn command(argv: &[&str]) -> Command {
        let grace = Duration::from_millis(100);
        Command::new(argv.iter().copied(), "/", "marker")
            .environment(base_environment(&[]))
            .grace(grace)
    }

    #[tokio::test]
    async fn the_program_starts_with_go_and_its_end_is_told() {
        for (argv, output, report) in [
            (&["sh", "-c", "cat; exit 3"][..], "input", Report::Exited(3)),
            (&["sh", "-c", "kill -9 $$"], "", Report::Killed(9)),
            (&["aura-no-such-program"], "", Report::BadProgram(ENOENT)),
            (&["/etc/passwd"], "", Report::BadProgram(EACCES)),
        ] {
            let mut holder = Holder::launch(&command(argv)).unwrap();
            assert_eq!(Some(holder.identity().pid), holder.child.id());
            let mut streams = holder.go(true).await.unwrap();
            if let Some(mut stdin) = streams.stdin.take() {
                // A program that ends at once does not read it.
                let _ = stdin.write_all(b"input").await;
            }
            let mut got = String::new();
            streams.stdout.read_to_string(&mut got).await.unwrap();
            assert_eq!(
                (got.as_str(), holder.next().await),
                (output, report),
                "{argv:?}"
            );
            assert_eq!(holder.next().await, Report::Gone);
        }
    }

    #[tokio::test]
    async fn the_whole_group_is_stopped_and_killed_when_it_does_not_listen() {
        let deaf = "trap '' TERM; sleep 1000 & echo up; while :; do wait; done";
        for (code, signal) in [("sleep 1000 & echo up; wait", 15), (deaf, 9)] {
            let mut holder = Holder::launch(&command(&["sh", "-c", code])).unwrap();
            let mut streams = holder.go(false).await.unwrap();
            let mut up = [0; 3];
            streams.stdout.read_exact(&mut up).await.unwrap();
            holder.stop();
            assert_eq!(holder.next().await, Report::Killed(signal));
            // The pipe ends only when the child in the background is gone too.
            assert_eq!(streams.stdout.read(&mut up).await.unwrap(), 0);
        }
    }

    #[tokio::test]
    async fn a_group_that_is_dropped_or_abandoned_is_gone() {
        for abandon in [true, false] {
            let code = "sleep 1000 & echo up; wait";
            let mut holder = Holder::launch(&command(&["sh", "-c", code])).unwrap();
            let mut streams = holder.go(false).await.unwrap();
            let mut up = [0; 3];
            streams.stdout.read_exact(&mut up).await.unwrap();
            if abandon {
                holder.abandon().await.unwrap();
            } else {
                drop(holder);
            }
            assert_eq!(streams.stdout.read(&mut up).await.unwrap(), 0);
        }
    }
}
