//! A gate in another language: a job in a [`HostQueue`].

use std::path::Path;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Gate, GateContext, GateReport, GateRequest};
use crate::digest::digest;
use crate::host::{Answer, HostQueue, JobKind, Order, members};
use crate::model::{
    CommitId, Finding, GatePoint, GateVerdict, StoryId, StoryTask, TaskId, TestCounts,
};
use crate::program::{OUTPUT_LIMIT, mask, show_duration, told_end, told_line};
use crate::prompt::Redactor;
use crate::text;

/// Findings that are kept, and bytes of the message of each.
const MAX_FINDINGS: usize = 50;
const MAX_MESSAGE: usize = 2000;

/// A gate that the host of the library implements.
///
/// The request of a job has the fields of [`GateRequest`] that concern the judgement. The answer is true or false, or an
/// object with a verdict as [`GateVerdict`] is written (`{"verdict": "failed", "findings": [..]}`) and any of `counts` and
/// `output`, or `error`, the text of an exception, which makes the gate `Broken`. A job that goes on past its end keeps its
/// workspace until it is answered; see [`Gate::released`].
#[derive(Debug, Clone)]
pub struct HostGate {
    queue: HostQueue,
    name: String,
    version: String,
}

impl HostGate {
    /// A gate whose jobs go into the queue. `version` has to change when what it checks changes.
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
    task: Option<&'a TaskId>,
    subject: Option<&'a StoryTask>,
    at: GatePoint,
    commit: CommitId,
    base: CommitId,
    workspace: &'a Path,
    environment: &'a [(String, String)],
}

/// What an answer may say beside the verdict.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    counts: Option<TestCounts>,
    output: String,
    error: Option<String>,
}

#[async_trait]
impl Gate for HostGate {
    fn digest(&self) -> String {
        digest(["host gate", &self.name, &self.version].map(str::as_bytes))
    }

    async fn check(&self, request: GateRequest, context: GateContext) -> GateReport {
        let name = &self.name;
        let view = View {
            story: request.story,
            task: request.task.as_ref(),
            subject: request.subject.as_deref(),
            at: request.at,
            commit: request.commit,
            base: request.base,
            workspace: &request.workspace,
            environment: &request.environment,
        };
        let view = match serde_json::to_value(view) {
            Ok(view) => view,
            Err(error) => return broken(format!("a job of {name} cannot be described: {error}")),
        };
        let order = Order {
            kind: JobKind::Gate,
            name: name.clone(),
            request: view,
            workspace: request.workspace,
            limit: request.timeout,
            grace: request.grace,
            tell: Box::new(move |line| drop(context.output.try_send(line))),
            mask: mask(&request.redactor),
            log: request.log,
        };
        match self.queue.run(order, &context.cancel).await {
            Ok(Answer::Given(value)) => read(name, value, &request.redactor),
            Ok(Answer::Late) => {
                let limit = show_duration(request.timeout);
                red(format!("timed out after {limit}"))
            }
            Ok(Answer::Cancelled) => GateReport::new(GateVerdict::Cancelled),
            Ok(Answer::HostGone) => broken(format!(
                "no host claims jobs of {name}: the program that implements it has ended or is blocked"
            )),
            Err(error) => broken(error.to_string()),
        }
    }

    async fn released(&self, workspace: &Path) {
        self.queue.released(workspace).await;
    }
}

fn broken(why: String) -> GateReport {
    GateReport::new(GateVerdict::Broken { why })
}

fn red(message: String) -> GateReport {
    let finding = Finding {
        file: None,
        line: None,
        column: None,
        message,
    };
    GateReport::new(GateVerdict::Failed {
        findings: vec![finding],
    })
}

fn read(name: &str, value: Value, redactor: &Redactor) -> GateReport {
    let value = match value {
        Value::Bool(true) => json!({"verdict": "passed"}),
        Value::Bool(false) => json!({"verdict": "failed"}),
        value => value,
    };
    let parsed = parse(value, redactor);
    let (verdict, told) = match parsed {
        Ok((verdict, told)) => (verdict, told),
        Err(error) => return broken(format!("the answer of {name} is not understood: {error}")),
    };
    GateReport {
        verdict: bounded(verdict, redactor),
        counts: told.counts,
        output_tail: told_end(&told.output, OUTPUT_LIMIT, redactor),
        usage: crate::model::Usage::default(),
    }
}

fn parse(value: Value, redactor: &Redactor) -> serde_json::Result<(GateVerdict, Told)> {
    let mut value = members(value)?;
    let told = Told::deserialize(&value)?;
    if let Some(error) = &told.error {
        let why = told_line(error, redactor).unwrap_or_else(|| "it raised an exception".to_owned());
        return Ok((GateVerdict::Broken { why }, told));
    }
    if value
        .get("verdict")
        .is_some_and(|verdict| verdict == "failed")
        && let Some(fields) = value.as_object_mut()
    {
        fields.entry("findings").or_insert_with(|| json!([]));
    }
    let verdict = match GateVerdict::deserialize(&value)? {
        // Only the engine cancels, and an answer to a cancelled job does not come here.
        GateVerdict::Cancelled => GateVerdict::Broken {
            why: "it was cancelled by itself".to_owned(),
        },
        verdict => verdict,
    };
    Ok((verdict, told))
}

