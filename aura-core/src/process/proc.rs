//! What `/proc` says about processes.

use std::fs;
use std::path::Path;

use super::command::MARKER_VARIABLE;
use crate::error::{Error, Result};

/// One process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) session: u32,
    /// Clock ticks since boot; with the pid it names the process.
    pub(super) start_time: u64,
    pub(super) zombie: bool,
}

/// The name of this boot.
pub(super) fn boot_id() -> Result<String> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    fs::read_to_string(path)
        .map(|text| text.trim().to_owned())
        .map_err(|error| Error::io("read", path, error))
}

/// A process by its number; `None` when there is none.
pub(super) fn process(pid: u32) -> Option<Process> {
    parse(pid, &fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// The numbers of all processes that this user may see, read as they are asked for.
pub(super) fn pids() -> Result<impl Iterator<Item = u32>> {
    let path = Path::new("/proc");
    let entries = fs::read_dir(path).map_err(|error| Error::io("list", path, error))?;
    Ok(entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}

/// All processes that this user may see.
pub(super) fn all() -> Result<Vec<Process>> {
    Ok(pids()?.filter_map(process).collect())
}

/// The number that the system gave away last: while it stays, no process was born.
pub(super) fn newest() -> Option<u32> {
    let load = fs::read_to_string("/proc/loadavg").ok()?;
    load.split_ascii_whitespace().last()?.parse().ok()
}

/// Whether a process was started with this marker. One that cleared its environment was not, as far as this shows.
pub(super) fn has_marker(pid: u32, marker: &str) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else {
        return false;
    };
    let entry = format!("{MARKER_VARIABLE}={marker}");
    environment
        .split(|byte| *byte == 0)
        .any(|found| found == entry.as_bytes())
}

fn parse(pid: u32, stat: &[u8]) -> Option<Process> {
    // The name, in parentheses, may hold anything, also spaces and parentheses.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let fields = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        start_time: fields.get(19)?.parse().ok()?,
        zombie: matches!(*fields.first()?, "Z" | "X"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_with_a_hostile_name_is_read() {
        let line = b"7 (a) R 1 (\xff) Z 3 4 5 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 987 0 0\n";
        let expected = Process {
            pid: 7,
            parent: 3,
            session: 5,
            start_time: 987,
            zombie: true,
        };
        assert_eq!(parse(7, line), Some(expected));
        for broken in [&b""[..], b"7 (a", b"7 (a) R 1"] {
            assert_eq!(parse(7, broken), None);
        }
    }

    #[test]
    fn this_process_is_listed_with_its_parent() {
        let own = all()
            .unwrap()
            .into_iter()
            .find(|p| p.pid == std::process::id());
        assert_eq!(own.unwrap().parent, std::os::unix::process::parent_id());
        assert!(!boot_id().unwrap().is_empty());
    }
}
