//! Stories: created, listed, found, looked at.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::Orchestrator;
use crate::engine::state::{Ix, State};
use crate::engine::{StoryPlaces, Workshop, blocking, checked_out, stamp};
use crate::error::{Error, ErrorKind, Result};
use crate::git::{Oid, RefMove, sweep_trash};
use crate::model::{CommitId, Event, EventKind, NewEvent, Policy, StoryId, StorySpec};
use crate::store::StorySummary;

/// Agents at once, at most.
pub(super) const MAX_PARALLEL: usize = 1_024;

impl Orchestrator {
    /// Creates a story on the commit that HEAD names, with its branch `story/<slug>-<short id>` and a worktree to look at.
    /// Nothing runs yet.
    ///
    /// # Errors
    /// `InvalidInput` for a policy or a target that cannot be meant; `InvalidPlan` for a plan that names patterns which are not there; whatever git or the store says.
    pub async fn create_story(&self, spec: StorySpec) -> Result<StoryId> {
        check_policy(&spec.policy)?;
        if spec.title.trim().is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "a story needs a title"));
        }
        if let (Some(plan), Some(patterns)) = (&spec.plan, &self.shop.patterns) {
            patterns.check(plan)?;
        }
        let id = StoryId::from_uuid(Uuid::now_v7());
        let shop = self.shop.clone();
        let target = spec.target.map(branch_name).transpose()?;
        let (base, tree, target) = blocking(move || beginning(&shop, target)).await?;
        let places = StoryPlaces::new(&self.shop, id, &spec.title);
        let created = EventKind::StoryCreated {
            title: spec.title.clone(),
            description: spec.description,
            slug: places.name.clone(),
            branch: format!("story/{}", places.name),
            base: base.into(),
            base_tree: tree.into(),
            target,
            worktree: Some(places.worktree().display().to_string()),
            policy: Box::new(spec.policy),
            fingerprint: self.shop.fingerprint()?,
        };
        let plan = spec.plan.map(|plan| EventKind::PlanAccepted {
            plan: Arc::new(plan),
        });
        let now = Timestamp::now();
        let events: Vec<Event> = [Some(created), plan]
            .into_iter()
            .flatten()
            .zip(1..)
            .map(|(kind, seq)| stamp(id, None, seq, now, NewEvent::story(kind)))
            .collect();
        let state = State::fold(&events);
        self.store.create(&events).await?;
        self.establish(&state, &places, false).await?;
        Ok(id)
    }

    /// Makes or mends what belongs to a story in git: its refs and its worktree. What was mended is returned for people.
    pub(super) async fn establish(
        &self,
        state: &State,
        places: &StoryPlaces,
        restore: bool,
    ) -> Result<Vec<String>> {
        let Some(story) = state.story.clone() else {
            return Err(Error::new(
                ErrorKind::Internal,
                "a story without its first event",
            ));
        };
        let (shop, places) = (self.shop.clone(), places.clone());
        let head = Oid::from(state.head_commit());
        let fresh = state.run.is_none() && state.landed.is_none() && head == Oid::from(story.base);
        blocking(move || {
            let mut mended = Vec::new();
            let keep = places.keep_ref();
            shop.aura.keep(&keep, head)?;
            shop.aura.publish(&shop.user, head)?;
            let back = |reference: &str| format!("`{reference}` is back at the accepted head");
            let found = shop.keep_head(&keep, head, None)?;
            if found != Some(head) && !(fresh && found.is_none()) {
                mended.push(back(&keep));
            }
            let branch = format!("refs/heads/{}", story.branch);
            let found = shop.user.read_ref(&branch)?;
            let moved = match found {
                Some(found) if found == head => RefMove::AlreadyThere,
                Some(found) if !restore => RefMove::Foreign(Some(found)),
                found => shop.user.move_ref(&branch, found, head)?,
            };
            match moved {
                RefMove::Moved if !fresh || found.is_some() => mended.push(back(&branch)),
                RefMove::Moved | RefMove::AlreadyThere => {}
                RefMove::Foreign(found) => return Err(foreign(&branch, head, found)),
                RefMove::CheckedOut(path) => {
                    return Err(
                        Error::new(ErrorKind::ForeignMove, checked_out(&branch, &path))
                            .with_help("then run the story again"),
                    );
                }
            }
            let worktree = places.worktree();
            if !worktree.join(".git").exists() {
                if let Some(parent) = worktree.parent() {
                    std::fs::create_dir_all(parent)
                        .map_err(|error| Error::io("create", parent, error))?;
                }
                let salvage = places.salvage_ref("worktree");
                shop.aura
                    .add_workspace(&worktree, head, &salvage, |_| Ok(()))?;
            }
            Ok(mended)
        })
        .await
    }

    /// Removes what a landed story no longer needs: worktrees, workspaces, the refs of candidates and of attempts at `accepted`
    /// tasks. Unsaved work in any of them is kept under a salvage ref first; the story's branch, its log and the attempts at
    /// tasks that were not accepted stay. Doing it again removes what is left.
    pub(super) async fn clean(
        &self,
        places: &StoryPlaces,
        head: CommitId,
        accepted: Vec<Ix>,
    ) -> Result<()> {
        let (shop, places) = (self.shop.clone(), places.clone());
        blocking(move || {
            let mut directories = vec![(places.worktree(), "worktree".to_owned())];
            let gates = places.gate_workspaces().into_iter();
            directories.extend(gates.map(|place| (place, "gates".to_owned())));
            let tasks = places.workspace("");
            if let Ok(entries) = std::fs::read_dir(&tasks) {
                for entry in entries.flatten() {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    directories.push((entry.path(), format!("{name}-after")));
                }
            }
            for (directory, name) in directories {
                let removed =
                    shop.aura
                        .remove_workspace(&directory, None, &places.salvage_ref(&name))?;
                if let Some(trash) = removed.trash {
                    trash.delete()?;
                }
            }
            let above = [places.worktree(), places.gate_workspace()];
            let above = above.iter().filter_map(|place| place.parent());
            for directory in above.chain([tasks.as_path()]) {
                sweep_trash(directory)?;
            }
            std::fs::remove_dir(&tasks).ok();
            for directory in places.shared() {
                // Another story may still be there.
                std::fs::remove_dir(&directory).ok();
            }
            shop.user.delete_ref(&places.keep_ref(), head.into())?;
            for prefix in places.passing_refs(&accepted) {
                shop.aura.drop_refs(&prefix)?;
            }
            Ok(())
        })
        .await
    }

    /// All stories of the repository, newest first. Cancel safe.
    pub async fn stories(&self) -> Result<Vec<StorySummary>> {
        self.store.stories().await
    }

    /// Finds a story by its id, its short id, its branch, the last part of its branch, or the slug of its title. Without a name:
    /// the only story there is.
    ///
    /// # Errors
    /// `NotFound` when nothing or more than one fits, naming what there is.
    pub async fn find_story(&self, name: Option<&str>) -> Result<StoryId> {
        let stories = self.stories().await?;
        let fits = |story: &&StorySummary| match name {
            None => true,
            Some(name) => {
                let last = story.branch.strip_prefix("story/").unwrap_or(&story.branch);
                [
                    story.id.to_string().as_str(),
                    &story.id.short(),
                    &story.branch,
                    last,
                    &crate::git::names::slug(&story.title),
                ]
                .contains(&name)
            }
        };
        let found: Vec<&StorySummary> = stories.iter().filter(fits).collect();
        if let [only] = found.as_slice() {
            return Ok(only.id);
        }
        let message = match (name, found.len()) {
            (Some(name), 0) => format!("no story fits `{name}`"),
            (Some(name), count) => format!("{count} stories fit `{name}`"),
            (None, 0) => "there is no story".to_owned(),
            (None, count) => format!("there are {count} stories, and none was named"),
        };
        let known: Vec<&str> = stories.iter().map(|story| story.branch.as_str()).collect();
        Err(
            Error::new(ErrorKind::NotFound, message).with_help(if known.is_empty() {
                "create a story first".to_owned()
            } else {
                format!("stories are: {}", known.join(", "))
            }),
        )
    }
}

