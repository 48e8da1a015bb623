//! Runs and landings: checked whole before anything starts, then handed to the dispatcher.

mod checks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, watch};
use uuid::Uuid;

pub(super) use self::checks::check_limits;
use super::handle::Run;
use super::{Orchestrator, damaged};
use crate::engine::state::State;
use crate::engine::{Dispatcher, Site, StoryPlaces, accepted_tasks, blocking, told};
use crate::error::{Error, ErrorKind, Result};
use crate::git::Fingerprint;
use crate::model::{
    AgentDefinition, CompleteOptions, Event, EventKind, Limits, NewEvent, RunId, RunOptions,
    StoryId, StoryStatus, TaskId,
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

pub(super) fn parse_fingerprint(text: &str) -> Option<Fingerprint> {
    serde_json::from_str(text).ok()
}
