//! Runs: what they print, where they land, how they end.

use serde_json::{Value, json};

use crate::support::{TWO, World};

#[test]
fn a_run_lands_and_says_so() {
    let world = World::new();
    let (plan, agent) = (world.plan(TWO), world.agent());
    let words = [
        "run",
        &plan,
        "--agent-command",
        &agent,
        "--gate",
        "test=test -f one.txt",
        "--merge",
    ];
    let said = world.expect(0, &words);
    assert!(said.out.starts_with("completed\n"), "{}", said.out);
    assert!(said.err.contains("two: accepted as"), "{}", said.err);
    assert!(
        !said.err.contains('\u{1b}'),
        "no colour where no terminal is"
    );
    assert_eq!(
        world.git(&["log", "--format=%s", "main"]),
        "The second\nThe first\nBegin"
    );
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert!(world.repo().join("two.txt").is_file());

    let status = world
        .expect(0, &["story", "status", "--json"])
        .lines()
        .remove(0);
    assert_eq!(status["status"], "completed");
    assert_eq!(status["tasks"][1]["id"], "two");
    let report = world
        .expect(0, &["story", "report", "--json"])
        .lines()
        .remove(0);
    assert_eq!(report["outcome"], "completed");
    for words in [
        &["story", "show"][..],
        &["story", "logs"],
        &["story", "graph"],
        &["story", "list"],
    ] {
        assert!(!world.expect(0, words).out.is_empty(), "{words:?}");
    }
    let picture = world.beside("story.svg").display().to_string();
    world.expect(0, &["story", "graph", "--svg", &picture]);
    let text = std::fs::read_to_string(&picture).expect("a picture");
    assert!(text.contains("completed"), "the status is shown: {text}");
}

#[test]
fn json_is_one_event_per_line_and_the_report_last() {
    let world = World::new();
    let (plan, agent) = (world.plan(TWO), world.agent());
    let words = [
        "run",
        &plan,
        "--agent-command",
        &agent,
        "--no-gates",
        "--merge",
        "--json",
    ];
    let said = world.expect(0, &words);
    let mut lines = said.lines();
    let report = lines.pop().expect("a report");
    assert_eq!(report["outcome"], "completed");
    assert_eq!(report["accepted"], json!(["one", "two"]));
    let numbers: Vec<u64> = lines
        .iter()
        .map(|event| event["seq"].as_u64().expect("a number"))
        .collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    let types: Vec<&str> = lines
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    assert_eq!(types.len(), lines.len());
    for kind in ["run.started", "task.accepted", "landed"] {
        assert!(types.contains(&kind), "{kind}: {types:?}");
    }
    assert_eq!(said.err, "", "everything is on standard output");
}

#[test]
fn without_merge_the_target_stays() {
    let world = World::new();
    let (plan, agent) = (world.plan(TWO), world.agent());
    let before = world.git(&["rev-parse", "main"]);
    let said = world.expect(
        0,
        &["run", &plan, "--agent-command", &agent, "--gate", "t=true"],
    );
    assert!(said.out.starts_with("ready to complete"), "{}", said.out);
    assert_eq!(world.git(&["rev-parse", "main"]), before);
    let words = [
        "story",
        "complete",
        "--merge",
        "--gate",
        "t=true",
        "--agent-command",
        &agent,
    ];
    let said = world.expect(0, &words);
    assert!(said.out.starts_with("completed"), "{}", said.out);
    assert_ne!(world.git(&["rev-parse", "main"]), before);
}

#[test]
fn exhausted_retries_pause_or_fail() {
    let plan = "title: T\ntasks:\n  - { id: one, title: One, description: Do it. }\n";
    for (policy, code) in [("pause", 3), ("isolate", 1), ("abort", 1)] {
        let world = World::new();
        let (plan, agent) = (
            world.plan(plan),
            world.script("agent.sh", "cat > /dev/null; echo x > one.txt\n"),
        );
        let words = [
            "run",
            &plan,
            "--agent-command",
            &agent,
            "--gate",
            "t=test ! -f one.txt",
            "--on-exhausted",
            policy,
        ];
        let said = world.expect(code, &words);
        assert!(
            said.out.contains("one failed, gate"),
            "{policy}: {}",
            said.out
        );
    }
}

#[test]
fn parts_of_a_story_are_run_one_by_one() {
    let world = World::new();
    let (plan, agent) = (world.plan(TWO), world.agent());
    let engine = ["--agent-command", &agent, "--gate", "t=true"];
    let run = |code, words: &[&str]| world.expect(code, &[words, &engine].concat());

    let said = run(0, &["run", &plan, "--wave"]);
    assert!(said.out.starts_with("paused: wave"), "{}", said.out);
    let task = |ix: usize| -> Value {
        let status = world
            .expect(0, &["story", "status", "--json"])
            .lines()
            .remove(0);
        status["tasks"][ix]["status"].clone()
    };
    assert_eq!((task(0), task(1)), (json!("completed"), json!("pending")));
    run(0, &["story", "resume", "--merge"]);
    assert_eq!(task(1), json!("completed"));

    let said = run(2, &["run", &plan, "--task", "two"]);
    assert!(said.err.contains("one"), "{}", said.err);
}

#[test]
fn a_task_is_skipped_or_tried_again_on_request() {
    let world = World::new();
    let plan = world.plan(TWO);
    // Fails until the file is there.
    let go = world.beside("go");
    let agent = world.script(
        "agent.sh",
        &format!(
            "cat > /dev/null\ntest -f '{}' && echo x > \"$AURA_TASK.txt\"\nexit 0\n",
            go.display()
        ),
    );
    let engine = ["--agent-command", &agent, "--gate", "t=true"];
    let said = world.expect(3, &[&["run", &plan], &engine[..]].concat());
    assert!(said.out.contains("one failed, no change"), "{}", said.out);

    let said = world.expect(2, &["story", "retry", "three"]);
    assert!(
        said.err.contains("there is no task `three`"),
        "{}",
        said.err
    );
    world.expect(0, &["story", "skip", "two"]);
    world.expect(
        0,
        &["story", "retry", "one", "--note", "the file is there now"],
    );
    std::fs::write(go, "").expect("a file");
    let said = world.expect(0, &[&["story", "resume", "--merge"], &engine[..]].concat());
    assert!(
        said.out.contains("1 accepted, 1 skipped (two)"),
        "{}",
        said.out
    );
}

#[test]
fn a_story_without_a_name_is_found_or_asked_for() {
    let world = World::new();
    let plan = world.plan(TWO);
    let create = || {
        world
            .expect(0, &["story", "create", &plan, "--json"])
            .lines()
            .remove(0)
    };
    let (first, second) = (create(), create());
    let said = world.expect(2, &["story", "cancel"]);
    for story in [&first, &second] {
        assert!(
            said.err
                .contains(story["branch"].as_str().expect("a branch")),
            "{}",
            said.err
        );
    }
    let shown = |words: &[&str]| world.expect(0, words).lines().remove(0)["id"].clone();
    assert_eq!(
        shown(&["story", "show", "--json"]),
        second["id"],
        "the newest is shown"
    );
    let worktree = first["worktree"].as_str().expect("a worktree");
    assert_eq!(
        shown(&["story", "show", "--json", "--repo", worktree]),
        first["id"]
    );
    world.expect(0, &["story", "cancel", "--repo", worktree]);
    let status = world
        .expect(0, &["story", "status", "--json", "--repo", worktree])
        .lines()
        .remove(0);
    assert_eq!(status["status"], "cancelled");
}
