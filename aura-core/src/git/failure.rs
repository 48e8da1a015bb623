//! Turns failures of libgit2 and of files into the library's error, and waits out short locks.

use std::path::Path;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// Adds what was being done to a failure of libgit2.
pub(super) trait During<T> {
    /// Converts the failure into an [`Error`] whose message starts with `what`.
    fn during(self, what: impl AsRef<str>) -> Result<T>;
}

impl<T> During<T> for Result<T, git2::Error> {
    fn during(self, what: impl AsRef<str>) -> Result<T> {
        self.map_err(|source| {
            Error::new(
                ErrorKind::Git,
                format!("could not {}: {}", what.as_ref(), source.message()),
            )
            .with_source(source)
        })
    }
}

/// Adds the action and the path to a failure of a file operation.
pub(super) trait AtPath<T> {
    /// Converts the failure into an [`Error`] that names `path`.
    fn at(self, action: &str, path: &Path) -> Result<T>;
}

impl<T> AtPath<T> for std::io::Result<T> {
    fn at(self, action: &str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::io(action, path, source))
    }
}

/// How often a ref or index that somebody else has locked is tried again; with doubling pauses from
/// 5 ms this waits about 1.3 s in total, far longer than git holds any of these locks.
pub(super) const LOCK_TRIES: u32 = 8;

/// How often what the system refused is tried again: a disk that is full stays full.
const SYSTEM_TRIES: u32 = 3;

/// The pause after the failed try number `tried`, counted from 0.
pub(super) fn lock_pause(tried: u32) -> Duration {
    Duration::from_millis(5 << tried.min(LOCK_TRIES))
}

/// Runs `action` again while libgit2 reports that a lock file is held, and a few times when the system refuses: whoever packs refs at the
/// same time, as an agent's `gc` does, removes empty directories between the moment they are made and the moment they are used.
pub(super) fn waiting_for_locks<T>(
    mut action: impl FnMut() -> Result<T, git2::Error>,
) -> Result<T, git2::Error> {
    let mut tried = 0;
    loop {
        match action() {
            Err(error) if tried < tries(&error) => {
                std::thread::sleep(lock_pause(tried));
                tried += 1;
            }
            other => return other,
        }
    }
}

/// How often an action that failed with this is worth doing again.
fn tries(error: &git2::Error) -> u32 {
    if error.code() == git2::ErrorCode::Locked {
        LOCK_TRIES
    } else if error.class() == git2::ErrorClass::Os {
        SYSTEM_TRIES
    } else {
        0
    }
}

/// The text of a path inside a repository for reports and comparisons; other bytes than UTF-8 are replaced.
pub(super) fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

#[cfg(test)]
mod tests {
    use git2::{Error, ErrorClass, ErrorCode};

    use super::waiting_for_locks;

    #[test]
    fn what_passes_is_waited_for_and_what_stays_is_told() {
        for (code, class, failures, succeeds) in [
            (ErrorCode::Locked, ErrorClass::Reference, 2, true),
            // An empty directory of refs that was taken away while a ref was put into it.
            (ErrorCode::GenericError, ErrorClass::Os, 2, true),
            (ErrorCode::GenericError, ErrorClass::Os, 9, false),
            (ErrorCode::GenericError, ErrorClass::Odb, 1, false),
        ] {
            let mut left = failures;
            let result = waiting_for_locks(|| {
                if left == 0 {
                    return Ok(());
                }
                left -= 1;
                Err(Error::new(code, class, "no"))
            });
            assert_eq!(result.is_ok(), succeeds, "{code:?} {class:?} {failures}");
        }
    }
}
