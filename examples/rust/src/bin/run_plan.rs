//! Runs a plan file with a program as the agent and lands the result: `cargo run -p aura-examples --bin run_plan`.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;

use aura_core::{
    CompleteOptions, Orchestrator, Plan, RunEvent, RunOptions, StorySpec, agents, gates,
};

const PLAN: &str = "
title: Write a trilogy
tasks:
  - { id: one, title: The first part }
  - { id: two, title: The second part, depends_on: [one] }
  - { id: three, title: The third part, depends_on: [one] }
";

/// Any program that reads its prompt on standard input and edits the directory that it is started in.
const AGENT: [&str; 3] = ["sh", "-c", "grep -i part | head -n 1 > \"$AURA_TASK.txt\""];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let temp = tempfile::tempdir()?;
    let repo = aura_examples::repository(temp.path())?;
    let plan = Plan::parse(PLAN, "trilogy.yaml")?;
    println!("waves: {:?}", plan.waves);

    let aura = Orchestrator::builder(&repo)
        .agent("default", agents::command(AGENT))
        .gate(gates::command("test", ["git", "grep", "-q", "part"]))
        .open()
        .await?;
    let story = aura.create_story(StorySpec::from_plan(plan)).await?;
    let options = RunOptions::default().max_parallel(2);
    let mut run = aura.run(story, options).await?;
    while let Some(event) = run.next_event().await? {
        if let RunEvent::Durable(event) = event {
            let task = event.task.map(|task| task.to_string());
            let name = event.kind.name();
            println!("{:>3}  {name:20}{}", event.seq, task.unwrap_or_default());
        }
    }
    run.wait().await?;

    let options = CompleteOptions::default().merge(true);
    let report = aura.complete(story, options).await?.wait().await?;
    println!("{:?}: main is at {}", report.outcome, report.commit);
    if repo.join("three.txt").is_file() {
        return Ok(());
    }
    Err("the result is not on main".into())
}
