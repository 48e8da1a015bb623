//! A language model as an agent, as other languages describe it.

use std::sync::Arc;

use serde::Deserialize;

use crate::agent::AgentBackend;
use crate::error::Result;

/// Read with every build, so that a wrong option is refused in the same words by all of them.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    not(feature = "llm"),
    expect(dead_code, reason = "only a build with the feature asks anybody")
)]
pub(super) struct LlmOptions {
    model: String,
    endpoint: Option<String>,
    key: Option<String>,
    role: Option<String>,
    temperature: Option<f64>,
}

impl LlmOptions {
    #[cfg(feature = "llm")]
    pub(super) fn make(self, name: &str) -> Result<Arc<dyn AgentBackend>> {
        let mut agent = crate::agents::llm(self.model);
        if let Some(endpoint) = self.endpoint {
            agent = agent.endpoint(endpoint);
        }
        if let Some(key) = self.key {
            agent = agent.key(key);
        }
        if let Some(role) = self.role {
            agent = agent.role(role);
        }
        if let Some(temperature) = self.temperature {
            agent = agent.temperature(temperature);
        }
        let checked = agent.check();
        checked.map_err(|error| error.context(format!("agent `{name}`")))?;
        Ok(Arc::new(agent))
    }

    #[cfg(not(feature = "llm"))]
    pub(super) fn make(self, name: &str) -> Result<Arc<dyn AgentBackend>> {
        use crate::error::{Error, ErrorKind};

        let message = format!(
            "agent `{name}` asks a language model, and this build cannot: it is without the feature `llm`"
        );
        Err(Error::new(ErrorKind::InvalidConfig, message)
            .with_help("build the package with the feature `llm`, as its README says"))
    }
}
