//! A hundred planted secrets in five encodings, printed by a real program: nothing that is kept of it has one.

use std::fs;
use std::path::Path;

use tokio::sync::mpsc;

use crate::agent::AgentBackend;
use crate::agents::CommandAgent;
use crate::gate::Gate;
use crate::gates::CommandGate;
use crate::model::GateVerdict;
use crate::prompt::Redactor;
use crate::{agent, gate};

const PLANTED: usize = 100;
const ENCODINGS: [&str; 5] = ["plain", "json", "url", "hex", "base64"];
/// So often that the ends that are kept begin in the middle of the output, and of a secret.
const TIMES: usize = 4;

/// Writes both streams in pieces of changing sizes, so that hardly a secret is in one piece.
const PRINT: &str = r#"
import os, sys
streams = [(fd, open(name, 'rb').read()) for fd, name in ((1, 'stdout'), (2, 'stderr'))]
size = 0
while any(data for _, data in streams):
    size = size % 61 + 7
    streams = [(fd, data[os.write(fd, data[:size]):] if data else data) for fd, data in streams]
sys.exit(1)
"#;

fn secret(number: usize) -> String {
    match number % 5 {
        0 => format!("t0ken{number:03}QwErTyUiOp"),
        1 => format!("p@ss w/rd+\"q\\{number:03}<&=é>"),
        2 => format!("first line of {number:03}\nsecond line of {number:03}\n\tand the third one"),
        3 => format!("Zm9v/{number:03}+YmFyYmF6cXV4/w=="),
        _ => format!("秘密の言葉{number:03}です"),
    }
}

fn name(number: usize) -> String {
    let kind = ["TOKEN", "PASSPHRASE", "DSN", "COOKIE", "PWD"][number / 5 % 5];
    format!("PLANTED_{number}_{kind}")
}

fn encoded(secret: &str, encoding: &str) -> String {
    let bytes = secret.bytes();
    match encoding {
        "plain" => secret.to_owned(),
        "json" => serde_json::to_string(secret).unwrap(),
        "url" => bytes
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    char::from(byte).to_string()
                }
                _ => format!("%{byte:02X}"),
            })
            .collect(),
        "hex" => bytes.map(|byte| format!("{byte:02x}")).collect(),
        _ => base64(secret.as_bytes()),
    }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |place: usize| group.get(place).copied().map_or(0, usize::from);
        let value = byte(0) << 16 | byte(1) << 8 | byte(2);
        text.extend((0..4).map(|place| match place <= group.len() {
            true => char::from(ALPHABET[value >> (18 - 6 * place) & 63]),
            false => '=',
        }));
    }
    text
}

/// What one stream says: findings, since these are taken apart, and at its end a secret without a line end.
fn stream(begin: usize) -> String {
    let mut text = String::new();
    for _ in 0..TIMES {
        for number in (begin..PLANTED).step_by(2) {
            for encoding in ENCODINGS {
                let value = encoded(&secret(number), encoding);
                text.push_str(&format!(
                    "a{number}.c:3:1: error: {encoding} <{value}> end{number}\n"
                ));
                if !value.contains(['\n', ':', '"']) {
                    text.push_str(&format!("{value}.c:3:1: error: in a name\n"));
                }
            }
        }
    }
    // One that colours cut in two, which are taken out later.
    let coloured = secret(begin)
        .replace('t', "\u{1b}[1mt")
        .replace('s', "\u{1b}[0ms");
    format!("{text}{coloured}\n{}", secret(begin))
}

fn prepare(folder: &Path) -> Redactor {
    fs::write(folder.join("stdout"), stream(0)).unwrap();
    fs::write(folder.join("stderr"), stream(1)).unwrap();
    // Every third is the program's own.
    let numbers = (0..PLANTED).filter(|number| number % 3 > 0);
    Redactor::new(numbers.map(|number| (name(number), secret(number)))).unwrap()
}

fn own() -> impl Iterator<Item = (String, String)> {
    let numbers = (0..PLANTED).filter(|number| number % 3 == 0);
    numbers.map(|number| (name(number), secret(number)))
}

