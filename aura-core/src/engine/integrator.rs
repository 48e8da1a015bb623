//! Candidates, the gates that judge, and the step that makes work accepted.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::messages;
use super::rooms::{self, Occupied};
use super::state::{Ix, Outcome};
use super::workshop::{Site, blocking, told};
use crate::error::{Error, ErrorKind, Result};
use crate::gate::{ConfiguredGate, GateContext, GateReport, GateRequest};
use crate::git::{Clean, CommitText, GateTree, Merged, Oid, RefMove, StoryMove};
use crate::model::{
    Batched, CommitId, GatePoint, GateVerdict, LeftOut, Progress, StoryId, StoryTask,
};

/// Time that a gate has beyond its own limit, or beyond its grace period, to come back before it is given up.
const GATE_ALLOWANCE: Duration = Duration::from_secs(30);

/// A task on its way into a candidate.
pub(crate) struct CandidateTask {
    pub(crate) task: StoryTask,
    pub(crate) attempt: u32,
    pub(crate) base: CommitId,
    pub(crate) sealed: CommitId,
}

/// A candidate to be built.
pub(crate) struct CandidateJob {
    pub(crate) candidate: u32,
    pub(crate) base: CommitId,
    pub(crate) tasks: Vec<CandidateTask>,
    pub(crate) time: Timestamp,
}

/// A gate to be run.
pub(crate) struct GateJob {
    pub(crate) task: Option<Ix>,
    /// The task and its workspace, when its own work is judged.
    pub(crate) own: Option<(Arc<StoryTask>, String)>,
    pub(crate) gate: String,
    pub(crate) at: GatePoint,
    pub(crate) commit: CommitId,
    /// What to compare with.
    pub(crate) base: CommitId,
    /// Where the story starts.
    pub(crate) story_base: CommitId,
    /// Number of the run, for the name of its log.
    pub(crate) run: u32,
    pub(crate) grace: Duration,
}

/// The story branch to be moved.
pub(crate) struct MoveJob {
    pub(crate) reference: String,
    pub(crate) old: CommitId,
    pub(crate) new: CommitId,
    pub(crate) tree: CommitId,
    pub(crate) tasks: Vec<Batched>,
    /// Where people look at the accepted head.
    pub(crate) worktree: Option<String>,
}

/// One linear commit per task on the accepted head, in plan order; what does not fit is left out.
pub(crate) async fn build_candidate(site: Arc<Site>, job: CandidateJob) -> Result<Outcome> {
    blocking(move || {
        let aura = &site.shop.aura;
        let mut tip = Oid::from(job.base);
        let mut tasks = Vec::new();
        let mut left_out = Vec::new();
        for item in &job.tasks {
            let message = messages::of_task(&item.task, item.attempt, site.conventional);
            let text = CommitText {
                message: &message,
                author: &site.identity,
                time: job.time.as_second(),
            };
            let put_onto =
                |head| aura.rebase_onto(item.base.into(), head, item.sealed.into(), &text);
            match put_onto(tip)? {
                Merged::Clean(commit) => {
                    tip = commit;
                    tasks.push(Batched {
                        task: item.task.id.clone(),
                        commit: commit.into(),
                        tree: aura.tree_id(commit)?.into(),
                    });
                }
                Merged::Conflict { paths } => {
                    let alone = put_onto(job.base.into())?;
                    left_out.push(LeftOut {
                        task: item.task.id.clone(),
                        paths,
                        with_head: matches!(alone, Merged::Conflict { .. }),
                    });
                }
            }
        }
        aura.keep(&site.places.candidate_ref(job.candidate), tip)?;
        Ok(Outcome::Candidate {
            candidate: job.candidate,
            base: job.base,
            tasks,
            left_out,
        })
    })
    .await
}

impl GateJob {
    /// Each task has one gate run at a time, and so have the candidate and the result; what an earlier one left is found by
    /// the same name.
    fn marker(&self, story: StoryId) -> String {
        let of = self.task.map_or("story".to_owned(), |ix| ix.to_string());
        let at = match self.at {
            GatePoint::Task => "task",
            GatePoint::Candidate => "candidate",
            GatePoint::Final => "final",
        };
        let gate = crate::git::names::slug(&self.gate);
        format!("{story}-gate-{of}-{at}-{gate}-{}", self.commit)
    }

    /// After a crash: ends whatever its earlier run left.
    pub(crate) async fn reap(&self, story: StoryId) -> Result<()> {
        let marker = self.marker(story);
        let reaped = crate::process::reap_marker(&marker, self.grace).await?;
        if reaped.killed > 0 {
            tracing::info!(
                "{} processes of gate `{}` were stopped, which an earlier run left",
                reaped.killed,
                self.gate
            );
        }
        Ok(())
    }

    /// Tasks of one wave can be judged by one gate at the same time.
    fn log_name(&self) -> String {
        let gate = crate::git::names::slug(&self.gate);
        match &self.own {
            Some((_, name)) => format!("gate-{gate}-{name}-{}.log", self.run),
            None => format!("gate-{gate}-{}.log", self.run),
        }
    }
}

