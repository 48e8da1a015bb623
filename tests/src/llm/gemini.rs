//! Gemini's generateContent.

use serde_json::{Value, json};

use super::protocol::{
    Answer, Conversation, Entry, INPUT_TOKENS, OUTPUT_TOKENS, Sse, Tool, text_of,
};

pub(super) fn read(path: &str, body: &Value) -> Conversation {
    let system = Entry::Other(text_of(&body["systemInstruction"]));
    let contents = body["contents"].as_array().into_iter().flatten();
    let groups = body["tools"].as_array().into_iter().flatten();
    let tools = groups.flat_map(|group| {
        group["functionDeclarations"]
            .as_array()
            .into_iter()
            .flatten()
    });
    let config = &body["generationConfig"];
    let schemas = [&config["responseJsonSchema"], &config["responseSchema"]];
    let schema = schemas.into_iter().find(|schema| !schema.is_null());
    let is_json = config["responseMimeType"] == "application/json" || schema.is_some();
    Conversation {
        model: model(path),
        tools: tools.filter_map(tool).collect(),
        streams: path.ends_with(":streamGenerateContent"),
        answer_schema: is_json.then(|| schema.cloned().unwrap_or_default()),
        ..Conversation::of(std::iter::once(system).chain(contents.map(entry)))
    }
}

fn model(path: &str) -> Option<String> {
    let last = path.rsplit('/').next()?;
    Some(last.split(':').next()?.to_owned())
}

fn tool(value: &Value) -> Option<Tool> {
    let schemas = [&value["parametersJsonSchema"], &value["parameters"]];
    let schema = schemas.into_iter().find(|schema| !schema.is_null());
    Some(Tool {
        name: value["name"].as_str()?.to_owned(),
        schema: schema.cloned().unwrap_or_default(),
    })
}

fn entry(content: &Value) -> Entry {
    let mut parts = content["parts"].as_array().into_iter().flatten();
    if parts.any(|part| !part["functionResponse"].is_null()) {
        Entry::Result
    } else if content["role"] == "user" {
        Entry::Prompt(text_of(&content["parts"]))
    } else {
        Entry::Other(text_of(&content["parts"]))
    }
}

fn response(answer: &Answer, parts: &[Value], is_last: bool) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    if is_last {
        let reason = answer.reason(["STOP", "STOP", "MAX_TOKENS", "SAFETY"]);
        candidate["finishReason"] = json!(reason);
    }
    json!({
        "candidates": [candidate], "modelVersion": answer.model, "responseId": answer.id("r"),
        "usageMetadata": {
            "promptTokenCount": INPUT_TOKENS, "candidatesTokenCount": OUTPUT_TOKENS,
            "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
        },
    })
}

fn parts(answer: &Answer) -> Vec<Value> {
    let mut parts = vec![json!({"text": answer.text})];
    if let Some(call) = &answer.call {
        parts.push(json!({"functionCall": {"name": call.name, "args": call.arguments}}));
    }
    parts
}

pub(super) fn whole(answer: &Answer) -> Value {
    response(answer, &parts(answer), true)
}

/// A stream of two halves at least, so that it can be cut.
pub(super) fn events(answer: &Answer) -> Vec<Sse> {
    let mut parts = parts(answer);
    if parts.len() == 1 {
        let half = answer.text.chars().count() / 2;
        let (begin, end): (Vec<_>, Vec<_>) = answer
            .text
            .chars()
            .enumerate()
            .partition(|(at, _)| *at < half);
        let text =
            |chars: Vec<(usize, char)>| chars.into_iter().map(|(_, c)| c).collect::<String>();
        parts = vec![json!({"text": text(begin)}), json!({"text": text(end)})];
    }
    let last = parts.len() - 1;
    let events = parts.into_iter().enumerate();
    events
        .map(|(at, part)| Sse::bare(response(answer, &[part], at == last)))
        .collect()
}
