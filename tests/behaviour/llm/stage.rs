//! A repository, a scripted model, and a story that is cut into tasks.

use aura_core::agents::{self, LlmAgent};
use aura_core::{
    DecomposeHooks, DecomposeOptions, Event, EventKind, Orchestrator, Plan, Policy, Result,
    RunEvent, StoryId, StorySpec,
};
use aura_tests::TempRepo;
use aura_tests::llm::{Limits, ScriptedLlm};
use tokio::sync::mpsc;

/// One way to ask a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Protocol {
    /// As the scripted model calls it.
    pub(super) name: &'static str,
    /// As a user writes the model.
    pub(super) model: &'static str,
    /// What follows the host in an endpoint.
    pub(super) version: &'static str,
}

const fn protocol(name: &'static str, model: &'static str, version: &'static str) -> Protocol {
    Protocol {
        name,
        model,
        version,
    }
}

/// All that the scripted model speaks.
pub(super) const PROTOCOLS: [Protocol; 5] = [
    protocol("chat", "openai::scripted", "/v1"),
    protocol("responses", "openai_resp::scripted", "/v1/"),
    protocol("anthropic", "anthropic::scripted", "/v1"),
    protocol("gemini", "gemini::scripted", "/v1beta"),
    protocol("ollama", "ollama::scripted", ""),
];

pub(super) struct Stage {
    pub(super) model: ScriptedLlm,
    repo: TempRepo,
}

/// What came of asking.
pub(super) struct Asked {
    pub(super) aura: Orchestrator,
    pub(super) story: StoryId,
    pub(super) plan: Result<Plan>,
    /// How each round ended.
    pub(super) ends: Vec<EventKind>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let repo = TempRepo::clean();
        repo.git(["config", "user.name", "A. User"]);
        repo.git(["config", "user.email", "user@example.com"]);
        repo.write(
            "signup.py",
            "def signup(email):\n    # No validation of the email yet.\n    return {'email': email}\n",
        );
        repo.commit("base");
        Self {
            model: ScriptedLlm::start(Limits::default()).expect("it listens"),
            repo,
        }
    }

    /// The model behind an address without a key.
    pub(super) fn agent(&self, protocol: &Protocol, scenario: &str) -> LlmAgent {
        let endpoint = format!("{}{}", self.model.url(scenario), protocol.version);
        agents::llm(protocol.model).endpoint(endpoint)
    }

    /// A story that nobody has cut into tasks, with this agent to do that.
    pub(super) async fn story(&self, agent: LlmAgent, policy: Policy) -> (Orchestrator, StoryId) {
        let builder = Orchestrator::builder(self.repo.path());
        let aura = builder.agent("planner", agent).open().await;
        let aura = aura.expect("it opens");
        let spec = StorySpec::new("Add email validation").policy(policy);
        let story = aura.create_story(spec).await.expect("created");
        (aura, story)
    }

    pub(super) async fn decompose(
        &self,
        protocol: &Protocol,
        scenario: &str,
        policy: Policy,
    ) -> Asked {
        self.ask(self.agent(protocol, scenario), policy).await
    }

    pub(super) async fn ask(&self, agent: LlmAgent, policy: Policy) -> Asked {
        let (aura, story) = self.story(agent, policy).await;
        let options = DecomposeOptions::default().agent("planner");
        let plan = aura.decompose(story, options).await;
        let events = aura.events(story, 0).await.expect("events");
        Asked {
            ends: ends(events),
            aura,
            story,
            plan,
        }
    }

    /// Asks until the model has said a line, then does not want the answer any more; how the round ended.
    pub(super) async fn interrupt(&self, agent: LlmAgent, policy: Policy) -> EventKind {
        let (aura, story) = self.story(agent, policy).await;
        let (sender, mut events) = mpsc::channel(64);
        let options = DecomposeOptions::default().agent("planner");
        let hooks = DecomposeHooks::default().events(sender);
        let mut asking = Box::pin(aura.decompose_with(story, options, hooks));
        loop {
            tokio::select! {
                biased;
                Some(event) = events.recv() => {
                    if matches!(event, RunEvent::Progress(_)) {
                        break;
                    }
                }
                found = &mut asking => panic!("{found:?}"),
            }
        }
        drop(asking);
        // Nobody tells anything any more when it has stopped and that is recorded.
        while events.recv().await.is_some() {}
        let events = aura.events(story, 0).await.expect("events");
        let mut ends = ends(events);
        assert_eq!(ends.len(), 1);
        ends.remove(0)
    }
}

fn ends(events: Vec<Event>) -> Vec<EventKind> {
    let kinds = events.into_iter().map(|event| event.kind);
    kinds
        .filter(|kind| matches!(kind, EventKind::DecomposeFinished { .. }))
        .collect()
}
