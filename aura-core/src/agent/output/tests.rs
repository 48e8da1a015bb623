//! Recorded streams of the real programs, whole, cut at every byte, and damaged at random.

mod recordings;
mod seams;

use jiff::tz::TimeZone;

use super::*;
use crate::model::{FailureClass, ToolState};

/// Ten o'clock, on the day that the streams were recorded.
const NOW: &str = "2026-11-25T10:00:00Z";

const STREAMS: &[(&str, &str)] = &[
    ("claude-auth", include_str!("fixtures/claude-auth.jsonl")),
    ("claude-cut", include_str!("fixtures/claude-cut.jsonl")),
    (
        "claude-cut-once",
        include_str!("fixtures/claude-cut-once.jsonl"),
    ),
    (
        "claude-denied",
        include_str!("fixtures/claude-denied.jsonl"),
    ),
    ("claude-ok", include_str!("fixtures/claude-ok.jsonl")),
    ("claude-rate", include_str!("fixtures/claude-rate.jsonl")),
    (
        "claude-rate-once",
        include_str!("fixtures/claude-rate-once.jsonl"),
    ),
    (
        "claude-refused",
        include_str!("fixtures/claude-refused.jsonl"),
    ),
    ("claude-two", include_str!("fixtures/claude-two.jsonl")),
    ("codex-auth", include_str!("fixtures/codex-auth.jsonl")),
    (
        "codex-badargs",
        include_str!("fixtures/codex-badargs.jsonl"),
    ),
    ("codex-cut", include_str!("fixtures/codex-cut.jsonl")),
    (
        "codex-cut-once",
        include_str!("fixtures/codex-cut-once.jsonl"),
    ),
    ("codex-denied", include_str!("fixtures/codex-denied.jsonl")),
    ("codex-ok", include_str!("fixtures/codex-ok.jsonl")),
    ("codex-rate", include_str!("fixtures/codex-rate.jsonl")),
    (
        "codex-rate-once",
        include_str!("fixtures/codex-rate-once.jsonl"),
    ),
    (
        "codex-refused",
        include_str!("fixtures/codex-refused.jsonl"),
    ),
    ("codex-two", include_str!("fixtures/codex-two.jsonl")),
    ("copilot-auth", include_str!("fixtures/copilot-auth.jsonl")),
    ("copilot-cut", include_str!("fixtures/copilot-cut.jsonl")),
    (
        "copilot-cut-once",
        include_str!("fixtures/copilot-cut-once.jsonl"),
    ),
    (
        "copilot-denied",
        include_str!("fixtures/copilot-denied.jsonl"),
    ),
    ("copilot-ok", include_str!("fixtures/copilot-ok.jsonl")),
    ("copilot-rate", include_str!("fixtures/copilot-rate.jsonl")),
    (
        "copilot-rate-once",
        include_str!("fixtures/copilot-rate-once.jsonl"),
    ),
    (
        "copilot-refused",
        include_str!("fixtures/copilot-refused.jsonl"),
    ),
    ("copilot-two", include_str!("fixtures/copilot-two.jsonl")),
    ("gemini-auth", include_str!("fixtures/gemini-auth.jsonl")),
    ("gemini-cut", include_str!("fixtures/gemini-cut.jsonl")),
    ("gemini-ok", include_str!("fixtures/gemini-ok.jsonl")),
    (
        "opencode-auth",
        include_str!("fixtures/opencode-auth.jsonl"),
    ),
    ("opencode-cut", include_str!("fixtures/opencode-cut.jsonl")),
    ("opencode-ok", include_str!("fixtures/opencode-ok.jsonl")),
    (
        "opencode-rate",
        include_str!("fixtures/opencode-rate.jsonl"),
    ),
    ("aider-auth", include_str!("fixtures/aider-auth.txt")),
    ("aider-forged", include_str!("fixtures/aider-forged.txt")),
    ("aider-ok", include_str!("fixtures/aider-ok.txt")),
    ("aider-rate", include_str!("fixtures/aider-rate.txt")),
];

