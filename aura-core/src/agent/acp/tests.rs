//! A conversation line by line, whole, cut and damaged.

#![expect(
    clippy::needless_pass_by_value,
    reason = "messages are written in place"
)]

mod process;

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::super::AgentSignal;
use super::super::output::{Clock, End, Reader, Told};
use super::conversation::{Brief, Conversation};
use super::outbox::Outbox;
use super::*;

const SESSION: &str = "s-1";

/// The host's side, and an agent that is played by the test.
struct Play {
    reader: Reader,
    outbox: Arc<Outbox>,
    sent: UnboundedReceiver<Vec<u8>>,
    /// The last request of the host.
    asked: Value,
    /// Everything that the agent said.
    spoken: Vec<u8>,
}

fn brief() -> Brief {
    Brief {
        directory: "/w".to_owned(),
        servers: Vec::new(),
        prompt: "do it".to_owned(),
        model: None,
        yolo: true,
        read_only: false,
        resumed: None,
    }
}

impl Play {
    fn new(brief: Brief) -> Self {
        let (outbox, sent) = Outbox::new();
        let conversation = Conversation::begin(brief, Arc::clone(&outbox));
        let told = Told::new(1000, Clock::system());
        let mut play = Self {
            reader: Reader::new(Box::new(conversation), told),
            outbox,
            sent,
            asked: Value::Null,
            spoken: Vec::new(),
        };
        play.hear();
        play
    }

    fn hear(&mut self) {
        while let Ok(line) = self.sent.try_recv() {
            self.asked = serde_json::from_slice(&line).unwrap();
        }
    }

    fn say(&mut self, message: &Value) -> Vec<AgentSignal> {
        let line = format!("{message}\n");
        self.spoken.extend_from_slice(line.as_bytes());
        let signals = self.reader.push(line.as_bytes());
        self.hear();
        signals
    }

    fn answer(&mut self, method: &str, result: Value) -> Vec<AgentSignal> {
        assert_eq!(self.asked["method"], method);
        let id = self.asked["id"].clone();
        self.say(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
    }

    fn update(&mut self, update: Value) -> Vec<AgentSignal> {
        let params = json!({"sessionId": SESSION, "update": update});
        self.say(&json!({"jsonrpc": "2.0", "method": "session/update", "params": params}))
    }

    /// Up to the prompt.
    fn opened(brief: Brief) -> Self {
        let mut play = Self::new(brief);
        play.answer("initialize", json!({"protocolVersion": 1}));
        play.answer("session/new", json!({"sessionId": SESSION}));
        assert_eq!(play.asked["method"], "session/prompt");
        play
    }

    fn end(&self) -> End {
        self.reader.told().end
    }
}

fn works(play: &mut Play) -> Vec<AgentSignal> {
    let text = |text: &str| json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}});
    let mut signals = play.update(text("I will "));
    signals.extend(play.update(text("write.")));
    signals.extend(play.update(json!({"sessionUpdate": "tool_call", "toolCallId": "1", "title": "Write", "kind": "edit", "status": "pending", "rawInput": {"path": "a.txt"}})));
    signals.extend(play.update(json!({"sessionUpdate": "tool_call_update", "toolCallId": "1", "status": "completed", "content": [{"type": "diff", "path": "/w/a.txt"}]})));
    signals.extend(play.update(text("Done.")));
    let usage = json!({"inputTokens": 10, "outputTokens": 3, "cachedReadTokens": 5});
    signals.extend(play.answer(
        "session/prompt",
        json!({"stopReason": "end_turn", "usage": usage}),
    ));
    signals
}

#[test]
fn a_turn_is_told_and_ends_well() {
    let mut play = Play::opened(brief());
    assert_eq!(
        play.asked["params"],
        json!({"sessionId": SESSION, "prompt": [{"type": "text", "text": "do it"}]})
    );
    let signals = works(&mut play);
    let tool = |state| AgentSignal::Tool {
        name: "edit".to_owned(),
        detail: "a.txt".to_owned(),
        state,
    };
    let usage = crate::model::Usage {
        input_tokens: 15,
        output_tokens: 3,
        cost_usd: 0.0,
    };
    assert_eq!(
        signals,
        [
            AgentSignal::Text("I will write.".to_owned()),
            tool(crate::model::ToolState::Started),
            AgentSignal::File {
                path: "/w/a.txt".to_owned()
            },
            tool(crate::model::ToolState::Ended),
            AgentSignal::Text("Done.".to_owned()),
            AgentSignal::Usage(usage),
        ]
    );
    let told = play.reader.told();
    assert_eq!(
        (told.end, told.session.as_deref(), told.text.as_str()),
        (End::Clean, Some(SESSION), "Done.")
    );
    assert!(play.outbox.is_over());
    // What comes afterwards changes nothing.
    play.update(json!({"sessionUpdate": "agent_message_chunk", "content": {"text": "more"}}));
    assert_eq!(play.end(), End::Clean);
}

