//! The scripted agent does what its script says.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use aura_tests::{Script, ScriptedAgent, Shape, Step, Stream, TempRepo, survivors};

const PROGRAM: &str = env!("CARGO_BIN_EXE_fake-agent");

fn agent(script: &Script) -> ScriptedAgent {
    ScriptedAgent::new(PROGRAM, script)
}

/// Starts it for a task, as the engine would.
fn start(agent: &ScriptedAgent, dir: &Path, task: &str, attempt: u32, prompt: &str) -> Child {
    let command = agent.command();
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .current_dir(dir)
        .env("AURA_TASK", task)
        .env("AURA_TASK_ATTEMPT", attempt.to_string())
        .env("AURA_ATTEMPT", format!("marker-{task}-{attempt}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the agent starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin
        .write_all(prompt.as_bytes())
        .expect("it reads its prompt");
    child
}

fn run(agent: &ScriptedAgent, dir: &Path, task: &str, attempt: u32, prompt: &str) -> Output {
    start(agent, dir, task, attempt, prompt)
        .wait_with_output()
        .expect("the agent ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn it_changes_files_and_runs_git() {
    let repo = TempRepo::clean();
    let agent = agent(&Script::new().otherwise([
        Step::write("deep/{task}.txt", "{task} {attempt} {start}\n"),
        Step::Append {
            path: "README.md".to_owned(),
            text: "more\n".to_owned(),
        },
        Step::Delete("docs".to_owned()),
        Step::Rename {
            from: "run.sh".to_owned(),
            to: "go.sh".to_owned(),
        },
        Step::Link {
            path: "link".to_owned(),
            target: "README.md".to_owned(),
        },
        Step::Executable {
            path: "README.md".to_owned(),
            yes: true,
        },
        Step::Write {
            path: "bytes".to_owned(),
            text: "a".to_owned(),
            hex: "00ff".to_owned(),
        },
        Step::git(["add", "README.md"]),
        Step::git(["commit", "--quiet", "-m", "by the agent"]),
        Step::TryGit(vec!["no-such-command".to_owned()]),
        Step::ExpectFile {
            path: "README.md".to_owned(),
            text: "# App\nmore\n".to_owned(),
        },
        Step::ExpectNoFile("docs/guide.md".to_owned()),
    ]));
    let output = run(&agent, repo.path(), "a b", 2, "");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(repo.read("deep/a b.txt"), "a b 2 1\n");
    assert_eq!(
        repo.git(["log", "-1", "--format=%s %an"]),
        "by the agent Agent"
    );
    assert_eq!(
        repo.git(["status", "--porcelain"]),
        " D docs/guide.md\n D run.sh\n?? bytes\n?? deep/\n?? go.sh\n?? link"
    );
    assert_eq!(
        repo.git(["ls-files", "--stage", "README.md"])
            .split(' ')
            .next(),
        Some("100755")
    );
    let bytes = std::fs::read(repo.path().join("bytes")).expect("a file");
    assert_eq!(bytes, [b'a', 0, 0xff]);
    assert_eq!(agent.failures(), [""; 0]);
}

#[test]
fn it_counts_its_starts_and_keeps_its_prompts() {
    let dir = tempfile::tempdir().expect("a directory");
    let agent = agent(
        &Script::new()
            .start("a b", 2, [Step::KillSelf])
            .attempt("a b", 2, [Step::Exit(7)])
            .otherwise([]),
    );
    let statuses: Vec<_> = [("a b", 1), ("a b", 1), ("a b", 2), ("c", 1)]
        .into_iter()
        .map(|(task, attempt)| {
            let prompt = format!("prompt of {task}\n");
            run(&agent, dir.path(), task, attempt, &prompt)
                .status
                .code()
        })
        .collect();
    assert_eq!(statuses, [Some(0), None, Some(7), Some(0)]);
    let starts: Vec<_> = agent
        .starts()
        .into_iter()
        .map(|start| (start.task, start.attempt, start.marker))
        .collect();
    let expected = [("a b", 1), ("a b", 1), ("a b", 2), ("c", 1)];
    let expected = expected
        .map(|(task, attempt)| (task.to_owned(), attempt, format!("marker-{task}-{attempt}")));
    assert_eq!(starts, expected);
    assert_eq!(agent.starts_of("a b"), 3);
    let last = agent.prompts().pop().expect("a prompt");
    assert_eq!((last.start, last.prompt.as_str()), (1, "prompt of c\n"));
}

#[test]
fn the_prompt_names_the_task_where_the_environment_does_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let agent = agent(&Script::new().attempt("api", 3, [Step::Exit(5)]));
    let command = agent.command();
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .current_dir(dir.path())
        .env_clear()
        .stdin(Stdio::piped())
        .spawn()
        .expect("the agent starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin
        .write_all(b"Do it.\n\nTask id: api\nAttempt: 3\n")
        .expect("it reads its prompt");
    drop(stdin);
    assert_eq!(child.wait().expect("the agent ends").code(), Some(5));
}

#[test]
fn output_of_every_kind() {
    let dir = tempfile::tempdir().expect("a directory");
    let agent = agent(&Script::new().otherwise([
        Step::Print {
            text: "ab".to_owned(),
            hex: "1b5b324aff".to_owned(),
            times: 2,
            to: Stream::Stdout,
        },
        Step::Flood {
            bytes: 10,
            line: 4,
            to: Stream::Stderr,
        },
        Step::Flood {
            bytes: 200_000,
            line: 0,
            to: Stream::Stdout,
        },
    ]));
    let output = run(&agent, dir.path(), "a", 1, "");
    assert_eq!(&output.stdout[..14], b"ab\x1b[2J\xffab\x1b[2J\xff");
    assert_eq!(output.stdout.len(), 14 + 200_000);
    assert!(output.stdout[14..].iter().all(|byte| *byte == b'x'));
    assert_eq!(output.stderr, b"xxx\nxxx\nxx");
}

/// An agent whose reader goes away ends, and does not fail for it.
#[test]
fn a_flood_ends_with_its_reader() {
    let dir = tempfile::tempdir().expect("a directory");
    let agent = agent(&Script::new().otherwise([Step::Flood {
        bytes: u64::MAX,
        line: 80,
        to: Stream::Stdout,
    }]));
    let mut child = start(&agent, dir.path(), "a", 1, "");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("the agent ends").code(), Some(0));
}

#[test]
fn expectations_that_do_not_hold_are_failures() {
    let env = BTreeMap::from([("AURA_TASK".to_owned(), "b".to_owned())]);
    let file = |text: &str| Step::ExpectFile {
        path: "there".to_owned(),
        text: text.to_owned(),
    };
    let same = BTreeMap::from([("AURA_TASK".to_owned(), "a".to_owned())]);
    let cases = [
        (Step::ExpectPromptContains("red".to_owned()), 0),
        (Step::ExpectPromptContains("blue".to_owned()), 92),
        (Step::ExpectPromptLacks("blue".to_owned()), 0),
        (Step::ExpectPromptLacks("red".to_owned()), 92),
        (file("yes\n"), 0),
        (file("no\n"), 92),
        (Step::ExpectNoFile("here".to_owned()), 0),
        (Step::ExpectNoFile("there".to_owned()), 92),
        (Step::ExpectEnv(same), 0),
        (Step::ExpectEnv(env), 92),
        (Step::Delete("here".to_owned()), 91),
        (Step::git(["no-such-command"]), 91),
    ];
    for (step, code) in cases {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("there"), "yes\n").expect("a file");
        let agent = agent(&Script::new().otherwise([step.clone()]));
        let output = run(&agent, dir.path(), "a", 1, "the gate was red");
        assert_eq!(output.status.code(), Some(code), "{step:?}");
        let failures = agent.failures();
        assert_eq!(failures.len(), usize::from(code != 0), "{step:?}");
        if let Some(failure) = failures.first() {
            assert!(failure.starts_with("task `a`, step 1: "), "{failure}");
            assert!(text(&output.stderr).contains(failure));
        }
    }
}

#[test]
fn a_start_that_no_case_fits_is_a_failure() {
    let dir = tempfile::tempdir().expect("a directory");
    let agent = agent(&Script::new().task("a", []));
    assert_eq!(run(&agent, dir.path(), "b", 1, "").status.code(), Some(90));
    assert_eq!(
        agent.failures(),
        ["no case fits task `b`, attempt 1, start 1"]
    );
    assert_eq!(agent.starts_of("b"), 1);
}

#[test]
fn three_agents_wait_for_the_test() {
    let dir = tempfile::tempdir().expect("a directory");
    let agent = agent(&Script::new().otherwise([
        Step::Barrier("gate".to_owned()),
        Step::write("{task}.txt", "let go\n"),
    ]));
    let mut barrier = agent.barrier("gate");
    let children: Vec<Child> = ["a", "b", "c"]
        .map(|task| start(&agent, dir.path(), task, 1, ""))
        .into();
    let mut who = barrier.wait_for(3);
    who.sort();
    assert_eq!(who, ["a 1", "b 1", "c 1"]);
    assert_eq!(
        std::fs::read_dir(dir.path()).expect("a directory").count(),
        0
    );
    barrier.release();
    for mut child in children {
        assert!(child.wait().expect("the agent ends").success());
    }
    assert_eq!(
        std::fs::read_dir(dir.path()).expect("a directory").count(),
        3
    );
}

#[test]
fn three_agents_meet_without_a_test() {
    let dir = tempfile::tempdir().expect("a directory");
    let agent = agent(&Script::new().otherwise([
        Step::write("{task}.came", ""),
        Step::Meet {
            name: "point".to_owned(),
            count: 3,
        },
        // All of them have come before any of them goes on.
        Step::ExpectFile {
            path: "a.came".to_owned(),
            text: String::new(),
        },
        Step::ExpectFile {
            path: "b.came".to_owned(),
            text: String::new(),
        },
        Step::ExpectFile {
            path: "c.came".to_owned(),
            text: String::new(),
        },
    ]));
    for _ in 0..3 {
        let children = ["a", "b", "c"].map(|task| start(&agent, dir.path(), task, 1, ""));
        for mut child in children {
            assert!(
                child.wait().expect("the agent ends").success(),
                "{:?}",
                agent.failures()
            );
        }
        for task in ["a", "b", "c"] {
            let came = dir.path().join(format!("{task}.came"));
            std::fs::remove_file(came).expect("it came");
        }
    }
}

/// Waits for something that another process does and that cannot be waited for otherwise.
fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < end, "{what} did not happen");
        std::thread::yield_now();
    }
}

