//! What is refused before anything is created, and answers that can be asked for again.

use crate::support::{TWO, World};

#[test]
fn what_cannot_run_or_land_creates_no_story() {
    let world = World::new();
    let (plan, agent) = (world.plan(TWO), world.agent());
    let good = ["--agent-command", &agent, "--gate", "t=true"];
    let refused = |words: &[&str], engine: &[&str], why: &str| {
        let said = world.expect(2, &[&["run", &plan], words, engine].concat());
        assert!(said.err.contains(why), "{words:?} {engine:?}: {}", said.err);
        assert_eq!(world.stories(), 0, "{words:?} {engine:?}");
    };
    refused(&["--task", "two"], &good, "one");
    refused(&["--task", "three"], &good, "no task `three`");
    let agent_gone = ["--agent-command", "/nowhere/agent", "--gate", "t=true"];
    refused(&[], &agent_gone, "/nowhere/agent");
    let gate_gone = [
        "--agent-command",
        &agent,
        "--gate",
        "t=no-such-program --all",
    ];
    refused(
        &[],
        &gate_gone,
        "gate `t`: the gate: the program \"no-such-program\"",
    );
    refused(&["--target", "refs/tags/x"], &good, "no branch");
    world.git(&["checkout", "--quiet", "--detach"]);
    refused(&["--merge"], &good, "HEAD is detached");
    world.git(&["branch", "story"]);
    refused(&[], &good, "a branch is called `story`");
    world.git(&["branch", "-m", "story", "other"]);
    // With a target there is somewhere to land; a gate below the workspace is there once an agent has made it.
    let words = [
        "run",
        &plan,
        "--merge",
        "--target",
        "refs/heads/main",
        "--agent-command",
        &agent,
    ];
    world.write("check.sh", "#!/bin/sh\nexit 0\n");
    world.git(&["add", "check.sh"]);
    world.git(&["update-index", "--chmod=+x", "check.sh"]);
    world.git(&["commit", "--quiet", "--message=check"]);
    world.git(&["branch", "--force", "main"]);
    world.expect(0, &[&words[..], &["--gate", "t=./check.sh"]].concat());
    assert_eq!(
        world.git(&["log", "--format=%s", "-1", "main"]),
        "The second"
    );
}

#[test]
fn a_story_made_with_a_detached_head_is_not_landed_by_accident() {
    let world = World::new();
    let (plan, agent) = (world.plan(TWO), world.agent());
    let engine = ["--agent-command", &agent, "--gate", "t=true"];
    world.git(&["checkout", "--quiet", "--detach"]);
    world.expect(0, &[&["run", &plan], &engine[..]].concat());
    let words = [
        "story",
        "complete",
        "--merge",
        "--gate",
        "t=true",
        "--agent-command",
        &agent,
    ];
    let said = world.expect(2, &words);
    assert!(said.err.contains("--target BRANCH"), "{}", said.err);
    // The run's end is told although the landing is refused.
    let said = world.expect(2, &[&["story", "run", "--merge"], &engine[..]].concat());
    assert!(said.out.starts_with("ready to complete"), "{said:#?}");
    assert!(said.err.contains("--target BRANCH"), "{}", said.err);
}

#[test]
fn a_landing_is_answered_again_and_a_different_one_is_refused() {
    let world = World::new();
    let (plan, agent) = (world.plan(TWO), world.agent());
    let engine = ["--agent-command", &agent, "--gate", "t=true"];
    let first = world.expect(0, &[&["run", &plan, "--merge"], &engine[..]].concat());
    let head = world.git(&["rev-parse", "main"]);
    let name = "two-steps";
    let again = ["story", "complete", name, "--merge"];
    let said = world.expect(0, &[&again[..], &engine].concat());
    assert_eq!(said.out, first.out);
    assert_eq!(world.git(&["rev-parse", "main"]), head);
    let other = ["story", "complete", name, "--merge", "--partial"];
    let said = world.expect(2, &[&other[..], &engine].concat());
    assert!(said.err.contains("has landed already"), "{}", said.err);
    let said = world.expect(0, &["story", "graph", name]);
    assert!(
        said.out.contains("one  completed  The first"),
        "{}",
        said.out
    );
}

