//! The decision core: `apply` folds events into [`State`], `decide` says what comes next.
//!
//! No input or output, no clock, no randomness: time is an argument and everything else enters as an event, so that
//! thousands of schedules, failures and crashes can be simulated in a second. The laws:
//!
//! - folding the same events gives the same state, wherever the fold is cut;
//! - once its own decisions are applied, `decide` has nothing more to say ([`State::settle`] runs to that point);
//! - every effect is the consequence of an `intent.*` event, and [`State::outstanding`] lists those without an outcome.

mod apply;
mod attempts;
mod batch;
mod budget;
mod command;
mod counts;
mod decide;
mod gates;
mod index;
mod integrate;
mod landing;
#[cfg(test)]
mod mutant;
mod outcome;
mod provider;
mod run;
#[cfg(test)]
mod simulator;
#[cfg(test)]
mod staged;
mod task;
mod throttle;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

pub(crate) use batch::Batch;
use budget::Spent;
use counts::Count;
use index::Index;
pub(crate) use landing::Landing;
pub(crate) use outcome::{AgentEnd, LandOutcome, LandingBuild, Outcome, SealEnd};
pub(crate) use provider::Breaker;
pub(crate) use run::{Panel, Run, Stop};
pub(crate) use task::{Phase, Task};
use throttle::Throttle;

use crate::model::{
    CommitId, Event, EventKind, GateDefinition, GatePoint, NewEvent, Plan, Policy, StoryContext,
    StoryId, StoryStatus, TaskId, Usage,
};

/// Whether a planted fault is switched on. Always `false` outside of the tests that show that the simulator catches it.
#[cfg(not(test))]
macro_rules! planted {
    ($name:ident) => {
        false
    };
}
#[cfg(test)]
macro_rules! planted {
    ($name:ident) => {
        $crate::engine::state::mutant::is_planted($crate::engine::state::mutant::Mutant::$name)
    };
}
use planted;

/// What `story.created` said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoryFacts {
    pub(crate) id: StoryId,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) slug: String,
    pub(crate) branch: String,
    pub(crate) base: CommitId,
    pub(crate) target: Option<String>,
    pub(crate) worktree: Option<String>,
    pub(crate) fingerprint: String,
    pub(crate) created_at: Timestamp,
}

/// Tasks as numbers: the position in the plan.
pub(crate) type Ix = u32;

/// A green verdict that need not be asked for again: tree, gate, and the kind of workspace it ran in.
type Green = (CommitId, String, GatePoint);

/// The fold of a story's events.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct State {
    pub(crate) story: Option<StoryFacts>,
    /// What the repository says about it, where that was looked for.
    pub(crate) context: Option<Arc<StoryContext>>,
    pub(crate) policy: Policy,
    pub(crate) status: StoryStatus,
    pub(crate) plan: Option<Arc<Plan>>,
    /// The marker of an agent that is asked for a plan.
    pub(crate) decomposing: Option<String>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) run: Option<Run>,
    pub(crate) landing: Option<Landing>,
    /// The accepted head and its tree.
    pub(crate) head: Option<(CommitId, CommitId)>,
    pub(crate) batch: Option<Batch>,
    /// The candidate gates on the accepted head, which come before anything else once the gates changed, in whatever run.
    pub(crate) regate: Option<Panel>,
    pub(crate) last_seq: u64,
    /// Providers whose limit keeps their agents from starting.
    pub(crate) breakers: BTreeMap<String, Breaker>,
    /// Definitions of the gates, from the last run.
    pub(crate) gates: Vec<GateDefinition>,
    /// Digests of the agents, from the last run.
    pub(crate) agents: BTreeMap<String, String>,
    /// The provider of each agent that has one, from the last run.
    providers: BTreeMap<String, String>,
    /// Gates that were red and then green on one tree.
    pub(crate) flaky: BTreeSet<String>,
    /// Runs of any gate.
    pub(crate) gate_runs: u32,
    pub(crate) usage: Usage,
    pub(crate) landed: Option<(CommitId, CommitId)>,

    index: Index,
    dependents: Vec<Vec<Ix>>,
    waves: Vec<Vec<Ix>>,
    /// Tasks of each wave that are not terminal.
    unfinished: Vec<usize>,
    /// No wave before this one has any of them.
    first_unfinished: usize,
    /// Tasks whose phase asks for a decision.
    agenda: BTreeSet<Ix>,
    /// Tasks that wait for a free agent.
    queued: BTreeSet<Ix>,
    /// Tasks that wait for a time.
    timers: BTreeSet<(Timestamp, Ix)>,
    /// Sealed tasks that wait for a candidate.
    ready: BTreeSet<Ix>,
    /// Tasks to be blocked, and by whom.
    to_block: BTreeMap<Ix, Ix>,
    /// Attempts under way.
    busy: usize,
    /// Those of them that have an agent, or had one and are not sealed yet.
    holders: BTreeSet<Ix>,
    /// Agents whose processes failed lately.
    throttles: BTreeMap<String, Throttle>,
    spent: Spent,
    /// Tasks of the current wave that are neither integrated, nor waiting for it, nor terminal.
    open_in_wave: usize,
    /// Candidates are built without waiting for the wave to drain, until `ready` is empty.
    flush: bool,
    candidates: u32,
    greens: HashSet<Green>,
    /// How many tests ran where a gate that counts them judged a tree as a candidate; `None` where its output did not say.
    counted: HashMap<(CommitId, String), Option<Count>>,
}

