//! What went wrong with a question, as a class that the engine knows what to do with.

use std::error::Error as StdError;

use genai::Error;
use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::agent::AgentFailure;
use crate::agent::ending::failure;
use crate::agent::output::{Clock, Fault, text_at};
use crate::model::FailureClass;
use crate::text;

/// Bytes of a message that are told.
const SUMMARY: usize = 300;

/// An error of the client. Its text may have anything in it that the provider said.
pub(super) fn of(provider: &str, error: &Error) -> AgentFailure {
    match error {
        Error::HttpError {
            status,
            body,
            headers,
            ..
        } => answered(provider, *status, body, headers),
        Error::WebStream { error: inner, .. } => match inner.downcast_ref::<Error>() {
            Some(inner) => of(provider, inner),
            None => {
                let summary = format!("`{provider}` cannot be reached: {}", chain(&**inner));
                failure(FailureClass::Exit, text::head(&summary, SUMMARY))
            }
        },
        Error::ChatResponse { body, .. } => {
            let told = Told::of(body);
            let fault = Fault::read(None, &told.kind, &told.message, &Clock::system());
            named(provider, &fault, FailureClass::Exit)
        }
        Error::StreamParse { serde_error, .. } => {
            let message = serde_error.to_string();
            let fault = Fault::read(None, "", &message, &Clock::system());
            named(provider, &fault, FailureClass::Exit)
        }
        other => {
            let message = text::head(&other.to_string(), SUMMARY).to_owned();
            let fault = Fault::read(None, "", &message, &Clock::system());
            named(provider, &fault, FailureClass::Config)
        }
    }
}

/// Whether the model refuses to be told how freely to answer, as some do.
pub(super) fn is_about_temperature(error: &Error) -> bool {
    match error {
        Error::HttpError { status, body, .. } => {
            *status == StatusCode::BAD_REQUEST && body.contains("temperature")
        }
        Error::WebStream { error, .. } => error
            .downcast_ref::<Error>()
            .is_some_and(is_about_temperature),
        _ => false,
    }
}

/// An error with all its causes, on one line.
pub(super) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

fn answered(provider: &str, status: StatusCode, body: &str, headers: &HeaderMap) -> AgentFailure {
    if status.is_redirection() {
        let summary = format!(
            "`{provider}` answered with a redirect ({}), which is not followed: give the address that it leads to",
            status.as_u16()
        );
        return failure(FailureClass::Config, summary);
    }
    let told = match serde_json::from_str::<Value>(body) {
        Ok(body) => Told::of(&body),
        Err(_) => Told {
            kind: String::new(),
            message: body.trim().to_owned(),
        },
    };
    let clock = Clock::system();
    let number = status.as_u16();
    let mut fault = Fault::read(Some(number), &told.kind, &told.message, &clock);
    if matches!(
        fault.class,
        Some(FailureClass::RateLimited | FailureClass::Quota)
    ) {
        // Some say it in a detail of the body.
        let in_body = || Fault::read(Some(number), &told.kind, body, &clock).until;
        fault.until = retry_after(headers, &clock)
            .or(fault.until)
            .or_else(in_body);
    }
    fault.message = format!("{number}: {}", fault.message);
    named(provider, &fault, FailureClass::Exit)
}

fn named(provider: &str, fault: &Fault, otherwise: FailureClass) -> AgentFailure {
    let class = match fault.class.unwrap_or(otherwise) {
        // The same question is as long the next time.
        FailureClass::Incomplete => FailureClass::Config,
        class => class,
    };
    let message = text::head(&fault.message, SUMMARY);
    AgentFailure {
        class,
        summary: format!("`{provider}` answered {message}"),
        until: fault.until,
    }
}

/// When a provider wants to be asked again, as its header says: after seconds, or at a time.
fn retry_after(headers: &HeaderMap, clock: &Clock) -> Option<Timestamp> {
    let value = |name: &str| headers.get(name)?.to_str().ok();
    let after = |name: &str| {
        let message = format!("{name}: {}", value(name)?);
        Fault::read(Some(429), "", &message, clock).until
    };
    let date = || {
        let date = jiff::fmt::rfc2822::parse(value("retry-after")?).ok()?;
        Some(date.timestamp()).filter(|date| *date > Timestamp::now())
    };
    after("retry-after-ms")
        .or_else(|| after("retry-after"))
        .or_else(date)
}

/// What a provider says of an error, in the forms that providers have for it.
struct Told {
    kind: String,
    message: String,
}

