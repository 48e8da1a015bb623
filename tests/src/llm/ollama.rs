//! Ollama's own chat: a line of JSON for each event.

use serde_json::{Value, json};

use super::protocol::{
    Answer, Conversation, Entry, INPUT_TOKENS, OUTPUT_TOKENS, Sse, Tool, text_of,
};

pub(super) fn read(body: &Value) -> Conversation {
    let messages = body["messages"].as_array().into_iter().flatten();
    let tools = body["tools"].as_array().into_iter().flatten();
    Conversation {
        model: body["model"].as_str().map(ToOwned::to_owned),
        tools: tools.filter_map(tool).collect(),
        // It streams unless it is told not to.
        streams: body["stream"] != false,
        ..Conversation::of(messages.map(entry))
    }
}

fn tool(value: &Value) -> Option<Tool> {
    Some(Tool {
        name: value["function"]["name"].as_str()?.to_owned(),
        schema: value["function"]["parameters"].clone(),
    })
}

fn entry(message: &Value) -> Entry {
    let text = text_of(&message["content"]);
    match message["role"].as_str() {
        Some("tool") => Entry::Result,
        Some("user") => Entry::Prompt(text),
        _ => Entry::Other(text),
    }
}

fn part(answer: &Answer, text: &str, is_last: bool) -> Value {
    let mut message = json!({"role": "assistant", "content": text});
    if let Some(call) = answer.call.as_ref().filter(|_| is_last) {
        let function = json!({"name": call.name, "arguments": call.arguments});
        message["tool_calls"] = json!([{"function": function}]);
    }
    let mut part = json!({"model": answer.model, "message": message, "done": is_last});
    if is_last {
        part["done_reason"] = json!(answer.reason(["stop", "stop", "length", "content_filter"]));
        part["prompt_eval_count"] = json!(INPUT_TOKENS);
        part["eval_count"] = json!(OUTPUT_TOKENS);
    }
    part
}

pub(super) fn whole(answer: &Answer) -> Value {
    part(answer, &answer.text, true)
}

pub(super) fn events(answer: &Answer) -> Vec<Sse> {
    let end = part(answer, "", true);
    let said = part(answer, &answer.text, false);
    [said, end].into_iter().map(Sse::bare).collect()
}
