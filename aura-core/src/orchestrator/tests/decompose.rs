//! From a sentence to a plan, with an agent inside of the process.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::kit::{Held, Plain, open, runtime};
use super::{git, repository};
use crate::Orchestrator;
use crate::agent::{AgentBackend, AgentContext, AgentFailure, AgentRequest, AgentResult};
use crate::error::{ErrorKind, Result};
use crate::model::{
    DecomposeOptions, EventKind, FailureClass, Limits, Patterns, Plan, RunOptions, StoryId,
    StorySpec, StoryStatus, StoryTask, Usage, Verb,
};
use crate::orchestrator::{DecomposeHooks, RunEvent};
use crate::store::{MemoryStore, StoryStore};

const GOOD: &str = "Sure:\n```json\n[{\"id\": 1, \"name\": \"A\", \"description\": \"do\"},\n {\"id\": 2, \"name\": \"B\", \"description\": \"do\", \"dependsOn\": [1]}]\n```";
const CYCLIC: &str = "[{\"id\": \"a\", \"title\": \"A\", \"dependsOn\": [\"a\"]}]";

/// Gives its answers one after the other, and notes what it was asked.
#[derive(Clone, Default)]
struct Answering {
    answers: Arc<Mutex<VecDeque<AgentResult>>>,
    asked: Arc<Mutex<Vec<AgentRequest>>>,
}

impl Answering {
    fn new(answers: impl IntoIterator<Item = AgentResult>) -> Self {
        let agent = Self::default();
        agent.answers.lock().expect("sound").extend(answers);
        agent
    }

    fn asked(&self) -> Vec<AgentRequest> {
        self.asked.lock().expect("sound").clone()
    }
}

#[async_trait]
impl AgentBackend for Answering {
    fn digest(&self) -> String {
        "answering".to_owned()
    }

    async fn run(&self, request: AgentRequest, context: AgentContext) -> Result<AgentResult> {
        assert!(request.workspace.join("shared.txt").is_file());
        assert!(
            !request.workspace.join("mess").exists(),
            "left by the round before"
        );
        std::fs::write(request.workspace.join("mess"), "edited").expect("written");
        git(&request.workspace, &["add", "--all"]);
        git(
            &request.workspace,
            &[
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b.c",
                "commit",
                "-qm",
                "mess",
            ],
        );
        std::fs::write(request.workspace.join("shared.txt"), "edited").expect("written");
        context.tell(crate::agent::AgentSignal::Text("thinking".to_owned()));
        self.asked.lock().expect("sound").push(request);
        Ok(self
            .answers
            .lock()
            .expect("sound")
            .pop_front()
            .expect("another answer"))
    }
}

fn says(output: &str) -> AgentResult {
    AgentResult {
        output: output.to_owned(),
        usage: Usage {
            input_tokens: 100,
            output_tokens: 10,
            cost_usd: 0.5,
        },
        ..AgentResult::default()
    }
}

fn fails(class: FailureClass) -> AgentResult {
    AgentResult {
        failure: Some(AgentFailure {
            class,
            summary: "it is so".to_owned(),
            until: None,
        }),
        ..AgentResult::default()
    }
}

struct World {
    _directory: tempfile::TempDir,
    path: std::path::PathBuf,
    aura: Orchestrator,
    story: StoryId,
}

async fn world(agent: impl AgentBackend + 'static) -> World {
    let (directory, path) = repository();
    let store: Arc<dyn StoryStore> = Arc::new(MemoryStore::new());
    let aura = open(&path, &store, agent, []).await;
    let mut spec = StorySpec::new("Add validation");
    spec.description = "Of addresses.".to_owned();
    let story = aura.create_story(spec).await.expect("created");
    World {
        _directory: directory,
        path,
        aura,
        story,
    }
}

impl World {
    async fn kinds(&self) -> Vec<String> {
        let events = self.aura.events(self.story, 0).await.expect("events");
        events.iter().map(|event| event.kind.name()).collect()
    }

