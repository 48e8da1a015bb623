//! `aura story ..`.

mod create;
mod decompose;
mod look;
mod run;
mod steer;

use std::path::Path;

use aura_core::{Orchestrator, Result, StoryId, StoryStatus, Verb};

use crate::args::{EngineFlags, Place, StoryCommand, Which};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::program::Program;
use crate::settings::Settings;

pub(super) use run::run_here;

/// Does one of the commands about stories.
pub(super) async fn story(
    environment: &Environment,
    program: &Program,
    command: StoryCommand,
) -> Result<Exit> {
    match command {
        StoryCommand::Create(args) => create::create(environment, &args).await,
        StoryCommand::Decompose(args) => decompose::decompose(environment, &args).await,
        StoryCommand::List { place, json } => look::list(environment, &place, json).await,
        StoryCommand::Analyze(which) => look::analyze(environment, &which).await,
        StoryCommand::Show(which) => look::show(environment, &which).await,
        StoryCommand::Run(args) => run::run(environment, program, &args).await,
        StoryCommand::Resume(args) => run::resume(environment, program, &args.run).await,
        StoryCommand::Complete(args) => run::complete(environment, &args).await,
        StoryCommand::Wait(args) => run::wait(environment, &args).await,
        StoryCommand::Status(which) => look::status(environment, &which).await,
        StoryCommand::Report(which) => look::report(environment, &which).await,
        StoryCommand::Graph(args) => look::graph(environment, &args).await,
        StoryCommand::Logs(args) => look::logs(environment, &args).await,
        StoryCommand::Pause(which) => steer::steer(environment, &which, Verb::Pause).await,
        StoryCommand::Cancel(which) => steer::steer(environment, &which, Verb::Cancel).await,
        StoryCommand::Retry { task, note } => {
            let id = task.task.as_str().into();
            steer::steer(environment, &task.which, Verb::Retry { task: id, note }).await
        }
        StoryCommand::Approve(task) => {
            let id = task.task.as_str().into();
            steer::steer(environment, &task.which, Verb::Approve { task: id }).await
        }
        StoryCommand::Skip(task) => {
            let id = task.task.as_str().into();
            steer::steer(environment, &task.which, Verb::Skip { task: id }).await
        }
    }
}

/// Opens the repository for looking: no agent and no gate is needed, so no configuration is read.
async fn open(environment: &Environment, place: &Place) -> Result<Orchestrator> {
    let path = environment.repository(place.repo.as_deref());
    Orchestrator::builder(path).open().await
}

/// Opens the repository for looking and finds the story; without a name and a better guess, the newest.
async fn find(environment: &Environment, which: &Which) -> Result<(Orchestrator, StoryId)> {
    let path = environment.repository(which.place.repo.as_deref());
    let aura = open(environment, &which.place).await?;
    let story = match locate(&aura, which.story.as_deref(), &path).await {
        Err(error) if which.story.is_none() => {
            let newest = aura.stories().await?.into_iter().next();
            newest.map(|story| story.id).ok_or(error)?
        }
        found => found?,
    };
    Ok((aura, story))
}

/// Opens the repository for work and finds the story. Nothing is guessed where it could be the wrong one. Where its plan requires a
/// review, there is a reviewer from then on.
async fn find_to_work(
    settings: &mut Settings,
    name: Option<&str>,
) -> Result<(Orchestrator, StoryId)> {
    let aura = settings.builder().open().await?;
    let story = locate(&aura, name, &settings.repo).await?;
    let is_changed = match aura.plan(story).await {
        Ok(plan) => settings.require_review(&plan),
        // It has none yet.
        Err(_) => false,
    };
    if is_changed {
        return Ok((settings.builder().open().await?, story));
    }
    Ok((aura, story))
}

/// The story of that name; without one, the story whose worktree `path` is in, or the only one that has not landed.
async fn locate(aura: &Orchestrator, name: Option<&str>, path: &Path) -> Result<StoryId> {
    if name.is_some() {
        return aura.find_story(name).await;
    }
    let stories = aura.stories().await?;
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    for story in &stories {
        let worktree = aura
            .story(story.id)
            .await?
            .worktree
            .map(std::fs::canonicalize);
        if matches!(worktree, Some(Ok(worktree)) if path.starts_with(&worktree)) {
            return Ok(story.id);
        }
    }
    let mut open = stories
        .iter()
        .filter(|story| story.status != StoryStatus::Completed);
    match (open.next(), open.next()) {
        (Some(only), None) => Ok(only.id),
        _ => aura.find_story(None).await,
    }
}

/// What a call without any option about agents and gates works with.
fn plain_settings(environment: &Environment, place: &Place) -> Result<Settings> {
    Settings::read(environment, place, &EngineFlags::default(), None)
}
