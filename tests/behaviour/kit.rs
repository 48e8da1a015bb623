//! What the scenarios share: a repository with a scripted agent, gates that are small programs, and short ways to run a story.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aura_core::{
    ConfiguredGate, Event, EventKind, Orchestrator, OrchestratorBuilder, Plan, Policy, Report,
    RunOptions, StoryId, StorySpec, StoryTask, agents, gates,
};
use aura_tests::{Barrier, Script, ScriptedAgent, Starting, Step, TempRepo, scenario};

/// The scripted agent.
pub(crate) const AGENT: &str = env!("CARGO_BIN_EXE_fake-agent");

/// A repository of a user, and an agent that does what a script says.
pub(crate) struct World {
    pub(crate) repo: TempRepo,
    pub(crate) agent: ScriptedAgent,
}

impl World {
    /// A repository with two commits and nothing else.
    pub(crate) fn new(script: &Script) -> Self {
        Self::of(TempRepo::clean(), script)
    }

    /// A repository in a starting state.
    pub(crate) fn starting(starting: Starting, script: &Script) -> Self {
        Self::of(TempRepo::new(starting), script)
    }

    fn of(repo: TempRepo, script: &Script) -> Self {
        repo.git(["config", "user.name", "A. User"]);
        repo.git(["config", "user.email", "user@example.com"]);
        Self {
            repo,
            agent: ScriptedAgent::new(AGENT, script),
        }
    }

    /// Begins to open the repository with the agent as `default`.
    pub(crate) fn builder(&self) -> OrchestratorBuilder {
        self.builder_at(self.repo.path())
    }

    /// The same, found from another place.
    pub(crate) fn builder_at(&self, path: impl Into<PathBuf>) -> OrchestratorBuilder {
        Orchestrator::builder(path).agent("default", agents::command(self.agent.command()))
    }

    /// Opens the repository.
    pub(crate) async fn open(
        &self,
        gates: impl IntoIterator<Item = ConfiguredGate>,
    ) -> Orchestrator {
        self.builder().gates(gates).open().await.expect("it opens")
    }

    /// The program of a gate: a shell script that counts its runs, in `$RUN`, and then does what `body` says. `$STATE` is the agent's
    /// directory, `$REPO` the user's checkout.
    pub(crate) fn program(&self, name: &str, body: &str) -> PathBuf {
        let path = self.agent.dir().join(format!("{name}.sh"));
        let (state, repo) = (self.agent.dir().display(), self.repo.path().display());
        let count = "echo >> \"$STATE/$NAME.runs\"\nRUN=$(wc -l < \"$STATE/$NAME.runs\")";
        let text =
            format!("#!/bin/sh\nNAME='{name}'\nSTATE='{state}'\nREPO='{repo}'\n{count}\n{body}\n");
        // Renamed into place: a script that somebody holds open for writing cannot be started.
        let draft = path.with_extension("draft");
        fs::write(&draft, text).expect("written");
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).expect("executable");
        fs::rename(&draft, &path).expect("renamed");
        path
    }

    /// A real agent with such a program in its place. Nothing of whoever runs the tests is read.
    pub(crate) fn preset(&self, name: &str, program: &Path) -> agents::CliAgent {
        let agent = agents::CliAgent::named(name).expect("an agent");
        let agent = agent
            .program(program.display().to_string())
            .env("CODEX_API_KEY", "key-for-tests");
        // It has no directory of its own.
        if name == "aider" {
            return agent;
        }
        agent.config_dir(self.agent.dir().join("config"))
    }

    /// A required gate on candidates and on the result, made of such a program.
    pub(crate) fn gate(&self, name: &str, body: &str) -> ConfiguredGate {
        gates::command(name, [self.program(name, body).display().to_string()])
    }

    /// How often a gate's program ran.
    pub(crate) fn runs_of(&self, name: &str) -> usize {
        let path = self.agent.dir().join(format!("{name}.runs"));
        fs::read_to_string(path).unwrap_or_default().lines().count()
    }

    /// The tasks whose agents were started, in alphabetical order, with the number of starts.
    pub(crate) fn starts(&self) -> Vec<(String, usize)> {
        let mut starts = std::collections::BTreeMap::new();
        for start in self.agent.starts() {
            *starts.entry(start.task).or_insert(0) += 1;
        }
        starts.into_iter().collect()
    }

    /// The prompt of a task's start, counted from 1.
    pub(crate) fn prompt(&self, task: &str, start: u32) -> String {
        let prompts = self.agent.prompts();
        let found = prompts
            .into_iter()
            .find(|prompt| prompt.task == task && prompt.start == start);
        found.expect("the agent was asked").prompt
    }

    /// Panics when the agent met something that its script did not expect.
    #[track_caller]
    pub(crate) fn assert_script_held(&self) {
        assert_eq!(self.agent.failures(), Vec::<String>::new());
    }
}

/// A gate whose runs follow a script of their own, by `start`, and can wait at barriers.
pub(crate) struct ScriptedGate {
    name: String,
    agent: ScriptedAgent,
}