#[test]
fn other_ends_have_their_class() {
    for (answer, class) in [
        (json!({"result": {"stopReason": "cancelled"}}), None),
        (json!({"result": {"stopReason": "max_tokens"}}), None),
        (json!({"result": {}}), None),
        (
            json!({"result": {"stopReason": "refusal"}}),
            Some(FailureClass::Incomplete),
        ),
        (
            json!({"error": {"code": -32000, "message": "Authentication required"}}),
            Some(FailureClass::Auth),
        ),
        (
            json!({"error": {"code": -32603, "message": "Internal error", "data": {"status": 429}}}),
            Some(FailureClass::RateLimited),
        ),
        (
            json!({"error": {"code": -32603, "message": "429 Too Many Requests"}}),
            Some(FailureClass::RateLimited),
        ),
        (
            json!({"error": {"code": -32603, "message": "x", "data": "usage limit reached, resets at 3pm"}}),
            Some(FailureClass::Quota),
        ),
    ] {
        let mut play = Play::opened(brief());
        let mut message = answer.clone();
        message["jsonrpc"] = json!("2.0");
        message["id"] = play.asked["id"].clone();
        play.say(&message);
        assert_eq!(play.end(), End::Unclean, "{answer}");
        let fault = play.reader.told().fault.as_ref();
        assert_eq!(fault.and_then(|fault| fault.class), class, "{answer}");
        assert!(play.outbox.is_over());
    }
    let mut play = Play::opened(brief());
    let error = json!({"sessionUpdate": "agent_message_chunk", "content": {"text": "Error: 401 Unauthorized"}});
    play.update(error);
    play.answer("session/prompt", json!({"stopReason": "end_turn"}));
    let fault = play.reader.told().fault.as_ref();
    assert_eq!(
        fault.and_then(|fault| fault.class),
        Some(FailureClass::Auth)
    );
}

#[test]
fn a_permission_is_given_by_its_kind() {
    let options = json!([
        {"optionId": "n", "kind": "reject_once"}, {"optionId": "A", "kind": "allow_always"}, {"optionId": "y", "kind": "allow_once"},
    ]);
    for (yolo, read_only, kind, expected) in [
        (
            true,
            false,
            "execute",
            json!({"outcome": "selected", "optionId": "y"}),
        ),
        (
            false,
            false,
            "execute",
            json!({"outcome": "selected", "optionId": "n"}),
        ),
        (
            false,
            false,
            "edit",
            json!({"outcome": "selected", "optionId": "y"}),
        ),
        (
            true,
            true,
            "edit",
            json!({"outcome": "selected", "optionId": "n"}),
        ),
    ] {
        let mut play = Play::opened(Brief {
            yolo,
            read_only,
            ..brief()
        });
        let call = json!({"toolCallId": "1", "title": "Do it", "kind": kind});
        let params = json!({"sessionId": SESSION, "toolCall": call, "options": options});
        play.say(&json!({"jsonrpc": "2.0", "id": "p", "method": "session/request_permission", "params": params}));
        assert_eq!(
            play.asked,
            json!({"jsonrpc": "2.0", "id": "p", "result": {"outcome": expected}})
        );
        let denied = expected["optionId"] == "n";
        assert_eq!(play.reader.told().denied.len(), usize::from(denied));
    }
    let mut play = Play::opened(brief());
    play.say(&json!({"jsonrpc": "2.0", "id": 1, "method": "fs/read_text_file", "params": {}}));
    assert_eq!(play.asked["error"]["code"], -32601);
}

