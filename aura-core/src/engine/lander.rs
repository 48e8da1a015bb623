//! The landing: the result on the target's tip, and the one step that moves the target.

use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;

use super::messages;
use super::state::{LandOutcome, LandingBuild, Outcome};
use super::workshop::{Site, blocking, told};
use crate::error::{ErrorKind, Result};
use crate::git::{
    CommitText, InterruptedLanding, LandRequest, LandResult, LandShape, Landing, LandingPlace, Oid,
};
use crate::model::{CommitId, CommitStrategy, MergeStrategy, ParkReason, Policy};

/// A result to be built.
pub(crate) struct BuildJob {
    pub(crate) policy: Policy,
    pub(crate) title: String,
    pub(crate) tasks: Vec<String>,
    pub(crate) base: CommitId,
    pub(crate) accepted: CommitId,
    /// Without `refs/heads/`.
    pub(crate) target: String,
    pub(crate) time: Timestamp,
}

/// A target to be moved.
pub(crate) struct LandJob {
    /// Without `refs/heads/`.
    pub(crate) target: String,
    pub(crate) old: CommitId,
    pub(crate) new: CommitId,
    /// When the intent was recorded, when a crash may have interrupted it.
    pub(crate) interrupted: Option<SystemTime>,
}

/// Builds what the target would become, on its present tip.
pub(crate) async fn build(site: Arc<Site>, job: BuildJob) -> Result<Outcome> {
    blocking(move || {
        let (user, aura) = (&site.shop.user, &site.shop.aura);
        let Some(tip) = user.resolve_branch(&job.target)? else {
            return Ok(parked(
                ParkReason::NoTarget,
                format!(
                    "the target branch `{0}` does not exist; make it, for example with `git branch {0}`",
                    job.target
                ),
                Vec::new(),
            ));
        };
        aura.refresh_commit(user, tip)?;
        let message = messages::of_story(&job.title, &job.tasks);
        let request = LandRequest {
            shape: shape(&job.policy),
            base: job.base.into(),
            accepted: job.accepted.into(),
            target: tip,
            text: CommitText {
                message: &message,
                author: &site.identity,
                time: job.time.as_second(),
            },
            reference: &site.places.land_ref(),
        };
        let new = match aura.build_landing(&request)? {
            LandResult::Built(commit) => commit,
            LandResult::Nothing => tip,
            LandResult::Conflict { paths } => {
                let why = format!(
                    "the story conflicts with `{}` in {}",
                    job.target,
                    paths.join(", ")
                );
                return Ok(parked(ParkReason::Conflict, why, paths));
            }
        };
        let worktree = match user.landing_place(&job.target)? {
            LandingPlace::Worktree(path) => Some(path.display().to_string()),
            LandingPlace::Ref | LandingPlace::Blocked { .. } => None,
        };
        Ok(Outcome::LandingBuilt(LandingBuild::Built {
            reference: format!("refs/heads/{}", job.target),
            worktree,
            old: tip.into(),
            new: new.into(),
            tree: aura.tree_id(new)?.into(),
        }))
    })
    .await
}

fn parked(reason: ParkReason, why: String, paths: Vec<String>) -> Outcome {
    Outcome::LandingBuilt(LandingBuild::Parked { reason, why, paths })
}

const fn shape(policy: &Policy) -> LandShape {
    match (policy.commit, policy.merge) {
        (CommitStrategy::Squash, _) => LandShape::Squash,
        (CommitStrategy::PerTask, MergeStrategy::MergeCommit) => LandShape::MergeCommit,
        (CommitStrategy::PerTask, MergeStrategy::RebaseFastForward) => LandShape::Linear,
    }
}

/// Moves the target, or finishes a move that a crash interrupted.
pub(crate) async fn land(site: Arc<Site>, job: LandJob) -> Result<Outcome> {
    blocking(move || {
        let user = &site.shop.user;
        let (old, new) = (Oid::from(job.old), Oid::from(job.new));
        site.shop.aura.publish(user, new)?;
        super::crash::pass("intent.land/published");
        let _turn = site.shop.aura.lock_landing()?;
        let landing = match job.interrupted {
            Some(since) => {
                let interrupted = InterruptedLanding {
                    branch: &job.target,
                    old,
                    new,
                    since,
                };
                user.recover_landing(interrupted, &site.fingerprint)
            }
            None => user.apply_landing(&job.target, old, new, &site.fingerprint),
        };
        let landing = match landing {
            Err(error) if error.kind() == ErrorKind::ForeignChange => Landing::Parked {
                why: told(&error),
                paths: Vec::new(),
            },
            other => other?,
        };
        super::crash::pass("intent.land/moved");
        Ok(Outcome::Landed(match landing {
            Landing::Landed | Landing::AlreadyThere => LandOutcome::Landed {
                commit: job.new,
                previous: job.old,
            },
            Landing::Foreign(found) => LandOutcome::TargetMoved {
                found: found.map_or(job.old, CommitId::from),
            },
            Landing::Parked { why, paths } => LandOutcome::Parked { why, paths },
        }))
    })
    .await
}