/// Lets a gate judge a commit in a workspace that holds exactly that commit.
pub(crate) async fn run_gate(site: Arc<Site>, job: GateJob, cancel: CancellationToken) -> Outcome {
    let began = Instant::now();
    let log = site.places.logs().join(job.log_name());
    let report = match judge(&site, &job, &log, cancel).await {
        Ok(report) => report,
        Err(error) if error.kind() == ErrorKind::Cancelled => {
            GateReport::new(GateVerdict::Cancelled)
        }
        Err(error) => GateReport::new(GateVerdict::Broken { why: told(&error) }),
    };
    Outcome::Gate {
        task: job.task,
        verdict: report.verdict,
        gate: job.gate,
        at: job.at,
        commit: job.commit,
        counts: report.counts,
        output_tail: report.output_tail,
        usage: report.usage,
        log: log.is_file().then(|| log.display().to_string()),
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

async fn judge(
    site: &Arc<Site>,
    job: &GateJob,
    log: &Path,
    cancel: CancellationToken,
) -> Result<GateReport> {
    let configured = site.shop.gate(&job.gate)?.clone();
    if !configured.gate().needs_checkout() {
        create_parent(log)?;
        let repository = site.shop.aura.dir().to_owned();
        return Ok(ask(site, job, &configured, (repository, log), &cancel).await);
    }
    let timeout = Duration::from_millis(configured.definition().timeout_ms);
    let enter = async {
        match job.own {
            Some(_) => rooms::enter_own(site, timeout).await,
            None => rooms::enter_shared(site, timeout).await,
        }
    };
    let room = tokio::select! {
        biased;
        () = cancel.cancelled() => return Ok(GateReport::new(GateVerdict::Cancelled)),
        entered = enter => match entered {
            Ok(room) => room,
            Err(Occupied(path)) => {
                let why = format!("an earlier run still works in {}", path.display());
                return Ok(GateReport::new(GateVerdict::Broken { why }));
            }
        },
    };
    let workspace = room.path.clone();
    create_parent(&workspace)?;
    create_parent(log)?;
    let clean = match job.at {
        GatePoint::Final => Clean::Everything,
        GatePoint::Task | GatePoint::Candidate => Clean::Untracked,
    };
    let (commit, path, work) = (Oid::from(job.commit), workspace.clone(), Arc::clone(site));
    blocking(move || work.shop.aura.checkout_gate(&path, commit, clean)).await?;
    let report = ask(site, job, &configured, (workspace.clone(), log), &cancel).await;
    let (path, work) = (workspace, Arc::clone(site));
    let tree = blocking(move || work.shop.aura.verify_unchanged(&path, commit)).await?;
    drop(room);
    Ok(match tree {
        GateTree::Dirtied { paths } if report.verdict.is_green() => GateReport {
            verdict: GateVerdict::Broken {
                why: format!(
                    "it changed files that it was to judge ({}); let it only check, or run the change as a task",
                    paths.join(", ")
                ),
            },
            ..report
        },
        _ => report,
    })
}

fn create_parent(path: &Path) -> Result<()> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    std::fs::create_dir_all(parent).map_err(|error| Error::io("create", parent, error))
}

/// Lets the gate judge what `workspace` has.
async fn ask(
    site: &Arc<Site>,
    job: &GateJob,
    configured: &ConfiguredGate,
    (workspace, log): (PathBuf, &Path),
    cancel: &CancellationToken,
) -> GateReport {
    let timeout = Duration::from_millis(configured.definition().timeout_ms);
    let (gate, at) = (job.gate.clone(), job.at);
    let output = site.sink(move |line: String, redactor| Progress::GateOutput {
        gate: gate.clone(),
        at,
        line: redactor.redact(&line).into_owned(),
    });
    let request = GateRequest {
        story: site.places.story,
        task: job.own.as_ref().map(|(task, _)| task.id.clone()),
        subject: job.own.as_ref().map(|(task, _)| Arc::clone(task)),
        at: job.at,
        commit: job.commit,
        base: job.base,
        story_base: job.story_base,
        commands: site.shop.gate_commands(),
        workspace,
        environment: vec![("AURA_STORY".to_owned(), site.places.story.to_string())],
        timeout,
        grace: job.grace,
        marker: job.marker(site.places.story),
        log: log.to_owned(),
        redactor: site.shop.redactor.clone(),
    };
    let context = GateContext {
        cancel: cancel.clone(),
        output,
    };
    let check = configured.gate().check(request, context);
    within_limits(check, timeout, job.grace, cancel).await
}

/// A gate keeps its time limit and stops when it is told to. One that does not is given up.
async fn within_limits(
    check: impl Future<Output = GateReport>,
    timeout: Duration,
    grace: Duration,
    cancel: &CancellationToken,
) -> GateReport {
    let limit = timeout + grace + GATE_ALLOWANCE;
    let after_cancel = async {
        cancel.cancelled().await;
        tokio::time::sleep(grace + GATE_ALLOWANCE).await;
    };
    GateReport::new(tokio::select! {
        biased;
        report = check => return report,
        () = after_cancel => GateVerdict::Cancelled,
        () = tokio::time::sleep(limit) => GateVerdict::Broken {
            why: format!("it did not come back within {} s", limit.as_secs()),
        },
    })
}

/// Moves the story branch to the accepted commit. Doing it again after a crash finds it done.
pub(crate) async fn accept(site: Arc<Site>, job: MoveJob) -> Result<Outcome> {
    blocking(move || {
        let (user, aura) = (&site.shop.user, &site.shop.aura);
        let (old, new) = (Oid::from(job.old), Oid::from(job.new));
        aura.keep(&site.places.keep_ref(), new)?;
        aura.publish(user, new)?;
        super::crash::pass("intent.move_ref/published");
        let mut warnings = site.foreign_changes();
        let foreign = keep(&site, (old, new), &mut warnings)?;
        super::crash::pass("intent.move_ref/kept");
        let foreign = match foreign {
            None => move_or_restore(&site, &job.reference, (old, new), &mut warnings)?,
            some => some,
        };
        if let Some((reference, found, why)) = foreign {
            return Ok(Outcome::Foreign { reference, expected: job.old, found, why });
        }
        if let Some(worktree) = &job.worktree {
            let moved = aura.move_story_worktree(Path::new(worktree), old, new);
            match moved {
                Ok(StoryMove::Moved | StoryMove::AlreadyThere) => {}
                Ok(StoryMove::Busy { paths }) => warnings.push(format!(
                    "the story's worktree {worktree} stays where it is, because somebody works there: {}",
                    paths.join(", ")
                )),
                Err(error) => warnings.push(format!("the story's worktree was not moved: {}", told(&error))),
            }
        }
        Ok(Outcome::Moved {
            reference: job.reference,
            new: job.new,
            tree: job.tree,
            tasks: job.tasks,
            warnings,
        })
    })
    .await
}

type Foreign = (String, Option<CommitId>, String);

/// Moves the ref that keeps the accepted head.
fn keep(
    site: &Site,
    (old, new): (Oid, Oid),
    warnings: &mut Vec<String>,
) -> Result<Option<Foreign>> {
    let reference = site.places.keep_ref();
    let found = match site
        .shop
        .keep_head(&reference, new, Some(&site.fingerprint))
    {
        Err(error) if error.kind() == ErrorKind::ForeignChange => {
            return Ok(Some((reference, None, told(&error))));
        }
        other => other?,
    };
    if found != Some(old) && found != Some(new) {
        warnings.push(format!(
            "`{reference}` was moved or deleted by somebody else; it is at the accepted head again"
        ));
    }
    Ok(None)
}

/// Compare-and-swap; a ref that somebody deleted is made again, with a warning.
fn move_or_restore(
    site: &Site,
    reference: &str,
    (old, new): (Oid, Oid),
    warnings: &mut Vec<String>,
) -> Result<Option<Foreign>> {
    let user = &site.shop.user;
    let mut moved = user.move_ref(reference, Some(old), new)?;
    if moved == RefMove::Foreign(None) {
        warnings.push(format!(
            "`{reference}` was deleted by somebody else; it is there again"
        ));
        // Git's program makes refs, and with it runs whatever the repository is set up to run.
        if let Err(error) = user.require_fingerprint(&site.fingerprint) {
            return Ok(Some((reference.to_owned(), None, told(&error))));
        }
        moved = user.move_ref(reference, None, new)?;
    }
    Ok(match moved {
        RefMove::Moved | RefMove::AlreadyThere => None,
        RefMove::Foreign(found) => Some((
            reference.to_owned(),
            found.map(CommitId::from),
            format!("`{reference}` was moved by somebody else"),
        )),
        RefMove::CheckedOut(path) => Some((
            reference.to_owned(),
            None,
            format!(
                "{}, then run the story again",
                checked_out(reference, &path)
            ),
        )),
    })
}

/// What to say when a story branch cannot be moved since somebody works on it.
pub(crate) fn checked_out(reference: &str, path: &Path) -> String {
    format!(
        "`{reference}` is checked out in {0}; check out something else there, for example with `git -C {0} switch --detach`",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_gate_that_ignores_its_limits_is_given_up() {
        let (hour, grace) = (Duration::from_secs(3600), Duration::from_secs(10));
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        for (cancel, is_cancelled, after) in [
            (CancellationToken::new(), false, hour + grace),
            (cancelled, true, grace),
        ] {
            let began = tokio::time::Instant::now();
            let report = within_limits(std::future::pending(), hour, grace, &cancel).await;
            assert_eq!(report.verdict == GateVerdict::Cancelled, is_cancelled);
            assert!(!report.verdict.is_green());
            let waited = began.elapsed().as_secs();
            assert_eq!(waited, (after + GATE_ALLOWANCE).as_secs());
        }
    }
}
