//! The facade: opens a repository, creates stories, runs and completes them.

mod analyze;
mod builder;
mod ceremony;
mod commands;
mod decompose;
mod doctor;
mod handle;
mod runs;
mod stories;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use builder::OrchestratorBuilder;
pub use decompose::DecomposeHooks;
pub use doctor::{DoctorCheck, DoctorReport};
pub use handle::{Run, RunControl, RunEvent, RunEvents};

use crate::context::ContextProvider;
use crate::engine::Workshop;
use crate::engine::state::State;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Event, Plan, StoryId};
use crate::store::StoryStore;
use crate::view::{Report, StatusView, Story};
use jiff::Timestamp;

/// Events read from the store at once.
const PAGE: usize = 1_024;

/// Runs stories on one repository. Cheap to clone; all clones share one store.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> aura_core::Result<()> {
/// use aura_core::{CompleteOptions, Orchestrator, Plan, RunOptions, StorySpec, agents, gates};
///
/// let aura = Orchestrator::builder("path/to/repository")
///     .agent("default", agents::command(["my-agent", "--yes"]))
///     .gate(gates::command("test", ["cargo", "test"]))
///     .open()
///     .await?;
/// let story = aura.create_story(StorySpec::from_plan(Plan::load("tasks.yaml")?)).await?;
/// let mut run = aura.run(story, RunOptions::default().max_parallel(3)).await?;
/// while let Some(event) = run.next_event().await? {
///     println!("{event:?}");
/// }
/// run.wait().await?;
/// let report = aura.complete(story, CompleteOptions::default().merge(true)).await?.wait().await?;
/// println!("{:?}", report.outcome);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Orchestrator {
    shop: Arc<Workshop>,
    store: Arc<dyn StoryStore>,
    context: Arc<dyn ContextProvider>,
}

impl Orchestrator {
    /// Begins to open the repository that `path` lies in: any place inside it, or a worktree of one of its stories.
    pub fn builder(path: impl Into<std::path::PathBuf>) -> OrchestratorBuilder {
        OrchestratorBuilder::new(path.into())
    }

    /// All events of a story with a number greater than `after`. Cancel safe.
    ///
    /// # Errors
    /// `NotFound` when there is no such story.
    pub async fn events(&self, story: StoryId, after: u64) -> Result<Vec<Event>> {
        let events = self.new_events(story, after).await?;
        if events.is_empty() && after == 0 {
            return Err(
                Error::new(ErrorKind::NotFound, format!("there is no story {story}"))
                    .with_help("list the stories to see their ids"),
            );
        }
        Ok(events)
    }

    async fn new_events(&self, story: StoryId, after: u64) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        let mut cursor = after;
        loop {
            let page = self.store.events(story, cursor, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(events);
            };
            cursor = last.seq;
            // A page that is not full is the last one.
            let is_last = page.len() < PAGE;
            events.extend(page);
            if is_last {
                return Ok(events);
            }
        }
    }

    /// A story as it is now, its tasks with what became of them. Cancel safe.
    ///
    /// # Errors
    /// `NotFound` when there is no such story; `Store` when its log cannot be read.
    pub async fn story(&self, story: StoryId) -> Result<Story> {
        let (state, events) = self.load(story).await?;
        Story::of(&state, &events).ok_or_else(|| damaged(story))
    }

    /// The plan of a story. Cancel safe.
    ///
    /// # Errors
    /// `Refused` when it has none yet.
    pub async fn plan(&self, story: StoryId) -> Result<Plan> {
        let (state, _) = self.load(story).await?;
        let none = || Error::new(ErrorKind::Refused, "the story has no plan yet");
        state.plan.map(Arc::unwrap_or_clone).ok_or_else(none)
    }

    /// Where a story is, for people and programs that look often. Cancel safe.
    ///
    /// # Errors
    /// `NotFound` when there is no such story; `Store` when its log cannot be read.
    pub async fn status(&self, story: StoryId) -> Result<StatusView> {
        let (state, events) = self.load(story).await?;
        let view =
            StatusView::of(&state, &events, Timestamp::now()).ok_or_else(|| damaged(story))?;
        // Whoever ends a run records its end before the story gets free, so that the log is looked at after the owner.
        let is_interrupted = state.run.is_some()
            && self.store.owner(story).await?.is_none()
            && self
                .store
                .events(story, state.last_seq, 1)
                .await?
                .is_empty();
        let is_given_up = state.decomposing.is_some() && self.store.owner(story).await?.is_none();
        Ok(match view {
            view if is_interrupted => view.interrupted(),
            mut view if is_given_up => {
                view.status = state.before_decomposing();
                view
            }
            view => view,
        })
    }

    /// What became of a story so far, by its last run. Cancel safe.
    ///
    /// # Errors
    /// `Refused` before the end of its first run, and while one is under way or was interrupted.
    pub async fn report(&self, story: StoryId) -> Result<Report> {
        let (state, events) = self.load(story).await?;
        let repository = self.shop.aura.dir().display().to_string();
        let report = Report::of(&state, &events).map(|mut report| {
            for kept in &mut report.salvaged {
                kept.repository.clone_from(&repository);
            }
            report
        });
        report.ok_or_else(|| {
            let why = if state.run.is_some() {
                "the run of the story has not ended"
            } else {
                "the story was not run yet"
            };
            Error::new(ErrorKind::Refused, why).with_help("its status tells where it is")
        })
    }

    async fn load(&self, story: StoryId) -> Result<(State, Vec<Event>)> {
        let events = self.events(story, 0).await?;
        Ok((State::fold(&events), events))
    }
}

fn damaged(story: StoryId) -> Error {
    Error::new(
        ErrorKind::Store,
        format!("the log of story {story} has no beginning"),
    )
}
