//! The server as an agent sees it: what is sent is parsed back.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use serde_json::{Value, json};

use super::{Limits, ScriptedLlm};

fn server() -> ScriptedLlm {
    ScriptedLlm::start(Limits::default()).expect("it listens")
}

/// Status, head and body of an answer; an empty head where the connection ended without one.
struct Reply {
    status: u16,
    head: String,
    body: String,
}

fn ask(server: &ScriptedLlm, method: &str, path: &str, body: &str) -> Reply {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("it listens");
    let length = body.len();
    let request = format!("{method} {path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).expect("it reads");
    reply(&mut stream)
}

fn reply(stream: &mut TcpStream) -> Reply {
    let mut text = String::new();
    // A connection that is reset has ended, too.
    let _ = stream.read_to_string(&mut text);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).unwrap_or("0").parse();
    Reply {
        status: status.expect("a status"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

fn post(server: &ScriptedLlm, path: &str, body: &Value) -> Reply {
    ask(server, "POST", path, &body.to_string())
}

/// The data of the events of a stream.
fn events(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(reply.head.contains("text/event-stream"), "{}", reply.head);
    let blocks = reply.body.split_terminator("\n\n");
    let data =
        blocks.filter_map(|block| block.lines().find_map(|line| line.strip_prefix("data: ")));
    data.filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).expect("JSON"))
        .collect()
}

const PROMPT: &str = "Working directory: /w\n[[file a.txt :: one]] [[sh ls]]";

fn schema() -> Value {
    json!({"type": "object", "properties": {"file_path": {}, "content": {}}})
}

fn file() -> Value {
    json!({"file_path": "/w/a.txt", "content": "one\n"})
}

fn anthropic(results: usize, stream: bool) -> Value {
    let mut messages = vec![json!({"role": "user", "content": [{"type": "text", "text": PROMPT}]})];
    for _ in 0..results {
        messages
            .push(json!({"role": "assistant", "content": [{"type": "tool_use", "name": "Write"}]}));
        messages
            .push(json!({"role": "user", "content": [{"type": "tool_result", "content": "ok"}]}));
    }
    json!({
        "model": "m", "stream": stream, "messages": messages,
        "tools": [{"name": "Write", "input_schema": schema()}],
    })
}

#[test]
fn anthropic_streams_text_and_a_call() {
    let server = server();
    let reply = post(&server, "/ok/v1/messages?beta=true", &anthropic(0, true));
    let events = events(&reply);
    let kinds: Vec<_> = events
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    let block = [
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
    ];
    let expected = [
        &["message_start"][..],
        &block,
        &block,
        &["message_delta", "message_stop"],
    ];
    assert_eq!(kinds, expected.concat());
    assert!(
        reply.body.starts_with("event: message_start\ndata: {"),
        "{}",
        reply.body
    );
    assert_eq!(events[4]["content_block"]["name"], "Write");
    let arguments = events[5]["delta"]["partial_json"].as_str().expect("a text");
    assert_eq!(
        serde_json::from_str::<Value>(arguments).expect("JSON"),
        file()
    );
    assert_eq!(events[7]["delta"]["stop_reason"], "tool_use");
    // There is no shell, so the second directive cannot be obeyed.
    let last = post(&server, "/ok/v1/messages", &anthropic(1, false));
    let last: Value = serde_json::from_str(&last.body).expect("JSON");
    assert_eq!(last["stop_reason"], "end_turn");
    assert_eq!(last["content"].as_array().map(Vec::len), Some(1));
}

fn chat(results: usize, stream: bool) -> Value {
    let mut messages = vec![
        json!({"role": "system", "content": "Be good."}),
        json!({"role": "user", "content": PROMPT}),
    ];
    messages.extend((0..results).map(|_| json!({"role": "tool", "content": "ok"})));
    let function = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": schema()}});
    json!({
        "model": "m", "stream": stream, "messages": messages,
        "tools": [function("bash"), function("write")],
    })
}

#[test]
fn chat_streams_text_and_a_call() {
    let server = server();
    let reply = post(&server, "/ok/v1/chat/completions", &chat(0, true));
    assert!(reply.body.ends_with("data: [DONE]\n\n"));
    let chunks = events(&reply);
    let deltas: Vec<_> = chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["delta"])
        .collect();
    assert_eq!(deltas[0]["role"], "assistant");
    assert_eq!(deltas[2]["tool_calls"][0]["function"]["name"], "write");
    let arguments = deltas[3]["tool_calls"][0]["function"]["arguments"].as_str();
    let arguments: Value = serde_json::from_str(arguments.expect("a text")).expect("JSON");
    assert_eq!(arguments, file());
    assert_eq!(chunks[4]["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(chunks[5]["usage"]["total_tokens"], 1050);
    for (step, name) in [(1, Some("bash")), (2, None)] {
        let reply = post(&server, "/ok/v1/chat/completions", &chat(step, false));
        let body: Value = serde_json::from_str(&reply.body).expect("JSON");
        let call = &body["choices"][0]["message"]["tool_calls"][0]["function"]["name"];
        assert_eq!(call.as_str(), name);
    }
}

#[test]
fn an_agent_without_tools_gets_the_files_in_the_text() {
    let server = server();
    let body = json!({"messages": [
        {"role": "system", "content": "Answer with a file listing."},
        {"role": "user", "content": "[[file a.txt :: one]] [[file b.txt :: two]]"},
    ]});
    let reply = post(&server, "/ok/v1/chat/completions", &body);
    let body: Value = serde_json::from_str(&reply.body).expect("JSON");
    let expected = "a.txt\n```\none\n```\nb.txt\n```\ntwo\n```\n";
    assert_eq!(body["choices"][0]["message"]["content"], expected);
}

fn responses(results: usize, stream: bool) -> Value {
    let message = |text: &str| json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]});
    let mut input = vec![
        message("<environment_context><cwd>/w</cwd>"),
        message(PROMPT),
    ];
    input.extend((0..results).map(|_| json!({"type": "function_call_output", "output": "ok"})));
    let command = json!({"properties": {"cmd": {"type": "string"}}, "required": ["cmd"]});
    json!({
        "model": "m", "stream": stream, "instructions": "Be good.", "input": input,
        "tools": [{"type": "function", "name": "exec_command", "parameters": command}, {"type": "web_search"}],
    })
}