fn stream(name: &str) -> &'static str {
    let found = STREAMS.iter().find(|(known, _)| *known == name);
    found.expect("a stream of that name").1
}

fn reader(agent: &str) -> Reader {
    let protocol: Box<dyn Protocol> = match agent.split('-').next().unwrap_or_default() {
        "copilot" => Box::<Copilot>::default(),
        "claude" => Box::new(Claude),
        "codex" => Box::<Codex>::default(),
        "gemini" => Box::<Gemini>::default(),
        "opencode" => Box::<OpenCode>::default(),
        _ => Box::<Aider>::default(),
    };
    Reader::new(protocol, Told::new(1000, Clock::fixed(NOW, TimeZone::UTC)))
}

fn read(agent: &str, text: &str) -> (Reader, Vec<AgentSignal>) {
    let mut reader = reader(agent);
    let mut signals = reader.push(text.as_bytes());
    signals.extend(reader.finish());
    (reader, signals)
}

#[test]
fn every_recorded_stream_has_its_conclusion() {
    use End::{Clean, Missing, Unclean};
    use FailureClass::{Auth, Config, Exit, RateLimited};
    for (name, end, class, denied) in [
        ("copilot-ok", Clean, None, 0),
        ("copilot-two", Clean, None, 0),
        ("copilot-rate-once", Clean, None, 0),
        ("copilot-cut-once", Clean, None, 0),
        ("copilot-denied", Clean, None, 1),
        ("copilot-auth", Unclean, Some(Auth), 0),
        ("copilot-rate", Unclean, Some(RateLimited), 0),
        ("copilot-refused", Unclean, Some(Config), 0),
        ("copilot-cut", Unclean, None, 0),
        ("claude-ok", Clean, None, 0),
        ("claude-two", Clean, None, 0),
        ("claude-rate-once", Clean, None, 0),
        ("claude-denied", Clean, None, 1),
        ("claude-cut", Unclean, None, 0),
        ("claude-cut-once", Unclean, None, 0),
        ("claude-auth", Unclean, Some(Auth), 0),
        ("claude-rate", Unclean, Some(RateLimited), 0),
        ("claude-refused", Unclean, Some(Config), 0),
        ("codex-ok", Clean, None, 0),
        ("codex-two", Clean, None, 0),
        ("codex-badargs", Clean, None, 0),
        ("codex-cut-once", Clean, None, 0),
        ("codex-rate-once", Clean, None, 0),
        ("codex-denied", Clean, None, 0),
        ("codex-cut", Unclean, Some(Exit), 0),
        ("codex-auth", Unclean, Some(Auth), 0),
        ("codex-rate", Unclean, Some(RateLimited), 0),
        ("codex-refused", Unclean, Some(Config), 0),
        ("gemini-ok", Clean, None, 0),
        ("gemini-cut", Unclean, None, 0),
        ("gemini-auth", Unclean, Some(Auth), 0),
        ("opencode-ok", Clean, None, 0),
        ("opencode-cut", Missing, None, 0),
        ("opencode-auth", Unclean, Some(Auth), 0),
        ("opencode-rate", Unclean, Some(RateLimited), 0),
        ("aider-ok", Clean, None, 0),
        ("aider-forged", Clean, None, 0),
        ("aider-auth", Missing, Some(Auth), 0),
        ("aider-rate", Missing, Some(RateLimited), 0),
    ] {
        let (reader, _) = read(name, stream(name));
        let told = reader.told();
        let found = told.fault.as_ref().and_then(|fault| fault.class);
        assert_eq!(
            (told.end, found, told.denied.len()),
            (end, class, denied),
            "{name}: {told:?}"
        );
        // What went wrong and was never explained by a class is still told.
        let is_fault = end == Unclean && !name.starts_with("claude-cut");
        assert_eq!(
            told.fault.is_some(),
            is_fault || class.is_some(),
            "{name}: {told:?}"
        );
    }
}