/// Whether a process ignores a signal.
#[cfg(target_os = "linux")]
fn ignores(pid: u32, signal: rustix::process::Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = u64::from_str_radix(mask.expect("a line").trim(), 16).expect("a mask");
    mask & (1 << (signal.as_raw() - 1)) != 0
}

fn kill(pid: u32) {
    use rustix::process::{Pid, Signal, kill_process};
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process");
    // It may have ended meanwhile.
    let _ = kill_process(pid, Signal::KILL);
}

#[test]
fn what_it_leaves_behind_outlives_it_in_every_shape() {
    for shape in Shape::ALL {
        let dir = tempfile::tempdir().expect("a directory");
        let nonce = format!("nonce-{}-{shape:?}", std::process::id());
        let agent = agent(&Script::new().otherwise([Step::Spawn {
            shape,
            nonce: nonce.clone(),
            holds_output: false,
        }]));
        let output = run(&agent, dir.path(), "a", 1, "");
        assert!(
            output.status.success(),
            "{shape:?}: {}",
            text(&output.stderr)
        );
        let left = survivors(&nonce);
        assert_eq!(left.len(), 1, "{shape:?}");
        kill(left[0]);
        until("the end of what was left behind", || {
            survivors(&nonce).is_empty()
        });
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_it_leaves_behind_is_what_its_shape_says() {
    use rustix::process::Signal;
    let stat = |pid: u32, field: usize| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
        let after = stat.rsplit(") ").next().expect("fields").to_owned();
        after.split(' ').nth(field).expect("a field").to_owned()
    };
    for shape in Shape::ALL {
        let dir = tempfile::tempdir().expect("a directory");
        let nonce = format!("shape-{}-{shape:?}", std::process::id());
        let agent = agent(&Script::new().otherwise([
            Step::Spawn {
                shape,
                nonce: nonce.clone(),
                holds_output: false,
            },
            Step::Barrier("hold".to_owned()),
        ]));
        let mut barrier = agent.barrier("hold");
        let mut child = start(&agent, dir.path(), "a", 1, "");
        barrier.wait_for(1);
        let [left] = survivors(&nonce)[..] else {
            panic!("{shape:?}: one process is left behind");
        };
        let is_child = stat(left, 1) == child.id().to_string();
        let own_session = stat(left, 3) == left.to_string();
        let environment = std::fs::read(format!("/proc/{left}/environ")).expect("a process");
        let facts = (
            is_child,
            // A daemon's session is that of the process that made it.
            own_session || stat(left, 3) != stat(child.id(), 3),
            environment.is_empty(),
            ignores(left, Signal::TERM),
            stat(left, 0) == "T",
        );
        let expected = match shape {
            Shape::Child => (true, false, false, false, false),
            Shape::Setsid => (true, true, false, false, false),
            Shape::Daemon => (false, true, false, false, false),
            Shape::BareDaemon => (false, true, true, false, false),
            Shape::IgnoresTerm => (true, false, false, true, false),
            Shape::Stopped => (true, false, false, false, true),
            Shape::Chain => (false, false, false, false, false),
        };
        kill(left);
        barrier.release();
        assert!(child.wait().expect("the agent ends").success());
        assert_eq!(facts, expected, "{shape:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_agent_that_hangs_can_be_killed_and_a_deaf_one_only_so() {
    use rustix::process::{Pid, Signal, kill_process};
    use std::os::unix::process::ExitStatusExt;
    for ignores_term in [false, true] {
        let dir = tempfile::tempdir().expect("a directory");
        let agent = agent(&Script::new().otherwise([Step::Hang { ignores_term }]));
        let mut child = start(&agent, dir.path(), "a", 1, "");
        let id = child.id();
        if ignores_term {
            // The mask and nothing else: for a moment a new program's command line can be read with its environment.
            until("deafness", || ignores(id, Signal::TERM));
        } else {
            until("the prompt", || !agent.prompts().is_empty());
        }
        let pid = Pid::from_raw(id.cast_signed()).expect("a process");
        kill_process(pid, Signal::TERM).expect("it runs");
        if ignores_term {
            kill_process(pid, Signal::KILL).expect("it still runs");
        }
        let signal = child.wait().expect("the agent ends").signal();
        assert_eq!(signal, Some(if ignores_term { 9 } else { 15 }));
    }
}