fn assert_clean(what: &str, text: &str) {
    for number in 0..PLANTED {
        let secret = secret(number);
        let lines = secret
            .lines()
            .map(str::trim)
            .filter(|line| line.len() >= 16);
        let lines = lines.map(ToOwned::to_owned);
        // The last characters of an encoding may stand for what follows, too.
        let spelled = ENCODINGS.map(|encoding| {
            let spelled = encoded(&secret, encoding);
            let length = spelled.chars().count() - 4;
            spelled.chars().take(length).collect::<String>()
        });
        for part in lines.chain(spelled) {
            let place = text.find(&part);
            let near = place.map(|place| text[place..].chars().take(200).collect::<String>());
            assert_eq!(near, None, "{what} has {part:?}");
        }
    }
}

/// Not even what the log's two streams make of each other may be one; what is no secret is all there.
fn assert_log(path: &Path) {
    let log = fs::read_to_string(path).unwrap();
    assert_clean(
        "the log",
        &log.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "#"),
    );
    for number in 0..PLANTED {
        // The streams alternate in the log, and at spaces only.
        for around in [format!("a{number}.c:3:1: "), format!("end{number}\n")] {
            let found = log.matches(&around).count();
            assert_eq!(found, TIMES * ENCODINGS.len(), "{around:?}");
        }
    }
    assert!(log.matches("[redacted]").count() >= PLANTED * TIMES * ENCODINGS.len());
}

async fn collect(mut lines: mpsc::Receiver<String>) -> String {
    let mut all = String::new();
    while let Some(line) = lines.recv().await {
        all.push_str(&line);
        all.push('\n');
    }
    all
}

#[tokio::test]
async fn no_planted_secret_is_kept_of_an_agent() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = CommandAgent::new(["python3", "-c", PRINT]);
    for (name, value) in own() {
        program = program.env(name, value);
    }
    let request = agent::AgentRequest {
        redactor: prepare(folder.path()),
        ..agent::tests::request(folder.path())
    };
    let log = request.log.clone();
    let (context, mut engine) = agent::tests::context();
    let (lines, received) = mpsc::channel(100);
    let mut told = engine.output;
    tokio::spawn(async move {
        while let Some(agent::AgentSignal::Line(line)) = told.recv().await {
            let _ = lines.send(line).await;
        }
    });
    let lines = tokio::spawn(collect(received));
    let store = async move {
        let (_, stored) = engine.register.recv().await.unwrap();
        stored.send(()).unwrap();
    };
    let (result, ()) = tokio::join!(program.run(request, context), store);
    let result = result.unwrap();
    let failure = result.failure.unwrap();
    assert_eq!(failure.summary, "ended with exit code 1: [redacted]");
    assert!(result.output.len() > 15 * 1024 && result.output.contains("[redacted]"));
    assert_clean("the output", &result.output);
    let lines = lines.await.unwrap();
    assert!(lines.contains("[redacted]"));
    assert_clean("the lines", &lines);
    assert_log(&log);
    let mut secrets = program.secrets();
    secrets.sort();
    let mut expected: Vec<_> = own().collect();
    expected.sort();
    assert_eq!(secrets, expected);
}

#[tokio::test]
async fn no_planted_secret_is_kept_of_a_gate() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = CommandGate::new(["python3", "-c", PRINT]);
    for (name, value) in own() {
        program = program.env(name, value);
    }
    let request = gate::GateRequest {
        redactor: prepare(folder.path()),
        ..gate::tests::request(folder.path())
    };
    let log = request.log.clone();
    let (context, _cancel, lines) = gate::tests::context();
    let lines = tokio::spawn(collect(lines));
    let report = program.check(request, context).await;
    let GateVerdict::Failed { findings } = report.verdict else {
        panic!("{:?}", report.verdict)
    };
    assert!(findings.len() > 10, "{}", findings.len());
    for finding in findings {
        assert_clean("a finding", &finding.message);
        assert_clean("a finding's file", &finding.file.unwrap_or_default());
    }
    assert!(report.output_tail.len() > 15 * 1024);
    assert_clean("the tail", &report.output_tail);
    let lines = lines.await.unwrap();
    assert!(lines.contains("[redacted]"));
    assert_clean("the lines", &lines);
    assert_log(&log);
    assert_eq!(program.secrets().len(), own().count());
}