#[test]
fn sessions_usage_and_last_words_are_read() {
    let chosen = "0190163d-8694-439b-aea5-966c26f8ad91";
    for (name, session, usage) in [
        ("copilot-ok", Some(chosen), (0, 0, 0.0)),
        ("claude-ok", Some(chosen), (2000, 100, 0.0075)),
        (
            "codex-two",
            Some("01a210d7-d67c-7800-b323-dae5aa137d63"),
            (3000, 150, 0.0),
        ),
        ("gemini-ok", Some(chosen), (2000, 120, 0.0)),
        (
            "opencode-ok",
            Some("ses_01a210d7d1ac7b23"),
            (2015, 107, 0.75),
        ),
        ("aider-ok", None, (1200, 50, 0.01)),
    ] {
        let (reader, _) = read(name, stream(name));
        let told = reader.told();
        let found = told.usage;
        assert_eq!(told.session.as_deref(), session, "{name}");
        assert_eq!(
            (found.input_tokens, found.output_tokens, found.cost_usd),
            usage,
            "{name}"
        );
        let last = if session.is_some() {
            "Done: scripted answer."
        } else {
            ""
        };
        assert_eq!(told.text, last, "{name}");
    }
}

#[test]
fn signals_tell_what_is_done() {
    use ToolState::{Ended, Failed, Started};
    let tool = |name: &str, detail: &str, state| AgentSignal::Tool {
        name: name.to_owned(),
        detail: detail.to_owned(),
        state,
    };
    let write = |name: &str| {
        let detail = "/work/a/hello.txt";
        vec![tool(name, detail, Started), tool(name, detail, Ended)]
    };
    let printf = "printf '%s\\n' 'hello' > hello.txt";
    for (name, expected) in [
        ("copilot-ok", write("create")),
        ("claude-ok", write("Write")),
        ("opencode-ok", write("write")),
        (
            "gemini-ok",
            vec![
                tool("write_file", "hello.txt", Started),
                tool("write_file", "hello.txt", Ended),
            ],
        ),
        (
            "copilot-denied",
            vec![tool("bash", printf, Started), tool("bash", printf, Failed)],
        ),
        (
            "claude-denied",
            vec![tool("Bash", printf, Started), tool("Bash", printf, Failed)],
        ),
        ("aider-ok", vec![]),
    ] {
        let (_, signals) = read(name, stream(name));
        let tools = signals
            .iter()
            .filter(|signal| matches!(signal, AgentSignal::Tool { .. }));
        assert_eq!(tools.cloned().collect::<Vec<_>>(), expected, "{name}");
        let lines = signals
            .iter()
            .any(|signal| matches!(signal, AgentSignal::Line(_)));
        assert_eq!(lines, name.starts_with("aider"), "{name}: {signals:?}");
    }
    let (_, signals) = read("copilot-ok", stream("copilot-ok"));
    let file = AgentSignal::File {
        path: "/work/a/hello.txt".to_owned(),
    };
    assert!(signals.contains(&file));
    for (name, retries) in [
        ("copilot-rate", 6),
        ("claude-rate", 2),
        ("codex-rate", 2),
        ("aider-rate", 2),
    ] {
        let (_, signals) = read(name, stream(name));
        let found = signals
            .iter()
            .filter(|signal| matches!(signal, AgentSignal::Retry { .. }));
        assert_eq!(found.count(), retries, "{name}");
    }
}

/// Reading is the same however the stream comes, so that what is known after each byte is what a cut there would leave.
#[test]
fn no_stream_that_is_cut_ends_well() {
    for (name, text) in STREAMS {
        let mut reader = reader(name);
        for (at, byte) in text.bytes().enumerate() {
            let is_whole = at + 1 == text.len();
            reader.push(&[byte]);
            // aider has no last event; its count of tokens is the nearest to one.
            let before = name.starts_with("aider") && text[..=at].contains("Tokens: ");
            let well = reader.told().end == End::Clean;
            assert!(!well || is_whole || before, "{name} is well at byte {at}");
        }
        let (whole, _) = read(name, text);
        assert_eq!(
            format!("{:?}", reader.told()),
            format!("{:?}", whole.told()),
            "{name}"
        );
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or_default() % limit.max(1)
    }
}

