//! Gemini CLI, `--output-format stream-json`.

use serde_json::Value;

use super::super::ending::ANSWER_LIMIT;
use super::{End, Protocol, Told, kind_of, number_at, text_at};
use crate::model::Usage;

/// The answer that is being written.
#[derive(Debug, Default)]
pub(in crate::agent) struct Gemini {
    answer: String,
}

impl Protocol for Gemini {
    fn event(&mut self, event: &Value, told: &mut Told) -> bool {
        let kind = kind_of(event);
        if kind != "message" {
            self.end_answer(told);
        }
        match kind {
            "init" => {
                let session = text_at(event, "/session_id");
                told.session(session);
                return told.begins(session);
            }
            "message" => self.message(event, told),
            "tool_use" => told.tool_started(
                text_at(event, "/tool_id").unwrap_or_default(),
                text_at(event, "/tool_name").unwrap_or("tool"),
                event.get("parameters").unwrap_or(&Value::Null),
            ),
            "tool_result" => {
                let id = text_at(event, "/tool_id").unwrap_or_default();
                told.tool_ended(id, text_at(event, "/status") == Some("success"));
            }
            "error" => {
                let message = text_at(event, "/message").unwrap_or_default();
                if text_at(event, "/severity") == Some("warning") {
                    told.warn(message);
                } else {
                    told.fail(told.fault(None, "", message));
                }
            }
            "result" => return result(event, told),
            _ => return false,
        }
        true
    }
}

impl Gemini {
    fn message(&mut self, event: &Value, told: &mut Told) {
        if text_at(event, "/role") != Some("assistant") {
            return;
        }
        let content = text_at(event, "/content").unwrap_or_default();
        if event.get("delta") != Some(&Value::Bool(true)) {
            self.end_answer(told);
        }
        // Whole pieces only: what is cut here could not be masked any more.
        if self.answer.len() < ANSWER_LIMIT {
            self.answer.push_str(content);
        }
        told.works();
    }

    fn end_answer(&mut self, told: &mut Told) {
        told.said(&std::mem::take(&mut self.answer));
    }
}

fn result(event: &Value, told: &mut Told) -> bool {
    let Some(status) = text_at(event, "/status") else {
        return false;
    };
    told.uses(usage(event));
    if status == "success" {
        told.ended(End::Clean);
    } else {
        told.ended(End::Unclean);
        let kind = text_at(event, "/error/type").unwrap_or_default();
        let message = text_at(event, "/error/message").unwrap_or(status);
        told.fail(told.fault(None, kind, message));
    }
    true
}

/// Cached tokens are among the input; thoughts are in the total alone.
fn usage(event: &Value) -> Usage {
    let tokens = |name: &str| number_at(event, &format!("/stats/{name}")).unwrap_or_default();
    let (input, output) = (tokens("input_tokens"), tokens("output_tokens"));
    Usage {
        input_tokens: input,
        output_tokens: output.max(tokens("total_tokens").saturating_sub(input)),
        cost_usd: 0.0,
    }
}
