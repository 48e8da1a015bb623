//! From words to a plan, told while it is made.

use std::path::Path;

use aura_core::{
    DecomposeHooks, DecomposeOptions, Error, ErrorKind, Orchestrator, Plan, Result, RunEvent,
    StoryId, StorySpec,
};
use tokio::sync::mpsc;

use super::{issue, plan};
use crate::args::WishFlags;
use crate::interrupt::Interrupts;
use crate::output;
use crate::render::style::Style;
use crate::render::{Reporter, problems};
use crate::settings::Settings;

/// Events that may wait to be written.
const WAITING: usize = 1_024;

/// The story that is wanted: a title, or an issue.
///
/// # Errors
/// `InvalidInput` where neither says what is wanted; whatever is wrong with the issue.
pub(super) async fn wish(
    repo: &Path,
    title: Option<&Path>,
    flags: &WishFlags,
) -> Result<StorySpec> {
    let (title, description) = match (&flags.from_issue, title) {
        (Some(reference), _) => {
            let issue = issue::fetch(repo, reference).await?;
            (issue.title, issue.description)
        }
        (None, Some(title)) => (
            title.to_string_lossy().trim().to_owned(),
            flags.description.clone().unwrap_or_default(),
        ),
        (None, None) => (String::new(), String::new()),
    };
    if title.is_empty() {
        let message = "nothing says what is wanted";
        return Err(Error::new(ErrorKind::InvalidInput, message)
            .with_help("give a title, or an issue with --from-issue"));
    }
    let mut spec = StorySpec::new(title);
    spec.description = description;
    Ok(spec)
}

/// Lets an agent cut the story into tasks. An interrupt stops the agent.
///
/// # Errors
/// As [`Orchestrator::decompose`]; `Cancelled` after an interrupt.
pub(super) async fn decompose(
    settings: &Settings,
    (aura, story): (&Orchestrator, StoryId),
    options: DecomposeOptions,
    reporter: &mut Reporter,
) -> Result<Plan> {
    let mut interrupts = Interrupts::listen()?;
    let (sender, mut events) = mpsc::channel::<RunEvent>(WAITING);
    let router = settings.router()?;
    let hooks = DecomposeHooks::default()
        .events(sender)
        .adjust(move |plan| {
            router.route(plan);
            Ok(())
        });
    let mut work = Box::pin(aura.decompose_with(story, options, hooks));
    let mut unwritten = None;
    let found = loop {
        tokio::select! {
            biased;
            Some(event) = events.recv() => {
                if let Err(error) = reporter.event(&event) {
                    unwritten = unwritten.or(Some(error));
                }
            }
            found = &mut work => break found,
            () = interrupts.next() => {
                reporter.note("stopping the agent; interrupt again to kill it");
                drop(work);
                // Nobody tells anything any more when it has stopped and that is recorded.
                let stopped = async { while events.recv().await.is_some() {} };
                tokio::select! {
                    () = stopped => {}
                    () = interrupts.next() => {}
                }
                reporter.finish();
                let message = "interrupted while the story was cut into tasks";
                let help = format!("`aura story decompose {}` asks again", story.short());
                return Err(Error::new(ErrorKind::Cancelled, message).with_help(help));
            }
        }
    };
    while let Ok(event) = events.try_recv() {
        reporter.event(&event)?;
    }
    reporter.finish();
    let found = found.map_err(|error| unplanned(error, story))?;
    plan::warn(&found);
    unwritten.map_or(Ok(found), Err)
}

/// The error of a story that got no plan. It is there, and an agent was paid: nothing of that is a refusal.
fn unplanned(error: Error, story: StoryId) -> Error {
    if error.kind() != ErrorKind::InvalidPlan {
        return error;
    }
    let shown = problems::problems(error.problems(), &problems::from_disk, Style::of_stderr());
    output::note(shown);
    let message = format!(
        "no sound plan came back; the story {} has none",
        story.short()
    );
    let help = error
        .help()
        .map(|help| format!("{help}; "))
        .unwrap_or_default();
    let again = format!("`aura story decompose {}` asks again", story.short());
    Error::new(ErrorKind::Process, message).with_help(format!("{help}{again}"))
}
