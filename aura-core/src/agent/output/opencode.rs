//! OpenCode, `run --format json`. It has no last event: the last step that stopped is the end.

use serde_json::Value;

use super::{End, Protocol, Told, kind_of, number_at, status_at, text_at};
use crate::model::Usage;

/// What its steps used.
#[derive(Debug, Default)]
pub(in crate::agent) struct OpenCode {
    used: Usage,
}

impl Protocol for OpenCode {
    fn event(&mut self, event: &Value, told: &mut Told) -> bool {
        let session = text_at(event, "/sessionID");
        if session.is_none() || !told.is_mine(session) {
            return false;
        }
        match kind_of(event) {
            "step_start" => told.works_on(),
            "text" => told.said(text_at(event, "/part/text").unwrap_or_default()),
            "reasoning" => told.works(),
            "tool_use" => tool(event, told),
            "step_finish" => self.step(event, told),
            "error" => {
                let name = text_at(event, "/error/name").unwrap_or("error");
                let message = text_at(event, "/error/data/message").unwrap_or(name);
                let status = status_at(event, "/error/data/statusCode");
                told.ended(End::Unclean);
                told.fail(told.fault(status, name, message));
            }
            _ => return false,
        }
        told.session(session);
        true
    }
}

/// A call is told once, when it has ended.
fn tool(event: &Value, told: &mut Told) {
    let id = text_at(event, "/part/callID").or_else(|| text_at(event, "/part/id"));
    let id = id.unwrap_or_default();
    let name = text_at(event, "/part/tool").unwrap_or("tool");
    let input = event.pointer("/part/state/input").unwrap_or(&Value::Null);
    told.tool_started(id, name, input);
    let well = text_at(event, "/part/state/status") == Some("completed");
    let error = text_at(event, "/part/state/error").unwrap_or_default();
    if !well && (error.contains("rejected permission") || error.contains("prevents you from using"))
    {
        told.denied(name);
    }
    told.tool_ended(id, well);
    if let (true, "write" | "edit", Some(path)) = (well, name, text_at(input, "/filePath")) {
        told.file(path);
    }
}

impl OpenCode {
    fn step(&mut self, event: &Value, told: &mut Told) {
        let tokens =
            |name: &str| number_at(event, &format!("/part/tokens/{name}")).unwrap_or_default();
        let cost = event.pointer("/part/cost").and_then(Value::as_f64);
        let used = &mut self.used;
        for name in ["input", "cache/read", "cache/write"] {
            used.input_tokens = used.input_tokens.saturating_add(tokens(name));
        }
        for name in ["output", "reasoning"] {
            used.output_tokens = used.output_tokens.saturating_add(tokens(name));
        }
        used.cost_usd += super::cost(cost);
        told.uses(self.used);
        match text_at(event, "/part/reason") {
            Some("stop") => told.ended(End::Clean),
            Some("tool-calls") => told.works(),
            _ => told.empty_step(),
        }
    }
}
