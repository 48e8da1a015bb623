//! What there is once in a process: the runtime; and the end of all of it in a forked child.

use std::sync::OnceLock;

use aura_core::{Error, ErrorKind, embed};
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Runtime};

create_exception!(
    _aura,
    Failure,
    PyException,
    "An error of the library, as its JSON text."
);

pub(crate) fn failure(error: &Error) -> PyErr {
    Failure::new_err(embed::error_json(error))
}

/// The process that started the runtime, and the runtime, which is never shut down: the end of the process is its end.
static RUNTIME: OnceLock<(u32, Runtime)> = OnceLock::new();

pub(crate) fn runtime() -> PyResult<&'static Runtime> {
    if RUNTIME.get().is_none() {
        let runtime = Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            let message = format!("the asynchronous runtime could not be started: {error}");
            failure(&Error::new(ErrorKind::Process, message))
        })?;
        // Whoever comes second drops a runtime that nothing ran on.
        let _ = RUNTIME.set((std::process::id(), runtime));
    }
    match RUNTIME.get() {
        Some((process, runtime)) if *process == std::process::id() => Ok(runtime),
        _ => Err(forked()),
    }
}

fn forked() -> PyErr {
    let message = "this process was forked from one that uses Aura, whose threads are not here";
    failure(&Error::new(ErrorKind::Refused, message).with_help(
        "start it with `spawn` or `subprocess`, or fork before the first orchestrator is opened",
    ))
}

/// A value of one process. A forked child must neither use nor drop it: threads that are not there may hold its locks.
pub(crate) struct Own<T> {
    process: u32,
    value: Option<T>,
}

impl<T> Own<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            process: std::process::id(),
            value: Some(value),
        }
    }

    pub(crate) fn get(&self) -> PyResult<&T> {
        match &self.value {
            Some(value) if self.process == std::process::id() => Ok(value),
            _ => Err(forked()),
        }
    }
}

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            std::mem::forget(self.value.take());
        }
    }
}
