//! What the protocols have in common.

use serde_json::{Value, json};

use super::plan;
use super::scenario::Ending;
use super::{anthropic, chat, gemini, ollama, responses};

/// Tokens that every answer is said to cost.
pub(super) const INPUT_TOKENS: u32 = 1000;
pub(super) const OUTPUT_TOKENS: u32 = 50;

/// One of the protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// `POST /v1/messages`
    Anthropic,
    /// `POST /v1/chat/completions`
    Chat,
    /// `POST /v1/responses`
    Responses,
    /// `POST /v1beta/models/M:generateContent`, and `:streamGenerateContent`
    Gemini,
    /// `POST /api/chat`
    Ollama,
}

/// A tool that the model is offered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tool {
    pub(super) name: String,
    /// JSON schema of its arguments.
    pub(super) schema: Value,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) arguments: Value,
}

impl Call {
    pub(super) fn new(name: &str, arguments: Value) -> Self {
        Self {
            name: name.to_owned(),
            arguments,
        }
    }
}

/// A request, as far as it matters.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Conversation {
    pub(super) model: Option<String>,
    pub(super) tools: Vec<Tool>,
    /// All prompts.
    pub(super) prompts: Vec<String>,
    /// The last prompt that has directives, else the last one.
    pub(super) directions: String,
    /// The last prompt shows a failure.
    pub(super) is_retry: bool,
    /// Results of tools since the last prompt.
    pub(super) step: usize,
    /// The directory that the agent says it works in.
    pub(super) directory: Option<String>,
    /// The answer is wanted as events.
    pub(super) streams: bool,
    /// A schema that the answer has to fit.
    pub(super) answer_schema: Option<Value>,
    /// The answer's text is taken for files.
    pub(super) wants_listing: bool,
}

/// One entry of a conversation.
pub(super) enum Entry {
    /// Something the user said.
    Prompt(String),
    /// The result of a tool.
    Result,
    /// Anything else: instructions, answers.
    Other(String),
}

/// An answer before it takes the form of a protocol.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    /// Makes the ids of an answer its own.
    pub(super) number: u64,
    /// Seconds since 1970.
    pub(super) created: u64,
    pub(super) model: String,
    pub(super) text: String,
    pub(super) call: Option<Call>,
    /// The call's arguments end too early.
    pub(super) broken_arguments: bool,
    pub(super) ending: Ending,
}

impl Answer {
    /// An id that begins with `kind`.
    pub(super) fn id(&self, kind: &str) -> String {
        format!("{kind}_{:020}", self.number)
    }

    /// Why it ended, by the protocol's words for: as it should, with a call, at a limit, by a filter.
    pub(super) fn reason(&self, words: [&'static str; 4]) -> &'static str {
        match (self.ending, &self.call) {
            (Ending::Done, None) => words[0],
            (Ending::Done, Some(_)) => words[1],
            (Ending::Cut, _) => words[2],
            (Ending::Refused, _) => words[3],
        }
    }

    /// The arguments as text.
    pub(super) fn arguments(&self) -> String {
        let call = self.call.as_ref();
        let mut text = call.map_or_else(String::new, |call| call.arguments.to_string());
        if self.broken_arguments {
            text.truncate(text.len().saturating_sub(2));
        }
        text
    }
}

/// One server-sent event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sse {
    pub(super) event: Option<String>,
    pub(super) data: Value,
}

impl Sse {
    /// An event without a name.
    pub(super) fn bare(data: Value) -> Self {
        Self { event: None, data }
    }

    /// An event whose name is the type of its data.
    pub(super) fn named(data: Value) -> Self {
        Self {
            event: data["type"].as_str().map(ToOwned::to_owned),
            data,
        }
    }

    /// As it is written.
    fn text(&self) -> String {
        let event = self.event.as_ref();
        let name = event.map_or_else(String::new, |name| format!("event: {name}\n"));
        format!("{name}data: {}\n\n", self.data)
    }
}

impl Protocol {
    /// The protocol of a path below the scenario.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        if path.ends_with("/messages") {
            Some(Self::Anthropic)
        } else if path.ends_with("/chat/completions") {
            Some(Self::Chat)
        } else if path.ends_with("/responses") {
            Some(Self::Responses)
        } else if path.ends_with("/api/chat") {
            Some(Self::Ollama)
        } else if path.ends_with(":generateContent") || path.ends_with(":streamGenerateContent") {
            Some(Self::Gemini)
        } else {
            None
        }
    }

    /// What a request says.
    pub(super) fn read(self, path: &str, body: &Value) -> Conversation {
        match self {
            Self::Anthropic => anthropic::read(body),
            Self::Chat => chat::read(body),
            Self::Responses => responses::read(body),
            Self::Gemini => gemini::read(path, body),
            Self::Ollama => ollama::read(body),
        }
    }

    /// The answer as one object.
    pub(super) fn whole(self, answer: &Answer) -> Value {
        match self {
            Self::Anthropic => anthropic::whole(answer),
            Self::Chat => chat::whole(answer),
            Self::Responses => responses::whole(answer),
            Self::Gemini => gemini::whole(answer),
            Self::Ollama => ollama::whole(answer),
        }
    }

    /// The answer as events.
    pub(super) fn events(self, answer: &Answer) -> Vec<Sse> {
        match self {
            Self::Anthropic => anthropic::events(answer),
            Self::Chat => chat::events(answer),
            Self::Responses => responses::events(answer),
            Self::Gemini => gemini::events(answer),
            Self::Ollama => ollama::events(answer),
        }
    }

    /// An event as it is written.
    pub(super) fn written(self, event: &Sse) -> String {
        match self {
            Self::Ollama => format!("{}\n", event.data),
            _ => event.text(),
        }
    }

    /// What a stream says that it is.
    pub(super) fn stream_kind(self) -> &'static str {
        match self {
            Self::Ollama => "application/x-ndjson",
            _ => "text/event-stream",
        }
    }

    /// What follows the last event.
    pub(super) fn end(self) -> &'static str {
        match self {
            Self::Chat => "data: [DONE]\n\n",
            _ => "",
        }
    }

    /// The body of an error.
    pub(super) fn error(self, status: u16, message: &str) -> Value {
        let kind = match status {
            400 => "invalid_request_error",
            401 => "authentication_error",
            403 => "permission_error",
            429 => "rate_limit_error",
            529 => "overloaded_error",
            _ => "api_error",
        };
        match self {
            Self::Anthropic => {
                json!({"type": "error", "error": {"type": kind, "message": message}})
            }
            Self::Chat | Self::Responses => {
                json!({"error": {"type": kind, "code": kind, "message": message, "param": null}})
            }
            Self::Ollama => json!({"error": message}),
            Self::Gemini => {
                let name = match status {
                    400 => "INVALID_ARGUMENT",
                    401 => "UNAUTHENTICATED",
                    403 => "PERMISSION_DENIED",
                    429 => "RESOURCE_EXHAUSTED",
                    503 => "UNAVAILABLE",
                    _ => "INTERNAL",
                };
                json!({"error": {"code": status, "message": message, "status": name}})
            }
        }
    }
}

