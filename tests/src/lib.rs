//! What the behaviour tests stand on: real git repositories in every starting state, and an agent that does what a script says.
//!
//! Everything here panics with a message when the ground itself gives way: a test has nothing better to do.

#[cfg(unix)]
mod barrier;
pub mod conformance;
pub mod llm;
mod repo;
pub mod scenario;
mod script;
mod scripted;
mod snapshot;

#[cfg(unix)]
pub use barrier::{Barrier, arrive, meet};
pub use repo::{Starting, TempRepo};
pub use script::{Case, Script, Shape, Step, Stream};
pub use scripted::{Prompt, ScriptedAgent, Start, survivors};
pub use snapshot::Snapshot;
