//! Gates that are ready to use.

use std::sync::Arc;

use super::ConfiguredGate;
pub use super::command::CommandGate;
pub use super::detect::{Detected, detect, detect_explained};
pub use super::host::HostGate;
pub use super::secrets::SecretsGate;
use crate::host::HostQueue;

/// A required gate that runs a program with arguments, which no shell interprets, on candidates and on the final result.
pub fn command<I, S>(name: impl Into<String>, argv: I) -> ConfiguredGate
where
    I: IntoIterator<Item = S>,
    S: Into<String>,
{
    ConfiguredGate::new(name, Arc::new(CommandGate::new(argv)))
}

/// A required gate named `secrets` that looks for secrets in added lines, in candidates and in the final result. A net, not a wall.
pub fn secrets() -> ConfiguredGate {
    ConfiguredGate::new("secrets", Arc::new(SecretsGate::new()))
}

/// A required gate that the host of the library implements: it pulls its jobs from the queue.
///
/// `name` is what the host knows it by; `version` has to change when what it checks changes.
pub fn host(
    queue: &HostQueue,
    name: impl Into<String>,
    version: impl Into<String>,
) -> ConfiguredGate {
    let name = name.into();
    ConfiguredGate::new(name.clone(), Arc::new(HostGate::new(queue, name, version)))
}
