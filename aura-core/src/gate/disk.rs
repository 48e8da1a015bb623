//! Whether a disk is full, by what a program says and by what the system says.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

/// The ways in which programs end a line with that error of the system: those in C, Go, Java and Rust, in Python, in Node.
static SAID: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?i): no space left on device(?: \((?:os error )?28\))?$|\[Errno 28\] no space left on device(?:: '[^']*')?$|\bENOSPC: no space left on device, \w+(?: '[^']*')?$";
    Regex::new(pattern).expect("the expressions of this program are valid")
});

/// Bytes that one build may use up, and free again when it fails.
const ONE_BUILD: u64 = 1 << 30;

/// Whether a line is an error of the system about a full disk, and not a text that mentions one.
pub(super) fn is_said(line: &str) -> bool {
    SAID.is_match(line.trim_end())
}

/// Whether next to nothing is free where one of the paths is. A disk that cannot be asked is not full.
pub(super) fn is_full(place: &Path) -> bool {
    let Ok(about) = rustix::fs::statvfs(place) else {
        return false;
    };
    let is_low = |free: u64, all: u64, part: u64, most: u64| all > 0 && free < most.min(all / part);
    let bytes = |blocks: u64| blocks.saturating_mul(about.f_frsize);
    is_low(bytes(about.f_bavail), bytes(about.f_blocks), 20, ONE_BUILD)
        || is_low(about.f_favail, about.f_files, 100, u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_system_is_told_from_a_text() {
        for (line, expected) in [
            ("cp: x: No space left on device", true),
            (
                "sh: 1: echo: echo: I/O error: No space left on device\r",
                true,
            ),
            (
                "error: failed to write /a/b.rlib: No space left on device (os error 28)",
                true,
            ),
            (
                "/usr/bin/ld: final link failed: No space left on device",
                true,
            ),
            (
                "rsync: write failed on \"/a\": No space left on device (28)",
                true,
            ),
            ("java.io.IOException: No space left on device", true),
            ("write /a/b: no space left on device", true),
            ("OSError: [Errno 28] No space left on device", true),
            ("OSError: [Errno 28] No space left on device: '/a/b'", true),
            ("Error: ENOSPC: no space left on device, write", true),
            ("Error: ENOSPC: no space left on device, open '/a/b'", true),
            ("No space left on device", false),
            (
                "expected \"x: No space left on device\", got nothing",
                false,
            ),
            ("test shows_no_space_left_on_device ... ok", false),
            ("x: No space left on device, so says the test", false),
        ] {
            assert_eq!(is_said(line), expected, "{line}");
        }
    }

    #[test]
    fn what_cannot_be_asked_is_not_full() {
        assert!(!is_full(Path::new("/no/such/folder")));
        // No file system of this kind has room for a byte, nor says that it has none.
        assert!(!is_full(Path::new("/proc")));
    }
}
