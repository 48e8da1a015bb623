//! Who reviews, and whether anybody has to.

use aura_core::{ConfiguredGate, Error, ErrorKind, Plan, Result};

use super::Settings;
use super::agents::{DEFAULT_AGENT, preset, unknown};
use crate::args::EngineFlags;
use crate::config::{AgentEntry, Config};

/// The agent that reviews where nobody else is named.
const REVIEWER: &str = "reviewer";

/// Whether there is a review, where the call or the file says so.
pub(super) fn said(engine: &EngineFlags, config: Option<&Config>) -> Option<bool> {
    if engine.no_review || engine.no_gates {
        return Some(false);
    }
    if engine.review.is_some() {
        return Some(true);
    }
    let review = config.and_then(|config| config.review.as_ref());
    review.map(|review| review.enabled)
}

/// Who reviews: whom the call names, else whom the file names, else the agent called `reviewer`, else the one of tasks that name none.
/// Nobody where neither the call nor the file wants a review.
///
/// # Errors
/// `InvalidInput` for a name that nobody defines.
pub(super) fn choose_reviewer(
    engine: &EngineFlags,
    config: Option<&Config>,
    agents: &[AgentEntry],
) -> Result<Option<AgentEntry>> {
    let is_there = || find(agents, REVIEWER).is_some();
    if !said(engine, config).unwrap_or_else(is_there) {
        return Ok(None);
    }
    let review = config.and_then(|config| config.review.as_ref());
    let named = engine.review.as_deref().filter(|name| !name.is_empty());
    let named = named.or_else(|| review.and_then(|review| review.agent.as_deref()));
    match named {
        Some(name) => {
            let found = find(agents, name).or_else(|| preset(name, &engine.env));
            found.map(Some).ok_or_else(|| unknown(name, agents))
        }
        None => Ok(usual(agents)),
    }
}

/// Who reviews where nobody is named.
fn usual(agents: &[AgentEntry]) -> Option<AgentEntry> {
    find(agents, REVIEWER).or_else(|| find(agents, DEFAULT_AGENT))
}

fn find(agents: &[AgentEntry], name: &str) -> Option<AgentEntry> {
    agents.iter().find(|agent| agent.name == name).cloned()
}

impl Settings {
    /// Before a story is created: takes the requirement of a review from its plan where the call or the file says that there is
    /// none, so that the log shows what was asked for; else as [`Settings::require_review`].
    pub(crate) fn settle_review(&mut self, plan: &mut Plan) {
        if self.review == Some(false) {
            plan.review = false;
        }
        self.require_review(plan);
    }

    /// Finds a reviewer where the plan requires a review, no gate reviews and nothing says otherwise. Whether one was found.
    pub(crate) fn require_review(&mut self, plan: &Plan) -> bool {
        if !plan.review || self.review == Some(false) || self.has_review() {
            return false;
        }
        self.reviewer = usual(&self.agents);
        self.reviewer.is_some()
    }

    fn has_review(&self) -> bool {
        let reviews = |gate: &ConfiguredGate| gate.definition().requires_review();
        self.configured_gates().iter().any(reviews)
    }

    /// Refuses a plan that requires a review where nobody reviews, before anything starts.
    ///
    /// # Errors
    /// `InvalidInput`.
    pub(super) fn check_review(&self, plan: &Plan) -> Result<()> {
        if !plan.review || self.has_review() {
            return Ok(());
        }
        let message = "the plan requires a review, and no required gate reviews";
        Err(Error::new(ErrorKind::InvalidInput, message).with_help(
            "name a reviewer with --review, write `reviews: true` at a gate that reviews, or say --no-review",
        ))
    }
}
