//! What effects come back with, as events. The dispatcher and the simulator share this page.

use jiff::Timestamp;

use super::{Ix, State};
use crate::agent::ProcessMark;
use crate::model::{
    AttemptOutcome, Batched, CommitId, EventKind, Evidence, FailureClass, GatePoint, GateVerdict,
    LeftOut, NewEvent, ParkReason, SealOutcome, StartKind, TestCounts, Usage,
};

/// What became of an effect.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Workspace {
        task: Ix,
        start: StartKind,
        conflicts: Vec<String>,
        /// Ref and commit of unsaved work that lay in its place.
        salvaged: Option<(String, CommitId)>,
    },
    /// The workspace could not be made or set up.
    NoWorkspace {
        task: Ix,
        why: String,
    },
    Registered {
        task: Ix,
        process: ProcessMark,
    },
    Agent {
        task: Ix,
        end: AgentEnd,
    },
    Seal {
        task: Ix,
        end: SealEnd,
    },
    Candidate {
        candidate: u32,
        base: CommitId,
        tasks: Vec<Batched>,
        left_out: Vec<LeftOut>,
    },
    Gate {
        task: Option<Ix>,
        gate: String,
        at: GatePoint,
        commit: CommitId,
        verdict: GateVerdict,
        counts: Option<TestCounts>,
        output_tail: String,
        usage: Usage,
        log: Option<String>,
        duration_ms: u64,
    },
    /// The story branch moved; the tasks are accepted.
    Moved {
        reference: String,
        new: CommitId,
        tree: CommitId,
        tasks: Vec<Batched>,
        /// What a person should know of it.
        warnings: Vec<String>,
    },
    /// It is not where it was left.
    Foreign {
        reference: String,
        expected: CommitId,
        found: Option<CommitId>,
        why: String,
    },
    LandingBuilt(LandingBuild),
    Landed(LandOutcome),
}

/// How an agent ended.
#[derive(Debug, Clone)]
pub(crate) struct AgentEnd {
    /// `None`: well, by its own account.
    pub(crate) failure: Option<(FailureClass, Option<Timestamp>)>,
    pub(crate) evidence: Evidence,
    pub(crate) output: String,
    pub(crate) session: Option<String>,
    pub(crate) tool_improvement_proposal: Option<String>,
    pub(crate) usage: Usage,
    pub(crate) duration_ms: u64,
    pub(crate) log: Option<String>,
    /// Ref and commit of what a failed agent left uncommitted.
    pub(crate) salvaged: Option<(String, CommitId)>,
}

/// What turning a workspace into a commit came to.
#[derive(Debug, Clone)]
pub(crate) enum SealEnd {
    Done(SealOutcome),
    Refused {
        class: FailureClass,
        evidence: Evidence,
        salvaged: Option<(String, CommitId)>,
    },
}

#[derive(Debug, Clone)]
pub(crate) enum LandingBuild {
    Built {
        reference: String,
        worktree: Option<String>,
        old: CommitId,
        new: CommitId,
        tree: CommitId,
    },
    Parked {
        reason: ParkReason,
        why: String,
        paths: Vec<String>,
    },
}

#[derive(Debug, Clone)]
pub(crate) enum LandOutcome {
    Landed {
        commit: CommitId,
        previous: CommitId,
    },
    TargetMoved {
        found: CommitId,
    },
    Parked {
        why: String,
        paths: Vec<String>,
    },
}

