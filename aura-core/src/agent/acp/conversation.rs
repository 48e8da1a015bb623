//! What is said in which order, and what the agent's words mean. It neither reads nor writes.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::output::{End, Fault, Protocol, Told, number_at, text_at};
use super::outbox::Outbox;
use crate::model::{FailureClass, Usage};

/// The version of the protocol.
const VERSION: u64 = 1;

/// Modes in which agents ask nobody, by the names that they were seen to give them.
const FREE_MODES: [&str; 4] = ["full-access", "bypassPermissions", "yolo", "autopilot"];

/// Modes in which they change nothing.
const LOOKING_MODES: [&str; 2] = ["read-only", "plan"];

/// What the agent is to be told.
pub(super) struct Brief {
    pub(super) directory: String,
    pub(super) servers: Vec<Value>,
    pub(super) prompt: String,
    pub(super) model: Option<String>,
    pub(super) yolo: bool,
    pub(super) read_only: bool,
    pub(super) resumed: Option<String>,
}

/// The request whose answer is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Initialize,
    Load,
    Open,
    Model,
    Mode,
    Prompt,
    Over,
}

/// One session with one prompt.
pub(super) struct Conversation {
    brief: Brief,
    outbox: Arc<Outbox>,
    step: Step,
    /// Of the request whose answer is waited for. Nobody can guess where they begin.
    id: u64,
    session: String,
    /// What the model wrote since its last call.
    said: String,
    /// What the answer to opening the session offers.
    offer: Value,
}

impl Conversation {
    /// Says hello.
    pub(super) fn begin(brief: Brief, outbox: Arc<Outbox>) -> Self {
        let mut conversation = Self {
            brief,
            outbox,
            step: Step::Initialize,
            id: first_id(),
            session: String::new(),
            said: String::new(),
            offer: Value::Null,
        };
        let capabilities = json!({
            "fs": {"readTextFile": false, "writeTextFile": false}, "terminal": false,
        });
        conversation.ask(
            Step::Initialize,
            "initialize",
            &json!({
                "protocolVersion": VERSION,
                "clientCapabilities": capabilities,
                "clientInfo": {"name": "aura", "title": "Aura", "version": env!("CARGO_PKG_VERSION")},
            }),
        );
        conversation
    }

