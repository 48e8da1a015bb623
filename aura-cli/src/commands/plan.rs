//! `aura plan`: validate and show.

use std::path::Path;

use aura_core::{Error, ErrorKind, Plan, Result, TaskId, TaskStatus, dot, mermaid, svg};

use crate::args::{PlanArgs, PlanFormat, ScopeFlags};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::output;
use crate::render::problems::{from_disk, problems};
use crate::render::style::Style;
use crate::render::{PlanView, plan_text, unreadable};
use crate::settings::repository_patterns;

/// Validates the plan and prints it in the form that was asked for.
pub(super) fn plan(environment: &Environment, args: &PlanArgs) -> Result<Exit> {
    let patterns = repository_patterns(&environment.repository(None))?;
    let plan = read(&args.source, &args.scope).and_then(|plan| {
        if let Some(patterns) = &patterns {
            patterns.check(&plan)?;
        }
        Ok(plan)
    });
    if args.format.json {
        let plan = plan.map_err(|error| unreadable(error, &args.source));
        output::json(&PlanView::of(&args.source, &plan))?;
        return Ok(if plan.is_ok() {
            Exit::Done
        } else {
            Exit::Refused
        });
    }
    let plan = plan?;
    warn(&plan);
    show(&plan, &args.format, |_| None)?;
    Ok(Exit::Done)
}

/// Shows a plan in every form but JSON, each task with its status.
pub(super) fn show(
    plan: &Plan,
    format: &PlanFormat,
    status: impl Fn(&TaskId) -> Option<TaskStatus>,
) -> Result<()> {
    if format.mermaid {
        output::line(mermaid(plan, status).trim_end())
    } else if format.dot {
        output::line(dot(plan, status).trim_end())
    } else if let Some(file) = &format.svg {
        std::fs::write(file, svg(plan, status)).map_err(|error| Error::io("write", file, error))?;
        output::note(format!("the picture is in {}", file.display()));
        Ok(())
    } else {
        output::line(plan_text(plan, Style::of_stdout(), status))
    }
}

/// Reads a plan from a source.
///
/// # Errors
/// `InvalidPlan` with every problem; `InvalidInput` for what this version cannot read.
pub(super) fn read(source: &Path, scope: &ScopeFlags) -> Result<Plan> {
    if source == Path::new("-") {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "a request on standard input is not supported by this version",
        )
        .with_help("write a plan file in YAML or JSON"));
    }
    Plan::load_scoped(source, &scope.scope()).map_err(|error| match error.kind() {
        // Nothing has begun: an unreadable file is refused input.
        ErrorKind::Io => Error::new(ErrorKind::InvalidInput, error.to_string()).with_source(error),
        ErrorKind::NotFound if error.help().is_none() => {
            error.with_help("to let an agent make the plan of what this says, add --decompose")
        }
        _ => error,
    })
}

/// Refuses a scope where there is no plan to choose from.
///
/// # Errors
/// `InvalidInput`.
pub(super) fn refuse_scope(scope: &ScopeFlags) -> Result<()> {
    if scope.scope.is_empty() {
        return Ok(());
    }
    let message = "a scope chooses tasks of a plan or a folder of stories, and there is none yet";
    let help = "put a title of several words in quotes, or leave the scope out";
    Err(Error::new(ErrorKind::InvalidInput, message).with_help(help))
}

/// Says what a person should look at.
pub(super) fn warn(plan: &Plan) {
    if !plan.warnings.is_empty() {
        let text = problems(&plan.warnings, &from_disk, Style::of_stderr());
        output::note(format!("{text}\n"));
    }
}
