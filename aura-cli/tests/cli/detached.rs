//! Runs in a session of their own, and runs that are interrupted.

#![cfg(unix)]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Said, World};

const ONE: &str =
    "title: One step\ntasks:\n  - { id: one, title: The first, description: Do it. }\n";

/// An agent that says when it has begun and goes on when it is told to. Both by named pipes; later starts go through at once.
struct Held {
    agent: String,
    begun: std::path::PathBuf,
    go: std::path::PathBuf,
}

impl Held {
    fn new(world: &World) -> Self {
        Self::with(world, "")
    }

    /// An agent that begins with this.
    fn with(world: &World, first: &str) -> Self {
        let (begun, go) = (world.beside("begun"), world.beside("go"));
        for pipe in [&begun, &go] {
            let status = std::process::Command::new("mkfifo").arg(pipe).status();
            assert!(status.expect("mkfifo").success());
        }
        let text = format!(
            "{first}\ncat > /dev/null\n[ -e '{free}' ] || {{ echo yes > '{begun}'; read answer < '{go}'; }}\necho x > one.txt\n",
            free = world.beside("free").display(),
            begun = begun.display(),
            go = go.display(),
        );
        Self {
            agent: world.script("agent.sh", &text),
            begun,
            go,
        }
    }

    /// Returns when the agent has begun.
    fn wait(&self) {
        let mut said = String::new();
        File::open(&self.begun)
            .expect("a pipe")
            .read_to_string(&mut said)
            .expect("text");
        assert_eq!(said, "yes\n");
    }

    fn release(&self) {
        writeln!(File::create(&self.go).expect("a pipe"), "go").expect("written");
    }
}

#[test]
fn a_detached_run_is_waited_for() {
    let world = World::new();
    let held = Held::new(&world);
    let plan = world.plan(ONE);
    let words = [
        "run",
        &plan,
        "--agent-command",
        &held.agent,
        "--gate",
        "t=true",
        "--merge",
        "--detach",
    ];
    let said = world.expect(0, &words);
    let id = said.out.trim().to_owned();
    assert_eq!(id.len(), 36, "{said:?}");
    held.wait();

    let said = world.expect(3, &["story", "wait", &id, "--timeout", "0"]);
    assert_eq!(said.out, "running\n");
    let said = world.expect(
        2,
        &[
            "story",
            "run",
            &id,
            "--agent-command",
            &held.agent,
            "--gate",
            "t=true",
        ],
    );
    assert!(
        said.err.contains("error"),
        "a second writer is refused: {said:?}"
    );
    held.release();
    let said = world.expect(0, &["story", "wait", &id, "--timeout", "60"]);
    assert!(said.out.starts_with("completed"), "{}", said.out);
    assert!(world.repo().join("one.txt").is_file());
}

