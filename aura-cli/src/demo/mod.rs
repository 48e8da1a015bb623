//! The demo: a small real repository, a plan for it, and an agent that needs no account.
//!
//! Nothing in the engine knows of it. The agent is a process like any other, which reads its prompt and edits its directory; the run
//! is the one that `aura run` does.

mod agent;
mod directives;
mod project;
mod tale;

#[cfg(test)]
mod tests;

pub(crate) use agent::run as agent;
pub(crate) use project::Project;
pub(crate) use tale::tell;
