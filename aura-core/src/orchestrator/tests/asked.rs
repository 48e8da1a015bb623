//! An agent that only answers questions: it plans, and is given no task.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::kit::Plain;
use super::repository;
use crate::Orchestrator;
use crate::agent::{AgentBackend, AgentContext, AgentRequest, AgentResult};
use crate::error::{ErrorKind, Result};
use crate::model::{DecomposeOptions, Plan, RunOptions, RunOutcome, StorySpec, StoryTask};
use crate::store::MemoryStore;

/// Answers with plans, one after the other, of one task for that agent each.
#[derive(Clone, Default)]
struct Planner {
    agents: &'static [&'static str],
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl AgentBackend for Planner {
    fn digest(&self) -> String {
        "planner".to_owned()
    }

    fn only_answers(&self) -> bool {
        true
    }

    async fn run(&self, request: AgentRequest, _context: AgentContext) -> Result<AgentResult> {
        assert!(request.read_only, "set to work");
        let agent = self.agents[self.asked.fetch_add(1, Ordering::SeqCst)];
        let output =
            format!(r#"[{{"id": "a", "title": "A", "description": "do", "agent": "{agent}"}}]"#);
        Ok(AgentResult {
            output,
            ..AgentResult::default()
        })
    }
}

async fn open(path: &std::path::Path, planner: Planner) -> Orchestrator {
    let builder = Orchestrator::builder(path).store(Arc::new(MemoryStore::new()));
    let builder = builder.agent("default", Plain).agent("planner", planner);
    builder.open().await.expect("opened")
}

#[tokio::test]
async fn it_gets_no_task_and_stands_in_for_nobody() {
    let (_directory, path) = repository();
    let aura = open(&path, Planner::default()).await;
    let story = |agent: &str| {
        let mut tasks = [StoryTask::new("a", "A"), StoryTask::new("b", "B")];
        tasks[1].agent = Some(agent.to_owned());
        StorySpec::from_plan(Plan::new("t", tasks).expect("a plan"))
    };
    let wrong = aura.create_story(story("planner")).await.expect("created");
    let right = aura.create_story(story("default")).await.expect("created");
    let fallback = RunOptions::default().fallback("default", "planner");
    for (id, options, told) in [
        (
            wrong,
            RunOptions::default(),
            "task `b` is for the agent `planner`, which only answers questions",
        ),
        (
            right,
            fallback,
            "agent `default` has the agent `planner` to stand in for it, which only answers questions",
        ),
    ] {
        let refused = aura.run(id, options).await.err().expect("refused");
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        assert_eq!(refused.to_string(), told);
        let events = aura.events(id, 0).await.expect("events");
        let kinds: Vec<_> = events.iter().map(|event| event.kind.name()).collect();
        assert_eq!(kinds, ["story.created", "plan.accepted"]);
    }
}

/// It may not even plan a task for itself: it is told so, and asked again.
#[tokio::test]
async fn it_plans_for_others() {
    let (_directory, path) = repository();
    let planner = Planner {
        agents: &["planner", "default"],
        ..Planner::default()
    };
    let aura = open(&path, planner.clone()).await;
    let id = aura.create_story(StorySpec::new("Add it")).await;
    let id = id.expect("created");
    let options = DecomposeOptions::default().agent("planner");
    let plan = aura.decompose(id, options).await.expect("a plan");
    assert_eq!(plan.tasks[0].agent.as_deref(), Some("default"));
    assert_eq!(planner.asked.load(Ordering::SeqCst), 2);
    let run = aura.run(id, RunOptions::default()).await.expect("started");
    let report = run.wait().await.expect("a report");
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete);
}
