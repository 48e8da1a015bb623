//! The only loop and the only writer: outcomes and requests become events, events are decided upon, all of it is appended
//! in one transaction, then published, then acted on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::crash::EffectPoints;
use super::effects::{Job, Registrar, damaged, sealed_commit};
use super::inbox::watch_inbox;
use super::state::{Ix, Outcome, State};
use super::workshop::{Site, blocking, told};
use super::workspace;
use crate::agent::ProcessMark;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{CommitId, Event, EventKind, GatePoint, NewEvent, RunId, StoryId, Verb};
use crate::store::{InboxMessage, Lease, StoryStore};

/// The longest sleep before another look at the clock: it may be set, and it goes on while a machine sleeps, which timers do not.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// A request from the handle of the run.
pub(crate) struct Request {
    pub(crate) verb: Verb,
    pub(crate) actor: String,
    /// Gets the reason of a refusal.
    pub(crate) answer: oneshot::Sender<Result<(), String>>,
}

/// What is left to do when a run has ended.
pub(crate) struct RunEnd {
    /// The target moved.
    pub(crate) landed: bool,
    /// The accepted head.
    pub(crate) head: CommitId,
    /// The tasks that have a part in it.
    pub(crate) accepted: Vec<Ix>,
    /// The caller wants everything removed that is not needed any more.
    pub(crate) cleanup: bool,
}

/// Runs a story until its run ends.
pub(crate) struct Dispatcher {
    site: Arc<Site>,
    store: Arc<dyn StoryStore>,
    lease: Lease,
    state: State,
    run: RunId,
    /// Number of the last event that is stored.
    published: watch::Sender<u64>,
    effects: JoinSet<Result<Outcome>>,
    /// The crash points of each effect.
    points: HashMap<Id, EffectPoints>,
    /// Removal of workspaces that nobody needs any more.
    chores: JoinSet<Result<()>>,
    cancel: CancellationToken,
    registrar: Registrar,
    registered: mpsc::Receiver<(Ix, ProcessMark, oneshot::Sender<()>)>,
    /// The newest inbox message that was answered.
    handled: Option<u64>,
    /// Why the run goes no further than what runs already.
    failure: Option<Error>,
}

/// What woke the loop.
enum Input {
    Effect(Box<Outcome>, Option<EffectPoints>),
    /// Aura could not do what an intent announced; it stays open.
    Failed(Error),
    Registered(Ix, ProcessMark, oneshot::Sender<()>),
    Request(Request),
    Inbox(Vec<InboxMessage>),
    Time,
}

impl Dispatcher {
    pub(crate) fn new(
        site: Arc<Site>,
        store: Arc<dyn StoryStore>,
        lease: Lease,
        state: State,
        run: RunId,
        published: watch::Sender<u64>,
    ) -> Self {
        let (registrar, registered) = mpsc::channel(64);
        Self {
            site,
            store,
            lease,
            state,
            run,
            published,
            effects: JoinSet::new(),
            points: HashMap::new(),
            chores: JoinSet::new(),
            cancel: CancellationToken::new(),
            registrar,
            registered,
            handled: None,
            failure: None,
        }
    }

    /// Begins with some events and with the intents that a crash left open, and returns when the run has ended. Dropping the
    /// future kills what runs; the next run takes up from the store.
    ///
    /// # Errors
    /// The first that Aura's own work met; what ran at that time was finished and recorded, and nothing new was begun.
    pub(crate) async fn run(
        mut self,
        first: Vec<NewEvent>,
        open: Vec<Event>,
        mut requests: mpsc::Receiver<Request>,
    ) -> Result<RunEnd> {
        let landed_before = self.state.landed;
        self.reap_gates(&open).await?;
        self.commit(first).await?;
        for intent in &open {
            self.launch(intent, true)?;
        }
        self.sweep_workspaces();
        let mut inbox = watch_inbox(&self.store, self.lease.story());
        let mut cleanup = false;
        while self.state.run.is_some() && !(self.failure.is_some() && self.effects.is_empty()) {
            cleanup = self
                .state
                .landing
                .as_ref()
                .is_some_and(|landing| landing.options.cleanup);
            let input = self.next_input(&mut requests, &mut inbox).await;
            self.handle(input).await?;
        }
        while let Some(chore) = self.chores.join_next().await {
            if let Ok(Err(error)) = chore {
                tracing::warn!("a workspace was not removed: {}", told(&error));
            }
        }
        if let Some(error) = self.failure {
            return Err(error);
        }
        Ok(RunEnd {
            landed: self.state.landed != landed_before,
            head: self.state.head_commit(),
            accepted: accepted_tasks(&self.state),
            cleanup,
        })
    }

