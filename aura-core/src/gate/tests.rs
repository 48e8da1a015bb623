//! Real programs below a real guard.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::command::CommandGate;
use super::presets;
use super::*;

/// Long enough for a loaded machine; no test waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn request(workspace: &Path) -> GateRequest {
    GateRequest {
        story: StoryId::from_uuid(Uuid::nil()),
        task: None,
        subject: None,
        at: GatePoint::Candidate,
        commit: CommitId::from_bytes([1; 20]),
        base: CommitId::from_bytes([2; 20]),
        story_base: CommitId::from_bytes([2; 20]),
        commands: Arc::default(),
        workspace: workspace.to_owned(),
        environment: Vec::new(),
        timeout: PATIENCE,
        grace: Duration::from_millis(300),
        marker: format!("gate-{}", Uuid::now_v7()),
        log: workspace.join("gate.log"),
        redactor: Redactor::default(),
    }
}

pub(crate) fn context() -> (GateContext, CancellationToken, mpsc::Receiver<String>) {
    let cancel = CancellationToken::new();
    let (output, lines) = mpsc::channel(100);
    let context = GateContext {
        cancel: cancel.clone(),
        output,
    };
    (context, cancel, lines)
}

async fn check(argv: &[&str], request: GateRequest) -> GateReport {
    let (context, _cancel, _lines) = context();
    CommandGate::new(argv.iter().copied())
        .check(request, context)
        .await
}

/// The verdict in one word, and what it says.
fn show(report: &GateReport) -> (&'static str, String) {
    match &report.verdict {
        GateVerdict::Passed => ("passed", String::new()),
        GateVerdict::Failed { findings } => {
            let all: Vec<_> = findings.iter().map(|one| one.message.as_str()).collect();
            ("failed", all.join("|"))
        }
        GateVerdict::Broken { why } => ("broken", why.clone()),
        GateVerdict::Cancelled => ("cancelled", String::new()),
        other => ("other", format!("{other:?}")),
    }
}

#[tokio::test]
async fn every_end_of_a_program_has_its_verdict() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plain"), "#!/bin/sh\n").unwrap();
    for (code, verdict, says) in [
        ("exit 0", "passed", ""),
        ("echo 'error: x' >&2; exit 0", "passed", ""),
        ("exit 1", "failed", "ended with exit code 1"),
        (
            "echo no luck; exit 2",
            "failed",
            "ended with exit code 2: no luck",
        ),
        ("echo 'a.c:3:1: error: bad'; exit 2", "failed", "bad"),
        ("kill -KILL $$", "broken", "SIGKILL"),
        ("kill -TERM $$", "broken", "SIGTERM"),
        ("kill -SEGV $$", "failed", "crashed with SIGSEGV"),
        ("kill -ABRT $$", "failed", "crashed with SIGABRT"),
        ("exit 137", "broken", "SIGKILL"),
        ("exit 139", "failed", "exit code 139"),
        ("aura-no-such-program", "broken", "127"),
        ("./plain", "broken", "126"),
        ("exit 5", "failed", "exit code 5"),
        ("exit 3", "failed", "exit code 3"),
        (
            "echo; echo 'Ran 0 tests in 0.0s'; echo; echo OK",
            "broken",
            "no test",
        ),
        (
            "echo 'Ran 0 tests in 0.0s'; echo OK; echo '2 passed in 0.1s'",
            "passed",
            "",
        ),
        ("echo 'no tests ran in 0.01s'; exit 2", "broken", "no test"),
        (
            "echo 'no tests ran in 0.01s'; echo 'a.c:3:1: error: bad'; exit 2",
            "failed",
            "bad",
        ),
        (
            // The disk is not.
            "echo 'cp: x: No space left on device'; exit 1",
            "failed",
            "No space left on device",
        ),
        (
            "echo '  process failed (signal: 9, SIGKILL: kill)'; exit 101",
            "broken",
            "SIGKILL",
        ),
        (
            "echo 'npm error Missing script: \"test\"'; exit 1",
            "broken",
            "Missing script",
        ),
        (
            "echo 'error: no such command: `nextest`'; exit 101",
            "broken",
            "no such command: `nextest`",
        ),
    ] {
        let report = check(&["sh", "-c", code], request(folder.path())).await;
        let (got, said) = show(&report);
        assert_eq!(got, verdict, "{code}: {report:?}");
        assert!(said.contains(says), "{code}: {said}");
    }
    for (argv, says) in [
        (["aura-no-such-program", "x"], "install"),
        (["./plain", "x"], "Permission denied"),
        (["make", "no-such-target"], "No rule to make target"),
        (["sh", "-c"], ""),
    ] {
        fs::write(folder.path().join("Makefile"), "all:\n\ttrue\n").unwrap();
        let (got, said) = show(&check(&argv, request(folder.path())).await);
        let expected = if says.is_empty() { "failed" } else { "broken" };
        assert_eq!(got, expected, "{argv:?}: {said}");
        assert!(said.contains(says), "{argv:?}: {said}");
    }
}

