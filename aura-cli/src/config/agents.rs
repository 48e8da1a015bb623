//! The agents of the file, and what they share: servers, the model, how much they may do.

use std::collections::BTreeMap;
use std::path::Path;

use aura_core::Problem;
use aura_core::agents::{CliAgent, McpServer, McpServers};
use globset::Glob;

use super::llm::{self, LLM};
use super::reader::{Key, Reader, key};
use super::tree::{Data, Entry, Node, Place};
use super::{AgentEntry, Config};

/// The backend of programs that speak the Agent Client Protocol.
pub(crate) const ACP: &str = "acp";

/// Bytes of a role; more is no role.
const MAX_ROLE: usize = 256 * 1024;

const AGENT: &[Key] = &[
    key("backend"),
    key("command"),
    key("env"),
    key("model"),
    key("role"),
    key("when"),
    key("sandbox"),
    key("fallback"),
    key("endpoint"),
    key("key"),
];

const MCP: &[Key] = &[key("enabled"), key("server"), key("servers"), key("tools")];

/// Reads `agents`; roles are files below `root`.
pub(super) fn agents(node: &Node, root: &Path, config: &mut Config, reader: &mut Reader) {
    let entries = reader.entries(node, "`agents`");
    let mut fallbacks: Vec<(String, Place)> = Vec::new();
    for entry in entries {
        if let Some((agent, fallback)) = agent(entry, root, reader) {
            fallbacks.extend(agent.fallback.clone().zip(fallback));
            config.agents.push(agent);
        }
    }
    for (name, at) in fallbacks {
        let is_llm = |agent: &AgentEntry| agent.preset.as_deref() == Some(LLM);
        if config
            .agents
            .iter()
            .any(|agent| agent.name == name && is_llm(agent))
        {
            let message =
                format!("the agent `{name}` only answers questions, and stands in for nobody");
            reader.push(at, Problem::error("unsupported_value", message));
        } else if !entries.iter().any(|entry| entry.key == name) {
            let message = format!("nobody defines the agent `{name}`");
            reader.push(at, Problem::error("unknown_agent", message));
        }
    }
}

/// An agent, and where its fallback is named; `None` with a problem where it is not complete.
fn agent(entry: &Entry, root: &Path, reader: &mut Reader) -> Option<(AgentEntry, Option<Place>)> {
    let before = reader.problems.len();
    let what = format!("agent `{}`", entry.key);
    let mut agent = AgentEntry {
        name: entry.key.clone(),
        is_configured: true,
        ..AgentEntry::default()
    };
    let mut backend = None;
    let mut fallback = None;
    let mut given = Vec::new();
    for (name, value) in reader.fields(&entry.value, &what, AGENT) {
        let which = format!("the {name} of {what}");
        given.push((name, value.at));
        match name {
            "backend" => backend = reader.text(value, &which).map(|text| (text, value.at)),
            "command" => agent.command = reader.command(value, &which).unwrap_or_default(),
            "model" => agent.model = reader.text(value, &which).map(ToOwned::to_owned),
            "endpoint" => agent.endpoint = reader.text(value, &which).map(ToOwned::to_owned),
            "key" => agent.key = reader.text(value, &which).map(ToOwned::to_owned),
            "role" => agent.role = role(value, root, &which, reader),
            "env" => agent.env = reader.variables(value, &which),
            "when" => agent.when = globs(value, &which, reader),
            "sandbox" => agent.sandbox = reader.command(value, &which).unwrap_or_default(),
            _ => {
                agent.fallback = reader.text(value, &which).map(ToOwned::to_owned);
                fallback = Some(value.at);
            }
        }
    }
    let has_command = matches!(&entry.value.data, Data::Map(fields) if fields.iter().any(|field| field.key == "command"));
    let backend_name = backend.map_or("command", |(name, _)| name);
    for (name, at) in given {
        if !takes(backend_name, name) {
            let message = format!("`{name}` of {what} has no effect on {}", kind(backend_name));
            let help = "name a backend that knows of it, or leave it out";
            reader.push(at, Problem::error("unsupported_key", message).help(help));
        }
    }
    match backend {
        Some((LLM, at)) => {
            agent.preset = Some(LLM.to_owned());
            llm::check(&agent, (entry.at, at), reader);
        }
        None | Some(("command", _)) => {
            if !has_command {
                let message = format!("{what} has neither a `command` nor a `backend`");
                reader.push(entry.at, Problem::error("missing_key", message));
            }
        }
        Some((ACP, _)) => {
            agent.preset = Some(ACP.to_owned());
            if !has_command {
                let message =
                    format!("{what} has no `command`: the program that speaks the protocol");
                reader.push(entry.at, Problem::error("missing_key", message));
            }
        }
        Some((name, at)) if CliAgent::names().any(|known| known == name) => {
            agent.preset = Some(name.to_owned());
            if has_command {
                let message = format!("{what} has a `command` beside the backend `{name}`");
                reader.push(at, Problem::error("conflict", message));
            }
        }
        Some((name, at)) => {
            let known: Vec<&str> = CliAgent::names().collect();
            let message = format!("there is no backend `{name}`");
            let help = format!("there are command, {ACP}, {LLM}, {}", known.join(", "));
            reader.push(at, Problem::error("unknown_value", message).help(help));
        }
    }
    (reader.problems.len() == before).then_some((agent, fallback))
}

