//! Steering a story from any process, and waiting for a run that another one drives.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::Orchestrator;
use crate::engine::state::State;
use crate::engine::{refusal, stamp};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Event, EventKind, NewEvent, RunId, StoryId, Verb};
use crate::store::Lease;

/// The longest wait for a change of the store before the story's owner is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

impl Orchestrator {
    /// Asks something of a story, whether this process runs it, another one, or none. Returns when it was answered.
    /// Cancel safe: once sent, the request is answered even if nobody waits.
    ///
    /// # Errors
    /// `Refused` with the reason when it is not possible in the present state.
    pub async fn command(&self, story: StoryId, verb: Verb, actor: &str) -> Result<()> {
        let mut after = self.last_seq(story).await?;
        // Unique, so that the answer is recognised among those of others.
        let actor = format!("{actor}/{}", Uuid::now_v7().simple());
        self.store.send(story, verb.clone(), &actor).await?;
        let mut cursor = 0;
        let mut is_inbox_answered = false;
        loop {
            for event in self.new_events(story, after).await? {
                after = event.seq;
                match event.kind {
                    EventKind::CommandAccepted { actor: by, .. } if by == actor => return Ok(()),
                    EventKind::CommandRefused { actor: by, why, .. } if by == actor => {
                        return Err(Error::new(ErrorKind::Refused, why));
                    }
                    _ => {}
                }
            }
            if is_inbox_answered {
                return Err(Error::new(
                    ErrorKind::Refused,
                    "the request was taken away without an answer",
                )
                .with_help("run the same version of Aura everywhere, then ask again"));
            }
            match self.store.acquire(story).await {
                Ok(lease) => {
                    self.answer_inbox(lease).await?;
                    is_inbox_answered = true;
                }
                Err(error) if error.kind() == ErrorKind::StoryBusy => {
                    cursor = self.change(cursor).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits for a change of the store, but not for long: the end of a lease is none.
    async fn change(&self, cursor: u64) -> Result<u64> {
        match tokio::time::timeout(LOOK_AGAIN, self.store.changed(cursor)).await {
            Ok(changed) => changed,
            Err(_) => Ok(cursor),
        }
    }

    /// The number of the last event, found without reading the log: numbers have no gaps, so halving finds their end.
    pub(super) async fn last_seq(&self, story: StoryId) -> Result<u64> {
        let (mut present, mut absent) = (0, 1);
        while self.has_event_after(story, absent - 1).await? {
            present = absent;
            absent *= 2;
        }
        while absent - present > 1 {
            let middle = u64::midpoint(present, absent);
            if self.has_event_after(story, middle - 1).await? {
                present = middle;
            } else {
                absent = middle;
            }
        }
        Ok(present)
    }

    async fn has_event_after(&self, story: StoryId, seq: u64) -> Result<bool> {
        Ok(!self.store.events(story, seq, 1).await?.is_empty())
    }

    /// Answers what nobody runs the story to answer. Whether the story was cancelled by that.
    pub(super) async fn answer_inbox(&self, lease: Lease) -> Result<bool> {
        let story = lease.story();
        let (mut state, mut events) = self.load(story).await?;
        let run = state
            .run
            .as_ref()
            .map_or_else(|| RunId::from_uuid(Uuid::now_v7()), |run| run.id);
        let mut cancelled = false;
        for message in self.store.inbox(story).await? {
            let answers = match message.verb {
                // The process of the run is gone, so that whoever takes it up would meet what was meant for that one.
                Verb::Pause | Verb::Resume if state.run.is_some() => vec![NewEvent::story(
                    EventKind::CommandRefused {
                        verb: message.verb.clone(),
                        actor: message.actor.clone(),
                        why: "the run was interrupted, and no process goes on with it: run the story again".to_owned(),
                    },
                )],
                _ => state.answer_command(message.verb.clone(), &message.actor),
            };
            cancelled |= message.verb == Verb::Cancel && refusal(&answers).is_ok();
            let appended = self
                .append(&lease, &mut state, Some(run), answers, Some(message.id))
                .await?;
            events.extend(appended);
        }
        if cancelled && state.run.is_some() {
            // The run was interrupted by a crash: what it left is stopped and recorded.
            self.end_cancelled(lease, state, &events)
                .await?
                .finished()
                .await?;
        }
        Ok(cancelled)
    }

    /// Stores events and folds them into `state`; `handled` is the message that they answer.
    pub(super) async fn append(
        &self,
        lease: &Lease,
        state: &mut State,
        run: Option<RunId>,
        new: Vec<NewEvent>,
        handled: Option<u64>,
    ) -> Result<Vec<Event>> {
        let now = Timestamp::now();
        let mut events = Vec::with_capacity(new.len());
        for event in new {
            let event = stamp(lease.story(), run, state.last_seq + 1, now, event);
            state.apply(&event);
            events.push(event);
        }
        self.store
            .append(lease, &events, state.status, handled)
            .await?;
        Ok(events)
    }

    /// Waits until no run of the story is under way, in whatever process it is. `false` when the time was up first. Cancel safe.
    ///
    /// # Errors
    /// `Refused` when the run was interrupted and nobody goes on with it.
    pub async fn wait_until_idle(&self, story: StoryId, timeout: Option<Duration>) -> Result<bool> {
        let idle = async {
            let (mut state, _) = self.load(story).await?;
            let mut cursor = 0;
            loop {
                let Some(run) = state.run.as_ref().map(|run| run.id) else {
                    return Ok(());
                };
                let owner = self.store.owner(story).await?;
                // Whoever ends a run records its end before the story gets free, so that the log is read after the owner.
                for event in self.new_events(story, state.last_seq).await? {
                    state.apply(&event);
                }
                let is_same = state.run.as_ref().is_some_and(|now| now.id == run);
                if owner.is_none() && is_same {
                    return Err(Error::new(
                        ErrorKind::Refused,
                        "the run was interrupted and nobody goes on with it",
                    )
                    .with_help("run the story again to take it up"));
                }
                if is_same {
                    cursor = self.change(cursor).await?;
                }
            }
        };
        match timeout {
            None => idle.await.map(|()| true),
            Some(timeout) => match tokio::time::timeout(timeout, idle).await {
                Ok(result) => result.map(|()| true),
                Err(_) => Ok(false),
            },
        }
    }
}