#[test]
fn a_slug_that_fits_two_stories_names_neither() {
    let world = World::new();
    let plan = world.plan(TWO);
    for _ in 0..2 {
        world.expect(0, &["story", "create", &plan]);
    }
    let said = world.expect(2, &["story", "status", "two-steps"]);
    assert!(said.err.contains("2 stories fit"), "{}", said.err);
}

#[test]
fn variables_are_let_through_by_name_only() {
    let world = World::new();
    let plan = world.plan("title: T\ntasks:\n  - { id: one, title: One, description: Do it. }\n");
    let agent = world.script(
        "agent.sh",
        "cat > /dev/null; echo \"$A_KEY,$B_ONE,$C\" > one.txt\n",
    );
    let gate = "t=sh -c 'test \"$A_KEY\" = a'";
    let run = |words: &[&str]| {
        let engine = ["--agent-command", &agent, "--gate", gate];
        let words = [&["run", &plan, "--merge"], words, &engine].concat();
        let mut command = world.command(&words);
        command.env("A_KEY", "a").env("B_ONE", "b").env("C", "c");
        crate::support::Said::of(&command.output().expect("aura"))
    };
    let said = run(&[]);
    assert_eq!(said.code, 3, "the gate sees nothing: {said:#?}");
    let said = run(&["--env", "A_KEY", "--env", "B_*"]);
    assert_eq!(said.code, 0, "{said:#?}");
    assert_eq!(world.git(&["show", "main:one.txt"]), "a,b,");
}

#[test]
fn the_doctor_looks_at_git_disk_and_gates() {
    let world = World::new();
    let agent = world.agent();
    let doctor = |gate: &str| {
        let words = [
            "doctor",
            "--json",
            "--agent-command",
            &agent,
            "--gate",
            gate,
        ];
        let said = world.aura(&words);
        let report = said.lines().remove(0);
        let checks = report["checks"].as_array().expect("checks").clone();
        let find = |name: &str| {
            let found = checks.iter().find(|check| check["name"] == name);
            found.expect(name).clone()
        };
        (said.code, find("git"), find("disk"), find("gate `t`"))
    };
    let (_, git, disk, gate) = doctor("t=true");
    assert!(
        git["detail"]
            .as_str()
            .is_some_and(|text| text.starts_with(char::is_numeric)),
        "{git}"
    );
    assert!(
        disk["detail"]
            .as_str()
            .is_some_and(|text| text.contains("MiB free at")),
        "{disk}"
    );
    assert_eq!(gate["ok"], true);
    let (code, _, _, gate) = doctor("t=no-such-program");
    assert_eq!((code, &gate["ok"]), (1, &false.into()), "{gate}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_directory_that_cannot_be_named_is_refused_with_the_reason() {
    use std::os::unix::ffi::OsStrExt as _;
    let world = World::new();
    for name in [&b"line\nbreak"[..], b"latin\xe9"] {
        let place = world
            .beside("x")
            .with_file_name(std::ffi::OsStr::from_bytes(name));
        std::fs::rename(world.repo(), &place).expect("renamed");
        let mut command = world.other(std::path::Path::new(env!("CARGO_BIN_EXE_aura")));
        let output = command
            .args(["story", "list"])
            .current_dir(&place)
            .output()
            .expect("aura");
        std::fs::rename(&place, world.repo()).expect("renamed back");
        let said = crate::support::Said::of(&output);
        assert_eq!(said.code, 2, "{said:#?}");
        assert!(
            said.err.contains("line break or is not text in UTF-8"),
            "{}",
            said.err
        );
    }
}
