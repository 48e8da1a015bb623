//! What a call may ask for, what it gets, and what is refused before anything starts.

use aura_core::{
    CompleteOptions, ErrorKind, GateSchedule, Orchestrator, Policy, RunOptions, RunOutcome,
    StorySpec, StoryStatus, agents, gates,
};
use aura_tests::{Script, Step};

use crate::kit::{
    World, ids, plan, plan_of, quick, reason, run, run_with, story, task, told_of, writes_own_file,
};

fn writers() -> Script {
    Script::new().otherwise(writes_own_file())
}

fn options() -> RunOptions {
    RunOptions::default()
}

#[tokio::test(flavor = "multi_thread")]
async fn chosen_tasks_run_alone_when_nothing_they_need_is_missing() {
    let world = World::new(&writers());
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let tasks = ["a", "b: a", "c: b", "d"];
    let story = story(&aura, &tasks, quick()).await;

    let wanted = options().tasks(["c"]);
    let error = aura.run(story, wanted).await.err().expect("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(
        error.to_string(),
        "the chosen tasks depend on tasks that are not accepted yet: a, b"
    );
    let unknown = options().tasks(["x", "a"]);
    let error = aura.run(story, unknown).await.err().expect("refused");
    assert_eq!(error.to_string(), "the plan has no task `x`");
    assert_eq!(world.agent.starts(), [], "nothing was started");
    assert_eq!(told_of(&aura, story, "run.").await, Vec::<String>::new());

    let report = run_with(&aura, story, options().tasks(["d"])).await;
    assert_eq!(
        (
            report.outcome,
            report.reason.as_deref(),
            ids(&report.accepted)
        ),
        (RunOutcome::Paused, Some("filter"), vec!["d".to_owned()])
    );
    let wanted = options().tasks(["b"]).with_dependencies(true);
    let report = run_with(&aura, story, wanted).await;
    assert_eq!(
        (
            report.outcome,
            ids(&report.accepted),
            ids(&report.unfinished)
        ),
        (
            RunOutcome::Paused,
            ["a", "b", "d"].map(str::to_owned).into(),
            vec!["c".to_owned()]
        )
    );
    let report = run_with(&aura, story, options().tasks(["c"])).await;
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
    let once = ["a", "b", "c", "d"].map(|task| (task.to_owned(), 1));
    assert_eq!(world.starts(), once);
}

