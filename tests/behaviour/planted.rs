//! Secrets that agents and gates are given and that they print wherever they can. None may be found in anything that Aura keeps or tells.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use aura_core::{ConfiguredGate, GateSchedule, RunEvent, RunOptions, StorySpec, agents, gates};
use aura_tests::Script;

use crate::kit::{World, plan_of, quick, task};

/// How secrets of many kinds begin. They are put together here, so that no scanner takes this file for a leak.
const KINDS: [&str; 40] = [
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "sk-",
    "sk-ant-",
    "sk-proj-",
    "sk_live_",
    "rk_live_",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    "npm_",
    "pypi-",
    "dop_v1_",
    "shpat_",
    "SG.",
    "key-",
    "hf_",
    "r8_",
    "gsk_",
    "pat-",
    "lin_api_",
    "sq0csp-",
    "EAAC",
    "AAAA",
    "eyJh",
    "v1.0-",
    "dckr_pat_",
    "atlas-",
    "p@ss w/rd\"",
    "two\\ways'",
    "über-",
    "100%+&=",
];

/// A number that is another one each time and the same in each run of the test.
struct Random(u64);

impl Random {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default()
    }
}

/// A hundred values with the names of the variables that hold them.
fn secrets() -> Vec<(String, String)> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut value = |number: usize| {
        let mut value = KINDS[number % KINDS.len()].to_owned();
        for _ in 0..20 + number % 17 {
            value.push(char::from(LETTERS[random.next() % LETTERS.len()]));
        }
        value
    };
    let endings = ["TOKEN", "SECRET", "PASSWORD", "API_KEY"];
    let name = |number: usize| format!("PLANTED_{number}_{}", endings[number % endings.len()]);
    (0..100)
        .map(|number| (name(number), value(number)))
        .collect()
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |at: usize| usize::from(group.get(at).copied().unwrap_or(0));
        let value = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..=group.len() {
            text.push(char::from(ALPHABET[value >> (18 - 6 * place) & 63]));
        }
    }
    text
}

/// The secret as it is, in base64, with percent signs, as a text of JSON, and in hexadecimal.
fn spellings(secret: &str) -> [String; 5] {
    let mut percent = String::new();
    let mut hexadecimal = String::new();
    for byte in secret.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            percent.push(char::from(byte));
        } else {
            write!(percent, "%{byte:02X}").expect("a text");
        }
        write!(hexadecimal, "{byte:02x}").expect("a text");
    }
    let json = serde_json::to_string(secret).expect("a text");
    let json = json.trim_matches('"').to_owned();
    [
        secret.to_owned(),
        base64(secret.as_bytes()),
        percent,
        json,
        hexadecimal,
    ]
}

/// Files that a program prints: everything in lines, and everything in two writes with a secret across the seam.
fn scatter(folder: &Path, secrets: &[(String, String)]) {
    let mut lines = String::new();
    for (name, secret) in secrets {
        for spelling in spellings(secret) {
            writeln!(lines, "{name}={spelling};").expect("a text");
        }
    }
    fs::write(folder.join("lines"), &lines).expect("written");
    for (number, (_, secret)) in secrets.iter().enumerate() {
        let spelling = &spellings(secret)[number % 5];
        let seam = (1..spelling.len()).filter(|at| spelling.is_char_boundary(*at));
        let seam = seam.collect::<Vec<_>>()[number % (spelling.chars().count() - 1)];
        let (first, rest) = spelling.split_at(seam);
        fs::write(
            folder.join(format!("{number}.first")),
            format!("seam {first}"),
        )
        .expect("written");
        fs::write(
            folder.join(format!("{number}.rest")),
            format!("{rest} seam\n"),
        )
        .expect("written");
    }
}

/// What a real agent would say with a secret in every place.
fn conversation(secrets: &[(String, String)]) -> String {
    let mut lines = String::new();
    for (number, (_, secret)) in secrets.iter().enumerate() {
        let [raw, base64, percent, ..] = spellings(secret);
        let event = match number % 4 {
            0 => {
                serde_json::json!({"type": "assistant", "message": {"content": [{"type": "text", "text": format!("use {raw} or {base64}")}]}})
            }
            1 => serde_json::json!({"type": "assistant", "message": {"content": [
                {"type": "tool_use", "id": number.to_string(), "name": raw, "input": {"command": format!("curl -u {percent}")}}]}}),
            2 => {
                serde_json::json!({"type": "system", "subtype": "api_retry", "attempt": 1, "error": raw})
            }
            _ => serde_json::json!({"type": "odd", "what": raw, "again": percent}),
        };
        writeln!(lines, "{event}").expect("a text");
    }
    lines
}