    async fn status(&self) -> StoryStatus {
        self.aura.status(self.story).await.expect("status").status
    }

    /// Nothing is left of the working copy, in any form.
    fn assert_clean(&self) {
        let worktrees = git(&self.path, &["worktree", "list"]);
        assert!(!worktrees.contains("decompose"), "{worktrees}");
        let home = self.path.join(".git/aura");
        let refs = git(
            &self.path,
            &["--git-dir", &repository_of(&home), "for-each-ref"],
        );
        assert!(!refs.contains("salvage"), "{refs}");
        assert_eq!(git(&self.path, &["status", "--porcelain"]), "");
    }
}

fn repository_of(home: &std::path::Path) -> String {
    let entries = std::fs::read_dir(home).expect("a directory");
    let is_bare = |path: &std::path::PathBuf| path.join("HEAD").is_file();
    let found = entries.flatten().map(|entry| entry.path()).find(is_bare);
    found.expect("Aura's repository").display().to_string()
}

#[tokio::test]
async fn a_sound_answer_becomes_the_storys_plan() {
    let agent = Answering::new([says(GOOD)]);
    let world = world(agent.clone()).await;
    let (sender, mut watched) = tokio::sync::mpsc::channel(64);
    let hooks = DecomposeHooks::default().events(sender).adjust(|plan| {
        plan.tasks[0].agent = Some("other".to_owned());
        Ok(())
    });
    let options = DecomposeOptions::default().max_parallelism(7).max_tasks(9);
    let plan = world
        .aura
        .decompose_with(world.story, options, hooks)
        .await
        .expect("a plan");

    let mut expected = Plan::new(
        "Add validation",
        [
            StoryTask::new("1", "A").description("do"),
            StoryTask::new("2", "B").description("do").depends_on(["1"]),
        ],
    )
    .expect("a plan");
    expected.tasks[0].agent = Some("other".to_owned());
    expected.description = "Of addresses.".to_owned();
    expected.source = Some("a model's answer".to_owned());
    assert_eq!(plan, expected);
    assert_eq!(world.aura.plan(world.story).await.expect("kept"), expected);
    let kinds = [
        "story.created",
        "story.analyzed",
        "decompose.started",
        "decompose.finished",
        "plan.accepted",
    ];
    assert_eq!(world.kinds().await, kinds);
    let status = world.aura.status(world.story).await.expect("status");
    assert_eq!(status.status, StoryStatus::Planned);
    assert_eq!(status.usage, says("").usage);

    let [request] = &agent.asked()[..] else {
        panic!("asked once");
    };
    assert!(request.read_only);
    for part in [
        "**Add validation**",
        "Of addresses.",
        "up to 7 side by",
        "At most 9 tasks",
        "Include the tests",
    ] {
        assert!(request.prompt.contains(part), "{part}: {}", request.prompt);
    }
    assert!(!request.prompt.contains("Correction"));
    let mut told = Vec::new();
    while let Ok(event) = watched.try_recv() {
        told.push(match event {
            RunEvent::Durable(event) => event.kind.name(),
            RunEvent::Progress(progress) => format!("{progress:?}"),
        });
    }
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(
        told.iter().any(|line| line.contains("thinking")),
        "{told:?}"
    );
    world.assert_clean();

    // Nobody has begun: it may be cut anew.
    let again = Answering::new([says(&GOOD.replace("name\": \"B", "name\": \"C"))]);
    *agent.answers.lock().expect("sound") = again.answers.lock().expect("sound").clone();
    let options = DecomposeOptions::default().include_tests(false);
    let plan = world
        .aura
        .decompose(world.story, options)
        .await
        .expect("a plan");
    assert_eq!(plan.tasks[1].title, "C");
    assert!(agent.asked()[1].prompt.contains("Plan no tasks for tests."));
    assert_eq!(world.aura.plan(world.story).await.expect("kept"), plan);
}

