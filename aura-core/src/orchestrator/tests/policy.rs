//! Limits of providers, budgets and fallback agents, with real workspaces and a real clock.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::repository;
use crate::error::ErrorKind;
use crate::model::{
    EventKind, FailureClass, Limits, Plan, Policy, RunOptions, RunOutcome, StoryId, StorySpec,
    StoryTask, Usage,
};
use crate::store::MemoryStore;
use crate::testing::{ScriptedAgent, Step};
use crate::{Orchestrator, RunEvent};

/// A story whose tasks are done by these agents.
async fn story(aura: &Orchestrator, agents: &[&str]) -> StoryId {
    let tasks = agents.iter().enumerate().map(|(number, agent)| {
        let mut task = StoryTask::new(format!("t{number}"), "Write a file");
        task.agent = Some((*agent).to_owned());
        task
    });
    let plan = Plan::new("Write files", tasks).expect("a plan");
    let spec = StorySpec::from_plan(plan).policy(Policy {
        max_parallel: 2,
        backoff_ms: 1,
        ..Policy::default()
    });
    aura.create_story(spec).await.expect("created")
}

async fn kinds(aura: &Orchestrator, story: StoryId) -> Vec<EventKind> {
    let events = aura.events(story, 0).await.expect("events");
    events.into_iter().map(|event| event.kind).collect()
}

/// Writes a file, unless it is the first start of that task.
fn limited_at(task: &'static str, until: Option<Timestamp>) -> ScriptedAgent {
    ScriptedAgent::from_fn(move |request, earlier| {
        let id = request.task.id.as_str();
        if id == task && earlier == 0 {
            return vec![Step::limited(FailureClass::Quota, until)];
        }
        vec![Step::write(format!("{id}.txt"), "done\n")]
    })
}

async fn open(
    path: &std::path::Path,
    agents: impl IntoIterator<Item = (&'static str, ScriptedAgent)>,
) -> Orchestrator {
    let mut builder = Orchestrator::builder(path).store(Arc::new(MemoryStore::new()));
    for (name, agent) in agents {
        builder = builder.agent(name, agent);
    }
    builder.open().await.expect("opened")
}

#[tokio::test]
async fn a_limit_holds_for_every_agent_of_the_provider_until_it_ends() {
    let (_directory, path) = repository();
    let until = Timestamp::now() + SignedDuration::from_millis(1_500);
    let first = limited_at("t2", Some(until)).with_provider("east");
    let second = ScriptedAgent::new().with_provider("east");
    let aura = open(
        &path,
        [("first", first.clone()), ("second", second.clone())],
    )
    .await;
    let id = story(&aura, &["first", "second", "first", "second", "second"]).await;
    let options = RunOptions::default().limits(Limits::default().attempts(5));
    let run = aura.run(id, options.max_parallel(1)).await;
    let report = run.expect("started").wait().await.expect("finished");
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete, "{report:?}");
    assert_eq!((report.starts, report.retries, report.restarts), (6, 0, 0));
    assert_eq!((first.starts().len(), second.starts().len()), (3, 3));
    let events = aura.events(id, 0).await.expect("events");
    let opened = events
        .iter()
        .position(|event| matches!(&event.kind, EventKind::BreakerOpened { provider, .. } if provider == "east"))
        .expect("a breaker");
    let next = events[opened..]
        .iter()
        .find(|event| matches!(event.kind, EventKind::IntentStart { .. }))
        .expect("a start");
    assert!(next.at >= until, "started at {} before {until}", next.at);
}

#[tokio::test]
async fn a_fallback_agent_does_what_would_have_to_wait_and_is_told_of() {
    let (_directory, path) = repository();
    let first = limited_at("t0", None).with_provider("east");
    let other = ScriptedAgent::new();
    let aura = open(&path, [("first", first), ("other", other)]).await;
    let id = story(&aura, &["first", "first", "first"]).await;
    let options = RunOptions::default().fallback("first", "other");
    let run = aura.run(id, options.max_parallel(1)).await;
    let report = run.expect("started").wait().await.expect("finished");
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete, "{report:?}");
    let view = aura.status(id).await.expect("a status");
    let agents: Vec<&str> = view.tasks.iter().map(|task| task.agent.as_str()).collect();
    assert_eq!(agents, ["other"; 3]);
}

#[tokio::test]
async fn an_unknown_end_pauses_the_run_and_the_next_one_goes_on() {
    let (_directory, path) = repository();
    let agent = limited_at("t0", None);
    let aura = open(&path, [("default", agent.clone())]).await;
    let id = story(&aura, &["default", "default"]).await;
    let run = aura.run(id, RunOptions::default().max_parallel(1)).await;
    let report = run.expect("started").wait().await.expect("finished");
    assert_eq!(report.outcome, RunOutcome::Paused);
    let why = report.reason.unwrap_or_default();
    assert!(
        why.contains("`default`") && why.contains("not known"),
        "{why}"
    );
    assert_eq!(agent.starts().len(), 1);
    let run = aura.run(id, RunOptions::default()).await.expect("started");
    let report = run.wait().await.expect("finished");
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
}

