//! The stand-ins by themselves.

use super::*;
use crate::agent::tests::{context, request};
use crate::gate::tests as gate;

fn class(result: &AgentResult) -> Option<FailureClass> {
    result.failure.as_ref().map(|failure| failure.class)
}

#[tokio::test]
async fn an_agent_does_what_each_start_says() {
    let folder = tempfile::tempdir().unwrap();
    let usage = Usage {
        input_tokens: 3,
        ..Usage::default()
    };
    let agent = ScriptedAgent::new().task(
        "a",
        [
            vec![Step::fail(FailureClass::Exit), Step::write("never", "")],
            vec![
                Step::write("in/a.txt", "1"),
                Step::Say("said".into()),
                Step::Use(usage),
            ],
            vec![Step::Remove("in/a.txt".into())],
        ],
    );
    let expected = [
        (Some(FailureClass::Exit), "", false),
        (None, "said\n", true),
        (None, "", false),
    ];
    for (failure, output, exists) in expected {
        let (context, _engine) = context();
        let result = agent.run(request(folder.path()), context).await.unwrap();
        assert_eq!((class(&result), result.output.as_str()), (failure, output));
        assert_eq!(folder.path().join("in/a.txt").exists(), exists);
        assert_eq!(result.usage == usage, exists);
    }
    assert!(!folder.path().join("never").exists());
    assert_eq!(agent.starts().len(), 3);
    let (context, _engine) = context();
    // The last steps are for all that follow: the file is gone already.
    assert!(agent.run(request(folder.path()), context).await.is_err());

    let (context, _engine) = crate::agent::tests::context();
    ScriptedAgent::new()
        .run(request(folder.path()), context)
        .await
        .unwrap();
    assert_eq!(
        fs::read_to_string(folder.path().join("a.txt")).unwrap(),
        "a\n"
    );
}

#[tokio::test]
async fn agents_meet_wait_and_are_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let barrier = Arc::new(Barrier::new(2));
    let agent = ScriptedAgent::from_fn(move |_, _| vec![Step::Meet(barrier.clone())]);
    let (one, _engine_one) = context();
    let (two, _engine_two) = context();
    let both = tokio::join!(
        agent.run(request(folder.path()), one),
        agent.run(request(folder.path()), two)
    );
    assert_eq!(
        (both.0.unwrap().failure, both.1.unwrap().failure),
        (None, None)
    );
    assert_eq!((agent.most_running(), agent.running()), (2, 0));

    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let waits = vec![Step::Signal(begun.clone()), Step::Wait(go.clone())];
    let hangs = vec![
        Step::Signal(begun.clone()),
        Step::Hang,
        Step::write("never", ""),
    ];
    let agent = ScriptedAgent::new().task("a", [waits, hangs]);
    for expected in [None, Some(FailureClass::Cancelled)] {
        let (context, engine) = context();
        let steer = async {
            begun.notified().await;
            assert_eq!(agent.running(), 1);
            match expected {
                None => go.notify_one(),
                Some(_) => engine.cancel.cancel(),
            }
        };
        let (result, ()) = tokio::join!(agent.run(request(folder.path()), context), steer);
        assert_eq!(class(&result.unwrap()), expected);
    }
    assert!(!folder.path().join("never").exists());
}

#[tokio::test]
async fn a_script_stays_in_its_workspace() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["../out", "/tmp/out", "a/../../out"] {
        let agent = ScriptedAgent::from_fn(move |_, _| vec![Step::write(path, "")]);
        let (context, _engine) = context();
        let error = agent
            .run(request(folder.path()), context)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn a_gate_judges_counts_and_can_be_held() {
    let folder = tempfile::tempdir().unwrap();
    let scripted = ScriptedGate::new(|request, number| match number {
        0 if !request.workspace.join("a").exists() => GateVerdict::Failed { findings: vec![] },
        _ => GateVerdict::Passed,
    });
    for green in [false, true] {
        let (context, _cancel, _lines) = gate::context();
        let report = scripted.check(gate::request(folder.path()), context).await;
        assert_eq!(report.verdict.is_green(), green);
    }
    assert_eq!(scripted.checks().len(), 2);
    assert_eq!(scripted.checks()[0].commit, CommitId::from_bytes([1; 20]));

    let permits = Arc::new(Semaphore::new(1));
    let held = ScriptedGate::green().held_by(permits);
    for cancelled in [false, true] {
        let (context, cancel, _lines) = gate::context();
        let check = held.check(gate::request(folder.path()), context);
        let steer = async {
            if cancelled {
                cancel.cancel();
            }
        };
        let (report, ()) = tokio::join!(check, steer);
        assert_eq!(report.verdict == GateVerdict::Cancelled, cancelled);
    }
}
