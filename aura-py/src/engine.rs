//! The two handles, method by method those of `aura_core::embed`.

use aura_core::embed;
use pyo3::prelude::*;

use crate::port::{Port, Value, Work};
use crate::process::{Own, failure, runtime};

/// An opened repository.
#[pyclass(frozen, module = "aura._aura")]
pub(crate) struct Engine(Own<embed::Engine>);

/// A run under way.
#[pyclass(frozen, module = "aura._aura")]
pub(crate) struct RunHandle(Own<embed::RunHandle>);

impl Engine {
    fn clone_inner(&self) -> PyResult<embed::Engine> {
        self.0.get().cloned()
    }
}

/// Opens a repository; the answer is an [`Engine`].
#[pyfunction]
pub(crate) fn open(port: &Port, ticket: u64, options: String) -> PyResult<Work> {
    port.start(ticket, async move {
        let engine = embed::Engine::open(&options).await?;
        Ok(Value::Engine(Engine(Own::new(engine))))
    })
}

#[pymethods]
impl Engine {
    /// Calls one of `METHODS`.
    fn call(&self, port: &Port, ticket: u64, method: String, arguments: String) -> PyResult<Work> {
        let engine = self.clone_inner()?;
        port.start(ticket, async move {
            Ok(Value::Text(Some(engine.call(&method, &arguments).await?)))
        })
    }

    /// The same, and waits for the answer.
    fn call_now(&self, py: Python<'_>, method: &str, arguments: &str) -> PyResult<String> {
        let (engine, runtime) = (self.0.get()?, runtime()?);
        py.detach(|| runtime.block_on(engine.call(method, arguments)))
            .map_err(|error| failure(&error))
    }

    /// The answer is a [`RunHandle`].
    fn run(&self, port: &Port, ticket: u64, arguments: String) -> PyResult<Work> {
        let engine = self.clone_inner()?;
        port.start(ticket, async move { run(engine.run(&arguments).await) })
    }

    /// The answer is a [`RunHandle`].
    fn complete(&self, port: &Port, ticket: u64, arguments: String) -> PyResult<Work> {
        let engine = self.clone_inner()?;
        port.start(
            ticket,
            async move { run(engine.complete(&arguments).await) },
        )
    }

    fn try_next_job(&self) -> PyResult<Option<String>> {
        Ok(self.0.get()?.try_next_job())
    }

    /// The answer says whether there will be jobs. May be aborted.
    fn job_waits(&self, port: &Port, ticket: u64) -> PyResult<Work> {
        let engine = self.clone_inner()?;
        port.start(
            ticket,
            async move { Ok(Value::Flag(engine.job_waits().await)) },
        )
    }

    // The next two keep the interpreter's lock: they wait for nothing, and a thread that the interpreter left behind must not
    // come back to it from here.

    fn job_event(&self, id: &str, line: &str) -> PyResult<bool> {
        let told = self.0.get()?.job_event(id, line);
        told.map_err(|error| failure(&error))
    }

    fn finish_job(&self, id: &str, answer: &str) -> PyResult<bool> {
        let used = self.0.get()?.finish_job(id, answer);
        used.map_err(|error| failure(&error))
    }

    fn close(&self, port: &Port, ticket: u64) -> PyResult<Work> {
        let engine = self.clone_inner()?;
        port.start(ticket, async move {
            engine.close().await;
            Ok(Value::Text(None))
        })
    }

    /// In a forked child there is nothing to end.
    fn abandon(&self) {
        if let Ok(engine) = self.0.get() {
            engine.abandon();
        }
    }
}

fn run(started: aura_core::Result<embed::RunHandle>) -> aura_core::Result<Value> {
    started.map(|run| Value::Run(RunHandle(Own::new(run))))
}

#[pymethods]
impl RunHandle {
    #[getter]
    fn story(&self) -> PyResult<String> {
        Ok(self.0.get()?.story())
    }

    #[getter]
    fn id(&self) -> PyResult<String> {
        Ok(self.0.get()?.id())
    }

    fn next_events(&self, port: &Port, ticket: u64, max: usize) -> PyResult<Work> {
        let run = self.0.get()?.clone();
        port.start(ticket, async move {
            Ok(Value::Text(run.next_events(max).await?))
        })
    }

    fn wait(&self, port: &Port, ticket: u64) -> PyResult<Work> {
        let run = self.0.get()?.clone();
        port.start(
            ticket,
            async move { Ok(Value::Text(Some(run.wait().await?))) },
        )
    }

    /// Calls one of `RUN_METHODS`.
    fn call(&self, port: &Port, ticket: u64, method: String, arguments: String) -> PyResult<Work> {
        let run = self.0.get()?.clone();
        port.start(ticket, async move {
            run.call(&method, &arguments).await?;
            Ok(Value::Text(None))
        })
    }
}
