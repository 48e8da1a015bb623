//! What effects come back with, without secrets: the one door through which words of others get into events.

use super::state::{AgentEnd, LandOutcome, LandingBuild, Outcome, SealEnd};
use crate::agent::AgentSignal;
use crate::model::SealOutcome;
use crate::prompt::Redactor;

/// Masks everything that an agent, a gate, a file's name or an error message can say. Left alone is what recovery reads:
/// commits, refs, worktrees, logs, and process marks.
pub(crate) fn mask(outcome: &mut Outcome, redactor: &Redactor) {
    match outcome {
        Outcome::Workspace { conflicts, .. } => redactor.mask_all(conflicts),
        Outcome::NoWorkspace { why, .. } | Outcome::Foreign { why, .. } => redactor.mask(why),
        Outcome::Agent { end, .. } => mask_agent(end, redactor),
        Outcome::Seal { end, .. } => mask_seal(end, redactor),
        Outcome::Candidate { left_out, .. } => {
            for out in left_out {
                redactor.mask_all(&mut out.paths);
            }
        }
        Outcome::Gate {
            verdict,
            output_tail,
            ..
        } => {
            redactor.mask_verdict(verdict);
            redactor.mask(output_tail);
        }
        Outcome::Moved { warnings, .. } => redactor.mask_all(warnings),
        Outcome::LandingBuilt(LandingBuild::Parked { why, paths, .. })
        | Outcome::Landed(LandOutcome::Parked { why, paths }) => {
            redactor.mask(why);
            redactor.mask_all(paths);
        }
        Outcome::Registered { .. }
        | Outcome::LandingBuilt(LandingBuild::Built { .. })
        | Outcome::Landed(LandOutcome::Landed { .. } | LandOutcome::TargetMoved { .. }) => {}
    }
}

/// Masks and bounds what an agent tells while it works.
pub(crate) fn mask_signal(signal: AgentSignal, redactor: &Redactor) -> AgentSignal {
    signal.cleaned(redactor)
}

fn mask_agent(end: &mut AgentEnd, redactor: &Redactor) {
    redactor.mask_evidence(&mut end.evidence);
    redactor.mask(&mut end.output);
    if let Some(proposal) = &mut end.tool_improvement_proposal {
        redactor.mask(proposal);
    }
    // With a part of it masked it would name no session.
    end.session = end
        .session
        .take()
        .filter(|session| redactor.redact(session) == *session);
}

