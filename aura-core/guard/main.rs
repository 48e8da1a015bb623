//! The guard: a small program that stands between the library and one agent or gate.
//!
//! It is the subreaper of everything the program starts, so that nothing can leave it by a double fork or a new session. It
//! starts the program only after a go message, and stops the whole tree when it is told to, when the program has ended, and
//! when its host is gone, however the host went.
//!
//! ```text
//! aura-guard GRACE_MS SIGNAL HOST_PID CWD PROGRAM [ARG]...      without arguments: exit 0, to try whether it can be started
//! SIGNAL the first one of the stop ladder, 15 or 2; after 2 half of the grace period passes before 15
//! fd 0   control, a SOCK_SEQPACKET socket: the go message carries the program's stdin, stdout and stderr;
//!        any further message, or its end, means stop
//! fd 1   status, lines: `failed cwd|exec|guard ERRNO`, `exited CODE`, `killed SIGNAL`, `left N`, `stuck N`
//! ```
//!
//! It depends on the standard library only and is compiled by the build script, not by cargo.

#![no_main]

mod sys;
mod tree;

use std::ffi::{CStr, OsStr, c_char, c_int, c_long, c_ulong, c_void};
use std::io::{self, Read};
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

use sys::*;
use tree::{Process, children, descendants, stat};

const CONTROL: RawFd = 0;
const STATUS: RawFd = 1;

/// How long the sweep goes on killing before it reports what it cannot kill.
const SWEEP_LIMIT: Duration = Duration::from_secs(10);
/// The longest pause between two kill passes; the end of any child cuts it short.
const SWEEP_PAUSE_MS: c_int = 10;

/// The writing end of the pipe that wakes the poll; only the signal handler uses it.
static WAKE: AtomicI32 = AtomicI32::new(-1);
/// Somebody asked the guard itself to end.
static TOLD_TO_END: AtomicBool = AtomicBool::new(false);

extern "C" fn on_signal(number: c_int) {
    if number != SIGCHLD {
        TOLD_TO_END.store(true, Ordering::Relaxed);
    }
    // SAFETY: write is async-signal-safe; errno is put back because the interrupted code may be about to read it.
    unsafe {
        let errno = __errno_location();
        let saved = *errno;
        write(WAKE.load(Ordering::Relaxed), ptr::from_ref(&0u8).cast(), 1);
        *errno = saved;
    }
}

fn last_errno() -> c_int {
    io::Error::last_os_error().raw_os_error().unwrap_or(EPROTO)
}

/// Writes one status line. A host that is gone does not matter: the ladder runs all the same.
fn report(line: &str) {
    let line = format!("{line}\n");
    // SAFETY: the pointer and the length are those of a live string.
    unsafe { write(STATUS, line.as_ptr().cast(), line.len()) };
}

#[unsafe(no_mangle)]
extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    // SAFETY: the C runtime passes argc valid, terminated strings that live as long as the process.
    let arguments: Vec<&'static OsStr> = (1..usize::try_from(argc).unwrap_or(0))
        .map(|i| OsStr::from_bytes(unsafe { CStr::from_ptr(*argv.add(i)) }.to_bytes()))
        .collect();
    if arguments.is_empty() {
        return 0;
    }
    let number = |i: usize| {
        arguments
            .get(i)
            .and_then(|a| a.to_str()?.parse::<u32>().ok())
    };
    let (Some(grace), Some(first), Some(host), true) =
        (number(0), number(1), number(2), arguments.len() > 4)
    else {
        return 2;
    };
    let first = if first == 2 { SIGINT } else { SIGTERM };
    let Some(mut guard) = Guard::new(Duration::from_millis(grace.into()), first, host) else {
        report(&format!("failed guard {}", last_errno()));
        return 1;
    };
    let Some(streams) = guard.wait_for_go() else {
        return 0;
    };
    match start(arguments[3], &arguments[4..], streams) {
        Ok(program) => guard.supervise(program),
        Err((stage, errno)) => report(&format!("failed {stage} {errno}")),
    }
    0
}

/// Starts the program in a process group of its own, with default signals and the guard's environment.
fn start(
    cwd: &OsStr,
    argv: &[&OsStr],
    [stdin, stdout, stderr]: [OwnedFd; 3],
) -> Result<c_int, (&'static str, c_int)> {
    let errno = |e: &io::Error| e.raw_os_error().unwrap_or(EPROTO);
    std::env::set_current_dir(cwd).map_err(|e| ("cwd", errno(&e)))?;
    let child = Command::new(argv[0])
        .args(&argv[1..])
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::from(stdout))
        .stderr(Stdio::from(stderr))
        .process_group(0)
        .spawn()
        .map_err(|e| ("exec", errno(&e)))?;
    // The guard may outlive the program's directory, and must not keep it busy.
    let _ = std::env::set_current_dir("/");
    Ok(c_int::try_from(child.id()).unwrap_or(0))
}

