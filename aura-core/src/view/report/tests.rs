use serde_json::json;

use super::*;
use crate::model::{EventKind, Finding, FlakyPolicy, GateDefinition, Policy, Spends, Verb};
use crate::view::fixture::{Log, id};

fn report(log: &Log) -> Report {
    Report::of(&log.state(), &log.events).expect("the last run ended")
}

fn verb(verb: Verb) -> EventKind {
    EventKind::CommandAccepted {
        verb,
        actor: "me".to_owned(),
    }
}

/// Two chains, crossed: a (10 s) before c (1 s), b (1 s) before d (10 s); two agents.
fn crossed() -> Log {
    let mut log = Log::new(
        Policy::default(),
        &[
            ("a", 0, &[]),
            ("b", 0, &[]),
            ("c", 1, &["a"]),
            ("d", 1, &["b"]),
        ],
        &[],
    );
    log.at(100).run().wave(0, &["a", "b"]);
    log.at(101).start("a", 1).start("b", 1);
    log.at(102).exit("b", 1, 1);
    log.at(111).exit("a", 1, 10).candidate(&["a", "b"]);
    log.at(112).gate_start(None, "test", GatePoint::Candidate);
    log.at(115)
        .gate_end(None, "test", GatePoint::Candidate, GateVerdict::Passed, 3)
        .accept(&["a", "b"]);
    log.wave(1, &["c", "d"]).start("c", 1).start("d", 1);
    log.at(116).exit("c", 1, 1);
    log.at(125)
        .exit("d", 1, 10)
        .candidate(&["c", "d"])
        .accept(&["c", "d"]);
    log.finish(RunOutcome::ReadyToComplete, None);
    log
}

#[test]
fn the_whole_shape() {
    let log = crossed();
    let commit = log.state().head_commit().to_string();
    assert_eq!(
        serde_json::to_value(report(&log)).expect("a report is JSON"),
        json!({
            "story_id": "00000000-0000-0000-0000-000000000001",
            "outcome": "ready_to_complete",
            "accepted": ["a", "b", "c", "d"],
            "failed": [],
            "blocked": [],
            "skipped": [],
            "unfinished": [],
            "commit": commit,
            "starts": 4,
            "retries": 0,
            "restarts": 0,
            "gate_runs": 1,
            "wall_ms": 25_000,
            "work_ms": 22_000,
            "speedup": 0.88,
            "critical_path_ms": 11_000,
            "overhead_ms": 2_000,
            "ready_would_save_ms": 9_000,
            "usage": {"input_tokens": 400, "output_tokens": 40, "cost_usd": 2.0},
        })
    );
}

#[test]
fn pauses_between_runs_do_not_count() {
    let mut log = crossed();
    let first = report(&log);
    log.at(100_000).story(EventKind::LandingRequested {
        options: Box::default(),
        gates: Vec::new(),
        checks: Vec::new(),
    });
    assert_eq!(Report::of(&log.state(), &log.events), None);
    log.at(100_003).story(EventKind::Landed {
        commit: id(8),
        previous: id(9),
    });
    log.finish(RunOutcome::Completed, None);
    let landed = report(&log);
    assert_eq!(landed.wall_ms, first.wall_ms + 3_000);
    assert_eq!(landed.overhead_ms, first.overhead_ms + 3_000);
    assert_eq!(landed.outcome, RunOutcome::Completed);
    assert_eq!((landed.commit, landed.previous), (id(8), Some(id(9))));
}

#[test]
fn a_completion_says_what_was_looked_at() {
    let check = CompletionCheck::new;
    let gate = |name: &str| GateDefinition {
        name: name.to_owned(),
        digest: "d".to_owned(),
        at: vec![GateSchedule::Final],
        required: true,
        flaky: FlakyPolicy::default(),
        timeout_ms: 1,
        counts_tests: false,
        reviews: false,
    };
    let mut log = crossed();
    assert_eq!(report(&log).checks, []);
    let before = vec![
        check("clean tree", CheckState::Failed, "uncommitted: a.txt"),
        check("messages", CheckState::Passed, ""),
    ];
    log.story(EventKind::LandingRequested {
        options: Box::default(),
        gates: ["build", "test", "lint"].map(gate).to_vec(),
        checks: before.clone(),
    });
    let red = GateVerdict::Failed {
        findings: vec![Finding {
            file: None,
            line: None,
            column: None,
            message: "one is red".to_owned(),
        }],
    };
    for (gate, verdict) in [("build", GateVerdict::Passed), ("test", red)] {
        log.gate_start(None, gate, GatePoint::Final);
        log.gate_end(None, gate, GatePoint::Final, verdict, 1);
    }
    log.finish(RunOutcome::ReadyToComplete, None);
    let mut expected = before;
    expected.extend([
        check("build", CheckState::Passed, ""),
        check("test", CheckState::Failed, "one is red"),
        check("lint", CheckState::Skipped, "it did not come to it"),
        check("secrets", CheckState::Skipped, "no gate looks for secrets"),
    ]);
    assert_eq!(report(&log).checks, expected);
}

