//! What holds for one call: arguments, then the environment, then the repository's file, then the library's defaults.

mod agents;
mod review;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aura_core::agents::McpServers;
use aura_core::{
    ConfiguredGate, Error, ErrorKind, GateSchedule, Limits, OnExhausted, Orchestrator,
    OrchestratorBuilder, Patterns, Plan, Policy, Result, gates,
};

pub(crate) use self::agents::check_variable;
use self::agents::{
    DEFAULT_AGENT, check_env, choose_agents, choose_decomposer, only_answers, started,
};
use self::review::{choose_reviewer, said};
use crate::args::{CreateFlags, DecomposeFlags, EngineFlags, Place, RunFlags};
use crate::config::{AgentEntry, Config, GateEntry, PATH, Protected, Secrets};
use crate::environment::Environment;
use crate::trust::{TrustStore, untrusted};
use crate::{place, words};

/// What one call works with.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Any place inside the repository.
    pub(crate) repo: PathBuf,
    /// Where worktrees are made, where the file says so.
    pub(crate) workspace_root: Option<PathBuf>,
    /// By the name that tasks use.
    pub(crate) agents: Vec<AgentEntry>,
    /// Who judges.
    pub(crate) gates: Gates,
    /// What agents may not touch undeclared.
    pub(crate) protected: Protected,
    /// How secrets are looked for.
    pub(crate) secrets: Secrets,
    /// Who reviews each task's work, where anybody does.
    pub(crate) reviewer: Option<AgentEntry>,
    /// The name of the agent that cuts stories into tasks.
    pub(crate) decomposer: String,
    /// Whether there is a review, where the call or the file says so.
    pub(crate) review: Option<bool>,
    /// How new stories are run.
    pub(crate) policy: Policy,
    /// The file says what is done about a task that is out of retries.
    pub(crate) says_exhausted: bool,
    /// Agents at once, where arguments or the environment say so.
    pub(crate) parallel: Option<usize>,
    /// What holds for agents that say nothing else.
    pub(crate) shared: Shared,
    /// What a story may use up, by the file.
    limits: Limits,
    /// The repository's patterns; `None` where it has no place for them.
    pub(crate) patterns: Option<Patterns>,
}

/// What the file says about all of its agents.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    model: Option<String>,
    yolo: Option<bool>,
    mcp: Option<McpServers>,
}

/// Agents, each with the patterns of the files of its tasks.
pub(crate) struct Router(Vec<(globset::GlobSet, String)>);

impl Router {
    /// Gives tasks that name no agent, and one of whose files an agent is there for, to the first such agent.
    pub(crate) fn route(&self, plan: &mut Plan) {
        for (patterns, agent) in &self.0 {
            for task in plan.tasks.iter_mut().filter(|task| task.agent.is_none()) {
                if task.files.iter().any(|file| patterns.is_match(file)) {
                    task.agent = Some(agent.clone());
                }
            }
        }
    }
}

/// Who judges.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Gates {
    /// Nobody, as was asked for.
    None,
    /// These.
    Given(Vec<GateEntry>),
    /// What the build files of this checkout suggest.
    Detected(Option<PathBuf>),
}

/// The gate of the reviewer.
const REVIEW: &str = "review";

/// Where patterns are unless the file says otherwise, from the root of the repository.
const PATTERNS: &str = ".aura/patterns";

/// The patterns of the repository.
///
/// # Errors
/// `InvalidConfig` where the file names a directory that is not there, and for whatever is wrong with a pattern.
fn patterns(config: Option<&Config>, root: Option<&Path>) -> Result<Option<Patterns>> {
    let Some(root) = root else { return Ok(None) };
    let named = config.and_then(|config| config.patterns.as_ref());
    let directory = root.join(named.map_or(Path::new(PATTERNS), PathBuf::as_path));
    if directory.is_dir() {
        return Patterns::load(&directory).map(Some);
    }
    match named {
        // A task that names one names nothing.
        None => Ok(Some(Patterns::default())),
        Some(_) => {
            let message = format!("`patterns`: there is no directory {}", directory.display());
            Err(Error::new(ErrorKind::InvalidConfig, message)
                .with_help(format!("make it, or correct {PATH}")))
        }
    }
}

