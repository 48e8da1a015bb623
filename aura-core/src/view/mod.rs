//! What people and programs look at: each view is a pure function of the state, the log and the time.
//!
//! Nothing in the engine depends on a view, and a view changes nothing.

#[cfg(test)]
mod fixture;
mod graph;
mod history;
mod report;
mod schedule;
mod status;
mod story;
mod svg;

pub use graph::{dot, mermaid};
pub use report::{FailedTask, Report, Salvaged};
pub use status::{AgentCounts, GateLine, GateWord, ProviderLimit, StatusView, TaskLine};
pub use story::Story;
pub use svg::svg;
