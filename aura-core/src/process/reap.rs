//! Ends what a host that crashed, or a guard that was killed, has left.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use super::identity::{ProcessIdentity, Reaped};
use super::proc::{self, Process};
use crate::error::{Error, ErrorKind, Result};

/// How long to go on killing before giving up.
const KILL_LIMIT: Duration = Duration::from_secs(10);
/// How long a guard without children may take to end by itself.
const GUARD_EXIT: Duration = Duration::from_secs(1);
/// The longest pause between two passes; the end of a process cuts it short.
const PASS_PAUSE: Duration = Duration::from_millis(20);

/// Looks in a row that must find nothing. A look during which no process was born counts tenfold, since only a process
/// that is always just being born can hide from one.
const EMPTY_LOOKS: u32 = 20;
/// How often, and how far back, to look at the processes that were born last.
const CHASE_LOOKS: u32 = 60;
const CHASE_WIDTH: u32 = 3;

/// Ends the process with this identity and everything that was started below it: SIGTERM, `grace`, then SIGKILL until
/// repeated looks find nothing.
///
/// A process of another boot, and a stranger that has got the same number, are never touched. Found are a guard that still
/// runs and all below it; whoever carries the marker and all below them; and, if one of these is in the guard's session,
/// the rest of that session. Cancel safe, but work that has begun goes on in the background.
///
/// # Errors
/// [`ErrorKind::Process`] when processes are left that cannot be killed.
pub(crate) async fn reap(identity: &ProcessIdentity, grace: Duration) -> Result<Reaped> {
    if identity.boot_id != proc::boot_id()? {
        return Ok(Reaped { killed: 0 });
    }
    let sweep = Sweep {
        marker: identity.marker.clone(),
        guard: Some((identity.pid, identity.start_time)),
    };
    sweep.run_in_background(grace).await
}

/// Ends whoever carries the marker and all below them, for a crash before an identity was stored. Otherwise as [`reap`].
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for an empty marker; [`ErrorKind::Process`] when processes are left that cannot be killed.
pub(crate) async fn reap_marker(marker: &str, grace: Duration) -> Result<Reaped> {
    let sweep = Sweep {
        marker: marker.to_owned(),
        guard: None,
    };
    sweep.run_in_background(grace).await
}

/// A process for good: its number and its start time.
type Key = (u32, u64);

struct Sweep {
    marker: String,
    guard: Option<Key>,
}

