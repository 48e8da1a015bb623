//! The scripted model as a program of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use aura_tests::llm::Received;

const PROGRAM: &str = env!("CARGO_BIN_EXE_scripted-llm");

/// Starts it; it ends itself after a minute at the latest.
fn start(arguments: &[&str]) -> (Child, u16) {
    let mut child = Command::new(PROGRAM)
        .args(["--seconds", "60"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    let read = BufReader::new(stdout).read_line(&mut line);
    read.expect("it says where it listens");
    let told: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let port = told["port"].as_u64().and_then(|port| port.try_into().ok());
    (child, port.expect("a port"))
}

fn send(port: u16, scenario: &str) -> TcpStream {
    let body = r#"{"messages":[{"role":"user","content":"hello"}],"tools":[{"name":"Bash"}]}"#;
    let head = format!("POST /{scenario}/v1/messages HTTP/1.1\r\nContent-Length:");
    let request = format!("{head} {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    stream
}

/// Also with somebody waiting for an answer, and with input that was never asked for.
#[test]
fn it_ends_with_its_standard_input() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = dir.path().join("log.jsonl");
    let (mut child, port) = start(&["--log", &log.display().to_string()]);
    let mut answer = String::new();
    let mut answered = send(port, "ok");
    answered.read_to_string(&mut answer).expect("an answer");
    assert!(answer.contains("tool_use"), "{answer}");
    let mut waiting = send(port, "hang");
    while std::fs::read_to_string(&log).map_or(0, |text| text.lines().count()) < 2 {
        std::thread::yield_now();
    }
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"still here\n").expect("it reads");
    assert!(child.try_wait().expect("a child").is_none());
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
    let mut rest = Vec::new();
    let _ = waiting.read_to_end(&mut rest);
    assert_eq!(rest, b"");
    let text = std::fs::read_to_string(&log).expect("a log");
    let lines = text.lines().map(serde_json::from_str);
    let received: Vec<Received> = lines.collect::<Result<_, _>>().expect("requests");
    let answers: Vec<_> = received.iter().map(|one| one.answer.as_str()).collect();
    assert_eq!(answers, ["Bash", "Hang"]);
}

#[test]
fn it_ends_when_its_time_is_over() {
    let (mut child, _) = start(&["--seconds", "0"]);
    let stdin = child.stdin.take();
    assert!(child.wait().expect("it ends").success());
    drop(stdin);
}

#[test]
fn it_refuses_what_it_does_not_understand() {
    for arguments in [
        &["--seconds"][..],
        &["--sconds", "1"],
        &["--requests", "many"],
    ] {
        let mut command = Command::new(PROGRAM);
        let output = command.args(arguments).stdin(Stdio::null()).output();
        let output = output.expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage"));
    }
}
