//! Runs and landings: checked whole before anything starts, then handed to the dispatcher.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, watch};
use uuid::Uuid;

use super::handle::Run;
use super::stories::check_parallel;
use super::{Orchestrator, damaged};
use crate::engine::state::{State, Task};
use crate::engine::{Dispatcher, Site, StoryPlaces, accepted_tasks, blocking, told};
use crate::error::{Error, ErrorKind, Result};
use crate::gate::ConfiguredGate;
use crate::git::Fingerprint;
use crate::model::{
    AgentDefinition, CompleteOptions, Event, EventKind, GateDefinition, GateSchedule, Limits,
    NewEvent, RunId, RunOptions, StoryId, StoryStatus, TaskId, TaskStatus,
};
use crate::store::Lease;

impl Orchestrator {
    /// Runs a story, or takes up a run that a crash interrupted (with the options it was started with).
    ///
    /// Everything is checked before anything starts. The run goes on in the background; the handle tells its events and
    /// waits for its end.
    ///
    /// # Errors
    /// `StoryBusy` when another process runs it; `Refused` when there is nothing to run; `InvalidInput` for options that
    /// cannot be meant, for tasks of an agent that only answers, and where the plan [requires a review](crate::Plan::review) and no required
    /// gate [reviews](crate::ConfiguredGate::reviews); `BackendMissing`, `GateMissing` and `GateChanged` when agents and gates are not those of the
    /// earlier runs; `ForeignChange` and `ForeignMove` when git is not as it was left.
    pub async fn run(&self, story: StoryId, options: RunOptions) -> Result<Run> {
        let lease = self.store.acquire(story).await?;
        let (state, events) = self.load(story).await?;
        if state.is_cancelling() {
            return self.end_cancelled(lease, state, &events).await;
        }
        let mut notes: Vec<String> = ignored(&state, &options).into_iter().collect();
        let mut options = self.check_run(&state, options)?;
        options.limits = options.limits.or(last_limits(&events));
        let used = self.check_agents(&state, &options).await?;
        self.check_gates(&state, options.accept_config)?;
        self.check_review(&state)?;
        self.preflight_gates().await?;
        if state.run.is_none() {
            notes.extend(self.submodules(&state).await?);
        }
        let versions = self.versions(used).await;
        notes.extend(changed_versions(&events, &versions));
        let first = if state.run.is_some() {
            EventKind::RunResumed {}
        } else {
            EventKind::RunStarted {
                agents: self.agent_definitions(&versions),
                gates: self.shop.gate_definitions(),
                fingerprint: self.run_fingerprint(&state, options.accept_repo_changes)?,
                options: Box::new(options.clone()),
            }
        };
        self.start(
            lease,
            state,
            &events,
            (first, notes),
            options.restore_branch,
        )
        .await
    }

    /// What a person should know about submodules before the run, in words.
    async fn submodules(&self, state: &State) -> Result<Option<String>> {
        let (shop, head) = (Arc::clone(&self.shop), state.head_commit());
        let paths = blocking(move || shop.user.submodules(head.into())).await?;
        Ok((!paths.is_empty()).then(|| {
            format!(
                "workspaces do not have the files of submodules, so agents and gates do not see them: {}",
                paths.join(", ")
            )
        }))
    }

    async fn preflight_gates(&self) -> Result<()> {
        for gate in &self.shop.gates {
            let found = gate.gate().preflight().await;
            found.map_err(|error| error.context(format!("gate `{}`", gate.definition().name)))?;
        }
        Ok(())
    }

    /// Completes a story: judges the result with the final gates and, when asked to, moves the target branch to exactly
    /// that result. A story that has landed already can be cleaned up later: with [`CompleteOptions::cleanup`] that is all
    /// that is done.
    ///
    /// # Errors
    /// As [`Orchestrator::run`]; `Refused` when it has landed already (without `cleanup`), has no target, or has no required gate and
    /// `no_gates` was not said.
    pub async fn complete(&self, story: StoryId, options: CompleteOptions) -> Result<Run> {
        let lease = self.store.acquire(story).await?;
        let (state, events) = self.load(story).await?;
        let first = match &state.run {
            Some(run) if run.lands => EventKind::RunResumed {},
            Some(_) => {
                return Err(
                    Error::new(ErrorKind::Refused, "a run of this story was interrupted")
                        .with_help("run the story again to take it up, then complete it"),
                );
            }
            None if state.status == StoryStatus::Completed && options.cleanup => {
                return self.clean_again(lease, &state, &events);
            }
            None => {
                self.check_landing(&state, &options)?;
                EventKind::LandingRequested {
                    options: Box::new(options),
                    gates: self.shop.gate_definitions(),
                    checks: self.completion_checks(story, &state).await?,
                }
            }
        };
        if !state.is_cancelling() {
            self.check_gates(&state, false)?;
        }
        self.start(lease, state, &events, (first, Vec::new()), false)
            .await
    }

