//! Nothing is started that does not fit, and a wave overshoots by no more than what runs already.

use proptest::prelude::*;

use super::{End, Stage, Start, tasks};
use crate::model::{Budget, FailureClass, Limits, Policy, RunOptions, RunOutcome};

fn policy(max_parallel: usize) -> Policy {
    Policy {
        max_parallel,
        backoff_ms: 1,
        ..Policy::default()
    }
}

fn limited(limits: Limits) -> RunOptions {
    RunOptions::default().limits(limits)
}

fn stage<S: FnMut(&Start) -> End>(count: usize, parallel: usize, script: S) -> Stage<S> {
    Stage::new(
        tasks(count, |_| "default"),
        policy(parallel),
        &[("default", None)],
        script,
    )
}

#[test]
fn attempts_are_counted_over_all_runs_and_a_higher_limit_goes_on() {
    let mut stage = stage(10, 3, |_| End::well(60));
    let (outcome, why) = stage.run(limited(Limits::default().attempts(4)));
    assert_eq!(
        (outcome, stage.starts.len(), stage.accepted()),
        (RunOutcome::Paused, 4, 4)
    );
    assert!(
        why.contains("4 of 4 attempts are made") && why.contains("raise the limit"),
        "{why}"
    );
    let (outcome, _) = stage.run(limited(Limits::default().attempts(4)));
    assert_eq!(
        (outcome, stage.starts.len()),
        (RunOutcome::Paused, 4),
        "nothing is left"
    );
    let (outcome, _) = stage.run(limited(Limits::default().attempts(7)));
    assert_eq!((outcome, stage.accepted()), (RunOutcome::Paused, 7));
    let (outcome, _) = stage.run(RunOptions::default());
    assert_eq!(
        (outcome, stage.accepted()),
        (RunOutcome::ReadyToComplete, 10)
    );
    let exceeded = ["Attempts exceeded", "paused"];
    assert_eq!(stage.told(), [exceeded; 3].concat());
}

#[test]
fn restarts_and_retries_are_attempts_too() {
    let mut stage = stage(3, 1, |start| match start.number {
        0 => End::failed(FailureClass::Exit, 1),
        2 => End::failed(FailureClass::Timeout, 1),
        _ => End::well(1),
    });
    let (outcome, _) = stage.run(limited(Limits::default().attempts(4)));
    assert_eq!((outcome, stage.starts.len()), (RunOutcome::Paused, 4));
    let (outcome, _) = stage.run(limited(Limits::default().attempts(5)));
    assert_eq!(
        (outcome, stage.accepted()),
        (RunOutcome::ReadyToComplete, 3)
    );
}

/// A budget that is just enough does not stop anything.
#[test]
fn what_fits_exactly_is_done() {
    for limits in [
        Limits::default().attempts(10),
        Limits::default().tokens(1_000),
        Limits::default().cost_usd(1.0),
    ] {
        let mut stage = stage(10, 3, |_| End::well(60).using(100));
        let (outcome, why) = stage.run(limited(limits));
        assert_eq!(outcome, RunOutcome::ReadyToComplete, "{limits:?}: {why}");
    }
}

#[test]
fn an_agent_that_reports_nothing_is_limited_by_attempts_alone() {
    let mut stage = stage(10, 3, |_| End::well(60));
    let (outcome, _) = stage.run(limited(Limits::default().tokens(1).cost_usd(0.01)));
    assert_eq!(outcome, RunOutcome::ReadyToComplete);
}