impl Sweep {
    async fn run_in_background(self, grace: Duration) -> Result<Reaped> {
        if self.marker.is_empty() {
            let message = "cannot look for processes by an empty marker";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        tokio::task::spawn_blocking(move || self.run(grace))
            .await
            .map_err(|error| {
                Error::new(ErrorKind::Internal, format!("reaping ended early: {error}"))
            })?
    }

    fn run(&self, grace: Duration) -> Result<Reaped> {
        let mut seen = HashSet::new();
        self.ask(grace, &mut seen)?;
        self.kill(&mut seen)?;
        let killed = u32::try_from(seen.len()).unwrap_or(u32::MAX);
        Ok(Reaped { killed })
    }

    /// SIGTERM, to the guard if it is there since it passes it on, and a wait for the end of all that were found.
    fn ask(&self, grace: Duration, seen: &mut HashSet<Key>) -> Result<()> {
        let until = Instant::now() + grace;
        let targets = self.targets(seen)?;
        seen.extend(targets.iter().map(key));
        let guard = targets.iter().find(|process| self.is_guard(process));
        let asked = guard.map_or(targets.as_slice(), std::slice::from_ref);
        for process in asked {
            signal(process, Signal::TERM);
        }
        let handles: Vec<_> = targets.iter().filter_map(handle).collect();
        for handle in &handles {
            wait(handle, until.saturating_duration_since(Instant::now()));
        }
        Ok(())
    }

    fn kill(&self, seen: &mut HashSet<Key>) -> Result<()> {
        let limit = Instant::now() + KILL_LIMIT;
        let mut empty_looks = 0;
        while empty_looks < EMPTY_LOOKS {
            let newest = proc::newest();
            self.strike(seen)?;
            let targets = self.targets(seen)?;
            seen.extend(targets.iter().map(key));
            let (guard, others): (Vec<Process>, Vec<Process>) = targets
                .iter()
                .copied()
                .partition(|process| self.is_guard(process));
            if targets.is_empty() {
                let quiet = newest.is_some() && newest == proc::newest();
                if quiet {
                    empty_looks += EMPTY_LOOKS / 2;
                } else {
                    empty_looks += 1;
                    self.chase(seen);
                }
                continue;
            }
            empty_looks = 0;
            if Instant::now() > limit {
                return Err(self.stuck(&targets));
            }
            // The guard goes last: as long as it lives nobody below it can get lost.
            let victims = if others.is_empty() {
                let handle = guard.first().and_then(handle);
                if handle.is_some_and(|handle| wait(&handle, GUARD_EXIT)) {
                    continue;
                }
                guard
            } else {
                others
            };
            let first = victims.first().and_then(handle);
            for process in &victims {
                signal(process, Signal::KILL);
            }
            match first {
                Some(first) => {
                    wait(&first, PASS_PAUSE);
                }
                None => std::thread::yield_now(),
            }
        }
        Ok(())
    }

    /// Kills whoever carries the marker in the moment it is seen.
    fn strike(&self, seen: &mut HashSet<Key>) -> Result<()> {
        let spared = ancestry();
        for pid in proc::pids()? {
            self.strike_one(pid, &spared, seen);
        }
        Ok(())
    }

    /// Looks only at the processes that were born last, many times in a row. One that forks and exits in a loop is always
    /// among them, while a look at all processes takes longer than its life.
    fn chase(&self, seen: &mut HashSet<Key>) {
        let spared = ancestry();
        for _ in 0..CHASE_LOOKS {
            let Some(newest) = proc::newest() else {
                return;
            };
            for pid in (newest.saturating_sub(CHASE_WIDTH)..=newest).rev() {
                self.strike_one(pid, &spared, seen);
            }
        }
    }

    fn strike_one(&self, pid: u32, spared: &HashSet<u32>, seen: &mut HashSet<Key>) {
        if spared.contains(&pid) || !proc::has_marker(pid, &self.marker) {
            return;
        }
        if let Some(process) = proc::process(pid)
            && !process.zombie
            && !self.is_guard(&process)
        {
            signal(&process, Signal::KILL);
            seen.insert(key(&process));
        }
    }

    /// Every living process that belongs to the command. Whoever was seen to belong still does when its parents are gone.
    fn targets(&self, seen: &HashSet<Key>) -> Result<Vec<Process>> {
        let all = proc::all()?;
        let own = ancestry();
        let others = || all.iter().filter(|p| !p.zombie && !own.contains(&p.pid));
        let mut found: Vec<Process> = others()
            .filter(|process| {
                self.is_guard(process)
                    || seen.contains(&key(process))
                    || proc::has_marker(process.pid, &self.marker)
            })
            .copied()
            .collect();
        // A session number is not used again while somebody is in the session, so that one proven member proves all.
        if let Some((session, _)) = self.guard
            && found.iter().any(|process| process.session == session)
        {
            let members = others().filter(|p| p.session == session && !found.contains(p));
            found.extend(members.copied().collect::<Vec<_>>());
        }
        let mut next = 0;
        while let Some(parent) = found.get(next).map(|process| process.pid) {
            let below = others().filter(|p| p.parent == parent && !found.contains(p));
            found.extend(below.copied().collect::<Vec<_>>());
            next += 1;
        }
        Ok(found)
    }

    fn is_guard(&self, process: &Process) -> bool {
        self.guard == Some(key(process))
    }

    fn stuck(&self, targets: &[Process]) -> Error {
        let pids: Vec<_> = targets.iter().map(|p| p.pid.to_string()).collect();
        let message = format!(
            "processes of {} could not be killed: {}",
            self.marker,
            pids.join(", ")
        );
        Error::new(ErrorKind::Process, message)
            .with_help("they run as another user or wait for a device; end them by hand")
    }
}

fn key(process: &Process) -> Key {
    (process.pid, process.start_time)
}

/// This process and those above it, which are never ended.
fn ancestry() -> HashSet<u32> {
    let mut own = HashSet::new();
    let mut pid = std::process::id();
    while own.insert(pid) {
        match proc::process(pid) {
            Some(process) => pid = process.parent,
            None => break,
        }
    }
    own
}

/// A handle on exactly this process; `None` when it is gone, or when the kernel has no handles.
fn handle(process: &Process) -> Option<OwnedFd> {
    let handle = pidfd_open(pid(process)?, PidfdFlags::empty()).ok()?;
    is_same(process).then_some(handle)
}

/// Sends a signal to exactly this process, and lets it run if it is stopped.
fn signal(process: &Process, number: Signal) {
    let Some(pid) = pid(process) else {
        return;
    };
    // A process that is gone, or not ours to signal, shows in the next look.
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) if is_same(process) => {
            let _ = pidfd_send_signal(&handle, number);
            let _ = pidfd_send_signal(&handle, Signal::CONT);
        }
        Err(Errno::NOSYS | Errno::PERM) if is_same(process) => {
            let _ = kill_process(pid, number);
            let _ = kill_process(pid, Signal::CONT);
        }
        _ => {}
    }
}

fn pid(process: &Process) -> Option<Pid> {
    Pid::from_raw(i32::try_from(process.pid).ok()?)
}

fn is_same(process: &Process) -> bool {
    proc::process(process.pid).is_some_and(|now| now.start_time == process.start_time)
}

/// Waits for the end of a process; false when the time was over first.
fn wait(handle: &OwnedFd, time: Duration) -> bool {
    let until = Instant::now() + time;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).ok();
        match poll(&mut [PollFd::new(handle, PollFlags::IN)], timeout.as_ref()) {
            Err(Errno::INTR) => {}
            result => return result.is_ok_and(|ready| ready > 0),
        }
    }
}
