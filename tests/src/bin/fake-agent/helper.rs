//! Processes that the agent leaves behind: this program again, started with [`FLAG`].
//!
//! `--helper MODE NONCE SOCKET`: the process that stays connects to SOCKET once it is what it should be, so that whoever
//! asked for it knows. It then sits there for ten minutes at the longest.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use aura_tests::Shape;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, setsid, waitpid};

/// First argument of a helper.
pub(crate) const FLAG: &str = "--helper";

const LIFE: Duration = Duration::from_secs(600);
const LINKS: u32 = 200;

/// A shell that ignores what can be ignored and becomes what it is told; ignored signals stay ignored.
const DEAF: &str = r#"trap "" TERM HUP INT; exec "$0" "$@""#;

/// Does nothing for as long as helpers live.
pub(crate) fn sit() {
    let end = Instant::now() + LIFE;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}

/// Becomes a process that ignores being asked to stop; returns only when that fails.
pub(crate) fn hang_deaf() -> io::Error {
    match std::env::current_exe() {
        Ok(own) => Command::new("/bin/sh")
            .args(["-c", DEAF])
            .arg(own)
            .args([FLAG, "sit", "deaf", ""])
            .exec(),
        Err(error) => error,
    }
}

/// Leaves a process of that shape behind and returns when it is up.
pub(crate) fn spawn(state: &Path, shape: Shape, nonce: &str, holds_output: bool) -> io::Result<()> {
    let socket = state.join(format!("up-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket)?;
    let mode = match shape {
        Shape::Child | Shape::IgnoresTerm | Shape::Stopped => "sit".to_owned(),
        Shape::Setsid => "setsid".to_owned(),
        Shape::Daemon | Shape::BareDaemon => "daemon".to_owned(),
        Shape::Chain => LINKS.to_string(),
    };
    let own = std::env::current_exe()?;
    let mut command = if shape == Shape::IgnoresTerm {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", DEAF]).arg(own);
        shell
    } else {
        Command::new(own)
    };
    command.args([FLAG, &mode, nonce]).arg(&socket);
    if shape == Shape::BareDaemon {
        command.env_clear();
    }
    command.stdin(Stdio::null());
    if !holds_output {
        command.stdout(Stdio::null()).stderr(Stdio::null());
    }
    let mut child = command.spawn()?;
    let (mut stream, _) = listener.accept()?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    if matches!(shape, Shape::Daemon | Shape::BareDaemon | Shape::Chain) {
        child.wait()?;
    }
    if shape == Shape::Stopped {
        let pid = said.trim().parse().ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other(format!("`{said}` is no process")))?;
        kill_process(pid, Signal::STOP)?;
        waitpid(Some(pid), WaitOptions::UNTRACED)?;
    }
    std::fs::remove_file(&socket)
}

/// The helper itself.
pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let [mode, nonce, socket] = &arguments[..] else {
        return ExitCode::from(90);
    };
    match run(mode, nonce, socket) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(91),
    }
}

fn run(mode: &str, nonce: &str, socket: &str) -> io::Result<()> {
    match mode {
        "daemon" => {
            setsid()?;
            again("sit", nonce, socket)
        }
        "setsid" => {
            setsid()?;
            stay(socket)
        }
        "sit" => stay(socket),
        links => match links.parse::<u32>() {
            Ok(0) => stay(socket),
            Ok(left) => again(&(left - 1).to_string(), nonce, socket),
            Err(error) => Err(io::Error::other(error)),
        },
    }
}

/// Starts the next helper and does not wait for it.
fn again(mode: &str, nonce: &str, socket: &str) -> io::Result<()> {
    Command::new(std::env::current_exe()?)
        .args([FLAG, mode, nonce, socket])
        .spawn()
        .map(|_| ())
}

fn stay(socket: &str) -> io::Result<()> {
    if !socket.is_empty() {
        let pid = std::process::id();
        UnixStream::connect(socket)?.write_all(pid.to_string().as_bytes())?;
    }
    sit();
    Ok(())
}
