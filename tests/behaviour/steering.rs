//! A run is steered while it goes on, by its own handle and by others, and stops in a state to go on from.

use std::time::Duration;

use aura_core::{
    ErrorKind, EventKind, GateSchedule, Policy, RunOptions, RunOutcome, StoryStatus, TaskStatus,
    Verb,
};
use aura_tests::{Script, Step};

use crate::kit::{
    ScriptedGate, World, arrivals, barrier, happened, ids, quick, reason, run, story, told_of,
    writes_own_file,
};

fn writers() -> Script {
    Script::new().otherwise(writes_own_file())
}

/// Tasks wait at the barrier `hold` before they write.
fn holding() -> Script {
    let mut steps = vec![barrier("hold")];
    steps.extend(writes_own_file());
    Script::new().otherwise(steps)
}

fn options() -> RunOptions {
    RunOptions::default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_lets_gates_and_integration_finish() {
    let world = World::new(&writers());
    let (check, mut waiting) = ScriptedGate::waiting("check");
    let aura = world.open([check.gate()]).await;
    let story = story(&aura, &["a", "b: a"], quick()).await;
    let handle = aura.run(story, options()).await.expect("started");
    arrivals(&mut waiting, 1).await;
    handle.pause().await.expect("paused");
    let twice = handle.pause().await.expect_err("refused");
    assert_eq!(twice.kind(), ErrorKind::Refused);
    waiting.release();
    let report = handle.wait().await.expect("finished");
    assert_eq!(
        (
            report.outcome,
            report.reason.as_deref(),
            ids(&report.accepted)
        ),
        (RunOutcome::Paused, Some("requested"), vec!["a".to_owned()])
    );
    assert_eq!(world.agent.starts_of("b"), 0);

    let handle = aura.run(story, options()).await.expect("started");
    for _ in 0..2 {
        arrivals(&mut waiting, 1).await;
        waiting.release();
    }
    let report = handle.wait().await.expect("finished");
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
    assert_eq!((report.starts, check.runs()), (2, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_taken_back_before_it_comes_into_force() {
    let world = World::new(&holding());
    let mut hold = world.agent.barrier("hold");
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let story = story(&aura, &["a", "b: a"], quick()).await;
    let handle = aura.run(story, options()).await.expect("started");
    arrivals(&mut hold, 1).await;
    handle.pause().await.expect("paused");
    handle.resume().await.expect("resumed");
    hold.release();
    arrivals(&mut hold, 1).await;
    hold.release();
    let report = handle.wait().await.expect("finished");
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
    let told = told_of(&aura, story, "run.").await;
    assert_eq!(
        told,
        [
            "run.started",
            "run.resumed",
            "run.finished ready_to_complete"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_stops_agents_keeps_their_edits_and_what_is_accepted() {
    let script = Script::new()
        .task("a", writes_own_file())
        .start(
            "b",
            1,
            [
                Step::write("half.txt", "half\n"),
                barrier("hold"),
                Step::Hang { ignores_term: true },
            ],
        )
        .otherwise(writes_own_file());
    let world = World::new(&script);
    let mut hold = world.agent.barrier("hold");
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let policy = Policy {
        grace_ms: 50,
        ..quick()
    };
    let story = story(&aura, &["a", "b: a", "c: b"], policy).await;
    let handle = aura.run(story, options()).await.expect("started");
    arrivals(&mut hold, 1).await;
    hold.release();
    handle.cancel().await.expect("cancelled");
    let report = handle.wait().await.expect("finished");
    assert_eq!(
        (
            report.outcome,
            ids(&report.accepted),
            ids(&report.unfinished)
        ),
        (
            RunOutcome::Cancelled,
            vec!["a".to_owned()],
            vec!["b".to_owned(), "c".to_owned()]
        )
    );
    assert!(report.failed.is_empty());
    let [kept] = report.salvaged.as_slice() else {
        panic!("{:?}", report.salvaged);
    };
    let file = format!("{}:half.txt", kept.reference);
    let shown = world
        .repo
        .git(["--git-dir", &kept.repository, "show", &file]);
    assert_eq!(shown, "half");
    let about_b = told_of(&aura, story, "b task.").await;
    assert_eq!(
        about_b,
        ["b task.queued", "b task.started base", "b task.cancelled"]
    );

    let report = run(&aura, story).await;
    assert_eq!(
        (report.outcome, report.starts),
        (RunOutcome::ReadyToComplete, 4)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_handle_is_told_who_runs_the_story_and_steers_it() {
    let script = Script::new()
        .attempt("b", 1, [Step::Exit(1)])
        .task(
            "b",
            [
                Step::ExpectPromptContains("use the old parser".to_owned()),
                Step::write("b.txt", "b\n"),
            ],
        )
        .otherwise([barrier("hold"), Step::write("{task}.txt", "{task}\n")]);
    let world = World::new(&script);
    let mut hold = world.agent.barrier("hold");
    let gate = || world.gate("check", "exit 0");
    let aura = world.open([gate()]).await;
    let policy = Policy {
        restart_max: 0,
        on_exhausted: aura_core::OnExhausted::IsolateAndContinue,
        ..quick()
    };
    let story = story(&aura, &["a", "b", "c: b"], policy).await;
    let handle = aura.run(story, options()).await.expect("started");
    arrivals(&mut hold, 1).await;
    happened(&aura, story, |event| {
        matches!(event.kind, EventKind::TaskBlocked { .. })
    })
    .await;

    let other = world.open([gate()]).await;
    let error = other.run(story, options()).await.err().expect("refused");
    assert_eq!(error.kind(), ErrorKind::StoryBusy);
    let holder = format!("process {}", std::process::id());
    assert!(error.to_string().contains(&holder), "{error}");
    let waited = other.wait_until_idle(story, Some(Duration::ZERO)).await;
    assert!(!waited.expect("looked"), "the run goes on");

    let retry = |task: &str| Verb::Retry {
        task: task.into(),
        note: Some("use the old parser".to_owned()),
    };
    let error = other
        .command(story, retry("a"), "someone")
        .await
        .expect_err("refused");
    assert_eq!(error.to_string(), "task `a` is running, not failed");
    let error = other
        .command(story, retry("x"), "someone")
        .await
        .expect_err("refused");
    assert_eq!(error.to_string(), "there is no task `x`");
    other
        .command(story, retry("b"), "someone")
        .await
        .expect("accepted");
    happened(&aura, story, |event| {
        matches!(event.kind, EventKind::TaskSealed { .. })
            && event.task.as_ref().is_some_and(|task| task.as_str() == "b")
    })
    .await;
    hold.release();
    arrivals(&mut hold, 1).await;
    hold.release();
    assert!(other.wait_until_idle(story, None).await.expect("waited"));
    let report = handle.wait().await.expect("finished");
    world.assert_script_held();
    assert_eq!(
        (report.outcome, report.starts),
        (RunOutcome::ReadyToComplete, 4)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_handle_cancels_a_run() {
    let world = World::new(&holding());
    let mut hold = world.agent.barrier("hold");
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let story = story(&aura, &["a", "b"], quick()).await;
    let handle = aura.run(story, options()).await.expect("started");
    arrivals(&mut hold, 2).await;
    let other = world.open([world.gate("check", "exit 0")]).await;
    other
        .command(story, Verb::Cancel, "someone")
        .await
        .expect("accepted");
    assert!(other.wait_until_idle(story, None).await.expect("waited"));
    let report = handle.wait().await.expect("finished");
    assert_eq!(report.outcome, RunOutcome::Cancelled);
    let tasks = other.story(story).await.expect("the story").tasks;
    let statuses: Vec<TaskStatus> = tasks.iter().map(|task| task.status).collect();
    assert_eq!(statuses, [TaskStatus::Cancelled; 2]);
}

/// Between runs there is nobody to answer; whoever asks does it.
/// A gate that is killed blames nobody, and says nothing of a task's own work either.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_gate_cannot_judge_is_tried_again_or_left_out_on_request() {
    let retry = |task: &str, note: &str| Verb::Retry {
        task: task.into(),
        note: Some(note.to_owned()),
    };
    for schedule in [GateSchedule::AfterTask, GateSchedule::AfterWave] {
        let world =
            World::new(&Script::new().otherwise([Step::write("{task}.txt", "{attempt}\n")]));
        // It is killed by what two of the tasks do.
        let body = "if grep -qsx 1 a.txt || test -e b.txt; then kill -9 $$; fi";
        let aura = world.open([world.gate("check", body).at([schedule])]).await;
        let story = story(&aura, &["a", "b", "c"], quick()).await;
        for _ in 0..2 {
            let report = run(&aura, story).await;
            assert_eq!(report.outcome, RunOutcome::Paused, "{schedule:?}");
        }
        let why = reason(&aura, story).await;
        assert!(why.starts_with("gate `check` cannot judge"), "{why}");

        let steered = [
            retry("a", "without the bomb"),
            Verb::Skip { task: "b".into() },
        ];
        for verb in steered {
            let answer = aura.command(story, verb, "me").await;
            answer.expect("accepted");
        }
        let report = run(&aura, story).await;
        assert_eq!(report.outcome, RunOutcome::ReadyToComplete, "{schedule:?}");
        assert_eq!(ids(&report.accepted), ["a", "c"], "{schedule:?}");
        assert_eq!(ids(&report.skipped), ["b"], "{schedule:?}");
        let starts = [("a", 2), ("b", 1), ("c", 1)].map(|(task, n)| (task.to_owned(), n));
        assert_eq!(world.starts(), starts, "{schedule:?}");
        assert!(world.prompt("a", 2).contains("without the bomb"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_that_nobody_runs_is_steered_too() {
    let script = Script::new()
        .attempt("a", 1, [Step::Exit(1)])
        .task(
            "a",
            [
                Step::ExpectPromptContains("it is in the attic".to_owned()),
                Step::write("a.txt", "a\n"),
            ],
        )
        .otherwise(writes_own_file());
    let world = World::new(&script);
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let policy = Policy {
        restart_max: 0,
        ..quick()
    };
    let story = story(&aura, &["a", "b: a", "c"], policy).await;
    assert_eq!(run(&aura, story).await.outcome, RunOutcome::Paused);
    let why = reason(&aura, story).await;
    assert_eq!(why, "task `a` failed: the agent ended abnormally 1 times");
    for verb in [Verb::Pause, Verb::Resume] {
        let error = aura
            .command(story, verb, "someone")
            .await
            .expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Refused);
    }
    let retry = Verb::Retry {
        task: "a".into(),
        note: Some("it is in the attic".to_owned()),
    };
    aura.command(story, retry, "someone")
        .await
        .expect("accepted");
    let skip = Verb::Skip { task: "b".into() };
    aura.command(story, skip, "someone")
        .await
        .expect("accepted");
    let report = run(&aura, story).await;
    world.assert_script_held();
    assert_eq!(
        (report.outcome, ids(&report.accepted), ids(&report.skipped)),
        (
            RunOutcome::ReadyToComplete,
            vec!["a".to_owned(), "c".to_owned()],
            vec!["b".to_owned()]
        )
    );
    assert_eq!(world.agent.starts_of("b"), 0);
    aura.command(story, Verb::Cancel, "someone")
        .await
        .expect("accepted");
    let status = aura.status(story).await.expect("a status").status;
    assert_eq!(status, StoryStatus::Cancelled);
}
