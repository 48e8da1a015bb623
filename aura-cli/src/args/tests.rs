use clap::{CommandFactory, Parser};

use super::{Cli, Command, Exhausted, StoryCommand};

fn parse(line: &str) -> Result<Command, clap::Error> {
    let words = crate::words::split(line).expect("a line");
    Cli::try_parse_from(words).map(|cli| cli.command)
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn the_documented_run_is_understood() {
    let line = "aura run plan.yaml --repo /r --agent-command 'prog --fast' --parallel 2 --task a --task b \
        --with-dependencies --merge --gate 'test=python3 -m unittest' --gate build=make --target main \
        --on-exhausted isolate --json --wave --trust --limit-cost 2.50 --limit-tokens 1000000";
    let Ok(Command::Run(args)) = parse(line) else {
        panic!("not understood");
    };
    assert_eq!(
        args.source.as_deref(),
        Some(std::path::Path::new("plan.yaml"))
    );
    assert_eq!(args.engine.agent_command.as_deref(), Some("prog --fast"));
    assert_eq!(
        args.engine.gates,
        ["test=python3 -m unittest", "build=make"]
    );
    assert_eq!(args.run.parallel, Some(2));
    assert_eq!(args.run.tasks, ["a", "b"]);
    assert!(args.run.with_dependencies && args.run.wave && args.run.json && args.run.land.merge);
    assert!(args.engine.trust && !args.dry_run && !args.engine.no_gates);
    let limits = aura_core::Limits::default().cost_usd(2.5).tokens(1_000_000);
    assert_eq!(args.run.limits.limits(), limits);
    assert_eq!(args.create.target.as_deref(), Some("main"));
    assert_eq!(args.create.on_exhausted, Some(Exhausted::Isolate));
}

#[test]
fn what_makes_no_sense_is_refused() {
    for line in [
        "aura",
        "aura run",
        "aura run p --parallel 0",
        "aura run p --parallel 1025",
        "aura run p --limit-cost 0",
        "aura run p --limit-cost inf",
        "aura run p --limit-cost much",
        "aura run p --limit-tokens 0",
        "aura run p --limit-attempts -1",
        "aura run p --no-gates --gate a=b",
        "aura run p --agent a --agent-command b",
        "aura run p --with-dependencies",
        "aura run p --partial",
        "aura run p --dry-run --detach",
        "aura run p --json --detach",
        "aura plan p --json --dot",
        "aura plan p --mermaid --svg f",
        "aura plan p --svg",
        "aura plan",
        "aura story",
        "aura story retry",
        "aura story wait --timeout soon",
        "aura nonsense",
    ] {
        let error = parse(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn stories_are_named_or_found() {
    let Ok(Command::Story(StoryCommand::Status(which))) = parse("aura story status --json") else {
        panic!("not understood");
    };
    assert!(which.story.is_none() && which.json);
    let Ok(Command::Story(StoryCommand::Retry { task, note })) =
        parse("aura story retry build abc123 --note 'mind the gap' --repo /r")
    else {
        panic!("not understood");
    };
    assert_eq!(
        (task.task.as_str(), task.which.story.as_deref()),
        ("build", Some("abc123"))
    );
    assert_eq!(note.as_deref(), Some("mind the gap"));
    let Ok(Command::Story(StoryCommand::Wait(wait))) = parse("aura story wait x --timeout 5")
    else {
        panic!("not understood");
    };
    assert_eq!(
        (wait.which.story.as_deref(), wait.timeout),
        (Some("x"), Some(5))
    );
}

#[test]
fn a_call_survives_being_made_again() {
    let line = "aura story run abc --repo /r --agent-command '-prog a=b' --gate 'x=y z' --gate 'a=b' --env A_KEY --env 'B_*' --parallel 7 \
        --task --odd --task b --with-dependencies --wave --merge --partial --json --trust --accept-config \
        --accept-repo-changes --restore-branch --limit-cost 0.1 --limit-tokens 9 --limit-attempts 3";
    let line = line.replace("--task --odd", "--task=--odd");
    let Ok(Command::Story(StoryCommand::Run(args))) = parse(&line) else {
        panic!("not understood");
    };
    let mut words = vec!["aura".into(), "detached".into()];
    words.extend(args.to_words());
    let again = Cli::try_parse_from(words).expect("understood again");
    let Command::Detached(again) = again.command else {
        panic!("another command");
    };
    assert_eq!(again, args);
    assert_eq!(again.run.tasks, ["--odd", "b"]);
    assert_eq!(again.engine.env, ["A_KEY", "B_*"]);
}