impl ScriptedGate {
    pub(crate) fn new(name: &str, script: &Script) -> Self {
        Self {
            name: name.to_owned(),
            agent: ScriptedAgent::new(AGENT, script),
        }
    }

    /// A gate that is green after it waited at the barrier `gate`.
    pub(crate) fn waiting(name: &str) -> (Self, Barrier) {
        let gate = Self::new(name, &Script::new().otherwise([barrier("gate")]));
        let barrier = gate.barrier();
        (gate, barrier)
    }

    /// The barrier `gate` of its script.
    pub(crate) fn barrier(&self) -> Barrier {
        self.agent.barrier("gate")
    }

    /// The gate, required on candidates and on the result.
    pub(crate) fn gate(&self) -> ConfiguredGate {
        let program = gates::CommandGate::new(self.agent.command())
            .env("AURA_TASK", &self.name)
            .env("AURA_TASK_ATTEMPT", "1");
        ConfiguredGate::new(&self.name, Arc::new(program))
    }

    /// How often it ran.
    pub(crate) fn runs(&self) -> usize {
        self.agent.starts().len()
    }
}

pub(crate) fn barrier(name: &str) -> Step {
    Step::Barrier(name.to_owned())
}

/// Waits for agents or gates without holding up the story.
pub(crate) async fn arrivals(barrier: &mut Barrier, count: usize) -> Vec<String> {
    tokio::task::block_in_place(|| barrier.wait_for(count))
}

/// Each task writes a file of its own: `a` says `a` in `a.txt`.
pub(crate) fn writes_own_file() -> Vec<Step> {
    vec![Step::write("{task}.txt", "{task}\n")]
}

/// Hardly any pause between tries.
pub(crate) fn quick() -> Policy {
    Policy {
        backoff_ms: 1,
        grace_ms: 500,
        ..Policy::default()
    }
}

/// Tasks from `id` or `id: dependency dependency`.
pub(crate) fn plan(tasks: &[&str]) -> Plan {
    plan_of(tasks.iter().map(|line| task(line)).collect())
}

pub(crate) fn plan_of(tasks: Vec<StoryTask>) -> Plan {
    Plan::new("Story", tasks).expect("a plan")
}

pub(crate) fn task(line: &str) -> StoryTask {
    let (id, after) = line.split_once(':').unwrap_or((line, ""));
    StoryTask::new(id, format!("Do {id}"))
        .description(format!("Write {id}.txt."))
        .depends_on(after.split_whitespace())
}

/// A story of that plan.
pub(crate) async fn story(aura: &Orchestrator, tasks: &[&str], policy: Policy) -> StoryId {
    let spec = StorySpec::from_plan(plan(tasks)).policy(policy);
    aura.create_story(spec).await.expect("created")
}

/// Runs a story to the end of one run.
pub(crate) async fn run(aura: &Orchestrator, story: StoryId) -> Report {
    run_with(aura, story, RunOptions::default()).await
}

pub(crate) async fn run_with(aura: &Orchestrator, story: StoryId, options: RunOptions) -> Report {
    let run = aura.run(story, options).await.expect("started");
    run.wait().await.expect("finished")
}

/// What was told of a story, a line each: `task event details`.
pub(crate) async fn told(aura: &Orchestrator, story: StoryId) -> Vec<String> {
    let events = aura.events(story, 0).await.expect("events");
    let told = events.iter().filter(|event| !event.kind.is_internal());
    told.map(|event| match &event.task {
        Some(task) => format!("{task} {}", scenario::line(event)),
        None => scenario::line(event),
    })
    .collect()
}

/// The lines that begin so.
pub(crate) async fn told_of(aura: &Orchestrator, story: StoryId, begin: &str) -> Vec<String> {
    let mut lines = told(aura, story).await;
    lines.retain(|line| line.starts_with(begin));
    lines
}

/// Waits until the story has an event that fits.
pub(crate) async fn happened(
    aura: &Orchestrator,
    story: StoryId,
    fits: impl Fn(&Event) -> bool,
) -> Event {
    loop {
        let events = aura.events(story, 0).await.expect("events");
        if let Some(event) = events.into_iter().find(&fits) {
            return event;
        }
        tokio::task::yield_now().await;
    }
}

/// The ids in a list of tasks.
pub(crate) fn ids<'a>(tasks: impl IntoIterator<Item = &'a aura_core::TaskId>) -> Vec<String> {
    tasks.into_iter().map(ToString::to_string).collect()
}

/// Why the last run ended, as its last event says.
pub(crate) async fn reason(aura: &Orchestrator, story: StoryId) -> String {
    let events = aura.events(story, 0).await.expect("events");
    let reason = events.iter().rev().find_map(|event| match &event.kind {
        EventKind::RunFinished { reason, .. } => Some(reason.clone().unwrap_or_default()),
        _ => None,
    });
    reason.expect("a run ended")
}
