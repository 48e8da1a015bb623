//! Which agents there are for one call, and how they are made.

use std::sync::Arc;

use aura_core::agents::{self, AcpAgent, CliAgent};
use aura_core::{AgentBackend, Error, ErrorKind, Result};

use super::Shared;
use crate::args::{DecomposeFlags, EngineFlags};
#[cfg(feature = "llm")]
use crate::config::language_model;
use crate::config::{ACP, AgentEntry, Config, LLM, PATH};
use crate::environment::Environment;
use crate::words;

/// The agent of tasks that name none.
pub(super) const DEFAULT_AGENT: &str = "default";

/// The agent that makes plans where nobody else is named.
const DECOMPOSER: &str = "decomposer";

/// Whether an agent answers questions and does no tasks.
pub(super) fn only_answers(entry: &AgentEntry) -> bool {
    entry.preset.as_deref() == Some(LLM)
}

/// An agent as the file and the command line want it.
pub(super) fn started(entry: &AgentEntry, shared: &Shared) -> Arc<dyn AgentBackend> {
    if entry.preset.as_deref() == Some(ACP) {
        return Arc::new(acp(entry, shared));
    }
    // Without the feature no entry is one.
    #[cfg(feature = "llm")]
    if only_answers(entry) {
        return Arc::new(language_model(entry));
    }
    let Some(mut agent) = entry.preset.as_deref().and_then(CliAgent::named) else {
        let program = agents::command(&entry.command);
        return Arc::new(program.env_allow(&entry.env).sandbox(&entry.sandbox));
    };
    if let Some(model) = entry.model.as_ref().or(shared.model.as_ref()) {
        agent = agent.model(model);
    }
    if let Some(yolo) = shared.yolo {
        agent = agent.yolo(yolo);
    }
    if let Some(role) = &entry.role {
        agent = agent.role(role);
    }
    // One that knows no servers works without.
    if let Some(servers) = shared.mcp.as_ref().filter(|_| agent.takes_mcp()) {
        agent = agent.mcp(servers.clone());
    }
    Arc::new(agent.env_allow(&entry.env).sandbox(&entry.sandbox))
}

fn acp(entry: &AgentEntry, shared: &Shared) -> AcpAgent {
    let mut agent = agents::acp(&entry.command);
    // The model that all agents share is none that this one need offer.
    if let Some(model) = &entry.model {
        agent = agent.model(model);
    }
    if let Some(yolo) = shared.yolo {
        agent = agent.yolo(yolo);
    }
    if let Some(role) = &entry.role {
        agent = agent.role(role);
    }
    if let Some(servers) = &shared.mcp {
        agent = agent.mcp(servers.clone());
    }
    agent.env_allow(&entry.env).sandbox(&entry.sandbox)
}

/// The agents of the file, and the one that the call names as that of tasks which name none.
///
/// # Errors
/// `InvalidInput` for a name that nobody defines, and a line that cannot be split into words.
pub(super) fn choose_agents(
    engine: &EngineFlags,
    environment: &Environment,
    config: Option<&Config>,
) -> Result<Vec<AgentEntry>> {
    let mut agents = config
        .map(|config| config.agents.clone())
        .unwrap_or_default();
    let line = match (&engine.agent_command, &engine.agent) {
        (Some(line), _) => Some(line),
        (None, Some(name)) => {
            let found = agents.iter().find(|agent| &agent.name == name).cloned();
            let Some(found) = found.or_else(|| preset(name, &engine.env)) else {
                return Err(unknown(name, &agents));
            };
            set_default(&mut agents, found);
            None
        }
        (None, None) => environment.agent_command.as_ref(),
    };
    if let Some(line) = line {
        let agent = AgentEntry {
            command: words::split(line)?,
            env: engine.env.clone(),
            ..AgentEntry::default()
        };
        set_default(&mut agents, agent);
    }
    Ok(agents)
}