impl Conversation {
    /// What the entries of a conversation say, in their order.
    pub(super) fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut found = Self::default();
        let mut everything = String::new();
        let mut has_directions = false;
        for entry in entries {
            match entry {
                Entry::Result => found.step += 1,
                Entry::Other(text) => add(&mut everything, &text),
                Entry::Prompt(text) => {
                    add(&mut everything, &text);
                    if is_reminder(&text) {
                        continue;
                    }
                    found.step = 0;
                    found.prompts.push(text.clone());
                    found.is_retry = plan::is_retry(&text);
                    let directs = [false, true].map(|again| plan::directives(&text, again));
                    let directs = directs.iter().any(|actions| !actions.is_empty());
                    if directs || !has_directions {
                        found.directions = text;
                    }
                    has_directions |= directs;
                }
            }
        }
        found.directory = directory(&everything);
        found.wants_listing = everything.contains("file listing");
        found
    }
}

fn add(everything: &mut String, text: &str) {
    everything.push_str(text);
    everything.push('\n');
}

/// Whether there is nothing but what agents put beside the user's own words.
fn is_reminder(text: &str) -> bool {
    let mut rest = text.trim();
    while let Some((name, inside)) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        let known = ["system-reminder", "environment_context"].contains(&name);
        let Some((_, after)) = inside.split_once(&format!("</{name}>")).filter(|_| known) else {
            return false;
        };
        rest = after.trim_start();
        if rest.is_empty() {
            return true;
        }
    }
    false
}

/// All text in a value of any of the forms that contents have.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text_of).collect::<Vec<_>>().join("\n"),
        Value::Object(fields) => {
            let names = ["text", "content", "parts"];
            let found = names.iter().find_map(|name| fields.get(*name));
            found.map(text_of).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// The directory that an agent says it works in, in one of the forms that agents have for it.
fn directory(text: &str) -> Option<String> {
    const MARKS: &[&str] = &["working directory", "<cwd>", "directory:", "cwd"];
    let lower = text.to_ascii_lowercase();
    MARKS.iter().find_map(|mark| {
        let mut places = lower.match_indices(mark);
        places.find_map(|(at, _)| path_at(&text[at + mark.len()..]))
    })
}

fn path_at(text: &str) -> Option<String> {
    let path = text.trim_start_matches([' ', ':', '*', '`', '"', '\'', '=']);
    let path = path.strip_prefix("is ").unwrap_or(path);
    let end = path.find(|c: char| c.is_whitespace() || "<`\"'".contains(c));
    let path = path[..end.unwrap_or(path.len())].trim_end_matches(['.', ',']);
    path.starts_with('/').then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_found() {
        for text in [
            "x\n - Working directory: /a/b\n - Is a repository",
            "<environment_context>\n  <cwd>/a/b</cwd>",
            "* Current working directory: `/a/b`.",
            "You work in the Directory: /a/b, and only there",
            "Relative to the working directory of files.\nPrimary working directory: /a/b",
            "{\"cwd\": \"/a/b\"}",
        ] {
            assert_eq!(directory(text).as_deref(), Some("/a/b"), "{text}");
        }
        assert_eq!(directory("in the working directory, do this"), None);
    }

    #[test]
    fn steps_are_counted_from_the_last_prompt() {
        let prompt = |text: &str| Entry::Prompt(text.to_owned());
        let found = Conversation::of([
            prompt("<environment_context><cwd>/a</cwd>"),
            prompt("<system-reminder>be good</system-reminder>\n[[sh ls]]"),
            Entry::Result,
            prompt("## Previous Attempt"),
            Entry::Result,
            prompt("<system-reminder>be good</system-reminder>"),
            Entry::Result,
        ]);
        assert_eq!((found.step, found.is_retry), (2, true));
        assert!(found.directions.ends_with("[[sh ls]]"));
        assert_eq!(found.directory.as_deref(), Some("/a"));
    }
}
