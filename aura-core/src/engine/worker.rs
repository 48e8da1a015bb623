//! One start of one agent, and the end of one that a crash of Aura left behind. Making its workspace and sealing its work
//! are effects of their own, next door.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::mask::mask_signal;
use super::state::{AgentEnd, Ix, Outcome};
use super::workshop::{Site, told};
use super::workspace::salvage;
use crate::agent::{AgentContext, AgentFailure, AgentRequest, AgentResult, ProcessMark};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Evidence, FailureClass, StoryTask};
use crate::prompt::PromptInput;
use crate::text;

/// Bytes of an agent's output that are kept with the story.
const OUTPUT_LIMIT: usize = 16 * 1024;

/// Time that an agent has beyond its deadline, or beyond its grace period, to come back before it is given up.
const AGENT_ALLOWANCE: Duration = Duration::from_secs(30);

/// An agent to be started.
pub(crate) struct AgentJob {
    pub(crate) task: Ix,
    pub(crate) story_task: StoryTask,
    pub(crate) name: String,
    pub(crate) agent: String,
    pub(crate) attempt: u32,
    pub(crate) start: u32,
    pub(crate) marker: String,
    pub(crate) session: Option<String>,
    pub(crate) prompt: PromptInput,
    pub(crate) deadline: Duration,
    pub(crate) idle: Duration,
    pub(crate) grace: Duration,
}

/// An agent that a crash of Aura left behind, perhaps.
pub(crate) struct ReapJob {
    pub(crate) task: Ix,
    pub(crate) name: String,
    pub(crate) attempt: u32,
    pub(crate) start: u32,
    pub(crate) marker: String,
    pub(crate) process: Option<ProcessMark>,
    pub(crate) grace: Duration,
}

/// Runs the agent to its end. `registered` durably records its process before its program starts.
pub(crate) async fn run_agent(
    site: Arc<Site>,
    job: AgentJob,
    cancel: CancellationToken,
    registered: mpsc::Sender<(Ix, ProcessMark, oneshot::Sender<()>)>,
) -> Outcome {
    let began = Instant::now();
    let task = job.task;
    let log = site
        .places
        .logs()
        .join(format!("{}-{}-{}.log", job.name, job.attempt, job.start));
    let (name, attempt, start) = (job.name.clone(), job.attempt, job.start);
    let result = ask_agent(&site, job, &log, cancel, registered).await;
    let mut end = match result {
        Ok(result) => ended(&site, result, &log),
        Err(error) => failed(class_of(&error), told(&error)),
    };
    end.duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if end.failure.is_some() {
        keep_leftovers(&site, &name, &format!("{attempt}-{start}"), &mut end).await;
    }
    Outcome::Agent { task, end }
}

fn class_of(error: &Error) -> FailureClass {
    match error.kind() {
        ErrorKind::Cancelled => FailureClass::Cancelled,
        // The guard was killed, or a process could not be supervised: as if the agent had been killed.
        ErrorKind::Process => FailureClass::Killed,
        _ => FailureClass::Broken,
    }
}

async fn ask_agent(
    site: &Site,
    job: AgentJob,
    log: &Path,
    cancel: CancellationToken,
    registered: mpsc::Sender<(Ix, ProcessMark, oneshot::Sender<()>)>,
) -> Result<AgentResult> {
    let backend = Arc::clone(site.shop.agent(&job.agent)?);
    let mut input = job.prompt;
    site.shop.inject_pattern(&mut input.task);
    let prompt = site.redact(&site.shop.prompts.render(&input)?);
    if let Some(parent) = log.parent() {
        std::fs::create_dir_all(parent).map_err(|error| Error::io("create", parent, error))?;
    }
    let id = job.story_task.id.clone();
    let output =
        site.sink(move |signal, redactor| mask_signal(signal, redactor).progress(id.clone()));
    let (register, mut marks) = mpsc::channel::<(ProcessMark, oneshot::Sender<()>)>(1);
    let task = job.task;
    let forward = tokio::spawn(async move {
        while let Some((mark, stored)) = marks.recv().await {
            if registered.send((task, mark, stored)).await.is_err() {
                return;
            }
        }
    });
    let request = AgentRequest {
        story: site.places.story,
        environment: vec![
            ("AURA_STORY".to_owned(), site.places.story.to_string()),
            ("AURA_TASK".to_owned(), job.story_task.id.to_string()),
            ("AURA_TASK_ATTEMPT".to_owned(), job.attempt.to_string()),
        ],
        task: job.story_task,
        attempt: job.attempt,
        prompt,
        workspace: site.places.workspace(&job.name),
        deadline: job.deadline,
        idle: job.idle,
        grace: job.grace,
        marker: job.marker,
        log: log.to_owned(),
        session: job.session,
        read_only: false,
        redactor: site.shop.redactor.clone(),
    };
    let work = backend.run(request, AgentContext::new(cancel.clone(), register, output));
    let result = within_limits(work, job.deadline, job.grace, &cancel).await;
    forward.abort();
    result
}

