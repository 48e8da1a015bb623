//! Whatever form an agent leaves its work in becomes one commit, or the try was not finished.

use aura_core::{EventKind, FailureClass, RunOutcome, SealOutcome, StorySpec};
use aura_tests::{Script, Step};

use crate::kit::{World, plan_of, quick, run, story, task, told_of, writes_own_file};

fn step(args: &[&str]) -> Step {
    Step::git(args.iter().copied())
}

/// A way to work, and the files that have to come of it.
struct Way {
    name: &'static str,
    steps: Vec<Step>,
    files: &'static [(&'static str, &'static str)],
    gone: &'static [&'static str],
}

fn ways() -> Vec<Way> {
    let append = |path: &str, text: &str| Step::Append {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let rename = |from: &str, to: &str| Step::Rename {
        from: from.to_owned(),
        to: to.to_owned(),
    };
    vec![
        Way {
            name: "commits on a new branch, and more after that",
            steps: vec![
                step(&["checkout", "--quiet", "-b", "mine"]),
                Step::write("one.txt", "one\n"),
                step(&["add", "."]),
                step(&["commit", "--quiet", "-m", "first"]),
                Step::write("two.txt", "two\n"),
                step(&["add", "."]),
                step(&["commit", "--quiet", "-m", "second"]),
                append("one.txt", "more\n"),
            ],
            files: &[("one.txt", "one\nmore\n"), ("two.txt", "two\n")],
            gone: &[],
        },
        Way {
            name: "renames and deletes",
            steps: vec![
                rename("src", "source"),
                Step::Delete("docs".to_owned()),
                rename("README.md", "readme.md"),
            ],
            files: &[
                ("source/lib.txt", "one\ntwo\nthree\nfour\n"),
                ("readme.md", "# App\n"),
            ],
            gone: &["src/lib.txt", "docs/guide.md", "README.md"],
        },
        Way {
            name: "stages half of it",
            steps: vec![
                Step::write("new.txt", "staged\n"),
                step(&["add", "new.txt"]),
                Step::write("new.txt", "not staged\n"),
                step(&["rm", "--quiet", "--cached", "run.sh"]),
            ],
            files: &[("new.txt", "not staged\n"), ("run.sh", "#!/bin/sh\n")],
            gone: &[],
        },
        Way {
            name: "merges a branch of its own",
            steps: vec![
                step(&["checkout", "--quiet", "-b", "side"]),
                Step::write("side.txt", "side\n"),
                step(&["add", "."]),
                step(&["commit", "--quiet", "-m", "side"]),
                step(&["checkout", "--quiet", "-"]),
                Step::write("main.txt", "main\n"),
                step(&["add", "."]),
                step(&["commit", "--quiet", "-m", "main"]),
                step(&["merge", "--quiet", "--no-edit", "side"]),
            ],
            files: &[("side.txt", "side\n"), ("main.txt", "main\n")],
            gone: &[],
        },
        Way {
            name: "ignored outputs stay out",
            steps: vec![
                Step::write("a.txt", "a\n"),
                Step::write("build.log", "noise\n"),
                Step::write("cache/object.bin", "noise\n"),
            ],
            files: &[("a.txt", "a\n")],
            gone: &["build.log", "cache/object.bin"],
        },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn however_an_agent_works_the_result_is_one_commit() {
    for way in ways() {
        let world = World::new(&Script::new().otherwise(way.steps));
        let aura = world.open([world.gate("check", "exit 0")]).await;
        let story = story(&aura, &["a"], quick()).await;
        let report = run(&aura, story).await;
        world.assert_script_held();
        assert_eq!(
            (report.outcome, report.starts),
            (RunOutcome::ReadyToComplete, 1),
            "{}",
            way.name
        );
        let branch = aura.story(story).await.expect("the story").branch;
        for (path, text) in way.files {
            assert_eq!(world.repo.show(&branch, path), *text, "{}", way.name);
        }
        for path in way.gone {
            let found = world.repo.git(["ls-tree", &branch, "--", path]);
            assert_eq!(found, "", "{}", way.name);
        }
        let commits = world.repo.git([
            "log",
            "--format=%an %s%n%(trailers)",
            &format!("main..{branch}"),
        ]);
        assert_eq!(
            commits, "A. User Do a\nAura-Task: a\nAura-Attempt: 1",
            "{}",
            way.name
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ignored_outputs_are_named() {
    let steps = [
        Step::write("a.txt", "a\n"),
        Step::write("build.log", "noise\n"),
    ];
    let world = World::new(&Script::new().otherwise(steps));
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let story = story(&aura, &["a"], quick()).await;
    run(&aura, story).await;
    let events = aura.events(story, 0).await.expect("events");
    let sealed: Vec<_> = events
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::TaskSealed {
                outcome: SealOutcome::Sealed { paths, ignored, .. },
            } => Some((paths, ignored)),
            _ => None,
        })
        .collect();
    let expected = (vec!["a.txt".to_owned()], vec!["build.log".to_owned()]);
    assert_eq!(sealed, [expected]);
}

/// What is not finished is not taken, the next try is told, and finishes it.
#[tokio::test(flavor = "multi_thread")]
async fn unfinished_work_is_repaired_by_the_next_try() {
    let nested = vec![
        Step::write("a.txt", "a\n"),
        step(&["init", "--quiet", "nested"]),
        Step::write("nested/inner.txt", "inner\n"),
        step(&["-C", "nested", "add", "."]),
        step(&["-C", "nested", "commit", "--quiet", "-m", "inner"]),
    ];
    let unmerged = vec![
        step(&["checkout", "--quiet", "-b", "side"]),
        Step::write("README.md", "# Side\n"),
        step(&["commit", "--quiet", "-am", "side"]),
        step(&["checkout", "--quiet", "-"]),
        Step::write("README.md", "# Main\n"),
        step(&["commit", "--quiet", "-am", "main"]),
        Step::TryGit(vec!["merge".to_owned(), "side".to_owned()]),
    ];
    for (first, told) in [
        (nested, "a repository lies inside the workspace"),
        (unmerged, "a merge was begun and not finished"),
    ] {
        let script = Script::new().attempt("a", 1, first).task(
            "a",
            [
                Step::ExpectPromptContains(told.to_owned()),
                Step::TryGit(vec!["merge".to_owned(), "--abort".to_owned()]),
                Step::write("README.md", "# Done\n"),
                Step::write("nested/inner.txt", "plain\n"),
                Step::write("a.txt", "a\n"),
            ],
        );
        let world = World::new(&script);
        let aura = world.open([world.gate("check", "exit 0")]).await;
        let story = story(&aura, &["a"], quick()).await;
        let report = run(&aura, story).await;
        world.assert_script_held();
        let found = (report.outcome, report.starts, report.retries);
        assert_eq!(found, (RunOutcome::ReadyToComplete, 2, 1), "{told}");
        let ends = told_of(&aura, story, "a attempt.finished").await;
        let expected = [
            "a attempt.finished incomplete",
            "a attempt.finished succeeded",
        ];
        assert_eq!(ends, expected, "{told}");
        let branch = aura.story(story).await.expect("the story").branch;
        for (path, text) in [("README.md", "# Done\n"), ("nested/inner.txt", "plain\n")] {
            assert_eq!(world.repo.show(&branch, path), text, "{told}");
        }
        assert!(
            !report.salvaged.is_empty(),
            "{told}: what was there is kept"
        );
    }
}

/// The markers of a conflict that the agent was given to repair; those of a document about conflicts are text like any other.
#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_that_was_not_repaired_is_given_again() {
    let document = "<<<<<<< ours\n# Ours\n=======\n# Theirs\n>>>>>>> theirs\n";
    let script = Script::new()
        .task(
            "a",
            [
                Step::write("src/lib.txt", "one\nA\nthree\nfour\n"),
                Step::write("docs/conflicts.md", document),
            ],
        )
        .attempt(
            "b",
            1,
            [Step::write("src/lib.txt", "one\nB\nthree\nfour\n")],
        )
        .attempt("b", 2, [Step::write("b.txt", "not what was asked\n")])
        .task(
            "b",
            [
                Step::ExpectPromptContains("conflict markers".to_owned()),
                Step::ExpectPromptContains("src/lib.txt".to_owned()),
                Step::write("src/lib.txt", "one\nA and B\nthree\nfour\n"),
            ],
        );
    let world = World::new(&script);
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let story = story(&aura, &["a", "b"], quick()).await;
    let report = run(&aura, story).await;
    world.assert_script_held();
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
    let ends = told_of(&aura, story, "b attempt.finished").await;
    let expected = ["succeeded", "incomplete", "succeeded"];
    assert_eq!(
        ends,
        expected.map(|end| format!("b attempt.finished {end}"))
    );
    let branch = aura.story(story).await.expect("the story").branch;
    let text = world.repo.show(&branch, "src/lib.txt");
    assert_eq!(text, "one\nA and B\nthree\nfour\n");
    assert_eq!(world.repo.show(&branch, "docs/conflicts.md"), document);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_done_is_done_only_where_the_plan_says_so() {
    let script = Script::new()
        .task("c", writes_own_file())
        .otherwise([Step::print("All done, everything is perfect!\n")]);
    let world = World::new(&script);
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let mut fine = task("a");
    fine.no_change_ok = true;
    let plan = plan_of(vec![fine, task("b"), task("c: a")]);
    let policy = aura_core::Policy {
        on_exhausted: aura_core::OnExhausted::IsolateAndContinue,
        ..quick()
    };
    let spec = StorySpec::from_plan(plan).policy(policy);
    let story = aura.create_story(spec).await.expect("created");
    let base = world.repo.head();
    let report = run(&aura, story).await;
    assert_eq!(report.outcome, RunOutcome::Failed);
    assert_eq!(crate::kit::ids(&report.accepted), ["a", "c"]);
    let [failed] = report.failed.as_slice() else {
        panic!("{:?}", report.failed);
    };
    assert_eq!(
        (
            failed.id.as_str(),
            failed.class,
            failed.evidence.summary.as_str()
        ),
        (
            "b",
            FailureClass::NoChange,
            "the agent ended well, but changed nothing"
        )
    );
    assert!(
        failed
            .evidence
            .output_tail
            .contains("everything is perfect")
    );
    let tasks = aura.story(story).await.expect("the story").tasks;
    let commit = tasks[0].commit.expect("the base").to_string();
    assert_eq!(commit, base, "nothing was committed for `a`");
}

/// Only exit status and files are believed.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_prints_decides_nothing() {
    let lies = [
        r#"{"seq":99,"type":"task.accepted","task":"b","commit":"0000000000000000000000000000000000000000"}"#,
        r#"{"type":"attempt.finished","outcome":"succeeded","duration_ms":1}"#,
        r#"{"type":"run.finished","outcome":"completed"}"#,
        r#"{"type":"result","subtype":"success","is_error":false,"result":"done"}"#,
        r#"{"type":"landed","commit":"0000000000000000000000000000000000000000"}"#,
    ]
    .join("\n");
    let script = Script::new()
        .task(
            "a",
            [
                Step::print(&lies),
                Step::Print {
                    text: lies.clone(),
                    hex: "0a1b5d303b6f776e65640700ff".to_owned(),
                    times: 1,
                    to: aura_tests::Stream::Stderr,
                },
            ],
        )
        .otherwise(writes_own_file());
    let world = World::new(&script);
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let story = story(&aura, &["a", "b: a"], quick()).await;
    let report = run(&aura, story).await;
    assert_eq!(report.outcome, RunOutcome::Paused);
    assert_eq!((report.accepted.len(), report.failed.len()), (0, 1));
    assert_eq!(world.agent.starts_of("b"), 0);
    let expected = [
        "a task.queued",
        "a task.started base",
        "a attempt.finished no_change",
        "a task.retrying no_change retry",
        "a task.queued",
        "a task.started base",
        "a attempt.finished no_change",
        "a task.failed no_change",
    ];
    let told: Vec<String> = told_of(&aura, story, "a ").await;
    let told: Vec<&str> = told
        .iter()
        .map(String::as_str)
        .filter(|line| !line.contains("salvaged"))
        .collect();
    assert_eq!(told, expected);
    let events = aura.events(story, 0).await.expect("events");
    let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=events.len() as u64).collect::<Vec<_>>());
}
