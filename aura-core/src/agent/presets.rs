//! Agents that are ready to use.

pub use super::command::CommandAgent;
pub use super::host::HostAgent;
use crate::host::HostQueue;

/// Any program that reads its prompt from stdin and works in its directory.
///
/// No shell interprets the arguments.
pub fn command<I, S>(argv: I) -> CommandAgent
where
    I: IntoIterator<Item = S>,
    S: Into<String>,
{
    CommandAgent::new(argv)
}

/// An agent that the host of the library implements: it pulls its jobs from the queue.
///
/// `name` is what the host knows it by; `version` has to change when what it does changes.
pub fn host(queue: &HostQueue, name: impl Into<String>, version: impl Into<String>) -> HostAgent {
    HostAgent::new(queue, name, version)
}
