//! An agent in another language: a job in a [`HostQueue`].

use std::path::Path;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ending::output_limit;
use super::{AgentBackend, AgentContext, AgentFailure, AgentRequest, AgentResult};
use crate::digest::digest;
use crate::error::{Error, ErrorKind, Result};
use crate::host::{Answer, HostQueue, JobKind, Order, members};
use crate::model::{FailureClass, StoryId, StoryTask, Usage};
use crate::program::{mask, show_duration, told_end, told_line};
use crate::prompt::Redactor;
use crate::text;

/// An agent that the host of the library implements.
///
/// The request of a job has the fields of [`AgentRequest`] that concern the work. The answer is null or a text (ended well,
/// with that output), or an object with any of `output`, `session`, `usage`, `tool_improvement_proposal`,
/// `failure: {class, summary, until}`, or `error`, the text of an exception. Silence is no failure here: only the deadline
/// counts. A job that goes on past its end keeps its workspace until it is answered; see [`AgentBackend::released`].
#[derive(Debug, Clone)]
pub struct HostAgent {
    queue: HostQueue,
    name: String,
    version: String,
}

impl HostAgent {
    /// An agent whose jobs go into the queue. `version` has to change when what it does changes.
    pub fn new(queue: &HostQueue, name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            queue: queue.clone(),
            name: name.into(),
            version: version.into(),
        }
    }
}