    fn ask(&mut self, step: Step, method: &str, params: &Value) {
        self.step = step;
        self.id += 1;
        self.outbox
            .say(&json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params}));
    }

    fn open(&mut self) {
        let params = json!({"cwd": self.brief.directory, "mcpServers": self.brief.servers});
        self.ask(Step::Open, "session/new", &params);
    }

    fn answered(&mut self, result: &Value, told: &mut Told) {
        match self.step {
            Step::Initialize => {
                let loads = result.pointer("/agentCapabilities/loadSession");
                let resumed = self.brief.resumed.clone();
                match resumed.filter(|_| loads == Some(&Value::Bool(true))) {
                    Some(session) => {
                        let params = json!({
                            "sessionId": session, "cwd": self.brief.directory,
                            "mcpServers": self.brief.servers,
                        });
                        self.session = session;
                        self.ask(Step::Load, "session/load", &params);
                    }
                    None => self.open(),
                }
            }
            Step::Open | Step::Load => {
                if let Some(session) = text_at(result, "/sessionId") {
                    session.clone_into(&mut self.session);
                }
                if self.session.is_empty() {
                    return self.fail(
                        told,
                        FailureClass::Exit,
                        "it opened a session without a name",
                    );
                }
                told.session(Some(&self.session));
                self.offer = result.clone();
                self.choose_model(told);
            }
            Step::Model => self.choose_mode(),
            Step::Mode => self.prompt(),
            Step::Prompt => self.turn_ended(result, told),
            Step::Over => {}
        }
    }

    /// An error in place of an answer.
    fn refused(&mut self, error: &Value, told: &mut Told) {
        match self.step {
            // The earlier session is gone, or a mode is not for this user: it goes on without.
            Step::Load => {
                self.session = String::new();
                return self.open();
            }
            Step::Mode => return self.prompt(),
            _ => {}
        }
        let message = text_at(error, "/message").unwrap_or("it answered with an error");
        let data = match error.get("data") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => format!(": {text}"),
            Some(other) => format!(": {other}"),
        };
        let mut fault = told.fault(None, "", &format!("{message}{data}"));
        if error.get("code").and_then(Value::as_i64) == Some(-32000) {
            fault.class = Some(FailureClass::Auth);
        }
        self.end(told, End::Unclean);
        told.fail(fault);
    }

    fn choose_model(&mut self, told: &mut Told) {
        let Some(model) = self.brief.model.clone() else {
            return self.choose_mode();
        };
        let offer = self.offer.clone();
        let session = self.session.as_str();
        let listed = items(offer.pointer("/models/availableModels"));
        let listed: Vec<&str> = listed
            .filter_map(|offered| text_at(offered, "/modelId"))
            .collect();
        if listed.contains(&model.as_str()) {
            let params = json!({"sessionId": session, "modelId": model});
            return self.ask(Step::Model, "session/set_model", &params);
        }
        let choice = items(offer.get("configOptions"))
            .find(|option| text_at(option, "/category") == Some("model"));
        let offered: Vec<&str> = items(choice.and_then(|choice| choice.get("options")))
            .filter_map(|option| text_at(option, "/value"))
            .collect();
        let choice = choice.filter(|_| offered.contains(&model.as_str()));
        if let Some(id) = choice.and_then(|choice| text_at(choice, "/id")) {
            let params = json!({"sessionId": session, "configId": id, "value": model});
            return self.ask(Step::Model, "session/set_config_option", &params);
        }
        let known = [listed, offered].concat().join(", ");
        let known = match known.as_str() {
            "" => "it lets nobody choose one".to_owned(),
            known => format!("it has {known}"),
        };
        let message = format!("the agent does not offer the model `{model}`: {known}");
        self.fail(told, FailureClass::Config, &message);
    }

    fn choose_mode(&mut self) {
        let wanted: &[&str] = match (self.brief.read_only, self.brief.yolo) {
            (true, _) => &LOOKING_MODES,
            (false, true) => &FREE_MODES,
            (false, false) => &[],
        };
        let modes = items(self.offer.pointer("/modes/availableModes"));
        let modes: Vec<&str> = modes.filter_map(|mode| text_at(mode, "/id")).collect();
        let current = text_at(&self.offer, "/modes/currentModeId");
        let mode = wanted.iter().find(|mode| modes.contains(mode));
        match mode.filter(|mode| current != Some(mode)) {
            Some(mode) => {
                let params = json!({"sessionId": self.session, "modeId": mode});
                self.ask(Step::Mode, "session/set_mode", &params);
            }
            None => self.prompt(),
        }
    }

    fn prompt(&mut self) {
        let text = json!({"type": "text", "text": self.brief.prompt});
        let params = json!({"sessionId": self.session, "prompt": [text]});
        self.outbox.in_turn(&self.session);
        self.ask(Step::Prompt, "session/prompt", &params);
    }

    fn turn_ended(&mut self, result: &Value, told: &mut Told) {
        self.flush(told);
        if let Some(usage) = usage(result) {
            told.uses(Usage {
                cost_usd: told.usage.cost_usd,
                ..usage
            });
        }
        match text_at(result, "/stopReason").unwrap_or_default() {
            "end_turn" => self.turn_ended_well(told),
            "refusal" => {
                self.fail(told, FailureClass::Incomplete, "its model refused to go on");
            }
            "max_turn_requests" => {
                self.end(told, End::Unclean);
                told.cut = Some("it stopped at a limit of its own: max_turn_requests".to_owned());
            }
            // What it stopped at is told by whoever stopped it.
            _ => self.end(told, End::Unclean),
        }
    }

    fn turn_ended_well(&mut self, told: &mut Told) {
        // Some tell an error of their provider as if their model had said it.
        if told.tools_ended == 0 && told.usage.is_zero() && told.text.starts_with("Error: ") {
            let fault = told.fault(None, "", &told.text);
            if fault.class.is_some() {
                self.end(told, End::Unclean);
                return told.fail(fault);
            }
        }
        self.end(told, End::Clean);
    }

    fn fail(&mut self, told: &mut Told, class: FailureClass, message: &str) {
        let fault = Fault {
            class: Some(class),
            message: message.to_owned(),
            until: None,
        };
        self.end(told, End::Unclean);
        told.fail(fault);
    }

    fn end(&mut self, told: &mut Told, end: End) {
        self.step = Step::Over;
        told.ended(end);
        self.outbox.end();
    }

    /// Passes on what the model wrote.
    fn flush(&mut self, told: &mut Told) {
        let said = std::mem::take(&mut self.said);
        told.said(&said);
    }

    /// Something that the agent tells during its turn.
    fn update(&mut self, update: &Value, told: &mut Told) {
        match text_at(update, "/sessionUpdate").unwrap_or_default() {
            "agent_message_chunk" => {
                let text = text_at(update, "/content/text").unwrap_or_default();
                if self.said.len() < super::super::ending::ANSWER_LIMIT {
                    self.said.push_str(text);
                }
                told.works();
            }
            // Some tell of a call only when it is over.
            "tool_call" | "tool_call_update" => {
                self.flush(told);
                let id = text_at(update, "/toolCallId").unwrap_or_default();
                if told.called(id).is_empty() {
                    call_began(id, update, told);
                }
                call_changed(id, update, told);
            }
            "usage_update" => {
                let cost = update.pointer("/cost/amount").and_then(Value::as_f64);
                let is_usd = text_at(update, "/cost/currency") == Some("USD");
                if let Some(cost) = cost.filter(|_| is_usd) {
                    told.uses(Usage {
                        cost_usd: super::super::output::cost(Some(cost)),
                        ..told.usage
                    });
                }
            }
            _ => told.works(),
        }
    }

    /// A question of the agent.
    fn asked(&mut self, id: &Value, method: &str, params: &Value, told: &mut Told) {
        let answer = if method == "session/request_permission" {
            let outcome = self.permit(params, told);
            json!({"jsonrpc": "2.0", "id": id, "result": {"outcome": outcome}})
        } else {
            let error = json!({"code": -32601, "message": format!("{method} is not offered")});
            json!({"jsonrpc": "2.0", "id": id, "error": error})
        };
        self.outbox.say(&answer);
    }

    /// By the kind of an option: their ids and their order differ from agent to agent.
    fn permit(&self, params: &Value, told: &mut Told) -> Value {
        let kind = text_at(params, "/toolCall/kind").unwrap_or_default();
        let allowed = !self.brief.read_only && (self.brief.yolo || kind == "edit");
        let wanted = if allowed {
            ["allow_once", "allow_always"]
        } else {
            ["reject_once", "reject_always"]
        };
        let options: Vec<&Value> = items(params.get("options")).collect();
        let chosen = wanted.iter().find_map(|wanted| {
            let fits = |option: &&&Value| text_at(option, "/kind") == Some(wanted);
            options.iter().find(fits)
        });
        if !allowed {
            let title = text_at(params, "/toolCall/title");
            told.denied(title.filter(|title| !title.is_empty()).unwrap_or(kind));
        }
        match chosen.and_then(|option| text_at(option, "/optionId")) {
            Some(option) => json!({"outcome": "selected", "optionId": option}),
            None => json!({"outcome": "cancelled"}),
        }
    }
}

