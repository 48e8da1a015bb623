//! Seal: what is in a workspace becomes one commit, or the reason why it cannot.

use std::sync::Arc;

use jiff::Timestamp;

use super::messages;
use super::state::{Ix, Outcome, SealEnd};
use super::workshop::{Site, blocking, told};
use super::workspace::salvage;
use crate::error::{ErrorKind, Result};
use crate::git::{CommitText, SealRequest, Unfinished};
use crate::model::{CommitId, Evidence, FailureClass, SealOutcome, StoryTask};

/// A workspace to be turned into a commit.
pub(crate) struct SealJob {
    pub(crate) task: Ix,
    pub(crate) story_task: StoryTask,
    pub(crate) name: String,
    pub(crate) attempt: u32,
    pub(crate) base: CommitId,
    pub(crate) reference: String,
    pub(crate) time: Timestamp,
    /// What the agent wrote, as evidence when nothing changed.
    pub(crate) output: String,
}

/// Turns what is in the workspace into one commit.
pub(crate) async fn seal(site: Arc<Site>, job: SealJob) -> Outcome {
    let task = job.task;
    let (name, attempt) = (job.name.clone(), job.attempt);
    let work = Arc::clone(&site);
    let end = match blocking(move || seal_now(&work, &job)).await {
        Ok(end) => end,
        // Whoever took the workspace away took the work with it; another try gets a new one.
        Err(error) if error.kind() == ErrorKind::NotFound => refused(
            FailureClass::BaseLost,
            told(&error),
            Vec::new(),
            String::new(),
        ),
        Err(error) => refused(
            FailureClass::Broken,
            told(&error),
            Vec::new(),
            String::new(),
        ),
    };
    let end = match end {
        SealEnd::Refused {
            class,
            mut evidence,
            ..
        } => {
            let salvaged = match salvage(&site, &name, &format!("{attempt}-unsealed")).await {
                Ok(salvaged) => salvaged,
                Err(error) => {
                    evidence.summary = format!("{} ({})", evidence.summary, told(&error));
                    None
                }
            };
            SealEnd::Refused {
                class,
                evidence,
                salvaged,
            }
        }
        done @ SealEnd::Done(_) => done,
    };
    Outcome::Seal { task, end }
}

fn seal_now(site: &Site, job: &SealJob) -> Result<SealEnd> {
    let path = site.places.workspace(&job.name);
    let message = messages::of_task(&job.story_task, job.attempt, site.conventional);
    let request = SealRequest {
        path: &path,
        base: job.base.into(),
        text: CommitText {
            message: &message,
            author: &site.identity,
            time: job.time.as_second(),
        },
        refs: &job.reference,
        known_ignored: &site.known_ignored(&path),
        declared: None,
    };
    use crate::git::SealOutcome as Git;
    Ok(match site.shop.aura.seal(&request)? {
        Git::Sealed(sealed) => SealEnd::Done(SealOutcome::Sealed {
            commit: sealed.commit.into(),
            tree: sealed.tree.into(),
            paths: sealed.paths,
            ignored: sealed.new_ignored,
        }),
        Git::NoChange { .. } if job.story_task.no_change_ok => SealEnd::Done(SealOutcome::NoChange),
        Git::NoChange { new_ignored, .. } => {
            let why = if new_ignored.is_empty() {
                "the agent ended well, but changed nothing"
            } else {
                "the agent ended well, but changed nothing except ignored files"
            };
            refused(
                FailureClass::NoChange,
                why.to_owned(),
                new_ignored,
                job.output.clone(),
            )
        }
        Git::Incomplete { why, paths } => refused(
            FailureClass::Incomplete,
            unfinished(&why),
            paths,
            job.output.clone(),
        ),
        Git::BaseLost { head, salvaged } => {
            let kept: Vec<&str> = salvaged
                .iter()
                .map(|kept| kept.reference.as_str())
                .collect();
            let head = head.map_or("nothing".to_owned(), |head| head.to_string());
            let why = format!(
                "HEAD of the workspace ({head}) does not descend from the commit it was given; kept as {}",
                kept.join(", ")
            );
            refused(FailureClass::BaseLost, why, Vec::new(), job.output.clone())
        }
    })
}

fn refused(
    class: FailureClass,
    summary: String,
    paths: Vec<String>,
    output_tail: String,
) -> SealEnd {
    SealEnd::Refused {
        class,
        evidence: Evidence {
            summary,
            paths,
            output_tail,
            ..Evidence::default()
        },
        salvaged: None,
    }
}

fn unfinished(why: &Unfinished) -> String {
    match why {
        Unfinished::Operation(name) => format!("a {name} was begun and not finished"),
        Unfinished::Markers => "conflict markers are left in the files".to_owned(),
        Unfinished::Embedded => "a repository lies inside the workspace".to_owned(),
        Unfinished::Unstageable(why) => format!("git cannot stage the files: {why}"),
    }
}