impl Told {
    fn of(body: &Value) -> Self {
        // A stream's error comes as a list of one.
        let body = body.get(0).unwrap_or(body);
        let error = body.get("error").unwrap_or(body);
        let kinds = ["/type", "/code", "/status"];
        let kinds = kinds.iter().filter_map(|path| text_at(error, path));
        let message = text_at(error, "/message").or(error.as_str());
        Self {
            kind: kinds.collect::<Vec<_>>().join(" "),
            message: message.map_or_else(|| error.to_string(), ToOwned::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(status: u16, body: &str, headers: &[(&'static str, &str)]) -> AgentFailure {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let error = Error::HttpError {
            status: StatusCode::from_u16(status).unwrap(),
            canonical_reason: String::new(),
            body: body.to_owned(),
            headers: Box::new(headers.collect()),
        };
        of("openai", &error)
    }

    #[test]
    fn every_status_has_its_class() {
        use FailureClass::{Auth, Config, Exit, Quota, RateLimited};
        for (status, body, class, summary) in [
            (
                401,
                r#"{"error": {"message": "Incorrect API key", "type": "invalid_request_error", "code": "invalid_api_key"}}"#,
                Auth,
                "`openai` answered 401: Incorrect API key",
            ),
            (403, "", Auth, "`openai` answered 403: "),
            (
                404,
                r#"{"error": "model 'x' not found, try pulling it first"}"#,
                Config,
                "`openai` answered 404: model 'x' not found, try pulling it first",
            ),
            (
                400,
                r#"{"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens"}}"#,
                Config,
                "`openai` answered 400: prompt is too long: 210000 tokens",
            ),
            (413, "<html>", Config, "`openai` answered 413: <html>"),
            (
                429,
                r#"{"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}"#,
                Quota,
                "`openai` answered 429: You exceeded your current quota",
            ),
            (
                429,
                r#"[{"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}]"#,
                RateLimited,
                "`openai` answered 429: slow",
            ),
            (
                529,
                r#"{"error": {"type": "overloaded_error", "message": "Overloaded"}}"#,
                Exit,
                "`openai` answered 529: Overloaded",
            ),
            (503, "{}", Exit, "`openai` answered 503: {}"),
            (
                307,
                "",
                Config,
                "`openai` answered with a redirect (307), which is not followed: give the address that it leads to",
            ),
        ] {
            let failure = http(status, body, &[]);
            assert_eq!((failure.class, failure.summary.as_str()), (class, summary));
        }
        let long = http(500, &"x".repeat(5000), &[]);
        assert!(long.summary.len() < 400, "{}", long.summary.len());
    }

    #[test]
    fn the_end_of_a_limit_is_taken_from_the_header_or_the_body() {
        let now = Timestamp::now();
        let seconds = |failure: AgentFailure| {
            let until = failure.until.expect("an end");
            until.duration_since(now).as_secs()
        };
        let near = |found: i64, expected: i64| (expected - 1..=expected + 30).contains(&found);
        let details = r#"{"error": {"message": "x", "details": [{"retryDelay": "300s"}]}}"#;
        assert!(near(seconds(http(429, "", &[("retry-after", "60")])), 60));
        assert!(near(
            seconds(http(429, details, &[("retry-after", "60")])),
            60
        ));
        assert!(near(seconds(http(429, details, &[])), 300));
        assert!(near(
            seconds(http(429, "", &[("retry-after-ms", "90000")])),
            90
        ));
        let in_an_hour = now + jiff::SignedDuration::from_hours(1);
        let date = in_an_hour.to_zoned(jiff::tz::TimeZone::UTC);
        let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        assert!(near(
            seconds(http(429, "", &[("retry-after", &date)])),
            3599
        ));
        for (status, headers) in [
            (429, [("retry-after", "soon")]),
            (429, [("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")]),
            (503, [("retry-after", "60")]),
        ] {
            assert_eq!(http(status, "", &headers).until, None, "{headers:?}");
        }
    }

    #[test]
    fn errors_in_a_stream_are_read_too() {
        let model = || genai::ModelIden::new(genai::adapter::AdapterKind::Anthropic, "m");
        let told = |body: &str| {
            let body = serde_json::from_str(body).unwrap();
            of(
                "anthropic",
                &Error::ChatResponse {
                    model_iden: model(),
                    body,
                },
            )
        };
        let failure = told(
            r#"{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}"#,
        );
        assert_eq!(failure.class, FailureClass::Exit);
        assert_eq!(failure.summary, "`anthropic` answered Overloaded");
        let failure = told(r#"{"type": "rate_limit_error", "message": "retry after 30 seconds"}"#);
        assert_eq!(failure.class, FailureClass::RateLimited);
        assert!(failure.until.is_some());
        let inner = Error::HttpError {
            status: StatusCode::UNAUTHORIZED,
            canonical_reason: String::new(),
            body: String::new(),
            headers: Box::default(),
        };
        let wrapped = Error::WebStream {
            model_iden: model(),
            cause: String::new(),
            error: Box::new(inner),
        };
        assert_eq!(of("anthropic", &wrapped).class, FailureClass::Auth);
    }
}