impl State {
    /// The events of an outcome, all of which belong into one transaction.
    pub(crate) fn record(&self, outcome: Outcome) -> Vec<NewEvent> {
        match outcome {
            Outcome::Workspace {
                task,
                start,
                conflicts,
                salvaged,
            } => {
                let ready = self.of(task, EventKind::WorkspaceReady { start, conflicts });
                self.salvage(task, salvaged)
                    .into_iter()
                    .chain([ready])
                    .collect()
            }
            Outcome::NoWorkspace { task, why } => vec![self.of(
                task,
                EventKind::AttemptFinished {
                    outcome: AttemptOutcome::failed(FailureClass::Broken),
                    evidence: Some(Box::new(Evidence::summary(why))),
                    digest: String::new(),
                    usage: Usage::default(),
                    duration_ms: 0,
                },
            )],
            Outcome::Registered { task, process } => vec![self.of(
                task,
                EventKind::ProcessRegistered {
                    pid: process.pid,
                    start_time: process.start_time,
                    boot_id: process.boot_id,
                    marker: process.marker,
                },
            )],
            Outcome::Agent { task, end } => self.record_agent(task, end),
            Outcome::Seal { task, end } => self.record_seal(task, end),
            Outcome::Candidate {
                candidate,
                base,
                tasks,
                left_out,
            } => {
                vec![NewEvent::story(EventKind::CandidateBuilt {
                    candidate,
                    base,
                    tasks,
                    left_out,
                })]
            }
            Outcome::Gate {
                task,
                gate,
                at,
                commit,
                verdict,
                counts,
                output_tail,
                usage,
                log,
                duration_ms,
            } => {
                let verdict = self.weigh((&gate, at, commit), verdict, counts);
                let warning = self.note_uncounted(&gate, at, &verdict, counts);
                let kind = EventKind::GateFinished {
                    on_base: self.is_base(task, at, commit),
                    gate,
                    at,
                    commit,
                    verdict,
                    counts,
                    output_tail,
                    usage: usage.sane(),
                    log,
                    duration_ms,
                };
                let finished = match task {
                    Some(ix) => self.of(ix, kind),
                    None => NewEvent::story(kind),
                };
                std::iter::once(finished).chain(warning).collect()
            }
            Outcome::Moved {
                reference,
                new,
                tree,
                tasks,
                warnings,
            } => {
                let warnings = warnings
                    .into_iter()
                    .map(|message| NewEvent::story(EventKind::Warning { message }));
                let accepted = tasks.into_iter().map(|item| {
                    let commit = item.commit;
                    NewEvent::task(item.task, None, EventKind::TaskAccepted { commit })
                });
                let moved = EventKind::RefMoved {
                    reference,
                    new,
                    tree,
                };
                std::iter::once(NewEvent::story(moved))
                    .chain(accepted)
                    .chain(warnings)
                    .collect()
            }
            Outcome::Foreign {
                reference,
                expected,
                found,
                why,
            } => vec![NewEvent::story(EventKind::RefForeign {
                reference,
                expected,
                found,
                why,
            })],
            Outcome::LandingBuilt(build) => vec![NewEvent::story(record_build(build))],
            Outcome::Landed(land) => vec![NewEvent::story(record_landing(land))],
        }
    }

    fn of(&self, ix: Ix, kind: EventKind) -> NewEvent {
        let task = self.task(ix);
        NewEvent::task(task.id.clone(), Some(task.attempt), kind)
    }

    fn salvage(&self, ix: Ix, salvaged: Option<(String, CommitId)>) -> Option<NewEvent> {
        let (reference, commit) = salvaged?;
        Some(self.of(ix, EventKind::WorkspaceSalvaged { reference, commit }))
    }

    fn record_agent(&self, ix: Ix, end: AgentEnd) -> Vec<NewEvent> {
        let usage = end.usage.sane();
        let Some((class, until)) = end.failure else {
            return vec![self.of(
                ix,
                EventKind::AgentExited {
                    session: end.session,
                    output: end.output,
                    tool_improvement_proposal: end.tool_improvement_proposal,
                    usage,
                    duration_ms: end.duration_ms,
                    log: end.log,
                },
            )];
        };
        let digest = crate::prompt::digest(&end.evidence);
        let finished = self.of(
            ix,
            EventKind::AttemptFinished {
                outcome: AttemptOutcome::Failed { class, until },
                evidence: Some(Box::new(end.evidence)),
                digest,
                usage,
                duration_ms: end.duration_ms,
            },
        );
        self.salvage(ix, end.salvaged)
            .into_iter()
            .chain([finished])
            .collect()
    }

    fn record_seal(&self, ix: Ix, end: SealEnd) -> Vec<NewEvent> {
        let exited = self.task(ix).exited.as_ref();
        let usage = exited.map(|exited| exited.usage).unwrap_or_default();
        let duration_ms = exited.map_or(0, |exited| exited.duration_ms);
        match end {
            SealEnd::Done(outcome) => vec![
                self.of(
                    ix,
                    EventKind::AttemptFinished {
                        outcome: AttemptOutcome::Succeeded,
                        evidence: None,
                        digest: String::new(),
                        usage,
                        duration_ms,
                    },
                ),
                self.of(ix, EventKind::TaskSealed { outcome }),
            ],
            SealEnd::Refused {
                class,
                evidence,
                salvaged,
            } => {
                let digest = crate::prompt::digest(&evidence);
                let finished = self.of(
                    ix,
                    EventKind::AttemptFinished {
                        outcome: AttemptOutcome::failed(class),
                        evidence: Some(Box::new(evidence)),
                        digest,
                        usage,
                        duration_ms,
                    },
                );
                self.salvage(ix, salvaged)
                    .into_iter()
                    .chain([finished])
                    .collect()
            }
        }
    }
}

fn record_build(build: LandingBuild) -> EventKind {
    match build {
        LandingBuild::Built {
            reference,
            worktree,
            old,
            new,
            tree,
        } => EventKind::LandingBuilt {
            reference,
            worktree,
            old,
            new,
            tree,
        },
        LandingBuild::Parked { reason, why, paths } => EventKind::Parked { reason, why, paths },
    }
}

fn record_landing(land: LandOutcome) -> EventKind {
    match land {
        LandOutcome::Landed { commit, previous } => EventKind::Landed { commit, previous },
        LandOutcome::TargetMoved { found } => EventKind::LandTargetMoved { found },
        LandOutcome::Parked { why, paths } => EventKind::Parked {
            reason: ParkReason::Dirty,
            why,
            paths,
        },
    }
}