/// The commit that a story begins at, its tree, and the target. Whatever would keep the story from being run or landed is refused.
fn beginning(shop: &Workshop, target: Option<String>) -> Result<(Oid, Oid, Option<String>)> {
    let head = shop.user.head()?;
    shop.aura.refresh_commit(&shop.user, head.commit)?;
    if let Some(target) = &target
        && shop.user.resolve_branch(target)?.is_none()
    {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("the target branch `{target}` does not exist"),
        )
        .with_help(format!("make it, for example with `git branch {target}`")));
    }
    if shop.user.read_ref("refs/heads/story")?.is_some() {
        return Err(Error::new(
            ErrorKind::UnsupportedRepository,
            "a branch is called `story`, so that no branch can be called `story/..`",
        )
        .with_help("rename it, for example with `git branch -m story my-story`"));
    }
    shop.user.identity()?;
    let tree = shop.aura.tree_id(head.commit)?;
    Ok((head.commit, tree, target.or(head.branch)))
}

/// The branch that somebody means, without `refs/heads/`.
fn branch_name(target: String) -> Result<String> {
    if let Some(name) = target.strip_prefix("refs/heads/") {
        return Ok(name.to_owned());
    }
    if target.starts_with("refs/") {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("`{target}` is no branch, and only a branch can be a target"),
        )
        .with_help("name a branch, as `git branch` lists them"));
    }
    Ok(target)
}

fn foreign(reference: &str, expected: Oid, found: Option<Oid>) -> Error {
    let found = found.map_or("nothing".to_owned(), |found| CommitId::from(found).short());
    Error::new(
        ErrorKind::ForeignMove,
        format!(
            "`{reference}` is at {found} and not at the accepted head {}",
            CommitId::from(expected).short()
        ),
    )
    .with_help("keep what you need from it under another name, then run with --restore-branch")
}

fn check_policy(policy: &Policy) -> Result<()> {
    check_parallel(policy.max_parallel)?;
    let positive = [
        ("deadline", policy.deadline_ms),
        ("idle deadline", policy.idle_ms),
    ];
    match positive.iter().find(|(_, value)| *value == 0) {
        Some((name, _)) => Err(Error::new(
            ErrorKind::InvalidInput,
            format!("the {name} is 0, so no attempt could ever end well"),
        )),
        None => Ok(()),
    }
}

pub(super) fn check_parallel(agents: usize) -> Result<()> {
    if (1..=MAX_PARALLEL).contains(&agents) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        format!("{agents} agents at once: it must be 1 to {MAX_PARALLEL}"),
    ))
}