#[test]
fn time_in_which_nobody_was_there_does_not_count() {
    // (what happens while the agent works, wall, overhead)
    let crash = |log: &mut Log| {
        log.at(1_000).story(EventKind::RunResumed {});
    };
    let crash_after_a_request = |log: &mut Log| {
        log.story(verb(Verb::Pause));
        log.at(1_000).story(EventKind::RunResumed {});
    };
    let taken_back = |log: &mut Log| {
        log.at(8).story(verb(Verb::Resume));
        log.story(EventKind::RunResumed {});
    };
    let run_again = |log: &mut Log| {
        log.at(1_000).run();
    };
    type Course = fn(&mut Log);
    let cases: [(&str, Course, u64, u64); 4] = [
        // 0 to 1 before the crash; then the start is over, and 1000 to 1002 with nobody at work.
        ("crash", crash, 3_000, 3_000),
        ("crash after a request", crash_after_a_request, 3_000, 3_000),
        ("a pause taken back", taken_back, 10_000, 1_000),
        ("crash and a new run", run_again, 3_000, 3_000),
    ];
    for (name, course, wall, overhead) in cases {
        let mut log = Log::new(Policy::default(), &[("a", 0, &[])], &[]);
        log.run().wave(0, &["a"]);
        log.at(1).start("a", 1);
        course(&mut log);
        let end = log.now + 2;
        log.at(end).fail("a", 1, FailureClass::Killed, 2);
        log.finish(RunOutcome::Paused, Some("requested"));
        let report = report(&log);
        assert_eq!(
            (report.wall_ms, report.overhead_ms),
            (wall, overhead),
            "{name}"
        );
        assert_eq!(report.reason.as_deref(), Some("requested"));
        assert_eq!(report.unfinished, ["a".into()]);
    }
}

#[test]
fn every_task_is_in_one_list_and_everything_is_counted() {
    let mut log = Log::new(
        Policy::default(),
        &[
            ("a", 0, &[]),
            ("b", 0, &[]),
            ("c", 1, &["a"]),
            ("d", 0, &[]),
            ("e", 0, &[]),
            ("f", 0, &[]),
        ],
        &[],
    );
    log.run().wave(0, &["a", "b", "d", "e", "f"]).start("a", 1);
    log.at(4)
        .fail("a", 1, FailureClass::Exit, 4)
        .retry("a", FailureClass::Exit, Spends::Restart);
    log.start("a", 1);
    log.task(
        "a",
        EventKind::WorkspaceSalvaged {
            reference: "refs/aura/salvage/1".to_owned(),
            commit: id(7),
        },
    );
    log.at(6)
        .fail("a", 1, FailureClass::NoChange, 2)
        .retry("a", FailureClass::NoChange, Spends::Retry)
        .start("a", 2);
    log.at(7).fail("a", 2, FailureClass::NoChange, 1);
    log.task(
        "a",
        EventKind::TaskFailed {
            class: FailureClass::NoChange,
            why: "no progress".to_owned(),
        },
    );
    log.task("c", EventKind::TaskBlocked { by: "a".into() });
    log.task("d", EventKind::TaskSkipped {});
    log.task("e", EventKind::TaskCancelled {});
    log.start("b", 1)
        .exit("b", 1, 1)
        .candidate(&["b"])
        .accept(&["b"]);
    log.story(EventKind::Warning {
        message: "refs of others changed".to_owned(),
    });
    log.finish(RunOutcome::Failed, Some("not accepted: a, c"));
    let report = report(&log);
    assert_eq!(report.accepted, ["b".into()]);
    assert_eq!(
        report.failed,
        [FailedTask {
            id: "a".into(),
            class: FailureClass::NoChange,
            evidence: Evidence::summary("a ended badly"),
        }]
    );
    assert_eq!(report.blocked, ["c".into()]);
    assert_eq!(report.skipped, ["d".into()]);
    assert_eq!(report.unfinished, ["e".into(), "f".into()]);
    assert_eq!((report.starts, report.retries, report.restarts), (4, 1, 1));
    assert_eq!(report.work_ms, 8_000);
    assert_eq!(report.critical_path_ms, 7_000);
    assert_eq!(
        report.warnings,
        [
            "refs of others changed",
            "no required gate judged anything that was accepted"
        ]
    );
    assert_eq!(report.salvaged.len(), 1);
    let text = serde_json::to_string(&report).expect("a report is JSON");
    assert_eq!(
        serde_json::from_str::<Report>(&text).expect("the same"),
        report
    );
}

#[test]
fn a_gate_that_changed_its_mind_is_named() {
    let mut log = Log::new(Policy::default(), &[("a", 0, &[])], &[]);
    log.run()
        .wave(0, &["a"])
        .start("a", 1)
        .exit("a", 1, 0)
        .candidate(&["a"]);
    log.gate_start(None, "test", GatePoint::Candidate);
    log.gate_end(
        None,
        "test",
        GatePoint::Candidate,
        GateVerdict::Flaky { runs: 2 },
        0,
    );
    log.finish(RunOutcome::Paused, None);
    let report = report(&log);
    assert_eq!(report.flaky, ["test"]);
    // Nothing took any time: there is no speed to speak of, and no division by it.
    assert_eq!((report.wall_ms, report.speedup), (0, 0.0));
}

#[test]
fn there_is_no_report_before_the_end_of_a_run() {
    let mut log = Log::new(Policy::default(), &[("a", 0, &[])], &[]);
    assert_eq!(Report::of(&log.state(), &log.events), None);
    log.run();
    assert_eq!(Report::of(&log.state(), &log.events), None);
    log.finish(RunOutcome::Paused, None);
    assert!(Report::of(&log.state(), &log.events).is_some());
    log.run();
    assert_eq!(Report::of(&log.state(), &log.events), None);
}
