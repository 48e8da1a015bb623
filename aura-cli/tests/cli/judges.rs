//! Work that changes what judges it: paths that are protected, and tests that get fewer.

use serde_json::Value;

use crate::support::{Said, World};

/// A repository whose configuration is trusted at the call, with one agent that changes a workflow and one gate that counts.
fn world(config: &str, agent: &str) -> World {
    let world = World::new();
    let agent = world.script("agent.sh", &format!("cat > /dev/null\n{agent}\n"));
    let words: Vec<&str> = agent.splitn(2, ' ').collect();
    let file = words[1].trim_matches('\'');
    world.write(".github/workflows/ci.yml", "on: push\n");
    world.write("test.sh", "echo '12 passed in 0.1s'\n");
    world.write(
        ".aura/agent-config.yaml",
        &format!("agents:\n  default: {{ command: [sh, '{file}'] }}\n{config}"),
    );
    world.git(&["add", "--all"]);
    world.git(&["commit", "--quiet", "--message=More"]);
    world
}

const GATE: &str = "gates:\n  - { name: test, command: [sh, test.sh], tests: true }\n";
const ONE: &str = "title: One\ntasks:\n  - { id: one, title: One, description: Do it. }\n";
const EDIT: &str = "echo 'on: never' > .github/workflows/ci.yml; echo x > one.txt";

fn run(world: &World, code: i32, plan: &str) -> Said {
    let plan = world.plan(plan);
    world.expect(code, &["run", &plan, "--trust", "--merge"])
}

fn status(world: &World) -> Value {
    let said = world.expect(0, &["story", "status", "--json"]);
    serde_json::from_str(&said.out).expect("JSON")
}

#[test]
fn a_protected_path_waits_for_a_person_who_approves_it() {
    let world = world(GATE, EDIT);
    let said = run(&world, 3, ONE);
    assert!(
        said.err.contains(".github/workflows/ci.yml"),
        "{}",
        said.err
    );
    let shown = said.out + &said.err;
    assert!(shown.contains("aura story approve one"), "{shown}");
    assert_eq!(
        world.git(&["show", "main:.github/workflows/ci.yml"]),
        "on: push"
    );
    assert_eq!(status(&world)["status"], "paused");

    let none = world.expect(2, &["story", "approve", "another"]);
    assert!(
        none.err.contains("there is no task `another`"),
        "{}",
        none.err
    );
    world.expect(0, &["story", "approve", "one"]);
    let twice = world.expect(2, &["story", "approve", "one"]);
    assert!(
        twice.err.contains("no gate asks for a person"),
        "{}",
        twice.err
    );
    world.expect(0, &["story", "resume", "--trust", "--merge"]);
    assert_eq!(
        world.git(&["show", "main:.github/workflows/ci.yml"]),
        "on: never"
    );
    assert_eq!(world.git(&["show", "main:one.txt"]), "x");
}

#[test]
fn what_is_declared_or_switched_off_asks_nobody() {
    let declared = ONE.replace("Do it.", "Do it., files: [.github/, one.txt]");
    for (config, plan) in [
        (GATE.to_owned(), declared.as_str()),
        (format!("{GATE}protected: {{ enabled: false }}\n"), ONE),
    ] {
        let world = world(&config, EDIT);
        run(&world, 0, plan);
        assert_eq!(
            world.git(&["show", "main:.github/workflows/ci.yml"]),
            "on: never"
        );
    }
    let more = format!("{GATE}protected: {{ paths: [one.txt] }}\n");
    let world = world(&more, "echo x > one.txt");
    let said = run(&world, 3, ONE);
    assert!(said.err.contains("one.txt"), "{}", said.err);
}

#[test]
fn fewer_tests_are_red_unless_the_task_says_so() {
    let agent = "echo \"echo '11 passed in 0.1s'\" > test.sh; echo x > one.txt";
    let config = format!("{GATE}retry: {{ max: 0 }}\n");
    // The script is the task's to change, so that only the number is left to be judged.
    let plan = ONE.replace("Do it.", "Do it., files: [test.sh, one.txt]");
    let counted = world(&config, agent);
    let said = run(&counted, 3, &plan);
    assert!(
        said.err.contains("11 tests ran, 12 ran before"),
        "{}",
        said.err
    );
    assert_eq!(
        counted.git(&["show", "main:test.sh"]),
        "echo '12 passed in 0.1s'"
    );

    let declared = world(&config, agent);
    run(
        &declared,
        0,
        &plan.replace("files:", "removes_tests: true, files:"),
    );
    assert_eq!(
        declared.git(&["show", "main:test.sh"]),
        "echo '11 passed in 0.1s'"
    );

    let uncounted = world(&config.replace(", tests: true", ""), agent);
    run(&uncounted, 0, &plan);
    assert_eq!(
        uncounted.git(&["show", "main:test.sh"]),
        "echo '11 passed in 0.1s'"
    );
}
