//! Another agent stands in for one whose provider is at a limit for long.

use jiff::Timestamp;

use super::{End, Stage, Start, minute, tasks};
use crate::model::{FailureClass, Policy, RunOptions, RunOutcome};

const AGENTS: [(&str, Option<&str>); 4] = [
    ("default", Some("east")),
    ("same", Some("east")),
    ("other", Some("west")),
    ("third", None),
];

fn policy() -> Policy {
    Policy {
        max_parallel: 3,
        ..Policy::default()
    }
}

/// Each provider is at a limit from the start on until that time, if at all, and says so or not.
fn limits(ends: &'static [(&'static str, Timestamp, bool)]) -> impl FnMut(&Start) -> End {
    move |start| {
        let provider = AGENTS.iter().find(|(name, _)| *name == start.agent);
        let provider = provider.and_then(|(name, provider)| provider.or(Some(*name)));
        let limit = ends
            .iter()
            .find(|(name, end, _)| Some(*name) == provider && start.at < *end);
        match limit {
            Some((_, end, told)) => {
                End::limited(FailureClass::Quota, Some(*end).filter(|_| *told), 1)
            }
            None => End::well(60),
        }
    }
}

fn hours(hours: i64) -> Timestamp {
    minute(60 * hours)
}

fn agents<S>(stage: &Stage<S>) -> Vec<&str> {
    let mut names: Vec<&str> = stage
        .starts
        .iter()
        .map(|start| start.agent.as_str())
        .collect();
    names.dedup();
    names
}

fn run(
    ends: Vec<(&'static str, Timestamp, bool)>,
    options: RunOptions,
) -> (Stage<impl FnMut(&Start) -> End>, RunOutcome, String) {
    let script = limits(ends.leak());
    let mut stage = Stage::new(tasks(12, |_| "default"), policy(), &AGENTS, script);
    let (outcome, why) = stage.run(options);
    (stage, outcome, why)
}

#[test]
fn it_does_what_would_have_to_wait_for_an_unknown_end() {
    let options = RunOptions::default().fallback("default", "other");
    let (stage, outcome, why) = run(vec![("east", hours(9), false)], options);
    assert_eq!(
        (outcome, stage.accepted()),
        (RunOutcome::ReadyToComplete, 12),
        "{why}"
    );
    assert_eq!(agents(&stage), ["default", "other"]);
    assert!(stage.now < minute(10), "{}", stage.now);
}

#[test]
fn it_does_what_would_have_to_wait_for_long_and_the_first_one_comes_back() {
    let options = RunOptions::default().fallback("default", "other");
    let (stage, outcome, _) = run(vec![("east", minute(7), true)], options);
    assert_eq!(
        (outcome, stage.accepted()),
        (RunOutcome::ReadyToComplete, 12)
    );
    // Seven minutes are long; once fewer than five are left it is not worth another agent.
    assert_eq!(agents(&stage), ["default", "other", "default"]);
    let gap: Vec<&Start> = stage
        .starts
        .iter()
        .filter(|start| start.at > minute(2) && start.at < minute(7))
        .collect();
    assert_eq!(gap, Vec::<&Start>::new());
}

#[test]
fn a_short_limit_is_waited_for() {
    let options = RunOptions::default().fallback("default", "other");
    let (stage, outcome, _) = run(vec![("east", minute(4), true)], options);
    assert_eq!(outcome, RunOutcome::ReadyToComplete);
    assert_eq!(agents(&stage), ["default"]);
}

#[test]
fn one_of_the_same_provider_is_no_help() {
    let options = RunOptions::default().fallback("default", "same");
    let (stage, outcome, why) = run(vec![("east", hours(9), false)], options);
    assert_eq!(
        (outcome, stage.accepted()),
        (RunOutcome::Paused, 0),
        "{why}"
    );
    assert_eq!(agents(&stage), ["default"]);
}

#[test]
fn when_it_is_at_a_limit_too_whoever_stands_in_for_it_comes_next() {
    let ends = vec![("east", hours(9), false), ("west", hours(2), true)];
    let chain = RunOptions::default()
        .fallback("default", "other")
        .fallback("other", "third");
    let (stage, outcome, _) = run(ends.clone(), chain);
    assert_eq!(
        (outcome, stage.accepted()),
        (RunOutcome::ReadyToComplete, 12)
    );
    assert_eq!(agents(&stage), ["default", "other", "third"]);

    // Without one its limit is waited for, since the end of that is known.
    let circle = RunOptions::default()
        .fallback("default", "other")
        .fallback("other", "default");
    let (stage, outcome, _) = run(ends, circle);
    assert_eq!(
        (outcome, stage.accepted()),
        (RunOutcome::ReadyToComplete, 12)
    );
    assert!(stage.now > hours(2), "{}", stage.now);
    assert!(
        stage
            .starts
            .last()
            .is_some_and(|start| start.agent == "other")
    );
}

#[test]
fn when_nobody_is_left_the_run_pauses() {
    let ends = vec![("east", hours(9), false), ("west", hours(9), false)];
    let options = RunOptions::default().fallback("default", "other");
    let (stage, outcome, why) = run(ends, options);
    assert_eq!(outcome, RunOutcome::Paused);
    assert!(why.contains("`east`"), "{why}");
    let mut told = stage.told();
    told.dedup();
    assert_eq!(told, ["east opened", "west opened", "paused"]);
}