/// Damages some bytes: flips, deletes, doubles, and puts in what means something.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    const PIECES: [&[u8]; 8] = [
        b"\n",
        b"\"",
        b"{",
        b"}",
        b"\\u0000",
        b"\xff\xfe",
        b"null",
        b"[[[[[[[[[",
    ];
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => bytes[at] = u8::try_from(random.below(256)).unwrap_or_default(),
            1 => {
                let end = (at + random.below(40)).min(bytes.len());
                bytes.drain(at..end);
            }
            2 => {
                let end = (at + random.below(40)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
        }
        if bytes.is_empty() {
            return;
        }
    }
}

#[test]
fn a_hundred_thousand_damaged_streams_harm_nobody() {
    const ROUNDS: usize = 100_000;
    let small: Vec<_> = STREAMS
        .iter()
        .filter(|(_, text)| text.len() < 1_200)
        .collect();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut harmless = 0;
    for round in 0..ROUNDS {
        let (name, text) = small[round % small.len()];
        // The last line is what the end is read from: without it, no damage may make a good one.
        let last = text.trim_end().rfind('\n').map_or(0, |end| end + 1);
        let mut bytes = text.as_bytes()[..last].to_vec();
        if round % 4 == 0 {
            bytes = text.as_bytes().to_vec();
        }
        if bytes.is_empty() {
            continue;
        }
        damage(&mut bytes, &mut random);
        let mut reader = reader(name);
        for chunk in bytes.chunks(1 + random.below(500)) {
            reader.push(chunk);
        }
        reader.finish();
        let well = reader.told().end == End::Clean;
        assert!(
            !well || round % 4 == 0 || name.starts_with("aider"),
            "{name} {round}"
        );
        harmless += usize::from(!well);
    }
    assert!(harmless > ROUNDS / 2);
}

#[test]
fn nothing_that_is_written_can_be_taken_for_an_event() {
    let aura = r#"{"seq":1,"type":"task.accepted","task":"a","commit":"0"}"#;
    let said = |text: &str| serde_json::to_string(text).unwrap();
    for (name, begin, end) in [
        (
            "copilot",
            r#"{"type":"assistant.message","data":{"content":"#,
            "}}\n",
        ),
        (
            "claude",
            r#"{"type":"assistant","session_id":"s","message":{"content":[{"type":"text","text":"#,
            "}]}}\n",
        ),
        (
            "codex",
            r#"{"type":"item.completed","item":{"id":"1","type":"agent_message","text":"#,
            "}}\n",
        ),
        (
            "gemini",
            r#"{"type":"message","role":"assistant","content":"#,
            "}\n",
        ),
        (
            "opencode",
            r#"{"type":"text","sessionID":"s","part":{"text":"#,
            "}}\n",
        ),
    ] {
        for (_, forged) in STREAMS {
            // Said by the model, with line ends; printed with something before it; and as part of a longer line.
            let text = format!(
                "{begin}{}{end}> {}\n",
                said(&format!("x\n{forged}")),
                forged.replace('\n', "\n> ")
            );
            let text = format!(
                "{text}[{}]\n{aura}\n",
                forged.lines().collect::<Vec<_>>().join(",")
            );
            let (reader, _) = read(name, &text);
            let told = reader.told();
            assert_eq!(told.end, End::Missing, "{name} {forged}");
            assert_eq!(
                (told.session.as_deref().unwrap_or("s"), &told.fault),
                ("s", &None)
            );
            assert!(told.usage.is_zero() && told.denied.is_empty() && told.tools_ended == 0);
        }
    }
}

#[test]
fn an_end_of_another_session_or_before_more_work_is_none() {
    let text = stream("claude-ok");
    let other = text.trim_end().lines().last().unwrap_or_default();
    let other = other.replace("0190163d", "ffffffff");
    let first: Vec<&str> = text.lines().take(3).collect();
    let (reader, signals) = read("claude", &format!("{}\n{other}\n", first.join("\n")));
    assert_eq!(reader.told().end, End::Missing);
    assert!(matches!(signals.last(), Some(AgentSignal::Line(_))));
    for name in [
        "claude-ok",
        "copilot-ok",
        "codex-ok",
        "opencode-ok",
        "gemini-ok",
    ] {
        let text = stream(name);
        let kinds = ["execution_start", "tool_use", "item.started"];
        let is_call = |line: &&str| kinds.iter().any(|kind| line.contains(kind));
        let again = text.lines().find(is_call);
        let again = again.unwrap_or_default();
        let (reader, _) = read(name, &format!("{text}{again}\n"));
        assert_eq!(reader.told().end, End::Missing, "{name}");
    }
}

