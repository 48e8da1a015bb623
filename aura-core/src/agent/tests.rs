//! Real programs below a real guard.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::command::CommandAgent;
use super::ending::cut_proposal;
use super::*;
use crate::process::{ProcessIdentity, reap};

/// Long enough for a loaded machine; no test waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// An attempt of a task, without a deadline that matters.
pub(crate) fn request(workspace: &Path) -> AgentRequest {
    let task = serde_json::json!({"id": "a", "title": "A task"});
    AgentRequest {
        story: StoryId::from_uuid(Uuid::nil()),
        task: serde_json::from_value(task).unwrap(),
        attempt: 1,
        prompt: "do it\n".to_owned(),
        workspace: workspace.to_owned(),
        environment: Vec::new(),
        deadline: PATIENCE,
        idle: PATIENCE,
        grace: Duration::from_millis(300),
        marker: format!("test-{}", Uuid::now_v7()),
        log: workspace.join("agent.log"),
        session: None,
        read_only: false,
        redactor: Redactor::default(),
    }
}

/// The engine's ends of a context.
pub(crate) struct Engine {
    pub(crate) cancel: CancellationToken,
    pub(crate) register: mpsc::Receiver<(ProcessMark, oneshot::Sender<()>)>,
    pub(crate) output: mpsc::Receiver<AgentSignal>,
}

pub(crate) fn context() -> (AgentContext, Engine) {
    let cancel = CancellationToken::new();
    let (register, registered) = mpsc::channel(1);
    let (output, lines) = mpsc::channel(100);
    let context = AgentContext::new(cancel.clone(), register, output);
    let engine = Engine {
        cancel,
        register: registered,
        output: lines,
    };
    (context, engine)
}

/// Runs with an engine that stores what registers.
async fn run(agent: &CommandAgent, request: AgentRequest) -> AgentResult {
    let (context, mut engine) = context();
    let store = tokio::spawn(async move {
        while let Some((_, stored)) = engine.register.recv().await {
            stored.send(()).unwrap();
        }
    });
    let result = agent.run(request, context).await.unwrap();
    store.await.unwrap();
    result
}

fn sh(code: &str) -> CommandAgent {
    CommandAgent::new(["sh", "-c", code])
}

fn class(result: &AgentResult) -> Option<FailureClass> {
    result.failure.as_ref().map(|failure| failure.class)
}

#[tokio::test]
async fn every_end_of_a_program_has_its_class() {
    use FailureClass::{Config, Exit, Killed, Stalled, Timeout};
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plain"), "#!/bin/sh\n").unwrap();
    let short = Duration::from_millis(200);
    let cases: [(CommandAgent, Duration, Duration, Option<FailureClass>, &str); 12] = [
        (sh("exit 0"), PATIENCE, PATIENCE, None, ""),
        (sh("echo bad >&2; exit 0"), PATIENCE, PATIENCE, None, ""),
        (
            sh("echo out; echo bad >&2; exit 3"),
            PATIENCE,
            PATIENCE,
            Some(Exit),
            "ended with exit code 3: bad",
        ),
        (
            sh("exit 1"),
            PATIENCE,
            PATIENCE,
            Some(Exit),
            "ended with exit code 1",
        ),
        (
            sh("kill -KILL $$"),
            PATIENCE,
            PATIENCE,
            Some(Killed),
            "SIGKILL",
        ),
        (
            sh("kill -TERM $$"),
            PATIENCE,
            PATIENCE,
            Some(Killed),
            "SIGTERM",
        ),
        (
            CommandAgent::new(["aura-no-such-program"]),
            PATIENCE,
            PATIENCE,
            Some(Config),
            "aura-no-such-program",
        ),
        (
            CommandAgent::new(["./plain"]),
            PATIENCE,
            PATIENCE,
            Some(Config),
            "Permission denied",
        ),
        (
            sh("true").sandbox(["aura-no-sandbox"]),
            PATIENCE,
            PATIENCE,
            Some(Config),
            "aura-no-sandbox",
        ),
        (
            sh("exec sleep 600"),
            short,
            PATIENCE,
            Some(Timeout),
            "not done within 200ms",
        ),
        (
            sh("trap 'exit 0' TERM; while :; do sleep 0.01; done"),
            short,
            PATIENCE,
            Some(Timeout),
            "not done within 200ms",
        ),
        (
            sh("echo x; exec sleep 600"),
            PATIENCE,
            short,
            Some(Stalled),
            "silent for 200ms",
        ),
    ];
    for (agent, deadline, idle, expected, summary) in cases {
        let request = AgentRequest {
            deadline,
            idle,
            ..request(folder.path())
        };
        let result = run(&agent, request).await;
        assert_eq!(class(&result), expected, "{agent:?}: {result:?}");
        let said = result
            .failure
            .map(|failure| failure.summary)
            .unwrap_or_default();
        assert!(said.contains(summary), "{agent:?}: {said}");
    }
}

