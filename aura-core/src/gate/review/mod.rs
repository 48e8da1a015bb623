//! An agent that judges what another one did.

mod difference;
mod verdict;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use self::difference::Shown;
use self::verdict::{Said, Word};
use super::{ConfiguredGate, Gate, GateContext, GateReport, GateRequest};
use crate::agent::{
    AgentBackend, AgentContext, AgentFailure, AgentRequest, AgentResult, AgentSignal,
};
use crate::digest::digest;
use crate::error::{Error, ErrorKind, Result};
use crate::git::{Oid, patches};
use crate::model::{FailureClass, GateSchedule, GateVerdict, StoryTask, Usage};
use crate::prompt::{PromptTask, ReviewInput, ReviewPrompt};
use crate::text;

/// Bytes of the difference that are shown.
const DIFF_LIMIT: usize = 200 * 1024;

/// Bytes of comments that are kept for people.
const COMMENTS: usize = 16 * 1024;

/// How often an answer without a verdict is sent back.
const ASKED: u32 = 2;

/// Starts for one answer, where what ended the one before passes by itself.
const STARTS: u32 = 3;

/// Before the second start; doubled before the third.
const PAUSE: Duration = Duration::from_secs(2);

/// Asks an agent whether a task's own work is what was asked for.
///
/// The agent is asked and not set to work; what it changes nevertheless makes its approval no verdict. Its answer counts only with
/// the number that this very review was given, so a verdict that stands in the work, in a file or in the output of a tool has no
/// effect. An agent that crashes, meets a limit or gives no verdict leaves the gate `Broken`: it approves nothing and blames nobody.
/// One that cannot open files is believed only where the whole difference was shown to it: what it approves of otherwise needs a person.
///
/// It is shown what fits of the difference, and the name of every file of which it is not shown all. Where not even the names fit, it
/// is not asked, and a person is.
pub struct ReviewGate {
    agent: Arc<dyn AgentBackend>,
    prompt: ReviewPrompt,
    pause: Duration,
}

impl std::fmt::Debug for ReviewGate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReviewGate").finish_non_exhaustive()
    }
}

impl ReviewGate {
    /// With the template that comes with the library.
    ///
    /// # Errors
    /// `Template` when that template is broken.
    pub fn new(agent: Arc<dyn AgentBackend>) -> Result<Self> {
        Ok(Self {
            agent,
            prompt: ReviewPrompt::standard()?,
            pause: PAUSE,
        })
    }

    /// With a Handlebars template of the user's own. It knows `task`, `diff`, `left_out`, `problem`, `answer` and the helper `fence`.
    ///
    /// # Errors
    /// `Template` when it does not parse, names what is not there, or does not show `diff`, `left_out` and `answer`.
    pub fn template(mut self, text: &str) -> Result<Self> {
        self.prompt = ReviewPrompt::new(text)?;
        Ok(self)
    }
}

/// A required gate, named `review`, that asks an agent to judge each task's own work against the task and its acceptance criteria.
///
/// What the reviewer finds is the evidence of the task's next try, so the task's retries bound how often it is asked. A reviewer
/// that cannot answer approves nothing: the run pauses and the work is kept.
///
/// # Errors
/// `Template` when the template that comes with the library is broken.
pub fn review(agent: Arc<dyn AgentBackend>) -> Result<ConfiguredGate> {
    let gate = ReviewGate::new(agent)?;
    let gate = ConfiguredGate::new("review", Arc::new(gate)).reviews(true);
    Ok(gate.at([GateSchedule::AfterTask]))
}

/// Why there is no answer.
enum Silent {
    Cancelled,
    /// For people.
    Broken(String),
    /// No reviewer can see all of it; what a person is asked.
    TooMuch(String),
}

impl From<Silent> for GateVerdict {
    fn from(silent: Silent) -> Self {
        match silent {
            Silent::Cancelled => Self::Cancelled,
            Silent::Broken(why) => Self::Broken { why },
            Silent::TooMuch(why) => Self::NeedsHuman { why },
        }
    }
}

#[async_trait]
impl Gate for ReviewGate {
    fn digest(&self) -> String {
        let parts = ["review gate", &self.agent.digest(), self.prompt.text()];
        digest(parts.map(str::as_bytes))
    }

    fn secrets(&self) -> Vec<(String, String)> {
        self.agent.secrets()
    }

    async fn preflight(&self) -> Result<()> {
        self.agent.preflight().await
    }