/// The patterns of the repository that `path` lies in; `None` outside of any.
///
/// # Errors
/// `InvalidConfig` with whatever is wrong with its file or a pattern.
pub(crate) fn repository_patterns(path: &Path) -> Result<Option<Patterns>> {
    let Some(root) = place::root(path) else {
        return Ok(None);
    };
    patterns(Config::load(&root)?.as_ref(), Some(&root))
}

impl Settings {
    /// Puts everything together. Nothing has been started or written.
    ///
    /// # Errors
    /// `InvalidConfig` with every problem of the file; `Untrusted` when its commands would be run without permission;
    /// `InvalidInput` for arguments that cannot be meant.
    pub(crate) fn read(
        environment: &Environment,
        at: &Place,
        engine: &EngineFlags,
        parallel: Option<u16>,
    ) -> Result<Self> {
        let nothing = DecomposeFlags::default();
        Self::read_to_decompose(environment, (at, engine, parallel), &nothing)
    }

    /// The same where an agent may be named that makes the plan.
    ///
    /// # Errors
    /// As [`Settings::read`]; `InvalidInput` for an agent that nobody defines.
    pub(crate) fn read_to_decompose(
        environment: &Environment,
        (at, engine, parallel): (&Place, &EngineFlags, Option<u16>),
        tasks: &DecomposeFlags,
    ) -> Result<Self> {
        let repo = environment.repository(at.repo.as_deref());
        let root = place::root(&repo);
        let config = match &root {
            Some(root) => Config::load(root)?,
            None => None,
        };
        check_env(engine, environment, config.as_ref())?;
        let mut agents = choose_agents(engine, environment, config.as_ref())?;
        let decomposer = choose_decomposer(engine, tasks, &mut agents)?;
        let reviewer = choose_reviewer(engine, config.as_ref(), &agents)?;
        let gates = choose_gates(engine, config.as_ref(), root.as_deref())?;
        if let Some(config) = &config
            && !engine.trust
            && uses_commands_of(config, (&agents, reviewer.as_ref()), &gates)
            && !TrustStore::new(&environment.state_dir()?).trusts(config)?
        {
            return Err(untrusted(config));
        }
        let patterns = patterns(config.as_ref(), root.as_deref())?;
        let parallel = parallel.map(usize::from).or(environment.parallel);
        let named = config
            .as_ref()
            .and_then(|config| config.workspace_root.as_ref());
        Ok(Self {
            workspace_root: named.zip(root).map(|(named, root)| root.join(named)),
            repo,
            agents,
            gates,
            policy: policy(config.as_ref(), parallel),
            parallel,
            patterns,
            reviewer,
            decomposer,
            review: said(engine, config.as_ref()),
            says_exhausted: config
                .as_ref()
                .is_some_and(|config| config.on_exhausted.is_some()),
            limits: config
                .as_ref()
                .map(|config| config.limits)
                .unwrap_or_default(),
            protected: config
                .as_ref()
                .map(|config| config.protected.clone())
                .unwrap_or_default(),
            secrets: config
                .as_ref()
                .map(|config| config.secrets.clone())
                .unwrap_or_default(),
            shared: config.map_or_else(Shared::default, |config| Shared {
                model: config.model,
                yolo: config.yolo,
                mcp: config.mcp,
            }),
        })
    }

    /// The policy of a new story. `is_folder`: its tasks are story files, which do not wait for one another's failures unless that
    /// is asked for.
    pub(crate) fn policy_for(&self, flags: &CreateFlags, is_folder: bool) -> Policy {
        let mut policy = self.policy.clone();
        match flags.on_exhausted {
            Some(what) => policy.on_exhausted = what.into(),
            None if is_folder && !self.says_exhausted => {
                policy.on_exhausted = OnExhausted::IsolateAndContinue;
            }
            None => {}
        }
        policy
    }