/// What a host sees of a request.
#[derive(Serialize)]
struct View<'a> {
    story: StoryId,
    task: &'a StoryTask,
    attempt: u32,
    prompt: &'a str,
    read_only: bool,
    workspace: &'a Path,
    environment: &'a [(String, String)],
    session: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Told {
    output: String,
    session: Option<String>,
    usage: Usage,
    tool_improvement_proposal: Option<String>,
    failure: Option<ToldFailure>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToldFailure {
    class: FailureClass,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    until: Option<Timestamp>,
}

#[async_trait]
impl AgentBackend for HostAgent {
    fn digest(&self) -> String {
        digest(["host agent", &self.name, &self.version].map(str::as_bytes))
    }

    async fn run(&self, request: AgentRequest, context: AgentContext) -> Result<AgentResult> {
        let view = View {
            story: request.story,
            task: &request.task,
            attempt: request.attempt,
            prompt: &request.prompt,
            read_only: request.read_only,
            workspace: &request.workspace,
            environment: &request.environment,
            session: request.session.as_deref(),
        };
        let view = serde_json::to_value(view).map_err(|error| {
            let workspace = request.workspace.display();
            let message = format!("a job in {workspace} cannot be described: {error}");
            Error::new(ErrorKind::InvalidInput, message)
                .with_help("use a folder for workspaces whose path is valid UTF-8")
        })?;
        let limit = output_limit(&request);
        let output = context.output().clone();
        let order = Order {
            kind: JobKind::Agent,
            name: self.name.clone(),
            request: view,
            workspace: request.workspace,
            limit: request.deadline,
            grace: request.grace,
            tell: Box::new(move |line| drop(output.try_send(line.into()))),
            mask: mask(&request.redactor),
            log: request.log,
        };
        let name = &self.name;
        Ok(match self.queue.run(order, context.cancel()).await? {
            Answer::Given(value) => read(name, value, limit, &request.redactor),
            Answer::Late => {
                let limit = show_duration(request.deadline);
                failed(FailureClass::Timeout, format!("not done within {limit}"))
            }
            Answer::Cancelled => failed(FailureClass::Cancelled, "cancelled".to_owned()),
            Answer::HostGone => failed(
                FailureClass::Broken,
                format!(
                    "no host claims jobs of {name}: the program that implements it has ended or is blocked"
                ),
            ),
        })
    }

    async fn released(&self, workspace: &Path) {
        self.queue.released(workspace).await;
    }
}

fn failed(class: FailureClass, summary: String) -> AgentResult {
    let failure = AgentFailure {
        class,
        summary,
        until: None,
    };
    AgentResult {
        failure: Some(failure),
        ..AgentResult::default()
    }
}

fn read(name: &str, value: Value, limit: usize, redactor: &Redactor) -> AgentResult {
    let told = match value {
        Value::Null => Told::default(),
        Value::String(output) => Told {
            output,
            ..Told::default()
        },
        value => match members(value).and_then(serde_json::from_value) {
            Ok(told) => told,
            Err(error) => {
                let summary = format!("the answer of {name} is not understood: {error}");
                return failed(FailureClass::Broken, summary);
            }
        },
    };
    let keep = |text: &str| told_end(text, limit, redactor);
    let line = |text: &str| told_line(text, redactor);
    let failure = match (told.failure, &told.error) {
        (Some(failure), _) => Some(AgentFailure {
            class: failure.class,
            summary: line(&failure.summary).unwrap_or_else(|| format!("{name} failed")),
            until: failure.until,
        }),
        (None, Some(error)) => Some(AgentFailure {
            class: FailureClass::Exit,
            // The last line of a traceback names the exception.
            summary: line(error).unwrap_or_else(|| format!("{name} raised an exception")),
            until: None,
        }),
        (None, None) => None,
    };
    AgentResult {
        failure,
        output: text::join_tails(
            &keep(&told.output),
            &keep(&told.error.unwrap_or_default()),
            limit,
        ),
        session: told.session,
        usage: told.usage,
        tool_improvement_proposal: told.tool_improvement_proposal.as_deref().map(keep),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::tests::{context, request};
    use super::*;
    use crate::program::OUTPUT_LIMIT;

    #[tokio::test]
    async fn a_host_sees_the_request_and_its_answer_counts() {
        let folder = tempfile::tempdir().unwrap();
        let queue = HostQueue::new();
        let agent = HostAgent::new(&queue, "mine", "1");
        let failure = |class: &str| json!({"failure": {"class": class, "summary": "why"}});
        for (answer, class, summary, output) in [
            (Value::Null, None, "", ""),
            (json!("all \u{1b}[1mdone"), None, "", "all done"),
            (
                json!({"output": "done", "usage": {"input_tokens": 7}}),
                None,
                "",
                "done",
            ),
            (failure("quota"), Some(FailureClass::Quota), "why", ""),
            (
                failure("no_change"),
                Some(FailureClass::NoChange),
                "why",
                "",
            ),
            (
                json!({"error": "Traceback\nKeyError: 'x'\n"}),
                Some(FailureClass::Exit),
                "KeyError: 'x'",
                "Traceback\nKeyError: 'x'",
            ),
            (
                failure("odd"),
                Some(FailureClass::Broken),
                "not understood",
                "",
            ),
            (
                json!({"outptu": "x"}),
                Some(FailureClass::Broken),
                "outptu",
                "",
            ),
            (json!(7), Some(FailureClass::Broken), "not understood", ""),
            (json!([]), Some(FailureClass::Broken), "not understood", ""),
        ] {
            let (context, mut engine) = context();
            let host = async {
                let job = queue.next_job().await.unwrap();
                assert_eq!((job.kind, job.name.as_str()), (JobKind::Agent, "mine"));
                assert_eq!(job.request["task"]["id"], "a");
                assert_eq!(job.request["prompt"], "do it\n");
                assert_eq!(job.request["workspace"], folder.path().to_str().unwrap());
                assert_eq!(job.deadline_ms, 60_000);
                queue.job_event(job.id, "working").unwrap();
                queue.finish_job(job.id, answer.clone()).unwrap();
            };
            let (result, ()) = tokio::join!(agent.run(request(folder.path()), context), host);
            let result = result.unwrap();
            assert_eq!(engine.output.try_recv().unwrap(), "working".into());
            assert_eq!(result.output, output);
            let usage = answer.get("usage").map_or(0, |_| 7);
            assert_eq!(result.usage.input_tokens, usage);
            let (got, said) = result
                .failure
                .map_or((None, String::new()), |f| (Some(f.class), f.summary));
            assert_eq!(got, class, "{answer}: {said}");
            assert!(said.contains(summary), "{answer}: {said}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_does_not_answer_is_a_failure_with_a_class() {
        let folder = tempfile::tempdir().unwrap();
        let queue = HostQueue::new();
        let agent = HostAgent::new(&queue, "mine", "1");
        for (claimed, cancelled, class, summary) in [
            (false, false, FailureClass::Broken, "no host claims jobs"),
            (false, true, FailureClass::Cancelled, "cancelled"),
            (true, false, FailureClass::Timeout, "not done within 1 min"),
            (true, true, FailureClass::Cancelled, "cancelled"),
        ] {
            let (context, engine) = context();
            let host = async {
                if claimed {
                    queue.next_job().await.unwrap();
                }
                if cancelled {
                    engine.cancel.cancel();
                }
            };
            let (result, ()) = tokio::join!(agent.run(request(folder.path()), context), host);
            let failure = result.unwrap().failure.unwrap();
            assert_eq!(failure.class, class);
            assert!(failure.summary.contains(summary), "{}", failure.summary);
            let released =
                tokio::time::timeout(Duration::from_secs(1), agent.released(folder.path()));
            assert_eq!(released.await.is_ok(), !claimed);
            if claimed {
                let cancel = queue.next_job().await.unwrap();
                assert_eq!(cancel.kind, JobKind::Cancel);
                assert!(queue.finish_job(cancel.id, Value::Null).is_err());
                agent.released(folder.path()).await;
            }
        }
    }

    #[tokio::test]
    async fn what_a_host_says_is_masked_before_it_is_cut() {
        const SECRET: &str = "s3cret-of-the-host";
        let folder = tempfile::tempdir().unwrap();
        let queue = HostQueue::new();
        let agent = HostAgent::new(&queue, "mine", "1");
        let (context, mut engine) = context();
        let request = AgentRequest {
            redactor: Redactor::new([("HOST_TOKEN", SECRET)]).unwrap(),
            ..request(folder.path())
        };
        let log = request.log.clone();
        // The limit falls into the middle of the secret.
        let end = "x".repeat(OUTPUT_LIMIT - SECRET.len() / 2);
        let host = async {
            let job = queue.next_job().await.unwrap();
            queue.job_event(job.id, &format!("with {SECRET}")).unwrap();
            let answer = json!({
                "output": format!("{SECRET}{end}"),
                "error": format!("KeyError: {SECRET}"),
            });
            queue.finish_job(job.id, answer).unwrap();
        };
        let (result, ()) = tokio::join!(agent.run(request, context), host);
        let result = result.unwrap();
        assert_eq!(engine.output.try_recv().unwrap(), "with [redacted]".into());
        let log = std::fs::read_to_string(log).unwrap();
        assert_eq!(log, format!("with [redacted]\n[redacted]{end}\n"));
        assert_eq!(result.failure.unwrap().summary, "KeyError: [redacted]");
        for half in [&SECRET[..SECRET.len() / 2], &SECRET[SECRET.len() / 2..]] {
            assert!(!result.output.contains(half));
        }
    }

    #[test]
    fn a_host_agent_is_defined_by_its_name_and_version() {
        let queue = HostQueue::new();
        let digest = |name, version| HostAgent::new(&queue, name, version).digest();
        assert_eq!(
            digest("a", "1"),
            HostAgent::new(&HostQueue::new(), "a", "1").digest()
        );
        assert_ne!(digest("a", "1"), digest("a", "2"));
        assert_ne!(digest("a", "1"), digest("b", "1"));
    }
}
