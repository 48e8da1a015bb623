//! Child processes: started only after they are recorded, watched, captured, and stopped with everything they started.
//!
//! ```text
//! Command --spawn--> Pending (identity: store it) --go--> Finished
//!                                                 crash --reap(identity)--> nothing is left
//! ```
//!
//! On Linux every command runs below a *guard*, a small program that is embedded in the library and started from memory. It
//! becomes the reaper of everything the command starts, waits for the go message, and stops the whole tree when the command
//! has ended, when it is told to, and when its host is gone, also by `kill -9`: SIGTERM (or SIGINT and then SIGTERM), the
//! grace period, SIGKILL until nothing is left. Whoever leaves the process group, forks twice, opens a new session, clears its environment, ignores
//! SIGTERM or is stopped is still below the guard.
//!
//! What a guard cannot hold: a process that some other daemon starts on request, and, if somebody kills the guard itself
//! with SIGKILL, a daemon in a session of its own with a cleared environment. A sandbox prefix with a process namespace
//! holds these too.
//!
//! Other Unix systems use a process group (`Containment::ProcessGroup`). That part is exercised by the tests on
//! Linux, but was never built for another system.
//!
//! The host must ignore SIGPIPE, as Rust programs, Python and Node do: a command may close its stdin early.

mod capture;
mod command;
mod environment;
#[cfg(any(not(target_os = "linux"), test))]
mod group;
#[cfg(target_os = "linux")]
mod guard;
mod identity;
#[cfg(target_os = "linux")]
mod image;
#[cfg(target_os = "linux")]
mod proc;
#[cfg(target_os = "linux")]
mod reap;
mod report;
mod run;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;

pub(crate) use capture::{Filter, Line, OutputStream};
#[cfg(test)]
pub(crate) use command::DEFAULT_TAIL_LIMIT;
pub(crate) use command::{Command, DEFAULT_LOG_LIMIT, FirstSignal, Tap};
pub(crate) use environment::base_environment;
#[cfg(not(target_os = "linux"))]
pub use group::{containment, reap, reap_marker};
pub(crate) use identity::ProcessIdentity;
#[cfg(target_os = "linux")]
pub(crate) use image::containment;
#[cfg(target_os = "linux")]
pub(crate) use reap::{reap, reap_marker};
pub(crate) use report::{Exit, Stopped};
#[cfg(test)]
pub(crate) use run::Pending;
pub(crate) use run::{Finished, spawn};
