//! A provider's limit stops every agent of that provider, costs nothing, and is waited for or ends the run.

use jiff::Timestamp;

use super::{End, Stage, Start, minute, tasks};
use crate::model::{FailureClass, Limits, Policy, RunOptions, RunOutcome, Verb};

const AGENTS: [(&str, Option<&str>); 3] = [
    ("default", Some("east")),
    ("second", Some("east")),
    ("third", None),
];

fn policy() -> Policy {
    Policy {
        max_parallel: 4,
        ..Policy::default()
    }
}

/// The limit is reached at the tenth start. Whoever starts before it ends meets it, too.
fn limited(
    said: impl Fn(Timestamp) -> Option<Timestamp>,
    end: Timestamp,
) -> impl FnMut(&Start) -> End {
    let mut reached = false;
    move |start| {
        reached |= start.number == 9;
        if reached && start.agent != "third" && start.at < end {
            return End::limited(FailureClass::Quota, said(end), 1);
        }
        // No two starts begin at the same time, but for the first ones.
        End::well(60 + i64::try_from(start.number % 4).expect("small") * 7)
    }
}

/// Each task has exactly one start that counts, so that a budget of as many starts is enough.
fn options() -> RunOptions {
    RunOptions::default().limits(Limits::default().attempts(100))
}

#[test]
fn a_limit_at_the_tenth_of_a_hundred_is_waited_for_and_costs_nothing() {
    let end = minute(180);
    let two = |number| if number % 2 == 0 { "default" } else { "second" };
    let mut stage = Stage::new(tasks(100, two), policy(), &AGENTS, limited(Some, end));
    let (outcome, _) = stage.run(options());
    assert_eq!(
        (outcome, stage.accepted()),
        (RunOutcome::ReadyToComplete, 100)
    );
    assert_eq!(stage.told(), ["east opened", "east closed"]);
    assert_eq!(stage.starts.len(), 101, "one start was for nothing");
    let met = stage.starts[9].at;
    let early = stage.starts[10..].iter().filter(|start| start.at < end);
    assert_eq!(early.count(), 0, "nothing starts between {met} and {end}");
    assert_eq!(stage.starts[10].at, end, "it goes on at the reset");
    for task in &stage.state.tasks {
        assert_eq!((task.retries, task.restarts), (0, 0), "{}", task.id);
    }
}

/// Those that run already meet the limit, too.
#[test]
fn at_most_what_runs_already_meets_the_limit() {
    let end = minute(180);
    let script = |start: &Start| match start.number {
        6.. if start.at < end => End::limited(FailureClass::Quota, Some(end), 5),
        _ => End::well(60),
    };
    let mut stage = Stage::new(tasks(20, |_| "default"), policy(), &AGENTS, script);
    let (outcome, _) = stage.run(options());
    assert_eq!(
        (outcome, stage.accepted()),
        (RunOutcome::ReadyToComplete, 20)
    );
    let met = stage
        .starts
        .iter()
        .filter(|start| start.number >= 6 && start.at < end);
    assert!(met.count() <= 4, "{:#?}", stage.starts);
}

#[test]
fn a_limit_that_is_not_waited_for_ends_the_run_paused_and_the_next_one_goes_on() {
    let end = minute(7 * 60);
    let unknown = |_| None;
    let known: fn(Timestamp) -> Option<Timestamp> = Some;
    for (said, reason) in [
        (unknown as fn(Timestamp) -> _, "whose end is not known"),
        (known, "until 1970-01-01T07:00:00Z"),
    ] {
        let script = limited(said, end);
        let mut stage = Stage::new(tasks(100, |_| "default"), policy(), &AGENTS, script);
        let (outcome, why) = stage.run(options());
        assert_eq!(
            (outcome, stage.accepted()),
            (RunOutcome::Paused, 9),
            "{why}"
        );
        assert!(why.contains("`east`") && why.contains(reason), "{why}");
        assert_eq!(stage.starts.len(), 10);
        assert!(
            stage.now < minute(10),
            "the run does not wait: {}",
            stage.now
        );
        stage.now = end;
        let (outcome, why) = stage.run(options());
        assert_eq!(
            (outcome, stage.accepted()),
            (RunOutcome::ReadyToComplete, 100),
            "{why}"
        );
        assert_eq!(stage.starts.len(), 101);
        assert_eq!(stage.told(), ["east opened", "paused"]);
    }
}

