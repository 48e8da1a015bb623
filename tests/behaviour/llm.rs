//! Language models that are asked over HTTP, each protocol spoken by the scripted one.

mod command;
mod limits;
mod stage;

use std::sync::Arc;

use aura_core::{
    AgentBackend as _, EventKind, GateVerdict, RunOptions, RunOutcome, StorySpec, agents, gates,
};
use aura_tests::Script;

use self::stage::{PROTOCOLS, Stage};
use crate::kit::{World, ids, plan_of, quick, run, task, writes_own_file};

/// The first answer has a cycle; it is sent back with the problem and with what was found in the repository.
#[tokio::test(flavor = "multi_thread")]
async fn a_sentence_becomes_a_plan_in_every_protocol() {
    for protocol in PROTOCOLS {
        let stage = Stage::new();
        let scenario = "badplan+bare";
        let asked = stage.decompose(&protocol, scenario, quick()).await;
        let plan = asked.plan.expect("a plan");
        assert_eq!(ids(plan.tasks.iter().map(|task| &task.id)), ["1", "2", "3"]);
        let received = stage.model.received_for(scenario);
        assert_eq!(received.len(), 2, "{protocol:?}");
        for one in &received {
            assert_eq!(one.protocol, protocol.name);
            assert_eq!(one.model.as_deref(), Some("scripted"));
            assert!(one.tools.is_empty());
            // The address needs none, so none of the environment's goes there.
            assert!(
                one.key.as_deref().is_none_or(|key| key == "none"),
                "{one:?}"
            );
            let [prompt] = &one.prompts[..] else {
                panic!("one prompt: {:?}", one.prompts);
            };
            // What was found for those who cannot look themselves.
            for part in ["**Add email validation**", "signup.py", "def signup(email)"] {
                assert!(prompt.contains(part), "{part}: {prompt}");
            }
        }
        assert!(received[1].prompts[0].contains("## Correction"));
        assert_eq!(asked.ends.len(), 2);
        let problems = match &asked.ends[0] {
            EventKind::DecomposeFinished { problems, .. } => problems,
            other => panic!("{other:?}"),
        };
        assert_eq!(problems[0].code, "cycle");
        let status = asked.aura.status(asked.story).await.expect("status");
        assert_eq!(status.usage.input_tokens, 2000, "{protocol:?}");
        assert_eq!(status.usage.output_tokens, 100, "{protocol:?}");
    }
}

/// A model that takes no temperature gets none.
#[tokio::test(flavor = "multi_thread")]
async fn a_temperature_that_is_refused_is_left_out() {
    for protocol in PROTOCOLS {
        let stage = Stage::new();
        let asked = stage.decompose(&protocol, "notemp+bare", quick()).await;
        asked.plan.expect("a plan");
        assert_eq!(stage.model.received_for("notemp+bare").len(), 2);
        assert_eq!(asked.ends.len(), 1, "{protocol:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_reviews_what_a_task_changed() {
    for (protocol, (scenario, outcome)) in PROTOCOLS.iter().zip(
        [
            ("ok", RunOutcome::ReadyToComplete),
            ("reject", RunOutcome::Failed),
        ]
        .into_iter()
        .cycle(),
    ) {
        let stage = Stage::new();
        let world = World::new(&Script::new().otherwise(writes_own_file()));
        let reviewer = Arc::new(stage.agent(protocol, scenario));
        let review = gates::review(reviewer).expect("a gate");
        let aura = world.open([review]).await;
        let mut policy = quick();
        policy.retry_max = 0;
        policy.on_exhausted = aura_core::OnExhausted::AbortStory;
        let spec = StorySpec::from_plan(plan_of(vec![task("a")])).policy(policy);
        let story = aura.create_story(spec).await.expect("created");
        let report = run(&aura, story).await;
        assert_eq!(report.outcome, outcome, "{protocol:?} {report:?}");
        let [asked] = &stage.model.received_for(scenario)[..] else {
            panic!("asked once");
        };
        assert!(asked.prompts[0].contains("=== a.txt (added"), "{asked:?}");
        let events = aura.events(story, 0).await.expect("events");
        let verdict = events.iter().find_map(|event| match &event.kind {
            EventKind::GateFinished { verdict, .. } => Some(verdict),
            _ => None,
        });
        let verdict = verdict.expect("a verdict");
        match scenario {
            "ok" => assert_eq!(*verdict, GateVerdict::Passed),
            _ => assert!(
                matches!(verdict, GateVerdict::Failed { findings } if findings[0].message == "Rejected: Not like this."),
                "{verdict:?}"
            ),
        }
        assert_eq!(report.usage.input_tokens, 1000, "{protocol:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_with_a_task_for_a_model_is_refused_whole() {
    let world = World::new(&Script::new().otherwise(writes_own_file()));
    let builder = world.builder();
    let planner = agents::llm("ollama::scripted").endpoint("http://127.0.0.1:9");
    assert!(planner.preflight().await.is_ok());
    let aura = builder.agent("planner", planner).open().await;
    let aura = aura.expect("it opens");
    let mut second = task("b");
    second.agent = Some("planner".to_owned());
    let spec = StorySpec::from_plan(plan_of(vec![task("a"), second]));
    let story = aura.create_story(spec).await.expect("created");
    let refused = aura.run(story, RunOptions::default()).await;
    let refused = refused.err().expect("refused").to_string();
    assert_eq!(
        refused,
        "task `b` is for the agent `planner`, which only answers questions"
    );
    assert!(world.starts().is_empty());
}