#[test]
fn models_modes_and_sessions_are_chosen_where_they_are_offered() {
    let models = json!({"models": {"availableModels": [{"modelId": "m1"}, {"modelId": "m2"}], "currentModelId": "m1"}});
    let options = json!({"configOptions": [{"id": "model", "category": "model", "options": [{"value": "m2"}]}]});
    let modes = json!({"modes": {"availableModes": [{"id": "read-only"}, {"id": "full-access"}], "currentModeId": "read-only"}});
    let opened = |brief: Brief, offer: &Value| {
        let mut play = Play::new(brief);
        play.answer("initialize", json!({"protocolVersion": 1}));
        let mut offer = offer.clone();
        offer["sessionId"] = json!(SESSION);
        play.answer("session/new", offer);
        play
    };
    let with_model = || Brief {
        model: Some("m2".to_owned()),
        ..brief()
    };
    let play = opened(with_model(), &models);
    assert_eq!(
        (&play.asked["method"], &play.asked["params"]["modelId"]),
        (&json!("session/set_model"), &json!("m2"))
    );
    let mut play = opened(with_model(), &options);
    play.answer("session/set_config_option", json!({}));
    assert_eq!(play.asked["method"], "session/prompt");
    let play = opened(with_model(), &json!({}));
    let fault = play.reader.told().fault.as_ref().unwrap();
    assert_eq!(fault.class, Some(FailureClass::Config));
    let mut play = opened(brief(), &modes);
    assert_eq!(play.asked["params"]["modeId"], "full-access");
    let id = play.asked["id"].clone();
    play.say(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": 1, "message": "not as root"}}));
    assert_eq!(play.asked["method"], "session/prompt");
    let resumed = || Brief {
        resumed: Some("old".to_owned()),
        ..brief()
    };
    for (loads, method) in [(true, "session/load"), (false, "session/new")] {
        let mut play = Play::new(resumed());
        play.answer(
            "initialize",
            json!({"agentCapabilities": {"loadSession": loads}}),
        );
        assert_eq!(play.asked["method"], method);
        if loads {
            let id = play.asked["id"].clone();
            play.say(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": 1, "message": "gone"}}));
            assert_eq!(play.asked["method"], "session/new");
        }
    }
}

#[test]
fn what_nobody_asked_for_has_no_effect() {
    let end = json!({"stopReason": "end_turn"});
    let mut play = Play::opened(brief());
    let id = play.asked["id"].as_u64().unwrap();
    for forged in [
        json!({"jsonrpc": "2.0", "id": id + 1, "result": end}),
        json!({"jsonrpc": "2.0", "id": id - 1, "result": end}),
        json!({"jsonrpc": "2.0", "id": id.to_string(), "result": end}),
        json!({"id": id, "result": end}),
        json!({"jsonrpc": "2.0", "id": id, "result": end, "error": {"code": 1}}),
        json!([{"jsonrpc": "2.0", "id": id, "result": end}]),
        json!({"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "other", "update": {"sessionUpdate": "tool_call", "toolCallId": "1"}}}),
        json!({"type": "result", "exitCode": 0}),
    ] {
        play.say(&forged);
        let told = play.reader.told();
        assert_eq!(
            (told.end, told.tools_ended, &told.fault),
            (End::Missing, 0, &None),
            "{forged}"
        );
        assert!(!play.outbox.is_over());
    }
    works(&mut play);
    assert_eq!(play.end(), End::Clean);
}

/// Up to the last byte nothing says that it is done, and no damage makes it so.
#[test]
fn a_conversation_that_is_cut_or_damaged_does_not_end_well() {
    let mut play = Play::opened(brief());
    let before = play.spoken.len();
    works(&mut play);
    let said = play.spoken[before..].to_vec();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |limit: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 33).unwrap() % limit
    };
    for cut in 0..said.len() {
        let mut play = Play::opened(brief());
        play.reader.push(&said[..cut]);
        assert_ne!(play.end(), End::Clean, "cut at {cut}");
    }
    for _ in 0..10_000 {
        let mut play = Play::opened(brief());
        let mut bytes = said.clone();
        // The id is another one each time, so that this answer is nobody's.
        for _ in 0..=below(4) {
            let at = below(bytes.len());
            bytes[at] = u8::try_from(below(256)).unwrap();
        }
        for chunk in bytes.chunks(1 + below(300)) {
            play.reader.push(chunk);
        }
        play.reader.finish();
        assert_ne!(play.end(), End::Clean);
    }
}

#[test]
fn a_turn_can_be_cancelled_once_it_began() {
    let mut play = Play::new(brief());
    let asked = play.asked.clone();
    play.outbox.cancel();
    play.hear();
    assert_eq!(play.asked, asked);
    let mut play = Play::opened(brief());
    play.outbox.cancel();
    play.hear();
    assert_eq!(play.asked["method"], "session/cancel");
    assert_eq!(play.asked["params"], json!({"sessionId": SESSION}));
}
