//! The whole way with agents and gates inside the process; real git, a store in memory.

mod asked;
mod decompose;
mod interrupted;
mod kit;
mod leftovers;
mod limits;
mod policy;
mod refused;
mod reviewed;
mod taken_up;
mod unsealed;

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::Orchestrator;
use super::RunEvent;
use crate::agent::{AgentBackend, AgentContext, AgentRequest, AgentResult};
use crate::error::Result;
use crate::gate::{ConfiguredGate, Gate, GateContext, GateReport, GateRequest};
use crate::model::{
    CompleteOptions, EventKind, Finding, GateVerdict, Plan, RunOptions, StorySpec, StoryStatus,
    StoryTask,
};
use crate::store::MemoryStore;

fn git(directory: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(args)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

fn repository() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("repo");
    std::fs::create_dir(&path).expect("created");
    git(&path, &["init", "--quiet", "--initial-branch=main"]);
    git(&path, &["config", "user.name", "Tester"]);
    git(&path, &["config", "user.email", "tester@example.org"]);
    std::fs::write(path.join("shared.txt"), "one\n").expect("written");
    git(&path, &["add", "."]);
    git(&path, &["commit", "--quiet", "-m", "start"]);
    (directory, path)
}

/// Appends its task's id to `shared.txt` where the task says so, and writes a file of its own.
struct Writer;

#[async_trait]
impl AgentBackend for Writer {
    fn digest(&self) -> String {
        "writer".to_owned()
    }

    async fn run(&self, request: AgentRequest, _context: AgentContext) -> Result<AgentResult> {
        let id = request.task.id.as_str();
        let write = |name: &str, text: &str| {
            std::fs::write(request.workspace.join(name), text).expect("written");
        };
        if request.task.description.contains("bad at first") && request.attempt == 1 {
            write(&format!("{id}.txt"), "bad\n");
        } else {
            write(&format!("{id}.txt"), "good\n");
        }
        if request.task.description.contains("shared") {
            let path = request.workspace.join("shared.txt");
            let text = std::fs::read_to_string(&path).expect("read");
            let kept: Vec<&str> = text
                .lines()
                .filter(|line| {
                    !["<<<", "===", ">>>"]
                        .iter()
                        .any(|mark| line.starts_with(mark))
                })
                .collect();
            let mut lines = kept.join("\n");
            if !kept.contains(&id) {
                lines.push_str(&format!("\n{id}"));
            }
            lines.push('\n');
            std::fs::write(path, lines).expect("written");
        }
        Ok(AgentResult::default())
    }
}

/// Red when any file says `bad`.
struct NoBad;

#[async_trait]
impl Gate for NoBad {
    fn digest(&self) -> String {
        "no bad".to_owned()
    }

    async fn check(&self, request: GateRequest, _context: GateContext) -> GateReport {
        for entry in std::fs::read_dir(&request.workspace).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.is_file()
                && std::fs::read_to_string(&path)
                    .expect("read")
                    .contains("bad")
            {
                return GateReport::new(GateVerdict::Failed {
                    findings: vec![Finding {
                        file: Some(
                            path.file_name()
                                .expect("a name")
                                .to_string_lossy()
                                .into_owned(),
                        ),
                        line: Some(1),
                        column: None,
                        message: "bad".to_owned(),
                    }],
                });
            }
        }
        GateReport::new(GateVerdict::Passed)
    }
}