#[tokio::test]
async fn files_that_the_story_may_be_about_are_told() {
    let agent = Answering::new([says(GOOD)]);
    let world = world(agent.clone()).await;
    std::fs::write(
        world.path.join("address.py"),
        "def validate_address(text):\n    pass\n",
    )
    .expect("written");
    git(&world.path, &["add", "."]);
    git(&world.path, &["commit", "--quiet", "-m", "more"]);
    let story = StorySpec::new("Let validate_address see empty texts");
    let story = world.aura.create_story(story).await.expect("created");
    world
        .aura
        .decompose(story, DecomposeOptions::default())
        .await
        .expect("a plan");
    let prompt = agent.asked()[0].prompt.clone();
    assert!(
        prompt.contains("- address.py (") && prompt.contains("def validate_address"),
        "{prompt}"
    );
}

#[tokio::test]
async fn a_bad_answer_is_asked_again_with_what_is_wrong() {
    for session in [None, Some("s-1".to_owned())] {
        let bad = AgentResult {
            session: session.clone(),
            ..says(CYCLIC)
        };
        let agent = Answering::new([bad, says(GOOD)]);
        let world = world(agent.clone()).await;
        let options = DecomposeOptions::default();
        let plan = world
            .aura
            .decompose(world.story, options)
            .await
            .expect("a plan");
        assert_eq!(plan.tasks.len(), 2);
        let asked = agent.asked();
        assert_eq!(asked.len(), 2);
        assert_eq!(asked[1].session, session);
        assert_ne!(asked[0].marker, asked[1].marker);
        let prompt = &asked[1].prompt;
        assert!(prompt.contains("request number 2"), "{prompt}");
        assert!(
            prompt.contains("depends on itself") || prompt.contains("`a`"),
            "{prompt}"
        );
        // Whoever remembers its answer need not be shown it.
        assert_eq!(prompt.contains(CYCLIC), session.is_none(), "{prompt}");
        let events = world.aura.events(world.story, 0).await.expect("events");
        let problems: Vec<usize> = events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::DecomposeFinished { problems, .. } => Some(problems.len()),
                _ => None,
            })
            .collect();
        assert_eq!(problems, [1, 0]);
        let usage = world.aura.status(world.story).await.expect("status").usage;
        assert_eq!(usage.input_tokens, 200);
        world.assert_clean();
    }
}

#[tokio::test]
async fn after_three_bad_answers_the_last_ones_problems_are_the_error() {
    let agent = Answering::new([says(CYCLIC), says("no"), says("I would rather not.")]);
    let world = world(agent.clone()).await;
    let error = world
        .aura
        .decompose(world.story, DecomposeOptions::default())
        .await
        .expect_err("no plan");
    assert_eq!(error.kind(), ErrorKind::InvalidPlan);
    assert_eq!(error.problems().len(), 1);
    assert_eq!(error.problems()[0].code, "no_plan");
    assert!(error.to_string().contains("I would rather not."), "{error}");
    let help = error.help().expect("help");
    let file = help.rsplit_once(" in ").expect("a file").1;
    assert_eq!(
        std::fs::read_to_string(file).expect("kept"),
        "I would rather not."
    );
    assert_eq!(agent.asked().len(), 3);
    assert_eq!(world.status().await, StoryStatus::Created);
    let refused = world.aura.run(world.story, RunOptions::default()).await;
    assert_eq!(refused.err().expect("no plan").kind(), ErrorKind::Refused);
    world.assert_clean();
}

