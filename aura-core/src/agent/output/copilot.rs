//! GitHub Copilot CLI, `--output-format json`: `{type, data, ..}`, and last a flat `result`.

use serde_json::Value;

use super::{End, Protocol, Told, kind_of, number_at, status_at, text_at};

/// The state between two lines.
#[derive(Debug, Default)]
pub(in crate::agent) struct Copilot {
    /// The model's last call did not come to its end, or the session was stopped.
    broken: bool,
}

impl Protocol for Copilot {
    fn event(&mut self, event: &Value, told: &mut Told) -> bool {
        match kind_of(event) {
            "assistant.turn_start" => {
                self.broken = false;
                told.works_on();
            }
            "assistant.message" => told.said(text_at(event, "/data/content").unwrap_or_default()),
            "tool.execution_start" => told.tool_started(
                text_at(event, "/data/toolCallId").unwrap_or_default(),
                text_at(event, "/data/toolName").unwrap_or("tool"),
                event.pointer("/data/arguments").unwrap_or(&Value::Null),
            ),
            "tool.execution_complete" => tool_ended(event, told),
            "model.call_failure" => {
                let fault = told.fault(
                    status_at(event, "/data/statusCode"),
                    text_at(event, "/data/errorType").unwrap_or("model call failed"),
                    text_at(event, "/data/errorMessage").unwrap_or_default(),
                );
                told.retry(number_at(event, "/data/retryAttempt").map(|n| n + 1), fault);
            }
            "session.error" => {
                let kind = match text_at(event, "/data/errorType") {
                    // What it calls a query is no more than that.
                    None | Some("query") => "",
                    Some(kind) => kind,
                };
                let message = text_at(event, "/data/message").unwrap_or_default();
                let status = status_at(event, "/data/statusCode");
                told.fail(told.fault(status, kind, message));
                self.broken = true;
            }
            "assistant.idle" => {
                self.broken |= event.pointer("/data/aborted") == Some(&Value::Bool(true));
            }
            "session.warning" => told.warn(text_at(event, "/data/message").unwrap_or_default()),
            "result" => return self.result(event, told),
            kind => {
                return event.get("data").is_some()
                    && ["session.", "model.", "assistant.", "tool.", "user."]
                        .iter()
                        .any(|known| kind.starts_with(known));
            }
        }
        true
    }
}

impl Copilot {
    fn result(&mut self, event: &Value, told: &mut Told) -> bool {
        let session = text_at(event, "/sessionId");
        let Some(code) = event.get("exitCode").and_then(Value::as_i64) else {
            return false;
        };
        if session.is_none() || !told.is_mine(session) {
            return false;
        }
        told.session(session);
        let end = if code == 0 && !self.broken {
            End::Clean
        } else {
            End::Unclean
        };
        told.ended(end);
        true
    }
}

fn tool_ended(event: &Value, told: &mut Told) {
    let id = text_at(event, "/data/toolCallId").unwrap_or_default();
    let well = event.pointer("/data/success") == Some(&Value::Bool(true));
    if text_at(event, "/data/error/code") == Some("denied") {
        let tool = told.called(id);
        told.denied(&tool);
    }
    told.tool_ended(id, well);
    let edits = event.pointer("/data/fileEdits").and_then(Value::as_array);
    for edit in edits.into_iter().flatten() {
        if let Some(path) = text_at(edit, "/path") {
            told.file(path);
        }
    }
}
