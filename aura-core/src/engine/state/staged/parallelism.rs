//! An agent that fails again and again gets fewer tasks at once, down to one, and more again when it works.

use super::{End, Stage, Start, tasks};
use crate::model::{FailureClass, Policy, RunOptions, RunOutcome};

const AGENTS: [(&str, Option<&str>); 2] = [("default", None), ("second", None)];

fn policy() -> Policy {
    Policy {
        max_parallel: 8,
        backoff_ms: 100,
        backoff_max_ms: 1_000,
        ..Policy::default()
    }
}

/// Works alone only, as on a machine with too little memory, for the first `bad` starts.
fn cramped(bad: usize) -> impl FnMut(&Start) -> End {
    move |start| {
        if start.number < bad && start.beside > 0 {
            return End::failed(FailureClass::Killed, 2);
        }
        End::well(10)
    }
}

#[test]
fn it_works_one_task_after_the_other_in_the_end_and_recovers() {
    let mut stage = Stage::new(tasks(60, |_| "default"), policy(), &AGENTS, cramped(12));
    let (outcome, _) = stage.run(RunOptions::default());
    assert_eq!(
        (outcome, stage.accepted()),
        (RunOutcome::ReadyToComplete, 60)
    );
    let expected = [4, 2, 1, 2, 4, 8].map(|limit| format!("default: {limit}"));
    assert_eq!(stage.told(), expected);
    // All eight work side by side before the first failure and after the recovery.
    let last = stage.starts.iter().rev().take(20);
    assert_eq!(last.map(|start| start.beside).max(), Some(7));
}

#[test]
fn it_stays_at_one_as_long_as_it_fails_beside_others() {
    let mut stage = Stage::new(
        tasks(12, |_| "default"),
        policy(),
        &AGENTS,
        cramped(usize::MAX),
    );
    let (outcome, _) = stage.run(RunOptions::default());
    assert_eq!(
        (outcome, stage.accepted()),
        (RunOutcome::ReadyToComplete, 12)
    );
    let restarts: u32 = stage.state.tasks.iter().map(|task| task.restarts).sum();
    let unlimited = 12 * policy().restart_max;
    assert!(restarts < unlimited / 2, "{restarts} restarts");
}

/// One agent's failures say nothing about another one.
#[test]
fn another_agent_keeps_its_places() {
    let mix = |number| if number < 20 { "default" } else { "second" };
    let script = |start: &Start| match start.agent.as_str() {
        "default" if start.number < 40 => End::failed(FailureClass::Exit, 1),
        _ => End::well(30),
    };
    let mut stage = Stage::new(tasks(60, mix), policy(), &AGENTS, script);
    stage.run(RunOptions::default());
    assert!(
        stage.told().contains(&"default: 1".to_owned()),
        "{:?}",
        stage.told()
    );
    assert!(!stage.told().iter().any(|line| line.starts_with("second")));
    let beside = stage.starts.iter().filter(|start| start.agent == "second");
    assert_eq!(beside.map(|start| start.beside).max(), Some(7));
}

/// Faults that come one at a time are no pattern.
#[test]
fn single_restarts_change_nothing() {
    let script = |start: &Start| match start.number % 3 {
        2 => End::failed(FailureClass::Exit, 10),
        _ => End::well(10),
    };
    let policy = Policy {
        max_parallel: 2,
        ..policy()
    };
    let mut stage = Stage::new(tasks(40, |_| "default"), policy, &AGENTS, script);
    let (outcome, _) = stage.run(RunOptions::default());
    assert_eq!(
        (outcome, stage.told()),
        (RunOutcome::ReadyToComplete, Vec::<String>::new())
    );
}