/// Who cuts stories into tasks: whom the call names, else the agent called `decomposer`, else the one of tasks that name none. One that
/// needs no definition becomes one of the agents.
///
/// # Errors
/// `InvalidInput` for a name that nobody defines.
pub(super) fn choose_decomposer(
    engine: &EngineFlags,
    tasks: &DecomposeFlags,
    agents: &mut Vec<AgentEntry>,
) -> Result<String> {
    let is_defined = |name: &str| agents.iter().any(|agent| agent.name == name);
    let Some(name) = &tasks.decompose_with else {
        let own = [DECOMPOSER].into_iter().find(|name| is_defined(name));
        return Ok(own.unwrap_or(DEFAULT_AGENT).to_owned());
    };
    if !is_defined(name) {
        let found = preset(name, &engine.env).ok_or_else(|| unknown(name, agents))?;
        agents.push(found);
    }
    Ok(name.clone())
}

pub(super) fn unknown(name: &str, agents: &[AgentEntry]) -> Error {
    let defined = agents.iter().map(|agent| agent.name.clone());
    let presets = CliAgent::names().map(ToOwned::to_owned);
    let known: Vec<String> = defined.chain(presets).collect();
    let help = format!(
        "define it in {PATH}, or use --agent-command; agents are: {}",
        known.join(", ")
    );
    let message = format!("there is no agent `{name}`");
    Error::new(ErrorKind::InvalidInput, message).with_help(help)
}

fn is_preset(name: &str) -> bool {
    CliAgent::names().any(|known| known == name)
}

/// An agent that needs no definition: the one of that name.
pub(super) fn preset(name: &str, env: &[String]) -> Option<AgentEntry> {
    is_preset(name).then(|| AgentEntry {
        name: name.to_owned(),
        preset: Some(name.to_owned()),
        env: env.to_vec(),
        ..AgentEntry::default()
    })
}

fn set_default(agents: &mut Vec<AgentEntry>, agent: AgentEntry) {
    agents.retain(|agent| agent.name != DEFAULT_AGENT);
    agents.push(AgentEntry {
        name: DEFAULT_AGENT.to_owned(),
        // It does what nobody else is there for.
        when: Vec::new(),
        ..agent
    });
}

/// Refuses names that mean nothing, and names that nobody would get to see.
///
/// # Errors
/// `InvalidInput`.
pub(super) fn check_env(
    engine: &EngineFlags,
    environment: &Environment,
    config: Option<&Config>,
) -> Result<()> {
    let refused = |message: String| Error::new(ErrorKind::InvalidInput, message);
    for name in &engine.env {
        check_variable(name).map_err(|why| refused(format!("--env: {why}")))?;
    }
    let is_defined = |name: &str| {
        let mut agents = config.iter().flat_map(|config| &config.agents);
        agents.any(|agent| agent.name == name)
    };
    let is_given = match (&engine.agent_command, &engine.agent) {
        (Some(_), _) => true,
        (None, Some(name)) => is_preset(name) && !is_defined(name),
        (None, None) => environment.agent_command.is_some(),
    };
    if engine.env.is_empty() || is_given || !engine.gates.is_empty() {
        return Ok(());
    }
    Err(refused(
        "--env is for the agent and the gates of the command line, and there are none".to_owned(),
    )
    .with_help(format!(
        "write `env: [NAME]` at the agent or the gate in {PATH}"
    )))
}

/// Why a text does not name variables of the environment.
///
/// # Errors
/// In words.
pub(crate) fn check_variable(name: &str) -> Result<(), String> {
    let stem = name.strip_suffix('*').unwrap_or(name);
    if name.contains('=') {
        return Err(format!(
            "`{name}` has a value: write the name only, and set it where aura is called"
        ));
    }
    if stem.contains('*') || stem.contains('\0') || stem.trim() != stem || name.is_empty() {
        return Err(format!(
            "`{name}` names no environment variable; only its end may be a `*`"
        ));
    }
    Ok(())
}