#[test]
fn responses_stream_text_and_a_call() {
    let server = server();
    let reply = post(&server, "/ok/v1/responses", &responses(0, true));
    let told = events(&reply);
    let numbers: Vec<_> = told
        .iter()
        .filter_map(|event| event["sequence_number"].as_u64())
        .collect();
    assert_eq!(numbers, (0..told.len() as u64).collect::<Vec<_>>());
    let done = told
        .iter()
        .filter(|event| event["type"] == "response.output_item.done");
    let items: Vec<_> = done.map(|event| &event["item"]).collect();
    assert_eq!(
        (&items[0]["type"], &items[1]["type"]),
        (&json!("message"), &json!("function_call"))
    );
    let arguments: Value =
        serde_json::from_str(items[1]["arguments"].as_str().expect("a text")).expect("JSON");
    assert_eq!(arguments, json!({"cmd": "printf '%s\\n' 'one' > 'a.txt'"}));
    let last = told.last().expect("events");
    assert_eq!(
        (&last["type"], &last["response"]["output"][1]),
        (&json!("response.completed"), items[1])
    );
    let reply = post(&server, "/ok/v1/responses", &responses(2, false));
    let body: Value = serde_json::from_str(&reply.body).expect("JSON");
    assert_eq!(body["output"].as_array().map(Vec::len), Some(1));
}

fn gemini(results: usize) -> Value {
    let mut contents = vec![json!({"role": "user", "parts": [{"text": PROMPT}]})];
    contents
        .extend((0..results).map(|_| json!({"role": "user", "parts": [{"functionResponse": {}}]})));
    json!({
        "contents": contents,
        "tools": [{"functionDeclarations": [{"name": "write_file", "parametersJsonSchema": schema()}]}],
    })
}

#[test]
fn gemini_streams_text_and_a_call() {
    let server = server();
    let path = "/ok/v1beta/models/gemini-x:streamGenerateContent?alt=sse";
    let told = events(&post(&server, path, &gemini(0)));
    let part = |at: usize| &told[at]["candidates"][0]["content"]["parts"][0];
    assert_eq!(
        part(1)["functionCall"],
        json!({"name": "write_file", "args": file()})
    );
    assert_eq!(told[1]["candidates"][0]["finishReason"], "STOP");
    assert!(told[0]["candidates"][0]["finishReason"].is_null());
    let told = events(&post(&server, path, &gemini(1)));
    assert_eq!(told.len(), 2);
    assert_eq!(server.received()[0].model.as_deref(), Some("gemini-x"));
}