/// Whether a key means something for a backend. A program beside a backend that brings its own is told of elsewhere.
fn takes(backend: &str, key: &str) -> bool {
    match backend {
        LLM => ["backend", "model", "role", "endpoint", "key"].contains(&key),
        "command" => !["model", "role", "endpoint", "key"].contains(&key),
        _ => !["endpoint", "key"].contains(&key),
    }
}

/// For messages.
fn kind(backend: &str) -> &'static str {
    match backend {
        LLM => "a language model",
        "command" => "a command",
        _ => "such an agent",
    }
}

fn role(node: &Node, root: &Path, what: &str, reader: &mut Reader) -> Option<String> {
    let path = root.join(reader.text(node, what)?);
    let read = match super::read(&path, MAX_ROLE) {
        Ok(bytes) if bytes.len() > MAX_ROLE => Err("it is larger than 256 KiB".to_owned()),
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| "it is not encoded in UTF-8".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    match read {
        Ok(text) => Some(text),
        Err(why) => {
            let message = format!("{what}, {}, cannot be read: {why}", path.display());
            reader.push(node.at, Problem::error("unreadable", message));
            None
        }
    }
}

fn globs(node: &Node, what: &str, reader: &mut Reader) -> Vec<String> {
    let mut globs = Vec::new();
    for item in reader.list(node, what) {
        let Some(text) = reader.text(item, what) else {
            continue;
        };
        match Glob::new(text) {
            Ok(_) => globs.push(text.to_owned()),
            Err(error) => {
                let message = format!("{what}: `{text}` is no pattern: {}", error.kind());
                reader.push(item.at, Problem::error("bad_pattern", message));
            }
        }
    }
    globs
}

/// Reads `mcp`: the servers that agents are given.
pub(super) fn mcp(node: &Node, config: &mut Config, reader: &mut Reader) {
    let mut enabled = false;
    let mut chosen: Option<(&str, Place)> = None;
    let mut servers = BTreeMap::new();
    let mut tools = None;
    for (name, value) in reader.fields(node, "`mcp`", MCP) {
        match name {
            "enabled" => enabled = reader.flag(value, "`enabled`").unwrap_or_default(),
            "server" => chosen = reader.text(value, "`server`").map(|name| (name, value.at)),
            "servers" => {
                for entry in reader.entries(value, "`servers`") {
                    if let Some(server) = server(entry, reader) {
                        servers.insert(entry.key.clone(), server);
                    }
                }
            }
            _ => tools = Some(texts(value, "a tool", reader)),
        }
    }
    if let Some((name, at)) = chosen
        && enabled
        && !servers.contains_key(name)
    {
        let message = format!("`servers` does not define the server `{name}`");
        reader.push(at, Problem::error("unknown_server", message));
        return;
    }
    if !enabled {
        return;
    }
    if servers.is_empty() {
        let message = "`mcp` is enabled and has no server";
        reader.push(node.at, Problem::error("missing_key", message));
        return;
    }
    let given = servers
        .into_iter()
        .filter(|(name, _)| chosen.is_none_or(|(only, _)| only == name));
    let mut all = McpServers::new();
    for (name, server) in given {
        let words = std::iter::once(server.command.clone()).chain(server.args.clone());
        config.servers.push((name.clone(), words.collect()));
        all = all.server(name, server);
    }
    config.mcp = Some(match tools {
        Some(tools) => all.tools(tools),
        None => all,
    });
}

fn server(entry: &Entry, reader: &mut Reader) -> Option<McpServer> {
    let what = format!("server `{}`", entry.key);
    let known = [key("command"), key("args"), key("env")];
    let mut server = McpServer::default();
    for (name, value) in reader.fields(&entry.value, &what, &known) {
        match name {
            "command" => {
                let command = reader.text(value, &format!("the command of {what}"));
                server.command = command.unwrap_or_default().to_owned();
            }
            "args" => server.args = texts(value, &format!("an argument of {what}"), reader),
            _ => {
                for variable in reader.entries(value, &format!("the variables of {what}")) {
                    let which = format!("the variable `{}` of {what}", variable.key);
                    if let Some(text) = reader.text(&variable.value, &which) {
                        server = server.env(&variable.key, text);
                    }
                }
            }
        }
    }
    if server.command.is_empty() {
        let message = format!("{what} has no `command`");
        reader.push(entry.at, Problem::error("missing_key", message));
        return None;
    }
    Some(server)
}

fn texts(node: &Node, what: &str, reader: &mut Reader) -> Vec<String> {
    let mut texts = Vec::new();
    for item in reader.list(node, what) {
        texts.extend(reader.text(item, what).map(ToOwned::to_owned));
    }
    texts
}
