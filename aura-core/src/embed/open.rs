//! How an orchestrator is opened from another language.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::agent::AgentBackend;
use crate::agents::{McpServer, McpServers};
use crate::error::{Error, ErrorKind, Result};
use crate::gate::{ConfiguredGate, Gate};
use crate::host::HostQueue;
use crate::model::{FlakyPolicy, GateSchedule, Patterns};
use crate::orchestrator::Orchestrator;
use crate::prompt::Prompts;
use crate::store::MemoryStore;
use crate::{agents, gates};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenOptions {
    path: PathBuf,
    #[serde(default)]
    agents: BTreeMap<String, AgentOptions>,
    #[serde(default)]
    gates: Vec<GateOptions>,
    #[serde(default)]
    detect_gates: bool,
    #[serde(default)]
    store: StoreKind,
    prompt_template: Option<String>,
    patterns: Option<PatternOptions>,
    workspace_root: Option<PathBuf>,
}

/// A directory, or texts by name.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "patterns are a directory, or an object of texts by name"
)]
enum PatternOptions {
    Directory(PathBuf),
    Texts(BTreeMap<String, String>),
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum StoreKind {
    #[default]
    Sqlite,
    Memory,
}

/// A program, an agent that is ready to use, or something that the host does.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentOptions {
    command: Option<Vec<String>>,
    acp: Option<Vec<String>>,
    preset: Option<String>,
    model: Option<String>,
    yolo: Option<bool>,
    program: Option<String>,
    args: Option<Vec<String>>,
    config_dir: Option<PathBuf>,
    role: Option<String>,
    mcp: Option<McpOptions>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    env_allow: Vec<String>,
    #[serde(default)]
    sandbox: Vec<String>,
    host: Option<HostOptions>,
    llm: Option<super::llm::LlmOptions>,
}

