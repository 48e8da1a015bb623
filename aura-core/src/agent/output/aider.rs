//! aider, which writes text: only how it counts tokens, what it edited and how its library names errors are understood.

use serde_json::Value;

use super::{End, Protocol, Told};
use crate::model::Usage;

/// What its answers used.
#[derive(Debug, Default)]
pub(in crate::agent) struct Aider {
    used: Usage,
}

impl Protocol for Aider {
    fn event(&mut self, _: &Value, _: &mut Told) -> bool {
        false
    }

    fn line(&mut self, line: &str, told: &mut Told) -> bool {
        let line = line.trim_end();
        if let Some(rest) = line.strip_prefix("Tokens: ") {
            // It stands after the model's answer, so that nothing in an answer counts as an error.
            let Some((sent, received)) = tokens(rest) else {
                return false;
            };
            self.used.input_tokens = self.used.input_tokens.saturating_add(sent);
            self.used.output_tokens = self.used.output_tokens.saturating_add(received);
            self.used.cost_usd += message_cost(rest);
            told.works();
            told.uses(self.used);
            told.ended(End::Clean);
            return true;
        }
        if let Some(path) = line.strip_prefix("Applied edit to ") {
            told.file(path);
            return true;
        }
        if let Some(error) = line.strip_prefix("litellm.") {
            let kind = error.split(':').next().unwrap_or_default();
            let kind = match kind {
                "RateLimitError" => "rate_limit",
                "AuthenticationError" | "PermissionDeniedError" => "authentication",
                "NotFoundError" => "model not_found",
                "BadRequestError" => "invalid_request",
                "ContextWindowExceededError" => "context window",
                "InternalServerError"
                | "APIConnectionError"
                | "ServiceUnavailableError"
                | "Timeout"
                | "APIError" => "server_error",
                other => other,
            };
            told.retry(None, told.fault(None, kind, line));
            return true;
        }
        false
    }
}

/// `1.0k sent, 50 received.`, with the cost after it or nothing: what has more on it was written by somebody else.
fn tokens(text: &str) -> Option<(u64, u64)> {
    let (text, cost) = text.split_once(" received.")?;
    let cost = cost.trim_start_matches(' ');
    let is_cost = cost.starts_with("Cost: $") && cost.ends_with(" session.");
    if !(cost.is_empty() || is_cost) {
        return None;
    }
    let text = format!("{text} received");
    let count = |name: &str| {
        let part = text.split(", ").find(|part| part.contains(name))?;
        let number = part.split_whitespace().next()?;
        let (number, unit) = match number.as_bytes().last()? {
            b'k' => (&number[..number.len() - 1], 1e3),
            b'M' => (&number[..number.len() - 1], 1e6),
            _ => (number, 1.0),
        };
        let number: f64 = number.replace(',', "").parse().ok()?;
        let count = number * unit;
        // Beyond it is a forgery, not a count.
        (0.0..1e12).contains(&count).then_some(count as u64)
    };
    Some((count(" sent")?, count(" received")?))
}

/// `Cost: $0.01 message, $0.02 session.`
fn message_cost(text: &str) -> f64 {
    let cost = text.split("Cost: $").nth(1);
    let cost = cost.and_then(|cost| cost.split_whitespace().next()?.parse().ok());
    super::cost(cost)
}
