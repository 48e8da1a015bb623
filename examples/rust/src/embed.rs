//! Embeds Aura: a plan in code, an agent of one's own, events, a landing. Run it with `cargo run -p aura-examples --bin embed`.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::path::Path;
use std::process::Command;

use async_trait::async_trait;
use aura_core::{
    AgentBackend, AgentContext, AgentRequest, AgentResult, CompleteOptions, Orchestrator, Plan,
    Result, RunEvent, RunOptions, StorySpec, StoryTask, gates,
};

/// An agent: writes a file that is called like the task.
struct Scribe;

#[async_trait]
impl AgentBackend for Scribe {
    fn digest(&self) -> String {
        "scribe 1".to_owned()
    }

    async fn run(&self, request: AgentRequest, _: AgentContext) -> Result<AgentResult> {
        let file = request.workspace.join(format!("{}.txt", request.task.id));
        std::fs::write(&file, format!("{}\n", request.task.title))
            .map_err(|error| aura_core::Error::io("write", &file, error))?;
        Ok(AgentResult::default())
    }
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn Error>> {
    let temp = tempfile::tempdir()?;
    let repo = temp.path().join("app");
    make_repository(&repo)?;

    let plan = Plan::new(
        "Write a trilogy",
        [
            StoryTask::new("one", "The first part"),
            StoryTask::new("two", "The second part").depends_on(["one"]),
            StoryTask::new("three", "The third part").depends_on(["one"]),
        ],
    )?;
    let aura = Orchestrator::builder(&repo)
        .agent("default", Scribe)
        .gate(gates::command("test", ["git", "grep", "-q", "part"]))
        .open()
        .await?;
    let story = aura.create_story(StorySpec::from_plan(plan)).await?;

    let mut run = aura
        .run(story, RunOptions::default().max_parallel(2))
        .await?;
    while let Some(event) = run.next_event().await? {
        if let RunEvent::Durable(event) = event {
            let task = event.task.map(|task| task.to_string());
            println!(
                "{:>3}  {:20}{}",
                event.seq,
                event.kind.name(),
                task.unwrap_or_default()
            );
        }
    }
    run.wait().await?;

    let mut landing = aura
        .complete(story, CompleteOptions::default().merge(true))
        .await?;
    let report = landing.wait().await?;
    println!(
        "{:?}: {} tasks on main as {}",
        report.outcome,
        report.accepted.len(),
        report.commit
    );
    if repo.join("three.txt").is_file() {
        return Ok(());
    }
    Err("the result is not on main".into())
}

/// A repository with one commit.
fn make_repository(path: &Path) -> std::result::Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(path)?;
    std::fs::write(path.join("README.md"), "# A book in many parts\n")?;
    let steps: [&[&str]; 5] = [
        &["init", "--quiet", "--initial-branch=main"],
        &["config", "user.name", "Example"],
        &["config", "user.email", "example@example.invalid"],
        &["add", "--all"],
        &["commit", "--quiet", "--message=Begin"],
    ];
    for words in steps {
        if !Command::new("git")
            .args(words)
            .current_dir(path)
            .status()?
            .success()
        {
            return Err(format!("git {} failed", words[0]).into());
        }
    }
    Ok(())
}
