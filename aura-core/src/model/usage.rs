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

    /// Tokens read and written.
    pub const fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// Without a cost that is no amount: one below zero would buy more starts, and one that is no number cannot be stored.
    #[must_use]
    pub(crate) fn sane(mut self) -> Self {
        if !(self.cost_usd.is_finite() && self.cost_usd > 0.0) {
            self.cost_usd = 0.0;
        }
        self
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cost_usd += other.cost_usd;
    }
}