/// The first start fails while the other one works: that one is finished, and nobody comes after it.
#[tokio::test]
async fn a_missing_login_stops_everything_but_what_works() {
    let (_directory, path) = repository();
    let (works, refused) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begun, told) = (Arc::clone(&works), Arc::clone(&refused));
    let agent = ScriptedAgent::from_fn(move |request, _| match request.task.id.as_str() {
        "t0" => vec![
            Step::Wait(Arc::clone(&begun)),
            Step::fail(FailureClass::Auth),
        ],
        id => vec![
            Step::Signal(Arc::clone(&begun)),
            Step::Wait(Arc::clone(&told)),
            Step::write(format!("{id}.txt"), "done\n"),
        ],
    });
    let aura = open(&path, [("default", agent.clone())]).await;
    let id = story(&aura, &["default"; 5]).await;
    let mut run = aura.run(id, RunOptions::default()).await.expect("started");
    loop {
        let event = run.next_event().await.expect("read").expect("an event");
        if let RunEvent::Durable(event) = event
            && matches!(event.kind, EventKind::TaskRetrying { .. })
        {
            break;
        }
    }
    refused.notify_one();
    let report = run.wait().await.expect("finished");
    assert_eq!(report.outcome, RunOutcome::Paused);
    let why = report.reason.unwrap_or_default();
    assert!(why.contains("task `t0` cannot run"), "{why}");
    assert_eq!((report.accepted.len(), agent.starts().len()), (1, 2));
}

#[tokio::test]
async fn a_budget_stops_the_run_with_its_remedy_and_usage_is_told() {
    let (_directory, path) = repository();
    let usage = Usage {
        input_tokens: 90,
        output_tokens: 10,
        cost_usd: 0.25,
    };
    let agent = ScriptedAgent::from_fn(move |request, _| {
        let id = request.task.id.as_str();
        vec![Step::Use(usage), Step::write(format!("{id}.txt"), "done\n")]
    });
    let aura = open(&path, [("default", agent.clone())]).await;
    let id = story(&aura, &["default"; 4]).await;
    let run = |limits| aura.run(id, RunOptions::default().max_parallel(1).limits(limits));
    let handle = run(Limits::default().cost_usd(0.6)).await.expect("started");
    let report = handle.wait().await.expect("finished");
    assert_eq!((report.outcome, report.starts), (RunOutcome::Paused, 2));
    let why = report.reason.unwrap_or_default();
    assert!(
        why.contains("0.50 of 0.60 dollars") && why.contains("raise the limit"),
        "{why}"
    );
    let told = kinds(&aura, id).await;
    let exceeded = |kind: &&EventKind| matches!(kind, EventKind::BudgetExceeded { .. });
    assert_eq!(told.iter().filter(exceeded).count(), 1);
    let handle = run(Limits::default().cost_usd(1.0)).await.expect("started");
    let report = handle.wait().await.expect("finished");
    assert_eq!(
        (report.outcome, report.starts),
        (RunOutcome::ReadyToComplete, 4)
    );
    let status = aura.status(id).await.expect("a status");
    for told in [report.usage, status.usage] {
        assert_eq!((told.input_tokens, told.output_tokens), (360, 40));
        assert!((told.cost_usd - 1.0).abs() < 1e-9);
    }
}

#[tokio::test]
async fn limits_and_fallbacks_that_cannot_be_meant_are_refused_before_anything_starts() {
    let (_directory, path) = repository();
    let agent = ScriptedAgent::new();
    let aura = open(&path, [("default", agent.clone())]).await;
    let id = story(&aura, &["default"]).await;
    let limits = |limits| RunOptions::default().limits(limits);
    for (options, kind, told) in [
        (
            limits(Limits::default().attempts(0)),
            ErrorKind::InvalidInput,
            "0 attempts",
        ),
        (
            limits(Limits::default().tokens(0)),
            ErrorKind::InvalidInput,
            "0 tokens",
        ),
        (
            limits(Limits::default().cost_usd(-1.0)),
            ErrorKind::InvalidInput,
            "-1 dollars",
        ),
        (
            limits(Limits::default().cost_usd(f64::NAN)),
            ErrorKind::InvalidInput,
            "NaN dollars",
        ),
        (
            RunOptions::default().fallback("default", "default"),
            ErrorKind::InvalidInput,
            "itself",
        ),
        (
            RunOptions::default().fallback("default", "nobody"),
            ErrorKind::BackendMissing,
            "nobody",
        ),
        (
            RunOptions::default().fallback("nobody", "default"),
            ErrorKind::BackendMissing,
            "nobody",
        ),
    ] {
        let error = aura.run(id, options).await.err().expect("refused");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(told), "{error}");
    }
    assert!(agent.starts().is_empty());
}
