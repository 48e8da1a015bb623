//! The host's side of a guard: start it, send go, send stop, read what it says.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;
use std::time::Duration;

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
    send, sendmsg, socketpair,
};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};

use super::command::Command;
use super::identity::{ProcessIdentity, Reaped};
use super::image::{GUARD_NAME, Image};
use super::report::Report;
use super::run::Streams;
use super::{proc, reap::reap};
use crate::error::{Error, ErrorKind, Result};

/// How long after the grace period a guard may take to kill what is left before it counts as stuck itself.
pub(super) const SWEEP_ALLOWANCE: Duration = Duration::from_secs(15);

/// A guard that waits for go or watches its program. Dropping it closes the control socket: the guard exits, or runs the
/// stop ladder first if the program was started.
pub(super) struct Holder {
    child: Child,
    control: OwnedFd,
    status: ChildStdout,
    unread: Vec<u8>,
    reports: VecDeque<Report>,
    identity: ProcessIdentity,
}

impl Holder {
    /// Starts a guard for the command, which then waits for go. Must be called in a tokio runtime with I/O enabled.
    pub(super) fn launch(command: &Command) -> Result<Self> {
        let image = Image::get()?;
        let failed = |error: io::Error| {
            let message = format!("could not start a guard for {}: {error}", command.name());
            let error = Error::new(ErrorKind::Process, message).with_source(error);
            error.with_help("check the limits on processes, open files, and the size of arguments and environment")
        };
        let (control, remote) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(|error| failed(error.into()))?;
        let mut child = tokio::process::Command::new(image.path())
            .arg0(GUARD_NAME)
            .arg(command.grace.as_millis().min(u32::MAX.into()).to_string())
            .arg(command.first_signal.number().to_string())
            .arg(std::process::id().to_string())
            .arg(&command.cwd)
            .args(command.full_argv())
            .env_clear()
            .envs(command.full_environment())
            .stdin(Stdio::from(remote))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let vanished = || failed(io::Error::other("it ended at once"));
        let status = child.stdout.take().ok_or_else(vanished)?;
        let pid = child.id().ok_or_else(vanished)?;
        let process = proc::process(pid).ok_or_else(vanished)?;
        let identity = ProcessIdentity {
            pid,
            start_time: process.start_time,
            boot_id: image.boot_id.clone(),
            marker: command.marker.clone(),
        };
        Ok(Self {
            child,
            control,
            status,
            unread: Vec::new(),
            reports: VecDeque::new(),
            identity,
        })
    }

    pub(super) fn identity(&self) -> &ProcessIdentity {
        &self.identity
    }

    /// Lets the program start, and gives the host's ends of its streams; `stdin` tells whether it gets a pipe or nothing.
    pub(super) async fn go(&mut self, stdin: bool) -> io::Result<Streams> {
        let (their_stdin, stdin) = if stdin {
            let (reader, writer) = io::pipe()?;
            let writer = std::process::ChildStdin::from(OwnedFd::from(writer));
            (OwnedFd::from(reader), Some(ChildStdin::from_std(writer)?))
        } else {
            (OwnedFd::from(File::open("/dev/null")?), None)
        };
        let (stdout, their_stdout) = io::pipe()?;
        let (stderr, their_stderr) = io::pipe()?;
        let stdout = std::process::ChildStdout::from(OwnedFd::from(stdout));
        let stderr = std::process::ChildStderr::from(OwnedFd::from(stderr));
        let fds = [
            their_stdin.as_fd(),
            their_stdout.as_fd(),
            their_stderr.as_fd(),
        ];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut rights = SendAncillaryBuffer::new(&mut space);
        if !rights.push(SendAncillaryMessage::ScmRights(&fds)) {
            return Err(io::Error::other("no room for three descriptors"));
        }
        let message = [IoSlice::new(b"g")];
        sendmsg(&self.control, &message, &mut rights, SendFlags::NOSIGNAL)?;
        Ok(Streams {
            stdin,
            stdout: ChildStdout::from_std(stdout)?,
            stderr: ChildStderr::from_std(stderr)?,
        })
    }

    /// Starts the stop ladder. A guard that is gone needs none: the end of its reports tells.
    pub(super) fn stop(&mut self) {
        let _ = send(&self.control, b"s", SendFlags::NOSIGNAL);
    }

    /// What the guard says next; after [`Report::Gone`] again `Gone`. Cancel safe.
    pub(super) async fn next(&mut self) -> Report {
        loop {
            if let Some(report) = self.reports.pop_front() {
                return report;
            }
            let mut buffer = [0; 256];
            match self.status.read(&mut buffer).await {
                Ok(0) | Err(_) => {
                    // Only the guard holds the other end, so that this is its end, or near.
                    let _ = self.child.wait().await;
                    return Report::Gone;
                }
                Ok(length) => self.split(&buffer[..length]),
            }
        }
    }

    fn split(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        while let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.unread.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line[..end]);
            self.reports.extend(Report::parse(&line));
        }
    }

    /// Ends a guard that does not end by itself, and what is left of one that was killed.
    pub(super) async fn abandon(&self) -> Result<Reaped> {
        reap(&self.identity, Duration::ZERO).await
    }
}
