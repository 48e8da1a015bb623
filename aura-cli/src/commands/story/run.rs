//! Running, resuming, waiting for and landing a story that exists.

use std::time::{Duration, Instant};

use aura_core::{
    CompleteOptions, Error, ErrorKind, EventKind, Orchestrator, Result, RunOptions, StoryId, Verb,
};
use serde_json::json;

use super::steer::ACTOR;
use super::{find, find_to_work};
use crate::args::{Again, CompleteArgs, EngineFlags, StoryRunArgs, WaitArgs};
use crate::commands::detach;
use crate::commands::drive::{land, tell, tell_end, to_the_end};
use crate::commands::hold::until_released;
use crate::commands::run::{landing, run_options};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::output;
use crate::program::Program;
use crate::render::Reporter;
use crate::settings::Settings;

/// Runs the story, here or in a session of its own.
pub(super) async fn run(
    environment: &Environment,
    program: &Program,
    args: &StoryRunArgs,
) -> Result<Exit> {
    if args.run.detach {
        let mut settings = settings(environment, args)?;
        let (aura, story) = find_to_work(&mut settings, args.story.as_deref()).await?;
        let again = args.resolved(story, environment);
        return detach::start(environment, program, &aura, story, &again).await;
    }
    run_here(environment, args).await
}

/// Runs the story in this process.
pub(crate) async fn run_here(environment: &Environment, args: &StoryRunArgs) -> Result<Exit> {
    let mut settings = settings(environment, args)?;
    let (aura, story) = find_to_work(&mut settings, args.story.as_deref()).await?;
    follow(environment, &aura, story, &settings, args).await
}

/// Takes back a pause of a run under way, or goes on with a story whose run has ended.
pub(super) async fn resume(
    environment: &Environment,
    program: &Program,
    args: &StoryRunArgs,
) -> Result<Exit> {
    let mut settings = settings(environment, args)?;
    let (aura, story) = find_to_work(&mut settings, args.story.as_deref()).await?;
    if args.run.detach {
        let again = args.resolved(story, environment);
        return detach::start(environment, program, &aura, story, &again).await;
    }
    match follow(environment, &aura, story, &settings, args).await {
        Err(error) if error.kind() == ErrorKind::StoryBusy => {
            aura.command(story, Verb::Resume, ACTOR).await?;
            output::note("accepted");
            Ok(Exit::Done)
        }
        result => result,
    }
}

fn settings(environment: &Environment, args: &StoryRunArgs) -> Result<Settings> {
    let settings = Settings::read(environment, &args.place, &args.engine, args.run.parallel)?;
    if args.run.land.merge {
        settings.check_landing()?;
    }
    Ok(settings)
}

async fn follow(
    environment: &Environment,
    aura: &Orchestrator,
    story: StoryId,
    settings: &Settings,
    args: &StoryRunArgs,
) -> Result<Exit> {
    let options: RunOptions = run_options(settings, &args.run)
        .accept_config(args.accept.accept_config)
        .accept_repo_changes(args.accept.accept_repo_changes)
        .restore_branch(args.accept.restore_branch);
    let mut reporter = Reporter::choose(args.run.json);
    let landing = landing(&args.run.land, &args.engine);
    let again = Again::of(story, &args.place, &args.engine);
    let tellers = (&again, &mut reporter);
    let ended = to_the_end(environment, aura, story, options, &landing, tellers).await?;
    tell_end(ended, &again, args.run.json, args.run.land.merge)
}

/// Judges the result and, where asked for, lands it.
pub(super) async fn complete(environment: &Environment, args: &CompleteArgs) -> Result<Exit> {
    let mut settings = Settings::read(environment, &args.which.place, &args.engine, None)?;
    if args.land.merge {
        settings.check_landing()?;
    }
    let (aura, story) = find_to_work(&mut settings, args.which.story.as_deref()).await?;
    let mut landing = landing(&args.land, &args.engine);
    landing.cleanup = args.cleanup;
    let again = Again::of(story, &args.which.place, &args.engine);
    if !args.cleanup && has_landed(&aura, story, &landing.options()).await? {
        // The answer to the same question may have been lost.
        return tell(&aura.report(story).await?, &again, args.which.json, true);
    }
    let mut reporter = Reporter::choose(args.which.json);
    let ended = land(&aura, story, &landing, (&again, &mut reporter)).await?;
    tell_end(ended, &again, args.which.json, args.land.merge)
}

/// Whether a landing with these very options has taken place; cleaning up left aside.
async fn has_landed(aura: &Orchestrator, story: StoryId, asked: &CompleteOptions) -> Result<bool> {
    let events = aura.events(story, 0).await?;
    let mut kinds = events.iter().rev().map(|event| &event.kind);
    let has_landed = kinds.any(|kind| matches!(kind, EventKind::Landed { .. }));
    let last = kinds.find_map(|kind| match kind {
        EventKind::LandingRequested { options, .. } => Some((**options).clone()),
        _ => None,
    });
    Ok(has_landed && last.is_some_and(|last| last.cleanup(false) == *asked))
}

/// Waits for a run of another process, and the landing that it was asked for; ends as that process does.
pub(super) async fn wait(environment: &Environment, args: &WaitArgs) -> Result<Exit> {
    let (aura, story) = find(environment, &args.which).await?;
    let timeout = args.timeout.map(Duration::from_secs);
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let is_idle = match aura.wait_until_idle(story, timeout).await {
        // Nobody is there to be waited for: the state is kept, as after an interrupt.
        Err(error) if error.kind() == ErrorKind::Refused => {
            return Err(Error::new(ErrorKind::Cancelled, error.to_string())
                .with_help("`aura story resume` takes it up"));
        }
        idle => idle?,
    };
    let is_over = is_idle
        && match environment.state_dir() {
            Ok(dir) => until_released(&dir, story, deadline).await?,
            Err(_) => true,
        };
    if !is_over {
        if args.which.json {
            output::json(&json!({ "story_id": story, "running": true }))?;
        } else {
            output::line("running")?;
        }
        return Ok(Exit::Paused);
    }
    let report = aura.report(story).await?;
    let merge = asked_to_land(&aura, story).await?;
    let again = Again::of(story, &args.which.place, &EngineFlags::default());
    tell(&report, &again, args.which.json, merge)
}

/// Whether the last thing that was asked of the story is a landing.
async fn asked_to_land(aura: &Orchestrator, story: StoryId) -> Result<bool> {
    use aura_core::EventKind::{LandingRequested, RunStarted};
    let events = aura.events(story, 0).await?;
    let mut last = events.iter().rev().map(|event| &event.kind);
    let last = last.find(|kind| matches!(kind, LandingRequested { .. } | RunStarted { .. }));
    Ok(matches!(last, Some(LandingRequested { options, .. }) if options.merge))
}
