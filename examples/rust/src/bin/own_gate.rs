//! A gate of one's own, and a task that is done at the second try: `cargo run -p aura-examples --bin own_gate`.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::sync::Arc;

use async_trait::async_trait;
use aura_core::{
    ConfiguredGate, Finding, Gate, GateContext, GateReport, GateRequest, GateVerdict, Orchestrator,
    Plan, RunOptions, StorySpec, StoryTask, agents,
};

/// Wants a second line in a poem.
struct TwoLines;

#[async_trait]
impl Gate for TwoLines {
    fn digest(&self) -> String {
        "two lines 1".to_owned()
    }

    async fn check(&self, request: GateRequest, _: GateContext) -> GateReport {
        // Nothing to complain of where there is no poem yet: a gate that is red before any work could blame nobody.
        let poem = std::fs::read_to_string(request.workspace.join("poem.txt"));
        if poem.is_ok_and(|poem| poem.lines().count() < 2) {
            let findings = vec![Finding {
                file: Some("poem.txt".to_owned()),
                line: Some(1),
                column: None,
                message: "a poem has two lines at least".to_owned(),
            }];
            return GateReport::new(GateVerdict::Failed { findings });
        }
        GateReport::new(GateVerdict::Passed)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let temp = tempfile::tempdir()?;
    let repo = aura_examples::repository(temp.path())?;
    // It adds a line to what is there, so that the second try mends the first one.
    let agent = [
        "sh",
        "-c",
        "echo \"roses are red, $AURA_TASK_ATTEMPT\" >> poem.txt",
    ];
    let aura = Orchestrator::builder(&repo)
        .agent("default", agents::command(agent))
        .gate(ConfiguredGate::new("two-lines", Arc::new(TwoLines)))
        .open()
        .await?;
    let plan = Plan::new("Poetry", [StoryTask::new("poem", "A poem")])?;
    let story = aura.create_story(StorySpec::from_plan(plan)).await?;
    let report = aura.run(story, RunOptions::default()).await?.wait().await?;
    println!("{:?} after {} retry", report.outcome, report.retries);
    let heard = report.retries == 1;
    heard.then_some(()).ok_or("the gate was not heard".into())
}
