//! Who is below the guard, as `/proc` tells.

use std::ffi::c_int;
use std::fs;

/// The part of `/proc/PID/stat` that the sweep needs.
pub(crate) struct Process {
    pub(crate) pid: c_int,
    pub(crate) parent: c_int,
    pub(crate) group: c_int,
    pub(crate) started: u64,
    pub(crate) zombie: bool,
}

pub(crate) fn stat(pid: c_int) -> Option<Process> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything, also parentheses.
    let end = text.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(text.get(end + 2..)?).ok()?;
    let fields: Vec<&str> = rest.split(' ').collect();
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
        zombie: matches!(*fields.first()?, "Z" | "X"),
    })
}

pub(crate) fn all_processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| stat(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}

/// The living processes below `root`, without it.
pub(crate) fn descendants(root: c_int) -> Vec<Process> {
    let mut rest = all_processes();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        let (below, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|p| p.parent == parent);
        parents.extend(below.iter().map(|p| p.pid));
        found.extend(below);
        rest = others;
    }
    found.retain(|process| !process.zombie);
    found
}

/// The guard's children as the kernel lists them, or by looking at all processes where it has no such list.
pub(crate) fn children(own_pid: c_int) -> Vec<c_int> {
    match fs::read_to_string("/proc/thread-self/children") {
        Ok(list) => list
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect(),
        Err(_) => all_processes()
            .into_iter()
            .filter(|p| p.parent == own_pid)
            .map(|p| p.pid)
            .collect(),
    }
}
