//! Where the answers for one event loop wait until it takes them.

use std::future::Future;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aura_core::{Error, ErrorKind, Result, embed};
use pyo3::prelude::*;
use tokio::task::AbortHandle;

use crate::engine::{Engine, RunHandle};
use crate::process::{Own, runtime};

/// What a call comes back with.
#[derive(IntoPyObject)]
pub(crate) enum Value {
    Text(Option<String>),
    Flag(bool),
    Engine(Engine),
    Run(RunHandle),
}

/// A ticket, the answer to it, or the JSON text of an error.
type Answer = (u64, Option<Value>, Option<String>);

/// The answers for one event loop. One byte stands in the pipe exactly while some wait.
#[pyclass(frozen, module = "aura._aura")]
pub(crate) struct Port(Own<Arc<Shared>>);

struct Shared {
    waiting: Mutex<Vec<Answer>>,
    reader: PipeReader,
    writer: PipeWriter,
}

/// Work under way, for whoever wants to stop it. Dropping it stops nothing.
#[pyclass(frozen, module = "aura._aura")]
pub(crate) struct Work(Own<AbortHandle>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Vec<Answer>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, answer: Answer) {
        let mut waiting = self.lock();
        waiting.push(answer);
        if waiting.len() == 1 {
            // The pipe is empty and both of its ends are ours.
            let _ = (&self.writer).write(&[1]);
        }
    }
}

impl Port {
    /// Has work done. Its answer comes under the number `ticket`, also when it panics.
    pub(crate) fn start<F>(&self, ticket: u64, work: F) -> PyResult<Work>
    where
        F: Future<Output = Result<Value>> + Send + 'static,
    {
        let shared = Arc::clone(self.0.get()?);
        let work = runtime()?.spawn(work);
        let abort = work.abort_handle();
        runtime()?.spawn(async move {
            let answer = work.await.unwrap_or_else(|error| {
                let message = format!("the call did not end: {error}");
                Err(Error::new(ErrorKind::Internal, message))
            });
            shared.put(match answer {
                Ok(value) => (ticket, Some(value), None),
                Err(error) => (ticket, None, Some(embed::error_json(&error))),
            });
        });
        Ok(Work(Own::new(abort)))
    }
}

#[pymethods]
impl Port {
    #[new]
    fn new() -> PyResult<Self> {
        let (reader, writer) = std::io::pipe()?;
        let waiting = Mutex::default();
        Ok(Self(Own::new(Arc::new(Shared {
            waiting,
            reader,
            writer,
        }))))
    }

    /// Readable while answers wait.
    fn fileno(&self) -> PyResult<i32> {
        Ok(self.0.get()?.reader.as_raw_fd())
    }

    /// All answers that wait: `(ticket, value, error)`.
    fn take(&self) -> PyResult<Vec<Answer>> {
        let shared = self.0.get()?;
        let mut waiting = shared.lock();
        if !waiting.is_empty() {
            (&shared.reader).read_exact(&mut [0])?;
        }
        Ok(std::mem::take(&mut waiting))
    }
}

#[pymethods]
impl Work {
    /// Stops the work where it is, which only cancel-safe calls allow. In a forked child there is nothing to stop.
    fn abort(&self) {
        if let Ok(work) = self.0.get() {
            work.abort();
        }
    }
}
