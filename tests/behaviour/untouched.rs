//! The user's things stay as they are, whatever state they are in and whatever an agent does with git in its workspace.

use aura_core::{ErrorKind, Orchestrator, RunOutcome, agents};
use aura_tests::{Script, Starting, Step};
use tokio::task::JoinSet;

use crate::kit::{World, quick, run, story, writes_own_file};

/// What an agent may do to a repository that it believes to be its own.
fn rampage() -> Vec<Step> {
    let mut steps = vec![Step::Meet {
        name: "together".to_owned(),
        count: 3,
    }];
    let commands: &[&[&str]] = &[
        &["stash", "push", "--include-untracked"],
        &["config", "user.name", "x"],
        &["config", "core.hooksPath", "/nonexistent"],
        &["checkout", "main"],
        &["commit", "--allow-empty", "-m", "straight to main"],
        &["branch", "-D", "topic"],
        &["branch", "mine"],
        &["tag", "mine"],
        &["update-ref", "refs/heads/topic", "HEAD"],
        &["remote", "add", "elsewhere", "/nonexistent"],
        &["worktree", "prune", "--expire", "now"],
        &["reflog", "expire", "--expire=now", "--all"],
        &["gc", "--quiet", "--prune=now"],
    ];
    steps.push(Step::write("stashed.txt", "stashed\n"));
    let of = |args: &&[&str]| Step::TryGit(args.iter().map(|arg| (*arg).to_owned()).collect());
    steps.extend(commands.iter().map(of));
    steps.extend(writes_own_file());
    steps
}

fn script() -> Script {
    let meet = Step::Meet {
        name: "together".to_owned(),
        count: 3,
    };
    let mut quiet = vec![meet];
    quiet.extend(writes_own_file());
    Script::new()
        .attempt("a", 1, rampage())
        .task("a", writes_own_file())
        .task("d", writes_own_file())
        .otherwise(quiet)
}

/// Adds what most checkouts have besides: things nobody told git about, and a stash.
fn furnish(world: &World, starting: Starting) {
    let repo = &world.repo;
    repo.git(["branch", "topic"]);
    if starting == Starting::Bare {
        return;
    }
    repo.write("private.txt", "mine\n");
    repo.write("private.log", "ignored\n");
    if starting == Starting::Dirty {
        let stash = repo.git(["stash", "create"]);
        repo.git(["stash", "store", "--message", "kept", &stash]);
    }
}

async fn stays_as_it_is(starting: Starting) {
    let world = World::starting(starting, &script());
    furnish(&world, starting);
    let before = world.repo.snapshot();
    let aura = world.open([world.gate("check", "test -f a.txt")]).await;
    let story = story(&aura, &["a", "b", "c", "d: a b c"], quick()).await;
    let report = run(&aura, story).await;
    let difference = before.difference(&world.repo.snapshot());
    assert!(difference.is_empty(), "{starting:?}: {difference:#?}");
    // In the middle of a rebase HEAD is not on `main`, so that an agent who goes there leaves the commit it was given.
    let base_lost = u32::from(starting == Starting::RebaseInProgress);
    assert_eq!(
        (report.outcome, report.starts, report.retries),
        (RunOutcome::ReadyToComplete, 4 + base_lost, base_lost),
        "{starting:?}: {:?}",
        report.reason
    );
    let branch = aura.story(story).await.expect("the story").branch;
    for task in ["a", "b", "c", "d"] {
        let text = world.repo.show(&branch, &format!("{task}.txt"));
        assert_eq!(text, format!("{task}\n"), "{starting:?}");
    }
    world.assert_script_held();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_leaves_everything_of_the_user_as_it_was() {
    let mut rest = Starting::ALL
        .into_iter()
        .filter(|starting| *starting != Starting::Unborn);
    let mut running = JoinSet::new();
    for starting in rest.by_ref().take(3) {
        running.spawn(stays_as_it_is(starting));
    }
    while let Some(ended) = running.join_next().await {
        ended.expect("nothing changed");
        if let Some(starting) = rest.next() {
            running.spawn(stays_as_it_is(starting));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_without_a_commit_is_refused_and_left_alone() {
    let world = World::starting(Starting::Unborn, &Script::new());
    let before = world.repo.snapshot();
    let error = Orchestrator::builder(world.repo.path())
        .agent("default", agents::command(world.agent.command()))
        .open()
        .await
        .err()
        .expect("refused");
    assert_eq!(error.kind(), ErrorKind::UnsupportedRepository);
    let place = world.repo.path().join(".git");
    assert_eq!(
        error.to_string(),
        format!("HEAD of {} has no commit yet", place.display())
    );
    assert_eq!(
        error.help(),
        Some("make a first commit, for example `git commit --allow-empty -m start`")
    );
    before.assert_unchanged(&world.repo.snapshot());
    assert!(!place.join("aura").exists(), "nothing was made");
}
