//! One decomposition under way: asked, judged, and asked again where its answer is no plan.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::DecomposeHooks;
use super::answer::{Answer, and_limit, ended, finished, keep, no_plan, passes, reached};
use crate::agent::{AgentFailure, AgentResult};
use crate::engine::state::{State, StoryFacts};
use crate::engine::{DECOMPOSE, Question, StoryPlaces, Study, told, watch_inbox};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    DecomposeOptions, EventKind, FailureClass, NewEvent, Patterns, Plan, StoryContext, TaskId,
    Usage, Verb,
};
use crate::orchestrator::{Orchestrator, RunEvent};
use crate::plan::Rules;
use crate::prompt::{DecomposePrompt, PromptCodebase, PromptPattern, PromptRound, PromptStory};
use crate::store::Lease;

/// How often an agent is asked, at the most.
const ROUNDS: u32 = 3;

/// One decomposition under way.
pub(super) struct Decomposition {
    pub(super) aura: Orchestrator,
    pub(super) places: StoryPlaces,
    pub(super) lease: Lease,
    pub(super) state: State,
    pub(super) facts: StoryFacts,
    pub(super) agent: String,
    pub(super) options: DecomposeOptions,
    pub(super) cancel: CancellationToken,
    pub(super) hooks: DecomposeHooks,
}

impl Decomposition {
    /// Decomposes until that is done, or until somebody asks for the story to be cancelled, and answers what was asked meanwhile.
    pub(super) async fn run_and_answer(mut self) -> Result<Plan> {
        let mut inbox = watch_inbox(&self.aura.store, self.lease.story());
        let cancel = self.cancel.clone();
        let stops = tokio::spawn(async move {
            while let Some(messages) = inbox.recv().await {
                if messages.iter().any(|message| message.verb == Verb::Cancel) {
                    cancel.cancel();
                }
            }
        });
        let found = self.run().await;
        stops.abort();
        match self.aura.answer_inbox(self.lease).await {
            // It may have come when the plan was there already.
            Ok(true) if found.is_ok() => Err(Error::new(
                ErrorKind::Cancelled,
                "the story was cancelled while it was cut into tasks",
            )),
            Ok(_) => found,
            Err(error) => {
                tracing::warn!("requests were not answered: {}", told(&error));
                found
            }
        }
    }

    async fn run(&mut self) -> Result<Plan> {
        if self.state.context.is_none() {
            let context = self.aura.look(&self.facts).await?;
            let context = Arc::new(context);
            self.append(vec![EventKind::StoryAnalyzed { context }])
                .await?;
        }
        if let Some(marker) = self.state.decomposing.take() {
            crate::process::reap_marker(&marker, self.grace()).await?;
        }
        let shop = Arc::clone(&self.aura.shop);
        let (places, base) = (self.places.clone(), self.facts.base);
        let study = Study::begin(shop, places, base, self.deadline(), &self.cancel).await?;
        let found = self.rounds(&study).await;
        if let Err(error) = study.end(self.grace()).await {
            tracing::warn!("a working copy was not removed: {}", told(&error));
        }
        found
    }

    async fn rounds(&mut self, study: &Study) -> Result<Plan> {
        let mut before = PromptRound::default();
        let mut session = None;
        for number in 1..=ROUNDS {
            before.number = number;
            let prompt = self.prompt(before.clone())?;
            let marker = format!("{}-{DECOMPOSE}-{}", self.lease.story(), Uuid::now_v7());
            self.append(vec![EventKind::DecomposeStarted {
                agent: self.agent.clone(),
                round: number,
                marker: marker.clone(),
            }])
            .await?;
            let question = self.question((number, prompt, marker), session.take());
            let began = Instant::now();
            let stem = format!("{DECOMPOSE}-{}", self.state.last_seq);
            let asked = self.ask(study, question, &stem).await;
            let (result, kept) = match asked {
                Ok(asked) => asked,
                Err(error) => {
                    let why = self.aura.shop.redactor.redact(&told(&error)).into_owned();
                    let kind = finished(number, began, None, Usage::default(), why);
                    self.append(vec![kind]).await?;
                    return Err(error);
                }
            };
            let usage = result.usage;
            let resumed = result.session.clone();
            let answer = self.judge(result);
            let event = ended(number, began, (&answer, usage), kept.as_deref());
            match answer {
                Answer::Plan(plan) => return self.accept(event, *plan).await,
                Answer::None(failure) => {
                    self.append(vec![event]).await?;
                    let limit = self.reached(number);
                    if number == ROUNDS || limit.is_some() || !passes(failure.class) {
                        return Err(self.no_answer(&failure, limit));
                    }
                    before = PromptRound::default();
                }
                Answer::Refused(error, text) => {
                    self.append(vec![event]).await?;
                    let limit = self.reached(number);
                    if number == ROUNDS || limit.is_some() {
                        return Err(no_plan(&error, &text, (number, kept.as_deref()), limit));
                    }
                    before.problems = error.problems().iter().map(ToString::to_string).collect();
                    // Whoever goes on with its session knows what it answered.
                    before.answer = if resumed.is_some() {
                        String::new()
                    } else {
                        text
                    };
                    session = resumed;
                }
            }
            study.renew(self.deadline(), &self.cancel).await?;
        }
        Err(Error::new(ErrorKind::Internal, "no round was the last"))
    }