#[tokio::test]
async fn an_agent_that_fails_is_asked_again_only_where_that_can_help() {
    for (class, rounds, kind) in [
        (FailureClass::Exit, 2, None),
        (FailureClass::Timeout, 2, None),
        (FailureClass::Quota, 1, Some(ErrorKind::Process)),
        (FailureClass::Auth, 1, Some(ErrorKind::Process)),
        (FailureClass::Cancelled, 1, Some(ErrorKind::Cancelled)),
    ] {
        let agent = Answering::new([fails(class), says(GOOD)]);
        let world = world(agent.clone()).await;
        let found = world
            .aura
            .decompose(world.story, DecomposeOptions::default())
            .await;
        assert_eq!(
            found.as_ref().err().map(crate::Error::kind),
            kind,
            "{class:?}"
        );
        if let Err(error) = found {
            assert!(error.to_string().contains("it is so"), "{error}");
            assert_eq!(world.status().await, StoryStatus::Created);
        }
        assert_eq!(agent.asked().len(), rounds, "{class:?}");
        world.assert_clean();
    }
}

#[tokio::test]
async fn whoever_does_not_wait_any_more_stops_the_agent() {
    let working = Arc::new(Semaphore::new(0));
    let world = world(Held(Arc::clone(&working))).await;
    let asking = world
        .aura
        .decompose(world.story, DecomposeOptions::default());
    tokio::select! {
        found = asking => panic!("{found:?}"),
        permit = working.acquire() => permit.expect("open").forget(),
    }
    // The story gets free when the agent has stopped and everything is recorded.
    while world
        .aura
        .store
        .owner(world.story)
        .await
        .expect("read")
        .is_some()
    {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        world.kinds().await,
        [
            "story.created",
            "story.analyzed",
            "decompose.started",
            "decompose.finished"
        ]
    );
    assert_eq!(world.status().await, StoryStatus::Created);
    world.assert_clean();
}

#[test]
fn what_a_process_that_died_left_behind_is_cleared_by_the_next() {
    let (directory, path) = repository();
    let store: Arc<dyn StoryStore> = Arc::new(MemoryStore::new());
    let working = Arc::new(Semaphore::new(0));
    let first = runtime();
    let story = first.block_on(async {
        let aura = open(&path, &store, Held(Arc::clone(&working)), []).await;
        let story = aura
            .create_story(StorySpec::new("t"))
            .await
            .expect("created");
        let asking = aura.clone();
        tokio::spawn(async move { asking.decompose(story, DecomposeOptions::default()).await });
        working.acquire().await.expect("open").forget();
        let status = aura.status(story).await.expect("status").status;
        assert_eq!(status, StoryStatus::Decomposing);
        story
    });
    // The end of the process, as far as the story can tell.
    drop(first);
    runtime().block_on(async {
        let aura = open(&path, &store, Answering::new([says(GOOD)]), []).await;
        let world = World {
            _directory: directory,
            path: path.clone(),
            aura,
            story,
        };
        assert_eq!(world.status().await, StoryStatus::Created);
        let options = DecomposeOptions::default();
        world.aura.decompose(story, options).await.expect("a plan");
        assert_eq!(world.status().await, StoryStatus::Planned);
        world.assert_clean();
    });
}

#[tokio::test]
async fn a_cancel_from_elsewhere_ends_it_and_the_story() {
    let working = Arc::new(Semaphore::new(0));
    let world = world(Held(Arc::clone(&working))).await;
    let (asking, story) = (world.aura.clone(), world.story);
    let asked =
        tokio::spawn(async move { asking.decompose(story, DecomposeOptions::default()).await });
    working.acquire().await.expect("open").forget();
    // As any process that has the same store.
    let answered = world.aura.command(story, Verb::Cancel, "somebody").await;
    answered.expect("accepted");
    let error = asked.await.expect("no panic").expect_err("cancelled");
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    assert_eq!(world.status().await, StoryStatus::Cancelled);
    let kinds = world.kinds().await;
    let end: Vec<&str> = kinds.iter().rev().take(2).map(String::as_str).collect();
    assert_eq!(end, ["command.accepted", "decompose.finished"]);
    world.assert_clean();
}

