//! The jobs of the host's agents and gates.

use serde::Serialize;
use serde_json::Value;

use super::engine::Engine;
use super::{answer, arguments};
use crate::error::{Error, ErrorKind, Result};
use crate::host::{HostJob, JobId, JobKind};

/// A [`HostJob`] whose id is a text.
#[derive(Serialize)]
struct Told {
    id: String,
    kind: JobKind,
    name: String,
    request: Value,
    deadline_ms: u64,
}

impl Engine {
    /// Waits for the next job of an agent or a gate that the host does: `{id, kind, name, request, deadline_ms}`, where `kind` is
    /// `agent`, `gate`, or `cancel` for the request to stop the job of that id. `None` once the engine is closed. Cancel safe.
    pub async fn next_job(&self) -> Option<String> {
        self.0.queue.next_job().await.map(told)
    }

    /// The next job, if one waits.
    pub fn try_next_job(&self) -> Option<String> {
        self.0.queue.try_next_job().map(told)
    }

    /// Waits until a job waits; `false` once the engine is closed. For hosts that are woken rather than wait. Cancel safe.
    pub async fn job_waits(&self) -> bool {
        self.0.queue.job_waits().await
    }

    /// Passes a line of output of a job on; `false` when the job is not open any more, so that there is no use in going on with it.
    ///
    /// # Errors
    /// `InvalidInput` for what is not the id of a job.
    pub fn job_event(&self, id: &str, line: &str) -> Result<bool> {
        Ok(self.0.queue.job_event(job(id)?, line).is_ok())
    }

    /// Answers a job; `false` when the answer came too late to be used. What may be answered is said at
    /// [`HostAgent`](crate::agents::HostAgent) and [`HostGate`](crate::gates::HostGate).
    ///
    /// # Errors
    /// `InvalidInput` for what is not the id of a job, or an answer that is not JSON.
    pub fn finish_job(&self, id: &str, result: &str) -> Result<bool> {
        let result: Value = arguments("the answer of a job", result)?;
        Ok(self.0.queue.finish_job(job(id)?, result).is_ok())
    }
}

fn told(job: HostJob) -> String {
    let told = Told {
        id: job.id.to_string(),
        kind: job.kind,
        name: job.name,
        request: job.request,
        deadline_ms: job.deadline_ms,
    };
    // Texts, numbers and a value that was read from JSON.
    answer(&told).unwrap_or_default()
}

fn job(id: &str) -> Result<JobId> {
    let parts = id.split_once('-');
    let id_of = parts.and_then(|(epoch, number)| {
        Some(JobId {
            epoch: epoch.parse().ok()?,
            number: number.parse().ok()?,
        })
    });
    id_of.ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("`{id}` is not the id of a job"),
        )
    })
}
