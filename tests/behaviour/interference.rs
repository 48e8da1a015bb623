//! The user, or somebody's program, works on the same repository while a story runs.

use aura_core::{CompleteOptions, ErrorKind, RunOptions, RunOutcome};
use aura_tests::{Script, Step};

use crate::kit::{World, arrivals, barrier, quick, reason, run, run_with, story, writes_own_file};

/// Tasks write, then wait at the barrier `hold`.
fn holding() -> Script {
    let mut steps = writes_own_file();
    steps.push(barrier("hold"));
    Script::new().otherwise(steps)
}

fn merge() -> CompleteOptions {
    CompleteOptions::default().merge(true)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collected_repository_and_a_deleted_branch_cost_nothing() {
    let world = World::new(&holding());
    let mut hold = world.agent.barrier("hold");
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let story = story(&aura, &["a", "b: a", "c: b"], quick()).await;
    let branch = aura.story(story).await.expect("the story").branch;
    let collect = || {
        world.repo.git(["branch", "-D", &branch]);
        world
            .repo
            .git(["reflog", "expire", "--expire=now", "--all"]);
        world.repo.git(["gc", "--quiet", "--prune=now"]);
    };
    let handle = aura
        .run(story, RunOptions::default())
        .await
        .expect("started");
    for _ in 0..3 {
        arrivals(&mut hold, 1).await;
        collect();
        hold.release();
    }
    let report = handle.wait().await.expect("finished");
    assert_eq!(
        (report.outcome, report.starts),
        (RunOutcome::ReadyToComplete, 3)
    );
    let warning = format!("`refs/heads/{branch}` was deleted by somebody else; it is there again");
    assert_eq!(report.warnings, vec![warning; 3]);
    for task in ["a", "b", "c"] {
        assert_eq!(
            world.repo.show(&branch, &format!("{task}.txt")),
            format!("{task}\n")
        );
    }
    collect();
    let landing = aura.complete(story, merge()).await.expect("started");
    assert_eq!(
        landing.wait().await.expect("finished").outcome,
        RunOutcome::Completed
    );
    world.repo.git(["fsck", "--strict", "--no-dangling"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_branch_that_somebody_moved_pauses_and_is_put_back_when_asked() {
    let world = World::new(&holding());
    let mut hold = world.agent.barrier("hold");
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let story = story(&aura, &["a"], quick()).await;
    let branch = aura.story(story).await.expect("the story").branch;
    let reference = format!("refs/heads/{branch}");
    let handle = aura
        .run(story, RunOptions::default())
        .await
        .expect("started");
    arrivals(&mut hold, 1).await;
    world.repo.git(["update-ref", &reference, "main~1"]);
    hold.release();
    let report = handle.wait().await.expect("finished");
    assert_eq!(
        (report.outcome, report.accepted.len()),
        (RunOutcome::Paused, 0)
    );
    let why = reason(&aura, story).await;
    assert_eq!(why, format!("`{reference}` was moved by somebody else"));
    assert_eq!(
        world.repo.rev(&reference),
        world.repo.rev("main~1"),
        "left as it is"
    );

    let error = aura
        .run(story, RunOptions::default())
        .await
        .err()
        .expect("refused");
    assert_eq!(error.kind(), ErrorKind::ForeignMove);
    assert!(
        error
            .help()
            .unwrap_or_default()
            .contains("--restore-branch")
    );
    let report = run_with(&aura, story, RunOptions::default().restore_branch(true)).await;
    assert_eq!(
        (report.outcome, report.starts),
        (RunOutcome::ReadyToComplete, 1)
    );
    assert_eq!(world.repo.show(&branch, "a.txt"), "a\n");
}

/// Hooks, filters and settings that came while agents worked are not run in the user's repository.
#[tokio::test(flavor = "multi_thread")]
async fn settings_that_changed_meanwhile_are_not_acted_on_until_they_are_accepted() {
    let world = World::new(&holding());
    let mut hold = world.agent.barrier("hold");
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let story = story(&aura, &["a", "b: a"], quick()).await;
    let handle = aura
        .run(story, RunOptions::default().one_wave(true))
        .await
        .expect("started");
    arrivals(&mut hold, 1).await;
    let canary = world.agent.dir().join("canary");
    let touch = format!("touch {}", canary.display());
    world.repo.git(["config", "core.fsmonitor", &touch]);
    hold.release();
    assert_eq!(
        handle.wait().await.expect("finished").outcome,
        RunOutcome::Paused
    );

    let error = aura
        .run(story, RunOptions::default())
        .await
        .err()
        .expect("refused");
    assert_eq!(error.kind(), ErrorKind::ForeignChange);
    assert!(error.to_string().contains("config"), "{error}");
    let options = RunOptions::default().accept_repo_changes(true);
    let handle = aura.run(story, options).await.expect("started");
    arrivals(&mut hold, 1).await;
    hold.release();
    assert_eq!(
        handle.wait().await.expect("finished").outcome,
        RunOutcome::ReadyToComplete
    );
    let landing = aura.complete(story, merge()).await.expect("started");
    assert_eq!(
        landing.wait().await.expect("finished").outcome,
        RunOutcome::Completed
    );
    assert!(!canary.exists(), "git never started the monitor");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_landing_parks_when_the_settings_changed_since_the_run() {
    let world = World::new(&Script::new().otherwise(writes_own_file()));
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let story = story(&aura, &["a"], quick()).await;
    run(&aura, story).await;
    let hook = world.repo.path().join(".git/hooks/post-merge");
    let canary = world.agent.dir().join("canary");
    std::fs::create_dir_all(hook.parent().expect("a directory")).expect("created");
    std::fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", canary.display())).expect("written");
    let before = world.repo.snapshot();
    let landing = aura.complete(story, merge()).await.expect("started");
    let report = landing.wait().await.expect("finished");
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
    assert!(reason(&aura, story).await.contains("hooks"));
    before.assert_unchanged(&world.repo.snapshot());
    std::fs::remove_file(&hook).expect("removed");
    let landing = aura.complete(story, merge()).await.expect("started");
    assert_eq!(
        landing.wait().await.expect("finished").outcome,
        RunOutcome::Completed
    );
    assert!(!canary.exists());
}

/// Two stories of one repository run side by side, and the second to land is put on top of the first.
#[tokio::test(flavor = "multi_thread")]
async fn stories_run_side_by_side_and_land_one_after_the_other() {
    let meet = Step::Meet {
        name: "both".to_owned(),
        count: 2,
    };
    let world = World::new(&Script::new().otherwise([meet, Step::write("{task}.txt", "{task}\n")]));
    let first = world.open([world.gate("check", "exit 0")]).await;
    let second = world.open([world.gate("check", "exit 0")]).await;
    let one = story(&first, &["a"], quick()).await;
    let two = story(&second, &["b"], quick()).await;
    let (left, right) = tokio::join!(run(&first, one), run(&second, two));
    assert_eq!(left.outcome, RunOutcome::ReadyToComplete);
    assert_eq!(right.outcome, RunOutcome::ReadyToComplete);
    for (aura, story) in [(&second, two), (&first, one)] {
        let landing = aura.complete(story, merge()).await.expect("started");
        assert_eq!(
            landing.wait().await.expect("finished").outcome,
            RunOutcome::Completed
        );
    }
    let log = world.repo.git(["log", "--format=%s", "main"]);
    assert_eq!(log, "Do a\nDo b\nsecond\nfirst");
    assert_eq!(world.repo.git(["status", "--porcelain"]), "");
}