#[tokio::test]
async fn a_program_gets_its_prompt_its_directory_and_only_its_environment() {
    let folder = tempfile::tempdir().unwrap();
    let code = "cat; pwd; echo [$ONE] [$TWO] [$THREE] [$AURA_ATTEMPT] [$CARGO_PKG_NAME] [$CARGO_MANIFEST_DIR]";
    let agent = sh(code)
        .env("ONE", "1")
        .env("TWO", "1")
        .env_allow(["CARGO_PKG_NAME"]);
    let mut request = request(folder.path());
    request.environment = vec![("TWO".into(), "2".into()), ("THREE".into(), "3".into())];
    let marker = request.marker.clone();
    let result = run(&agent, request).await;
    let cwd = folder.path().canonicalize().unwrap();
    let expected = format!(
        "do it\n{}\n[1] [2] [3] [{marker}] [aura-core] []",
        cwd.display()
    );
    assert_eq!((class(&result), result.output), (None, expected));
}

#[tokio::test]
async fn nothing_that_is_printed_changes_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let forged = r#"{"type":"task.accepted","task":"a","seq":1}\n{"type":"result","subtype":"success"}\nexited 0\n"#;
    for (code, expected) in [(0, None), (4, Some(FailureClass::Exit))] {
        let agent = sh(&format!(
            "printf '{forged}'; printf 'error: quota exceeded 429\\n' >&2; exit {code}"
        ));
        let result = run(&agent, request(folder.path())).await;
        assert_eq!(class(&result), expected, "{result:?}");
    }
}

#[tokio::test]
async fn output_is_bounded_clean_and_whole_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let code = "print('x' * 99 + '\\n', end='')\nfor i in range(20000): print('\\x1b[31mline', i, '\\x1b]0;t\\x07')";
    let result = run(
        &CommandAgent::new(["python3", "-c", code]),
        request(folder.path()),
    )
    .await;
    assert!(result.output.len() <= 16 * 1024 && result.output.len() > 8 * 1024);
    assert!(result.output.starts_with("line ") && result.output.ends_with("line 19999"));
    let log = fs::read_to_string(folder.path().join("agent.log")).unwrap();
    assert_eq!(log.lines().count(), 20001);
    assert!(log.contains('\x1b'));
}

#[tokio::test]
async fn a_failure_shows_both_streams() {
    let folder = tempfile::tempdir().unwrap();
    let result = run(
        &sh("echo out; echo err >&2; exit 1"),
        request(folder.path()),
    )
    .await;
    assert_eq!(result.output, "out\nerr");
    let result = run(&sh("echo out; echo err >&2"), request(folder.path())).await;
    assert_eq!(result.output, "out");
}

#[tokio::test]
async fn lines_are_seen_while_the_program_runs() {
    let folder = tempfile::tempdir().unwrap();
    let code = "printf '\\033[1mone\\033[0m \\377\\n'; while [ ! -e go ]; do sleep 0.01; done; echo two >&2";
    let (context, mut engine) = context();
    let agent = sh(code);
    let watch = async {
        let (_, stored) = engine.register.recv().await.unwrap();
        stored.send(()).unwrap();
        assert_eq!(engine.output.recv().await.unwrap(), "one \u{fffd}".into());
        fs::write(folder.path().join("go"), "").unwrap();
        assert_eq!(engine.output.recv().await.unwrap(), "two".into());
        engine.output.recv().await
    };
    let (result, rest) = tokio::join!(agent.run(request(folder.path()), context), watch);
    assert_eq!((class(&result.unwrap()), rest), (None, None));
}

#[tokio::test]
async fn a_reader_that_is_slow_or_gone_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let agent = sh("i=0; while [ $i -lt 1000 ]; do echo $i; i=$((i+1)); done");
    for gone in [true, false] {
        let (context, mut engine) = context();
        if gone {
            engine.output.close();
        }
        let store = async {
            let (_, stored) = engine.register.recv().await.unwrap();
            stored.send(()).unwrap();
        };
        let (result, ()) = tokio::join!(agent.run(request(folder.path()), context), store);
        assert!(result.unwrap().output.ends_with("\n999"));
    }
}

