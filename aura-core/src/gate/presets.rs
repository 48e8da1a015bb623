//! Gates that are ready to use.

use std::sync::Arc;

use super::ConfiguredGate;
pub use super::command::CommandGate;
pub use super::detect::{Detected, detect, detect_explained};
pub use super::host::HostGate;
pub use super::protected::{PROTECTED, ProtectedPaths};
pub use super::secrets::SecretsGate;
use crate::error::Result;
use crate::host::HostQueue;
use crate::model::GateSchedule;

/// A required gate that runs a program with arguments, which no shell interprets, on candidates and on the final result.
pub fn command<I, S>(name: impl Into<String>, argv: I) -> ConfiguredGate
where
    I: IntoIterator<Item = S>,
    S: Into<String>,
{
    ConfiguredGate::new(name, Arc::new(CommandGate::new(argv)))
}

/// The name of the gate that looks for secrets.
pub const SECRETS: &str = "secrets";

/// A required gate named `secrets` that looks for secrets in the lines that each task's own work adds. A net, not a wall.
pub fn secrets() -> ConfiguredGate {
    secret_gate(SecretsGate::new())
}

/// The same by a program that takes the arguments of `gitleaks`; see [`SecretsGate::external`].
pub fn secrets_by<I, S>(argv: I) -> ConfiguredGate
where
    I: IntoIterator<Item = S>,
    S: Into<String>,
{
    secret_gate(SecretsGate::external(argv))
}

fn secret_gate(gate: SecretsGate) -> ConfiguredGate {
    ConfiguredGate::new(SECRETS, Arc::new(gate)).at([GateSchedule::AfterTask])
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

/// A required gate on each task's own work that asks for a person where the task changed what judges it and does not declare that in
/// its `files`: tests that were there, the configuration of CI, of builds and of test runners, hooks, and the files of the repository
/// that the commands of the run's gates name ([`Gate::command`](super::Gate::command)), such as `scripts/check.sh`; what such a script
/// calls in turn is for [`protected_paths_and`]. New tests are welcome, and so are dependencies in `package.json`, `Cargo.toml`, `pyproject.toml`.
///
/// What is below `.aura` is always asked about, declared or not: it decides for later work as well.
///
/// The task then waits for [`Run::approve`](crate::Run::approve), `retry` or `skip`.
pub fn protected_paths() -> ConfiguredGate {
    protected(ProtectedPaths::new())
}

/// The same, with more paths, directories and globs that nobody may touch undeclared.
///
/// # Errors
/// `InvalidInput` for an entry that is no path inside a repository.
pub fn protected_paths_and<T: AsRef<str>>(
    paths: impl IntoIterator<Item = T>,
) -> Result<ConfiguredGate> {
    let paths = paths
        .into_iter()
        .try_fold(ProtectedPaths::new(), |gate, path| gate.and(path.as_ref()))?;
    Ok(protected(paths))
}

fn protected(paths: ProtectedPaths) -> ConfiguredGate {
    ConfiguredGate::new(PROTECTED, Arc::new(paths)).at([GateSchedule::AfterTask])
}
