//! How starts end: by recorded streams, by exit codes, by being stopped.

use super::*;
use crate::agent::session;

#[tokio::test]
async fn every_recorded_end_has_its_class() {
    use FailureClass::{Auth, Config, Exit, Incomplete, RateLimited, Stalled};
    let place = Place::new();
    for (stream, code, expected) in [
        ("copilot-ok.jsonl", 0, None),
        ("copilot-denied.jsonl", 0, Some(Config)),
        ("copilot-cut.jsonl", 1, Some(Exit)),
        ("copilot-auth.jsonl", 1, Some(Auth)),
        ("copilot-rate.jsonl", 1, Some(RateLimited)),
        ("copilot-refused.jsonl", 1, Some(Config)),
        ("claude-ok.jsonl", 0, None),
        ("claude-ok.jsonl", 1, Some(Exit)),
        ("claude-denied.jsonl", 0, Some(Config)),
        ("claude-cut.jsonl", 0, Some(Incomplete)),
        ("claude-auth.jsonl", 1, Some(Auth)),
        ("claude-rate.jsonl", 1, Some(RateLimited)),
        ("codex-ok.jsonl", 0, None),
        ("codex-cut.jsonl", 1, Some(Exit)),
        ("codex-auth.jsonl", 1, Some(Auth)),
        ("gemini-ok.jsonl", 0, None),
        ("gemini-cut.jsonl", 0, Some(Incomplete)),
        ("gemini-auth.jsonl", 145, Some(Auth)),
        ("opencode-ok.jsonl", 0, None),
        ("opencode-ok.jsonl", 1, Some(Exit)),
        ("opencode-cut.jsonl", 0, Some(Stalled)),
        ("opencode-rate.jsonl", 1, Some(RateLimited)),
        ("aider-ok.txt", 0, None),
        ("aider-auth.txt", 0, Some(Auth)),
        ("aider-rate.txt", 0, Some(RateLimited)),
    ] {
        let name = stream.split('-').next().unwrap();
        let program = place.prints(stream, &format!("cat >/dev/null; exit {code}"));
        let (result, signals) = place.run(agent(name).program(program)).await;
        assert_eq!(class(&result), expected, "{stream} {code}: {result:?}");
        let is_text = name == "aider";
        assert_eq!(result.session.is_some(), !is_text, "{stream}: {result:?}");
        assert!(!signals.is_empty(), "{stream}: {result:?}");
        if expected.is_none() && !is_text {
            assert_eq!(result.output, "Done: scripted answer.", "{stream}");
        }
    }
    assert!(!place.folder.path().join("logs/a-1-1.files").exists());
}

/// The servers' other tools are the user's to leave out; what is denied besides is missing for the work.
#[tokio::test]
async fn a_tool_that_the_user_left_out_is_not_missing() {
    let place = Place::new();
    let text = include_str!("../../output/fixtures/claude-denied.jsonl");
    for (tool, expected) in [
        ("mcp__aura__burn", None),
        ("mcp__aura__find", Some(FailureClass::Config)),
        ("mcp__other__burn", Some(FailureClass::Config)),
        ("Bash", Some(FailureClass::Config)),
    ] {
        let stream = place.folder.path().join("denied.jsonl");
        let denial = format!("\"tool_name\":\"{tool}\"");
        fs::write(&stream, text.replace("\"tool_name\":\"Bash\"", &denial)).unwrap();
        let program = place.prints(stream.to_str().unwrap(), "cat >/dev/null; exit 0");
        let agent = agent("claude").program(program).yolo(false);
        let (result, _) = place.run(agent.mcp(servers().tools(["find"]))).await;
        assert_eq!(class(&result), expected, "{tool}: {result:?}");
    }
}

