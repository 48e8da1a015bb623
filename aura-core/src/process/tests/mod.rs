//! Real programs, most of them hostile, below real guards.

mod basics;
mod hostile;
mod limits;
mod recovery;
mod support;
