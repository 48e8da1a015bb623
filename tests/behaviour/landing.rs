//! The target moves only to what the gates passed, on top of whatever the user did meanwhile, and never over the user's edits.

use aura_core::{
    CommitStrategy, CompleteOptions, ErrorKind, EventKind, GateSchedule, MergeStrategy,
    Orchestrator, ParkReason, Policy, Report, RunOutcome, StoryId, StorySpec, StoryStatus,
};
use aura_tests::{Script, Starting, Step};

use crate::kit::{World, plan, quick, reason, run, story, told_of, writes_own_file};

fn writers() -> Script {
    Script::new().otherwise(writes_own_file())
}

fn merge() -> CompleteOptions {
    CompleteOptions::default().merge(true)
}

async fn complete(aura: &Orchestrator, story: StoryId, options: CompleteOptions) -> Report {
    let landing = aura.complete(story, options).await.expect("started");
    landing.wait().await.expect("finished")
}

/// Why the last landing did not take place, and the paths it was about.
async fn parked(aura: &Orchestrator, story: StoryId) -> (ParkReason, Vec<String>) {
    let events = aura.events(story, 0).await.expect("events");
    let parked = events.into_iter().rev().find_map(|event| match event.kind {
        EventKind::Parked { reason, paths, .. } => Some((reason, paths)),
        _ => None,
    });
    parked.expect("it parked")
}

/// A gate program that commits to the user's branch at some of its runs.
fn moving_gate(world: &World, runs: &str) -> aura_core::ConfiguredGate {
    let body = format!(
        "case $RUN in {runs}) cd \"$REPO\"; echo $RUN > user$RUN.txt; git add user$RUN.txt; git commit -q -m \"user $RUN\";; esac"
    );
    world.gate("check", &body).at([GateSchedule::Final])
}