impl State {
    /// Folds events from the beginning.
    pub(crate) fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut state = Self::default();
        for event in events {
            state.apply(event);
        }
        state
    }

    /// Decides until there is nothing left to decide at `now`, applying each decision. `record` turns a decision
    /// into a durable event; the caller appends what it returns, in order, before acting on any of it.
    pub(crate) fn settle(
        &mut self,
        now: Timestamp,
        mut record: impl FnMut(&Self, NewEvent) -> Event,
    ) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        loop {
            let decisions = self.decide(now);
            if decisions.is_empty() {
                return events;
            }
            events.reserve(decisions.len());
            for decision in decisions {
                let event = record(self, decision);
                self.apply(&event);
                events.push(event);
            }
        }
    }

    /// The position of a task.
    pub(crate) fn ix(&self, id: &TaskId) -> Option<Ix> {
        self.index.get(id).copied()
    }

    pub(crate) fn task(&self, ix: Ix) -> &Task {
        &self.tasks[ix as usize]
    }

    /// The earliest time at which `decide` may have something new to say without another event.
    pub(crate) fn next_wakeup(&self) -> Option<Timestamp> {
        let waits = self.run.as_ref().is_some_and(|run| run.stop.is_none());
        let timer = self
            .timers
            .iter()
            .find(|(_, ix)| waits && self.is_current(*ix))
            .map(|(at, _)| *at);
        let breaker = self
            .breakers
            .values()
            .filter_map(|breaker| breaker.until)
            .min();
        match (timer, breaker) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Whether effects should be stopped.
    pub(crate) fn is_cancelling(&self) -> bool {
        self.run
            .as_ref()
            .is_some_and(|run| matches!(run.stop, Some(Stop::Cancel | Stop::Abort)))
    }

    /// The accepted head. Falls back on nothing: a story without a head has no events.
    pub(crate) fn head_commit(&self) -> CommitId {
        self.head
            .map_or(CommitId::from_bytes([0; 20]), |(commit, _)| commit)
    }

    pub(crate) fn head_tree(&self) -> CommitId {
        self.head
            .map_or(CommitId::from_bytes([0; 20]), |(_, tree)| tree)
    }

    /// Intents without an outcome: what has to be probed and redone after a crash. At most one per task, one for the
    /// batch and one for the landing.
    pub(crate) fn outstanding(&self) -> Vec<NewEvent> {
        let tasks = self.tasks.iter().filter_map(|task| {
            let intent = EventKind::clone(task.intent.as_ref()?);
            Some(NewEvent::task(task.id.clone(), Some(task.attempt), intent))
        });
        let batch = self.batch.as_ref().and_then(|batch| batch.intent.clone());
        let finals = self.run.as_ref().and_then(|run| run.finals.intent.clone());
        let regate = self.regate.as_ref().and_then(|panel| panel.intent.clone());
        let landing = self
            .landing
            .as_ref()
            .and_then(|landing| landing.intent.clone());
        tasks
            .chain(
                [batch, finals, regate, landing]
                    .into_iter()
                    .flatten()
                    .map(NewEvent::story),
            )
            .collect()
    }

    pub(crate) fn is_green(&self, tree: CommitId, gate: &str, at: GatePoint) -> bool {
        self.greens.contains(&(tree, gate.to_owned(), at))
    }

    /// What the repository says about the story, in words; empty where nobody looked.
    pub(crate) fn context_text(&self) -> String {
        let context = self.context.as_ref();
        context.map(|context| context.text()).unwrap_or_default()
    }

    pub(crate) fn gate(&self, name: &str) -> Option<&GateDefinition> {
        self.gates.iter().find(|gate| gate.name == name)
    }
}

/// The two events that announce a gate run: the intent, then the public one.
fn gate_events(gate: &str, at: GatePoint, (commit, tree): (CommitId, CommitId)) -> [EventKind; 2] {
    [
        EventKind::IntentGate {
            gate: gate.to_owned(),
            at,
            commit,
            tree,
        },
        EventKind::GateStarted {
            gate: gate.to_owned(),
            at,
            commit,
        },
    ]
}