    /// Gives the story the plan, as the caller's hook leaves it.
    async fn accept(&mut self, event: EventKind, mut plan: Plan) -> Result<Plan> {
        if let Some(adjust) = self.hooks.adjust.take()
            && let Err(error) = adjust(&mut plan)
        {
            self.append(vec![event]).await?;
            return Err(error);
        }
        let accepted = EventKind::PlanAccepted {
            plan: Arc::new(plan.clone()),
        };
        self.append(vec![event, accepted]).await?;
        Ok(plan)
    }

    /// Asks once. The answer is kept in a file before anybody judges it.
    async fn ask(
        &self,
        study: &Study,
        question: Question,
        stem: &str,
    ) -> Result<(AgentResult, Option<PathBuf>)> {
        let log = self.places.logs().join(format!("{stem}.log"));
        let watcher = self.hooks.events.clone();
        let tell = move |signal: crate::agent::AgentSignal| {
            if let Some(watcher) = &watcher {
                let progress = signal.progress(TaskId::new(DECOMPOSE));
                drop(watcher.try_send(RunEvent::Progress(progress)));
            }
        };
        let result = study.ask(question, &log, self.cancel.clone(), tell).await?;
        let kept = (!result.output.is_empty())
            .then(|| keep(&self.places.logs(), stem, &result.output))
            .transpose()?;
        Ok((result, kept))
    }

    fn judge(&self, result: AgentResult) -> Answer {
        if let Some(failure) = result.failure {
            return Answer::None(failure);
        }
        if self.cancel.is_cancelled() {
            return Answer::None(AgentFailure {
                class: FailureClass::Cancelled,
                summary: "cancelled".to_owned(),
                until: None,
            });
        }
        // Whoever only answers does no task.
        let agents = self.aura.shop.agents.iter();
        let agents: Vec<&str> = agents
            .filter(|(_, agent)| !agent.only_answers())
            .map(|(name, _)| name.as_str())
            .collect();
        let rules = Rules {
            max_tasks: self.options.max_tasks,
            patterns: self.aura.shop.patterns.as_ref(),
            agents: &agents,
        };
        let story = (self.facts.title.as_str(), self.facts.description.as_str());
        match Plan::answered(&result.output, story, &rules) {
            Ok(plan) => Answer::Plan(Box::new(plan)),
            Err(error) => Answer::Refused(error, result.output),
        }
    }

    fn question(
        &self,
        (round, prompt, marker): (u32, String, String),
        session: Option<String>,
    ) -> Question {
        let policy = &self.state.policy;
        Question {
            agent: self.agent.clone(),
            title: self.facts.title.clone(),
            prompt,
            marker,
            round,
            session,
            deadline: self.deadline(),
            idle: Duration::from_millis(policy.idle_ms),
            grace: self.grace(),
        }
    }

    fn deadline(&self) -> Duration {
        Duration::from_millis(self.state.policy.deadline_ms)
    }

    fn grace(&self) -> Duration {
        Duration::from_millis(self.state.policy.grace_ms)
    }

    fn prompt(&self, round: PromptRound) -> Result<String> {
        let patterns = self.aura.shop.patterns.iter();
        let patterns = patterns.flat_map(Patterns::summaries);
        let parallel = self.options.max_parallelism;
        self.aura.shop.prompts.render_decompose(&DecomposePrompt {
            story: PromptStory {
                title: self.facts.title.clone(),
                description: self.facts.description.clone(),
                enriched_context: self.state.context_text(),
            },
            codebase_info: self
                .state
                .context
                .as_deref()
                .map(codebase)
                .unwrap_or_default(),
            patterns: patterns
                .map(|(name, summary)| PromptPattern {
                    name: name.to_owned(),
                    summary: summary.to_owned(),
                })
                .collect(),
            include_tests: self.options.include_tests,
            max_parallelism: parallel.unwrap_or(self.state.policy.max_parallel),
            max_tasks: self.options.max_tasks,
            round,
        })
    }

    /// Stores the events, then tells of them.
    async fn append(&mut self, kinds: Vec<EventKind>) -> Result<()> {
        let new = kinds.into_iter().map(NewEvent::story).collect();
        let events = self
            .aura
            .append(&self.lease, &mut self.state, None, new, None)
            .await?;
        if let Some(watcher) = &self.hooks.events {
            for event in events {
                drop(watcher.try_send(RunEvent::Durable(event)));
            }
        }
        Ok(())
    }

    /// The limit that forbids another question after so many.
    fn reached(&self, asked: u32) -> Option<String> {
        reached(&self.options.limits, self.state.usage, asked)
    }

    fn no_answer(&self, failure: &AgentFailure, limit: Option<String>) -> Error {
        let kind = match failure.class {
            FailureClass::Cancelled => ErrorKind::Cancelled,
            _ => ErrorKind::Process,
        };
        let until = failure.until.map(|until| format!(", until {until}"));
        let message = format!(
            "agent `{}` gave no answer: {}{}",
            self.agent,
            failure.summary,
            until.unwrap_or_default()
        );
        let help = "decompose the story again, or with another agent".to_owned();
        Error::new(kind, message).with_help(and_limit(help, limit))
    }
}

fn codebase(context: &StoryContext) -> PromptCodebase {
    PromptCodebase {
        project_type: context.codebase.project_types.join(", "),
        test_framework: context.codebase.test_framework.clone().unwrap_or_default(),
        existing_patterns: context.codebase.existing_patterns.clone(),
    }
}
