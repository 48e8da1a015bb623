//! Whether another language plays a [`Scenario`] as Rust does.
//!
//! A driver asks for a stage ([`setting`]), plays the scenario on it through its own package, writes what the event streams of the run
//! and of the landing delivered into [`EVENTS`] beside the repository, and has it compared ([`check`]): what was delivered is what the
//! store has, event for event; the log agrees with one that Rust makes of the same scenario, but for what differs between any two runs;
//! and so do the branches, the starts of the agent and what the scenario expects.

mod compare;
mod normal;
mod record;

use std::path::Path;

use serde_json::{Value, json};

use crate::scenario::{Scenario, Stage};

pub use compare::{against_expectation, against_store, between_runs};
pub use record::{Logged, Record, Tree, read_events, write_events};

/// The durable events that a driver was told, in wire form, one JSON object per line. Events from before the first run may be left
/// out: no stream delivers them.
pub const EVENTS: &str = "events.jsonl";

/// What a driver needs to play a scenario on a stage that is set: the repository, the plan as `Plan::parse` gives it, and agents,
/// gates, policy and options as they are passed on. The policy and the options have no more than the file says, so that a driver
/// leaves the rest to the library.
///
/// # Errors
/// `InvalidPlan` where the scenario's plan is none.
pub fn setting(path: &Path, stage: &Stage) -> aura_core::Result<Value> {
    let scenario = Scenario::read(path);
    let text = std::fs::read_to_string(path).expect("it was read before");
    let file: Value = serde_json::from_str(&text).expect("it was JSON before");
    let said = |key: &str| file.get(key).cloned().unwrap_or_else(|| json!({}));
    let gates: Vec<Value> = scenario
        .gates
        .iter()
        .map(|gate| {
            json!({
                "name": gate.name,
                "command": stage.gate_command(gate),
                "at": gate.at,
                "required": gate.required,
                "flaky": gate.flaky,
            })
        })
        .collect();
    Ok(json!({
        "repo": stage.repo(),
        "plan": scenario.plan()?,
        "agents": { "default": { "command": stage.agent_command() } },
        "gates": gates,
        "policy": said("policy"),
        "options": said("options"),
        "merge": scenario.merge,
    }))
}

/// What is different on a stage where a driver played the scenario, a line each; nothing where it conforms. `program` is the
/// scripted agent, which a run for comparison is given.
///
/// # Errors
/// What the library says about the run for comparison.
pub async fn check(
    scenario: &Scenario,
    directory: &Path,
    program: &Path,
) -> aura_core::Result<Vec<String>> {
    let (delivered, mut lines) = read_events(&directory.join(EVENTS));
    let stage = Stage::new(directory, program);
    if stage.is_bare() {
        lines.push(format!("{} has no repository", directory.display()));
        return Ok(lines);
    }
    let stored = match Record::of_stage(&stage, scenario).await {
        Ok(stored) => stored,
        Err(error) => {
            lines.push(format!("{}: {error}", stage.repo().display()));
            return Ok(lines);
        }
    };
    lines.extend(against_store(&delivered, &stored.events));
    let found = stored.with_delivered(delivered);
    lines.extend(against_expectation(scenario, &found));

    let other = tempfile::tempdir().expect("a temporary directory");
    let directory = other.path().canonicalize().expect("the directory exists");
    let reference = Stage::new(directory, program);
    reference.play(scenario).await?;
    let reference = Record::of_stage(&reference, scenario).await?;
    lines.extend(between_runs(scenario, &found, &reference));
    Ok(lines)
}
