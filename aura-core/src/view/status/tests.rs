use serde_json::json;

use super::*;
use crate::model::{EventKind, Policy, RunOutcome, Spends};
use crate::view::fixture::{Log, second};

fn view(log: &Log, now: u64) -> StatusView {
    StatusView::of(&log.state(), &log.events, second(now)).expect("there is a story")
}

/// One accepted task, one running on its second try, one that waits for both, one behind a declared and an added order.
fn busy() -> Log {
    let mut log = Log::new(
        Policy::default(),
        &[
            ("a", 0, &[]),
            ("b", 1, &["a"]),
            ("c", 2, &["b", "a"]),
            ("d", 2, &["a"]),
        ],
        &[("b", "d")],
    );
    log.at(10).run().wave(0, &["a"]).start("a", 1);
    log.at(15).exit("a", 1, 5).candidate(&["a"]);
    log.gate_start(None, "build", GatePoint::Candidate);
    log.at(17)
        .gate_end(None, "build", GatePoint::Candidate, GateVerdict::Passed, 2)
        .accept(&["a"])
        .story(EventKind::WaveFinished {
            wave: 0,
            tasks: vec!["a".into()],
        });
    log.at(20).wave(1, &["b"]).start("b", 1);
    log.at(24).fail("b", 1, FailureClass::Timeout, 4).retry(
        "b",
        FailureClass::Timeout,
        Spends::Retry,
    );
    log.at(30).start("b", 2);
    log
}

#[test]
fn the_whole_shape() {
    let log = busy();
    let shown = serde_json::to_value(view(&log, 37)).expect("a view is JSON");
    let commit = log.state().head_commit().to_string();
    assert_eq!(
        shown,
        json!({
            "story_id": "00000000-0000-0000-0000-000000000001",
            "title": "Add email validation",
            "status": "running",
            "wave": 1,
            "waves": 3,
            "branch": "story/add-email-validation-000001",
            "worktree": "/home/me/app-worktrees/tree",
            "progress": 0.25,
            "tasks": [
                {"id": "a", "title": "Task a", "status": "completed", "wave": 0, "attempts": 1, "restarts": 0,
                 "agent": "default", "elapsed_ms": null, "duration_ms": 5000, "waiting_for": [], "commit": commit},
                {"id": "b", "title": "Task b", "status": "running", "wave": 1, "attempts": 2, "restarts": 0,
                 "agent": "default", "elapsed_ms": 7000, "duration_ms": 4000, "waiting_for": [],
                 "class": "timeout", "error": "b ended badly"},
                {"id": "c", "title": "Task c", "status": "pending", "wave": 2, "attempts": 0, "restarts": 0,
                 "agent": "default", "elapsed_ms": null, "duration_ms": null, "waiting_for": ["b"]},
                {"id": "d", "title": "Task d", "status": "pending", "wave": 2, "attempts": 0, "restarts": 0,
                 "agent": "default", "elapsed_ms": null, "duration_ms": null, "waiting_for": ["b"]},
            ],
            "gates": [{"name": "build", "at": "candidate", "wave": 0, "verdict": "passed", "duration_ms": 2000}],
            "agents": {"running": 1, "waiting": 2},
            "usage": {"input_tokens": 100, "output_tokens": 10, "cost_usd": 0.5},
        })
    );
}

#[test]
fn limits_are_shown_while_a_run_waits_for_them() {
    let mut log = busy();
    log.story(EventKind::BreakerOpened {
        agent: "default".to_owned(),
        provider: "theirs".to_owned(),
        until: Some(second(90)),
    });
    let shown = serde_json::to_value(view(&log, 37)).expect("a view is JSON");
    let expected = json!([{"provider": "theirs", "until": "1970-01-01T00:01:30Z"}]);
    assert_eq!(shown["limits"], expected);
    log.finish(RunOutcome::Paused, Some("requested"));
    assert_eq!(view(&log, 38).limits, []);
}

#[test]
fn it_reads_back() {
    let shown = view(&busy(), 37);
    let text = serde_json::to_string(&shown).expect("a view is JSON");
    assert_eq!(
        serde_json::from_str::<StatusView>(&text).expect("the same"),
        shown
    );
}

#[test]
fn a_retry_that_waits_is_not_a_try_yet() {
    let mut log = Log::new(Policy::default(), &[("a", 0, &[])], &[]);
    log.at(1).run().wave(0, &["a"]).start("a", 1);
    log.at(3)
        .fail("a", 1, FailureClass::Exit, 2)
        .retry("a", FailureClass::Exit, Spends::Restart);
    let waiting = &view(&log, 4).tasks[0];
    assert_eq!((waiting.attempts, waiting.restarts), (1, 1));
    assert_eq!(waiting.status, TaskStatus::Pending);
    assert_eq!(waiting.elapsed_ms, None);
    log.at(5).start("a", 1);
    assert_eq!(view(&log, 6).tasks[0].attempts, 1);
    log.at(7).fail("a", 1, FailureClass::NoChange, 2).retry(
        "a",
        FailureClass::NoChange,
        Spends::Retry,
    );
    assert_eq!(view(&log, 8).tasks[0].attempts, 1);
    log.start("a", 2);
    assert_eq!(view(&log, 8).tasks[0].attempts, 2);
}

