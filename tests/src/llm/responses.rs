//! OpenAI's responses.

use serde_json::{Map, Value, json};

use super::protocol::{
    Answer, Conversation, Entry, INPUT_TOKENS, OUTPUT_TOKENS, Sse, Tool, text_of,
};

pub(super) fn read(body: &Value) -> Conversation {
    let instructions = Entry::Other(text_of(&body["instructions"]));
    let said = body["input"].as_str();
    let said = said.map(|text| Entry::Prompt(text.to_owned()));
    let items = body["input"].as_array().into_iter().flatten();
    let entries = std::iter::once(instructions)
        .chain(said)
        .chain(items.map(entry));
    let tools = body["tools"].as_array().into_iter().flatten();
    Conversation {
        model: body["model"].as_str().map(ToOwned::to_owned),
        tools: tools.flat_map(tools_of).collect(),
        streams: body["stream"] == true,
        ..Conversation::of(entries)
    }
}

/// One tool, or those of a namespace, which carry its name.
fn tools_of(value: &Value) -> Vec<Tool> {
    if value["type"] != "namespace" {
        return tool(value).into_iter().collect();
    }
    let space = value["name"].as_str().unwrap_or_default();
    let inner = value["tools"].as_array().into_iter().flatten();
    let named = inner.filter_map(tool).map(|tool| Tool {
        name: format!("{space}__{}", tool.name),
        ..tool
    });
    named.collect()
}

fn tool(value: &Value) -> Option<Tool> {
    let name = match value["type"].as_str()? {
        "function" => value["name"].as_str()?,
        "local_shell" => "local_shell",
        _ => return None,
    };
    Some(Tool {
        name: name.to_owned(),
        schema: value["parameters"].clone(),
    })
}

fn entry(item: &Value) -> Entry {
    let kind = item["type"].as_str().unwrap_or_default();
    if kind.ends_with("call_output") {
        Entry::Result
    } else if item["role"] == "user" {
        Entry::Prompt(text_of(&item["content"]))
    } else {
        Entry::Other(text_of(&item["content"]))
    }
}

/// What an answer consists of.
fn items(answer: &Answer) -> Vec<Value> {
    let content = json!({"type": "output_text", "text": answer.text, "annotations": []});
    let mut items = vec![json!({
        "type": "message", "id": answer.id("msg"), "role": "assistant", "status": "completed",
        "content": [content],
    })];
    if let Some(call) = &answer.call {
        let mut item = json!({
            "type": "function_call", "id": answer.id("fc"), "call_id": answer.id("call"),
            "name": call.name, "arguments": answer.arguments(), "status": "completed",
        });
        // As it was offered: a tool in a namespace.
        if let Some((space, name)) = call.name.rsplit_once("__") {
            item["namespace"] = json!(space);
            item["name"] = json!(name);
        }
        items.push(item);
    }
    items
}

pub(super) fn whole(answer: &Answer) -> Value {
    let status = answer.reason(["completed", "completed", "incomplete", "incomplete"]);
    json!({
        "id": answer.id("resp"), "object": "response", "created_at": answer.created,
        "model": answer.model, "status": status, "output": items(answer),
        "error": null, "incomplete_details": null, "parallel_tool_calls": false, "tools": [],
        "usage": {
            "input_tokens": INPUT_TOKENS, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": OUTPUT_TOKENS, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
        },
    })
}

pub(super) fn events(answer: &Answer) -> Vec<Sse> {
    let last = whole(answer);
    let mut first = last.clone();
    first["status"] = json!("in_progress");
    first["output"] = json!([]);
    first["usage"] = Value::Null;
    let mut told = Vec::new();
    let mut tell = |kind: &str, fields: Value| {
        let mut data = Map::new();
        data.insert("type".to_owned(), json!(kind));
        data.insert("sequence_number".to_owned(), json!(told.len()));
        data.extend(fields.as_object().cloned().unwrap_or_default());
        told.push(Sse::named(Value::Object(data)));
    };
    tell("response.created", json!({"response": first}));
    tell("response.in_progress", json!({"response": first}));
    for (index, item) in items(answer).iter().enumerate() {
        let mut begun = item.clone();
        begun["status"] = json!("in_progress");
        let is_message = item["type"] == "message";
        if is_message {
            begun["content"] = json!([]);
        } else {
            begun["arguments"] = json!("");
        }
        let added = json!({"output_index": index, "item": begun});
        tell("response.output_item.added", added);
        if is_message {
            tell_message(&mut tell, index, item);
        } else {
            tell_call(&mut tell, index, item);
        }
        let done = json!({"output_index": index, "item": item});
        tell("response.output_item.done", done);
    }
    let end = format!("response.{}", last["status"].as_str().unwrap_or_default());
    tell(&end, json!({"response": last}));
    told
}

fn tell_message(tell: &mut impl FnMut(&str, Value), index: usize, item: &Value) {
    let part = &item["content"][0];
    let place = json!({"item_id": item["id"], "output_index": index, "content_index": 0});
    let with = |name: &str, value: &Value| {
        let mut fields = place.clone();
        fields[name] = value.clone();
        fields
    };
    let mut empty = part.clone();
    empty["text"] = json!("");
    tell("response.content_part.added", with("part", &empty));
    // In two parts, so that a stream that is cut in its middle has said something.
    let text = part["text"].as_str().unwrap_or_default();
    let mut middle = text.len() / 2;
    while !text.is_char_boundary(middle) {
        middle += 1;
    }
    for piece in [&text[..middle], &text[middle..]] {
        tell("response.output_text.delta", with("delta", &json!(piece)));
    }
    tell("response.output_text.done", with("text", &part["text"]));
    tell("response.content_part.done", with("part", part));
}

fn tell_call(tell: &mut impl FnMut(&str, Value), index: usize, item: &Value) {
    let with =
        |name: &str| json!({"item_id": item["id"], "output_index": index, name: item["arguments"]});
    tell("response.function_call_arguments.delta", with("delta"));
    tell("response.function_call_arguments.done", with("arguments"));
}
