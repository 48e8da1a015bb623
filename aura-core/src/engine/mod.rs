//! The machine room: a pure core that decides, one loop that acts on its decisions, and the roles around it.
//!
//! ```text
//! state (apply, decide) <-> dispatcher -> effects -> worker      (workspace, agent, seal)
//!                              |                 \-> integrator  candidate, gate, accept
//!                            store                \-> lander     result, target
//! ```
//!
//! Everything durable is an [`Event`](crate::Event). The core folds events and decides what comes next, without any
//! input or output; the dispatcher appends each decision to the store before it acts on it, so that a crash at any
//! instant leaves a log from which the next run goes on.

mod crash;
mod decompose;
mod dispatcher;
mod effects;
mod inbox;
mod integrator;
mod lander;
mod mask;
mod messages;
mod rooms;
mod seal;
pub(crate) mod state;
mod worker;
mod workshop;
mod workspace;

pub(crate) use decompose::{NAME as DECOMPOSE, Question, Study};
pub(crate) use dispatcher::{Dispatcher, Request, accepted_tasks, refusal, stamp};
pub(crate) use inbox::watch_inbox;
pub(crate) use integrator::checked_out;
pub(crate) use messages::{SAMPLE, is_convention, is_conventional};
pub(crate) use workshop::{Site, StoryPlaces, Workshop, blocking, told};
