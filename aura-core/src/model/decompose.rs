//! What is asked of a model that cuts a story into tasks.

use serde::{Deserialize, Serialize};

/// What one call of `decompose` asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl Default for DecomposeOptions {
    fn default() -> Self {
        Self {
            agent: None,
            include_tests: true,
            max_parallelism: None,
            max_tasks: 50,
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
}