    /// Ends what the gates of an interrupted run left. They share a workspace: none may begin while a process of another one is
    /// still there.
    async fn reap_gates(&self, open: &[Event]) -> Result<()> {
        let story = self.lease.story();
        let mut reaping = JoinSet::new();
        for intent in open {
            if let Some(Job::Gate(gate)) = Job::of(&self.state, intent, true) {
                reaping.spawn(async move { gate.reap(story).await });
            }
        }
        while let Some(reaped) = reaping.join_next().await {
            reaped.map_err(|error| panicked(&error))??;
        }
        Ok(())
    }

    async fn next_input(
        &mut self,
        requests: &mut mpsc::Receiver<Request>,
        inbox: &mut mpsc::Receiver<Vec<InboxMessage>>,
    ) -> Input {
        // Nothing is begun any more after a failure, at no time.
        let wakeup = self.state.next_wakeup().filter(|_| self.failure.is_none());
        let wakeup = wakeup.map(|at| {
            let wait = at.duration_since(Timestamp::now());
            Duration::try_from(wait)
                .unwrap_or_default()
                .min(LONGEST_SLEEP)
        });
        let timer = async {
            match wakeup {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(request) = requests.recv() => Input::Request(request),
            Some((task, mark, stored)) = self.registered.recv() => Input::Registered(task, mark, stored),
            Some(ended) = self.effects.join_next_with_id() => match ended {
                Ok((id, Ok(outcome))) => Input::Effect(Box::new(outcome), self.points.remove(&id)),
                Ok((_, Err(error))) => Input::Failed(error),
                Err(error) => Input::Failed(panicked(&error)),
            },
            Some(messages) = inbox.recv() => Input::Inbox(messages),
            () = timer => Input::Time,
        }
    }

    async fn handle(&mut self, input: Input) -> Result<()> {
        match input {
            Input::Effect(outcome, points) => {
                let warnings = self.last_look(&outcome).await;
                let mut events = self.state.record(*outcome);
                events.extend(warnings);
                self.commit(events).await?;
                if let Some(points) = points {
                    points.pass("recorded");
                }
            }
            Input::Failed(error) => match &self.failure {
                None => self.failure = Some(error),
                Some(_) => tracing::warn!("after a failure: {}", told(&error)),
            },
            Input::Registered(task, process, stored) => {
                let events = self.state.record(Outcome::Registered { task, process });
                self.commit(events).await?;
                // The agent may be gone already; then nobody waits.
                stored.send(()).ok();
            }
            Input::Request(request) => {
                let events = self.state.answer_command(request.verb, &request.actor);
                let answer = refusal(&events);
                self.commit(events).await?;
                drop(request.answer.send(answer));
            }
            Input::Inbox(messages) => {
                for message in messages {
                    self.handled = Some(message.id);
                    let events = self.state.answer_command(message.verb, &message.actor);
                    self.commit(events).await?;
                }
            }
            Input::Time => self.commit(Vec::new()).await?,
        }
        Ok(())
    }

    /// A cancel before the target moves stops the final gates.
    fn is_stopping_landing(&self) -> bool {
        self.state.landing.is_some()
            && self
                .state
                .run
                .as_ref()
                .is_some_and(|run| run.stop.is_some())
    }

    /// What may be the last of the run: says what changed in the user's repository since this was last asked.
    async fn last_look(&self, outcome: &Outcome) -> Vec<NewEvent> {
        let may_be_last = matches!(
            outcome,
            Outcome::Agent { .. }
                | Outcome::Gate {
                    at: GatePoint::Final,
                    ..
                }
        );
        if !may_be_last || !self.effects.is_empty() {
            return Vec::new();
        }
        let site = Arc::clone(&self.site);
        let changes = blocking(move || Ok(site.foreign_changes())).await;
        changes
            .unwrap_or_else(|error| vec![told(&error)])
            .into_iter()
            .map(|message| NewEvent::story(EventKind::Warning { message }))
            .collect()
    }

    /// Applies events and everything decided because of them, stores all of it at once, then acts on it. After a failure nothing
    /// is decided: what is recorded then waits for the next run.
    async fn commit(&mut self, new: Vec<NewEvent>) -> Result<()> {
        let now = Timestamp::now();
        let mut events = Vec::with_capacity(new.len());
        for event in new {
            let event = self.stamp(event, now);
            self.state.apply(&event);
            events.push(event);
        }
        let (story, run) = (self.lease.story(), self.run);
        if self.failure.is_none() {
            let decided = self.state.settle(now, |state, event| {
                stamp(story, Some(run), state.last_seq + 1, now, event)
            });
            events.extend(decided);
        }
        let handled = self.handled.take();
        if events.is_empty() && handled.is_none() {
            return Ok(());
        }
        self.store
            .append(&self.lease, &events, self.state.status, handled)
            .await?;
        self.published.send_replace(self.state.last_seq);
        if self.state.is_cancelling() || self.is_stopping_landing() {
            self.cancel.cancel();
        }
        for event in &events {
            self.act_on(event)?;
        }
        Ok(())
    }

    fn stamp(&self, event: NewEvent, now: Timestamp) -> Event {
        stamp(
            self.lease.story(),
            Some(self.run),
            self.state.last_seq + 1,
            now,
            event,
        )
    }

    fn act_on(&mut self, event: &Event) -> Result<()> {
        match &event.kind {
            kind if kind.is_intent() => self.launch(event, false)?,
            EventKind::TaskAccepted { .. } => {
                if let Some(ix) = event.task.as_ref().and_then(|id| self.state.ix(id)) {
                    self.remove_workspace(ix);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn launch(&mut self, intent: &Event, after_crash: bool) -> Result<()> {
        let job = Job::of(&self.state, intent, after_crash).ok_or_else(|| damaged(intent))?;
        let site = Arc::clone(&self.site);
        let (cancel, registrar) = (self.cancel.child_token(), self.registrar.clone());
        let points = EffectPoints::of(&intent.kind);
        let passed = points.clone();
        let effect = self.effects.spawn(async move {
            passed.pass("before");
            if let Job::Workspace(workspace) = &job
                && let Some(outcome) = workspace::await_workspace(&site, workspace, &cancel).await
            {
                return Ok(outcome);
            }
            let outcome = job.perform(site, cancel, registrar).await;
            passed.pass("after");
            outcome
        });
        self.points.insert(effect.id(), points);
        Ok(())
    }

    /// A crash may have come between an acceptance and the removal of the workspace.
    fn sweep_workspaces(&mut self) {
        for ix in 0..self.state.tasks.len() as Ix {
            let task = self.state.task(ix);
            let stands = task
                .workspace
                .as_ref()
                .is_some_and(|name| self.site.places.workspace(name).exists());
            if task.commit.is_some() && stands {
                self.remove_workspace(ix);
            }
        }
    }

    fn remove_workspace(&mut self, ix: Ix) {
        let task = self.state.task(ix);
        if let Some(name) = task.workspace.clone() {
            let sealed = sealed_commit(task);
            let site = Arc::clone(&self.site);
            self.chores
                .spawn(workspace::remove_workspace(site, name, sealed));
        }
    }
}

/// The tasks whose work is in the accepted head.
pub(crate) fn accepted_tasks(state: &State) -> Vec<Ix> {
    let tasks = state.tasks.iter().zip(0..);
    tasks
        .filter(|(task, _)| task.commit.is_some())
        .map(|(_, ix)| ix)
        .collect()
}

fn panicked(error: &JoinError) -> Error {
    Error::new(ErrorKind::Internal, format!("an effect panicked: {error}"))
}

pub(crate) fn stamp(
    story: StoryId,
    run: Option<RunId>,
    seq: u64,
    now: Timestamp,
    event: NewEvent,
) -> Event {
    Event {
        seq,
        at: now,
        story,
        run,
        task: event.task,
        attempt: event.attempt,
        kind: event.kind,
    }
}

/// The reason why a request was refused.
pub(crate) fn refusal(events: &[NewEvent]) -> Result<(), String> {
    events
        .iter()
        .find_map(|event| match &event.kind {
            EventKind::CommandRefused { why, .. } => Some(Err(why.clone())),
            _ => None,
        })
        .unwrap_or(Ok(()))
}
