//! Scenarios: a repository, a plan, a scripted agent, gates and a policy, with what has to come of them. The files in
//! `tests/conformance` are read by the drivers of all languages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use aura_core::{
    CompleteOptions, Event, EventKind, FlakyPolicy, GateSchedule, Orchestrator, Plan, Policy,
    Report, Run, RunEvent, RunOptions, RunOutcome, StoryId, StorySpec, StoryStatus, agents, gates,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Script;

/// One scenario.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One line.
    pub name: String,
    /// Why it is worth having.
    #[serde(default)]
    pub about: String,
    /// The first commit of the repository; names that end in `.sh` are executable.
    pub files: BTreeMap<String, String>,
    /// A plan, in any form that plan files have.
    pub plan: Value,
    /// What the agent does.
    pub agent: Script,
    /// The gates. `{state}` in a command is the agent's directory.
    pub gates: Vec<ScenarioGate>,
    /// How the story is run.
    #[serde(default)]
    pub policy: Policy,
    /// Options of the one run.
    #[serde(default)]
    pub options: RunOptions,
    /// Complete with `merge` when the run is ready.
    #[serde(default)]
    pub merge: bool,
    /// What has to come of it.
    pub expect: Expected,
}

/// A gate of a scenario.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioGate {
    /// Its name.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// When it judges.
    pub at: Vec<GateSchedule>,
    /// Whether a red answer stops anything.
    #[serde(default = "yes")]
    pub required: bool,
    /// What green after red means.
    #[serde(default)]
    pub flaky: FlakyPolicy,
}

const fn yes() -> bool {
    true
}

/// What has to come of a scenario. Times, ids and the order between tasks that run side by side are left out of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// How the last run ended.
    pub outcome: RunOutcome,
    /// The files of the accepted head.
    pub tree: BTreeMap<String, String>,
    /// Events about the story as a whole, in order. Empty where that order differs from run to run: when a retry is done while a
    /// gate judges, the next candidate may or may not hold it.
    pub story: Vec<String>,
    /// Events about each task, in order.
    pub tasks: BTreeMap<String, Vec<String>>,
    /// Starts of each task's agent.
    pub starts: BTreeMap<String, usize>,
}

impl Expected {
    /// Whether something that was found is what was expected.
    pub fn agrees_with(&self, found: &Self) -> bool {
        if self.story.is_empty() {
            let story = Vec::new();
            return *self
                == Self {
                    story,
                    ..found.clone()
                };
        }
        self == found
    }
}

/// A directory in which a scenario is played: `repo`, and `agent` with the script and the agent's logs.
#[derive(Debug, Clone)]
pub struct Stage {
    directory: PathBuf,
    /// The scripted agent's executable.
    program: PathBuf,
}

impl Scenario {
    /// Reads a scenario.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The plan as the library reads it.
    ///
    /// # Errors
    /// `InvalidPlan` where it is none.
    pub fn plan(&self) -> aura_core::Result<Plan> {
        let text = serde_json::to_string(&self.plan).expect("JSON");
        Plan::parse(&text, "plan.json")
    }
}