fn mask_seal(end: &mut SealEnd, redactor: &Redactor) {
    match end {
        SealEnd::Done(SealOutcome::Sealed { paths, ignored, .. }) => {
            redactor.mask_all(paths);
            redactor.mask_all(ignored);
        }
        SealEnd::Done(SealOutcome::NoChange) => {}
        SealEnd::Refused { evidence, .. } => redactor.mask_evidence(evidence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        CommitId, Evidence, FailureClass, Finding, GatePoint, GateVerdict, LeftOut, ParkReason,
        StartKind, TaskId, ToolState, Usage,
    };

    const SECRET: &str = "hunter2-hunter2";

    fn evidence() -> Evidence {
        Evidence {
            summary: format!("said {SECRET}"),
            gate: Some("test".to_owned()),
            output_tail: format!("line\n{SECRET}\n"),
            findings: findings(),
            paths: vec![format!("{SECRET}/b")],
            log: Some("/logs/1".to_owned()),
        }
    }

    fn findings() -> Vec<Finding> {
        vec![Finding {
            file: Some(format!("src/{SECRET}.rs")),
            line: Some(1),
            column: None,
            message: format!("expected {SECRET}"),
        }]
    }

    fn gate(verdict: GateVerdict) -> Outcome {
        Outcome::Gate {
            task: None,
            gate: "test".to_owned(),
            at: GatePoint::Candidate,
            commit: CommitId::from_bytes([1; 20]),
            verdict,
            counts: None,
            output_tail: SECRET.to_owned(),
            usage: Usage::default(),
            log: None,
            duration_ms: 1,
        }
    }

    fn outcomes() -> Vec<Outcome> {
        let commit = CommitId::from_bytes([1; 20]);
        let said = || format!("it is {SECRET}");
        let paths = || vec![format!("a/{SECRET}")];
        let seal = |end| Outcome::Seal { task: 0, end };
        vec![
            Outcome::Workspace {
                task: 0,
                start: StartKind::Repair,
                conflicts: paths(),
                salvaged: None,
            },
            Outcome::NoWorkspace {
                task: 0,
                why: said(),
            },
            Outcome::Agent {
                task: 0,
                end: AgentEnd {
                    failure: Some((FailureClass::Exit, None)),
                    evidence: evidence(),
                    output: said(),
                    session: Some(SECRET.to_owned()),
                    tool_improvement_proposal: Some(said()),
                    usage: Usage::default(),
                    duration_ms: 1,
                    log: None,
                    salvaged: None,
                },
            },
            seal(SealEnd::Done(SealOutcome::Sealed {
                commit,
                tree: commit,
                paths: paths(),
                ignored: paths(),
            })),
            seal(SealEnd::Refused {
                class: FailureClass::Incomplete,
                evidence: evidence(),
                salvaged: None,
            }),
            Outcome::Candidate {
                candidate: 1,
                base: commit,
                tasks: Vec::new(),
                left_out: vec![LeftOut {
                    task: TaskId::new("a"),
                    paths: paths(),
                    with_head: true,
                }],
            },
            gate(GateVerdict::Failed {
                findings: findings(),
            }),
            gate(GateVerdict::Broken { why: said() }),
            gate(GateVerdict::NeedsHuman { why: said() }),
            Outcome::Moved {
                reference: "refs/heads/x".to_owned(),
                new: commit,
                tree: commit,
                tasks: Vec::new(),
                warnings: vec![said()],
            },
            Outcome::Foreign {
                reference: "refs/heads/x".to_owned(),
                expected: commit,
                found: None,
                why: said(),
            },
            Outcome::LandingBuilt(LandingBuild::Parked {
                reason: ParkReason::Conflict,
                why: said(),
                paths: paths(),
            }),
            Outcome::Landed(LandOutcome::Parked {
                why: said(),
                paths: paths(),
            }),
        ]
    }

    #[test]
    fn no_outcome_tells_a_secret() {
        let redactor = Redactor::new([("A_TOKEN", SECRET)]).unwrap();
        for mut outcome in outcomes() {
            assert!(format!("{outcome:?}").contains(SECRET));
            mask(&mut outcome, &redactor);
            let shown = format!("{outcome:?}");
            assert!(!shown.contains(SECRET), "{shown}");
        }
    }

    #[test]
    fn no_signal_tells_a_secret_and_none_is_long() {
        let redactor = Redactor::new([("A_TOKEN", SECRET)]).unwrap();
        let said = || format!("{}{SECRET}", "x".repeat(16 * 1024 - 4));
        let tool = |name, detail| AgentSignal::Tool {
            name,
            detail,
            state: ToolState::Ended,
        };
        for signal in [
            AgentSignal::Line(said()),
            AgentSignal::Text(said()),
            AgentSignal::Warning(said()),
            AgentSignal::File { path: said() },
            tool(said(), String::new()),
            tool(String::new(), said()),
            AgentSignal::Retry {
                attempt: None,
                why: said(),
            },
        ] {
            let masked = mask_signal(signal, &redactor);
            let shown = format!("{masked:?}");
            assert!(
                shown.contains("x[red") && !shown.contains("hunt"),
                "{}",
                &shown[16_000..]
            );
            assert!(shown.len() < 17 * 1024);
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        let redactor = Redactor::new([("A_TOKEN", "something else")]).unwrap();
        for mut outcome in outcomes() {
            let before = format!("{outcome:?}");
            mask(&mut outcome, &redactor);
            assert_eq!(format!("{outcome:?}"), before);
        }
    }
}
