//! The two streams: results go to standard output, everything else to standard error.

use std::io::{ErrorKind as IoKind, Write};

use aura_core::{Error, ErrorKind, Result};
use serde::Serialize;

/// Writes a line of the result. A reader that went away is no error: what it wanted it has.
///
/// # Errors
/// `Io` where standard output cannot be written for another reason, such as a full disk.
pub(crate) fn line(text: impl std::fmt::Display) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != IoKind::BrokenPipe => Err(Error::new(
            ErrorKind::Io,
            format!("could not write the result to standard output: {error}"),
        )
        .with_source(error)),
        _ => Ok(()),
    }
}

/// Writes a value as one line of JSON.
///
/// # Errors
/// As [`line()`].
pub(crate) fn json<T: Serialize>(value: &T) -> Result<()> {
    line(to_json(value)?)
}

/// The value as one line of JSON.
///
/// # Errors
/// `Internal` where the value has no JSON form.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            format!("a result has no JSON form: {error}"),
        )
        .with_source(error)
    })
}

/// Writes a line to standard error. Nothing can be done when that fails.
pub(crate) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
