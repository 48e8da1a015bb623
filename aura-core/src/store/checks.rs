//! What every store refuses, whatever it is made of.

use super::StorySummary;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Event, EventKind, StoryId, StoryStatus};

/// The row of a story that begins with these events.
pub(super) fn birth(events: &[Event]) -> Result<StorySummary> {
    let (Some(first), Some(last)) = (events.first(), events.last()) else {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "a story cannot be created without events",
        ));
    };
    let EventKind::StoryCreated { title, branch, .. } = &first.kind else {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "the first event of a story is `story.created`, not `{}`",
                first.kind.name()
            ),
        ));
    };
    continues(first.story, 0, events)?;
    let planned = events
        .iter()
        .any(|event| matches!(event.kind, EventKind::PlanAccepted { .. }));
    Ok(StorySummary {
        id: first.story,
        title: title.clone(),
        branch: branch.clone(),
        status: if planned {
            StoryStatus::Planned
        } else {
            StoryStatus::Created
        },
        created_at: first.at,
        updated_at: last.at,
    })
}

/// Whether the events belong to the story and follow event `last` without a gap.
pub(super) fn continues(story: StoryId, last: u64, events: &[Event]) -> Result<()> {
    for (event, expected) in events.iter().zip(last + 1..) {
        if event.story != story {
            return Err(Error::new(
                ErrorKind::Refused,
                format!(
                    "event {} belongs to story {} and cannot be appended to story {story}",
                    event.seq, event.story
                ),
            ));
        }
        if event.seq != expected {
            return Err(out_of_order(story, expected, event.seq));
        }
    }
    Ok(())
}

pub(super) fn out_of_order(story: StoryId, expected: u64, found: u64) -> Error {
    Error::new(
        ErrorKind::Refused,
        format!(
            "the next event of story {story} is number {expected}, but number {found} was given"
        ),
    )
    .with_help("somebody else wrote to the story; read it again before writing")
}

/// Whether a lease is still the newest one.
pub(super) fn newest(story: StoryId, held: u64, newest: u64) -> Result<()> {
    if held == newest {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Refused,
        format!(
            "the right to write to story {story} was taken over by somebody else (lease {held}, the newest is {newest})"
        ),
    )
    .with_help("nothing was written; let the other run finish, or resume the story here afterwards"))
}

pub(super) fn unknown(story: StoryId) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("there is no story {story} in this repository"),
    )
    .with_help("`aura story list` shows the stories there are")
}

pub(super) fn exists(story: StoryId) -> Error {
    Error::new(ErrorKind::Refused, format!("story {story} exists already"))
}

pub(super) fn busy(story: StoryId, holder: &str) -> Error {
    Error::new(
        ErrorKind::StoryBusy,
        format!("story {story} is being written by {holder}"),
    )
    .with_help("wait for it, or ask it to pause or to cancel; reading is possible at any time")
}
