//! From a sentence to a plan: an agent is asked, its answer is judged as any plan is, and it is asked again where that fails.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::handle::RunEvent;
use super::runs::check_limits;
use super::stories::check_parallel;
use super::{Orchestrator, damaged};
use crate::agent::{AgentFailure, AgentResult};
use crate::engine::state::{State, StoryFacts};
use crate::engine::{DECOMPOSE, Question, StoryPlaces, Study, told, watch_inbox};
use crate::error::{Error, ErrorKind, Problem, Result};
use crate::model::{
    DecomposeOptions, Event, EventKind, FailureClass, Limits, NewEvent, Patterns, Plan, Remedy,
    StoryContext, StoryId, StoryStatus, TaskId, Usage, Verb,
};
use crate::plan::Rules;
use crate::prompt::{DecomposePrompt, PromptCodebase, PromptPattern, PromptRound, PromptStory};
use crate::store::Lease;
use crate::text;

/// How often an agent is asked, at the most.
const ROUNDS: u32 = 3;
/// Tasks of a plan that anybody asks for, at the most.
const MOST_TASKS: usize = 10_000;
/// Bytes of an answer without a plan that its error shows.
const SHOWN: usize = 400;

/// The part that a caller takes in a decomposition; none unless said otherwise.
#[derive(Default)]
pub struct DecomposeHooks {
    events: Option<mpsc::Sender<RunEvent>>,
    adjust: Option<Adjust>,
}

type Adjust = Box<dyn FnOnce(&mut Plan) -> Result<()> + Send + Sync>;

impl std::fmt::Debug for DecomposeHooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DecomposeHooks").finish_non_exhaustive()
    }
}

impl DecomposeHooks {
    /// Tells of each event once it is stored, and of what the agent tells meanwhile. Nobody waits for a slow reader: what there is no
    /// room for is dropped. [`Orchestrator::events`] has the events.
    #[must_use]
    pub fn events(mut self, events: mpsc::Sender<RunEvent>) -> Self {
        self.events = Some(events);
        self
    }

    /// Changes the plan before the story gets it, for example who does which task. Nothing is derived again: who changes the graph has
    /// to make another plan of it. An error ends the decomposition.
    #[must_use]
    pub fn adjust(
        mut self,
        adjust: impl FnOnce(&mut Plan) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.adjust = Some(Box::new(adjust));
        self
    }
}

impl Orchestrator {
    /// Lets an agent cut a story into tasks, and gives the story the plan.
    ///
    /// The agent is asked, not set to work: it looks at the story's base in a working copy of its own, which is thrown away. Its answer
    /// is found between whatever it says besides, and judged as a plan file is; waves that it states are compared and never believed.
    /// Where the plan is not sound the agent is asked again with everything that is wrong, three times at the most. A story whose plan
    /// nobody has begun to work on gets a new plan.
    ///
    /// What the agent uses counts as the story's usage, and no question is asked that [`DecomposeOptions::limits`] forbid. Dropping the future
    /// stops the agent; the story is then as it was before. So does a [`Verb::Cancel`] of any process, which cancels the story.
    ///
    /// # Errors
    /// `Refused` when the story was run already or has landed; `StoryBusy` when somebody runs or decomposes it; `BackendMissing` without
    /// such an agent; `InvalidInput` for options that cannot be meant; `InvalidPlan` with all problems of the last answer, and with the
    /// file that keeps it; `Process` when the agent fails, with its reason; `Refused` when a limit is reached before the first question;
    /// `Cancelled`.
    pub async fn decompose(&self, story: StoryId, options: DecomposeOptions) -> Result<Plan> {
        self.decompose_with(story, options, DecomposeHooks::default())
            .await
    }

