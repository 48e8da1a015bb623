//! What an error that an agent reports means: by its HTTP status where there is one, and by its words.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use regex::Regex;

use super::limit;
use crate::model::FailureClass;
use crate::text;

/// Bytes of a message that are looked at and kept.
const MESSAGE_LIMIT: usize = 2000;

/// What time it is, and where.
#[derive(Debug, Clone)]
pub(in crate::agent) struct Clock {
    fixed: Option<Timestamp>,
    /// A time of day without a place is meant here.
    pub(super) zone: TimeZone,
}

impl Clock {
    /// That of this machine.
    pub(in crate::agent) fn system() -> Self {
        Self {
            fixed: None,
            zone: TimeZone::system(),
        }
    }

    /// One that stands still.
    #[cfg(test)]
    pub(super) fn fixed(now: &str, zone: TimeZone) -> Self {
        let fixed = Some(now.parse().expect("a time"));
        Self { fixed, zone }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.fixed.unwrap_or_else(Timestamp::now)
    }
}

/// An error as the agent reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agent) struct Fault {
    /// Where its words say more than that something failed.
    pub(in crate::agent) class: Option<FailureClass>,
    /// One line.
    pub(in crate::agent) message: String,
    /// End of a provider's limit.
    pub(in crate::agent) until: Option<Timestamp>,
}

impl Fault {
    /// Reads an error. `kind` is the agent's own word for it, such as `rate_limit`.
    pub(in crate::agent) fn read(
        status: Option<u16>,
        kind: &str,
        message: &str,
        clock: &Clock,
    ) -> Self {
        let message = text::head(message.trim(), MESSAGE_LIMIT);
        let class = classify(status, kind, message);
        let until = match class {
            Some(FailureClass::RateLimited | FailureClass::Quota) => {
                limit::end_of(message, clock.now(), &clock.zone)
            }
            _ => None,
        };
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        Self {
            class,
            message: if message.is_empty() {
                kind.to_owned()
            } else {
                message
            },
            until,
        }
    }
}

static STATUS: LazyLock<Regex> = LazyLock::new(|| {
    let named = r#"(?:status(?: code)?|error|http|rejected|"code")\W{0,3}([45]\d\d)\b"#;
    let followed = r"\b([45]\d\d) (?:[A-Z][a-z]+|\{)";
    Regex::new(&format!("(?:(?i){named})|{followed}")).expect("the pattern is fixed")
});

/// The status that a message names.
fn status_in(message: &str) -> Option<u16> {
    let found = STATUS.captures(message)?;
    found.get(1).or(found.get(2))?.as_str().parse().ok()
}

fn classify(status: Option<u16>, kind: &str, message: &str) -> Option<FailureClass> {
    // What an agent advises after any limit says nothing about this one.
    let words = format!("{kind} {message}").to_lowercase();
    let words = words.replace("quota increase", "");
    let has = |any: &[&str]| any.iter().any(|word| words.contains(word));
    let status = status.or_else(|| status_in(message));
    if has(QUOTA) || status == Some(402) {
        return Some(FailureClass::Quota);
    }
    if status == Some(429) || has(RATE) {
        return Some(FailureClass::RateLimited);
    }
    if words.contains("model") && has(NO_MODEL) && status.is_none_or(|status| status < 500) {
        return Some(FailureClass::Config);
    }
    if matches!(status, Some(401 | 403)) || (status.is_none() && has(LOGIN)) {
        return Some(FailureClass::Auth);
    }
    if has(TOO_LONG) || status == Some(413) {
        return Some(FailureClass::Incomplete);
    }
    match status {
        Some(408 | 409 | 425 | 500..) => Some(FailureClass::Exit),
        Some(400..) => Some(FailureClass::Config),
        _ if has(SERVER) => Some(FailureClass::Exit),
        _ if has(REFUSED) => Some(FailureClass::Config),
        _ => None,
    }
}

