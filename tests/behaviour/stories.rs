//! A folder of story files, from the files to the branch.

use aura_core::{
    CompleteOptions, ErrorKind, OnExhausted, Orchestrator, OutOfScope, Plan, Policy, RunOptions,
    RunOutcome, Scope, StorySpec, agents, gates,
};
use aura_tests::{Script, Step};

use crate::kit::{World, ids, quick, run, told, writes_own_file};

const STORIES: [(&str, &str); 4] = [
    ("0.1.setup.md", "# Story 0.1: Setup\n\n## Status\n\nDone\n"),
    (
        "1.1.accounts.md",
        "# Story 1.1: Accounts\n\n## Status\n\nApproved\n\n## Dependencies\n\n- Story 0.1 (Setup) - Must be in \"Done\" status\n\n\
         ## Acceptance Criteria\n\n1. There are accounts.\n\n## QA Results\n\nOld news.\n",
    ),
    (
        "1.2-login.md",
        "# Story 1.2: Login\n\n**Status**: Draft\n**Dependencies**: 0.1, 1.1\n\n## Story\n\nAs a user I log in.\n",
    ),
    (
        "1.10.export.md",
        "# Story 1.10: Export\n\n**Status**: Draft\n**Dependencies**: None\n",
    ),
];

/// A repository with the stories, and agents who expect what their stories depend on.
fn world() -> World {
    let file = |path: &str| Step::ExpectFile {
        path: path.to_owned(),
        text: "1.1\n".to_owned(),
    };
    let script = Script::new()
        .task("1.2", [file("1.1.txt"), Step::write("1.2.txt", "1.2\n")])
        .otherwise(writes_own_file());
    let world = World::new(&script);
    let folder = world.repo.path().join("docs/stories");
    std::fs::create_dir_all(&folder).expect("made");
    for (name, text) in STORIES {
        std::fs::write(folder.join(name), text).expect("written");
    }
    world.repo.git(["add", "docs"]);
    world.repo.git(["commit", "--quiet", "-m", "Stories"]);
    world
}

fn load(world: &World, scope: &Scope) -> Plan {
    Plan::load_scoped(world.repo.path().join("docs/stories"), scope).expect("a plan")
}

/// With a reviewer who always says the same.
async fn reviewed(world: &World, word: &str) -> Orchestrator {
    let body = format!(
        "NONCE=$(tee -a \"$STATE/asked\" | sed -n 's/^{{\"review\": \"\\([^\"]*\\)\".*/\\1/p' | tail -n 1)\n\
         printf '{{\"review\": \"%s\", \"verdict\": \"{word}\", \"findings\": [{{\"message\": \"so it is\"}}]}}\\n' \"$NONCE\""
    );
    let program = world.program("reviewer", &body).display().to_string();
    let review = gates::review(std::sync::Arc::new(agents::command([program])));
    world
        .open([review.expect("a template"), world.gate("check", "exit 0")])
        .await
}

fn policy() -> Policy {
    Policy {
        retry_max: 0,
        on_exhausted: OnExhausted::IsolateAndContinue,
        ..quick()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stories_become_merged_work() {
    let world = world();
    let aura = reviewed(&world, "Approved with Comments").await;
    let plan = load(&world, &Scope::default());
    assert_eq!(plan.waves.len(), 2);
    let story = aura
        .create_story(StorySpec::from_plan(plan).policy(policy()))
        .await
        .expect("created");
    let report = run(&aura, story).await;
    world.assert_script_held();
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
    assert_eq!(world.runs_of("reviewer"), 3, "one review for each story");
    let landing = CompleteOptions::default().merge(true);
    let landed = aura.complete(story, landing).await.expect("started");
    let report = landed.wait().await.expect("finished");
    assert_eq!(
        (report.outcome, ids(&report.accepted)),
        (
            RunOutcome::Completed,
            ["1.1", "1.2", "1.10"].map(str::to_owned).to_vec()
        )
    );
    for id in ["1.1", "1.2", "1.10"] {
        let text = world.repo.git(["show", &format!("main:{id}.txt")]);
        assert_eq!(text.trim(), id);
    }
    // The agent is told the story and where it stands; neither it nor Aura wrote there.
    let prompt = world.prompt("1.1", 1);
    for text in ["`docs/stories/1.1.accounts.md`", "- There are accounts."] {
        assert!(prompt.contains(text), "{text}: {prompt}");
    }
    assert!(!prompt.contains("Old news."), "{prompt}");
    let asked = std::fs::read_to_string(world.agent.dir().join("asked")).expect("prompts");
    assert!(asked.contains("- There are accounts."), "{asked}");
    for (name, text) in STORIES {
        let path = world.repo.path().join("docs/stories").join(name);
        assert_eq!(std::fs::read_to_string(path).expect("a story"), text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_reviewer_stories_are_not_begun() {
    let world = world();
    let aura = world.open([world.gate("check", "exit 0")]).await;
    let spec = StorySpec::from_plan(load(&world, &Scope::default())).policy(policy());
    let story = aura.create_story(spec).await.expect("created");
    let refused = aura.run(story, RunOptions::default()).await.err();
    let refused = refused.expect("refused");
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert_eq!(
        refused.to_string(),
        "the plan requires a review, and no required gate reviews"
    );
    assert_eq!(world.starts(), []);
    assert_eq!(world.runs_of("check"), 0);
    let lines = told(&aura, story).await;
    assert!(
        !lines.iter().any(|line| line.starts_with("run.")),
        "{lines:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_lands_that_a_reviewer_rejects() {
    let world = world();
    let head = world.repo.git(["rev-parse", "main"]);
    let aura = reviewed(&world, "Rejected").await;
    let scope = Scope::new(["1.2", "1.10"]).out_of_scope(OutOfScope::Expand);
    let spec = StorySpec::from_plan(load(&world, &scope)).policy(policy());
    let story = aura.create_story(spec).await.expect("created");
    let report = run(&aura, story).await;
    assert_eq!(
        (report.outcome, ids(&report.accepted)),
        (RunOutcome::Failed, vec![])
    );
    // The failure of one does not keep the other from its try, but whoever waits for it.
    assert_eq!(
        world.starts(),
        [("1.1".to_owned(), 1), ("1.10".to_owned(), 1)]
    );
    let landing = CompleteOptions::default().merge(true);
    let landing = aura.complete(story, landing).await.expect("started");
    let report = landing.wait().await.expect("finished");
    assert_eq!(report.outcome, RunOutcome::Paused);
    assert_eq!(world.repo.git(["rev-parse", "main"]), head);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_depends_on_what_is_left_out_is_left_out() {
    let world = world();
    let aura = reviewed(&world, "Approved with Comments").await;
    let scope = Scope::new(["1.2", "1.10"]).out_of_scope(OutOfScope::Skip);
    let spec = StorySpec::from_plan(load(&world, &scope)).policy(policy());
    let story = aura.create_story(spec).await.expect("created");
    let report = run(&aura, story).await;
    assert_eq!(
        (report.outcome, ids(&report.accepted)),
        (RunOutcome::ReadyToComplete, vec!["1.10".to_owned()])
    );
}
