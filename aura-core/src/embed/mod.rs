//! The library for another language: handles to hold, and calls whose arguments and answers are JSON texts.
//!
//! A binding converts texts to values of its language, keeps handles, and hands the jobs of its agents and gates to the functions that
//! do them. Defaults, validation and policy stay here, so that every language behaves alike and refuses the same input in the same
//! words. Names are those of the Rust library, in snake case; an absent member means the default.
//!
//! ```text
//! Engine::open ── call(method, arguments) ──> answer
//!    │  run, complete ──> RunHandle ── next_events, wait, call
//!    └─ next_job ──> the host's agent or gate ──> finish_job
//! ```
//!
//! Asynchronous calls need a tokio runtime, which the binding owns.

mod engine;
mod functions;
mod jobs;
mod llm;
mod open;
mod run;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use engine::{Engine, METHODS};
pub use functions::{FUNCTIONS, call};
pub use run::{RUN_METHODS, RunHandle};

use crate::error::{Error, ErrorKind, Result};

/// Every kind of error, as it is written in [`error_json`].
pub const ERROR_KINDS: &[&str] = &[
    "invalid_plan",
    "invalid_config",
    "invalid_input",
    "template",
    "not_found",
    "story_busy",
    "refused",
    "unsupported_repository",
    "git",
    "foreign_change",
    "foreign_move",
    "backend_missing",
    "gate_missing",
    "gate_changed",
    "untrusted",
    "store",
    "process",
    "io",
    "cancelled",
    "internal",
];

/// An error as `{kind, message, help?, problems, file?, line?, column?}`; the place is that of the first problem that has one.
pub fn error_json(error: &Error) -> String {
    // An error is texts and numbers, of which paths alone can be impossible to write.
    serde_json::to_string(error).unwrap_or_else(|_| {
        let told = Error::new(error.kind(), error.to_string());
        serde_json::to_string(&told).unwrap_or_default()
    })
}

/// Reads the arguments of a call; unknown members are refused.
fn arguments<T: DeserializeOwned>(call: &str, text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::new(ErrorKind::InvalidInput, format!("{call}: {}", said(&error))))
}

/// What is wrong with a text that a program made, where a place in it helps nobody.
fn said(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rfind(" at line ") {
        Some(end) => message[..end].to_owned(),
        None => message,
    }
}

fn answer<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            format!("an answer cannot be written: {error}"),
        )
    })
}

fn unknown(what: &str, name: &str, known: &[&str]) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!("there is no {what} `{name}`"),
    )
    .with_help(format!("there are {}", known.join(", ")))
}
