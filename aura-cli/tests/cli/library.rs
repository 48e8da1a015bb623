//! The command inside of another program, as packages of other languages have it. The other program is this test program again.

#![cfg(unix)]

use std::ffi::OsString;
use std::process::Command;

use crate::support::{Said, TWO, World};

/// The words that the other program hands on, one per line.
const ARGUMENTS: &str = "AURA_TEST_ARGUMENTS";
/// How it says that it is started, one word per line.
const OWN: &str = "AURA_TEST_OWN";
const AFTERWARDS: &str = "the other program goes on";

/// The other program, where this process is one.
#[test]
fn another_program() {
    let words = |name: &str| -> Option<Vec<OsString>> {
        let text = std::env::var(name).ok()?;
        Some(text.lines().map(OsString::from).collect())
    };
    let Some(arguments) = words(ARGUMENTS) else {
        return;
    };
    let code = aura_cli::main(arguments, words(OWN).unwrap_or_default());
    std::fs::write("afterwards", AFTERWARDS).expect("written");
    // The harness would make another code of it.
    std::process::exit(code.into());
}

/// Calls the other program, which has to return from the command whatever is asked for.
fn call(world: &World, code: i32, arguments: &[&str], own: &[&str]) -> Said {
    let mut command: Command = world.other(&std::env::current_exe().expect("a path"));
    let output = command
        .args(["library::another_program", "--exact", "--nocapture"])
        .env(ARGUMENTS, arguments.join("\n"))
        .env(OWN, own.join("\n"))
        .current_dir(world.beside("home"))
        .output()
        .expect("the test program");
    let said = Said::of(&output);
    assert_eq!(said.code, code, "aura {arguments:?}: {said:#?}");
    let note = world.beside("home").join("afterwards");
    let text = std::fs::read_to_string(&note).expect("it returned");
    assert_eq!(text, AFTERWARDS);
    std::fs::remove_file(note).expect("removed");
    said
}

/// A command line of several words that is the program, and the file that tells how often it was used.
fn wrapped(world: &World) -> (Vec<String>, std::path::PathBuf) {
    let used = world.beside("used");
    let script = format!(
        "echo yes >> \"$0\"; exec '{}' \"$@\"",
        env!("CARGO_BIN_EXE_aura")
    );
    let words = ["sh".to_owned(), "-c".to_owned(), script];
    let own = words.into_iter().chain([used.display().to_string()]);
    (own.collect(), used)
}

#[test]
fn the_exit_code_is_returned_whatever_is_asked_for() {
    let world = World::new();
    let plan = world.plan(TWO);
    for (code, arguments, part) in [
        (0, &["aura", "--version"][..], env!("CARGO_PKG_VERSION")),
        (0, &["aura", "--help"], "Exit codes"),
        (0, &["aura", "plan", &plan], "wave 0"),
        (2, &["aura"], "Usage: aura"),
        (2, &["other-name", "plan"], "Usage: other-name plan"),
        (2, &["aura", "plan", "/nowhere.yaml"], "/nowhere.yaml"),
        (2, &["aura", "nonsense"], "nonsense"),
    ] {
        let said = call(&world, code, arguments, &[]);
        let text = format!("{}{}", said.out, said.err);
        assert!(text.contains(part), "{arguments:?}: {part}: {text}");
    }
}

#[test]
fn the_demo_and_detached_runs_start_the_program_that_is_named() {
    let world = World::new();
    let (own, used) = wrapped(&world);
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    let count = || {
        let text = std::fs::read_to_string(&used).unwrap_or_default();
        text.lines().count()
    };

    let (plan, agent) = (world.plan(TWO), world.agent());
    let repo = world.repo().display().to_string();
    let run = ["aura", "run", &plan, "--repo", &repo, "--agent-command"];
    let run = [&run[..], &[&agent, "--no-gates", "--detach"]].concat();
    call(&world, 0, &run, &own);
    assert_eq!(count(), 1);
    let said = world.expect(0, &["story", "wait", "--timeout", "60"]);
    assert!(said.out.starts_with("ready to complete"), "{}", said.out);

    let place = world.beside("demo").display().to_string();
    let said = call(&world, 0, &["aura", "demo", "--keep", &place], &own);
    assert!(said.out.contains("The demo is complete"), "{said:#?}");
    assert!(said.out.contains("sh -c 'echo yes"), "{said:#?}");
    assert!(count() > 7, "an agent for each of seven tasks: {}", count());

    let said = call(&world, 1, &["aura", "demo"], &[]);
    assert!(said.err.contains("cannot find itself"), "{said:#?}");
}