fn plan() -> Plan {
    let tasks = vec![
        StoryTask::new("a", "First"),
        StoryTask::new("b", "Second").description("bad at first"),
        StoryTask::new("c", "Third").description("shared"),
        StoryTask::new("d", "Fourth").description("shared"),
        StoryTask::new("e", "Last").depends_on(["a", "b", "c", "d"]),
    ];
    Plan::new("Write files", tasks).expect("a plan")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_becomes_merged_work() {
    let (_directory, path) = repository();
    let policy = crate::model::Policy {
        backoff_ms: 1,
        ..Default::default()
    };
    let aura = Orchestrator::builder(&path)
        .agent("default", Writer)
        .gate(ConfiguredGate::new("no-bad", Arc::new(NoBad)))
        .store(Arc::new(MemoryStore::new()))
        .open()
        .await
        .expect("opened");
    let story = aura
        .create_story(StorySpec::from_plan(plan()).policy(policy))
        .await
        .expect("created");
    let mut run = aura
        .run(story, RunOptions::default())
        .await
        .expect("started");
    let mut names = Vec::new();
    while let Some(event) = run.next_event().await.expect("read") {
        if let RunEvent::Durable(event) = event {
            let task = event
                .task
                .map(|task| format!(" {task}"))
                .unwrap_or_default();
            names.push(format!("{}{task}", event.kind.name()));
        }
    }
    run.finished().await.expect("finished");
    let (state, _) = aura.load(story).await.expect("loaded");
    assert_eq!(state.status, StoryStatus::ReadyToComplete, "{names:#?}");
    assert_eq!(
        git(&path, &["rev-parse", "main"]),
        git(&path, &["rev-parse", "HEAD"])
    );

    let landing = aura
        .complete(story, CompleteOptions::default().merge(true))
        .await
        .expect("started");
    landing.finished().await.expect("finished");
    let (state, events) = aura.load(story).await.expect("loaded");
    assert_eq!(state.status, StoryStatus::Completed);
    assert_eq!(git(&path, &["status", "--porcelain"]), "");
    assert_eq!(
        git(&path, &["ls-tree", "--name-only", "main"]),
        "a.txt\nb.txt\nc.txt\nd.txt\ne.txt\nshared.txt"
    );
    assert_eq!(
        std::fs::read_to_string(path.join("shared.txt")).expect("read"),
        "one\nc\nd\n"
    );
    let finals = events.iter().filter(|event| {
        matches!(
            event.kind,
            EventKind::GateStarted {
                at: crate::model::GatePoint::Final,
                ..
            }
        )
    });
    assert_eq!(
        finals.count(),
        1,
        "the verdict on the same tree is not asked for again"
    );
}

const AGENTS_SECRET: &str = "the-agents-own-s3cret";
const GATES_SECRET: &str = "the-gates-own-s3cret";

/// Tells both secrets wherever it can, and notes its prompts.
struct Teller(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl AgentBackend for Teller {
    fn digest(&self) -> String {
        "teller".to_owned()
    }

    fn secrets(&self) -> Vec<(String, String)> {
        vec![("TELLER_DSN".to_owned(), AGENTS_SECRET.to_owned())]
    }

    async fn run(&self, request: AgentRequest, context: AgentContext) -> Result<AgentResult> {
        self.0.lock().expect("a lock").push(request.prompt);
        let told = format!("{AGENTS_SECRET} {GATES_SECRET}");
        let write = |name: &str, text: &str| {
            std::fs::write(request.workspace.join(name), text).expect("written");
        };
        write(AGENTS_SECRET, &told);
        write("state", ["good", "bad"][usize::from(request.attempt == 1)]);
        context.tell(told.clone().into());
        Ok(AgentResult {
            output: told.clone(),
            session: Some(AGENTS_SECRET.to_owned()),
            tool_improvement_proposal: Some(told),
            ..AgentResult::default()
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_agents_and_gates_are_told_to_nobody() {
    let (_directory, path) = repository();
    let code = r#"echo "src/$DB_PASS.c:3:1: error: $DB_PASS"; cat the-*; ! grep -qs bad state"#;
    let gate = crate::gates::CommandGate::new(["sh", "-c", code]).env("DB_PASS", GATES_SECRET);
    let prompts = Arc::new(Mutex::new(Vec::new()));
    let aura = Orchestrator::builder(&path)
        .agent("default", Teller(Arc::clone(&prompts)))
        .gate(ConfiguredGate::new("teller", Arc::new(gate)))
        .store(Arc::new(MemoryStore::new()))
        .open()
        .await
        .expect("opened");
    let plan = Plan::new("Tell", vec![StoryTask::new("a", "First")]).expect("a plan");
    let policy = crate::model::Policy {
        backoff_ms: 1,
        ..Default::default()
    };
    let story = aura
        .create_story(StorySpec::from_plan(plan).policy(policy))
        .await
        .expect("created");
    let run = aura.run(story, RunOptions::default()).await;
    run.expect("started").finished().await.expect("finished");
    let (state, events) = aura.load(story).await.expect("loaded");
    assert_eq!(state.status, StoryStatus::ReadyToComplete);
    let mut said = prompts.lock().expect("a lock").clone();
    assert!(
        said.len() == 2 && said[1].contains("[redacted]"),
        "{said:?}"
    );
    for event in &events {
        said.push(serde_json::to_string(event).expect("JSON"));
        if let EventKind::GateFinished { log, .. } = &event.kind {
            let log = log.as_ref().expect("a log");
            said.push(std::fs::read_to_string(log).expect("read"));
        }
    }
    for text in said {
        for secret in [AGENTS_SECRET, GATES_SECRET] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