#[test]
fn a_decomposition_of_another_process_is_cancelled() {
    let world = World::new();
    let held = Held::new(&world);
    let words = [
        "run",
        "Do it",
        "--decompose",
        "--agent-command",
        &held.agent,
        "--no-gates",
    ];
    let mut command = world.command(&words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let asking = command.spawn().expect("aura");
    held.wait();
    let list = world.expect(0, &["story", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&list.out).expect("JSON");
    assert_eq!(list[0]["status"], "decomposing");
    let id = list[0]["id"].as_str().expect("an id");
    world.expect(0, &["story", "cancel", id]);
    let said = Said::of(&asking.wait_with_output().expect("its end"));
    assert_eq!(said.code, 130, "{said:#?}");
    assert!(said.err.contains("cancelled"), "{}", said.err);
    let said = world.expect(0, &["story", "show", id, "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(shown["status"], "cancelled");
}

#[test]
fn a_detached_run_that_is_refused_says_why() {
    let world = World::new();
    let plan = world.plan(ONE);
    let words = [
        "run",
        &plan,
        "--agent-command",
        "/nowhere/agent",
        "--gate",
        "t=true",
        "--detach",
    ];
    let said = world.expect(2, &words);
    assert!(said.err.contains("/nowhere/agent"), "{said:?}");
}

#[test]
fn an_interrupt_keeps_the_state_and_resume_goes_on() {
    let world = World::new();
    let held = Held::new(&world);
    let plan = world.plan(ONE);
    let engine = ["--agent-command", &held.agent, "--gate", "t=true"];
    let words = [&["run", &plan], &engine[..]].concat();
    let child = world
        .command(&words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("aura");
    held.wait();
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::INT).expect("a signal");
    let said = Said::of(&child.wait_with_output().expect("an end"));
    assert_eq!(said.code, 130, "{said:#?}");
    assert!(said.out.starts_with("cancelled"), "{said:#?}");

    std::fs::write(world.beside("free"), "").expect("a file");
    let said = world.expect(0, &[&["story", "resume", "--merge"], &engine[..]].concat());
    assert!(said.out.starts_with("completed"), "{}", said.out);
}

#[test]
fn a_run_is_cancelled_from_another_terminal() {
    let world = World::new();
    let held = Held::new(&world);
    let plan = world.plan(ONE);
    let words = [
        "run",
        &plan,
        "--agent-command",
        &held.agent,
        "--gate",
        "t=true",
        "--detach",
    ];
    let id = world.expect(0, &words).out.trim().to_owned();
    held.wait();
    world.expect(0, &["story", "cancel", &id]);
    let said = world.expect(130, &["story", "wait", &id, "--timeout", "60"]);
    assert!(said.out.starts_with("cancelled"), "{}", said.out);

    // Cancelled once more while nothing runs, it is run once when it goes on.
    world.expect(0, &["story", "cancel", &id]);
    std::fs::write(world.beside("free"), "").expect("a file");
    let words = [
        "story",
        "resume",
        &id,
        "--agent-command",
        &held.agent,
        "--gate",
        "t=true",
        "--json",
    ];
    let said = world.expect(0, &words);
    let starts = said
        .lines()
        .iter()
        .filter(|event| event["type"] == "run.started")
        .count();
    assert_eq!(starts, 1, "{said:#?}");
}

#[test]
fn a_second_interrupt_kills_and_the_next_run_takes_up_from_there() {
    let world = World::new();
    let held = Held::with(&world, "trap '' INT TERM");
    let plan = world.plan(ONE);
    let engine = ["--agent-command", &held.agent, "--gate", "t=true"];
    let mut child = world
        .command(&[&["run", &plan], &engine[..]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("aura");
    held.wait();
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::INT).expect("a signal");
    let mut errors = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let mut until = |part: &str| {
        let found = errors.find(|line| line.as_ref().is_ok_and(|line| line.contains(part)));
        assert!(found.is_some(), "{part}");
    };
    until("interrupt again to kill it");
    kill_process(pid, Signal::INT).expect("a signal");
    until("the state is kept");
    assert_eq!(child.wait().expect("an end").code(), Some(130));

    std::fs::write(world.beside("free"), "").expect("a file");
    let said = world.expect(0, &[&["story", "resume", "--merge"], &engine[..]].concat());
    assert!(said.out.starts_with("completed"), "{}", said.out);
}

fn pid_of(child: &std::process::Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid")
}

#[test]
fn a_second_detached_run_leaves_the_output_of_the_first_alone() {
    let world = World::new();
    let held = Held::new(&world);
    let plan = world.plan(ONE);
    let engine = ["--agent-command", &held.agent, "--gate", "t=true"];
    let id = world.expect(0, &[&["run", &plan, "--detach"], &engine[..]].concat());
    let id = id.out.trim().to_owned();
    held.wait();
    let log = world.beside(&format!("home/.local/state/aura/runs/{id}.log"));
    let before = std::fs::read_to_string(&log).expect("a log");
    assert!(before.contains("one: started"), "{before}");
    let said = world.expect(
        2,
        &[&["story", "run", &id, "--detach"], &engine[..]].concat(),
    );
    assert!(said.err.contains("error"), "{said:?}");
    assert!(
        !said.err.contains("one: started"),
        "only what it said itself: {said:?}"
    );
    held.release();
    world.expect(0, &["story", "wait", &id, "--timeout", "60"]);
    let after = std::fs::read_to_string(&log).expect("a log");
    assert!(after.starts_with(&before), "{after}");
    assert!(after.contains("one: accepted"), "{after}");
}

/// The gate of the landing waits; an interrupt stops it, and the target has not moved.
#[test]
fn an_interrupt_during_a_landing_keeps_the_state() {
    let world = World::new();
    let held = Held::new(&world);
    // The gate waits as the agent of the other tests does, once the run itself is through.
    let text = format!(
        "[ -e '{}' ] || {{ echo yes > '{}'; read answer < '{}'; }}\n",
        world.beside("free").display(),
        held.begun.display(),
        held.go.display()
    );
    let gate = format!("t={}", world.script("gate.sh", &text));
    std::fs::write(world.beside("free"), "").expect("a file");
    let (plan, agent) = (world.plan(ONE), world.agent());
    let engine = ["--agent-command", &agent, "--gate", &gate];
    world.expect(0, &[&["run", &plan], &engine[..]].concat());
    std::fs::remove_file(world.beside("free")).expect("removed");
    // Another tree than the one that was judged, so that the gate is asked again.
    world.write("mine.txt", "mine\n");
    world.git(&["add", "mine.txt"]);
    world.git(&["commit", "--quiet", "--message=mine"]);
    let head = world.git(&["rev-parse", "main"]);
    let landing = [&["story", "complete", "--merge"], &engine[..]].concat();
    let child = world
        .command(&landing)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("aura");
    held.wait();
    kill_process(pid_of(&child), Signal::INT).expect("a signal");
    let said = Said::of(&child.wait_with_output().expect("an end"));
    assert_eq!(said.code, 130, "{said:#?}");
    assert_eq!(world.git(&["rev-parse", "main"]), head);
    let said = world.expect(130, &["story", "wait"]);
    assert!(said.out.starts_with("ready to complete"), "{}", said.out);
    std::fs::write(world.beside("free"), "").expect("a file");
    let said = world.expect(0, &landing);
    assert!(said.out.starts_with("completed"), "{}", said.out);
}

#[test]
fn a_run_whose_process_was_killed_is_told_as_interrupted() {
    let world = World::new();
    let held = Held::new(&world);
    let plan = world.plan(ONE);
    let engine = ["--agent-command", &held.agent, "--gate", "t=true"];
    let mut child = world
        .command(&[&["run", &plan], &engine[..]].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("aura");
    held.wait();
    let said = world.expect(2, &["story", "report"]);
    assert!(said.err.contains("has not ended"), "{}", said.err);
    kill_process(pid_of(&child), Signal::KILL).expect("a signal");
    child.wait().expect("an end");
    let said = world.expect(130, &["story", "wait"]);
    assert!(said.err.contains("aura story resume"), "{}", said.err);
    let said = world.expect(0, &["story", "status"]);
    assert!(said.out.contains("interrupted: no process"), "{}", said.out);
    assert!(said.out.contains("0 agents working"), "{}", said.out);
    let view = world
        .expect(0, &["story", "status", "--json"])
        .lines()
        .remove(0);
    assert_eq!(view["interrupted"], true);
    std::fs::write(world.beside("free"), "").expect("a file");
    let said = world.expect(0, &[&["story", "resume", "--merge"], &engine[..]].concat());
    assert!(said.out.starts_with("completed"), "{}", said.out);
}