/// A program of that name in the folder, which prints a text and ends with a code.
fn fake(folder: &Path, name: &str, text: &str, code: i32) -> String {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\necho '{text}'\nexit {code}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_exit_codes_of_pytest_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let conftest = include_str!("findings/fixtures/pytest_conftest.txt").replace('\'', "");
    for (text, code, verdict, says) in [
        ("1 passed in 0.1s", 0, "passed", ""),
        ("1 failed in 0.1s", 1, "failed", "exit code 1"),
        ("interrupted", 2, "failed", "exit code 2"),
        ("INTERNALERROR", 3, "broken", "internal error"),
        ("usage", 4, "broken", "arguments"),
        (conftest.as_str(), 4, "failed", "conftest"),
        ("", 5, "broken", "no test"),
    ] {
        let pytest = fake(folder.path(), "pytest", text, code);
        let report = check(&[pytest.as_str()], request(folder.path())).await;
        let (got, said) = show(&report);
        assert_eq!(got, verdict, "{text} {code}: {said}");
        assert!(said.contains(says), "{text} {code}: {said}");
    }
}

#[tokio::test]
async fn real_unittest_runs_are_judged_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let argv = ["python3", "-m", "unittest"];
    let (got, said) = show(&check(&argv, request(folder.path())).await);
    assert_eq!(got, "broken", "{said}");
    for (body, verdict, counts) in [
        ("self.assertEqual(1, 1)", "passed", (1, 0, 0)),
        ("self.assertEqual(1, 2)", "failed", (0, 1, 0)),
        ("self.skipTest('x')", "passed", (0, 0, 1)),
    ] {
        let text = format!(
            "import unittest\nclass T(unittest.TestCase):\n    def test_x(self):\n        {body}\n"
        );
        fs::write(folder.path().join("test_x.py"), text).unwrap();
        let mut request = request(folder.path());
        request
            .environment
            .push(("PYTHONDONTWRITEBYTECODE".into(), "1".into()));
        let report = check(&argv, request).await;
        assert_eq!(show(&report).0, verdict, "{report:?}");
        let counted = report.counts.map(|c| (c.passed, c.failed, c.skipped));
        assert_eq!(counted, Some(counts), "{body}");
        if let GateVerdict::Failed { findings } = report.verdict {
            assert_eq!(findings[0].file.as_deref(), Some("test_x.py"));
            assert_eq!(findings[0].line, Some(4));
        }
    }
    let (got, said) = show(
        &check(
            &["python3", "-m", "aura_no_such_module"],
            request(folder.path()),
        )
        .await,
    );
    assert_eq!(got, "broken", "{said}");
    assert!(said.contains("no module aura_no_such_module"), "{said}");
}

#[tokio::test]
async fn a_gate_that_hangs_is_red_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let request = GateRequest {
        timeout: Duration::from_secs(1),
        ..request(folder.path())
    };
    let code = "echo 'a.c:3:1: error: bad'; setsid sleep 600 & echo $! > pid; trap '' TERM; wait; sleep 600";
    let report = check(&["sh", "-c", code], request).await;
    let (got, said) = show(&report);
    assert_eq!((got, said.as_str()), ("failed", "timed out after 1s|bad"));
    assert!(report.output_tail.contains("bad"));
    let pid = fs::read_to_string(folder.path().join("pid")).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists());
}

#[tokio::test]
async fn a_cancelled_gate_says_so_and_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let gate = CommandGate::new(["sh", "-c", "touch started; echo $$; exec sleep 600"]);
    let (context_one, cancel, mut lines) = context();
    let watch = async {
        let pid = lines.recv().await.unwrap();
        cancel.cancel();
        pid
    };
    let (report, pid) = tokio::join!(gate.check(request(folder.path()), context_one), watch);
    assert_eq!(report.verdict, GateVerdict::Cancelled);
    assert!(!Path::new("/proc").join(pid).exists());

    fs::remove_file(folder.path().join("started")).unwrap();
    let (context, cancel, _lines) = context();
    cancel.cancel();
    let report = gate.check(request(folder.path()), context).await;
    assert_eq!(report.verdict, GateVerdict::Cancelled);
    assert!(!folder.path().join("started").exists());
}