fn bounded(verdict: GateVerdict, redactor: &Redactor) -> GateVerdict {
    let cut = |text: &str| text::head(&redactor.clean(text), MAX_MESSAGE).to_owned();
    match verdict {
        GateVerdict::Failed { mut findings } => {
            findings.truncate(MAX_FINDINGS);
            for finding in &mut findings {
                finding.message = cut(&finding.message);
                finding.file = finding.file.as_deref().map(cut);
            }
            GateVerdict::Failed { findings }
        }
        GateVerdict::Broken { why } => GateVerdict::Broken { why: cut(&why) },
        GateVerdict::NeedsHuman { why } => GateVerdict::NeedsHuman { why: cut(&why) },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{context, request};
    use super::*;

    #[tokio::test]
    async fn a_host_sees_the_request_and_its_verdict_counts() {
        let folder = tempfile::tempdir().unwrap();
        let queue = HostQueue::new();
        let gate = HostGate::new(&queue, "review", "1");
        let finding = json!({"file": "a.rs", "line": 3, "message": "\u{1b}[1mbad"});
        for (answer, expected) in [
            (json!(true), json!({"verdict": "passed"})),
            (json!(false), json!({"verdict": "failed", "findings": []})),
            (
                json!({"verdict": "passed", "output": "fine"}),
                json!({"verdict": "passed"}),
            ),
            (
                json!({"verdict": "failed", "findings": [finding]}),
                json!({"verdict": "failed", "findings": [{"file": "a.rs", "line": 3, "message": "bad"}]}),
            ),
            (
                json!({"verdict": "failed"}),
                json!({"verdict": "failed", "findings": []}),
            ),
            (
                json!({"verdict": "broken", "why": "no db"}),
                json!({"verdict": "broken", "why": "no db"}),
            ),
            (
                json!({"verdict": "needs_human", "why": "risky"}),
                json!({"verdict": "needs_human", "why": "risky"}),
            ),
            (
                json!({"error": "Traceback\nKeyError: 1"}),
                json!({"verdict": "broken", "why": "KeyError: 1"}),
            ),
            (
                json!({"verdict": "cancelled"}),
                json!({"verdict": "broken", "why": "it was cancelled by itself"}),
            ),
        ] {
            let (context, _cancel, _lines) = context();
            let host = async {
                let job = queue.next_job().await.unwrap();
                assert_eq!((job.kind, job.name.as_str()), (JobKind::Gate, "review"));
                assert_eq!(job.request["commit"], "01".repeat(20));
                assert_eq!(job.request["at"], "candidate");
                queue.finish_job(job.id, answer.clone()).unwrap();
            };
            let (report, ()) = tokio::join!(gate.check(request(folder.path()), context), host);
            assert_eq!(serde_json::to_value(&report.verdict).unwrap(), expected);
            let output = answer
                .get("output")
                .and_then(Value::as_str)
                .unwrap_or_default();
            assert_eq!(report.output_tail, output);
        }
        for answer in [
            json!(null),
            json!("ok"),
            json!({}),
            json!({"verdict": "fine"}),
            json!({"verdict": "broken"}),
        ] {
            let report = read("review", answer.clone(), &Redactor::default());
            assert!(
                matches!(report.verdict, GateVerdict::Broken { ref why } if why.contains("not understood")),
                "{answer}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_does_not_answer_gives_a_verdict() {
        let folder = tempfile::tempdir().unwrap();
        let queue = HostQueue::new();
        let gate = HostGate::new(&queue, "review", "1");
        for (claimed, cancelled, expected) in [
            (false, false, "broken"),
            (true, false, "failed"),
            (false, true, "cancelled"),
            (true, true, "cancelled"),
        ] {
            let (context, cancel, _lines) = context();
            let host = async {
                if claimed {
                    queue.next_job().await.unwrap();
                }
                if cancelled {
                    cancel.cancel();
                }
            };
            let (report, ()) = tokio::join!(gate.check(request(folder.path()), context), host);
            let verdict = serde_json::to_value(&report.verdict).unwrap();
            assert_eq!(verdict["verdict"], expected, "{verdict}");
            assert_eq!(queue.is_quarantined(folder.path()), claimed);
            if claimed {
                let cancel = queue.next_job().await.unwrap();
                assert!(queue.finish_job(cancel.id, json!(true)).is_err());
                gate.released(folder.path()).await;
            }
        }
    }
}
