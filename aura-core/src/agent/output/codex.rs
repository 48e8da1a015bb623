//! Codex, `exec --json`: a thread of turns, each with items.

use serde_json::Value;

use super::{End, Protocol, Told, kind_of, number_at, text_at};
use crate::model::Usage;

/// What came before in this run.
#[derive(Debug, Default)]
pub(in crate::agent) struct Codex {
    used: Usage,
}

impl Protocol for Codex {
    fn event(&mut self, event: &Value, told: &mut Told) -> bool {
        match kind_of(event) {
            "thread.started" => {
                let thread = text_at(event, "/thread_id");
                told.session(thread);
                return told.begins(thread);
            }
            "turn.started" => told.works_on(),
            "item.started" | "item.updated" | "item.completed" => {
                let Some(item) = event.get("item") else {
                    return false;
                };
                let done = kind_of(event) == "item.completed";
                item_event(item, kind_of(event) == "item.started", done, told);
            }
            "error" => {
                let message = text_at(event, "/message").unwrap_or_default();
                match message.strip_prefix("Reconnecting...") {
                    Some(rest) => {
                        let attempt = rest.trim_start().split('/').next();
                        let attempt = attempt.and_then(|number| number.parse().ok());
                        let fault = told.fault(None, "", message);
                        told.retry(attempt, fault);
                    }
                    None => told.fail(told.fault(None, "", message)),
                }
            }
            "turn.completed" => {
                self.add(event);
                told.uses(self.used);
                told.ended(End::Clean);
            }
            "turn.failed" => {
                let message = text_at(event, "/error/message").unwrap_or("the turn failed");
                told.ended(End::Unclean);
                told.fail(told.fault(None, "", message));
            }
            _ => return false,
        }
        true
    }
}

impl Codex {
    /// Cached tokens are among the input, reasoning is among the output.
    fn add(&mut self, event: &Value) {
        let tokens = |name: &str| number_at(event, &format!("/usage/{name}")).unwrap_or_default();
        let used = &mut self.used;
        used.input_tokens = used.input_tokens.saturating_add(tokens("input_tokens"));
        used.output_tokens = used.output_tokens.saturating_add(tokens("output_tokens"));
    }
}

fn item_event(item: &Value, started: bool, done: bool, told: &mut Told) {
    let id = text_at(item, "/id").unwrap_or_default();
    let status = text_at(item, "/status").unwrap_or_default();
    match kind_of(item) {
        "agent_message" if done => told.said(text_at(item, "/text").unwrap_or_default()),
        // "Model metadata not found" and the like; a turn that fails says so itself.
        "error" if done => told.warn(text_at(item, "/message").unwrap_or_default()),
        "file_change" if done => {
            let changes = item.get("changes").and_then(Value::as_array);
            for change in changes.into_iter().flatten() {
                if let Some(path) = text_at(change, "/path") {
                    told.file(path);
                }
            }
            told.works();
        }
        kind @ ("command_execution" | "mcp_tool_call" | "web_search") => {
            let code = item.get("exit_code").and_then(Value::as_i64);
            let name = text_at(item, "/tool").unwrap_or(match kind {
                "command_execution" => "shell",
                _ => kind,
            });
            if started || (done && told.called(id).is_empty()) {
                let arguments = item.get("arguments").unwrap_or(item);
                told.tool_started(id, name, arguments);
            }
            if done {
                let why = text_at(item, "/error/message").unwrap_or_default();
                if status == "declined" || why.contains("requires approval") {
                    told.denied(name);
                }
                told.tool_ended(
                    id,
                    status != "failed" && status != "declined" && code.is_none_or(|code| code == 0),
                );
            }
        }
        _ => {}
    }
}
