//! Commands that only look.

use std::time::SystemTime;

use aura_core::{Error, ErrorKind, EventKind, Result, TaskStatus};

use super::{find, open};
use crate::args::{Again, EngineFlags, GraphArgs, LogsArgs, Place, Which};
use crate::commands::plan;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::output;
use crate::render::style::{Style, harmless};
use crate::render::{self, PlanView, describe};

pub(super) async fn list(environment: &Environment, place: &Place, json: bool) -> Result<Exit> {
    let stories = open(environment, place).await?.stories().await?;
    if json {
        output::json(&stories)?;
    } else {
        output::line(render::stories(&stories))?;
    }
    Ok(Exit::Done)
}

pub(super) async fn analyze(environment: &Environment, which: &Which) -> Result<Exit> {
    let (aura, id) = find(environment, which).await?;
    let context = aura.analyze(id).await?;
    if which.json {
        output::json(&context)?;
    } else {
        let text = context.text();
        let lines: Vec<String> = text.lines().map(harmless).collect();
        output::line(lines.join("\n"))?;
    }
    Ok(Exit::Done)
}

pub(super) async fn show(environment: &Environment, which: &Which) -> Result<Exit> {
    let (aura, id) = find(environment, which).await?;
    let story = aura.story(id).await?;
    if which.json {
        output::json(&story)?;
    } else {
        output::line(render::show(&story, Style::of_stdout()))?;
    }
    Ok(Exit::Done)
}

pub(super) async fn status(environment: &Environment, which: &Which) -> Result<Exit> {
    let (aura, id) = find(environment, which).await?;
    let view = aura.status(id).await?;
    if which.json {
        output::json(&view)?;
    } else {
        let text = render::status(&view, SystemTime::now(), Style::of_stdout());
        output::line(text)?;
    }
    Ok(Exit::Done)
}

pub(super) async fn report(environment: &Environment, which: &Which) -> Result<Exit> {
    let (aura, id) = find(environment, which).await?;
    let report = aura.report(id).await?;
    if which.json {
        output::json(&report)?;
    } else {
        let again = Again::of(id, &which.place, &EngineFlags::default());
        output::line(render::report(&report, &again, Style::of_stdout()))?;
    }
    Ok(Exit::Done)
}

pub(super) async fn graph(environment: &Environment, args: &GraphArgs) -> Result<Exit> {
    let which = Which {
        story: args.story.clone(),
        place: args.place.clone(),
        json: false,
    };
    let (aura, id) = find(environment, &which).await?;
    let plan = aura.plan(id).await?;
    let view = aura.status(id).await?;
    let status = |task: &aura_core::TaskId| -> Option<TaskStatus> {
        let line = view.tasks.iter().find(|line| &line.id == task);
        line.map(|line| line.status)
    };
    if args.format.json {
        let source = plan.source.clone().unwrap_or_default();
        output::json(&PlanView::of(source.as_ref(), &Ok(plan)))?;
    } else {
        plan::show(&plan, &args.format, status)?;
    }
    Ok(Exit::Done)
}

/// What happened, in order, and the files with the full outputs.
pub(super) async fn logs(environment: &Environment, args: &LogsArgs) -> Result<Exit> {
    let (aura, id) = find(environment, &args.which).await?;
    let style = Style::of_stdout();
    if let Some(task) = &args.task {
        let story = aura.story(id).await?;
        if !story.tasks.iter().any(|known| known.id.as_str() == task) {
            let message = format!("the story has no task `{task}`");
            return Err(Error::new(ErrorKind::NotFound, message));
        }
    }
    for event in aura.events(id, 0).await? {
        let wanted = args
            .task
            .as_deref()
            .is_none_or(|task| event.task.as_ref().is_some_and(|id| id.as_str() == task));
        if !wanted {
            continue;
        }
        if args.which.json {
            if !event.kind.is_internal() {
                output::json(&event)?;
            }
            continue;
        }
        if let Some(line) = describe(&event, style) {
            output::line(format!("{}  {line}", event.at))?;
        }
        if let Some(log) = log_of(&event.kind) {
            output::line(format!("  full output: {log}"))?;
        }
    }
    Ok(Exit::Done)
}

fn log_of(kind: &EventKind) -> Option<&str> {
    match kind {
        EventKind::AgentExited { log, .. } | EventKind::GateFinished { log, .. } => log.as_deref(),
        EventKind::AttemptFinished { evidence, .. } => evidence.as_ref()?.log.as_deref(),
        _ => None,
    }
}
