//! Anthropic's messages.

use serde_json::{Value, json};

use super::protocol::{
    Answer, Conversation, Entry, INPUT_TOKENS, OUTPUT_TOKENS, Sse, Tool, text_of,
};

pub(super) fn read(body: &Value) -> Conversation {
    let system = Entry::Other(text_of(&body["system"]));
    let messages = body["messages"].as_array().into_iter().flatten();
    let conversation = Conversation::of(std::iter::once(system).chain(messages.map(entry)));
    let tools = body["tools"].as_array().into_iter().flatten();
    Conversation {
        model: body["model"].as_str().map(ToOwned::to_owned),
        tools: tools.filter_map(tool).collect(),
        streams: body["stream"] == true,
        ..conversation
    }
}

fn tool(value: &Value) -> Option<Tool> {
    Some(Tool {
        name: value["name"].as_str()?.to_owned(),
        schema: value["input_schema"].clone(),
    })
}

fn entry(message: &Value) -> Entry {
    let content = &message["content"];
    let mut parts = content.as_array().into_iter().flatten();
    if message["role"] != "user" {
        Entry::Other(text_of(content))
    } else if parts.any(|part| part["type"] == "tool_result") {
        Entry::Result
    } else {
        Entry::Prompt(text_of(content))
    }
}

fn stop_reason(answer: &Answer) -> &'static str {
    answer.reason(["end_turn", "tool_use", "max_tokens", "refusal"])
}

fn message(answer: &Answer, content: &Value, stop_reason: &Value, output: u32) -> Value {
    json!({
        "id": answer.id("msg"), "type": "message", "role": "assistant", "model": answer.model,
        "content": content, "stop_reason": stop_reason, "stop_sequence": null,
        "usage": {
            "input_tokens": INPUT_TOKENS, "output_tokens": output,
            "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
        },
    })
}

pub(super) fn whole(answer: &Answer) -> Value {
    let mut content = vec![json!({"type": "text", "text": answer.text})];
    if let Some(call) = &answer.call {
        content.push(json!({
            "type": "tool_use", "id": answer.id("toolu"), "name": call.name, "input": call.arguments,
        }));
    }
    let stop = json!(stop_reason(answer));
    message(answer, &Value::Array(content), &stop, OUTPUT_TOKENS)
}

pub(super) fn events(answer: &Answer) -> Vec<Sse> {
    let start = message(answer, &json!([]), &Value::Null, 1);
    let mut events = vec![json!({"type": "message_start", "message": start})];
    let text = json!({"type": "text", "text": ""});
    let delta = json!({"type": "text_delta", "text": answer.text});
    events.extend(block(0, &text, &delta));
    if let Some(call) = &answer.call {
        let start = json!({
            "type": "tool_use", "id": answer.id("toolu"), "name": call.name, "input": {},
        });
        let delta = json!({"type": "input_json_delta", "partial_json": answer.arguments()});
        events.extend(block(1, &start, &delta));
    }
    events.push(json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason(answer), "stop_sequence": null},
        "usage": {"output_tokens": OUTPUT_TOKENS},
    }));
    events.push(json!({"type": "message_stop"}));
    events.into_iter().map(Sse::named).collect()
}

fn block(index: u32, start: &Value, delta: &Value) -> [Value; 3] {
    [
        json!({"type": "content_block_start", "index": index, "content_block": start}),
        json!({"type": "content_block_delta", "index": index, "delta": delta}),
        json!({"type": "content_block_stop", "index": index}),
    ]
}
