//! OpenAI's chat completions.

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
        streams: body["stream"] == true,
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

fn finish_reason(answer: &Answer) -> &'static str {
    answer.reason(["stop", "tool_calls", "length", "content_filter"])
}

fn usage() -> Value {
    json!({
        "prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    })
}

pub(super) fn whole(answer: &Answer) -> Value {
    let mut message = json!({"role": "assistant", "content": answer.text});
    if let Some(call) = &answer.call {
        message["tool_calls"] = json!([{
            "id": answer.id("call"), "type": "function",
            "function": {"name": call.name, "arguments": answer.arguments()},
        }]);
    }
    json!({
        "id": answer.id("chatcmpl"), "object": "chat.completion", "created": answer.created,
        "model": answer.model, "usage": usage(),
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason(answer)}],
    })
}

pub(super) fn events(answer: &Answer) -> Vec<Sse> {
    let chunk = |choices: Value| {
        json!({
            "id": answer.id("chatcmpl"), "object": "chat.completion.chunk",
            "created": answer.created, "model": answer.model, "choices": choices,
        })
    };
    let delta = |delta: Value| chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}]));
    let mut events = vec![
        delta(json!({"role": "assistant", "content": ""})),
        delta(json!({"content": answer.text})),
    ];
    if let Some(call) = &answer.call {
        let begin = json!({"name": call.name, "arguments": ""});
        events.push(delta(json!({"tool_calls": [
            {"index": 0, "id": answer.id("call"), "type": "function", "function": begin},
        ]})));
        let rest = json!({"arguments": answer.arguments()});
        events.push(delta(
            json!({"tool_calls": [{"index": 0, "function": rest}]}),
        ));
    }
    let finish = json!([{"index": 0, "delta": {}, "finish_reason": finish_reason(answer)}]);
    events.push(chunk(finish));
    let mut last = chunk(json!([]));
    last["usage"] = usage();
    events.push(last);
    events.into_iter().map(Sse::bare).collect()
}
