//! Whoever made a gate red pays for it, and nobody else.

use aura_core::{
    EventKind, GateSchedule, GateVerdict, Orchestrator, Policy, RunOptions, RunOutcome, StoryId,
};
use aura_tests::{Script, Step};

use crate::kit::{
    World, arrivals, barrier, ids, quick, reason, run, story, told_of, writes_own_file,
};

fn name(number: usize) -> String {
    format!("t{number}")
}

/// Verdicts of a gate from the first red one on.
async fn from_first_red(aura: &Orchestrator, story: StoryId) -> usize {
    let events = aura.events(story, 0).await.expect("events");
    let reds = events.iter().filter_map(|event| match &event.kind {
        EventKind::GateFinished { verdict, .. } => {
            Some(matches!(verdict, GateVerdict::Failed { .. }))
        }
        _ => None,
    });
    let until_ejected = events
        .iter()
        .take_while(|event| !matches!(event.kind, EventKind::TaskEjected { .. }));
    let before = until_ejected
        .filter(|event| matches!(event.kind, EventKind::GateFinished { .. }))
        .count();
    let greens = reds.take_while(|red| !red).count();
    before - greens
}

/// Two of `count` tasks are green alone and red together; the later one has to give way.
async fn red_together(count: usize, first: usize, second: usize) {
    let (early, late) = (name(first), name(second));
    let script = Script::new()
        .task(&early, [Step::write("{task}.txt", "new\n")])
        .attempt(&late, 1, [Step::write("{task}.txt", "old\n")])
        .task(
            &late,
            [
                Step::ExpectPromptContains("does not know what is new".to_owned()),
                Step::write("{task}.txt", "knows\n"),
            ],
        )
        .otherwise(writes_own_file());
    let world = World::new(&script);
    let gate = world.gate(
        "check",
        &format!("if grep -qs new {early}.txt && grep -qs old {late}.txt; then echo '{late} does not know what is new'; exit 1; fi"),
    );
    let aura = world.open([gate]).await;
    let names: Vec<String> = (0..count).map(name).collect();
    let lines: Vec<&str> = names.iter().map(String::as_str).collect();
    let story = story(&aura, &lines, quick()).await;
    let report = run(&aura, story).await;
    world.assert_script_held();
    let case = format!("{early} and {late} of {count}");
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete, "{case}");
    let ejected: Vec<String> = told_of(&aura, story, "")
        .await
        .into_iter()
        .filter(|line| line.contains("task.ejected"))
        .collect();
    assert_eq!(ejected, [format!("{late} task.ejected gate")], "{case}");
    let mut starts: Vec<(String, usize)> = names.iter().map(|name| (name.clone(), 1)).collect();
    starts[second].1 = 2;
    assert_eq!(world.starts(), starts, "{case}");
    let runs = from_first_red(&aura, story).await - 1;
    let most = count.next_power_of_two().ilog2() as usize + 4;
    assert!(
        runs <= most,
        "{case}: {runs} runs after the first red one, {most} allowed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_tasks_that_are_red_together_one_gives_way_and_few_gate_runs_find_it() {
    for (count, first, second) in [
        (2, 0, 1),
        (3, 0, 2),
        (3, 1, 2),
        (5, 0, 1),
        (5, 2, 4),
        (8, 0, 7),
        (8, 3, 4),
    ] {
        red_together(count, first, second).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_is_gone_is_nobodys_fault_and_costs_no_start() {
    let world = World::new(&Script::new().otherwise(writes_own_file()));
    // It is there for the first wave and deletes itself.
    let gate = world.gate("check", "rm \"$0\"");
    let aura = world.open([gate]).await;
    let story = story(&aura, &["a", "b", "c: a b"], quick()).await;
    let report = run(&aura, story).await;
    assert_eq!(
        (
            report.outcome,
            report.starts,
            report.retries,
            report.restarts
        ),
        (RunOutcome::Paused, 3, 0, 0)
    );
    let why = reason(&aura, story).await;
    assert!(why.starts_with("gate `check` cannot judge: "), "{why}");
    assert!(why.contains("check.sh"), "{why}");
    let verdicts = told_of(&aura, story, "gate.finished").await;
    let expected = [
        "gate.finished check candidate passed",
        "gate.finished check candidate broken",
    ];
    assert_eq!(verdicts, expected);

    // Put back, it judges the work that is there; nobody works again.
    world.program("check", "exit 0");
    let report = run(&aura, story).await;
    assert_eq!(
        (
            report.outcome,
            report.starts,
            report.retries,
            report.restarts
        ),
        (RunOutcome::ReadyToComplete, 3, 0, 0)
    );
    let starts = ["a", "b", "c"].map(|task| (task.to_owned(), 1));
    assert_eq!(world.starts(), starts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_fails_now_and_then_blames_nobody() {
    let shapes: &[&[&str]] = &[
        &["a", "b", "c", "d"],
        &["a", "b: a", "c: b", "d: c"],
        &["a", "b: a", "c: a", "d: b c", "e"],
        &["a", "b", "c: a", "d: b", "e: a b", "f: c d e"],
    ];
    for shape in shapes {
        let world = World::new(&Script::new().otherwise(writes_own_file()));
        let gate = world.gate(
            "check",
            "case $((RUN % 10)) in 3|4|8) echo 'not today'; exit 1;; esac",
        );
        let aura = world.open([gate.at([GateSchedule::AfterWave])]).await;
        let story = story(&aura, shape, quick()).await;
        let report = run(&aura, story).await;
        let blamed: Vec<String> = told_of(&aura, story, "")
            .await
            .into_iter()
            .filter(|line| line.contains("ejected") || line.contains("retrying"))
            .collect();
        assert_eq!(blamed, Vec::<String>::new(), "{shape:?}");
        assert_eq!(
            (report.outcome, report.accepted.len(), report.retries),
            (RunOutcome::ReadyToComplete, shape.len(), 0),
            "{shape:?}"
        );
        assert!(world.starts().iter().all(|(_, count)| *count == 1));
        let expected: &[&str] = if world.runs_of("check") > 2 {
            &["check"]
        } else {
            &[]
        };
        assert_eq!(report.flaky, expected, "a flaky gate is named: {shape:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_blamed_for_a_base_that_is_red_already() {
    let schedules = [GateSchedule::AfterTask, GateSchedule::AfterWave];
    for schedule in schedules {
        let world = World::new(&Script::new().otherwise(writes_own_file()));
        let gate = world.gate("check", "echo 'it never worked'; exit 1");
        let aura = world.open([gate.at([schedule])]).await;
        let story = story(&aura, &["a", "b"], quick()).await;
        let report = run(&aura, story).await;
        assert_eq!(
            (report.outcome, report.retries, report.restarts),
            (RunOutcome::Paused, 0, 0),
            "{schedule:?}"
        );
        assert!(report.failed.is_empty() && report.accepted.is_empty());
        let why = reason(&aura, story).await;
        assert!(why.starts_with("gate `check` is red on the "), "{why}");
        assert!(why.contains("blamed"), "{why}");
        let starts = ["a", "b"].map(|task| (task.to_owned(), 1));
        assert_eq!(world.starts(), starts, "{schedule:?}");
        let events = aura.events(story, 0).await.expect("events");
        let judged: Vec<bool> = events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::GateFinished { on_base, .. } => Some(*on_base),
                _ => None,
            })
            .collect();
        let on_base = judged.iter().filter(|on_base| **on_base).count();
        match schedule {
            // Each task's base, unless the first answer came before the other task was judged.
            GateSchedule::AfterTask => assert!((1..=2).contains(&on_base), "{judged:?}"),
            _ => assert_eq!(judged, [false, true, true]),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_conflict_in_one_batch_are_merged_one_after_the_other() {
    let script = Script::new()
        .task("a", [Step::write("src/lib.txt", "one\ntwo\nA\nfour\n")])
        .attempt("b", 1, [Step::write("src/lib.txt", "one\ntwo\nB\nfour\n")])
        .task(
            "b",
            [
                Step::ExpectPromptContains("conflict markers".to_owned()),
                Step::ExpectPromptContains("src/lib.txt".to_owned()),
                Step::write("src/lib.txt", "one\ntwo\nA and B\nfour\n"),
            ],
        )
        .otherwise(writes_own_file());
    let world = World::new(&script);
    let gate = world.gate("check", "! grep -rqs '<<<<' src");
    let aura = world.open([gate]).await;
    let story = story(&aura, &["a", "b", "c"], quick()).await;
    let report = run(&aura, story).await;
    world.assert_script_held();
    assert_eq!(
        (report.outcome, report.starts, report.retries),
        (RunOutcome::ReadyToComplete, 4, 1)
    );
    let candidates = told_of(&aura, story, "candidate.built").await;
    let expected = [
        "candidate.built [a c] without [b]",
        "candidate.built [] without [b]",
        "candidate.built [b] without []",
    ];
    assert_eq!(candidates, expected);
    let about_b = told_of(&aura, story, "b ").await;
    let expected = [
        "b task.queued",
        "b task.started base",
        "b attempt.finished succeeded",
        "b task.sealed",
        "b task.ejected conflict",
        "b task.retrying conflict retry",
        "b task.queued",
        "b task.started repair",
        "b attempt.finished succeeded",
        "b task.sealed",
        "b task.accepted",
    ];
    assert_eq!(about_b, expected);
    let branch = aura.story(story).await.expect("the story").branch;
    let text = world.repo.show(&branch, "src/lib.txt");
    assert_eq!(text, "one\ntwo\nA and B\nfour\n");
}

/// The work of the first try was red, and before the second one something else was accepted at the same place.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_conflicts_with_the_accepted_head_starts_as_a_repair() {
    let script = Script::new()
        .attempt(
            "b",
            1,
            [Step::write("src/lib.txt", "one\ntwo\nbad\nfour\n")],
        )
        .task(
            "b",
            [
                Step::ExpectPromptContains("lib.txt says bad".to_owned()),
                Step::ExpectPromptContains("conflict markers".to_owned()),
                Step::write("src/lib.txt", "one\ntwo\nA and good\nfour\n"),
            ],
        )
        .task(
            "a",
            [
                Step::write("src/lib.txt", "one\ntwo\nA\nfour\n"),
                barrier("paused"),
            ],
        );
    let world = World::new(&script);
    let mut paused = world.agent.barrier("paused");
    let body = "if grep -qs bad src/lib.txt; then echo 'lib.txt says bad'; exit 1; fi";
    let gate = world.gate("check", body).at([GateSchedule::AfterTask]);
    let aura = world.open([gate]).await;
    // One after the other: `a` has its turn while `b` waits for its second try, and the pause keeps that from beginning.
    let policy = Policy {
        max_parallel: 1,
        ..quick()
    };
    let story = story(&aura, &["b", "a"], policy).await;
    let handle = aura
        .run(story, RunOptions::default())
        .await
        .expect("started");
    arrivals(&mut paused, 1).await;
    handle.pause().await.expect("paused");
    paused.release();
    let report = handle.wait().await.expect("finished");
    assert_eq!(
        (report.outcome, ids(&report.accepted)),
        (RunOutcome::Paused, vec!["a".to_owned()])
    );

    let report = run(&aura, story).await;
    world.assert_script_held();
    assert_eq!(
        (report.outcome, report.starts, report.retries),
        (RunOutcome::ReadyToComplete, 3, 1)
    );
    let starts = told_of(&aura, story, "b task.started").await;
    assert_eq!(starts, ["b task.started base", "b task.started repair"]);
}