struct Guard {
    grace: Duration,
    first: c_int,
    own_pid: c_int,
    /// A descriptor that becomes readable when the host ends; -1 where the kernel has none.
    host: RawFd,
    wake: UnixStream,
    /// Kept open for the signal handler.
    _waker: UnixStream,
}

impl Guard {
    fn new(grace: Duration, first: c_int, host: u32) -> Option<Self> {
        let no_signals = [0u64; 16];
        // SAFETY: plain system calls on values that live through the call.
        let host = unsafe {
            prctl(PR_SET_NAME, c"aura-guard".as_ptr());
            // Keeps the program from opening the status pipe through /proc and from tracing the guard, unless it is root.
            prctl(PR_SET_DUMPABLE, 0 as c_ulong);
            // What the host leaked to its children is not for the program: a lock file, a listening socket.
            syscall(
                SYS_CLOSE_RANGE,
                3 as c_long,
                c_long::from(i32::MAX),
                0 as c_long,
            );
            sigprocmask(SIG_SETMASK, no_signals.as_ptr().cast(), ptr::null_mut());
            for number in 1..=64 {
                signal(number, SIG_DFL);
            }
            signal(SIGPIPE, SIG_IGN);
            if setsid() < 0
                || prctl(
                    PR_SET_CHILD_SUBREAPER,
                    1 as c_ulong,
                    0 as c_ulong,
                    0 as c_ulong,
                    0 as c_ulong,
                ) < 0
            {
                return None;
            }
            // A copy of the control socket in a fork of the host would hide the end of the host.
            let watched = syscall(SYS_PIDFD_OPEN, host as c_long, 0 as c_long);
            if u32::try_from(getppid()) != Ok(host) {
                return None;
            }
            RawFd::try_from(watched).unwrap_or(-1)
        };
        let (wake, waker) = UnixStream::pair().ok()?;
        wake.set_nonblocking(true).ok()?;
        waker.set_nonblocking(true).ok()?;
        WAKE.store(waker.as_raw_fd(), Ordering::Relaxed);
        // SAFETY: the handler only does what is allowed in one, and is reset by exec.
        let own_pid = unsafe {
            for number in [SIGCHLD, SIGTERM, SIGINT, SIGHUP] {
                signal(number, on_signal as extern "C" fn(c_int) as usize);
            }
            getpid()
        };
        Some(Self {
            grace,
            first,
            own_pid,
            host,
            wake,
            _waker: waker,
        })
    }