#[test]
fn gemini_answers_fit_a_schema_that_is_asked_for() {
    let server = server();
    let schema =
        json!({"required": ["choice"], "properties": {"choice": {"enum": ["flash", "pro"]}}});
    let body = json!({
        "contents": [{"role": "user", "parts": [{"text": "which?"}]}],
        "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": schema},
    });
    let reply = post(&server, "/ok/v1beta/models/m:generateContent", &body);
    let body: Value = serde_json::from_str(&reply.body).expect("JSON");
    let text = &body["candidates"][0]["content"]["parts"][0]["text"];
    assert_eq!(text, "{\"choice\":\"flash\"}");
}

#[test]
fn ollama_streams_lines() {
    let server = server();
    let tool =
        json!({"type": "function", "function": {"name": "write_file", "parameters": schema()}});
    let mut body = json!({
        "model": "m", "messages": [{"role": "user", "content": PROMPT}], "tools": [tool],
    });
    let reply = post(&server, "/ok/api/chat", &body);
    assert!(
        reply.head.contains("application/x-ndjson"),
        "{}",
        reply.head
    );
    let lines: Vec<Value> = reply
        .body
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let [said, end] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(said["message"]["content"], "I will do it now.");
    assert_eq!((&said["done"], &end["done"]), (&json!(false), &json!(true)));
    let call = &end["message"]["tool_calls"][0]["function"];
    assert_eq!(*call, json!({"name": "write_file", "arguments": file()}));
    body["stream"] = json!(false);
    let reply = post(&server, "/cut+s404x1/api/chat", &body);
    assert_eq!(reply.body, r#"{"error":"scripted failure 404"}"#);
    let reply = post(&server, "/cut+s404x1/api/chat", &body);
    let whole: Value = serde_json::from_str(&reply.body).expect("JSON");
    assert_eq!(whole["done_reason"], "length");
}

/// What clients without tools ask is counted and fails only where that is wanted.
#[test]
fn questions_are_answered_as_the_scenario_says() {
    let server = server();
    let ask = |scenario: &str, prompt: &str, temperature: Option<f64>| {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": prompt}]});
        body["temperature"] = json!(temperature);
        post(&server, &format!("/{scenario}/v1/chat/completions"), &body)
    };
    assert_eq!(ask("s500", "hello", None).status, 200);
    assert_eq!(ask("s500+bare", "hello", None).status, 500);
    assert_eq!(ask("notemp", "hello", Some(0.2)).status, 400);
    assert_eq!(ask("notemp", "hello", None).status, 200);
    let plan = "# Decompose a Story into Tasks";
    let text = |reply: Reply| {
        let body: Value = serde_json::from_str(&reply.body).expect("JSON");
        let choice = &body["choices"][0];
        let content = choice["message"]["content"].as_str().expect("text");
        (content.to_owned(), choice["finish_reason"].clone())
    };
    assert!(
        text(ask("badplan", plan, None))
            .0
            .contains(r#""dependsOn": [2]"#)
    );
    let corrected = format!("{plan}\n## Correction");
    assert!(
        text(ask("badplan", &corrected, None))
            .0
            .contains("Check addresses")
    );
    let review = r#"{"review": "n", "verdict": "WORD"}"#;
    assert!(
        text(ask("reject", review, None))
            .0
            .contains(r#""verdict": "Rejected""#)
    );
    assert_eq!(
        text(ask("mute+cut", plan, None)),
        (String::new(), json!("length"))
    );
    assert_eq!(text(ask("refuse", plan, None)).1, "content_filter");
    assert!(text(ask("huge", plan, None)).0.len() > 1 << 20);
}

#[test]
fn failures_come_first_and_are_counted_by_name() {
    let server = server();
    let status = |path: &str| post(&server, path, &anthropic(0, true)).status;
    let titles = json!({"messages": [{"role": "user", "content": "a title"}]});
    for name in ["s529x2+ra7~a", "s529x2+ra7~b"] {
        let path = format!("/{name}/v1/messages");
        // What offers no tools is neither counted nor failed.
        assert_eq!(post(&server, &path, &titles).status, 200);
        assert_eq!(
            [status(&path), status(&path), status(&path)],
            [529, 529, 200]
        );
    }
    let reply = post(&server, "/s429/v1/messages", &anthropic(0, true));
    let body: Value = serde_json::from_str(&reply.body).expect("JSON");
    assert_eq!(body["error"]["type"], "rate_limit_error");
    assert!(reply.head.contains("Retry-After: 2"), "{}", reply.head);
    let reply = post(&server, "/s401/v1beta/models/m:generateContent", &gemini(0));
    let body: Value = serde_json::from_str(&reply.body).expect("JSON");
    assert_eq!(body["error"]["status"], "UNAUTHENTICATED");
    let reply = post(&server, "/quota/v1/responses", &responses(0, true));
    assert_eq!(reply.status, 429);
    assert!(reply.body.contains("usage limit") && !reply.head.contains("Retry-After"));
}

#[test]
fn streams_are_cut_or_the_connection_is_closed() {
    let server = server();
    let whole = post(&server, "/ok/v1/messages", &anthropic(0, true));
    let half = post(&server, "/midclose/v1/messages", &anthropic(0, true));
    assert_eq!(events(&half).len(), events(&whole).len() / 2);
    assert!(
        post(&server, "/close/v1/messages", &anthropic(0, true))
            .head
            .is_empty()
    );
}

#[test]
fn arguments_are_broken_once() {
    let server = server();
    let reply = post(&server, "/badargs/v1/chat/completions", &chat(0, true));
    let chunks = events(&reply);
    let arguments =
        chunks[3]["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str();
    assert!(serde_json::from_str::<Value>(arguments.expect("a text")).is_err());
    let reply = post(&server, "/badargs/v1/chat/completions", &chat(1, true));
    let arguments =
        &events(&reply)[3]["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"];
    assert!(serde_json::from_str::<Value>(arguments.as_str().expect("a text")).is_ok());
}

/// Both the head that never comes and the stream that goes silent: nothing is heard until the server ends.
#[test]
fn a_server_that_ends_lets_go_of_everybody() {
    for (scenario, begins) in [("hang", ""), ("midhang", "HTTP/1.1 200")] {
        let server = server();
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("it listens");
        let body = anthropic(0, true).to_string();
        let length = body.len();
        let head =
            format!("POST /{scenario}/v1/messages HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
        stream
            .write_all((head + &body).as_bytes())
            .expect("it reads");
        while server.received().is_empty() {
            std::thread::yield_now();
        }
        let port = server.port();
        drop(server);
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        assert!(
            text.starts_with(begins) && !text.contains("message_stop"),
            "{text}"
        );
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    }
}

#[test]
fn an_agent_that_goes_away_ends_its_request() {
    let server = server();
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("it listens");
    let body = anthropic(0, true).to_string();
    let length = body.len();
    let head = format!("POST /hang/v1/messages HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
    stream
        .write_all((head + &body).as_bytes())
        .expect("it reads");
    stream.shutdown(Shutdown::Write).expect("open");
    assert_eq!(reply(&mut stream).status, 0);
}

#[test]
fn requests_are_bounded_and_logged() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = dir.path().join("log.jsonl");
    let limits = Limits {
        requests: 2,
        log: Some(log.clone()),
        ..Limits::default()
    };
    let server = ScriptedLlm::start(limits).expect("it listens");
    let statuses =
        [0, 1, 2].map(|_| post(&server, "/ok~1/v1/chat/completions", &chat(0, true)).status);
    assert_eq!(statuses, [200, 200, 400]);
    let text = std::fs::read_to_string(log).expect("a log");
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line"));
    assert_eq!(lines.collect::<Vec<super::Received>>(), server.received());
    let first = &server.received_for("ok~1")[0];
    assert_eq!(
        (first.protocol.as_str(), first.answer.as_str(), first.count),
        ("chat", "write", 1)
    );
    assert_eq!(first.tools, ["bash", "write"]);
}

#[test]
fn what_else_agents_ask_for() {
    let server = server();
    assert!(
        ask(&server, "GET", "/ok/v1/models", "")
            .body
            .contains("scripted")
    );
    assert_eq!(ask(&server, "HEAD", "/ok/v1", "").status, 200);
    assert_eq!(
        ask(&server, "POST", "/ok/v1/messages/count_tokens", "{}").body,
        "{\"input_tokens\":100}"
    );
    for (method, path, status) in [
        ("GET", "/ok/v1/else", 404),
        ("POST", "/v1/messages", 400),
        ("POST", "/nonsense/v1/messages", 404),
        ("nonsense", "/ok/v1", 404),
    ] {
        assert_eq!(
            ask(&server, method, path, "").status,
            status,
            "{method} {path}"
        );
    }
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("it listens");
    let upgrade = "GET /ok/v1/responses HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";
    stream.write_all(upgrade.as_bytes()).expect("it reads");
    assert_eq!(reply(&mut stream).status, 426);
}