/// How far the target may run away while the final gates judge.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_moves_is_followed_twice_and_the_third_time_the_landing_parks() {
    for (runs, lands) in [("2", true), ("2|3", true), ("2|3|4", false)] {
        let world = World::new(&writers());
        let aura = world.open([moving_gate(&world, runs)]).await;
        let story = story(&aura, &["a", "b: a"], quick()).await;
        assert_eq!(run(&aura, story).await.outcome, RunOutcome::ReadyToComplete);
        // The result is another tree than the one that was judged in the run, so that the gate is asked again.
        world.repo.write("user1.txt", "1\n");
        world.repo.commit("user 1");
        let report = complete(&aura, story, merge()).await;
        let moves = 1 + runs.split('|').count();
        let log = world.repo.git(["log", "--format=%s", "main"]);
        let mut expected: Vec<String> = ["first", "second"].map(ToOwned::to_owned).into();
        expected.extend((1..=moves).map(|number| format!("user {number}")));
        if lands {
            expected.extend(["Do a", "Do b"].map(ToOwned::to_owned));
            assert_eq!(report.outcome, RunOutcome::Completed, "{runs}");
            assert_eq!(report.commit.to_string(), world.repo.head(), "{runs}");
            let before = world.repo.rev("main~2").expect("a commit");
            assert_eq!(report.previous.expect("a way back").to_string(), before);
        } else {
            assert_eq!(report.outcome, RunOutcome::ReadyToComplete, "{runs}");
            let (reason, _) = parked(&aura, story).await;
            assert_eq!(reason, ParkReason::TargetMoves);
        }
        expected.reverse();
        assert_eq!(log.lines().collect::<Vec<_>>(), expected, "{runs}");
        assert_eq!(world.repo.git(["status", "--porcelain"]), "", "{runs}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_landing_lands_when_it_is_asked_for_again() {
    let world = World::new(&writers());
    let aura = world.open([moving_gate(&world, "2|3|4")]).await;
    let story = story(&aura, &["a"], quick()).await;
    run(&aura, story).await;
    world.repo.write("user1.txt", "1\n");
    world.repo.commit("user 1");
    let report = complete(&aura, story, merge()).await;
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
    let report = complete(&aura, story, merge()).await;
    assert_eq!(report.outcome, RunOutcome::Completed);
    assert_eq!(world.repo.read("a.txt"), "a\n");
    let error = aura.complete(story, merge()).await.err().expect("refused");
    assert_eq!(error.kind(), ErrorKind::Refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_with_the_target_parks_and_names_the_paths() {
    let world = World::new(&Script::new().otherwise([Step::write("README.md", "# Story\n")]));
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let story = story(&aura, &["a"], quick()).await;
    run(&aura, story).await;
    world.repo.write("README.md", "# User\n");
    let head = world.repo.commit("user");
    let before = world.repo.snapshot();
    let report = complete(&aura, story, merge()).await;
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
    let expected = (ParkReason::Conflict, vec!["README.md".to_owned()]);
    assert_eq!(parked(&aura, story).await, expected);
    assert_eq!(world.repo.head(), head);
    before.assert_unchanged(&world.repo.snapshot());
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_at_the_same_paths_park_the_landing_and_others_stay() {
    type Edit = fn(&World);
    let overlapping: &[(&str, Edit, &str)] = &[
        (
            "edited",
            |world| world.repo.write("README.md", "# Mine\n"),
            "README.md",
        ),
        (
            "staged",
            |world| {
                world.repo.write("README.md", "# Mine\n");
                world.repo.git(["add", "README.md"]);
            },
            "README.md",
        ),
        (
            "untracked",
            |world| world.repo.write("a.txt", "mine\n"),
            "a.txt",
        ),
        (
            "ignored",
            |world| world.repo.write("a.log", "mine\n"),
            "a.log",
        ),
        (
            "in the way of a directory",
            |world| world.repo.write("deep", "mine\n"),
            "deep",
        ),
    ];
    let steps = [
        Step::write("README.md", "# Story\n"),
        Step::write("a.txt", "a\n"),
        Step::write("deep/a.txt", "a\n"),
        Step::write("a.log", "a\n"),
        Step::git(["add", "--force", "a.log"]),
    ];
    let world = World::new(&Script::new().otherwise(steps));
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let story = story(&aura, &["a"], quick()).await;
    run(&aura, story).await;
    for (what, edit, path) in overlapping {
        edit(&world);
        let before = world.repo.snapshot();
        let report = complete(&aura, story, merge()).await;
        assert_eq!(report.outcome, RunOutcome::ReadyToComplete, "{what}");
        let expected = (ParkReason::Dirty, vec![(*path).to_owned()]);
        assert_eq!(parked(&aura, story).await, expected, "{what}");
        before.assert_unchanged(&world.repo.snapshot());
        world.repo.git(["reset", "--quiet", "--hard"]);
        let _ = std::fs::remove_file(world.repo.path().join(path));
        world.repo.git(["checkout", "--", "README.md"]);
    }
    world.repo.write("docs/guide.md", "Mine\n");
    world.repo.write("notes.txt", "mine\n");
    let report = complete(&aura, story, merge()).await;
    assert_eq!(report.outcome, RunOutcome::Completed);
    let status = world.repo.git(["status", "--porcelain"]);
    assert_eq!(status, " M docs/guide.md\n?? notes.txt");
    assert_eq!(world.repo.read("README.md"), "# Story\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_not_checked_out_moves_without_touching_the_checkout() {
    let world = World::new(&writers());
    world.repo.git(["branch", "release"]);
    world.repo.write("README.md", "# Dirty\n");
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let missing = StorySpec::from_plan(plan(&["a"])).target("nowhere");
    let error = aura.create_story(missing).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("`nowhere`"), "{error}");

    let spec = StorySpec::from_plan(plan(&["a"]))
        .target("release")
        .policy(quick());
    let story = aura.create_story(spec).await.expect("created");
    run(&aura, story).await;
    let main = world.repo.head();
    let report = complete(&aura, story, merge()).await;
    assert_eq!(report.outcome, RunOutcome::Completed);
    assert_eq!(world.repo.head(), main);
    assert_eq!(world.repo.git(["status", "--porcelain"]), " M README.md");
    assert_eq!(world.repo.show("release", "a.txt"), "a\n");
    assert_eq!(world.repo.rev("release~1"), Some(main));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_landed_history_has_the_shape_that_was_asked_for() {
    let squash = Policy {
        commit: CommitStrategy::Squash,
        ..quick()
    };
    let merged = Policy {
        merge: MergeStrategy::MergeCommit,
        ..quick()
    };
    let message = "feat: Story\n\nTasks completed:\n- Do a\n- Do b";
    for (policy, subjects, parents) in [
        (
            quick(),
            vec!["Do b", "Do a", "user", "second"],
            vec!["Do a"],
        ),
        (squash, vec!["feat: Story", "user", "second"], vec!["user"]),
        (
            merged,
            vec!["feat: Story", "user", "second"],
            vec!["user", "Do b"],
        ),
    ] {
        let world = World::new(&writers());
        let aura = world.open([world.gate("check", "exit 0")]).await;
        let is_one_commit = subjects[0] == "feat: Story";
        let story = story(&aura, &["a", "b: a"], policy).await;
        run(&aura, story).await;
        world.repo.write("user.txt", "user\n");
        world.repo.commit("user");
        let report = complete(&aura, story, merge()).await;
        assert_eq!(report.outcome, RunOutcome::Completed, "{subjects:?}");
        let log = world.repo.git([
            "log",
            "--first-parent",
            "--format=%s",
            "-n",
            &subjects.len().to_string(),
        ]);
        assert_eq!(log.lines().collect::<Vec<_>>(), subjects);
        let of = world.repo.git(["log", "-1", "--format=%P"]);
        let found: Vec<String> = of
            .split_whitespace()
            .map(|commit| world.repo.git(["log", "-1", "--format=%s", commit]))
            .collect();
        assert_eq!(found, parents);
        if is_one_commit {
            assert_eq!(world.repo.git(["log", "-1", "--format=%B"]), message);
        }
        for (file, text) in [("a.txt", "a\n"), ("b.txt", "b\n"), ("user.txt", "user\n")] {
            assert_eq!(world.repo.read(file), text);
        }
        assert_eq!(world.repo.git(["status", "--porcelain"]), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_lands_that_no_required_gate_judges_unless_that_is_said() {
    let world = World::new(&writers());
    let main = world.repo.head();
    let advisory = world.gate("check", "exit 0").required(false);
    let early = world.gate("early", "exit 0").at([GateSchedule::AfterWave]);
    let aura = world.open([advisory, early]).await;
    let story = story(&aura, &["a"], quick()).await;
    run(&aura, story).await;
    let error = aura.complete(story, merge()).await.err().expect("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(world.repo.head(), main);
    let status = aura.status(story).await.expect("a status").status;
    assert_eq!(
        status,
        StoryStatus::ReadyToComplete,
        "it was refused before it began"
    );
    let report = complete(&aura, story, merge().no_gates(true)).await;
    assert_eq!(report.outcome, RunOutcome::Completed);
    assert_eq!(world.repo.read("a.txt"), "a\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_never_passes_never_lets_anything_be_ready() {
    for schedule in [
        GateSchedule::AfterTask,
        GateSchedule::AfterWave,
        GateSchedule::Final,
    ] {
        let world =
            World::new(&Script::new().otherwise([Step::write("{task}.txt", "{attempt}\n")]));
        let main = world.repo.head();
        let gate = world
            .gate("check", "test ! -e a.txt || { echo 'never'; exit 1; }")
            .at([schedule]);
        let aura = world.open([gate]).await;
        let policy = Policy {
            retry_max: 2,
            ..quick()
        };
        let story = story(&aura, &["a"], policy).await;
        let report = run(&aura, story).await;
        let (outcome, starts, accepted) = match schedule {
            GateSchedule::Final => (RunOutcome::Failed, 1, 1),
            _ => (RunOutcome::Paused, 3, 0),
        };
        let found = (report.outcome, report.starts, report.accepted.len());
        assert_eq!(found, (outcome, starts, accepted), "{schedule:?}");
        let why = reason(&aura, story).await;
        let expected = match schedule {
            GateSchedule::Final => "gate `check` is red on the final result",
            _ => "task `a` failed: not accepted after 3 tries",
        };
        assert_eq!(why, expected);
        let finals = told_of(&aura, story, "gate.finished check final passed").await;
        assert_eq!(finals, Vec::<String>::new());
        assert_eq!(world.repo.head(), main);
        if schedule == GateSchedule::Final {
            let report = complete(&aura, story, merge()).await;
            assert_eq!(report.outcome, RunOutcome::Failed);
            let status = aura.status(story).await.expect("a status").status;
            assert_eq!(status, StoryStatus::GateFailed);
            assert_eq!(world.repo.head(), main);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_landing_waits_for_every_task_unless_a_part_is_enough() {
    let script = Script::new()
        .task("b", [Step::Exit(1)])
        .otherwise(writes_own_file());
    let world = World::new(&script);
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let policy = Policy {
        restart_max: 0,
        ..quick()
    };
    let story = story(&aura, &["a", "b", "c: b"], policy).await;
    run(&aura, story).await;
    let main = world.repo.head();
    let report = complete(&aura, story, merge()).await;
    assert_eq!(report.outcome, RunOutcome::Paused);
    assert_eq!(
        reason(&aura, story).await,
        "not every task is accepted: b, c"
    );
    assert_eq!(parked(&aura, story).await.0, ParkReason::Partial);
    assert_eq!(world.repo.head(), main);
    let report = complete(&aura, story, merge().partial(true)).await;
    assert_eq!(report.outcome, RunOutcome::Completed);
    assert_eq!(
        world
            .repo
            .git(["ls-tree", "--name-only", "main", "--", "a.txt", "b.txt"]),
        "a.txt"
    );
}

/// Where Aura is started does not matter; where HEAD stands there does.
#[tokio::test(flavor = "multi_thread")]
async fn a_story_begun_in_a_linked_worktree_a_submodule_or_a_bare_repository_lands_there() {
    for (starting, inside, branch) in [
        (Starting::LinkedWorktree, "", "side"),
        (Starting::LinkedWorktree, "src", "side"),
        (Starting::Submodule, "vendor/library", "main"),
        (Starting::Bare, "", "main"),
    ] {
        let world = World::starting(starting, &writers());
        let place = world.repo.path().join(inside);
        let at = place.display().to_string();
        world
            .repo
            .git(["-C", &at, "config", "user.name", "A. User"]);
        world
            .repo
            .git(["-C", &at, "config", "user.email", "user@example.com"]);
        let aura = world
            .builder_at(&place)
            .gate(world.gate("check", "exit 0"))
            .open()
            .await
            .expect("it opens");
        let story = story(&aura, &["a"], quick()).await;
        run(&aura, story).await;
        let case = format!("{starting:?} {inside}");
        let report = complete(&aura, story, merge()).await;
        assert_eq!(
            report.outcome,
            RunOutcome::Completed,
            "{case}: {:?}",
            report.reason
        );
        let tip = world.repo.git(["-C", &at, "rev-parse", branch]);
        assert_eq!(report.commit.to_string(), tip, "{case}");
        let text = world
            .repo
            .git(["-C", &at, "show", &format!("{branch}:a.txt")]);
        assert_eq!(text, "a", "{case}");
        let top = world
            .repo
            .try_git(["-C", &at, "rev-parse", "--show-toplevel"]);
        if top.status.success() {
            let top = String::from_utf8_lossy(&top.stdout).trim().to_owned();
            let text = std::fs::read_to_string(format!("{top}/a.txt"));
            assert_eq!(text.expect("it is checked out"), "a\n", "{case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detached_head_runs_and_does_not_land() {
    let world = World::starting(Starting::Detached, &writers());
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let story = story(&aura, &["a"], quick()).await;
    let report = run(&aura, story).await;
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
    let error = aura.complete(story, merge()).await.err().expect("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let help = error.help().unwrap_or_default();
    assert!(help.contains("--target"), "{help}");
}