/// A wave is over when its retries and ejections are.
#[tokio::test(flavor = "multi_thread")]
async fn one_wave_per_call_ends_with_all_of_its_tasks() {
    let script = Script::new()
        .attempt("a", 1, [Step::write("a.txt", "bad\n")])
        .start("b", 1, [Step::Exit(1)])
        .otherwise(writes_own_file());
    let world = World::new(&script);
    let gate = world.gate("check", "if grep -qs bad a.txt; then echo bad; exit 1; fi");
    let aura = world.open([gate]).await;
    let tasks = ["a", "b", "c: a", "d: b", "e: c d"];
    let story = story(&aura, &tasks, quick()).await;
    let one = || options().one_wave(true);
    let mut accepted = Vec::new();
    for (wave, outcome) in [
        (["a", "b"].as_slice(), RunOutcome::Paused),
        (&["c", "d"], RunOutcome::Paused),
        (&["e"], RunOutcome::ReadyToComplete),
    ] {
        let report = run_with(&aura, story, one()).await;
        accepted.extend(wave.iter().map(|task| (*task).to_owned()));
        assert_eq!(
            (report.outcome, ids(&report.accepted)),
            (outcome, accepted.clone())
        );
        let paused = outcome == RunOutcome::Paused;
        assert_eq!(report.reason.as_deref(), paused.then_some("wave"));
    }
    let waves = told_of(&aura, story, "wave.").await;
    let expected = [
        "wave.started 0",
        "wave.finished 0",
        "wave.started 1",
        "wave.finished 1",
        "wave.started 2",
        "wave.finished 2",
    ];
    assert_eq!(waves, expected);
    assert_eq!(world.agent.starts().len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_cannot_be_meant_are_refused() {
    let world = World::new(&writers());
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let twice = [world.gate("check", "exit 0"), world.gate("check", "exit 0")];
    let error = world.builder().gates(twice).open().await.err();
    let error = error.expect("refused");
    assert_eq!(error.to_string(), "two gates are called `check`");

    for (at, is_fine) in [
        (vec![GateSchedule::AfterWave], true),
        (vec![GateSchedule::AfterTask, GateSchedule::AfterWave], true),
        (vec![GateSchedule::Final], false),
        (vec![GateSchedule::AfterTask, GateSchedule::Final], false),
    ] {
        let gate = world.gate("check", "exit 0").counts_tests(true);
        let opened = world.builder().gate(gate.at(at.clone())).open().await;
        assert_eq!(opened.is_ok(), is_fine, "{at:?}");
        if let Some(error) = opened.err() {
            let text = error.to_string();
            assert!(
                text.contains("`check` counts tests and does not judge `after_wave`"),
                "{text}"
            );
        }
    }

    for policy in [
        Policy {
            max_parallel: 0,
            ..quick()
        },
        Policy {
            max_parallel: 1_025,
            ..quick()
        },
        Policy {
            deadline_ms: 0,
            ..quick()
        },
        Policy {
            idle_ms: 0,
            ..quick()
        },
    ] {
        let spec = StorySpec::from_plan(plan(&["a"])).policy(policy);
        let error = aura.create_story(spec).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    let error = aura
        .create_story(StorySpec::new(" "))
        .await
        .expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(aura.stories().await.expect("listed"), []);
    assert_eq!(world.repo.git(["branch", "--list", "story/*"]), "");

    let unplanned = aura
        .create_story(StorySpec::new("Later"))
        .await
        .expect("created");
    let error = aura.run(unplanned, options()).await.err().expect("refused");
    assert_eq!(error.kind(), ErrorKind::Refused);
    let merge = CompleteOptions::default().merge(true);
    let error = aura
        .complete(unplanned, merge)
        .await
        .err()
        .expect("refused");
    assert_eq!(error.kind(), ErrorKind::Refused);
    let error = aura.run(unplanned, options().max_parallel(0)).await.err();
    assert!(error.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_not_there_is_noticed_before_anything_starts() {
    let world = World::new(&writers());
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let mut other = task("b");
    other.agent = Some("reviewer".to_owned());
    let spec = StorySpec::from_plan(plan_of(vec![task("a"), other])).policy(quick());
    let story = aura.create_story(spec).await.expect("created");
    let error = aura.run(story, options()).await.err().expect("refused");
    assert_eq!(error.kind(), ErrorKind::BackendMissing);
    assert_eq!(error.to_string(), "no agent is called `reviewer`");
    assert_eq!(error.help(), Some("registered are: default"));
    assert_eq!(world.agent.starts(), []);

    let aura = Orchestrator::builder(world.repo.path())
        .agent("default", agents::command(["/nonexistent/agent"]))
        .agent("reviewer", agents::command(world.agent.command()))
        .gate(world.gate("check", "exit 0"))
        .open()
        .await
        .expect("it opens");
    let error = aura.run(story, options()).await.err().expect("refused");
    assert!(error.to_string().contains("/nonexistent/agent"), "{error}");
    assert_eq!(world.agent.starts(), []);
    let aura = world
        .builder()
        .agent("reviewer", agents::command(world.agent.command()))
        .gate(world.gate("check", "exit 0"))
        .open()
        .await
        .expect("it opens");
    assert_eq!(run(&aura, story).await.outcome, RunOutcome::ReadyToComplete);
}

/// What a run was judged by is what the next one has to be judged by.
#[tokio::test(flavor = "multi_thread")]
async fn agents_and_gates_of_an_earlier_run_are_held_to() {
    let world = World::new(&writers());
    let check = world.gate("check", "exit 0");
    let aura = world
        .open([
            check.clone(),
            world.gate("advice", "exit 0").required(false),
        ])
        .await;
    let story = story(&aura, &["a", "b: a"], quick()).await;
    run_with(&aura, story, options().one_wave(true)).await;
    let merge = || CompleteOptions::default().merge(true);

    let without = world.open([world.gate("advice", "exit 0")]).await;
    for error in [
        without.run(story, options()).await.err(),
        without.complete(story, merge()).await.err(),
    ] {
        let error = error.expect("refused");
        assert_eq!(error.kind(), ErrorKind::GateMissing);
        assert_eq!(error.to_string(), "no gate is called `check`");
    }
    let program = world.program("check", "exit 0").display().to_string();
    let changed = gates::command("check", [program.clone(), "--other".to_owned()]);
    let with_other = world.open([changed]).await;
    for error in [
        with_other.run(story, options()).await.err(),
        with_other.complete(story, merge()).await.err(),
    ] {
        let error = error.expect("refused");
        assert_eq!(error.kind(), ErrorKind::GateChanged);
        assert!(error.to_string().contains("`check`"), "{error}");
    }
    let mut command = world.agent.command();
    command.push(world.agent.dir().display().to_string());
    let other_agent = Orchestrator::builder(world.repo.path())
        .agent("default", agents::command(command))
        .gate(check)
        .open()
        .await
        .expect("it opens");
    let error = other_agent
        .run(story, options())
        .await
        .err()
        .expect("refused");
    assert!(error.to_string().contains("`default`"), "{error}");
    let status = aura.status(story).await.expect("a status").status;
    assert_eq!(status, StoryStatus::Paused);
    let report = run_with(&other_agent, story, options().accept_config(true)).await;
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_gate_judges_the_accepted_head_before_anything_else() {
    let world = World::new(&writers());
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let story = story(&aura, &["a", "b: a", "c: b"], quick()).await;
    run_with(&aura, story, options().one_wave(true)).await;

    // Red on what is accepted already: nobody can repair that but a person.
    let strict = world.gate("strict", "test ! -e a.txt || { echo 'no a'; exit 1; }");
    let check = gates::command(
        "check",
        [world.agent.dir().join("strict.sh").display().to_string()],
    );
    let red = world.open([check]).await;
    drop(strict);
    let report = run_with(&red, story, options().accept_config(true)).await;
    assert_eq!(report.outcome, RunOutcome::Paused);
    let why = reason(&red, story).await;
    assert_eq!(why, "gate `check` is red on the accepted head");
    assert_eq!(world.agent.starts_of("b"), 0);
    assert_eq!(
        world.runs_of("strict"),
        2,
        "asked twice before anybody believes it"
    );
    // Having accepted the gate is not having passed it.
    assert_eq!(run(&red, story).await.outcome, RunOutcome::Paused);
    assert_eq!(
        (world.agent.starts_of("b"), world.runs_of("strict")),
        (0, 4)
    );

    let mild = world.program("mild", "test -e a.txt").display().to_string();
    let green = world.open([gates::command("check", [mild])]).await;
    let report = run_with(&green, story, options().accept_config(true)).await;
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
    let verdicts = told_of(&green, story, "gate.").await;
    let at = |point: &str, verdict: &str| {
        [
            format!("gate.started check {point}"),
            format!("gate.finished check {point} {verdict}"),
        ]
    };
    let expected = [
        at("candidate", "passed"),
        at("candidate", "failed"),
        at("candidate", "failed"),
        at("candidate", "failed"),
        at("candidate", "failed"),
        at("candidate", "passed"),
        at("candidate", "passed"),
        at("candidate", "passed"),
        at("final", "passed"),
    ];
    assert_eq!(verdicts, expected.concat());
}

/// What was accepted without a gate, or in spite of it, does not land before that gate has judged it.
#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_became_required_judges_what_is_accepted() {
    let merge = || CompleteOptions::default().merge(true);
    // Whether it was there before, whether that is refused, and what it says of the accepted head.
    let table = [
        (true, true, "exit 1"),
        (true, true, "exit 0"),
        (false, false, "exit 1"),
        (false, false, "exit 0"),
    ];
    for (was_there, refuses, body) in table {
        let what = format!("{was_there} {body}");
        let world = World::new(&writers());
        let main = world.repo.head();
        let check = || world.gate("check", "exit 0");
        let late = || world.gate("late", body).at([GateSchedule::AfterWave]);
        let optional = was_there.then(|| late().required(false));
        let aura = world.open(std::iter::once(check()).chain(optional)).await;
        let story = story(&aura, &["a"], quick()).await;
        let report = run(&aura, story).await;
        assert_eq!(report.outcome, RunOutcome::ReadyToComplete, "{what}");

        let strict = world.open([check(), late()]).await;
        if refuses {
            for error in [
                strict.run(story, options()).await.err(),
                strict.complete(story, merge()).await.err(),
            ] {
                let error = error.expect("refused");
                assert_eq!(error.kind(), ErrorKind::GateChanged, "{what}");
                let why = "gate `late` is not as in the earlier run: whether it is required";
                assert!(error.to_string().starts_with(why), "{error}");
            }
        } else {
            let landing = strict.complete(story, merge()).await.expect("started");
            let report = landing.wait().await.expect("finished");
            let lands = body == "exit 0";
            assert_eq!(report.outcome == RunOutcome::Completed, lands, "{what}");
            assert_eq!(world.repo.head() != main, lands, "{what}");
            if lands {
                continue;
            }
        }
        let accepts = options().accept_config(refuses);
        let report = run_with(&strict, story, accepts).await;
        let outcome = match body {
            "exit 0" => RunOutcome::ReadyToComplete,
            _ => RunOutcome::Paused,
        };
        assert_eq!(report.outcome, outcome, "{what}");
        if outcome == RunOutcome::Paused {
            let why = reason(&strict, story).await;
            assert_eq!(why, "gate `late` is red on the accepted head");
        }
        // Having accepted the gate is not having passed it.
        let landing = strict.complete(story, merge()).await.expect("started");
        let landed = landing.wait().await.expect("finished").outcome == RunOutcome::Completed;
        assert_eq!(landed, body == "exit 0", "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_is_not_required_is_heard_and_stops_nothing() {
    for schedule in [
        GateSchedule::AfterTask,
        GateSchedule::AfterWave,
        GateSchedule::Final,
    ] {
        let world = World::new(&writers());
        let advice = world
            .gate("advice", "echo 'could be nicer'; exit 1")
            .required(false)
            .at([schedule]);
        let aura = world.open([world.gate("check", "exit 0"), advice]).await;
        let story = story(&aura, &["a"], quick()).await;
        let report = run(&aura, story).await;
        assert_eq!(
            (report.outcome, report.starts, world.runs_of("advice")),
            (RunOutcome::ReadyToComplete, 1, 1),
            "{schedule:?}"
        );
        let heard = told_of(&aura, story, "").await;
        let heard = heard
            .iter()
            .filter(|line| line.contains("advice") && line.ends_with("failed"));
        assert_eq!(heard.count(), 1, "{schedule:?}");
    }
}
