//! What is told is cut to a length, and a secret may lie across the cut.

use serde_json::json;

use super::*;
use crate::prompt::Redactor;
use crate::text;

const SECRET: &str = "Quokka7-Zebra8-Walrus9";

/// Agents and lines of theirs with the text in every place that is told or kept.
fn lines(text: &str) -> Vec<(&'static str, String)> {
    let claude = |content: Value| json!({"type": "assistant", "message": {"content": [content]}});
    let item = |item: Value| json!({"type": "item.completed", "item": item});
    let events = [
        ("claude", claude(json!({"type": "text", "text": text}))),
        (
            "claude",
            claude(
                json!({"type": "tool_use", "id": "1", "name": "Bash", "input": {"command": text}}),
            ),
        ),
        (
            "claude",
            claude(json!({"type": "tool_use", "id": "1", "name": text, "input": {}})),
        ),
        (
            "claude",
            json!({"type": "system", "subtype": "api_retry", "attempt": 1, "error": text}),
        ),
        (
            "claude",
            json!({"type": "result", "subtype": "success", "is_error": true, "session_id": "s", "result": text}),
        ),
        (
            "claude",
            json!({"type": "result", "subtype": "success", "is_error": false, "session_id": "s",
            "permission_denials": [{"tool_name": text}]}),
        ),
        (
            "copilot",
            json!({"type": "session.error", "data": {"errorType": "query", "message": text}}),
        ),
        (
            "copilot",
            json!({"type": "session.warning", "data": {"message": text}}),
        ),
        (
            "codex",
            item(json!({"id": "1", "type": "file_change", "changes": [{"path": text}]})),
        ),
        (
            "codex",
            json!({"type": "turn.failed", "error": {"message": text}}),
        ),
        (
            "gemini",
            json!({"type": "result", "status": "error", "error": {"type": text, "message": text}}),
        ),
        (
            "opencode",
            json!({"type": "error", "sessionID": "s", "error": {"name": "x", "data": {"message": text}}}),
        ),
        ("codex", json!({"type": "nobody.knows", "what": text})),
    ];
    let mut lines: Vec<_> = events
        .into_iter()
        .map(|(agent, event)| (agent, event.to_string()))
        .collect();
    lines.push(("aider", format!("litellm.APIError: {text}")));
    lines.push(("copilot", text.to_owned()));
    lines
}

#[test]
fn no_cut_leaves_a_part_of_a_secret() {
    let redactor = Redactor::new([("A_TOKEN", SECRET)]).unwrap();
    let parts = [&SECRET[..6], &SECRET[SECRET.len() - 6..]];
    let mut masked = 0;
    for limit in [200, 300, 800, 2000, 16 * 1024] {
        for before in [6, 7, 11, 15, 21] {
            let text = format!("{}{SECRET} and so on", "x".repeat(limit - before));
            for (agent, line) in lines(&text) {
                let mut reader = masking(agent, &redactor);
                let mut signals = reader.push(format!("{line}\n").as_bytes());
                signals.extend(reader.finish());
                let told = reader.told();
                let fault = told.fault.as_ref();
                let summary = fault.map(|fault| text::head(&fault.message, 300).to_owned());
                let all = format!("{signals:?} {told:?} {summary:?}");
                masked += usize::from(all.contains("[redacted]"));
                for part in parts {
                    assert!(
                        !all.contains(part),
                        "{agent}, {limit} - {before}: {part} of {}",
                        &line[..90]
                    );
                }
            }
        }
    }
    assert!(masked > 100, "{masked}");
}

/// Whitespace is made one space in what stands on one line; a secret with more of it is masked before.
#[test]
fn a_secret_with_spaces_is_masked_before_it_is_put_on_one_line() {
    let secret = "open  sesame\tsesame";
    let redactor = Redactor::new([("A_PASSWORD", secret)]).unwrap();
    for (agent, line) in lines(&format!("it is {secret}, he said")) {
        let mut reader = masking(agent, &redactor);
        let signals = reader.push(format!("{line}\n").as_bytes());
        let all = format!("{signals:?} {:?}", reader.told());
        assert!(!all.contains("sesame"), "{agent}: {all}");
    }
}

fn masking(agent: &str, redactor: &Redactor) -> Reader {
    let mut reader = reader(agent);
    let clock = Clock::fixed(NOW, TimeZone::UTC);
    *reader.told_mut() = Told::new(1000, clock).masking(redactor);
    reader
}

/// The same, where another stream begins in the middle: nobody can tell whose end it is.
#[test]
fn a_stream_in_which_another_begins_ends_for_nobody() {
    for (agent, begin, end) in [
        (
            "codex",
            r#"{"type":"thread.started","thread_id":"ID"}"#,
            r#"{"type":"turn.completed","usage":{"input_tokens":5,"output_tokens":5}}"#,
        ),
        (
            "gemini",
            r#"{"type":"init","session_id":"ID"}"#,
            r#"{"type":"result","status":"success","stats":{"input_tokens":5,"output_tokens":5}}"#,
        ),
    ] {
        let play = |ids: &[&str]| {
            let mut text: String = ids
                .iter()
                .map(|id| format!("{}\n", begin.replace("ID", id)))
                .collect();
            text.push_str(&format!("{end}\n"));
            read(agent, &text).0
        };
        assert_eq!(play(&["a", "a"]).told().end, End::Clean, "{agent}");
        let mixed = play(&["a", "b"]);
        assert_eq!(mixed.told().end, End::Missing, "{agent}");
        assert!(mixed.told().usage.is_zero());
        assert_eq!(mixed.told().session.as_deref(), Some("a"));
    }
}