    async fn check(&self, request: GateRequest, context: GateContext) -> GateReport {
        if context.cancel.is_cancelled() {
            return GateReport::new(GateVerdict::Cancelled);
        }
        // What a task started from is nobody's work.
        if request.base == request.commit {
            return GateReport::new(GateVerdict::Passed);
        }
        let Some(subject) = request.subject.clone() else {
            let why = "it judges what one task did; let it judge `after_task` only".to_owned();
            return GateReport::new(GateVerdict::Broken { why });
        };
        let mut review = Review {
            gate: self,
            ends: Instant::now() + request.timeout,
            starts: 0,
            usage: Usage::default(),
            unseen: Vec::new(),
            request,
            subject,
            context,
        };
        match review.judge().await {
            Ok(said) => review.report(said),
            Err(silent) => GateReport {
                usage: review.usage,
                ..GateReport::new(silent.into())
            },
        }
    }

    async fn released(&self, workspace: &Path) {
        self.agent.released(workspace).await;
    }
}

/// One review under way.
struct Review<'a> {
    gate: &'a ReviewGate,
    request: GateRequest,
    subject: Arc<StoryTask>,
    context: GateContext,
    ends: Instant,
    /// Of the agent, over all questions.
    starts: u32,
    usage: Usage,
    /// What the agent was not shown and could not look at.
    unseen: Vec<String>,
}

