//! A language model as an agent of the file: it is asked over HTTP, and works on nothing.

use aura_core::Problem;
#[cfg(feature = "llm")]
use aura_core::agents::{self, LlmAgent};

use super::AgentEntry;
use super::reader::Reader;
use super::tree::Place;

/// The backend of language models.
pub(crate) const LLM: &str = "llm";

/// The agent that such an entry describes.
#[cfg(feature = "llm")]
pub(crate) fn language_model(entry: &AgentEntry) -> LlmAgent {
    let mut agent = agents::llm(entry.model.clone().unwrap_or_default());
    if let Some(endpoint) = &entry.endpoint {
        agent = agent.endpoint(endpoint);
    }
    if let Some(key) = &entry.key {
        agent = agent.key(key);
    }
    if let Some(role) = &entry.role {
        agent = agent.role(role);
    }
    agent
}

/// Refuses what cannot be asked: without a model, or with one that nobody knows.
#[cfg(feature = "llm")]
pub(super) fn check(entry: &AgentEntry, (at, backend): (Place, Place), reader: &mut Reader) {
    if entry.model.is_none() {
        let message = format!("agent `{}` has no `model`", entry.name);
        let help = "write provider::model, as in anthropic::claude-sonnet-4-5";
        reader.push(at, Problem::error("missing_key", message).help(help));
    } else if let Err(error) = language_model(entry).check() {
        let message = format!("agent `{}`: {error}", entry.name);
        let problem = Problem::error("invalid_agent", message);
        let help = error.help().map(ToOwned::to_owned);
        reader.push(backend, Problem { help, ..problem });
    }
}

/// Refuses it whole: this command has no client for HTTP.
#[cfg(not(feature = "llm"))]
pub(super) fn check(entry: &AgentEntry, (_, backend): (Place, Place), reader: &mut Reader) {
    let message = format!(
        "agent `{}` asks a language model, and this build of aura cannot: it is without the feature `llm`",
        entry.name
    );
    let help = "install it with `cargo install --path aura-cli --features llm`";
    reader.push(
        backend,
        Problem::error("missing_feature", message).help(help),
    );
}