    /// As [`Orchestrator::decompose`], with a part that the caller takes in it.
    ///
    /// # Errors
    /// As [`Orchestrator::decompose`], and whatever a hook says.
    pub async fn decompose_with(
        &self,
        story: StoryId,
        options: DecomposeOptions,
        hooks: DecomposeHooks,
    ) -> Result<Plan> {
        let lease = self.store.acquire(story).await?;
        let (state, events) = self.load(story).await?;
        check_story(&state, &events)?;
        let agent = options.agent.clone().unwrap_or_else(|| "default".into());
        check_parallel(options.max_parallelism.unwrap_or(1))?;
        check_limits(&options.limits)?;
        if let Some(why) = reached(&options.limits, state.usage, 0) {
            return Err(Error::new(ErrorKind::Refused, why).with_help("raise the limit"));
        }
        if !(1..=MOST_TASKS).contains(&options.max_tasks) {
            let message = format!("a plan has 1 to {MOST_TASKS} tasks");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let preflight = self.shop.agent(&agent)?.preflight().await;
        preflight.map_err(|error| error.context(format!("agent `{agent}`")))?;
        let facts = state.story.clone().ok_or_else(|| damaged(story))?;
        let cancel = CancellationToken::new();
        let _stops_with_this_future = cancel.clone().drop_guard();
        let work = Decomposition {
            places: StoryPlaces::new(&self.shop, story, &facts.title),
            aura: self.clone(),
            lease,
            state,
            facts,
            agent,
            options,
            cancel,
            hooks,
        };
        // In a task of its own, so that an agent which nobody waits for any more is still stopped in order and recorded.
        tokio::spawn(work.run_and_answer())
            .await
            .unwrap_or_else(|error| {
                let message = format!("the decomposition panicked: {error}");
                Err(Error::new(ErrorKind::Internal, message))
            })
    }
}

fn codebase(context: &StoryContext) -> PromptCodebase {
    PromptCodebase {
        project_type: context.codebase.project_types.join(", "),
        test_framework: context.codebase.test_framework.clone().unwrap_or_default(),
        existing_patterns: context.codebase.existing_patterns.clone(),
    }
}

/// Refuses a story whose tasks somebody may have begun to work on.
fn check_story(state: &State, events: &[Event]) -> Result<()> {
    let began = |event: &Event| {
        matches!(
            event.kind,
            EventKind::RunStarted { .. } | EventKind::LandingRequested { .. }
        )
    };
    let refused = |why: &str| {
        Err(Error::new(ErrorKind::Refused, why)
            .with_help("create another story for what is to be cut anew"))
    };
    if state.status == StoryStatus::Completed {
        refused("the story has landed")
    } else if events.iter().any(began) {
        refused("the story has a plan that was run already")
    } else {
        Ok(())
    }
}

/// One decomposition under way.
struct Decomposition {
    aura: Orchestrator,
    places: StoryPlaces,
    lease: Lease,
    state: State,
    facts: StoryFacts,
    agent: String,
    options: DecomposeOptions,
    cancel: CancellationToken,
    hooks: DecomposeHooks,
}

/// What one round came to.
enum Answer {
    Plan(Box<Plan>),
    /// Everything that is wrong with it, and the answer itself.
    Refused(Error, String),
    None(AgentFailure),
}

impl Decomposition {
    /// Decomposes until that is done, or until somebody asks for the story to be cancelled, and answers what was asked meanwhile.
    async fn run_and_answer(mut self) -> Result<Plan> {
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

/// Whether it may be otherwise the next time.
const fn passes(class: FailureClass) -> bool {
    matches!(class.policy().1, Remedy::Retry | Remedy::Restart)
}

fn finished(
    round: u32,
    began: Instant,
    class: Option<FailureClass>,
    usage: Usage,
    why: String,
) -> EventKind {
    EventKind::DecomposeFinished {
        round,
        problems: Vec::new(),
        class,
        why,
        usage,
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        answer: None,
    }
}

fn ended(
    round: u32,
    began: Instant,
    (answer, used): (&Answer, Usage),
    kept: Option<&Path>,
) -> EventKind {
    let (found, failed, reason) = match answer {
        Answer::Plan(_) => (Vec::new(), None, String::new()),
        Answer::Refused(error, _) => (error.problems().to_vec(), None, String::new()),
        Answer::None(failure) => (Vec::new(), Some(failure.class), failure.summary.clone()),
    };
    let mut event = finished(round, began, failed, used, reason);
    if let EventKind::DecomposeFinished {
        problems, answer, ..
    } = &mut event
    {
        *problems = found;
        *answer = kept.map(|file| file.display().to_string());
    }
    event
}

/// Writes an answer down.
fn keep(folder: &Path, stem: &str, answer: &str) -> Result<PathBuf> {
    let file = folder.join(format!("{stem}.answer"));
    std::fs::write(&file, answer).map_err(|error| Error::io("write", &file, error))?;
    Ok(file)
}

/// The limit that forbids a question after so many of this call, in words.
fn reached(limits: &Limits, used: Usage, asked: u32) -> Option<String> {
    let Limits {
        attempts,
        tokens,
        cost_usd,
    } = *limits;
    if let Some(most) = attempts.filter(|most| u64::from(asked) >= *most) {
        return Some(format!("{asked} of {most} questions are asked"));
    }
    if let Some(most) = tokens.filter(|most| used.tokens() >= *most) {
        return Some(format!(
            "the story has used {} of {most} tokens",
            used.tokens()
        ));
    }
    let most = cost_usd.filter(|most| used.cost_usd >= *most)?;
    Some(format!(
        "the story has cost {:.2} of {most:.2} dollars",
        used.cost_usd
    ))
}

fn and_limit(help: String, limit: Option<String>) -> String {
    match limit {
        Some(limit) => format!("{help}; nobody was asked again, since {limit}: raise the limit"),
        None => help,
    }
}

/// The error of an answer that is no plan, after which nobody is asked again.
fn no_plan(
    error: &Error,
    answer: &str,
    (asked, kept): (u32, Option<&Path>),
    limit: Option<String>,
) -> Error {
    let mut problems: Vec<Problem> = error.problems().to_vec();
    let is_unread = |problem: &Problem| {
        let code = problem.code.as_str();
        matches!(code, "no_plan" | "no_tasks" | "syntax" | "cut_off")
    };
    if let Some(problem) = problems.iter_mut().find(|problem| is_unread(problem)) {
        let shown = text::head(answer.trim(), SHOWN);
        let more = if shown.len() < answer.trim().len() {
            " .."
        } else {
            ""
        };
        problem.message = format!("{}; it begins: {shown}{more}", problem.message);
    }
    let help = match kept {
        Some(file) => format!("the last of {asked} answers is kept in {}", file.display()),
        None => format!("the last of {asked} answers was empty"),
    };
    Error::from_problems(ErrorKind::InvalidPlan, problems).with_help(and_limit(help, limit))
}
