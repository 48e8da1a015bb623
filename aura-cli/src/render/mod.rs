//! What people and programs see.

mod bars;
mod event;
mod graph;
mod report;
mod reporter;
mod status;
mod text;

pub(crate) mod problems;
pub(crate) mod style;

pub(crate) use event::describe;
pub(crate) use graph::{PlanView, plan_text, unreadable};
pub(crate) use report::report;
pub(crate) use reporter::Reporter;
pub(crate) use status::{show, status, stories};
pub(crate) use text::{duration, word};