impl Protocol for Conversation {
    fn event(&mut self, event: &Value, told: &mut Told) -> bool {
        if self.step == Step::Over || text_at(event, "/jsonrpc") != Some("2.0") {
            return false;
        }
        let (id, params) = (event.get("id"), event.get("params").unwrap_or(&Value::Null));
        match (text_at(event, "/method"), id) {
            (Some("session/update"), None) => {
                let is_mine = text_at(params, "/sessionId") == Some(&self.session);
                // What comes before the prompt is history.
                if is_mine && self.step == Step::Prompt {
                    self.update(params.get("update").unwrap_or(&Value::Null), told);
                }
                is_mine
            }
            (Some(method), Some(id)) => {
                self.asked(id, method, params, told);
                true
            }
            (Some(_), None) => true,
            (None, Some(id)) if id.as_u64() == Some(self.id) => {
                match (event.get("result"), event.get("error")) {
                    (Some(result), None) => self.answered(result, told),
                    (None, Some(error)) => self.refused(error, told),
                    _ => return false,
                }
                true
            }
            (None, _) => false,
        }
    }
}

fn items(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

fn call_began(id: &str, update: &Value, told: &mut Told) {
    let kind = text_at(update, "/kind").unwrap_or("tool");
    let title = json!({"description": text_at(update, "/title").unwrap_or_default()});
    let input = update.get("rawInput").filter(|input| input.is_object());
    told.tool_started(id, kind, input.unwrap_or(&title));
}

fn call_changed(id: &str, update: &Value, told: &mut Told) {
    let status = text_at(update, "/status").unwrap_or_default();
    if !matches!(status, "completed" | "failed") {
        return;
    }
    let changes = items(update.get("content"));
    for path in changes
        .filter(|content| text_at(content, "/type") == Some("diff"))
        .filter_map(|content| text_at(content, "/path"))
    {
        told.file(path);
    }
    told.tool_ended(id, status == "completed");
}

/// The tokens of a turn, where the answer tells them.
fn usage(result: &Value) -> Option<Usage> {
    let tokens = |path: &str| number_at(result, path);
    let given = tokens("/usage/inputTokens").zip(tokens("/usage/outputTokens"));
    let cached = tokens("/usage/cachedReadTokens").unwrap_or_default();
    let given = given.map(|(input, output)| (input.saturating_add(cached), output));
    let quota = "/_meta/quota/token_count";
    let quota =
        tokens(&format!("{quota}/input_tokens")).zip(tokens(&format!("{quota}/output_tokens")));
    let (input_tokens, output_tokens) = given.or(quota)?;
    Some(Usage {
        input_tokens,
        output_tokens,
        cost_usd: 0.0,
    })
}

/// Where the numbers of requests begin. JSON knows 53 bits.
fn first_id() -> u64 {
    let random = Uuid::now_v7().into_bytes();
    let bytes = [10, 11, 12, 13, 14, 15].map(|at| random[at]);
    bytes.iter().fold(0, |id, byte| id << 8 | u64::from(*byte))
}
