//! What is asked of a model that cuts a story into tasks.

use serde::{Deserialize, Serialize};

use super::Limits;

/// What one call of `decompose` asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DecomposeOptions {
    /// The agent that is asked; the one called `default` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Whether tests are tasks, too. `true` unless said otherwise.
    pub include_tests: bool,
    /// How many agents are going to work side by side; the policy's number where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_parallelism: Option<usize>,
    /// A plan of more tasks is not taken. 50 unless said otherwise.
    pub max_tasks: usize,
    /// What the story may use up. A question is asked only while the story has used less than that, so that one question at the most goes
    /// beyond it; `attempts` limits the questions of this call, which are three at the most anyway.
    #[serde(skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
}

impl Default for DecomposeOptions {
    fn default() -> Self {
        Self {
            agent: None,
            include_tests: true,
            max_parallelism: None,
            max_tasks: 50,
            limits: Limits::default(),
        }
    }
}

impl DecomposeOptions {
    /// Sets the agent that is asked.
    #[must_use]
    pub fn agent(mut self, name: impl Into<String>) -> Self {
        self.agent = Some(name.into());
        self
    }

    /// Sets whether tests are tasks, too.
    #[must_use]
    pub fn include_tests(mut self, yes: bool) -> Self {
        self.include_tests = yes;
        self
    }

    /// Sets how many agents are going to work side by side.
    #[must_use]
    pub fn max_parallelism(mut self, agents: usize) -> Self {
        self.max_parallelism = Some(agents);
        self
    }

    /// Sets how many tasks the plan may have.
    #[must_use]
    pub fn max_tasks(mut self, tasks: usize) -> Self {
        self.max_tasks = tasks;
        self
    }

    /// Sets what the story may use up.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