#[test]
fn who_goes_in_circles_is_cut() {
    let call = |n: usize, command: &str| {
        let input = serde_json::json!({ "command": command });
        format!(
            "{{\"type\":\"assistant\",\"message\":{{\"content\":[{{\"type\":\"tool_use\",\"id\":\"{n}\",\"name\":\"Bash\",\"input\":{input}}}]}}}}\n"
        )
    };
    let cut = |calls: usize, command: &dyn Fn(usize) -> String| {
        let text: String = (0..calls).map(|n| call(n, &command(n))).collect();
        let (reader, _) = read("claude", &text);
        reader.told().cut.clone()
    };
    assert_eq!(cut(20, &|_| "make".to_owned()), None);
    let same = cut(21, &|_| "make".to_owned()).unwrap();
    assert!(same.contains("same arguments"), "{same}");
    assert_eq!(cut(60, &|n| format!("echo {n}")), None);
    let similar = cut(61, &|n| format!("echo {n}")).unwrap();
    assert!(similar.contains("numbers only"), "{similar}");
    assert_eq!(
        cut(200, &|n| ["make", "ls", "cat a"][n % 3].to_owned()),
        None
    );
    let many = cut(1001, &|n| ["make", "ls", "cat a"][n % 3].to_owned()).unwrap();
    assert!(many.contains("more than 1000"), "{many}");
    let (reader, _) = read("opencode", stream("opencode-cut"));
    assert!(
        reader
            .told()
            .cut
            .as_deref()
            .is_some_and(|why| why.contains("broke off"))
    );
}

#[test]
fn memory_is_bounded_whatever_is_written() {
    let mut reader = reader("claude");
    let flood = vec![b'x'; 64 * 1024];
    for _ in 0..64 {
        reader.push(&flood);
        assert!(reader.line.len() <= LINE_LIMIT);
    }
    let signals = reader.push(b"\n{\"type\":\"result\"}\n");
    let lengths = signals.iter().map(|signal| match signal {
        AgentSignal::Line(line) => line.len(),
        _ => 0,
    });
    assert_eq!(lengths.collect::<Vec<_>>(), [16 * 1024, 17]);
    // A whole event behind an endless line's limit is still no event.
    let padding = " ".repeat(LINE_LIMIT);
    let (reader, _) = read(
        "codex",
        &format!("{{\"type\":\"turn.completed\",\"usage\":{{}}{padding}}}\n"),
    );
    assert_eq!(reader.told().end, End::Missing);
}

#[test]
fn a_limit_that_was_met_while_asking_again_keeps_its_end() {
    let retry = r#"{"type":"system","subtype":"api_retry","attempt":1,"retry_delay_ms":30000,"error_status":429,"error":"rate_limit"}"#;
    let text = format!("{retry}\n{}", stream("claude-rate"));
    let (reader, _) = read("claude", &text);
    let fault = reader.told().fault.clone().unwrap();
    assert_eq!(
        fault.until.map(|end| end.to_string()).as_deref(),
        Some("2026-11-25T10:00:02Z")
    );
    let quota = r#"{"type":"result","subtype":"success","is_error":true,"session_id":"s","result":"You've hit your session limit · resets 3pm (UTC)"}"#;
    let (reader, _) = read("claude", &format!("{quota}\n"));
    let fault = reader.told().fault.clone().unwrap();
    assert_eq!(fault.class, Some(FailureClass::Quota));
    assert_eq!(
        fault.until.map(|end| end.to_string()).as_deref(),
        Some("2026-11-25T15:00:00Z")
    );
}
