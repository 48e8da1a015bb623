//! What is looked at before a story is completed, besides its gates.

use super::runs::parse_fingerprint;
use super::{Orchestrator, damaged};
use crate::engine::state::State;
use crate::engine::{SAMPLE, blocking, is_convention, is_conventional};
use crate::error::Result;
use crate::git::{LandingPlace, UserRepo};
use crate::model::StoryId;
use crate::model::{CheckState, CommitId, CompletionCheck};

/// Things that are named in a detail; the rest is counted.
const NAMED: usize = 5;

/// Commits of a story that are looked at.
const COMMITS: usize = 10_000;

impl Orchestrator {
    /// The checks that need the repository. They are for people: what keeps a story from landing is found when it lands.
    pub(super) async fn completion_checks(
        &self,
        id: StoryId,
        state: &State,
    ) -> Result<Vec<CompletionCheck>> {
        let Some(story) = state.story.clone() else {
            return Err(damaged(id));
        };
        let (shop, head) = (self.shop.clone(), state.head_commit());
        blocking(move || {
            let user = &shop.user;
            let is_known = parse_fingerprint(&story.fingerprint)
                .is_none_or(|known| user.fingerprint().is_ok_and(|now| now == known));
            let tree = match story.target {
                Some(target) if is_known => clean_tree(user, &target)?,
                // Its filters are programs.
                Some(_) => skipped(
                    TREE,
                    "the repository's settings changed since the story began",
                ),
                None => skipped(TREE, "the story has no target"),
            };
            Ok(vec![tree, messages(user, story.base, head)?])
        })
        .await
    }
}

const TREE: &str = "clean tree";

fn skipped(name: &str, why: &str) -> CompletionCheck {
    CompletionCheck::new(name, CheckState::Skipped, why)
}

fn clean_tree(user: &UserRepo, target: &str) -> Result<CompletionCheck> {
    let worktree = match user.landing_place(target)? {
        LandingPlace::Worktree(path) => path,
        LandingPlace::Ref => {
            return Ok(skipped(TREE, &format!("`{target}` is not checked out")));
        }
        LandingPlace::Blocked { why } => {
            return Ok(CompletionCheck::new(TREE, CheckState::Failed, why));
        }
    };
    let edits = user.edits(&worktree)?;
    Ok(if edits.is_empty() {
        CompletionCheck::new(TREE, CheckState::Passed, "")
    } else {
        let detail = format!("uncommitted: {}", named(&edits));
        CompletionCheck::new(TREE, CheckState::Failed, detail)
    })
}

fn messages(user: &UserRepo, base: CommitId, head: CommitId) -> Result<CompletionCheck> {
    const NAME: &str = "messages";
    let habit = user.subjects(None, base.into(), SAMPLE)?;
    if !is_convention(&habit) {
        let why = "the repository does not use conventional messages";
        return Ok(skipped(NAME, why));
    }
    let subjects = user.subjects(Some(base.into()), head.into(), COMMITS)?;
    let others: Vec<String> = subjects
        .iter()
        .filter(|subject| !is_conventional(subject))
        .map(|subject| format!("`{subject}`"))
        .collect();
    Ok(if others.is_empty() {
        CompletionCheck::new(NAME, CheckState::Passed, "")
    } else {
        let detail = format!("not conventional: {}", named(&others));
        CompletionCheck::new(NAME, CheckState::Failed, detail)
    })
}

fn named(things: &[String]) -> String {
    let shown = things.iter().take(NAMED).cloned().collect::<Vec<_>>();
    let shown = shown.join(", ");
    match things.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
