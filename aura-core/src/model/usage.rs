//! What an attempt cost.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tokens and money, as the agent reported them; zero where it reports nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// US dollars.
    pub cost_usd: f64,
}

impl Usage {
    /// Whether nothing was reported.
    pub fn is_zero(&self) -> bool {
        self == &Self::default()
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.cost_usd += other.cost_usd;
    }
}