/// Files with any of the spellings in them, with the first that was found.
fn leaks(place: &Path, spelled: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![place.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            // Packed; what agents commit is theirs.
            if path.is_dir() && path.file_name().is_some_and(|name| name != "objects") {
                folders.push(path);
            } else if path.is_file() {
                let text = String::from_utf8_lossy(&fs::read(&path).expect("a file")).into_owned();
                found.extend(leak(&path.display().to_string(), &text, spelled));
            }
        }
    }
    found
}

fn leak(place: &str, text: &str, spelled: &[String]) -> Option<String> {
    let spelling = spelled.iter().find(|spelling| text.contains(*spelling))?;
    Some(format!("{place}: {spelling}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_kept_or_told() {
    let secrets = secrets();
    let mut spelled: Vec<String> = secrets
        .iter()
        .flat_map(|(_, secret)| spellings(secret))
        .collect();
    spelled.sort();
    spelled.dedup();
    let world = World::new(&Script::new());
    let place = world.agent.dir();
    scatter(place, &secrets);
    fs::write(place.join("said"), conversation(&secrets)).expect("written");
    let print = "cat \"$STATE/lines\" \"$STATE/lines\" >&2; cat \"$STATE/lines\"; \
        for n in $(seq 0 99); do cat \"$STATE/$n.first\"; cat \"$STATE/$n.rest\"; done";
    let keep = "cat > \"$STATE/$AURA_TASK.$RUN.prompt\"";
    let plain = world.program(
        "plain",
        &format!("{keep}; {print}; echo x > \"$AURA_TASK.txt\"; [ $RUN != 2 ]"),
    );
    let end = r#"echo '{"type":"result","subtype":"success","is_error":false,"stop_reason":"end_turn","session_id":"'$S'"}'"#;
    let spoken = format!(
        "[ -n \"$AURA_TASK\" ] || exit 0\n{keep}; for a; do [ \"$P\" = --session-id ] && S=$a; P=$a; done\n\
         cat \"$STATE/said\"; cat \"$STATE/lines\" >&2; echo x > \"$AURA_TASK.txt\"; {end}"
    );
    let spoken = world.program("spoken", &spoken);
    let gate = world.program("gate", &format!("{print}; ! ls ./?.txt"));
    let mut command = agents::command([plain.display().to_string()]);
    let mut claude = agents::claude()
        .program(spoken.display().to_string())
        .config_dir(place.join("config"));
    let mut check = gates::CommandGate::new([gate.display().to_string()]);
    for (name, secret) in &secrets {
        command = command.env(name, secret);
        claude = claude.env(name, secret);
        check = check.env(name, secret);
    }
    let check =
        ConfiguredGate::new("check", std::sync::Arc::new(check)).at([GateSchedule::AfterTask]);
    let builder = world
        .builder()
        .agent("default", command)
        .agent("claude", claude);
    let aura = builder.gate(check).open().await.expect("it opens");
    let mut spoken = task("b");
    spoken.agent = Some("claude".to_owned());
    let policy = aura_core::Policy {
        retry_max: 2,
        restart_max: 0,
        on_exhausted: aura_core::OnExhausted::IsolateAndContinue,
        ..quick()
    };
    let spec = StorySpec::from_plan(plan_of(vec![task("a"), spoken])).policy(policy);
    let story = aura.create_story(spec).await.expect("created");
    let mut run = aura
        .run(story, RunOptions::default())
        .await
        .expect("started");
    let mut told = String::new();
    let mut progress = 0;
    while let Some(event) = run.next_event().await.expect("an event") {
        progress += usize::from(matches!(event, RunEvent::Progress(_)));
        writeln!(told, "{event:?}").expect("a text");
    }
    let report = run.wait().await.expect("finished");
    writeln!(told, "{}", serde_json::to_string(&report).expect("JSON")).expect("a text");
    let status = aura.status(story).await.expect("a status");
    writeln!(told, "{}", serde_json::to_string(&status).expect("JSON")).expect("a text");
    let events = aura.events(story, 0).await.expect("events");
    writeln!(told, "{}", serde_json::to_string(&events).expect("JSON")).expect("a text");
    assert!(
        progress > 100 && report.starts >= 3,
        "{progress} {}",
        report.starts
    );
    assert!(told.contains("[redacted]"));
    assert_eq!(leak("told", &told, &spelled), None);
    let prompts: Vec<_> = fs::read_dir(place)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    let prompts = prompts
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "prompt"));
    let mut evidence = 0;
    for prompt in prompts {
        let text = fs::read_to_string(prompt).expect("a prompt");
        evidence += usize::from(text.contains("[redacted]"));
        assert_eq!(leak("prompt", &text, &spelled), None);
    }
    assert!(
        evidence >= 2,
        "prompts of retries have evidence with secrets in it"
    );
    let state = world.repo.path().join(".git/aura");
    assert_eq!(leaks(&state, &spelled), Vec::<String>::new());
    // The search finds what there is to be found.
    assert!(!leaks(place, &spelled).is_empty());
}