    /// What a story may use up: arguments win over the file, one by one.
    pub(crate) fn limits(&self, given: Limits) -> Limits {
        let mut limits = self.limits;
        limits.attempts = given.attempts.or(limits.attempts);
        limits.tokens = given.tokens.or(limits.tokens);
        limits.cost_usd = given.cost_usd.or(limits.cost_usd);
        limits
    }

    /// The part of them that holds while it is cut into tasks: questions are no starts.
    pub(crate) fn limits_of_questions(&self, given: Limits) -> Limits {
        let mut limits = self.limits(given);
        limits.attempts = None;
        limits
    }

    /// Begins to open the repository with the agents and the gates.
    pub(crate) fn builder(&self) -> OrchestratorBuilder {
        let mut builder = Orchestrator::builder(&self.repo);
        if let Some(root) = &self.workspace_root {
            builder = builder.workspace_root(root);
        }
        if let Some(patterns) = &self.patterns {
            builder = builder.patterns(patterns.clone());
        }
        for agent in &self.agents {
            builder = builder.shared_agent(&agent.name, started(agent, &self.shared));
        }
        match &self.gates {
            Gates::None => builder,
            _ => builder.gates(self.configured_gates()),
        }
    }

    /// Gives tasks that name no agent, and one of whose files an agent is there for, to the first such agent.
    ///
    /// # Errors
    /// `InvalidConfig` for a pattern that cannot be read.
    pub(crate) fn route(&self, plan: &mut Plan) -> Result<()> {
        self.router()?.route(plan);
        Ok(())
    }

    /// Who gives tasks to agents by their files.
    ///
    /// # Errors
    /// As [`Settings::route`].
    pub(crate) fn router(&self) -> Result<Router> {
        let mut router = Router(Vec::new());
        for agent in self.agents.iter().filter(|agent| !agent.when.is_empty()) {
            let mut patterns = globset::GlobSetBuilder::new();
            for pattern in &agent.when {
                patterns.add(globset::Glob::new(pattern).map_err(|error| bad_pattern(&error))?);
            }
            let patterns = patterns.build().map_err(|error| bad_pattern(&error))?;
            router.0.push((patterns, agent.name.clone()));
        }
        Ok(router)
    }

    /// Who stands in for whom.
    pub(crate) fn fallbacks(&self) -> impl Iterator<Item = (&str, &str)> {
        let agents = self.agents.iter();
        agents.filter_map(|agent| Some((agent.name.as_str(), agent.fallback.as_deref()?)))
    }

    /// The gates as the library takes them.
    pub(crate) fn configured_gates(&self) -> Vec<ConfiguredGate> {
        let mut all = match &self.gates {
            Gates::None => return Vec::new(),
            Gates::Detected(None) => Vec::new(),
            Gates::Given(given) => given.iter().map(configured).collect(),
            Gates::Detected(Some(root)) => gates::detect(root),
        };
        // A gate of one of these names in the file takes the place of ours.
        let given: Vec<String> = all.iter().map(|gate| gate.definition().name).collect();
        let is_free = |name: &str| !given.iter().any(|given| given == name);
        if self.secrets.enabled && is_free(gates::SECRETS) {
            all.push(if self.secrets.command.is_empty() {
                gates::secrets()
            } else {
                gates::secrets_by(&self.secrets.command)
            });
        }
        if self.protected.enabled && is_free(gates::PROTECTED) {
            // The paths were checked where they were read.
            all.extend(gates::protected_paths_and(&self.protected.paths).ok());
        }
        if let Some(reviewer) = &self.reviewer
            && is_free(REVIEW)
        {
            all.extend(gates::review(started(reviewer, &self.shared)).ok());
        }
        all
    }

