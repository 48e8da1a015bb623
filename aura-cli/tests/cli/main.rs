//! The `aura` program from outside: real repositories, real agents, exit codes and output as programs and people see them.

mod decompose;
mod demo;
mod detached;
#[cfg(unix)]
mod doctor;
mod judges;
mod library;
mod plans;
mod refused;
mod runs;
#[cfg(unix)]
mod secrets;
mod stories;
mod support;
mod trust;