/// How each agent tells of an error, with `TEXT` for what it says.
const ERRORS: [(&str, &str); 6] = [
    (
        "copilot",
        r#"{"type":"session.error","data":{"errorType":"query","message":TEXT}}"#,
    ),
    (
        "claude",
        r#"{"type":"result","subtype":"error_during_execution","is_error":true,"session_id":"s","errors":[TEXT]}"#,
    ),
    (
        "codex",
        r#"{"type":"turn.failed","error":{"message":TEXT}}"#,
    ),
    (
        "gemini",
        r#"{"type":"result","status":"error","error":{"type":"odd","message":TEXT}}"#,
    ),
    (
        "opencode",
        r#"{"type":"error","sessionID":"s","error":{"name":"Odd","data":{"message":TEXT}}}"#,
    ),
    ("aider", "litellm.Odd: TEXT"),
];

/// An error of an agent is what reaches most places: the event, the report, the prompt of the next try. Each start of a task names other
/// secrets in it, and not even half of one is told.
#[tokio::test(flavor = "multi_thread")]
async fn no_error_tells_a_secret() {
    let secrets = secrets();
    let spelled: Vec<String> = secrets
        .iter()
        .flat_map(|(_, secret)| spellings(secret))
        // A part of one that was cut is as bad.
        .flat_map(|text| [begin_of(&text), end_of(&text)])
        .collect();
    let world = World::new(&Script::new());
    let place = world.agent.dir();
    scatter(place, &secrets);
    let mut builder = world.builder();
    let mut tasks = Vec::new();
    for (number, (name, error)) in ERRORS.into_iter().enumerate() {
        for start in 0..5 {
            let mut text = String::from("it broke: ");
            for (_, secret) in secrets.iter().skip((number * 5 + start) * 3).take(3) {
                text.push_str(&spellings(secret).join(" "));
                text.push(' ');
            }
            let text = match name {
                "aider" => text,
                _ => serde_json::to_string(&text).expect("a text"),
            };
            let file = place.join(format!("{name}.{}.error", start + 1));
            fs::write(file, format!("{}\n", error.replace("TEXT", &text))).expect("written");
        }
        let body = format!(
            "[ -n \"$AURA_TASK\" ] || exit 0\ncat > \"$STATE/$AURA_TASK.$RUN.prompt\"\n\
             for a; do [ \"$P\" = --message-file ] && cat \"$a\" > \"$STATE/$AURA_TASK.$RUN.prompt\"; P=$a; done\n\
             cat \"$STATE/lines\" >&2; cat \"$STATE/{name}.$RUN.error\"; echo $RUN > \"$AURA_TASK.txt\""
        );
        let program = world.program(name, &body);
        let mut agent = world.preset(name, &program);
        for (name, secret) in &secrets {
            agent = agent.env(name, secret);
        }
        builder = builder.agent(name, agent);
        let mut task = task(name);
        task.agent = Some(name.to_owned());
        tasks.push(task);
    }
    let aura = builder.open().await.expect("it opens");
    let policy = aura_core::Policy {
        retry_max: 2,
        restart_max: 2,
        on_exhausted: aura_core::OnExhausted::IsolateAndContinue,
        ..quick()
    };
    let spec = StorySpec::from_plan(plan_of(tasks)).policy(policy);
    let story = aura.create_story(spec).await.expect("created");
    let mut run = aura
        .run(story, RunOptions::default())
        .await
        .expect("started");
    let mut told = String::new();
    while let Some(event) = run.next_event().await.expect("an event") {
        writeln!(told, "{}", serde_json::to_string(&event).expect("JSON")).expect("a text");
    }
    let report = run.wait().await.expect("finished");
    assert_eq!(report.failed.len(), ERRORS.len());
    assert!(report.starts >= 12, "{} starts", report.starts);
    for task in &report.failed {
        let summary = &task.evidence.summary;
        assert!(summary.contains("[redacted]"), "{}: {summary}", task.id);
    }
    writeln!(told, "{}", serde_json::to_string(&report).expect("JSON")).expect("a text");
    let status = aura.status(story).await.expect("a status");
    writeln!(told, "{}", serde_json::to_string(&status).expect("JSON")).expect("a text");
    assert_eq!(leak("told", &told, &spelled), None);
    assert_eq!(
        leaks(&world.repo.path().join(".git/aura"), &spelled),
        Vec::<String>::new()
    );
    let mut prompts = 0;
    for entry in fs::read_dir(place).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|end| end == "prompt") {
            prompts += 1;
            let text = fs::read_to_string(&path).expect("a prompt");
            assert_eq!(leak(&path.display().to_string(), &text, &spelled), None);
        }
    }
    assert!(prompts >= 12, "{prompts} prompts");
}

fn begin_of(text: &str) -> String {
    text.chars().take(text.chars().count() / 2).collect()
}

fn end_of(text: &str) -> String {
    let count = text.chars().count();
    text.chars().skip(count - count / 2).collect()
}
