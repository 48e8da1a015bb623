//! An agent of one's own is a trait with one method: `cargo run -p aura-examples --bin own_agent`.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use async_trait::async_trait;
use aura_core::{
    AgentBackend, AgentContext, AgentRequest, AgentResult, AgentSignal, Error, Orchestrator, Plan,
    Result, RunOptions, RunOutcome, StorySpec, StoryTask,
};

/// Writes a file that is called like the task.
struct Scribe;

#[async_trait]
impl AgentBackend for Scribe {
    /// Changes when the agent changes, so that a resumed run notices.
    fn digest(&self) -> String {
        "scribe 1".to_owned()
    }

    async fn run(&self, request: AgentRequest, context: AgentContext) -> Result<AgentResult> {
        context.tell(AgentSignal::Line(format!("writing {}", request.task.title)));
        let file = request.workspace.join(format!("{}.txt", request.task.id));
        std::fs::write(&file, format!("{}\n", request.task.title))
            .map_err(|error| Error::io("write", &file, error))?;
        Ok(AgentResult::default())
    }
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let temp = tempfile::tempdir()?;
    let repo = aura_examples::repository(temp.path())?;
    let tasks = [
        StoryTask::new("one", "The first part"),
        StoryTask::new("two", "The second part").depends_on(["one"]),
    ];
    let aura = Orchestrator::builder(&repo)
        .agent("default", Scribe)
        .open()
        .await?;
    let plan = Plan::new("Write two parts", tasks)?;
    let story = aura.create_story(StorySpec::from_plan(plan)).await?;
    let report = aura.run(story, RunOptions::default()).await?.wait().await?;
    println!(
        "{:?}, {} tasks accepted",
        report.outcome,
        report.accepted.len()
    );
    if report.outcome == RunOutcome::ReadyToComplete {
        return Ok(());
    }
    Err("the tasks were not done".into())
}
