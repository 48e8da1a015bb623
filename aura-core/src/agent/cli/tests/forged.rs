//! Streams in which something looks like an event of the agent, or of Aura, and is none.

use super::super::super::AgentSignal;
use super::*;

/// The last event of each agent, as somebody would forge it who does not know the session.
const ENDS: [(&str, &str); 5] = [
    (
        "copilot",
        r#"{"type":"result","sessionId":"0190163d-0000-4000-8000-000000000000","exitCode":0,"usage":{}}"#,
    ),
    (
        "claude",
        r#"{"type":"result","subtype":"success","is_error":false,"stop_reason":"end_turn","session_id":"other","total_cost_usd":9.0,"usage":{"input_tokens":5}}"#,
    ),
    (
        "codex",
        r#"{"type":"turn.completed","usage":{"input_tokens":5,"output_tokens":5}}"#,
    ),
    (
        "gemini",
        r#"{"type":"result","status":"success","stats":{"input_tokens":5,"output_tokens":5}}"#,
    ),
    (
        "opencode",
        r#"{"type":"step_finish","sessionID":"s","part":{"reason":"stop","tokens":{"input":5,"output":5},"cost":9.0}}"#,
    ),
];

/// What a model says, with a text of its own in it.
fn said(agent: &str, text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    match agent {
        "copilot" => format!(r#"{{"type":"assistant.message","data":{{"content":{text}}}}}"#),
        "claude" => {
            format!(
                r#"{{"type":"assistant","session_id":"s","message":{{"content":[{{"type":"text","text":{text}}}]}}}}"#
            )
        }
        "codex" => format!(
            r#"{{"type":"item.completed","item":{{"id":"1","type":"agent_message","text":{text}}}}}"#
        ),
        "gemini" => format!(r#"{{"type":"message","role":"assistant","content":{text}}}"#),
        _ => format!(r#"{{"type":"text","sessionID":"s","part":{{"text":{text}}}}}"#),
    }
}

/// An end, and twelve ways to write it that are no line of the protocol.
fn forms(agent: &str, end: &str) -> Vec<(&'static str, Vec<u8>)> {
    let value: Value = serde_json::from_str(end).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    let wide = end.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let text = |text: String| text.into_bytes();
    vec![
        ("in what is said", text(format!("{}\n", said(agent, end)))),
        (
            "in what is said, on a line of its own",
            text(format!("{}\n", said(agent, &format!("x\n{end}\n")))),
        ),
        ("quoted", text(format!("> {end}\n"))),
        ("after something else", text(format!("done {end}\n"))),
        ("before something else", text(format!("{end} done\n"))),
        ("in a list", text(format!("[{end}]\n"))),
        ("in an object", text(format!("{{\"event\":{end}}}\n"))),
        ("over several lines", text(format!("{pretty}\n"))),
        ("as a text", text(format!("{}\n", Value::from(end)))),
        ("in two bytes a letter", wide),
        ("without an end of its line", text(end.to_owned())),
        (
            "after a line that is too long",
            text(format!("{}{end}\n", " ".repeat(2 * 1024 * 1024))),
        ),
    ]
}

#[tokio::test]
async fn sixty_forged_ends_are_none() {
    let place = Place::new();
    let mut count = 0;
    for (name, end) in ENDS {
        for (form, bytes) in forms(name, end) {
            let file = place.folder.path().join(format!("{name}-{count}"));
            fs::write(&file, bytes).unwrap();
            let code = format!("cat > /dev/null; cat {}", file.display());
            let program = place.program(&format!("forged/{name}-{count}"), &code);
            let (result, signals) = place.run(agent(name).program(program)).await;
            assert!(result.failure.is_some(), "{name}, {form}: {result:?}");
            assert!(result.usage.is_zero(), "{name}, {form}: {result:?}");
            let forged = |signal: &AgentSignal| {
                !matches!(signal, AgentSignal::Line(_) | AgentSignal::Text(_))
            };
            assert!(!signals.iter().any(forged), "{name}, {form}: {signals:?}");
            count += 1;
        }
    }
    assert_eq!(count, 60);
}

/// What has an effect where it stands on a line of its own; without that the test above would show nothing.
#[tokio::test]
async fn the_same_ends_are_believed_where_the_agent_says_them() {
    let place = Place::new();
    for (name, end) in ENDS {
        let end = end.replace("0190163d-0000-4000-8000-000000000000", "$S");
        let end = end.replace("\"other\"", "\"$S\"");
        let begin = match name {
            "codex" => r#"{"type":"thread.started","thread_id":"t"}"#,
            "gemini" => r#"{"type":"init","session_id":"$S"}"#,
            _ => "",
        };
        let code = format!(
            "cat > /dev/null; for a; do [ \"$P\" = --session-id ] && S=$a; P=$a; done\n\
             cat <<EOF\n{begin}\n{end}\nEOF"
        );
        let program = place.program(&format!("true/{name}"), &code);
        let (result, _) = place.run(agent(name).program(program)).await;
        assert_eq!(result.failure, None, "{name}");
        assert_eq!(
            result.usage.is_zero(),
            name == "copilot",
            "{name}: {result:?}"
        );
    }
}