#[tokio::test]
async fn output_is_bounded_clean_and_whole_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let code = "for i in range(60000): print('\\x1b[31mtest result: ok. 1 passed; 0 failed; 0 ignored; \\x1b[0m', i)";
    let report = check(&["python3", "-c", code], request(folder.path())).await;
    assert_eq!(report.verdict, GateVerdict::Passed);
    assert!(report.output_tail.len() <= 16 * 1024);
    assert!(report.output_tail.starts_with("test result") && report.output_tail.ends_with("59999"));
    // Only the end is kept, and all of it is counted.
    assert_eq!(report.counts.map(|counts| counts.passed), Some(60000));
    let log = fs::read_to_string(folder.path().join("gate.log")).unwrap();
    assert_eq!(log.lines().count(), 60000);

    let code = "for i in range(100): print('test result: ok. 1 passed; 0 failed; 0 ignored; ', i)";
    let report = check(&["python3", "-c", code], request(folder.path())).await;
    assert_eq!(report.counts.map(|counts| counts.passed), Some(100));
}

#[tokio::test]
async fn tests_are_counted_below_much_other_output() {
    let folder = tempfile::tempdir().unwrap();
    let much = "import sys\nfor i in range(20000): print('noise', 'x' * 60)\n";
    for (end, counts) in [
        (
            "print('Ran 3 tests in 0.001s\\n\\nFAILED (failures=1)', file=sys.stderr)",
            Some((2, 1)),
        ),
        ("print('== 2 passed, 1 failed in 0.12s ==')", Some((2, 1))),
        ("print('2 passed, 1 failed')", None),
    ] {
        let report = check(
            &["python3", "-c", &format!("{much}{end}")],
            request(folder.path()),
        )
        .await;
        let counted = report.counts.map(|counts| (counts.passed, counts.failed));
        assert_eq!(counted, counts, "{end}");
    }
}

#[tokio::test]
async fn a_gate_has_its_directory_and_its_environment() {
    let folder = tempfile::tempdir().unwrap();
    let gate = CommandGate::new([
        "sh",
        "-c",
        "pwd; echo [$ONE] [$TWO] [$CARGO_PKG_NAME] [$CARGO_MANIFEST_DIR]; cat",
    ])
    .env("ONE", "1")
    .env("TWO", "1")
    .env_allow(["CARGO_PKG_NAME"])
    .sandbox(["env"]);
    let mut request = request(folder.path());
    request.environment = vec![("TWO".into(), "2".into())];
    let (context, _cancel, _lines) = context();
    let report = gate.check(request, context).await;
    let cwd = folder.path().canonicalize().unwrap();
    assert_eq!(
        report.output_tail,
        format!("{}\n[1] [2] [aura-core] []", cwd.display())
    );
}

#[test]
fn a_gate_is_defined_by_what_it_runs() {
    let definition = |argv: [&str; 2]| presets::command("build", argv).definition();
    let build = definition(["cargo", "build"]);
    assert_eq!((build.name.as_str(), build.required), ("build", true));
    assert_eq!(build.at, [GateSchedule::AfterWave, GateSchedule::Final]);
    assert_eq!(build, definition(["cargo", "build"]));
    assert_ne!(build.digest, definition(["cargo", "test"]).digest);
}

#[tokio::test]
async fn detected_gates_judge_a_real_crate() {
    let folder = tempfile::tempdir().unwrap();
    let manifest =
        "[package]\nname = \"sample\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    let gates = presets::detect(folder.path());
    let [build, test] = gates.as_slice() else {
        panic!("{} gates", gates.len());
    };
    let right = "pub fn one() -> i32 { 1 }\n#[test]\nfn is_one() {\n    assert_eq!(one(), 1);\n}\n";
    let wrong = right.replace("{ 1 }", "{ 2 }");
    for (source, gate, green, place) in [
        (right, build, true, None),
        (right, test, true, None),
        (&wrong, test, false, Some(("src/lib.rs", 4))),
        (
            "pub fn one() -> i32 { \"1\" }\n",
            build,
            false,
            Some(("src/lib.rs", 1)),
        ),
    ] {
        fs::write(folder.path().join("src/lib.rs"), source).unwrap();
        let (context, _cancel, _lines) = context();
        let report = gate.gate().check(request(folder.path()), context).await;
        assert_eq!(report.verdict.is_green(), green, "{report:?}");
        if let GateVerdict::Failed { findings } = &report.verdict {
            let found = findings[0].file.as_deref().zip(findings[0].line);
            assert_eq!(found, place, "{report:?}");
        }
        if source == wrong {
            let counts = report.counts.map(|c| (c.passed, c.failed));
            assert_eq!(counts, Some((0, 1)));
        }
    }
}
