//! What the tests share: hostile programs, a host that can be killed, and the search for survivors.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::*;

/// Long enough for a loaded machine; no test waits for it to pass.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
pub(super) const GRACE: Duration = Duration::from_millis(300);

/// Every way to leave a parent that the tests know. See `HOSTILE`.
pub(super) const KINDS: &[&str] = &[
    "plain",
    "setsid",
    "daemon",
    "bare-daemon",
    "term-proof",
    "stopped",
    "forks",
    "tree",
];

/// Starts a child of the kind in `argv[2]`, says `ready` once it is as meant, and then ends (`end` in `argv[3]`) or stays.
const HOSTILE: &str = r#"
import os, signal, sys, time
nonce, kind, then = sys.argv[1:4]
reader, writer = os.pipe()

def ready():
    os.write(writer, b'x')
    os.close(writer)

def stay():
    while True:
        signal.pause()

def ignore():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)

def silence():
    null = os.open('/dev/null', os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)

def daemonize():
    os.setsid()
    if os.fork():
        os._exit(0)
    silence()

def forks():
    # Each generation lives in a session of its own and only until the next one is born; all end after a minute.
    ignore()
    end = time.monotonic() + 60
    ready()
    while time.monotonic() < end:
        if os.fork():
            os._exit(0)
        os.setsid()
    os._exit(0)

def tree(depth):
    for _ in range(2):
        done, say = os.pipe()
        if os.fork() == 0:
            if depth % 2:
                os.setsid()
            if depth:
                tree(depth - 1)
            os.write(say, b'x')
            stay()
        os.read(done, 1)

child = os.fork()
if child == 0:
    os.close(reader)
    if kind == 'setsid':
        os.setsid()
    elif kind == 'daemon':
        daemonize()
    elif kind == 'bare-daemon':
        daemonize()
        os.set_inheritable(writer, True)
        code = 'import os, signal; os.write(%d, b"x"); os.close(%d)\nwhile True: signal.pause()' % (writer, writer)
        os.execve(sys.executable, [sys.executable, '-ISc', code, nonce], {})
    elif kind == 'term-proof':
        os.setsid()
        ignore()
    elif kind == 'stopped':
        ready()
        os.kill(os.getpid(), signal.SIGSTOP)
    elif kind == 'forks':
        silence()
        forks()
    elif kind == 'tree':
        tree(3)
    ready()
    stay()
os.close(writer)
os.read(reader, 1)
if kind == 'stopped':
    os.waitpid(child, os.WUNTRACED)
print('ready', flush=True)
if then == 'stay':
    stay()
"#;

pub(super) fn nonce() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// The interpreter itself, since the one in PATH may be a slow script.
pub(super) fn python() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let output = std::process::Command::new("python3")
            .args(["-c", "import sys; print(sys.executable)"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    })
}

/// A command in `/` with the base environment, a short grace period and a fresh marker.
pub(super) fn command<const N: usize>(argv: [&str; N]) -> Command {
    Command::new(argv, "/", nonce())
        .environment(base_environment(&[]))
        .grace(GRACE)
}

pub(super) fn script(code: &str, arguments: &[&str]) -> Command {
    let argv = [python(), "-ISc", code];
    Command::new(argv.iter().chain(arguments).copied(), "/", nonce())
        .environment(base_environment(&[]))
        .grace(GRACE)
}

/// A hostile program; `nonce` is in the arguments of all its processes and `then` is `end` or `stay`.
pub(super) fn hostile(nonce: &str, kind: &str, then: &str) -> Command {
    script(HOSTILE, &[nonce, kind, then])
}

pub(super) async fn finish(command: Command) -> Finished {
    go(spawn(command).unwrap()).await
}

pub(super) async fn go(pending: Pending) -> Finished {
    let result = tokio::time::timeout(PATIENCE, pending.go(CancellationToken::new())).await;
    result.expect("it does not end").unwrap()
}

/// Adds a channel for lines.
pub(super) fn with_lines(command: Command) -> (Command, mpsc::Receiver<Line>) {
    let (sender, receiver) = mpsc::channel(1000);
    (command.lines(sender), receiver)
}

/// Waits for a line with this text.
pub(super) async fn wait_for(lines: &mut mpsc::Receiver<Line>, text: &str) {
    while let Some(line) = lines.recv().await {
        if line.bytes == text.as_bytes() {
            return;
        }
    }
    panic!("it ended without saying {text}");
}

