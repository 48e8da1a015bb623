//! What SQLite's error codes mean for a person.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::error::{Error, ErrorKind};

/// Why a statement did not do its work.
pub(super) enum Fault {
    /// The request was wrong; the database is fine.
    Refused(Error),
    /// The database could not do it.
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl Fault {
    pub(super) fn into_error(self, action: &str, path: &Path) -> Error {
        match self {
            Self::Refused(error) => error,
            Self::Failed(error) => explain(&error, action, path),
        }
    }
}

/// Whether another process held the database for longer than the busy timeout.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// Names the file and the remedy. Nothing of a failed write is kept, which the message relies on.
pub(super) fn explain(error: &rusqlite::Error, action: &str, path: &Path) -> Error {
    let (what, help) = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => (
            "the disk or the quota is full",
            "nothing of this write was kept; make room and resume the story",
        ),
        Some(ErrorCode::SystemIoFailure) => (
            "the disk refused to read or write",
            "nothing of this write was kept; check free space, quota and the disk, then resume the story",
        ),
        Some(
            ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::AuthorizationForStatementDenied,
        ) => (
            "it is read-only",
            "make the file and its directory writable for this user",
        ),
        Some(ErrorCode::CannotOpen) => (
            "it cannot be opened",
            "check that its directory exists and is writable for this user",
        ),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => (
            "it is damaged or not a database",
            "move the file away and restore a backup; accepted work is safe on the branches of the stories",
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            "another program has been writing to it for more than five seconds",
            "nothing of this write was kept; close programs that have the file open and try again",
        ),
        _ => (
            "SQLite refused",
            "please report this together with the message",
        ),
    };
    Error::new(
        ErrorKind::Store,
        format!(
            "could not {action} the store {}: {what} ({error})",
            path.display()
        ),
    )
    .with_help(help)
}

/// A row that this version cannot read.
pub(super) fn unreadable(what: &str, cause: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Store, format!("{what} cannot be read: {cause}")).with_help(
        "it was written by a newer version of Aura, or by hand; open the story with the version that wrote it",
    )
}
