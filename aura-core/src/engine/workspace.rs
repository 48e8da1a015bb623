//! A task's workspace: made or renewed for each try, its leftovers kept, removed when its work is accepted.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::state::{Ix, Outcome};
use super::workshop::{Site, blocking, told};
use crate::error::{Error, ErrorKind, Result};
use crate::git::{AuraRepo, Clean, Oid, Prepared, Salvaged};
use crate::model::{CommitId, PreviousAttempt, StartKind};

/// A workspace to be made.
pub(crate) struct WorkspaceJob {
    pub(crate) task: Ix,
    pub(crate) name: String,
    pub(crate) base: CommitId,
    pub(crate) previous: Option<PreviousAttempt>,
    /// Work of an earlier try that is under a ref already.
    pub(crate) kept: Option<CommitId>,
    /// The agent that may still work there from an earlier try, for people.
    pub(crate) agent: String,
    /// How long to wait for it to let go.
    pub(crate) patience: Duration,
}

/// Waits until nobody works where the workspace is to be made; the outcome when that does not come.
pub(crate) async fn await_workspace(
    site: &Site,
    job: &WorkspaceJob,
    cancel: &CancellationToken,
) -> Option<Outcome> {
    let path = site.places.workspace(&job.name);
    let free = tokio::time::timeout(job.patience, site.shop.released(&path));
    let why = tokio::select! {
        biased;
        free = free => match free {
            Ok(()) => return None,
            Err(_) => format!(
                "an earlier try of agent `{}`, or a gate, still works in {}; end it, then run again",
                job.agent,
                path.display()
            ),
        },
        () = cancel.cancelled() => format!(
            "cancelled while an earlier try of agent `{}`, or a gate, still worked in {}",
            job.agent,
            path.display()
        ),
    };
    Some(Outcome::NoWorkspace {
        task: job.task,
        why,
    })
}

/// Makes the workspace as intended, whatever a crash or an earlier attempt left in its place.
pub(crate) async fn make_workspace(site: Arc<Site>, job: WorkspaceJob) -> Outcome {
    let task = job.task;
    match blocking(move || lay_out(&site, &job)).await {
        Ok(outcome) => outcome,
        Err(error) => Outcome::NoWorkspace {
            task,
            why: told(&error),
        },
    }
}

fn lay_out(site: &Site, job: &WorkspaceJob) -> Result<Outcome> {
    let aura = &site.shop.aura;
    let path = site.places.workspace(&job.name);
    let base = Oid::from(job.base);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| Error::io("create", parent, error))?;
    }
    let reference = site.places.salvage_ref(&format!("{}-before", job.name));
    let salvaged = renew(aura, &path, base, job.kept.map(Oid::from), &reference)?;
    let prepared = match job.previous {
        None => None,
        Some(previous) => {
            let (from, attempt) = (Oid::from(previous.base), Oid::from(previous.commit));
            Some(aura.prepare_merge(&path, from, base, attempt)?)
        }
    };
    site.remember_ignored(&path, aura.ignored_files(&path)?);
    let (start, conflicts) = match prepared {
        None => (StartKind::Base, Vec::new()),
        Some(Prepared::Previous) => (StartKind::Previous, Vec::new()),
        Some(Prepared::Repair { conflicts }) => {
            let paths = conflicts.into_iter().map(|file| file.path);
            (StartKind::Repair, paths.collect())
        }
    };
    Ok(Outcome::Workspace {
        task: job.task,
        start,
        conflicts,
        salvaged: salvaged.map(|kept| (kept.reference, CommitId::from(kept.commit))),
    })
}

/// A workspace that stands is reused with its ignored files; unsaved work in it is kept first.
fn renew(
    aura: &AuraRepo,
    path: &Path,
    base: Oid,
    kept: Option<Oid>,
    salvage: &str,
) -> Result<Option<Salvaged>> {
    let standing = aura.salvage(path, kept, salvage).and_then(|salvaged| {
        aura.reset_workspace(path, base, Clean::Untracked)?;
        Ok(salvaged)
    });
    match standing {
        Err(error) if error.kind() == ErrorKind::NotFound => aura
            .add_workspace(path, base, salvage, |_| Ok(()))
            .map(|made| made.salvaged),
        other => other,
    }
}

/// Keeps what a workspace holds and no ref does.
pub(super) async fn salvage(
    site: &Arc<Site>,
    name: &str,
    what: &str,
) -> Result<Option<(String, CommitId)>> {
    let path = site.places.workspace(name);
    let reference = site.places.salvage_ref(&format!("{name}-{what}"));
    let site = Arc::clone(site);
    blocking(move || {
        let kept = match site.shop.aura.salvage(&path, None, &reference) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            other => other?,
        };
        Ok(kept.map(|kept| (kept.reference, CommitId::from(kept.commit))))
    })
    .await
}

/// Removes the workspace of an accepted task; anything in it that is nowhere else is kept.
pub(crate) async fn remove_workspace(
    site: Arc<Site>,
    name: String,
    sealed: Option<CommitId>,
) -> Result<()> {
    blocking(move || {
        let path: PathBuf = site.places.workspace(&name);
        let salvage = site.places.salvage_ref(&format!("{name}-after"));
        let removed = site
            .shop
            .aura
            .remove_workspace(&path, sealed.map(Oid::from), &salvage)?;
        removed.trash.map_or(Ok(()), crate::git::Trash::delete)
    })
    .await
}
