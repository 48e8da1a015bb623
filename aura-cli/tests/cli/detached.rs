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