    /// What a landed story left is removed, as a run of its own without events.
    fn clean_again(&self, lease: Lease, state: &State, events: &[Event]) -> Result<Run> {
        let (Some(facts), story) = (&state.story, lease.story()) else {
            return Err(damaged(lease.story()));
        };
        let places = StoryPlaces::new(&self.shop, story, &facts.title);
        let (head, accepted) = (state.head_commit(), accepted_tasks(state));
        let last = events.iter().rev().find_map(|event| event.run);
        let cursor = events.last().map_or(0, |event| event.seq);
        let (_, published) = watch::channel(cursor);
        let (requests, _) = mpsc::channel(1);
        let (_, progress) = broadcast::channel(1);
        let aura = self.clone();
        let task = tokio::spawn(async move {
            let cleaned = aura.clean(&places, head, accepted).await;
            drop(lease);
            cleaned
        });
        Ok(Run::new(
            (story, last.unwrap_or(RunId::from_uuid(Uuid::nil()))),
            self.clone(),
            cursor,
            published,
            progress,
            requests,
            task,
        ))
    }

    /// Takes up a run that was cancelled and then interrupted. Nothing new starts, so neither its agents nor its gates have to
    /// be there, and a branch that somebody moved does not keep it from ending.
    pub(super) async fn end_cancelled(
        &self,
        lease: Lease,
        state: State,
        events: &[Event],
    ) -> Result<Run> {
        let first = (EventKind::RunResumed {}, Vec::new());
        self.start(lease, state, events, first, false).await
    }

    /// The first events of a run: what it is, what there is to note about it, and what was mended for it.
    async fn opening(
        &self,
        state: &State,
        places: &StoryPlaces,
        (first, notes): (EventKind, Vec<String>),
        restore: bool,
    ) -> Result<Vec<NewEvent>> {
        let warning = |message| NewEvent::story(EventKind::Warning { message });
        let mut opening: Vec<NewEvent> = vec![NewEvent::story(first)];
        opening.extend(notes.into_iter().map(warning));
        // A ref that moved between an intent and its outcome is what the intent announced.
        if state
            .batch
            .as_ref()
            .is_none_or(|batch| batch.intent.is_none())
        {
            let mended = match self.establish(state, places, restore).await {
                Err(error) if state.is_cancelling() => vec![told(&error)],
                other => other?,
            };
            opening.extend(mended.into_iter().map(warning));
        }
        Ok(opening)
    }

    async fn start(
        &self,
        lease: Lease,
        state: State,
        events: &[Event],
        first: (EventKind, Vec<String>),
        restore: bool,
    ) -> Result<Run> {
        let story = lease.story();
        let Some(facts) = &state.story else {
            return Err(Error::new(
                ErrorKind::Internal,
                "a story without its first event",
            ));
        };
        let places = StoryPlaces::new(&self.shop, story, &facts.title);
        // The lease is ours, so whoever held a lock on the story's refs is gone.
        self.shop
            .aura
            .break_locks(&self.shop.user, &places.own_refs());
        let opening = self.opening(&state, &places, first, restore).await?;
        let recorded = match &opening[0].kind {
            EventKind::RunStarted { fingerprint, .. } => fingerprint.clone(),
            _ => facts.fingerprint.clone(),
        };
        let shop = Arc::clone(&self.shop);
        let base = facts.base;
        let leaves = places.clone();
        let site = blocking(move || {
            let identity = shop.user.identity()?;
            let fingerprint = match parse_fingerprint(&recorded) {
                Some(recorded) => recorded,
                None => shop.user.fingerprint()?,
            };
            Site::new(shop, places, identity, fingerprint, base)
        })
        .await?;
        let site = Arc::new(site);
        let id = state
            .run
            .as_ref()
            .map_or_else(|| RunId::from_uuid(Uuid::now_v7()), |run| run.id);
        let open = open_intents(&state, events);
        let cursor = events.last().map_or(0, |event| event.seq);
        let (published, watcher) = watch::channel(cursor);
        let (requests, inbox) = mpsc::channel(16);
        let progress = site.subscribe();
        let dispatcher =
            Dispatcher::new(site, Arc::clone(&self.store), lease, state, id, published);
        let aura = self.clone();
        let task = tokio::spawn(async move {
            let end = dispatcher.run(opening, open, inbox).await?;
            if end.landed && end.cleanup {
                let cleaned = aura.clean(&leaves, end.head, end.accepted).await;
                // The story has landed, whatever is left of it.
                if let Err(error) = cleaned {
                    tracing::warn!(
                        "story {} has landed, but was not cleaned up: {}",
                        leaves.name,
                        told(&error)
                    );
                }
            }
            Ok(())
        });
        Ok(Run::new(
            (story, id),
            self.clone(),
            cursor,
            watcher,
            progress,
            requests,
            task,
        ))
    }