impl Stage {
    /// A stage in a directory that may have been used before.
    pub fn new(directory: impl Into<PathBuf>, program: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            program: program.into(),
        }
    }

    /// Where everything is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether nothing was set here yet.
    pub fn is_bare(&self) -> bool {
        !self.agent().join("script.json").exists()
    }

    /// The repository.
    pub fn repo(&self) -> PathBuf {
        self.directory.join("repo")
    }

    /// The agent's directory.
    pub fn agent(&self) -> PathBuf {
        self.directory.join("agent")
    }

    /// Makes the repository and the script, unless they are there.
    pub fn set(&self, scenario: &Scenario) {
        if !self.is_bare() {
            return;
        }
        let repo = self.repo();
        std::fs::create_dir_all(&repo).expect("created");
        git(&repo, &["init", "--quiet", "--initial-branch=main"]);
        git(&repo, &["config", "user.name", "Tester"]);
        git(&repo, &["config", "user.email", "tester@example.org"]);
        for (name, text) in &scenario.files {
            let path = repo.join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            std::fs::write(&path, text).expect("written");
            #[cfg(unix)]
            if name.ends_with(".sh") {
                use std::os::unix::fs::PermissionsExt as _;
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
                    .expect("executable");
            }
        }
        git(&repo, &["add", "."]);
        git(&repo, &["commit", "--quiet", "-m", "start"]);
        std::fs::create_dir_all(self.agent()).expect("created");
        let script = serde_json::to_string(&scenario.agent).expect("JSON");
        std::fs::write(self.agent().join("script.json"), script).expect("written");
    }

    /// Program and arguments of the agent.
    pub fn agent_command(&self) -> Vec<String> {
        let script = self.agent().join("script.json");
        [&self.program, &script]
            .map(|path| path.display().to_string())
            .into()
    }

    /// Program and arguments of a gate.
    pub fn gate_command(&self, gate: &ScenarioGate) -> Vec<String> {
        let state = self.agent().display().to_string();
        let words = gate.command.iter();
        words.map(|word| word.replace("{state}", &state)).collect()
    }

    /// Opens the repository with the scenario's agent and gates.
    pub async fn open(&self, scenario: &Scenario) -> aura_core::Result<Orchestrator> {
        let gates = scenario.gates.iter().map(|gate| {
            gates::command(&gate.name, self.gate_command(gate))
                .at(gate.at.clone())
                .required(gate.required)
                .flaky(gate.flaky)
        });
        Orchestrator::builder(self.repo())
            .agent("default", agents::command(self.agent_command()))
            .gates(gates)
            .open()
            .await
    }

    /// Plays the scenario to its end, from wherever an earlier call was stopped.
    ///
    /// # Errors
    /// Whatever the library says.
    pub async fn play(&self, scenario: &Scenario) -> aura_core::Result<(StoryId, Report)> {
        self.play_telling(scenario, &mut |_| {}).await
    }

    /// The same, telling the durable events that the event streams of the run and of the landing deliver.
    ///
    /// # Errors
    /// Whatever the library says.
    pub async fn play_telling(
        &self,
        scenario: &Scenario,
        tell: &mut impl FnMut(Event),
    ) -> aura_core::Result<(StoryId, Report)> {
        self.set(scenario);
        let aura = self.open(scenario).await?;
        let story = match aura.stories().await?.first() {
            Some(story) => story.id,
            None => {
                let spec = StorySpec::from_plan(scenario.plan()?);
                aura.create_story(spec.policy(scenario.policy.clone()))
                    .await?
            }
        };
        let mut status = aura.status(story).await?.status;
        if !matches!(
            status,
            StoryStatus::ReadyToComplete | StoryStatus::Integrating | StoryStatus::Completed
        ) {
            let run = aura.run(story, scenario.options.clone()).await?;
            follow(run, tell).await?;
            status = aura.status(story).await?.status;
        }
        let lands = scenario.merge
            && matches!(
                status,
                StoryStatus::ReadyToComplete | StoryStatus::Integrating
            );
        if lands {
            let options = CompleteOptions::default().merge(true);
            follow(aura.complete(story, options).await?, tell).await?;
        }
        Ok((story, aura.report(story).await?))
    }

    /// Starts of each task's agent so far.
    pub fn starts(&self) -> BTreeMap<String, usize> {
        let mut starts = BTreeMap::new();
        for start in crate::Start::read(&self.agent()) {
            *starts.entry(start.task).or_default() += 1;
        }
        starts
    }
}

/// Follows a run to its end, telling its durable events.
async fn follow(mut run: Run, tell: &mut impl FnMut(Event)) -> aura_core::Result<Report> {
    while let Some(event) = run.next_event().await? {
        if let RunEvent::Durable(event) = event {
            tell(event);
        }
    }
    run.wait().await
}

/// An event in a line, without what differs from run to run.
pub fn line(event: &Event) -> String {
    let what = match &event.kind {
        EventKind::RunFinished { outcome, .. } => json(outcome),
        EventKind::WaveStarted { wave, .. } | EventKind::WaveFinished { wave, .. } => {
            wave.to_string()
        }
        EventKind::TaskStarted { start, .. } => json(start),
        EventKind::AttemptFinished { outcome, .. } => match outcome {
            aura_core::AttemptOutcome::Succeeded => "succeeded".to_owned(),
            aura_core::AttemptOutcome::Failed { class, .. } => json(class),
        },
        EventKind::TaskRetrying { class, spends, .. } => {
            format!("{} {}", json(class), json(spends))
        }
        EventKind::TaskEjected { class, .. } | EventKind::TaskFailed { class, .. } => json(class),
        EventKind::TaskBlocked { by } => by.to_string(),
        EventKind::CandidateBuilt {
            tasks, left_out, ..
        } => {
            let tasks: Vec<&str> = tasks.iter().map(|task| task.task.as_str()).collect();
            let out: Vec<&str> = left_out.iter().map(|task| task.task.as_str()).collect();
            format!("[{}] without [{}]", tasks.join(" "), out.join(" "))
        }
        EventKind::GateStarted { gate, at, .. } => format!("{gate} {}", json(at)),
        EventKind::GateFinished {
            gate, at, verdict, ..
        } => {
            let verdict = serde_json::to_value(verdict).expect("JSON");
            format!(
                "{gate} {} {}",
                json(at),
                verdict["verdict"].as_str().unwrap_or_default()
            )
        }
        EventKind::Parked { reason, .. } => json(reason),
        _ => String::new(),
    };
    format!("{} {what}", event.kind.name())
        .trim_end()
        .to_owned()
}

fn json(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => text,
        other => format!("{other:?}"),
    }
}

/// Runs git without any of the user's configuration; what it printed.
pub(crate) fn git(directory: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(args)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