#[tokio::test]
async fn an_agent_that_asks_again_before_a_far_end_of_a_limit_is_stopped() {
    let place = Place::new();
    let event = serde_json::json!({"type": "model.call_failure", "data": {
        "statusCode": 429, "retryAttempt": 0, "errorMessage": "usage limit reached, resets in 5 hours",
    }});
    let code = format!("cat >/dev/null; echo '{event}'; exec sleep 600");
    let far = place.program("far/copilot", &code);
    let begun = jiff::Timestamp::now();
    let (result, _) = place.run(agent("copilot").program(far)).await;
    let failure = result.failure.unwrap();
    assert_eq!(failure.class, FailureClass::Quota);
    assert!(failure.until.unwrap() > begun + jiff::SignedDuration::from_hours(4));
}

#[tokio::test]
async fn an_end_that_no_event_explains_has_its_class() {
    use FailureClass::{Auth, Config, Exit, Incomplete, Killed, RateLimited};
    let place = Place::new();
    for (name, code, expected) in [
        ("copilot", "exit 0", Some(Incomplete)),
        (
            "claude",
            "echo '{\"type\":\"assistant\"'; exit 0",
            Some(Incomplete),
        ),
        (
            "copilot",
            "echo 'Error: No authentication information found.' >&2; exit 1",
            Some(Auth),
        ),
        (
            "claude",
            "echo 'API Error: 529 Overloaded' >&2; exit 1",
            Some(Exit),
        ),
        (
            "codex",
            "echo 'error: unexpected argument' >&2; exit 2",
            Some(Exit),
        ),
        (
            "codex",
            "echo 'The model `x` does not exist' >&2; exit 1",
            Some(Config),
        ),
        ("gemini", "exit 41", Some(Auth)),
        ("gemini", "exit 145", Some(Auth)),
        ("gemini", "exit 173", Some(RateLimited)),
        ("gemini", "exit 144", Some(Config)),
        ("gemini", "exit 244", Some(Exit)),
        ("codex", "exit 101", Some(Exit)),
        ("opencode", "kill -KILL $$", Some(Killed)),
    ] {
        let program = place.program("agent", &format!("cat >/dev/null\n{code}"));
        let (result, _) = place.run(agent(name).program(program)).await;
        assert_eq!(class(&result), expected, "{name} {code}: {result:?}");
    }
}

#[tokio::test]
async fn a_good_end_after_being_stopped_is_none() {
    let place = Place::new();
    let wait = "trap 'exit 0' INT TERM; while :; do sleep 0.05; done";
    let program = place.prints("copilot-ok.jsonl", wait);
    let request = AgentRequest {
        idle: Duration::from_millis(700),
        ..place.request()
    };
    let (result, _) = place
        .run_with(agent("copilot").program(program), request)
        .await;
    assert_eq!(class(&result), Some(FailureClass::Stalled), "{result:?}");
    // One that waits for its provider in silence is not at fault.
    let retry = "head -n 8; printf x >/dev/null";
    let program = place.prints("copilot-rate.jsonl", &format!("{retry}; {wait}"));
    let request = AgentRequest {
        idle: Duration::from_millis(700),
        ..place.request()
    };
    let (result, _) = place
        .run_with(agent("copilot").program(program), request)
        .await;
    assert_eq!(
        class(&result),
        Some(FailureClass::RateLimited),
        "{result:?}"
    );
}

