//! `aura._aura`: the engine for Python, as little of it as possible. Texts go in and out; everything that people see is Python.
//!
//! Work runs on tokio's threads and these never touch the interpreter: an answer is put aside, the event loop that asked is woken
//! through a pipe, and takes it. So nothing here waits for the interpreter's lock, and there is nothing to crash when the
//! interpreter ends with work in flight.

mod engine;
mod port;
mod process;

use pyo3::prelude::*;

#[pymodule]
mod _aura {
    use std::ffi::OsString;

    use aura_core::embed;
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::engine::{Engine, RunHandle, open};
    #[pymodule_export]
    use crate::port::{Port, Work};
    #[pymodule_export]
    use crate::process::Failure;

    /// Calls one of `FUNCTIONS`.
    #[pyfunction]
    fn call(py: Python<'_>, function: &str, arguments: &str) -> PyResult<String> {
        py.detach(|| embed::call(function, arguments))
            .map_err(|error| crate::process::failure(&error))
    }

    /// The `aura` command; `own` is what starts it again.
    #[pyfunction]
    fn main(py: Python<'_>, arguments: Vec<OsString>, own: Vec<OsString>) -> u8 {
        py.detach(|| aura_cli::main(arguments, own))
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("METHODS", embed::METHODS.to_vec())?;
        module.add("FUNCTIONS", embed::FUNCTIONS.to_vec())?;
        module.add("RUN_METHODS", embed::RUN_METHODS.to_vec())?;
        module.add("ERROR_KINDS", embed::ERROR_KINDS.to_vec())
    }
}
