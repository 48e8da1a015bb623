//! Jobs of agents and gates that are JavaScript, and the bell that tells of them.

use std::sync::Arc;

use aura_core::embed;
use napi::Status;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use tokio::sync::Notify;

use crate::fail;
use crate::keys::{to_camel, to_snake};

/// Weak: that a job may come does not keep Node alive.
pub type Bell = ThreadsafeFunction<(), (), (), Status, false, true>;

/// Rings whenever a job waits, until the engine is closed or JavaScript has ended.
pub async fn watch(engine: embed::Engine, ring: Bell, bell: Arc<Notify>) {
    while engine.job_waits().await {
        if ring.call((), ThreadsafeFunctionCallMode::NonBlocking) != Status::Ok {
            break;
        }
        // Until JavaScript found the queue empty there is no need to ring again.
        bell.notified().await;
    }
}

/// Where JavaScript finds its jobs. It keeps no run and no engine open, as the function that is rung for it holds it.
#[napi]
pub struct Jobs {
    engine: embed::Engine,
    bell: Arc<Notify>,
}

impl Jobs {
    pub(crate) fn new(engine: &embed::Engine, bell: &Arc<Notify>) -> Self {
        Self {
            engine: engine.clone(),
            bell: Arc::clone(bell),
        }
    }
}

#[napi]
impl Jobs {
    /// The next job, if one waits.
    #[napi(catch_unwind)]
    pub fn next(&self) -> Option<String> {
        let job = self.engine.try_next_job();
        if job.is_none() {
            self.bell.notify_one();
        }
        job.map(|text| to_camel(&text))
    }

    /// Passes a line of a job's output on; `false`: the job is not open any more.
    #[napi(catch_unwind)]
    pub fn event(&self, id: String, line: String) -> napi::Result<bool> {
        self.engine.job_event(&id, &line).map_err(fail)
    }

    /// Answers a job; `false`: too late.
    #[napi(catch_unwind)]
    pub fn finish(&self, id: String, answer: String) -> napi::Result<bool> {
        self.engine
            .finish_job(&id, &to_snake(&answer))
            .map_err(fail)
    }
}