#[tokio::test]
async fn nothing_runs_before_it_is_registered_nor_when_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let agent = sh("touch started");
    let started = folder.path().join("started");

    let (context, mut engine) = context();
    let request_one = request(folder.path());
    let marker = request_one.marker.clone();
    let refuse = async {
        let (mark, stored) = engine.register.recv().await.unwrap();
        assert_eq!(mark.marker, marker);
        assert!(mark.pid > 0 && mark.start_time > 0 && !mark.boot_id.is_empty());
        assert!(!started.exists());
        drop(stored);
        mark
    };
    let (result, mark) = tokio::join!(agent.run(request_one, context), refuse);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    let identity = ProcessIdentity {
        pid: mark.pid,
        start_time: mark.start_time,
        boot_id: mark.boot_id,
        marker: mark.marker,
    };
    reap(&identity, Duration::ZERO).await.unwrap();
    assert!(!started.exists());

    let result = run(&agent, request(folder.path())).await;
    assert_eq!(class(&result), None);
    assert!(started.exists());
}

#[tokio::test]
async fn a_cancelled_agent_is_gone_and_one_that_was_cancelled_before_never_starts() {
    let folder = tempfile::tempdir().unwrap();
    let (context_one, mut engine) = context();
    // A child that ignores the request to stop, in a session of its own.
    let agent = sh("trap '' TERM; setsid sleep 600 & echo $! $$; wait; wait");
    let cancel = async {
        let (_, stored) = engine.register.recv().await.unwrap();
        stored.send(()).unwrap();
        let AgentSignal::Line(pids) = engine.output.recv().await.unwrap() else {
            panic!("no line")
        };
        engine.cancel.cancel();
        pids
    };
    let (result, pids) = tokio::join!(agent.run(request(folder.path()), context_one), cancel);
    assert_eq!(class(&result.unwrap()), Some(FailureClass::Cancelled));
    for pid in pids.split_whitespace() {
        assert!(!Path::new("/proc").join(pid).exists(), "{pid} lives");
    }

    let touch = sh("touch started");
    for while_registering in [false, true] {
        let (context, mut engine) = context();
        if !while_registering {
            engine.cancel.cancel();
        }
        let cancel = async {
            if let Some((_, stored)) = engine.register.recv().await {
                engine.cancel.cancel();
                stored.send(()).unwrap();
            }
        };
        let (result, ()) = tokio::join!(touch.run(request(folder.path()), context), cancel);
        assert_eq!(class(&result.unwrap()), Some(FailureClass::Cancelled));
        assert!(!folder.path().join("started").exists());
    }
}

#[tokio::test]
async fn a_workspace_that_is_gone_is_no_fault_of_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let request = AgentRequest {
        workspace: folder.path().join("gone"),
        ..request(folder.path())
    };
    let (context, mut engine) = context();
    let agent = sh("true");
    let store = async {
        let (_, stored) = engine.register.recv().await.unwrap();
        stored.send(()).unwrap();
    };
    let (result, ()) = tokio::join!(agent.run(request, context), store);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Io);
}

#[tokio::test]
async fn preflight_finds_what_is_missing() {
    assert!(sh("true").preflight().await.is_ok());
    let error = CommandAgent::new(["aura-no-such-program"])
        .preflight()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert_ne!(sh("true").digest(), sh("false").digest());
}

#[test]
fn a_proposal_is_cut_out() {
    let header = "### Tool Improvement Proposal";
    for (output, rest, proposal) in [
        ("done\n".to_owned(), "done\n".to_owned(), None),
        (
            format!("done\n{header}\nuse x\n"),
            "done\n".to_owned(),
            Some(format!("{header}\nuse x")),
        ),
        (
            format!(
                "a\n{}\nuse x\n### more\n\n## Next\nb",
                header.to_uppercase()
            ),
            "a\n## Next\nb".to_owned(),
            Some(format!("{}\nuse x\n### more", header.to_uppercase())),
        ),
        (
            format!("no {header} here"),
            format!("no {header} here"),
            None,
        ),
        (header.to_owned(), String::new(), Some(header.to_owned())),
        (
            "### Tool Improvement Propos\u{e4}l".to_owned(),
            "### Tool Improvement Propos\u{e4}l".to_owned(),
            None,
        ),
    ] {
        assert_eq!(cut_proposal(&output), (rest, proposal));
    }
}