/// What only a preset takes.
const ONLY_PRESETS: [&str; 3] = ["program", "args", "config_dir"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GateOptions {
    #[serde(default)]
    name: String,
    command: Option<Vec<String>>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    env_allow: Vec<String>,
    #[serde(default)]
    sandbox: Vec<String>,
    host: Option<HostOptions>,
    protected: Option<ProtectedOptions>,
    review: Option<ReviewOptions>,
    secrets: Option<SecretsOptions>,
    at: Option<Vec<GateSchedule>>,
    required: Option<bool>,
    flaky: Option<FlakyPolicy>,
    timeout_ms: Option<u64>,
    counts_tests: Option<bool>,
    reviews: Option<bool>,
}

/// The gate that asks about protected paths.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProtectedOptions {
    #[serde(default)]
    paths: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretsOptions {
    /// A program that looks in place of the built-in rules.
    external: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HostOptions {
    /// Changes when what the host does changes.
    #[serde(default)]
    version: String,
}

/// One of the agents as a reviewer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReviewOptions {
    agent: String,
    template: Option<String>,
}

/// Opens a repository whose host agents and gates find their jobs in the queue.
pub(super) async fn open(options: OpenOptions, queue: &HostQueue) -> Result<Orchestrator> {
    let mut builder = Orchestrator::builder(options.path).detect_gates(options.detect_gates);
    let mut agents = BTreeMap::new();
    for (name, agent) in options.agents {
        let made = agent.make(&name, queue)?;
        agents.insert(name.clone(), Arc::clone(&made));
        builder = builder.shared_agent(name, made);
    }
    for gate in options.gates {
        builder = builder.gate(gate.make(queue, &agents)?);
    }
    if matches!(options.store, StoreKind::Memory) {
        builder = builder.store(Arc::new(MemoryStore::new()));
    }
    if let Some(template) = options.prompt_template {
        builder = builder.prompts(Prompts::with_template(&template)?);
    }
    if let Some(patterns) = options.patterns {
        builder = builder.patterns(match patterns {
            PatternOptions::Directory(directory) => Patterns::load(directory)?,
            PatternOptions::Texts(texts) => Patterns::new(texts)?,
        });
    }
    if let Some(root) = options.workspace_root {
        builder = builder.workspace_root(root);
    }
    builder.open().await
}

impl AgentOptions {
    fn make(self, name: &str, queue: &HostQueue) -> Result<Arc<dyn AgentBackend>> {
        if self.preset.is_some() {
            return self.make_preset(name);
        }
        if self.acp.is_some() {
            return self.make_acp(name);
        }
        if self.llm.is_some() {
            return self.make_llm(name);
        }
        let acp_takes = ["model", "yolo", "role", "mcp"].as_slice();
        if let Some(only) = self.only_for(&[acp_takes, &ONLY_PRESETS].concat()) {
            let message = format!("the agent `{name}` has `{only}`, which a command does not take");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        match (self.command, self.host) {
            (Some(command), None) => {
                let agent = agents::command(command)
                    .env_allow(self.env_allow)
                    .sandbox(self.sandbox);
                let agent = self
                    .env
                    .into_iter()
                    .fold(agent, |agent, (name, value)| agent.env(name, value));
                Ok(Arc::new(agent))
            }
            (None, Some(host)) => Ok(Arc::new(agents::host(queue, name, host.version))),
            _ => Err(one_of("agent", name)),
        }
    }

    /// The first of these members that is there.
    fn only_for(&self, members: &[&'static str]) -> Option<&'static str> {
        let is_there = |member: &str| match member {
            "model" => self.model.is_some(),
            "yolo" => self.yolo.is_some(),
            "program" => self.program.is_some(),
            "args" => self.args.is_some(),
            "config_dir" => self.config_dir.is_some(),
            "role" => self.role.is_some(),
            _ => self.mcp.is_some(),
        };
        members.iter().copied().find(|member| is_there(member))
    }

    fn make_llm(self, name: &str) -> Result<Arc<dyn AgentBackend>> {
        if self.command.is_some() || self.host.is_some() {
            return Err(one_of("agent", name));
        }
        let programs_take = [
            ("env", !self.env.is_empty()),
            ("env_allow", !self.env_allow.is_empty()),
            ("sandbox", !self.sandbox.is_empty()),
        ];
        let only = programs_take.into_iter().find(|(_, is_there)| *is_there);
        let only = only.map(|(member, _)| member);
        let acp_takes = ["model", "yolo", "role", "mcp"].as_slice();
        if let Some(only) = only.or_else(|| self.only_for(&[acp_takes, &ONLY_PRESETS].concat())) {
            let message =
                format!("the agent `{name}` has `{only}`, which a language model does not take");
            return Err(Error::new(ErrorKind::InvalidInput, message)
                .with_help("its options are members of `llm`"));
        }
        self.llm.unwrap_or_default().make(name)
    }

    fn make_acp(self, name: &str) -> Result<Arc<dyn AgentBackend>> {
        if self.command.is_some() || self.host.is_some() || self.llm.is_some() {
            return Err(one_of("agent", name));
        }
        if let Some(only) = self.only_for(&ONLY_PRESETS) {
            let message = format!("the agent `{name}` has `{only}`, which only a preset takes");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let agent = agents::acp(self.acp.unwrap_or_default());
        let mut agent = agent.env_allow(self.env_allow).sandbox(self.sandbox);
        for (variable, value) in self.env {
            agent = agent.env(variable, value);
        }
        if let Some(model) = self.model {
            agent = agent.model(model);
        }
        if let Some(yolo) = self.yolo {
            agent = agent.yolo(yolo);
        }
        if let Some(role) = self.role {
            agent = agent.role(role);
        }
        if let Some(mcp) = self.mcp {
            agent = agent.mcp(mcp.into());
        }
        Ok(Arc::new(agent))
    }

    fn make_preset(self, name: &str) -> Result<Arc<dyn AgentBackend>> {
        let others = self.command.is_some() || self.host.is_some() || self.acp.is_some();
        if others || self.llm.is_some() {
            return Err(one_of("agent", name));
        }
        let preset = self.preset.unwrap_or_default();
        let Some(mut agent) = agents::CliAgent::named(&preset) else {
            let known: Vec<&str> = agents::CliAgent::names().collect();
            return Err(super::unknown("preset", &preset, &known));
        };
        agent = agent.env_allow(self.env_allow).sandbox(self.sandbox);
        for (variable, value) in self.env {
            agent = agent.env(variable, value);
        }
        for argument in self.args.into_iter().flatten() {
            agent = agent.arg(argument);
        }
        if let Some(model) = self.model {
            agent = agent.model(model);
        }
        if let Some(yolo) = self.yolo {
            agent = agent.yolo(yolo);
        }
        if let Some(program) = self.program {
            agent = agent.program(program);
        }
        if let Some(folder) = self.config_dir {
            agent = agent.config_dir(folder);
        }
        if let Some(role) = self.role {
            agent = agent.role(role);
        }
        if let Some(mcp) = self.mcp {
            agent = agent.mcp(mcp.into());
        }
        Ok(Arc::new(agent))
    }
}

/// MCP servers for an agent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct McpOptions {
    servers: BTreeMap<String, McpServerOptions>,
    tools: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct McpServerOptions {
    command: String,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

impl From<McpOptions> for McpServers {
    fn from(options: McpOptions) -> Self {
        let servers = options.servers.into_iter();
        let all = servers.fold(Self::new(), |all, (name, given)| {
            let server = McpServer::new(given.command).args(given.args);
            let server = given
                .env
                .into_iter()
                .fold(server, |server, (name, value)| server.env(name, value));
            all.server(name, server)
        });
        match options.tools {
            Some(tools) => all.tools(tools),
            None => all,
        }
    }
}

impl GateOptions {
    fn make(
        self,
        queue: &HostQueue,
        agents: &BTreeMap<String, Arc<dyn AgentBackend>>,
    ) -> Result<ConfiguredGate> {
        if let Some(protected) = &self.protected {
            return self.make_protected(&protected.paths);
        }
        if let Some(secrets) = &self.secrets {
            return self.make_secrets(secrets);
        }
        let name = self.name;
        if name.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "a gate has no `name`"));
        }
        let is_review = self.review.is_some();
        let has_program =
            !self.env.is_empty() || !self.env_allow.is_empty() || !self.sandbox.is_empty();
        if is_review && has_program {
            let message =
                format!("the gate `{name}` is a review, whose environment is its agent's");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let gate: Arc<dyn Gate> = match (self.command, self.host, self.review) {
            (None, None, Some(review)) => Arc::new(review.make(&name, agents)?),
            (Some(command), None, None) => {
                let gate = gates::CommandGate::new(command)
                    .env_allow(self.env_allow)
                    .sandbox(self.sandbox);
                Arc::new(
                    self.env
                        .into_iter()
                        .fold(gate, |gate, (name, value)| gate.env(name, value)),
                )
            }
            (None, Some(host), None) => Arc::new(gates::HostGate::new(queue, &name, host.version)),
            _ => return Err(one_of("gate", &name)),
        };
        let mut gate = ConfiguredGate::new(name, gate);
        if is_review {
            gate = gate.reviews(true).at([GateSchedule::AfterTask]);
        }
        if let Some(at) = self.at {
            gate = gate.at(at);
        }
        if let Some(required) = self.required {
            gate = gate.required(required);
        }
        if let Some(flaky) = self.flaky {
            gate = gate.flaky(flaky);
        }
        if let Some(counts) = self.counts_tests {
            gate = gate.counts_tests(counts);
        }
        if let Some(reviews) = self.reviews {
            gate = gate.reviews(reviews);
        }
        if let Some(timeout) = self.timeout_ms {
            gate = gate.timeout(Duration::from_millis(timeout));
        }
        Ok(gate)
    }

    /// Its name and its point are given, since it judges what one task did.
    fn make_protected(&self, paths: &[String]) -> Result<ConfiguredGate> {
        self.alone("protected paths", self.secrets.is_some())?;
        gates::protected_paths_and(paths)
    }

    /// Its name and its points are given.
    fn make_secrets(&self, secrets: &SecretsOptions) -> Result<ConfiguredGate> {
        self.alone("secrets", self.protected.is_some())?;
        Ok(match &secrets.external {
            None => gates::secrets(),
            Some(program) => gates::secrets_by(program),
        })
    }

    /// Refuses what a gate that needs nothing else is given.
    fn alone(&self, what: &str, has_other: bool) -> Result<()> {
        let members = [
            ("name", !self.name.is_empty()),
            ("command", self.command.is_some()),
            ("host", self.host.is_some()),
            ("review", self.review.is_some()),
            ("protected` or `secrets", has_other),
            ("env", !self.env.is_empty()),
            ("env_allow", !self.env_allow.is_empty()),
            ("sandbox", !self.sandbox.is_empty()),
            ("at", self.at.is_some()),
            ("required", self.required.is_some()),
            ("flaky", self.flaky.is_some()),
            ("counts_tests", self.counts_tests.is_some()),
            ("reviews", self.reviews.is_some()),
            ("timeout_ms", self.timeout_ms.is_some()),
        ];
        match members.into_iter().find(|(_, is_there)| *is_there) {
            Some((member, _)) => {
                let message = format!("the gate for {what} takes no `{member}`");
                Err(Error::new(ErrorKind::InvalidInput, message))
            }
            None => Ok(()),
        }
    }
}

impl ReviewOptions {
    fn make(
        self,
        gate: &str,
        agents: &BTreeMap<String, Arc<dyn AgentBackend>>,
    ) -> Result<gates::ReviewGate> {
        let Some(agent) = agents.get(&self.agent) else {
            let message = format!(
                "the gate `{gate}` names the agent `{}`, which is not there",
                self.agent
            );
            return Err(Error::new(ErrorKind::InvalidInput, message)
                .with_help("name one of `agents`, which may be one that no task uses"));
        };
        let review = gates::ReviewGate::new(Arc::clone(agent))?;
        match self.template {
            Some(template) => review.template(&template),
            None => Ok(review),
        }
    }
}

fn one_of(what: &str, name: &str) -> Error {
    let preset = if what == "agent" {
        ", a preset, a program of the Agent Client Protocol, a language model"
    } else {
        ""
    };
    Error::new(
        ErrorKind::InvalidInput,
        format!("the {what} `{name}` has to be either a command{preset} or a function of the host"),
    )
    .with_help("give a list with a program and its arguments, or an object with a method `run`")
}
