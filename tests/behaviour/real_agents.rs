//! Real agents, installed from their registries, with the scripted model in the place of their provider: a whole story each. What goes
//! wrong on the way is in `faults`.

#![expect(
    clippy::print_stderr,
    reason = "tests tell what they leave out and what they saw"
)]

mod acp;
mod cast;
mod command;
mod faults;
mod servers;
mod wish;

use aura_core::{AgentBackend, CompleteOptions, Progress, Report, RunEvent, RunOutcome, gates};
use aura_tests::llm::Received;

use crate::kit::{plan_of, quick, task, told};
use cast::{Cast, Kind, evidence};

/// What takes long.
fn is_extended() -> bool {
    let extended = std::env::var_os("AURA_EXTENDED").is_some();
    if !extended {
        eprintln!("left out: only with --extended");
    }
    extended
}

/// Two tasks lean on the first, the last one on both of them. The work of `list` is not accepted at first.
const TASKS: [(&str, &str); 4] = [
    ("parse", "[[file parse.txt :: parse]]"),
    (
        "form: parse",
        "[[sh sed s/parse/form/ parse.txt > form.txt]]",
    ),
    (
        "list: parse",
        "[[file list.txt :: unfinished]] [[on-retry file list.txt :: list]]",
    ),
    (
        "join: form list",
        "[[file notes.txt :: joined]] [[sh cat form.txt list.txt > joined.txt]]",
    ),
];

/// For an agent without tools, whose model answers with files.
const PLAIN_TASKS: [(&str, &str); 4] = [
    TASKS[0],
    ("form: parse", "[[file form.txt :: form]]"),
    TASKS[2],
    (
        "join: form list",
        "[[file joined.txt :: form\nlist]] [[file notes.txt :: joined]]",
    ),
];

async fn plays(kind: Kind, tasks: &[(&str, &str)]) -> Option<Vec<Received>> {
    let cast = Cast::new(kind)?;
    let agent = cast.agent("ok");
    let report = plays_as(&cast, agent, tasks).await;
    assert!(report.usage.input_tokens >= 1000, "{:?}", report.usage);
    Some(cast.model.received())
}

/// The story, by any agent that works with the cast's model.
async fn plays_as(
    cast: &Cast,
    agent: impl AgentBackend + 'static,
    tasks: &[(&str, &str)],
) -> Report {
    let gate = gates::command("finished", ["sh", "-c", "! grep -n unfinished ./*.txt"]);
    let aura = cast.open(agent, [gate]).await;
    let tasks = tasks.iter();
    let tasks = tasks.map(|(line, description)| task(line).description(*description));
    let (story, events) = cast.run(&aura, plan_of(tasks.collect()), quick()).await;
    let report = aura.report(story).await.expect("a report");
    let mut told = told(&aura, story).await;
    told.extend(evidence(&events));
    let told = told.join("\n");
    assert_eq!(report.outcome, RunOutcome::ReadyToComplete, "{told}");
    let starts = (report.starts, report.retries, report.restarts);
    assert_eq!(starts, (5, 1, 0), "{told}");
    assert!(told.contains("list task.ejected gate"), "{told}");
    assert_eq!(cast.left(), [""; 0]);
    let options = CompleteOptions::default().merge(true);
    let landing = aura.complete(story, options).await.expect("started");
    let report = landing.wait().await.expect("landed");
    assert_eq!(report.outcome, RunOutcome::Completed);
    for (file, text) in [
        ("parse.txt", "parse"),
        ("joined.txt", "form\nlist"),
        ("notes.txt", "joined"),
    ] {
        assert_eq!(cast.repo.show("main", file).trim_end(), text, "{file}");
    }
    // Whatever it left in its workspace beside its work is not part of it.
    let files = cast.repo.git(["ls-tree", "-r", "--name-only", "main"]);
    let new = files
        .lines()
        .filter(|file| file.ends_with(".txt") && !file.contains('/'));
    assert_eq!(new.count(), 5, "{files}");
    assert!(!files.contains("aider"), "{files}");
    told_live(cast.kind(), &events);
    report
}

/// Readers saw what the agents did while they did it.
fn told_live(kind: Kind, events: &[RunEvent]) {
    let has = |fits: fn(&Progress) -> bool| {
        events
            .iter()
            .any(|event| matches!(event, RunEvent::Progress(progress) if fits(progress)))
    };
    // The protocol need not tell what was used.
    let usage = has(|told| matches!(told, Progress::AgentUsage { .. }));
    assert!(usage || kind.speaks_acp());
    let texts = has(|told| matches!(told, Progress::AgentText { .. }));
    let tools = has(|told| matches!(told, Progress::AgentTool { .. }));
    // Without tools there are no events, only lines.
    let expected = kind != Kind::Aider;
    assert_eq!((texts, tools), (expected, expected));
}

/// A request for each turn and none besides: nothing was asked twice, and the retry was shown what was wrong.
async fn plays_turn_by_turn(kind: Kind) {
    let Some(received) = plays(kind, &TASKS).await else {
        return;
    };
    let asked = received.iter().filter(|one| one.count > 0);
    let mut steps: Vec<_> = asked.map(|one| one.step).collect();
    steps.sort_unstable();
    assert_eq!(steps, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2]);
    remembers(&received);
}

/// The retry went on with the conversation of the first try.
fn remembers(received: &[Received]) {
    let about = |one: &&Received| one.prompts.iter().any(|text| text.contains("list.txt ::"));
    let both = received.iter().filter(about).filter(|one| {
        let [.., before, last] = one.prompts.as_slice() else {
            return false;
        };
        !before.contains("## Previous Attempt") && last.contains("## Previous Attempt")
    });
    assert_eq!(
        both.count(),
        2,
        "two turns of the retry: {:?}",
        received.iter().map(|one| &one.prompts).collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn copilot_plays_a_story() {
    plays_turn_by_turn(Kind::Copilot).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_plays_a_story() {
    plays_turn_by_turn(Kind::Claude).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codex_plays_a_story() {
    plays_turn_by_turn(Kind::Codex).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gemini_plays_a_story() {
    if is_extended() {
        let received = plays(Kind::Gemini, &TASKS).await;
        received.iter().for_each(|received| remembers(received));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opencode_plays_a_story() {
    if is_extended() {
        let received = plays(Kind::OpenCode, &TASKS).await;
        received.iter().for_each(|received| remembers(received));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aider_plays_a_story() {
    if is_extended() {
        plays(Kind::Aider, &PLAIN_TASKS).await;
    }
}