#[test]
fn agents_of_other_providers_go_on_meanwhile() {
    let end = minute(180);
    let mix = |number| if number < 40 { "default" } else { "third" };
    let mut stage = Stage::new(tasks(80, mix), policy(), &AGENTS, limited(Some, end));
    let (outcome, _) = stage.run(options());
    assert_eq!(
        (outcome, stage.accepted()),
        (RunOutcome::ReadyToComplete, 80)
    );
    let early: Vec<&Start> = stage.starts[10..]
        .iter()
        .filter(|start| start.at < end)
        .collect();
    assert_eq!(early.len(), 40);
    assert!(
        early.iter().all(|start| start.agent == "third"),
        "{early:#?}"
    );
}

#[test]
fn rate_limits_without_an_end_are_asked_again_more_and_more_rarely_and_not_for_ever() {
    let script = |_: &Start| End::failed(FailureClass::RateLimited, 1);
    let mut stage = Stage::new(tasks(1, |_| "default"), policy(), &AGENTS, script);
    let (outcome, why) = stage.run(RunOptions::default());
    assert_eq!(outcome, RunOutcome::Paused, "{why}");
    let gaps: Vec<i64> = stage
        .starts
        .windows(2)
        .map(|pair| pair[1].at.as_second() - pair[0].at.as_second())
        .collect();
    assert_eq!(stage.starts.len(), 11);
    assert!(gaps[0] >= 4 && gaps[9] >= 150, "{gaps:?}");
    assert_eq!(
        (stage.state.tasks[0].retries, stage.state.tasks[0].restarts),
        (0, 0)
    );
}

/// A person need not wait with the tasks.
#[test]
fn what_waits_for_a_limit_can_be_skipped() {
    let end = minute(180);
    let script = move |start: &Start| match start.task {
        1 if start.at < end => End::limited(FailureClass::Quota, Some(end), 1),
        _ => End::well(60),
    };
    let mut stage = Stage::new(tasks(3, |_| "default"), policy(), &AGENTS, script);
    stage.begin_run(RunOptions::default());
    while stage.starts.is_empty() || stage.working > 0 {
        stage.step();
    }
    let verb = Verb::Skip { task: "t1".into() };
    let events = stage.state.answer_command(verb, "test");
    stage.append(events);
    let (outcome, _) = stage.finish();
    assert_eq!(
        (outcome, stage.accepted()),
        (RunOutcome::ReadyToComplete, 2)
    );
    assert!(stage.now < end, "{}", stage.now);
}

/// A missing login, a wrong model and the like: what runs is finished, nothing else starts.
#[test]
fn what_trying_again_cannot_help_pauses_at_once() {
    for class in [
        FailureClass::Auth,
        FailureClass::Config,
        FailureClass::Broken,
    ] {
        let mut mended = false;
        let script = move |start: &Start| {
            mended |= start.at >= minute(60);
            match start.number {
                5 if !mended => End::failed(class, 1),
                _ => End::well(60),
            }
        };
        let mut stage = Stage::new(tasks(20, |_| "default"), policy(), &AGENTS, script);
        let most = RunOptions::default().limits(Limits::default().attempts(20));
        let (outcome, why) = stage.run(most.clone());
        assert_eq!(outcome, RunOutcome::Paused);
        assert!(why.contains("cannot run: of start 6"), "{why}");
        let failed_at = stage.starts[5].at.as_second() + 1;
        assert!(
            stage
                .starts
                .iter()
                .all(|start| start.at.as_second() < failed_at)
        );
        assert_eq!(
            stage.accepted(),
            stage.starts.len() - 1,
            "what ran is accepted"
        );
        stage.now = minute(60);
        let (outcome, why) = stage.run(most);
        assert_eq!(
            (outcome, stage.accepted()),
            (RunOutcome::ReadyToComplete, 20),
            "{why}"
        );
    }
}
