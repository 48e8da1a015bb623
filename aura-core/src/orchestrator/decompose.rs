//! From a sentence to a plan: an agent is asked, its answer is judged as any plan is, and it is asked again where that fails.

mod answer;
mod work;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::answer::reached;
use self::work::Decomposition;
use super::handle::RunEvent;
use super::runs::check_limits;
use super::stories::check_parallel;
use super::{Orchestrator, damaged};
use crate::engine::StoryPlaces;
use crate::engine::state::State;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{DecomposeOptions, Event, EventKind, Plan, StoryId, StoryStatus};

/// Tasks of a plan that anybody asks for, at the most.
const MOST_TASKS: usize = 10_000;

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
    /// stops the agent; the story is then as it was before. So does a [`Verb::Cancel`](crate::Verb::Cancel) of any process, which cancels the story.
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