#[test]
fn a_pause_before_the_next_start_has_an_end() {
    let waiting = |stop: Option<EventKind>| {
        let mut log = Log::new(Policy::default(), &[("a", 0, &[])], &[]);
        log.at(1).run().wave(0, &["a"]).start("a", 1);
        let retrying = EventKind::TaskRetrying {
            class: FailureClass::Exit,
            spends: Spends::Restart,
            start: crate::model::StartKind::Base,
            after: second(300),
        };
        log.at(3)
            .fail("a", 1, FailureClass::Exit, 2)
            .task("a", retrying);
        stop.into_iter().for_each(|kind| {
            log.story(kind);
        });
        log
    };
    let next = |log: &Log, now| view(log, now).tasks[0].next_start_at;
    let log = waiting(None);
    assert_eq!(next(&log, 4), Some(second(300)));
    assert_eq!(next(&log, 300), None, "it is due");
    let reason = "requested".to_owned();
    let paused = waiting(Some(EventKind::RunPaused { reason }));
    assert_eq!(next(&paused, 4), None, "nothing starts any more");
}

#[test]
fn failed_and_blocked_tasks_say_why() {
    let mut log = Log::new(
        Policy::default(),
        &[("a", 0, &[]), ("b", 1, &["a"]), ("c", 2, &["b"])],
        &[],
    );
    log.at(1).run().wave(0, &["a"]).start("a", 1);
    log.at(2).fail("a", 1, FailureClass::NoChange, 1);
    log.task(
        "a",
        EventKind::TaskFailed {
            class: FailureClass::NoChange,
            why: "not accepted after 1 tries".to_owned(),
        },
    );
    for task in ["b", "c"] {
        log.task(task, EventKind::TaskBlocked { by: "a".into() });
    }
    log.finish(RunOutcome::Paused, None);
    let shown = view(&log, 9);
    let lines: Vec<_> = shown
        .tasks
        .iter()
        .map(|task| (task.class, task.error.as_deref(), task.waiting_for.clone()))
        .collect();
    assert_eq!(
        lines,
        [
            (
                Some(FailureClass::NoChange),
                Some("not accepted after 1 tries; a ended badly"),
                vec![]
            ),
            (
                Some(FailureClass::Dependency),
                Some("task `a` failed"),
                vec!["a".into()]
            ),
            (
                Some(FailureClass::Dependency),
                Some("task `a` failed"),
                vec!["b".into()]
            ),
        ]
    );
    assert_eq!(shown.agents, AgentCounts::default());
    assert_eq!((shown.wave, shown.progress), (0, 0.0));
}

#[test]
fn between_runs_the_wave_is_the_first_unfinished_one_and_at_the_end_the_last() {
    let mut log = Log::new(Policy::default(), &[("a", 0, &[]), ("b", 1, &["a"])], &[]);
    assert_eq!(view(&log, 0).wave, 0);
    log.at(1)
        .run()
        .wave(0, &["a"])
        .start("a", 1)
        .exit("a", 1, 1);
    log.candidate(&["a"]).accept(&["a"]);
    log.finish(RunOutcome::Paused, Some("wave"));
    assert_eq!(view(&log, 0).wave, 1);
    log.task("b", EventKind::TaskSkipped {});
    let done = view(&log, 0);
    assert_eq!((done.wave, done.progress), (1, 1.0));
}

#[test]
fn gates_name_the_task_or_the_wave_they_ran_for() {
    let mut log = Log::new(Policy::default(), &[("a", 0, &[])], &[]);
    log.at(1)
        .run()
        .wave(0, &["a"])
        .start("a", 1)
        .exit("a", 1, 1);
    let red = || GateVerdict::Failed {
        findings: Vec::new(),
    };
    let broken = GateVerdict::Broken { why: String::new() };
    log.gate_end(Some("a"), "review", GatePoint::Task, red(), 1);
    log.gate_end(None, "test", GatePoint::Candidate, broken, 1);
    log.gate_end(
        None,
        "test",
        GatePoint::Final,
        GateVerdict::Flaky { runs: 2 },
        1,
    );
    let lines: Vec<_> = view(&log, 2)
        .gates
        .into_iter()
        .map(|line| (line.at, line.wave, line.task, line.verdict))
        .collect();
    assert_eq!(
        lines,
        [
            (GatePoint::Task, Some(0), Some("a".into()), GateWord::Failed),
            (GatePoint::Candidate, Some(0), None, GateWord::Broken),
            (GatePoint::Final, None, None, GateWord::Flaky),
        ]
    );
}

#[test]
fn a_story_without_a_plan_and_no_story_at_all() {
    let mut log = busy();
    log.events.truncate(1);
    let shown = view(&log, 5);
    assert_eq!((shown.wave, shown.waves, shown.progress), (0, 0, 0.0));
    assert_eq!(shown.status, StoryStatus::Created);
    assert!(shown.tasks.is_empty());
    assert_eq!(StatusView::of(&State::default(), &[], second(0)), None);
}

#[test]
fn words_of_verdicts_are_those_of_the_events() {
    let verdicts = [
        GateVerdict::Passed,
        GateVerdict::Failed {
            findings: Vec::new(),
        },
        GateVerdict::Broken { why: String::new() },
        GateVerdict::Flaky { runs: 2 },
        GateVerdict::Cancelled,
        GateVerdict::NeedsHuman { why: String::new() },
    ];
    for verdict in verdicts {
        let word = serde_json::to_value(GateWord::from(&verdict)).expect("a word");
        let whole = serde_json::to_value(&verdict).expect("a verdict");
        assert_eq!(whole["verdict"], word);
    }
}