/// Asks for a cancel at the last moment: when the plan is about to be accepted.
#[tokio::test]
async fn a_cancel_that_comes_with_the_plan_is_heard() {
    let world = world(Answering::new([says(GOOD)])).await;
    let (aura, story) = (world.aura.clone(), world.story);
    let hooks = DecomposeHooks::default().adjust(move |_| {
        let sent = aura.store.send(story, Verb::Cancel, "somebody");
        wait_here(sent).expect("sent");
        Ok(())
    });
    let options = DecomposeOptions::default();
    let error = world.aura.decompose_with(story, options, hooks).await;
    assert_eq!(error.expect_err("cancelled").kind(), ErrorKind::Cancelled);
    assert_eq!(world.status().await, StoryStatus::Cancelled);
}

/// Waits for something that needs nobody else.
fn wait_here<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

#[tokio::test]
async fn other_requests_wait_for_its_end_and_are_answered_then() {
    let working = Arc::new(Semaphore::new(0));
    let world = world(Held(Arc::clone(&working))).await;
    let (asking, story) = (world.aura.clone(), world.story);
    let (sender, mut told) = tokio::sync::mpsc::channel(64);
    let asked = tokio::spawn(async move {
        let hooks = DecomposeHooks::default().events(sender);
        let options = DecomposeOptions::default();
        asking.decompose_with(story, options, hooks).await
    });
    working.acquire().await.expect("open").forget();
    let aura = world.aura.clone();
    let pause = tokio::spawn(async move { aura.command(story, Verb::Pause, "somebody").await });
    asked.abort();
    // The channel is closed when the decomposition has ended.
    while told.recv().await.is_some() {}
    let refused = pause
        .await
        .expect("no panic")
        .expect_err("nothing to pause");
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    assert_eq!(world.status().await, StoryStatus::Created);
}