/// A backend keeps its deadline and stops when it is told to. One that does not is given up, so that it cannot hold up the run
/// for ever.
pub(super) async fn within_limits(
    work: impl Future<Output = Result<AgentResult>>,
    deadline: Duration,
    grace: Duration,
    cancel: &CancellationToken,
) -> Result<AgentResult> {
    let after_cancel = async {
        cancel.cancelled().await;
        tokio::time::sleep(grace + AGENT_ALLOWANCE).await;
    };
    let (class, summary) = tokio::select! {
        biased;
        result = work => return result,
        () = after_cancel => (
            FailureClass::Cancelled,
            format!(
                "the agent did not stop within {} s after it was told to, and was given up",
                (grace + AGENT_ALLOWANCE).as_secs()
            ),
        ),
        () = tokio::time::sleep(deadline + grace + AGENT_ALLOWANCE) => (
            FailureClass::Timeout,
            format!(
                "the agent did not come back {} s after its deadline of {} s, and was given up",
                (grace + AGENT_ALLOWANCE).as_secs(),
                deadline.as_secs()
            ),
        ),
    };
    Ok(AgentResult {
        failure: Some(AgentFailure {
            class,
            summary,
            until: None,
        }),
        ..AgentResult::default()
    })
}

fn ended(site: &Site, result: AgentResult, log: &Path) -> AgentEnd {
    let output = text::tail(&site.redact(&result.output), OUTPUT_LIMIT).to_owned();
    let log = log.is_file().then(|| log.display().to_string());
    let evidence = match &result.failure {
        None => Evidence::default(),
        Some(failure) => Evidence {
            summary: failure.summary.clone(),
            output_tail: output.clone(),
            log: log.clone(),
            ..Evidence::default()
        },
    };
    AgentEnd {
        failure: result.failure.map(|failure| (failure.class, failure.until)),
        evidence,
        output,
        session: result.session,
        tool_improvement_proposal: result.tool_improvement_proposal,
        usage: result.usage,
        duration_ms: 0,
        log,
        salvaged: None,
    }
}

fn failed(class: FailureClass, why: String) -> AgentEnd {
    AgentEnd {
        failure: Some((class, None)),
        evidence: Evidence::summary(why),
        output: String::new(),
        session: None,
        tool_improvement_proposal: None,
        usage: crate::model::Usage::default(),
        duration_ms: 0,
        log: None,
        salvaged: None,
    }
}

/// Keeps what a failed agent left uncommitted.
async fn keep_leftovers(site: &Arc<Site>, name: &str, what: &str, end: &mut AgentEnd) {
    match salvage(site, name, what).await {
        Ok(salvaged) => end.salvaged = salvaged,
        Err(error) => {
            let summary = &mut end.evidence.summary;
            *summary = format!("{summary} (its edits could not be kept: {})", told(&error));
        }
    }
}

/// After a crash: ends whatever the agent's start left running and keeps its edits.
pub(crate) async fn reap_agent(site: Arc<Site>, job: ReapJob) -> Result<Outcome> {
    let reaped = match job.process {
        Some(mark) => {
            let identity = crate::process::ProcessIdentity {
                pid: mark.pid,
                start_time: mark.start_time,
                boot_id: mark.boot_id,
                marker: mark.marker,
            };
            crate::process::reap(&identity, job.grace).await?
        }
        None => crate::process::reap_marker(&job.marker, job.grace).await?,
    };
    let mut end = failed(
        FailureClass::Killed,
        format!(
            "Aura ended while the agent worked; {} processes were stopped",
            reaped.killed
        ),
    );
    let what = format!("{}-{}", job.attempt, job.start);
    keep_leftovers(&site, &job.name, &what, &mut end).await;
    Ok(Outcome::Agent {
        task: job.task,
        end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const GRACE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn an_agent_that_ignores_its_limits_is_given_up() {
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        for (cancel, class, after) in [
            (
                CancellationToken::new(),
                FailureClass::Timeout,
                HOUR + GRACE,
            ),
            (cancelled, FailureClass::Cancelled, GRACE),
        ] {
            let began = tokio::time::Instant::now();
            let result = within_limits(std::future::pending(), HOUR, GRACE, &cancel).await;
            let failure = result.expect("a result").failure.expect("a failure");
            assert_eq!(failure.class, class);
            assert!(failure.summary.contains("given up"), "{}", failure.summary);
            let waited = began.elapsed().as_secs();
            assert_eq!(waited, (after + AGENT_ALLOWANCE).as_secs());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_agent_that_stops_within_the_allowance_has_its_say() {
        let cancel = CancellationToken::new();
        cancel.cancel();
        let work = async {
            tokio::time::sleep(GRACE + AGENT_ALLOWANCE / 2).await;
            Ok(AgentResult::default())
        };
        let result = within_limits(work, HOUR, GRACE, &cancel).await;
        assert_eq!(result.expect("a result").failure, None);
    }
}
