//! Several stories on one repository, people who look while others work, and repositories that are out of the ordinary.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use aura_core::{
    CompleteOptions, ErrorKind, Orchestrator, RunOptions, RunOutcome, StoryId, StorySpec, Verb,
};
use aura_tests::{Script, Starting, Step};

use crate::kit::{World, plan, quick, run, story, told_of, writes_own_file};

/// Longer than anything here takes; only something that waits for ever takes so long.
const PATIENCE: Duration = Duration::from_secs(120);

fn merge() -> CompleteOptions {
    CompleteOptions::default().merge(true)
}

async fn land(aura: Orchestrator, story: StoryId) -> RunOutcome {
    let landing = aura.complete(story, merge()).await.expect("started");
    landing.wait().await.expect("finished").outcome
}

/// Each has its own handle, as eight processes would. Whoever finds the target moving again and again parks, and is asked again.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn eight_landings_at_once_leave_every_file_and_a_clean_checkout() {
    let steps = [Step::write("{marker}.txt", "mine\n")];
    let world = World::new(&Script::new().otherwise(steps));
    let mut open = Vec::new();
    for _ in 0..8 {
        let aura = world.open([world.gate("check", "exit 0")]).await;
        let id = story(&aura, &["a"], quick()).await;
        assert_eq!(run(&aura, id).await.outcome, RunOutcome::ReadyToComplete);
        open.push((aura, id));
    }
    while !open.is_empty() {
        let landings = open
            .iter()
            .map(|(aura, id)| tokio::spawn(land(aura.clone(), *id)));
        let landings: Vec<_> = landings.collect();
        let mut left = Vec::new();
        for (landing, story) in landings.into_iter().zip(open) {
            match landing.await.expect("no panic") {
                RunOutcome::Completed => {}
                outcome => {
                    assert_eq!(outcome, RunOutcome::ReadyToComplete);
                    left.push(story);
                }
            }
        }
        assert_eq!(world.repo.git(["status", "--porcelain"]), "");
        open = left;
    }
    let log = world.repo.git(["log", "--format=%s", "main"]);
    let landed = log.lines().filter(|line| *line == "Do a").count();
    assert_eq!(landed, 8, "{log}");
    assert_eq!(world.repo.git(["ls-files", "*.txt"]).lines().count(), 9);
}

/// A filter that holds up the first checkout after it was armed, until it is let go.
struct Held {
    begun: PathBuf,
    go: PathBuf,
    armed: PathBuf,
}

impl Held {
    fn new(world: &World) -> Self {
        let place = |name: &str| world.agent.dir().join(name);
        let held = Self {
            begun: place("begun"),
            go: place("go"),
            armed: place("armed"),
        };
        for pipe in [&held.begun, &held.go] {
            let made = Command::new("mkfifo").arg(pipe).status();
            assert!(made.expect("mkfifo").success());
        }
        let script = place("smudge.sh");
        let text = format!(
            "if [ -e '{armed}' ]; then rm '{armed}'; echo yes > '{begun}'; read answer < '{go}'; fi\ncat\n",
            armed = held.armed.display(),
            begun = held.begun.display(),
            go = held.go.display()
        );
        fs::write(&script, text).expect("written");
        let smudge = format!("sh '{}'", script.display());
        world.repo.git(["config", "filter.held.smudge", &smudge]);
        world
            .repo
            .write(".gitattributes", "README.md filter=held\n");
        world.repo.commit("filter");
        held
    }

    fn arm(&self) {
        fs::write(&self.armed, "").expect("written");
    }

    /// Returns when a checkout waits.
    async fn wait(&self) {
        let begun = self.begun.clone();
        let said = tokio::task::spawn_blocking(move || {
            let mut said = String::new();
            File::open(begun)
                .expect("a pipe")
                .read_to_string(&mut said)
                .expect("text");
            said
        });
        assert_eq!(said.await.expect("no panic"), "yes\n");
    }

    fn release(&self) {
        writeln!(File::create(&self.go).expect("a pipe"), "go").expect("written");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_cancelling_and_creating_do_not_wait_for_a_workspace() {
    let world = World::new(&Script::new().otherwise(writes_own_file()));
    let held = Held::new(&world);
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let id = story(&aura, &["a"], quick()).await;
    held.arm();
    let handle = aura.run(id, RunOptions::default()).await.expect("started");
    held.wait().await;
    let looked = async {
        let other = Orchestrator::builder(world.repo.path()).open().await?;
        let view = other.status(id).await?;
        other.command(id, Verb::Cancel, "someone").await?;
        let spec = StorySpec::from_plan(plan(&["b"]));
        other.create_story(spec).await?;
        Ok((other.stories().await?.len(), view.interrupted))
    };
    let looked: Result<aura_core::Result<_>, _> = tokio::time::timeout(PATIENCE, looked).await;
    // Whatever came of it, nobody is left waiting.
    held.release();
    let outcome = handle.wait().await.expect("finished").outcome;
    assert_eq!(
        looked.expect("an answer in time").expect("an answer"),
        (2, false)
    );
    assert_eq!(outcome, RunOutcome::Cancelled);
    assert_eq!(world.agent.starts_of("a"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_without_its_history_lands() {
    let world = World::starting(
        Starting::Shallow,
        &Script::new().otherwise(writes_own_file()),
    );
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let id = story(&aura, &["a", "b: a"], quick()).await;
    run(&aura, id).await;
    assert_eq!(land(aura, id).await, RunOutcome::Completed);
    assert_eq!(world.repo.read("b.txt"), "b\n");
    assert_eq!(world.repo.git(["status", "--porcelain"]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_called_story_is_named_before_anything_is_created() {
    let world = World::new(&Script::new());
    world.repo.git(["branch", "story"]);
    let aura = world.open([]).await;
    let before = world.repo.snapshot();
    let spec = StorySpec::from_plan(plan(&["a"]));
    let error = aura.create_story(spec).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::UnsupportedRepository);
    assert!(
        error
            .help()
            .is_some_and(|help| help.contains("git branch -m story"))
    );
    assert!(aura.stories().await.expect("a list").is_empty());
    before.assert_unchanged(&world.repo.snapshot());
}

#[tokio::test(flavor = "multi_thread")]
async fn submodules_are_named_at_the_start_of_a_run() {
    let script = Script::new().otherwise(writes_own_file());
    let world = World::starting(Starting::Submodule, &script);
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let id = story(&aura, &["a"], quick()).await;
    let report = run(&aura, id).await;
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
    let [warning] = report.warnings.as_slice() else {
        panic!("{:?}", report.warnings);
    };
    let paths = world
        .repo
        .git(["config", "--file", ".gitmodules", "--get-regexp", "path"]);
    let path = paths.split_whitespace().last().expect("a submodule");
    assert!(
        warning.contains("submodules") && warning.ends_with(path),
        "{warning}"
    );
    assert_eq!(told_of(&aura, id, "warning").await.len(), 1);
}