#[tokio::test]
async fn a_question_that_a_limit_forbids_is_not_asked() {
    // Each answer is 110 tokens and half a dollar.
    let limits = Limits::default;
    for (limits, asked, words) in [
        (limits().attempts(1), 1, "1 of 1 questions are asked"),
        (limits().attempts(2), 2, "2 of 2 questions are asked"),
        (limits().tokens(111), 2, "has used 220 of 111 tokens"),
        (limits().tokens(110), 1, "has used 110 of 110 tokens"),
        (limits().cost_usd(0.75), 2, "has cost 1.00 of 0.75 dollars"),
        (limits().attempts(9), 3, ""),
    ] {
        let agent = Answering::new([says(CYCLIC), says("no plan"), says(CYCLIC)]);
        let world = world(agent.clone()).await;
        let options = DecomposeOptions::default().limits(limits);
        let error = world.aura.decompose(world.story, options.clone()).await;
        let error = error.expect_err("no plan");
        assert_eq!(error.kind(), ErrorKind::InvalidPlan, "{error}");
        let help = error.help().expect("what to do");
        assert!(help.contains(words), "{help}");
        assert_eq!(
            help.contains("raise the limit"),
            !words.is_empty(),
            "{help}"
        );
        assert_eq!(agent.asked().len(), asked, "{limits:?}");
        if limits.attempts.is_none() {
            let again = world.aura.decompose(world.story, options).await;
            let again = again.expect_err("used up");
            assert_eq!(again.kind(), ErrorKind::Refused, "{again}");
            assert_eq!(agent.asked().len(), asked, "{limits:?}");
        }
    }
    let agent = Answering::new([fails(FailureClass::Exit)]);
    let world = world(agent.clone()).await;
    let options = DecomposeOptions::default().limits(limits().attempts(1));
    let error = world.aura.decompose(world.story, options).await;
    let error = error.expect_err("no answer");
    assert_eq!(error.kind(), ErrorKind::Process, "{error}");
    let help = error.help().expect("what to do");
    assert!(help.contains("1 of 1 questions are asked"), "{help}");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_before_anybody_is_asked() {
    let agent = Answering::default();
    let world = world(agent.clone()).await;
    let ask = |options| world.aura.decompose(world.story, options);
    let options = DecomposeOptions::default;
    for (options, kind) in [
        (options().agent("nobody"), ErrorKind::BackendMissing),
        (options().max_tasks(0), ErrorKind::InvalidInput),
        (options().max_tasks(10_001), ErrorKind::InvalidInput),
        (options().max_parallelism(0), ErrorKind::InvalidInput),
        (
            options().limits(Limits::default().tokens(0)),
            ErrorKind::InvalidInput,
        ),
    ] {
        assert_eq!(ask(options).await.expect_err("refused").kind(), kind);
    }
    assert_eq!(world.kinds().await, ["story.created"]);
    assert!(agent.asked().is_empty());
}

#[tokio::test]
async fn a_story_that_was_run_keeps_its_plan() {
    let (_directory, path) = repository();
    let store: Arc<dyn StoryStore> = Arc::new(MemoryStore::new());
    let aura = open(&path, &store, Plain, []).await;
    let plan = Plan::new("t", [StoryTask::new("a", "a")]).expect("a plan");
    let story = aura
        .create_story(StorySpec::from_plan(plan))
        .await
        .expect("created");
    let run = aura
        .run(story, RunOptions::default())
        .await
        .expect("started");
    let busy = aura.decompose(story, DecomposeOptions::default()).await;
    assert_eq!(busy.expect_err("busy").kind(), ErrorKind::StoryBusy);
    run.wait().await.expect("a report");
    let refused = aura.decompose(story, DecomposeOptions::default()).await;
    assert_eq!(refused.expect_err("refused").kind(), ErrorKind::Refused);
}

#[tokio::test]
async fn patterns_are_offered_and_put_into_the_prompts_of_their_tasks() {
    let (_directory, path) = repository();
    let store: Arc<dyn StoryStore> = Arc::new(MemoryStore::new());
    let unknown =
        "[{\"id\": \"a\", \"title\": \"A\", \"description\": \"do\", \"pattern\": \"endpiont\"}]";
    let known = unknown.replace("endpiont", "endpoint");
    let agent = Answering::new([says(unknown), says(&known), says("done")]);
    let patterns = Patterns::new([("endpoint", "# Endpoints\n\nOne file {{each}}.\n")]);
    let aura = Orchestrator::builder(&path)
        .agent("default", agent.clone())
        .patterns(patterns.expect("patterns"))
        .store(store)
        .open()
        .await
        .expect("opened");
    let mut task = StoryTask::new("a", "A");
    task.pattern = Some("nothing".to_owned());
    let plan = Plan::new("t", [task]).expect("a plan");
    let error = aura
        .create_story(StorySpec::from_plan(plan))
        .await
        .expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidPlan);
    assert_eq!(error.problems()[0].code, "unknown_pattern");
    assert_eq!(
        error.problems()[0].help.as_deref(),
        Some("known are endpoint")
    );

    let story = aura
        .create_story(StorySpec::new("t"))
        .await
        .expect("created");
    let plan = aura
        .decompose(story, DecomposeOptions::default())
        .await
        .expect("a plan");
    assert_eq!(plan.tasks[0].pattern.as_deref(), Some("endpoint"));
    aura.run(story, RunOptions::default())
        .await
        .expect("started")
        .wait()
        .await
        .expect("a report");
    let asked = agent.asked();
    assert!(
        asked[0].prompt.contains("- `endpoint`: Endpoints"),
        "{}",
        asked[0].prompt
    );
    assert!(
        asked[1].prompt.contains("did you mean `endpoint`?"),
        "{}",
        asked[1].prompt
    );
    assert!(
        asked[2].prompt.contains("One file {{each}}."),
        "{}",
        asked[2].prompt
    );
    assert!(!asked[2].read_only);
}