    /// Waits for the go message and takes the program's three streams from it; `None` means that nothing is to be started.
    fn wait_for_go(&mut self) -> Option<[OwnedFd; 3]> {
        while !self.wait(true, -1) {
            if TOLD_TO_END.load(Ordering::Relaxed) {
                return None;
            }
        }
        if TOLD_TO_END.load(Ordering::Relaxed) {
            return None;
        }
        // When it is only the host's end that woke us, there is no message and the call fails.
        let mut byte = 0u8;
        let mut iov = IoVec {
            base: ptr::from_mut(&mut byte).cast(),
            len: 1,
        };
        let mut rights = Rights {
            len: 0,
            level: 0,
            kind: 0,
            fds: [-1; 3],
        };
        let mut message = MsgHdr {
            name: ptr::null_mut(),
            name_len: 0,
            iov: &raw mut iov,
            iov_len: 1,
            control: ptr::from_mut(&mut rights).cast(),
            control_len: mem::size_of::<Rights>(),
            flags: 0,
        };
        // SAFETY: every pointer in the message is to a live local of the stated size.
        let got = unsafe { recvmsg(CONTROL, &raw mut message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) };
        let complete = rights.len == mem::offset_of!(Rights, fds) + mem::size_of::<[c_int; 3]>()
            && rights.level == SOL_SOCKET
            && rights.kind == SCM_RIGHTS;
        if got != 1 || byte != b'g' || !complete {
            return None;
        }
        // SAFETY: the kernel has just made these descriptors for us and nobody else owns them.
        Some(rights.fds.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Waits for a signal, for at most `timeout` milliseconds, and when `control` for the host. True: the host said something,
    /// or is gone.
    fn wait(&mut self, control: bool, timeout: c_int) -> bool {
        let (control, host) = if control {
            (CONTROL, self.host)
        } else {
            (-1, -1)
        };
        let mut fds = [control, host, self.wake.as_raw_fd()].map(|fd| PollFd {
            fd,
            events: POLLIN,
            revents: 0,
        });
        // SAFETY: three live entries.
        if unsafe { poll(fds.as_mut_ptr(), 3, timeout) } <= 0 {
            return false;
        }
        if fds[2].revents != 0 {
            let mut sink = [0; 256];
            while matches!(self.wake.read(&mut sink), Ok(n) if n == sink.len()) {}
        }
        fds[0].revents != 0 || fds[1].revents != 0
    }

    /// Runs until the program and everything it started are gone.
    fn supervise(&mut self, program: c_int) {
        let mut running = true;
        let mut kill_at: Option<Instant> = None;
        let mut term_at: Option<Instant> = None;
        let mut sweeping: Option<Instant> = None;
        let mut stop = false;
        loop {
            let (alone, ended) = reap(program);
            if let Some(status) = ended {
                running = false;
                report(&describe(status));
                if !alone {
                    report(&format!("left {}", descendants(self.own_pid).len()));
                }
            }
            if alone {
                return;
            }
            let now = Instant::now();
            stop |= TOLD_TO_END.load(Ordering::Relaxed) || !running;
            if stop && kill_at.is_none() {
                kill_at = Some(now + self.grace);
                // What outlives its program knows nothing of how to ask that program to stop.
                if self.first != SIGTERM && running {
                    self.signal_all(self.first);
                    term_at = Some(now + self.grace / 2);
                } else {
                    self.signal_all(SIGTERM);
                }
            }
            if term_at.is_some_and(|at| at <= now || !running) {
                term_at = None;
                self.signal_all(SIGTERM);
            }
            let timeout = match kill_at {
                None => -1,
                Some(at) if now < at => {
                    let until = term_at.map_or(at, |term| term.min(at)) - now;
                    c_int::try_from(until.as_millis() + 1).unwrap_or(c_int::MAX)
                }
                Some(_) => {
                    let since = *sweeping.get_or_insert(now);
                    if now - since > SWEEP_LIMIT {
                        report(&format!("stuck {}", descendants(self.own_pid).len()));
                        return;
                    }
                    self.signal_all(SIGKILL);
                    SWEEP_PAUSE_MS
                }
            };
            stop |= self.wait(kill_at.is_none(), timeout);
        }
    }

    /// Signals every process below the guard.
    ///
    /// Children come first, straight from the kernel's list, with their groups: they stay until the guard reaps them, so that
    /// no number can have been reused, and a group signal cannot be outrun by forking. Whoever is deeper in another group is
    /// signalled through a handle. When parents die their children become the guard's, and the next pass has them.
    fn signal_all(&self, number: c_int) {
        let mut groups = Vec::new();
        for pid in children(self.own_pid) {
            // SAFETY: plain system calls; a group id of 1 or less is never used.
            unsafe {
                let group = getpgid(pid);
                if group > 1 && group != self.own_pid {
                    if !groups.contains(&group) {
                        groups.push(group);
                        send(-group, number);
                    }
                } else {
                    send(pid, number);
                }
            }
        }
        for process in descendants(self.own_pid) {
            if process.parent != self.own_pid && !groups.contains(&process.group) {
                send_verified(&process, number);
            }
        }
    }
}

/// SAFETY of callers: `pid` is a child, or the negative group of one.
unsafe fn send(pid: c_int, number: c_int) {
    // SAFETY: a plain system call.
    unsafe {
        kill(pid, number);
        if number != SIGKILL {
            // A stopped process would not see the signal before somebody continues it.
            kill(pid, SIGCONT);
        }
    }
}

/// Signals a process that is not a child through a handle, after a look that its number was not reused in between.
fn send_verified(process: &Process, number: c_int) {
    // SAFETY: plain system calls; the descriptor is new and owned here.
    unsafe {
        let handle = syscall(SYS_PIDFD_OPEN, c_long::from(process.pid), 0 as c_long);
        let same = stat(process.pid).is_some_and(|now| now.started == process.started);
        if !same {
            if handle >= 0 {
                drop(OwnedFd::from_raw_fd(handle as RawFd));
            }
            return;
        }
        if handle < 0 {
            send(process.pid, number);
            return;
        }
        let handle = OwnedFd::from_raw_fd(handle as RawFd);
        for number in [number, SIGCONT] {
            let (fd, number) = (c_long::from(handle.as_raw_fd()), c_long::from(number));
            syscall(
                SYS_PIDFD_SEND_SIGNAL,
                fd,
                number,
                ptr::null::<c_void>(),
                0 as c_long,
            );
        }
    }
}

/// Takes the status of every child that has ended: whether no child is left, and the program's status if it was among them.
fn reap(program: c_int) -> (bool, Option<c_int>) {
    let mut ended = None;
    loop {
        let mut status = 0;
        // SAFETY: the status pointer is to a live local.
        match unsafe { waitpid(-1, &raw mut status, WNOHANG) } {
            0 => return (false, ended),
            pid if pid == program => ended = Some(status),
            pid if pid > 0 => {}
            _ => return (true, ended),
        }
    }
}

fn describe(status: c_int) -> String {
    match status & 0x7f {
        0 => format!("exited {}", (status >> 8) & 0xff),
        number => format!("killed {number}"),
    }
}