    /// What the agents of those names say of themselves; nothing for one that says nothing.
    async fn versions(&self, names: BTreeSet<String>) -> BTreeMap<String, String> {
        let mut probes = tokio::task::JoinSet::new();
        for name in names {
            let Some(agent) = self.shop.agents.get(&name).map(Arc::clone) else {
                continue;
            };
            probes.spawn(async move { Some((name, agent.probe().await?.version?)) });
        }
        probes.join_all().await.into_iter().flatten().collect()
    }

    fn agent_definitions(&self, versions: &BTreeMap<String, String>) -> Vec<AgentDefinition> {
        self.shop
            .agents
            .iter()
            .map(|(name, agent)| AgentDefinition {
                name: name.clone(),
                digest: agent.digest(),
                provider: agent.provider(),
                version: versions.get(name).cloned(),
            })
            .collect()
    }

    /// The fingerprint that holds for the run: the story's, unless a change of it is accepted.
    fn run_fingerprint(&self, state: &State, accept: bool) -> Result<String> {
        let current = self.shop.fingerprint()?;
        let recorded = state.story.as_ref().map_or("", |story| &story.fingerprint);
        if accept || recorded.is_empty() || recorded == current {
            return Ok(current);
        }
        match parse_fingerprint(recorded) {
            Some(expected) => self
                .shop
                .user
                .require_fingerprint(&expected)
                .map(|()| current),
            None => Ok(current),
        }
    }

