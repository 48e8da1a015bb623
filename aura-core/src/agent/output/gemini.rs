//! Gemini CLI, `--output-format stream-json`.

use serde_json::Value;

use super::{End, Fault, Protocol, Told, kind_of, number_at, text_at};
use crate::model::Usage;
use crate::text;

/// Bytes of an answer that comes in pieces.
const ANSWER_LIMIT: usize = 16 * 1024;

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
            "init" => told.session(text_at(event, "/session_id")),
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
                    told.fail(Fault::read(None, "", message, &told.clock));
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
        let room = ANSWER_LIMIT.saturating_sub(self.answer.len());
        self.answer.push_str(text::head(content, room));
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
        told.fail(Fault::read(None, kind, message, &told.clock));
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
