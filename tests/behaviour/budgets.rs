//! Tries are limited, each kind by its own budget, and the report says exactly what came of a task that ran out of them.

use aura_core::{
    EventKind, FailureClass, Limits, OnExhausted, Policy, Report, RunOptions, RunOutcome,
    StoryStatus,
};
use aura_tests::{Script, Step};

use crate::kit::{World, ids, quick, run, story, told_of, writes_own_file};

/// What a report says of tasks and starts.
#[derive(Debug, PartialEq)]
struct Said {
    outcome: RunOutcome,
    reason: String,
    accepted: Vec<String>,
    failed: Vec<(String, FailureClass)>,
    blocked: Vec<String>,
    unfinished: Vec<String>,
    /// Starts, retries, restarts.
    counts: (u32, u32, u32),
}

fn said(report: &Report) -> Said {
    Said {
        outcome: report.outcome,
        reason: report.reason.clone().unwrap_or_default(),
        accepted: ids(&report.accepted),
        failed: report
            .failed
            .iter()
            .map(|task| (task.id.to_string(), task.class))
            .collect(),
        blocked: ids(&report.blocked),
        unfinished: ids(&report.unfinished),
        counts: (report.starts, report.retries, report.restarts),
    }
}

fn list(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

/// `b` fails always; `c` hangs until everybody is stopped in the variant that stops everybody.
#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_task_without_tries_is_the_callers_choice() {
    let failed = vec![("b".to_owned(), FailureClass::Exit)];
    let cases = [
        (
            OnExhausted::PauseStory,
            StoryStatus::Paused,
            Said {
                outcome: RunOutcome::Paused,
                reason: "task `b` failed: the agent ended abnormally 2 times".to_owned(),
                accepted: list(&["a", "c"]),
                failed: failed.clone(),
                blocked: list(&["d", "f"]),
                unfinished: list(&["e"]),
                counts: (4, 0, 1),
            },
        ),
        (
            OnExhausted::IsolateAndContinue,
            StoryStatus::Failed,
            Said {
                outcome: RunOutcome::Failed,
                reason: "not accepted: b, d, f".to_owned(),
                accepted: list(&["a", "c", "e"]),
                failed: failed.clone(),
                blocked: list(&["d", "f"]),
                unfinished: list(&[]),
                counts: (5, 0, 1),
            },
        ),
        (
            OnExhausted::AbortStory,
            StoryStatus::Failed,
            Said {
                outcome: RunOutcome::Failed,
                reason: "aborted: a task failed".to_owned(),
                accepted: list(&[]),
                failed,
                blocked: list(&["d", "f"]),
                unfinished: list(&["a", "c", "e"]),
                counts: (4, 0, 1),
            },
        ),
    ];
    for (on_exhausted, status, expected) in cases {
        let meet = Step::Meet {
            name: "begun".to_owned(),
            count: 3,
        };
        let mut busy = vec![meet.clone()];
        if on_exhausted == OnExhausted::AbortStory {
            busy.push(Step::Hang {
                ignores_term: false,
            });
        }
        busy.extend(writes_own_file());
        let script = Script::new()
            .start("b", 1, [Step::Exit(1)])
            .task("b", [meet, Step::Exit(1)])
            .task("a", busy.clone())
            .task("c", busy)
            .otherwise(writes_own_file());
        let world = World::new(&script);
        let aura = world.open([world.gate("check", "exit 0")]).await;
        let policy = Policy {
            on_exhausted,
            restart_max: 1,
            ..quick()
        };
        let tasks = ["a", "b", "c", "d: b", "e: a c", "f: d"];
        let story = story(&aura, &tasks, policy).await;
        let report = run(&aura, story).await;
        assert_eq!(said(&report), expected, "{on_exhausted:?}");
        let found = aura.status(story).await.expect("a status").status;
        assert_eq!(found, status, "{on_exhausted:?}");
        world.assert_script_held();
    }
}