    fn check_run(&self, state: &State, mut options: RunOptions) -> Result<RunOptions> {
        let mut chosen: BTreeSet<u32> = BTreeSet::new();
        for task in &options.tasks {
            let ix = state.ix(task).ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidInput,
                    format!("the plan has no task `{task}`"),
                )
            })?;
            chosen.insert(ix);
        }
        if state.run.is_some() {
            return Ok(options);
        }
        let refused = |why: &str| Err(Error::new(ErrorKind::Refused, why));
        if state.plan.is_none() {
            return refused("the story has no plan yet");
        }
        if state.status == StoryStatus::Completed {
            return refused("the story has landed");
        }
        if let Some(agents) = options.max_parallel {
            check_parallel(agents)?;
        }
        check_limits(&options.limits)?;
        let missing = missing_dependencies(state, &chosen);
        if !missing.is_empty() && !options.with_dependencies {
            let names: Vec<&str> = missing
                .iter()
                .map(|ix| state.task(*ix).id.as_str())
                .collect();
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "the chosen tasks depend on tasks that are not accepted yet: {}",
                    names.join(", ")
                ),
            )
            .with_help("choose them too, or say --with-dependencies"));
        }
        options.tasks = chosen
            .union(&missing)
            .map(|ix| state.task(*ix).id.clone())
            .collect::<Vec<TaskId>>();
        Ok(options)
    }

    /// The names of the agents that the run may need.
    async fn check_agents(&self, state: &State, options: &RunOptions) -> Result<BTreeSet<String>> {
        let accept = options.accept_config;
        // A run that was interrupted goes on with the options it was started with.
        let fallback = match &state.run {
            Some(run) => &run.options.fallback,
            None => &options.fallback,
        };
        for (name, other) in fallback {
            if name == other {
                let message = format!("agent `{name}` cannot stand in for itself");
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
            self.shop.agent(name)?;
            if self.shop.agent(other)?.only_answers() {
                let what = format!("agent `{name}` has the agent `{other}` to stand in for it");
                return Err(only_answers(&what));
            }
        }
        let open = state
            .tasks
            .iter()
            .filter(|task| task.status() != TaskStatus::Completed);
        let open: Vec<&Task> = open.collect();
        for task in &open {
            if self.shop.agent(task.agent_name())?.only_answers() {
                let what = format!(
                    "task `{}` is for the agent `{}`",
                    task.id,
                    task.agent_name()
                );
                return Err(only_answers(&what));
            }
        }
        let mut names = BTreeSet::new();
        let mut next: Vec<&str> = open.into_iter().map(Task::agent_name).collect();
        while let Some(name) = next.pop() {
            if names.insert(name) {
                next.extend(fallback.get(name).map(String::as_str));
            }
        }
        for &name in &names {
            let agent = self.shop.agent(name)?;
            let recorded = state.agents.get(name);
            if recorded.is_some_and(|digest| *digest != agent.digest()) && !accept {
                return Err(Error::new(
                    ErrorKind::GateChanged,
                    format!("agent `{name}` is defined differently than in the earlier run"),
                )
                .with_help("run with --accept-config to go on with the present definition"));
            }
            agent.preflight().await?;
        }
        Ok(names.into_iter().map(ToOwned::to_owned).collect())
    }

    /// Refuses when a gate that stands in the way of a result is not what it was in the earlier run. A run that was interrupted
    /// goes on with the gates it began with, so that a change cannot be accepted for it.
    fn check_gates(&self, state: &State, accept: bool) -> Result<()> {
        let is_interrupted = state.run.is_some();
        for recorded in &state.gates {
            let present = self.shop.gate(&recorded.name);
            let present = present.map(ConfiguredGate::definition);
            let counts = recorded.required || present.as_ref().is_ok_and(|gate| gate.required);
            // A run that begins takes the others as they are now.
            if !counts && !is_interrupted {
                continue;
            }
            let present = present?;
            let changed = differences(recorded, &present);
            if changed.is_empty() || !counts || (accept && !is_interrupted) {
                continue;
            }
            let what = format!(
                "gate `{}` is not as in the earlier run: {}",
                recorded.name,
                changed.join(", ")
            );
            return Err(
                Error::new(ErrorKind::GateChanged, what).with_help(if is_interrupted {
                    "a run with the earlier gates was interrupted: finish it with them, or cancel it, first"
                } else if present.judges(GateSchedule::AfterWave) {
                    "run with --accept-config; the accepted head is then judged anew"
                } else {
                    "run with --accept-config; it judges what is done from then on"
                }),
            );
        }
        Ok(())
    }

    /// Refuses a plan that requires a review where nothing stands in the way of work that nobody reviewed.
    fn check_review(&self, state: &State) -> Result<()> {
        let is_required = state.plan.as_ref().is_some_and(|plan| plan.review);
        let gates = self.shop.gate_definitions();
        if !is_required || gates.iter().any(GateDefinition::requires_review) {
            return Ok(());
        }
        let message = "the plan requires a review, and no required gate reviews";
        Err(Error::new(ErrorKind::InvalidInput, message)
            .with_help("add a reviewing gate, or create the story from a plan that requires none"))
    }

    fn check_landing(&self, state: &State, options: &CompleteOptions) -> Result<()> {
        if state.status == StoryStatus::Completed {
            return Err(Error::new(
                ErrorKind::Refused,
                "the story has landed already",
            ));
        }
        if state.plan.is_none() {
            return Err(Error::new(ErrorKind::Refused, "the story has no plan yet"));
        }
        if !options.merge {
            return Ok(());
        }
        if state
            .story
            .as_ref()
            .is_some_and(|story| story.target.is_none())
        {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "HEAD was detached when the story was created, so there is no branch to land on",
            )
            .with_help("create the story with --target BRANCH"));
        }
        let judged = self
            .shop
            .gate_definitions()
            .iter()
            .any(|gate| gate.required && gate.judges(GateSchedule::Final));
        if !judged && !options.no_gates {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "no required gate judges the final result, so nothing shows that it may land",
            )
            .with_help("configure a gate, or say --no-gates to land without"));
        }
        Ok(())
    }
}

/// Work for somebody who cannot do any.
fn only_answers(what: &str) -> Error {
    let message = format!("{what}, which only answers questions");
    Error::new(ErrorKind::InvalidInput, message).with_help(
        "name an agent that can change files; this one can decompose stories and review work",
    )
}

