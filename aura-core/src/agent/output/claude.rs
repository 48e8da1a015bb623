//! Claude Code, `--output-format stream-json`: messages as the model's provider has them, and last a `result`.

use serde_json::Value;

use super::{End, Protocol, Told, kind_of, number_at, status_at, text_at};
use crate::model::Usage;

/// Nothing has to be remembered between two lines.
#[derive(Debug, Default)]
pub(in crate::agent) struct Claude;

impl Protocol for Claude {
    fn event(&mut self, event: &Value, told: &mut Told) -> bool {
        match (kind_of(event), text_at(event, "/subtype")) {
            ("system", Some("init")) => told.session(text_at(event, "/session_id")),
            ("system", Some("api_retry")) => {
                let kind = text_at(event, "/error").unwrap_or("unknown");
                let wait = number_at(event, "/retry_delay_ms").unwrap_or_default();
                let message = format!("{kind}, retry_after_ms: {wait}");
                let status = status_at(event, "/error_status");
                let fault = told.fault(status, kind, &message);
                told.retry(number_at(event, "/attempt"), fault);
            }
            ("system", Some(_)) | ("stream_event" | "rate_limit_event" | "tool_progress", _) => {}
            ("assistant", _) if event.get("message").is_some() => said(event, told),
            ("user", _) if event.get("message").is_some() => results(event, told),
            ("result", Some(subtype)) => return result(event, subtype, told),
            _ => return false,
        }
        true
    }
}

/// The blocks of a message; a message is repeated with one block a line, so that its usage must not be summed.
fn blocks(event: &Value) -> impl Iterator<Item = &Value> {
    let blocks = event.pointer("/message/content").and_then(Value::as_array);
    blocks.into_iter().flatten()
}

fn said(event: &Value, told: &mut Told) {
    // An error that stands in for the model's answer.
    if let Some(kind) = text_at(event, "/error") {
        let message = blocks(event).find_map(|block| text_at(block, "/text"));
        let fault = told.fault(None, kind, message.unwrap_or_default());
        return told.fail(fault);
    }
    for block in blocks(event) {
        match kind_of(block) {
            "text" => told.said(text_at(block, "/text").unwrap_or_default()),
            "tool_use" => told.tool_started(
                text_at(block, "/id").unwrap_or_default(),
                text_at(block, "/name").unwrap_or("tool"),
                block.get("input").unwrap_or(&Value::Null),
            ),
            _ => told.works(),
        }
    }
}

fn results(event: &Value, told: &mut Told) {
    for block in blocks(event).filter(|block| kind_of(block) == "tool_result") {
        let well = block.get("is_error") != Some(&Value::Bool(true));
        told.tool_ended(text_at(block, "/tool_use_id").unwrap_or_default(), well);
    }
}

fn result(event: &Value, subtype: &str, told: &mut Told) -> bool {
    let session = text_at(event, "/session_id");
    let Some(is_error) = event.get("is_error").and_then(Value::as_bool) else {
        return false;
    };
    if session.is_none() || !told.is_mine(session) {
        return false;
    }
    told.session(session);
    told.uses(usage(event));
    let denials = event.get("permission_denials").and_then(Value::as_array);
    for denial in denials.into_iter().flatten() {
        told.denied(text_at(denial, "/tool_name").unwrap_or("tool"));
    }
    // An error of the provider is a "success" that is an error; a model that was cut off gives no reason for its end.
    let finished = text_at(event, "/stop_reason").is_some();
    if subtype == "success" && !is_error && finished {
        told.ended(End::Clean);
        return true;
    }
    told.ended(End::Unclean);
    if subtype == "error_max_turns" || subtype == "error_max_budget_usd" {
        told.cut = Some(format!("it stopped at a limit of its own: {subtype}"));
    } else if is_error {
        let first = text_at(event, "/errors/0").unwrap_or(subtype);
        let message = text_at(event, "/result").unwrap_or(first);
        let status = status_at(event, "/api_error_status");
        told.fail(told.fault(status, "", message));
    }
    true
}

fn usage(event: &Value) -> Usage {
    let tokens = |name: &str| number_at(event, &format!("/usage/{name}")).unwrap_or_default();
    let cost = event.get("total_cost_usd").and_then(Value::as_f64);
    Usage {
        input_tokens: tokens("input_tokens")
            .saturating_add(tokens("cache_creation_input_tokens"))
            .saturating_add(tokens("cache_read_input_tokens")),
        output_tokens: tokens("output_tokens"),
        cost_usd: super::cost(cost),
    }
}
