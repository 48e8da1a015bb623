//! MCP servers, as agents are told of them. Each agent has a form of its own; most read a file.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::digest::digest;
use crate::error::{Error, ErrorKind, Result};

/// A server that the agent starts itself and talks to over its standard streams.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct McpServer {
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables to set for it.
    pub env: BTreeMap<String, String>,
}

impl McpServer {
    /// A program without arguments.
    pub fn new(command: impl Into<String>) -> Self {
        Self {
            command: command.into(),
            ..Self::default()
        }
    }

    /// Its arguments.
    #[must_use]
    pub fn args<I, S>(mut self, args: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// A variable to set for it. Where the name says that it is a secret, its value is masked in all output.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }
}

/// The servers of one agent, by name, and which of their tools it may use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct McpServers {
    pub(in crate::agent) servers: BTreeMap<String, McpServer>,
    pub(in crate::agent) tools: Option<Vec<String>>,
}

impl McpServers {
    /// No server.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a server under a name of letters, digits, `-` and `_`.
    #[must_use]
    pub fn server(mut self, name: impl Into<String>, server: McpServer) -> Self {
        self.servers.insert(name.into(), server);
        self
    }

    /// Only these tools of the servers; all of them unless said.
    #[must_use]
    pub fn tools<I, S>(mut self, tools: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.tools = Some(tools.into_iter().map(Into::into).collect());
        self
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// Whether a tool, by the name that an agent tells, is one of the servers' that the user left out.
    pub(in crate::agent) fn leaves_out(&self, tool: &str) -> bool {
        let Some(tools) = &self.tools else {
            return false;
        };
        let mut servers = self.servers.keys();
        servers.any(|server| {
            let name = tool.strip_prefix(&format!("mcp__{server}__"));
            name.is_some_and(|name| tools.iter().all(|known| known != name))
        })
    }

    pub(in crate::agent) fn digest(&self) -> String {
        let mut parts = Vec::new();
        for (name, server) in &self.servers {
            parts.extend(["server", name, &server.command]);
            parts.extend(server.args.iter().map(String::as_str));
            parts.push("env");
            parts.extend(server.env.keys().map(String::as_str));
        }
        if let Some(tools) = &self.tools {
            parts.push("tools");
            parts.extend(tools.iter().map(String::as_str));
        }
        digest(parts.into_iter().map(str::as_bytes))
    }

    pub(in crate::agent) fn secrets(&self) -> Vec<(String, String)> {
        let variables = self.servers.values().flat_map(|server| &server.env);
        variables
            .filter(|(name, _)| crate::prompt::is_secret_name(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Names become parts of command lines and of names of tools.
    pub(in crate::agent) fn check(&self) -> Result<()> {
        let plain = |name: &str| {
            let mut bytes = name.bytes();
            !name.is_empty()
                && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let tools = self.tools.iter().flatten();
        if let Some(name) = self.servers.keys().chain(tools).find(|name| !plain(name)) {
            let message =
                format!("the MCP server or tool {name:?} has a name that agents cannot use");
            return Err(Error::new(ErrorKind::InvalidConfig, message)
                .with_help("use letters, digits, `-` and `_`"));
        }
        if let Some((name, _)) = self
            .servers
            .iter()
            .find(|(_, server)| server.command.is_empty())
        {
            let message = format!("the MCP server `{name}` has no command");
            return Err(Error::new(ErrorKind::InvalidConfig, message)
                .with_help("name the program that it is"));
        }
        Ok(())
    }

    /// `{"mcpServers": {name: {command, args, env, ..more}}}`, which most agents read.
    pub(in crate::agent) fn file(&self, more: impl Fn(&mut Map<String, Value>)) -> Value {
        json!({ "mcpServers": self.entries(more) })
    }

    pub(in crate::agent) fn entries(&self, more: impl Fn(&mut Map<String, Value>)) -> Value {
        let entry = |server: &McpServer| {
            let mut entry = Map::new();
            entry.insert("command".to_owned(), json!(server.command));
            entry.insert("args".to_owned(), json!(server.args));
            entry.insert("env".to_owned(), json!(server.env));
            more(&mut entry);
            Value::Object(entry)
        };
        let servers = self.servers.iter();
        servers
            .map(|(name, server)| (name.clone(), entry(server)))
            .collect()
    }
}