/// The living processes with this text in their arguments.
pub(super) fn survivors(nonce: &str) -> Vec<u32> {
    let own = std::process::id();
    let has_nonce = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.windows(nonce.len())
            .any(|window| window == nonce.as_bytes())
    };
    // One that always is just being born is in no single look.
    let looks = if nonce.is_empty() { 0 } else { 5 };
    let mut found = Vec::new();
    for _ in 0..looks {
        let pids = proc::pids().unwrap();
        found.extend(pids.filter(|pid| *pid != own).filter(has_nonce));
    }
    found.sort_unstable();
    found.dedup();
    found
}

pub(super) fn handle(pid: u32) -> OwnedFd {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    pidfd_open(pid, PidfdFlags::empty()).unwrap()
}

/// Waits in a blocking way for the end of a process.
pub(super) fn wait_for_end(handle: &OwnedFd) {
    let timeout = Timespec::try_from(PATIENCE).unwrap();
    loop {
        match poll(&mut [PollFd::new(handle, PollFlags::IN)], Some(&timeout)) {
            Err(Errno::INTR) => {}
            ready => return assert_eq!(ready, Ok(1), "the process does not end"),
        }
    }
}

pub(super) fn kill9(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

/// A process of this test program that runs one command, so that a host can be killed.
pub(super) struct Host {
    pub(super) process: Child,
    pub(super) output: BufReader<std::process::ChildStdout>,
    pub(super) identity: ProcessIdentity,
}

/// What a helper process is to do, in its environment.
pub(super) const HELPER: &str = "AURA_TEST_HELPER";

impl Host {
    /// `what` is the job, see [`helper_host`].
    pub(super) fn start(what: &str) -> Self {
        let mut process = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "process::tests::support::helper_host"])
            .args(["--ignored", "--nocapture"])
            .env(HELPER, what)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let identity = line_after(&mut output, "IDENTITY ");
        Self {
            process,
            output,
            identity: serde_json::from_str(&identity).unwrap(),
        }
    }

    pub(super) fn wait_for(&mut self, prefix: &str) -> String {
        line_after(&mut self.output, prefix)
    }

    /// Kills the host and its guard in a way that neither can act on the end of the other.
    pub(super) fn kill_with_guard(&mut self) {
        let guard = handle(self.identity.pid);
        let host = Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        kill_process(host, Signal::STOP).unwrap();
        kill9(self.identity.pid);
        wait_for_end(&guard);
        self.kill();
    }

    pub(super) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A test that failed half-way leaves no host behind.
impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn line_after(output: &mut impl BufRead, prefix: &str) -> String {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "no line {prefix}");
        // The test runner may have written the name of the test before it.
        if let Some(at) = line.find(prefix) {
            return line[at + prefix.len()..].trim_end().to_owned();
        }
    }
}

/// Runs `hostile NONCE KIND`, or `flood MEBIBYTES` and then says how much memory it took.
#[test]
#[ignore = "the program that other tests start as a host to be killed"]
fn helper_host() {
    let Ok(what) = std::env::var(HELPER) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let words: Vec<&str> = what.split(' ').collect();
        let command = match words[..] {
            ["hostile", nonce, kind] => hostile(nonce, kind, "stay"),
            ["flood", mebibytes] => script(
                "import os, sys\nfor _ in range(int(sys.argv[1])): os.write(1, b'x' * (1 << 20))",
                &[mebibytes],
            ),
            _ => panic!("unknown job {what}"),
        };
        let (command, mut lines) = with_lines(command);
        let pending = spawn(command).unwrap();
        println!(
            "\nIDENTITY {}",
            serde_json::to_string(pending.identity()).unwrap()
        );
        let before = peak_memory();
        let running = tokio::spawn(pending.go(CancellationToken::new()));
        while let Some(line) = lines.recv().await {
            println!(
                "LINE {}",
                String::from_utf8_lossy(&line.bytes[..line.bytes.len().min(80)])
            );
        }
        let finished = running.await.unwrap().unwrap();
        let grown = peak_memory() - before;
        println!(
            "FLOOD {} {} {grown}",
            finished.stdout_bytes,
            finished.stdout_tail.len()
        );
    });
}

/// The most memory this process ever had, in bytes.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kibibytes: u64 = line
        .split_ascii_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kibibytes * 1024
}
