//! Who a process is, beyond its number, which the system uses again.

use serde::{Deserialize, Serialize};

/// Names one process for ever: no later process, on this boot or another, equals it.
///
/// It belongs to the process that holds the command (the guard on Linux), is known before the command starts, and is what
/// [`reap`](super::reap()) wants after a crash.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct ProcessIdentity {
    /// The process number, which may be in use by a stranger when this is read.
    pub pid: u32,
    /// When it started, in clock ticks since boot: field 22 of `/proc/PID/stat`. 0 where the system has no such file.
    pub start_time: u64,
    /// The boot that the two numbers belong to. Empty where the system has no such name.
    pub boot_id: String,
    /// The value of `MARKER_VARIABLE` in the environment of everything it started.
    pub marker: String,
}

/// What a clean-up after a crash did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reaped {
    /// Processes that were found alive and are gone now, the guard included.
    pub killed: u32,
}