#[tokio::test]
async fn who_only_asks_again_or_goes_in_circles_is_stopped() {
    let place = Place::new();
    let retry = r#"{"type":"system","subtype":"api_retry","attempt":1,"retry_delay_ms":1,"error_status":500,"error":"server_error"}"#;
    let code = format!("while :; do echo '{retry}'; sleep 0.05; done");
    let program = place.program("agent", &code);
    let request = || AgentRequest {
        idle: Duration::from_millis(500),
        ..place.request()
    };
    let (result, _) = place
        .run_with(agent("claude").program(program), request())
        .await;
    let failure = result.failure.unwrap();
    assert_eq!(failure.class, FailureClass::Stalled);
    assert!(
        failure.summary.contains("asked its provider again"),
        "{}",
        failure.summary
    );
    let code = code
        .replace("500", "429")
        .replace("server_error", "rate_limit");
    let program = place.program("agent", &code);
    let (result, _) = place
        .run_with(agent("claude").program(program), request())
        .await;
    assert_eq!(class(&result), Some(FailureClass::RateLimited));
    let call = r#"{"type":"tool.execution_start","data":{"toolCallId":"1","toolName":"bash","arguments":{"command":"ls"}}}"#;
    let program = place.program("agent", &format!("while :; do echo '{call}'; done"));
    let (result, _) = place.run(agent("copilot").program(program)).await;
    let failure = result.failure.unwrap();
    assert_eq!(failure.class, FailureClass::Stalled);
    assert!(
        failure.summary.contains("same arguments"),
        "{}",
        failure.summary
    );
}

/// The class of a row of the table of failures, for one agent; `None` where nothing speaks against the attempt, and the engine
/// looks at what changed.
fn class_of(agent: &str, scenario: &str) -> Option<FailureClass> {
    use FailureClass::{Auth, Config, Exit, Incomplete, Killed, Quota, RateLimited};
    match (agent, scenario) {
        (_, "ok" | "two" | "retried" | "badargs") => None,
        // They do without, or what they were recorded to do was allowed.
        ("aider" | "codex" | "gemini" | "opencode", "denied") => None,
        (_, "denied" | "s400") => Some(Config),
        // It does not tell why.
        ("opencode", "no-login") => Some(Exit),
        (_, "s401" | "no-login") => Some(Auth),
        // One tells the status and not the text, the other breaks its lines.
        ("codex" | "aider", "quota") => Some(RateLimited),
        (_, "quota") => Some(Quota),
        (_, "s429") => Some(RateLimited),
        ("claude" | "gemini", "midclose") => Some(Incomplete),
        // It went in circles until whoever recorded it killed it.
        ("opencode", "midclose") => Some(Killed),
        // Somebody else than Aura stopped them, and they ended with 0.
        ("copilot" | "gemini", "stopped") => Some(Incomplete),
        ("opencode", "stopped") => Some(Killed),
        (_, "s500" | "close" | "midclose" | "no-session" | "stopped") => Some(Exit),
        other => panic!("no row for {other:?}"),
    }
}

#[tokio::test]
async fn every_row_of_the_table_has_its_class_with_every_agent() {
    const SESSION: &str = "7b1f7f0e-0000-4000-8000-000000000001";
    let place = Place::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/streams");
    let mut rows = Vec::new();
    for name in CliAgent::names() {
        for file in fs::read_dir(root.join(name)).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|end| end == "json") {
                rows.push((name, path));
            }
        }
    }
    assert!(rows.len() >= 70, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for (name, path) in rows {
        let scenario = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let about: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let errors = place.folder.path().join("errors");
        fs::write(&errors, about["stderr"].as_str().unwrap()).unwrap();
        let end = match about["exit"].as_i64() {
            Some(signal @ ..0) => format!("kill {signal} $$"),
            code => format!("exit {}", code.unwrap_or(1)),
        };
        let code = format!(
            "s={SESSION}\n\
             for a in \"$@\"; do [ \"$last\" = --session-id ] && s=$a; last=$a; done\n\
             cat >/dev/null; sed \"s/{SESSION}/$s/\" {}; cat {} >&2; {end}",
            path.with_extension("stdout").display(),
            errors.display(),
        );
        let program = place.program(&format!("{scenario}/{name}"), &code);
        let agent = agent(name).program(program).yolo(scenario != "denied");
        let mut request = place.request();
        if scenario == "no-session" {
            request.session = Some(session::tied(SESSION, &request));
        }
        let (result, _) = place.run_with(agent, request).await;
        if class(&result) != class_of(name, &scenario) {
            wrong.push(format!("{name} {scenario}: {:?}", result.failure));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
