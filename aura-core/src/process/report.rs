//! What is said about a command while it runs and when it has ended.

use serde::{Deserialize, Serialize};

/// How well commands are held on this system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub(crate) enum Containment {
    /// A guard per command: everything a command starts is stopped with it, also when the host is killed.
    Guard,
    /// A process group per command: a process that leaves the group escapes, and so does everything when the host is killed.
    ProcessGroup,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Exit {
    /// It returned this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// It never started.
    SpawnFailed {
        /// The system's error number, such as 2 for `ENOENT`.
        errno: i32,
        /// What could not be used and why.
        message: String,
    },
}

/// Why a running program was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stopped {
    /// The caller cancelled it.
    Cancelled,
    /// It ran for too long.
    Deadline,
    /// It was silent for too long.
    Idle,
}

/// One thing that the holder of a command says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    /// The directory could not be entered.
    BadDirectory(i32),
    /// The program could not be started.
    BadProgram(i32),
    /// The holder itself could not do its work.
    BadHolder(i32),
    Exited(i32),
    Killed(i32),
    /// So many processes outlived the program.
    Left(u32),
    /// So many of them could not be killed.
    Stuck(u32),
    /// The holder is gone; nothing follows.
    Gone,
}

impl Report {
    /// Reads a status line of the guard.
    #[cfg(target_os = "linux")]
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ')?;
        let number = || rest.parse().ok();
        Some(match word {
            "exited" => Self::Exited(number()?),
            "killed" => Self::Killed(number()?),
            "left" => Self::Left(rest.parse().ok()?),
            "stuck" => Self::Stuck(rest.parse().ok()?),
            "failed" => {
                let (stage, errno) = rest.split_once(' ')?;
                let errno = errno.parse().ok()?;
                match stage {
                    "cwd" => Self::BadDirectory(errno),
                    "exec" => Self::BadProgram(errno),
                    "guard" => Self::BadHolder(errno),
                    _ => return None,
                }
            }
            _ => return None,
        })
    }
}