/// What is asked of a run that is taken up and that it did not begin with, as warnings. A landing takes no such options.
fn ignored(state: &State, asked: &RunOptions) -> Option<String> {
    let run = state.run.as_ref().filter(|run| !run.lands)?;
    let names = |tasks: &[TaskId]| {
        let names: BTreeSet<&str> = tasks.iter().map(TaskId::as_str).collect();
        names.into_iter().collect::<Vec<_>>().join(", ")
    };
    let (tasks, begun) = (names(&asked.tasks), names(&run.options.tasks));
    let mut parts = Vec::new();
    // What was chosen with its dependencies stands in the run's options with them.
    let is_part = !asked.tasks.is_empty()
        && asked.with_dependencies
        && run.options.with_dependencies
        && asked
            .tasks
            .iter()
            .all(|task| run.options.tasks.contains(task));
    if tasks != begun && !is_part {
        parts.push(match (tasks.as_str(), begun.as_str()) {
            ("", begun) => format!("it takes only the tasks {begun}"),
            (tasks, "") => format!("it takes all tasks, not only {tasks}"),
            (tasks, begun) => format!("it takes the tasks {begun}, not {tasks}"),
        });
    }
    if asked.one_wave != run.options.one_wave {
        parts.push(if run.options.one_wave {
            "it ends after one wave".to_owned()
        } else {
            "it does not end after one wave".to_owned()
        });
    }
    if let Some(agents) = asked
        .max_parallel
        .filter(|agents| *agents != run.max_parallel)
    {
        parts.push(format!("{} agents at once, not {agents}", run.max_parallel));
    }
    if asked.accept_repo_changes && !run.options.accept_repo_changes {
        parts.push("changes of git's configuration are not accepted".to_owned());
    }
    (!parts.is_empty()).then(|| {
        format!(
            "an interrupted run is taken up with the options that it began with: {}",
            parts.join("; ")
        )
    })
}

/// The intents without an outcome as they were recorded: recovery needs to know when.
fn open_intents(state: &State, events: &[Event]) -> Vec<Event> {
    let open = state.outstanding();
    open.iter()
        .filter_map(|intent| {
            let recorded = |event: &&Event| event.kind == intent.kind && event.task == intent.task;
            events.iter().rev().find(recorded).cloned()
        })
        .collect()
}

/// What the last run of the story was limited to.
fn last_limits(events: &[Event]) -> Limits {
    let options = events.iter().rev().find_map(|event| match &event.kind {
        EventKind::RunStarted { options, .. } => Some(options),
        _ => None,
    });
    options.map(|options| options.limits).unwrap_or_default()
}

/// Agents that are of another version than when a run of the story last began.
fn changed_versions(events: &[Event], versions: &BTreeMap<String, String>) -> Vec<String> {
    let last = events.iter().rev().find_map(|event| match &event.kind {
        EventKind::RunStarted { agents, .. } => Some(agents),
        _ => None,
    });
    let agents = last.into_iter().flatten();
    agents
        .filter_map(|agent| {
            let (before, now) = (agent.version.as_ref()?, versions.get(&agent.name)?);
            let name = &agent.name;
            (before != now).then(|| {
                format!("agent `{name}` is version {now} now; it was {before} in the earlier run")
            })
        })
        .collect()
}

/// Refuses limits under which nothing could start.
pub(super) fn check_limits(limits: &Limits) -> Result<()> {
    let refused = |what: &str| {
        let message = format!("a story cannot be limited to {what}");
        Err(Error::new(ErrorKind::InvalidInput, message)
            .with_help("leave a limit out to have none"))
    };
    match limits {
        Limits {
            attempts: Some(0), ..
        } => refused("0 attempts"),
        Limits {
            tokens: Some(0), ..
        } => refused("0 tokens"),
        Limits {
            cost_usd: Some(cost),
            ..
        } if !(cost.is_finite() && *cost > 0.0) => refused(&format!("{cost} dollars")),
        _ => Ok(()),
    }
}

/// What of a gate changed, for people.
fn differences(old: &GateDefinition, new: &GateDefinition) -> Vec<&'static str> {
    let parts = [
        (old.digest != new.digest, "what it runs"),
        (old.at != new.at, "when it judges"),
        (old.required != new.required, "whether it is required"),
        (old.flaky != new.flaky, "what green after red means"),
        (old.timeout_ms != new.timeout_ms, "its time limit"),
        (
            old.counts_tests != new.counts_tests,
            "whether it counts tests",
        ),
    ];
    let changed = parts.into_iter().filter(|(changed, _)| *changed);
    changed.map(|(_, part)| part).collect()
}

pub(super) fn parse_fingerprint(text: &str) -> Option<Fingerprint> {
    serde_json::from_str(text).ok()
}

/// Unaccepted tasks that the chosen ones wait for, directly or not.
fn missing_dependencies(state: &State, chosen: &BTreeSet<u32>) -> BTreeSet<u32> {
    let mut missing = BTreeSet::new();
    let mut stack: Vec<u32> = chosen.iter().copied().collect();
    while let Some(ix) = stack.pop() {
        for dependency in &state.task(ix).dependencies {
            let satisfied = matches!(
                state.task(*dependency).status(),
                TaskStatus::Completed | TaskStatus::Skipped
            );
            if !satisfied && !chosen.contains(dependency) && missing.insert(*dependency) {
                stack.push(*dependency);
            }
        }
    }
    missing
}