#[test]
fn the_budget_that_is_exceeded_is_named_with_what_is_left() {
    for (limits, which, told) in [
        (
            Limits::default().tokens(450),
            Budget::Tokens,
            "400 of 450 tokens are used, and an attempt took up to 100",
        ),
        (
            Limits::default().cost_usd(0.45).tokens(10_000),
            Budget::Cost,
            "0.40 of 0.45 dollars are spent, and an attempt cost up to 0.10",
        ),
    ] {
        let mut stage = stage(10, 2, |_| End::well(60).using(100));
        let (outcome, why) = stage.run(limited(limits));
        assert_eq!((outcome, stage.accepted()), (RunOutcome::Paused, 4));
        assert!(why.contains(told), "{why}");
        assert_eq!(
            stage.told(),
            [format!("{which:?} exceeded"), "paused".to_owned()]
        );
    }
}

/// A cost that is no amount buys nothing, and does not spoil the sum.
#[test]
fn a_cost_that_is_no_amount_counts_as_none() {
    for cost in [-5.0, f64::NAN, f64::INFINITY] {
        let mut stage = stage(4, 1, |start| {
            let mut end = End::well(1).using(1_000);
            if start.number == 1 {
                end.usage.cost_usd = cost;
            }
            end
        });
        let (outcome, _) = stage.run(limited(Limits::default().cost_usd(3.0)));
        assert_eq!(outcome, RunOutcome::ReadyToComplete, "{cost}");
        assert!((stage.state.usage.cost_usd - 3.0).abs() < 1e-9, "{cost}");
    }
}

/// Of a schedule with such agents: tokens used, what starts took beyond the largest one known when they began, starts.
fn spend(uses: &[u64], parallel: usize, limits: Limits) -> (u64, u64, usize, RunOutcome) {
    let script = |start: &Start| {
        let seconds = 10 + i64::try_from(start.task % 7).expect("small");
        End::well(seconds).using(uses[start.task])
    };
    let mut stage = stage(uses.len(), parallel, script);
    let (outcome, _) = stage.run(limited(limits));
    let ended = |start: &Start| start.at.as_second() + 10 + (start.task % 7) as i64;
    let beyond = stage.starts.iter().map(|start| {
        let known = stage
            .starts
            .iter()
            .filter(|other| ended(other) <= start.at.as_second());
        let largest = known.map(|other| uses[other.task]).max().unwrap_or(0);
        uses[start.task].saturating_sub(largest)
    });
    let beyond = beyond.sum();
    (
        stage.state.usage.tokens(),
        beyond,
        stage.starts.len(),
        outcome,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    /// More than the limit is used only by what an attempt took beyond the largest one before it.
    #[test]
    fn a_wave_overshoots_by_no_more_than_what_was_not_known(
        uses in proptest::collection::vec(1_u64..1_000, 1..40),
        parallel in 1_usize..9,
        limit in 1_u64..20_000,
    ) {
        let (used, beyond, starts, outcome) = spend(&uses, parallel, Limits::default().tokens(limit));
        prop_assert!(used <= limit + beyond, "{used} of {limit}, {beyond} unknown, {starts} starts");
        let all: u64 = uses.iter().sum();
        prop_assert_eq!(outcome == RunOutcome::ReadyToComplete, used == all);
    }

    /// With attempts of one size only the first wave can overshoot, and nothing that fits is left undone.
    #[test]
    fn attempts_of_one_size_overshoot_in_the_first_wave_alone(
        size in 1_u64..1_000,
        count in 1_usize..40,
        parallel in 1_usize..9,
        limit in 1_u64..20_000,
    ) {
        let (used, _, starts, outcome) =
            spend(&vec![size; count], parallel, Limits::default().tokens(limit));
        prop_assert!(used <= limit.max(size * parallel.min(count) as u64));
        if outcome == RunOutcome::Paused {
            prop_assert!(used + size > limit, "{used} of {limit} after {starts} starts");
        }
    }

    #[test]
    fn there_are_never_more_attempts_than_allowed(
        count in 1_usize..40,
        parallel in 1_usize..9,
        limit in 1_u64..40,
    ) {
        let (_, _, starts, _) = spend(&vec![1; count], parallel, Limits::default().attempts(limit));
        prop_assert_eq!(starts as u64, limit.min(count as u64));
    }
}