const QUOTA: &[&str] = &[
    "usage limit",
    "quota",
    "hit your limit",
    "session limit",
    "weekly limit",
    "5-hour limit",
    "spending limit",
    "credit balance",
    "out of credits",
    "insufficient credits",
    "insufficient funds",
    "billing_error",
    "premium requests",
];
const RATE: &[&str] = &[
    "rate limit",
    "rate_limit",
    "ratelimit",
    "too many requests",
    "resource_exhausted",
    "slow down",
    "increase your limits",
];
const NO_MODEL: &[&str] = &[
    "not found",
    "not_found",
    "does not exist",
    "may not exist",
    "unknown model",
    "invalid model",
    "not supported",
    "unsupported",
    "not available",
    "not have access",
];
const LOGIN: &[&str] = &[
    "not logged in",
    "/login",
    "login required",
    "log in",
    "unauthorized",
    "unauthenticated",
    "authentication",
    "invalid api key",
    "invalid x-api-key",
    "api key not valid",
    "api_key is not set",
    "missing api key",
    "no api key",
    "auth method",
    "auth_unavailable",
    "no credentials",
    "missing environment variable",
    "token has expired",
];
const TOO_LONG: &[&str] = &[
    "prompt is too long",
    "context length",
    "context_length",
    "context window",
    "maximum context",
    "input is too long",
];
const SERVER: &[&str] = &[
    "overloaded",
    "server_error",
    "server error",
    "internal error",
    "unavailable",
    "stream disconnected",
    "connection",
    "econnre",
    "fetch failed",
    "socket",
    "timed out",
    "timeout",
];
const REFUSED: &[&str] = &[
    "invalid_request",
    "invalid request",
    "invalid_argument",
    "bad request",
    "badrequest",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_their_class() {
        use FailureClass::{Auth, Config, Exit, Incomplete, Quota, RateLimited};
        for (status, kind, message, class) in [
            (Some(429), "", "scripted failure", Some(RateLimited)),
            (
                None,
                "rate_limit",
                "API Error: Request rejected (429) · x",
                Some(RateLimited),
            ),
            (
                None,
                "",
                "exceeded retry limit, last status: 429 Too Many Requests",
                Some(RateLimited),
            ),
            (
                None,
                "",
                "Rate limit reached for gpt-4 on tokens per min. Please try again in 20s.",
                Some(RateLimited),
            ),
            (
                Some(429),
                "",
                "You exceeded your current quota, please check your plan",
                Some(Quota),
            ),
            (
                None,
                "",
                "You've hit your usage limit. Try again in 2 hours.",
                Some(Quota),
            ),
            (
                None,
                "",
                "Claude AI usage limit reached|1760000000",
                Some(Quota),
            ),
            (Some(400), "", "Your credit balance is too low", Some(Quota)),
            (Some(402), "", "Payment required", Some(Quota)),
            (Some(401), "", "scripted failure 401", Some(Auth)),
            (
                None,
                "",
                "unexpected status 401 Unauthorized: x, url: http://h/v1",
                Some(Auth),
            ),
            (None, "authentication_failed", "", Some(Auth)),
            (None, "", "Not logged in · Please run /login", Some(Auth)),
            (
                None,
                "",
                "Error: No authentication information found.",
                Some(Auth),
            ),
            (None, "", "Invalid auth method selected.", Some(Auth)),
            (Some(403), "", "forbidden", Some(Auth)),
            (
                Some(404),
                "",
                "model: claude-x not_found_error",
                Some(Config),
            ),
            (
                None,
                "",
                "The model `gpt-9` does not exist or you do not have access to it.",
                Some(Config),
            ),
            (
                Some(400),
                "invalid_request_error",
                "scripted failure 400",
                Some(Config),
            ),
            (
                None,
                "",
                r#"{"error": {"type": "invalid_request_error"}}"#,
                Some(Config),
            ),
            (
                Some(400),
                "",
                "prompt is too long: 210000 tokens",
                Some(Incomplete),
            ),
            (
                None,
                "",
                r#"[API Error: {"error":{"code":400,"message":"x","status":"INVALID_ARGUMENT"}}]"#,
                Some(Config),
            ),
            (
                None,
                "",
                "[API Error: x 429] To increase your limits, request a quota increase; Too Many Requests",
                Some(RateLimited),
            ),
            (
                None,
                "",
                "Missing environment variable: `OWN_KEY`.",
                Some(Auth),
            ),
            (Some(500), "", "scripted failure", Some(Exit)),
            (Some(529), "overloaded", "", Some(Exit)),
            (Some(503), "", "the model is not available", Some(Exit)),
            (
                None,
                "",
                "stream disconnected before completion",
                Some(Exit),
            ),
            (None, "", "connect ECONNREFUSED 127.0.0.1:1", Some(Exit)),
            (None, "", "something else", None),
            (None, "", "", None),
        ] {
            assert_eq!(
                classify(status, kind, message),
                class,
                "{status:?} {kind} {message}"
            );
        }
    }

    #[test]
    fn only_a_limit_has_an_end_and_a_message_is_one_line() {
        let clock = Clock::fixed("2026-11-25T10:00:00Z", TimeZone::UTC);
        let fault = Fault::read(Some(429), "", " one\ntwo, retry after 30 seconds ", &clock);
        assert_eq!(fault.message, "one two, retry after 30 seconds");
        let end = "2026-11-25T10:00:30Z".parse().unwrap();
        assert_eq!(fault.until, Some(end));
        let fault = Fault::read(Some(500), "server_error", "", &clock);
        assert_eq!(
            (fault.until, fault.message.as_str()),
            (None, "server_error")
        );
        let fault = Fault::read(Some(503), "", "try again in 30 seconds", &clock);
        assert_eq!(fault.until, None);
    }
}
