//! A secret in a line that the work adds does not get into the branch, and is told to nobody.

use aura_core::{CompleteOptions, ConfiguredGate, EventKind, GateSchedule, RunOutcome, gates};
use aura_tests::{Script, Step};

use crate::kit::{World, quick, run, story, told_of, writes_own_file};

/// Of the shape of a GitHub token, made here so that no file looks as if it had one.
fn token(seed: u64) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut state = seed;
    let letters = (0..36).map(|_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(state >> 33).expect("31 bits") % ALPHABET.len();
        char::from(ALPHABET[at])
    });
    format!("ghp_{}", letters.collect::<String>())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_added_secret_is_refused_and_the_retry_without_it_lands() {
    let (old, new) = (token(1), token(2));
    let leaking = format!("one\nlet token = \"{new}\";\n");
    let mended = "one\nlet token = env(\"TOKEN\");\n";
    let script = Script::new()
        .attempt("a", 1, [Step::write("src/client.txt", &leaking)])
        .task(
            "a",
            [
                Step::ExpectPromptContains("src/client.txt:2".to_owned()),
                Step::ExpectPromptContains("Uncovered a GitHub Personal Access Token".to_owned()),
                Step::write("src/client.txt", mended),
            ],
        )
        // Works in a file that has had a secret for long.
        .task(
            "b",
            [Step::Append {
                path: "old.txt".to_owned(),
                text: "more\n".to_owned(),
            }],
        );
    let world = World::new(&script);
    world.repo.write("old.txt", format!("first\n{old}\n"));
    world.repo.commit("long ago");
    // On candidates as well as on the result, so that it lets the story land.
    let gate = gates::secrets().at([GateSchedule::AfterWave, GateSchedule::Final]);
    let aura = world.open([gate]).await;
    let story = story(&aura, &["a", "b"], quick()).await;
    let report = run(&aura, story).await;
    world.assert_script_held();
    assert_eq!(
        (report.outcome, report.starts, report.retries),
        (RunOutcome::ReadyToComplete, 3, 1)
    );
    let ejected = told_of(&aura, story, "a task.ejected").await;
    assert_eq!(ejected, ["a task.ejected gate"]);
    assert_eq!(told_of(&aura, story, "b task.ejected").await, [""; 0]);

    // Neither the events nor what the second try was told has it.
    let events = aura.events(story, 0).await.expect("events");
    assert!(
        events
            .iter()
            .any(|event| matches!(event.kind, EventKind::GateFinished { .. }))
    );
    let told = serde_json::to_string(&events).expect("events are data");
    let prompt = world.prompt("a", 2);
    for secret in [&new, &old] {
        assert!(!told.contains(&secret[4..]), "an event has a secret");
        assert!(!prompt.contains(&secret[4..]), "a prompt has a secret");
    }

    let landing = aura.complete(story, CompleteOptions::default().merge(true));
    let report = landing
        .await
        .expect("started")
        .wait()
        .await
        .expect("finished");
    assert_eq!(report.outcome, RunOutcome::Completed);
    assert_eq!(world.repo.show("main", "src/client.txt"), mended);
    let history = world.repo.git(["log", "-p", "main"]);
    assert!(!history.contains(&new[4..]), "the secret is in the history");
    assert!(history.contains(&old), "the test would not notice it");
}

/// Directories below the one that all working copies of the repository are in, with this name.
fn kept(world: &World, name: &str) -> usize {
    let beside = std::fs::read_dir(world.repo.surroundings()).expect("a directory");
    let roots = beside.map(|entry| entry.expect("an entry").path().join(name));
    let kept = roots.filter_map(|place| std::fs::read_dir(place).ok());
    kept.flatten().count()
}

/// A gate that reads commits costs no working copy of its own; one that looks at files gets one.
#[tokio::test(flavor = "multi_thread")]
async fn only_gates_that_look_at_files_get_a_checkout() {
    let own_work = |gate: ConfiguredGate| gate.at([GateSchedule::AfterTask]);
    for (looks, expected) in [(false, 0), (true, 1)] {
        let world = World::new(&Script::new().otherwise(writes_own_file()));
        let mut all = vec![gates::secrets(), gates::protected_paths()];
        if looks {
            all.push(own_work(world.gate("look", "test -f a.txt")));
        }
        let aura = world.open(all).await;
        let story = story(&aura, &["a"], quick()).await;
        let report = run(&aura, story).await;
        assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
        assert_eq!(kept(&world, ".gates"), expected);
    }
}
