//! `aura plan`, and plans that are refused.

use serde_json::{Value, json};

use crate::support::{TWO, World};

const BAD: &str = "\
title: Bad
tasks:
  - { id: a, title: A, depends_on: [b] }
  - { id: b, title: B, depends_on: [a] }
  - { id: c, title: C, depends_on: [nothing] }
";

#[test]
fn a_plan_is_shown_in_every_form() {
    let world = World::new();
    let plan = world.plan(TWO);
    let text = world.expect(0, &["plan", &plan]).out;
    assert!(
        text.contains("wave 0\n  one") && text.contains("critical path: one, two"),
        "{text}"
    );
    assert!(
        world
            .expect(0, &["plan", &plan, "--mermaid"])
            .out
            .starts_with("flowchart LR")
    );
    assert!(
        world
            .expect(0, &["plan", &plan, "--dot"])
            .out
            .starts_with("digraph")
    );
    let picture = world.beside("plan.svg").display().to_string();
    let said = world.expect(0, &["plan", &plan, "--svg", &picture]);
    assert!(
        said.out.is_empty() && said.err.contains(&picture),
        "{said:?}"
    );
    let text = std::fs::read_to_string(&picture).expect("a picture");
    assert!(text.starts_with("<svg") && text.contains("one"), "{text}");

    let said = world.expect(1, &["plan", &plan, "--svg", "/nowhere/plan.svg"]);
    assert!(said.err.contains("/nowhere/plan.svg"), "{said:?}");
}

#[test]
fn the_json_of_a_plan_has_its_documented_shape() {
    let world = World::new();
    let plan = world.plan(TWO);
    let said = world.expect(0, &["plan", &plan, "--json"]);
    let [value] = &said.lines()[..] else {
        panic!("one object: {said:?}");
    };
    let task = |id: &str, title: &str, after: Value, wave: u32| json!({ "id": id, "title": title, "depends_on": after, "files": [], "parallel_safe": true, "wave": wave });
    assert_eq!(value["source"], plan);
    assert_eq!(
        value["tasks"],
        json!([
            task("one", "The first", json!([]), 0),
            task("two", "The second", json!(["one"]), 1)
        ])
    );
    assert_eq!(value["waves"], json!([["one"], ["two"]]));
    assert_eq!(value["critical_path"], json!(["one", "two"]));
    assert_eq!(value["added_edges"], json!([]));
    assert!(value["problems"].is_array());

    let same = world.plan(
        "title: T\ntasks:\n  - { id: a, title: A, description: d, files: [x] }\n  - { id: b, title: B, description: d, files: [x] }\n",
    );
    let said = world.expect(0, &["plan", &same, "--json"]);
    assert_eq!(
        said.lines()[0]["added_edges"],
        json!([{ "before": "a", "after": "b", "why": "both touch `x`" }])
    );
}

#[test]
fn a_bad_plan_is_refused_with_every_problem_and_its_place() {
    let world = World::new();
    let plan = world.plan(BAD);
    let said = world.expect(2, &["plan", &plan]);
    assert!(said.out.is_empty());
    assert!(said.err.contains("plan.yaml:5:"), "{}", said.err);
    assert!(said.err.contains("5 |   - { id: c"), "{}", said.err);
    assert!(said.err.contains("nothing was started"), "{}", said.err);

    let said = world.expect(2, &["plan", &plan, "--json"]);
    let problems = said.lines()[0]["problems"]
        .as_array()
        .expect("problems")
        .clone();
    let codes: Vec<&str> = problems.iter().filter_map(|p| p["code"].as_str()).collect();
    assert!(codes.contains(&"unknown_dependency"), "{codes:?}");
    for field in [
        "severity", "code", "message", "task", "file", "line", "column", "help",
    ] {
        assert!(problems[0].get(field).is_some(), "{field}: {problems:?}");
    }
}

#[test]
fn a_refused_run_leaves_nothing_behind() {
    let world = World::new();
    let before = world.git(&["for-each-ref"]);
    let agent = world.agent();
    let good = world.plan(TWO);
    let bad = world.beside("bad.yaml");
    std::fs::write(&bad, BAD).expect("a file");
    let bad = bad.display().to_string();
    let cases: [&[&str]; 8] = [
        &["run", &bad, "--agent-command", &agent],
        &["run", "/nowhere/plan.yaml", "--agent-command", &agent],
        &["run", "-", "--agent-command", &agent],
        &["run", &good],
        &["run", &good, "--agent-command", &agent, "--merge"],
        &["run", &good, "--agent-command", &agent, "--task", "three"],
        &["run", &good, "--agent-command", "'open", "--no-gates"],
        &[
            "run",
            &good,
            "--agent-command",
            &agent,
            "--gate",
            "nameless",
        ],
    ];
    for words in cases {
        let said = world.expect(2, words);
        assert!(said.err.contains("error"), "{words:?}: {said:?}");
    }
    assert_eq!(world.stories(), 0);
    assert_eq!(world.git(&["for-each-ref"]), before);
    assert!(!world.beside("repo-worktrees").exists());
}

#[test]
fn a_dry_run_shows_what_would_be_done() {
    let world = World::new();
    let plan = world.plan(TWO);
    let words = [
        "run",
        &plan,
        "--agent-command",
        "sh some-agent",
        "--gate",
        "test=true now",
        "--parallel",
        "2",
        "--dry-run",
    ];
    let said = world.expect(0, &words);
    for part in [
        "wave 1",
        "agent default: sh some-agent",
        "gate test (required)",
        "2 agents at once",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    // What a run refuses is refused here, too.
    for (at, word, says) in [
        (3, "no-such-agent", "no-such-agent"),
        (5, "test=no-such-gate", "no-such-gate"),
        (6, "--task=three", "no task `three`"),
    ] {
        let mut words = words.to_vec();
        if at == 6 {
            words.push(word);
        } else {
            words[at] = word;
        }
        let said = world.expect(2, &words);
        assert!(said.err.contains(says), "{}", said.err);
    }
    assert_eq!(world.stories(), 0);
}
