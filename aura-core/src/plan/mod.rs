//! From a list of tasks to a validated graph cut into waves: pure functions, no files, no clock.
//!
//! [`Draft`] is what a reader hands in: tasks with the places their parts were read from. Building it
//! finds every problem at once, orders tasks whose files overlap, and derives the waves.

mod build;
mod check;
mod draft;
mod graph;
mod lint;
mod overlap;
mod rules;
mod scope;
mod select;
mod suggest;
mod waves;

#[cfg(test)]
mod tests;

pub(crate) use build::refusal;
pub(crate) use draft::{Done, Draft, DraftTask, Place, Problems, StatedWave};
pub(crate) use rules::Rules;
pub(crate) use scope::{covers, refuse_entry};
pub(crate) use select::{epic_name, numbered};
pub(crate) use suggest::{closest, shown};