impl Review<'_> {
    async fn judge(&mut self) -> std::result::Result<Said, Silent> {
        let (diff, left_out) = self.difference().await?;
        if self.gate.agent.only_answers() {
            self.unseen.clone_from(&left_out);
        }
        let nonce = Uuid::now_v7().simple().to_string();
        let mut input = ReviewInput {
            task: PromptTask::from(&*self.subject),
            diff,
            left_out,
            problem: String::new(),
            answer: verdict::form(&nonce),
        };
        for _ in 0..ASKED {
            let prompt = self
                .gate
                .prompt
                .render(&input)
                .map_err(|error| broken(&error))?;
            // Whoever wrote the plan may have put a secret into it.
            let prompt = self.request.redactor.redact_lines(&prompt).into_owned();
            let answer = self.ask(&prompt).await?;
            match verdict::read(&answer, &nonce, &self.request.redactor) {
                Ok(said) => return Ok(said),
                Err(problem) => input.problem = problem,
            }
        }
        Err(Silent::Broken(format!(
            "the reviewer gave no verdict: {}",
            input.problem
        )))
    }

    async fn difference(&self) -> std::result::Result<(String, Vec<String>), Silent> {
        let (base, commit) = (Oid::from(self.request.base), Oid::from(self.request.commit));
        let workspace = self.request.workspace.clone();
        let redactor = self.request.redactor.clone();
        let (cancel, ends) = (self.context.cancel.clone(), self.ends);
        let read = tokio::task::spawn_blocking(move || {
            let mut shown = Shown::new(DIFF_LIMIT);
            let mut end = None;
            let mut number = 0;
            patches(&workspace, base, commit, |file, left| {
                if cancel.is_cancelled() {
                    end = Some(Silent::Cancelled);
                } else if Instant::now() > ends {
                    let why = "the time was over before the difference was read";
                    end = Some(Silent::Broken(why.to_owned()));
                }
                if end.is_some() {
                    return ControlFlow::Break(());
                }
                shown.add(&file, left, &redactor);
                number += 1;
                if shown.is_too_much() {
                    end = Some(Silent::TooMuch(too_much(number + left)));
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            })
            .map_err(|error| broken(&error))?;
            end.map_or_else(|| Ok((shown.text, shown.missing)), Err)
        });
        match read.await {
            Ok(shown) => shown,
            Err(error) => Err(Silent::Broken(format!(
                "the difference could not be read: {error}"
            ))),
        }
    }

    /// The answer of an agent that ended well.
    async fn ask(&mut self, prompt: &str) -> std::result::Result<String, Silent> {
        let mut pause = self.gate.pause;
        let mut start = 1;
        loop {
            let failure = match self.start(prompt).await {
                Ok(AgentResult {
                    failure: None,
                    output,
                    ..
                }) => return Ok(output),
                Ok(AgentResult {
                    failure: Some(failure),
                    ..
                }) => failure,
                Err(error) if error.kind() == ErrorKind::Cancelled => {
                    return Err(Silent::Cancelled);
                }
                Err(error) => return Err(broken(&error)),
            };
            if self.context.cancel.is_cancelled() || failure.class == FailureClass::Cancelled {
                return Err(Silent::Cancelled);
            }
            let fits = Instant::now() + pause < self.ends;
            if start == STARTS || !passes(&failure) || !fits {
                return Err(Silent::Broken(self.told(&failure)));
            }
            tokio::select! {
                biased;
                () = self.context.cancel.cancelled() => return Err(Silent::Cancelled),
                () = tokio::time::sleep(pause) => {}
            }
            pause *= 2;
            start += 1;
        }
    }

    async fn start(&mut self, prompt: &str) -> Result<AgentResult> {
        self.starts += 1;
        let left = self.ends.saturating_duration_since(Instant::now());
        let request = AgentRequest {
            story: self.request.story,
            task: (*self.subject).clone(),
            attempt: 1,
            prompt: prompt.to_owned(),
            workspace: self.request.workspace.clone(),
            environment: self.request.environment.clone(),
            deadline: left,
            idle: left,
            grace: self.request.grace,
            marker: self.request.marker.clone(),
            log: self.log(),
            session: None,
            read_only: true,
            redactor: self.request.redactor.clone(),
        };
        // Its processes carry the marker of the gate's run, by which they are found after a crash of Aura, as those of any gate.
        let (register, mut registered) = mpsc::channel(1);
        let (signals, mut told) = mpsc::channel(100);
        let agent = AgentContext::new(self.context.cancel.clone(), register, signals);
        let lines = self.context.output.clone();
        let attend = async {
            loop {
                tokio::select! {
                    Some((_, stored)) = registered.recv() => {
                        let _sent = stored.send(());
                    }
                    Some(signal) = told.recv() => {
                        if let AgentSignal::Line(line) | AgentSignal::Text(line) | AgentSignal::Warning(line) = signal {
                            drop(lines.try_send(line));
                        }
                    }
                    else => return,
                }
            }
        };
        let (result, ()) = tokio::join!(self.gate.agent.run(request, agent), attend);
        let result = result?;
        self.usage += result.usage;
        Ok(result)
    }

    /// Each start has its own, the first one the gate's.
    fn log(&self) -> PathBuf {
        let log = &self.request.log;
        if self.starts <= 1 {
            return log.clone();
        }
        let mut name = log.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}", self.starts));
        log.with_file_name(name)
    }

    fn told(&self, failure: &AgentFailure) -> String {
        let class = serde_json::to_value(failure.class).unwrap_or_default();
        let until = failure.until.map(|until| format!(", until {until}"));
        format!(
            "the reviewer did not answer ({}{}): {}",
            class.as_str().unwrap_or("failed"),
            until.unwrap_or_default(),
            self.request.redactor.clean(&failure.summary)
        )
    }

    fn report(&self, said: Said) -> GateReport {
        let told = said
            .findings
            .iter()
            .map(|finding| match (&finding.file, finding.line) {
                (Some(file), Some(line)) => format!("{file}:{line}: {}", finding.message),
                (Some(file), None) => format!("{file}: {}", finding.message),
                (None, _) => finding.message.clone(),
            });
        let all = std::iter::once(said.word.text().to_owned()).chain(told);
        let all = all.collect::<Vec<_>>().join("\n");
        let verdict = match said.word {
            Word::Approved | Word::ApprovedWithComments if !self.unseen.is_empty() => {
                GateVerdict::NeedsHuman {
                    why: format!(
                        "the reviewer approves of what it was shown, but it cannot open files, and of these it did not see all: {}",
                        text::head(&self.unseen.join(", "), COMMENTS)
                    ),
                }
            }
            Word::Approved | Word::ApprovedWithComments => GateVerdict::Passed,
            Word::ChangesRequested | Word::Rejected => {
                let mut findings = said.findings;
                if let Some(first) = findings.first_mut() {
                    first.message = format!("{}: {}", said.word.text(), first.message);
                }
                GateVerdict::Failed { findings }
            }
        };
        GateReport {
            output_tail: text::head(&all, COMMENTS).to_owned(),
            usage: self.usage,
            ..GateReport::new(verdict)
        }
    }
}

/// Whether another start can end better. A limit with a known end is told, since the run has better things to wait for.
const fn passes(failure: &AgentFailure) -> bool {
    match failure.class {
        FailureClass::Exit | FailureClass::Killed | FailureClass::Spawn => true,
        FailureClass::RateLimited => failure.until.is_none(),
        _ => false,
    }
}

fn too_much(files: usize) -> String {
    format!(
        "{files} files were changed, more than a reviewer can be shown or told the names of; look at the work yourself, or cut the task \
         into smaller ones"
    )
}

fn broken(error: &Error) -> Silent {
    let help = error.help().map(|help| format!("; {help}"));
    Silent::Broken(format!("{error}{}", help.unwrap_or_default()))
}

#[cfg(test)]
mod tests;
