//! Random schedules with failures, crashes and commands, thousands a second, on a clock that only moves when nothing else can.
//!
//! [`world`] plays git, agents and gates and knows the truth about every tree; [`audit`] reads the event log alone
//! and says what a promise was broken by, [`account`] those about budgets, providers and places. None of them looks into the
//! decision core.

mod account;
mod audit;
mod drive;
mod totals;
mod world;

use super::mutant::{Mutant, with};
pub(super) use world::Random;

use drive::{simulate, simulate_crash_at};

#[test]
fn ten_thousand_random_schedules_keep_every_promise() {
    let mut totals = totals::Totals::default();
    for seed in 0..10_000 {
        match simulate(seed) {
            Ok(stats) => totals.add(&stats),
            Err(why) => panic!("seed {seed}: {why}"),
        }
    }
    // A simulation in which nothing interesting happens proves nothing.
    let interesting = [
        ("accepted", totals.accepted, 20_000),
        ("landed", totals.landed, 1_000),
        ("retries", totals.retries, 5_000),
        ("restarts", totals.restarts, 2_000),
        ("ejected by a gate", totals.ejected_by_gate, 500),
        ("ejected by a conflict", totals.ejected_by_conflict, 500),
        ("failed", totals.failed, 500),
        ("blocked", totals.blocked, 500),
        ("crashes", totals.crashes, 3_000),
        ("cancelled", totals.cancelled, 500),
        ("paused", totals.paused, 500),
        ("flaky", totals.flaky, 200),
        ("parked", totals.parked, 50),
        ("limits", totals.limits, 200),
        ("halved", totals.halved, 300),
        ("doubled", totals.doubled, 25),
        ("out of budget", totals.exhausted, 1_000),
        ("stood in", totals.stood_in, 200),
        ("asked for a person", totals.asked, 500),
        ("approved", totals.approved, 200),
        ("fewer tests", totals.fewer_tests, 500),
    ];
    for (what, seen, least) in interesting {
        assert!(
            seen >= least,
            "{what}: {seen} in 10,000 schedules, expected at least {least}"
        );
    }
}

/// Wherever the log is cut, the rest of the story can be done.
#[test]
fn every_prefix_of_a_log_resumes() {
    let mut cuts = 0;
    for seed in 0..40 {
        for length in 3.. {
            match simulate_crash_at(seed, length) {
                Ok(Some(_)) => cuts += 1,
                Ok(None) => break,
                Err(why) => panic!("seed {seed}, cut after {length} events: {why}"),
            }
        }
    }
    assert!(cuts > 2_000, "{cuts} cuts");
}

#[test]
fn every_planted_fault_is_caught() {
    let mutants = [
        Mutant::AcceptAsked,
        Mutant::AcceptRed,
        Mutant::AcceptUngated,
        Mutant::BlameNeighbour,
        Mutant::BlameWithoutHead,
        Mutant::DoubleStart,
        Mutant::ExceedParallel,
        Mutant::ForgetBlocked,
        Mutant::ForgetRegate,
        Mutant::IgnoreCounts,
        Mutant::IgnoreProvider,
        Mutant::IgnoreRequired,
        Mutant::KeepApproval,
        Mutant::KeepParallel,
        Mutant::LeaveWaveEarly,
        Mutant::OverspendBudget,
        Mutant::ShareRemoval,
        Mutant::SkipDependency,
        Mutant::SkipFinals,
        Mutant::SkipReview,
        Mutant::StartWhilePausing,
        Mutant::UnspentRetry,
        Mutant::UnspentRestart,
    ];
    for mutant in mutants {
        // Some faults would show sooner or later as something else, too.
        let by = match mutant {
            Mutant::AcceptAsked => "asked for a person",
            Mutant::ForgetRegate => "judged the accepted head anew",
            Mutant::IgnoreCounts | Mutant::ShareRemoval => "are left",
            Mutant::KeepApproval => "without a green `review`",
            Mutant::IgnoreProvider => "is at a limit",
            Mutant::KeepParallel => "restarts in a row",
            Mutant::OverspendBudget => "beyond the budget",
            _ => "",
        };
        let caught = |seed| with(mutant, || simulate(seed)).is_err_and(|why| why.contains(by));
        assert!((0..3_000).any(caught), "{mutant:?} was not caught");
    }
}