/// Bad answers and dead processes are counted apart.
#[tokio::test(flavor = "multi_thread")]
async fn retries_and_restarts_are_two_budgets() {
    let script = Script::new()
        .start("a", 1, [Step::Exit(7)])
        .start("a", 2, [Step::write("a.txt", "bad 1\n")])
        .start("a", 3, [Step::KillSelf])
        .start("a", 4, [Step::write("a.txt", "bad 2\n")])
        .start("a", 5, [Step::Exit(7)])
        .otherwise(writes_own_file());
    let body = "if grep -qs bad a.txt; then echo \"a.txt says $(cat a.txt)\"; exit 1; fi";
    for (retry_max, restart_max, ends, starts) in [
        (2, 3, None, 6),
        (2, 2, Some(FailureClass::Exit), 5),
        (1, 3, Some(FailureClass::Gate), 4),
    ] {
        let world = World::new(&script);
        let aura = world.open([world.gate("check", body)]).await;
        let policy = Policy {
            retry_max,
            restart_max,
            ..quick()
        };
        let story = story(&aura, &["a"], policy).await;
        let report = run(&aura, story).await;
        let case = format!("{retry_max} retries, {restart_max} restarts");
        let class = report.failed.first().map(|task| task.class);
        assert_eq!((class, report.starts), (ends, starts), "{case}");
        let begun: Vec<u32> = world
            .agent
            .starts()
            .iter()
            .map(|start| start.attempt)
            .collect();
        let attempts = [1, 1, 2, 2, 3, 3];
        assert_eq!(begun, attempts[..starts as usize], "{case}");
        if ends.is_none() {
            assert_eq!((report.retries, report.restarts), (2, 3), "{case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_failure_with_the_same_work_twice_in_a_row_is_enough() {
    let cases = [
        (
            "the same",
            vec![Step::write("a.txt", "bad\n")],
            2,
            "two tries in a row ended with the same tree and the same evidence",
        ),
        (
            "another",
            vec![Step::write("a.txt", "bad {attempt}\n")],
            4,
            "not accepted after 4 tries",
        ),
    ];
    for (work, steps, starts, why) in cases {
        let world = World::new(&Script::new().otherwise(steps));
        let gate = world.gate(
            "check",
            "if test -e a.txt; then echo \"not good at $(date +%T.%N)\"; exit 1; fi",
        );
        let aura = world.open([gate]).await;
        let story = story(&aura, &["a"], quick()).await;
        let report = run(&aura, story).await;
        assert_eq!(report.starts, starts, "{work} work");
        let why = format!("task `a` failed: {why}");
        assert_eq!(report.reason, Some(why), "{work} work");
        let failed = told_of(&aura, story, "a task.failed").await;
        assert_eq!(failed, ["a task.failed gate"]);
    }
}

/// The last of several tries begins afresh, the ones before it build on what was there.
#[tokio::test(flavor = "multi_thread")]
async fn tries_build_on_each_other_and_the_last_one_starts_afresh() {
    let script = Script::new()
        .attempt(
            "a",
            4,
            [
                Step::ExpectNoFile("a1.txt".to_owned()),
                Step::ExpectNoFile("a3.txt".to_owned()),
                Step::write("a4.txt", "good\n"),
            ],
        )
        .attempt(
            "a",
            2,
            [
                Step::ExpectFile {
                    path: "a1.txt".to_owned(),
                    text: "bad\n".to_owned(),
                },
                Step::write("a2.txt", "bad\n"),
            ],
        )
        .otherwise([Step::write("a{attempt}.txt", "bad\n")]);
    let world = World::new(&script);
    let body = "if grep -qs bad a*.txt; then echo \"bad: $(ls a*.txt)\"; exit 1; fi";
    let aura = world.open([world.gate("check", body)]).await;
    let story = story(&aura, &["a"], quick()).await;
    let report = run(&aura, story).await;
    world.assert_script_held();
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
    let starts = told_of(&aura, story, "a task.started").await;
    let expected = ["base", "previous", "previous", "base"];
    assert_eq!(
        starts,
        expected.map(|start| format!("a task.started {start}"))
    );
    let branch = aura.story(story).await.expect("the story").branch;
    let files = world.repo.git(["diff", "--name-only", "main", &branch]);
    assert_eq!(files, "a4.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_takes_too_long_or_says_nothing_is_stopped_and_the_next_one_is_told() {
    let chatter = Step::Print {
        text: "working\n".to_owned(),
        hex: String::new(),
        times: 1,
        to: aura_tests::Stream::Stdout,
    };
    for (class, deadline_ms, idle_ms, evidence) in [
        (FailureClass::Timeout, 400, 60_000, "not done within"),
        (FailureClass::Stalled, 60_000, 400, "silent for"),
    ] {
        let script = Script::new()
            .attempt(
                "a",
                1,
                [
                    Step::write("half.txt", "half\n"),
                    chatter.clone(),
                    Step::Hang { ignores_term: true },
                ],
            )
            .task(
                "a",
                [
                    Step::ExpectPromptContains(evidence.to_owned()),
                    Step::ExpectPromptContains("working".to_owned()),
                    Step::ExpectFile {
                        path: "half.txt".to_owned(),
                        text: "half\n".to_owned(),
                    },
                    Step::write("a.txt", "a\n"),
                ],
            );
        let world = World::new(&script);
        let aura = world.open([world.gate("check", "exit 0")]).await;
        let policy = Policy {
            deadline_ms,
            idle_ms,
            grace_ms: 50,
            ..quick()
        };
        let story = story(&aura, &["a"], policy).await;
        let report = run(&aura, story).await;
        world.assert_script_held();
        assert_eq!(
            (report.outcome, report.starts, report.retries),
            (RunOutcome::ReadyToComplete, 2, 1),
            "{class:?}"
        );
        let begun = world.agent.starts()[0].pid;
        assert!(!std::path::Path::new(&format!("/proc/{begun}")).exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_until_another_one_is_said() {
    let script = Script::new().otherwise(writes_own_file());
    let world = World::new(&script);
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let story = story(&aura, &["a", "b", "c"], quick()).await;
    let one = RunOptions::default()
        .max_parallel(1)
        .limits(Limits::default().attempts(1));
    let other = RunOptions::default().limits(Limits::default().attempts(2).tokens(1_000_000));
    let mut starts = Vec::new();
    for options in [one, RunOptions::default(), other, RunOptions::default()] {
        let run = aura.run(story, options).await.expect("started");
        let report = run.wait().await.expect("a report");
        assert_eq!(report.outcome, RunOutcome::Paused, "{report:?}");
        starts.push(report.accepted.len());
    }
    assert_eq!(starts, [1, 1, 2, 2]);
    let more = RunOptions::default().limits(Limits::default().attempts(3));
    let run = aura.run(story, more).await.expect("started");
    let report = run.wait().await.expect("a report");
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
    let events = aura.events(story, 0).await.expect("events");
    let limits = events.iter().rev().find_map(|event| match &event.kind {
        EventKind::RunStarted { options, .. } => Some(options.limits),
        _ => None,
    });
    assert_eq!(
        limits,
        Some(Limits::default().attempts(3).tokens(1_000_000))
    );
}