    /// Refuses tasks that the plan does not have, agents that are not defined and a review that nobody does, before anything starts.
    ///
    /// # Errors
    /// `InvalidInput` and `BackendMissing`, each naming what is missing.
    pub(crate) fn check_plan(&self, plan: &Plan, run: &RunFlags) -> Result<()> {
        let is_known = |id: &String| plan.tasks.iter().any(|task| task.id.as_str() == id);
        if let Some(id) = run.tasks.iter().find(|id| !is_known(id)) {
            let message = format!("the plan has no task `{id}`");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let chosen = |id: &str| run.tasks.iter().any(|task| task == id);
        let missing: Vec<&str> = plan
            .tasks
            .iter()
            .filter(|task| chosen(task.id.as_str()))
            .flat_map(|task| &task.depends_on)
            .map(|id| id.as_str())
            .filter(|id| !chosen(id))
            .collect();
        if !missing.is_empty() && !run.with_dependencies {
            let message = format!(
                "the chosen tasks depend on tasks that are not accepted yet: {}",
                missing.join(", ")
            );
            return Err(Error::new(ErrorKind::InvalidInput, message)
                .with_help("choose them too, or say --with-dependencies"));
        }
        for task in &plan.tasks {
            let name = task.agent.as_deref().unwrap_or(DEFAULT_AGENT);
            let found = self.agents.iter().find(|agent| agent.name == name);
            if found.is_some_and(only_answers) {
                let what = format!("task `{}` is for the agent `{name}`", task.id);
                return Err(no_work(&what));
            }
            if found.is_none() {
                let message = match &task.agent {
                    Some(name) => format!(
                        "task `{}` names the agent `{name}`, which is not defined",
                        task.id
                    ),
                    None => "no agent is defined".to_owned(),
                };
                let help = format!(
                    "use --agent NAME or --agent-command 'PROG ARGS', or define it in {PATH}"
                );
                return Err(Error::new(ErrorKind::BackendMissing, message).with_help(help));
            }
        }
        self.check_review(plan)
    }

    /// Looks for the programs of the gates and of the agents that the plan needs, before anything starts.
    ///
    /// # Errors
    /// `InvalidConfig`, naming what is missing.
    pub(crate) async fn preflight(&self, plan: &Plan) -> Result<()> {
        let is_needed = |agent: &&AgentEntry| {
            let mut names = plan.tasks.iter().map(|task| task.agent.as_deref());
            names.any(|name| name.unwrap_or(DEFAULT_AGENT) == agent.name)
        };
        for agent in self.agents.iter().filter(is_needed) {
            let found = started(agent, &self.shared).preflight().await;
            found.map_err(|error| error.context(format!("agent `{}`", agent.name)))?;
        }
        for gate in self.configured_gates() {
            let found = gate.gate().preflight().await;
            found.map_err(|error| error.context(format!("gate `{}`", gate.definition().name)))?;
        }
        Ok(())
    }

    /// Looks for what the agent that makes the plan needs, and for the programs of the gates and of the agent that tasks go to which
    /// name none, before there is a plan.
    ///
    /// # Errors
    /// `BackendMissing` without such an agent; `InvalidInput` where it does no tasks; `InvalidConfig`, naming what is missing.
    pub(crate) async fn preflight_wish(&self) -> Result<()> {
        let is_default = |agent: &&AgentEntry| agent.name == DEFAULT_AGENT;
        if self
            .agents
            .iter()
            .find(is_default)
            .is_some_and(only_answers)
        {
            return Err(no_work("the agent of tasks which name none is `default`"));
        }
        let mut tasks = vec![aura_core::StoryTask::new("x", "x")];
        let plan = Plan::new("x", tasks.clone())?;
        self.check_plan(&plan, &RunFlags::default())?;
        tasks[0].agent = Some(self.decomposer.clone());
        tasks.push(aura_core::StoryTask::new("y", "y"));
        self.preflight(&Plan::new("x", tasks)?).await
    }

    /// Refuses a landing that nothing would judge, before anything starts.
    ///
    /// # Errors
    /// `InvalidInput` where every gate is optional.
    pub(crate) fn check_landing(&self) -> Result<()> {
        let judges = |gate: &ConfiguredGate| {
            let gate = gate.definition();
            gate.required && gate.judges(GateSchedule::Final)
        };
        if self.gates == Gates::None || self.configured_gates().iter().any(judges) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidInput,
            "--merge needs a required gate that judges the final result, and there is none",
        )
        .with_help("configure one, name one with --gate, or say --no-gates to land without"))
    }
}

/// Tasks for somebody who does none.
fn no_work(what: &str) -> Error {
    let message = format!("{what}, which only answers questions");
    Error::new(ErrorKind::InvalidInput, message).with_help(
        "name an agent that can change files; one that only answers is for --decompose-with and --review",
    )
}

fn bad_pattern(error: &globset::Error) -> Error {
    Error::new(ErrorKind::InvalidConfig, error.to_string())
}

fn configured(entry: &GateEntry) -> ConfiguredGate {
    let program = gates::CommandGate::new(&entry.command).env_allow(&entry.env);
    let mut gate = ConfiguredGate::new(&entry.name, Arc::new(program))
        .required(entry.required)
        .flaky(entry.flaky)
        .counts_tests(entry.tests)
        .reviews(entry.reviews);
    if let Some(at) = &entry.at {
        gate = gate.at(at.iter().copied());
    }
    if let Some(timeout) = entry.timeout {
        gate = gate.timeout(timeout);
    }
    gate
}

fn choose_gates(
    engine: &EngineFlags,
    config: Option<&Config>,
    root: Option<&Path>,
) -> Result<Gates> {
    if engine.no_gates {
        return Ok(Gates::None);
    }
    if !engine.gates.is_empty() {
        let mut given: Vec<GateEntry> = Vec::new();
        for text in &engine.gates {
            let gate = GateEntry {
                env: engine.env.clone(),
                ..parse_gate(text)?
            };
            if given.iter().any(|other| other.name == gate.name) {
                let message = format!("two gates are called `{}`", gate.name);
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
            given.push(gate);
        }
        return Ok(Gates::Given(given));
    }
    // An empty list in the file is a statement too: `--no-gates` is still needed to land.
    Ok(config
        .and_then(|config| config.gates.clone())
        .map_or_else(|| Gates::Detected(root.map(Path::to_owned)), Gates::Given))
}

/// `NAME=CMD`.
fn parse_gate(text: &str) -> Result<GateEntry> {
    let (name, line) = text.split_once('=').unwrap_or_default();
    if name.trim().is_empty() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("the gate `{text}` has no name"),
        )
        .with_help("write --gate 'test=python3 -m unittest'"));
    }
    Ok(GateEntry {
        name: name.trim().to_owned(),
        command: words::split(line)?,
        env: Vec::new(),
        at: None,
        required: true,
        timeout: None,
        flaky: aura_core::FlakyPolicy::default(),
        tests: false,
        reviews: false,
    })
}

/// Whether anything that the file defines could be run.
fn uses_commands_of(
    config: &Config,
    (agents, reviewer): (&[AgentEntry], Option<&AgentEntry>),
    gates: &Gates,
) -> bool {
    let all = || agents.iter().chain(reviewer);
    let agent = all().any(|agent| agent.is_configured);
    // An agent of the command line is given the file's servers.
    let servers = config.mcp.is_some() && all().any(|agent| agent.preset.is_some());
    let gate = match gates {
        Gates::Given(given) => {
            let mut configured = config.gates.iter().flatten();
            configured.any(|gate| given.contains(gate))
        }
        Gates::None | Gates::Detected(_) => false,
    };
    let secrets = &config.secrets;
    let scanner = *gates != Gates::None && secrets.enabled && !secrets.command.is_empty();
    agent || servers || gate || scanner
}

fn policy(config: Option<&Config>, parallel: Option<usize>) -> Policy {
    let mut policy = Policy::default();
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    if let Some(config) = config {
        policy.max_parallel = config.max_parallel.unwrap_or(policy.max_parallel);
        policy.on_exhausted = config.on_exhausted.unwrap_or(policy.on_exhausted);
        policy.retry_max = config.retry_max.unwrap_or(policy.retry_max);
        policy.restart_max = config.restart_max.unwrap_or(policy.restart_max);
        policy.deadline_ms = config.timeout.map_or(policy.deadline_ms, millis);
        policy.idle_ms = config.idle_timeout.map_or(policy.idle_ms, millis);
        policy.limit_wait_ms = config.limit_wait.map_or(policy.limit_wait_ms, millis);
    }
    policy.max_parallel = parallel.unwrap_or(policy.max_parallel);
    policy
}

#[cfg(test)]
mod tests;
