//! What verdicts do: to a task's own work, to the candidate, and to the result.

use super::batch::{Batch, BatchPhase, Red, Stage, Trial};
use super::run::Panel;
use super::task::Question;
use super::{Ix, Phase, State, Stop, gate_events, planted};
use crate::model::{
    CommitId, Event, EventKind, Evidence, FailureClass, Finding, FlakyPolicy, GateDefinition,
    GatePoint, GateSchedule, GateVerdict, NewEvent, Usage,
};

/// Characters of the first finding that stand in a summary, which has to fit on a line of a terminal.
const SUMMARY: usize = 120;

/// How a verdict counts.
enum Answer {
    Green,
    Red,
    /// A person has to answer; the question.
    Asks(String),
    /// No answer; the reason is for people.
    Mute(String),
}

impl State {
    pub(super) fn task_gates(&self) -> impl Iterator<Item = &GateDefinition> {
        self.gates_at(GateSchedule::AfterTask)
    }

    pub(super) fn gates_at(&self, schedule: GateSchedule) -> impl Iterator<Item = &GateDefinition> {
        self.gates.iter().filter(move |gate| gate.judges(schedule))
    }

    fn is_required(&self, gate: &str) -> bool {
        self.gate(gate).is_none_or(|gate| gate.required) && !planted!(IgnoreRequired)
    }

    fn answer(&mut self, gate: &str, verdict: &GateVerdict) -> Answer {
        match verdict {
            GateVerdict::Passed => Answer::Green,
            GateVerdict::Failed { .. } if planted!(AcceptRed) => Answer::Green,
            GateVerdict::Failed { .. } => Answer::Red,
            GateVerdict::Flaky { .. } => self.note_flaky(gate),
            GateVerdict::Broken { why } => {
                Answer::Mute(format!("gate `{gate}` cannot judge: {why}"))
            }
            GateVerdict::NeedsHuman { .. } if planted!(AcceptAsked) => Answer::Green,
            GateVerdict::NeedsHuman { why } => Answer::Asks(why.clone()),
            GateVerdict::Cancelled => Answer::Mute(format!("gate `{gate}` was stopped")),
        }
    }

    /// The gate was red and then green on one tree.
    fn note_flaky(&mut self, gate: &str) -> Answer {
        self.flaky.insert(gate.to_owned());
        match self.gate(gate).map(|gate| gate.flaky) {
            Some(FlakyPolicy::Refuse) => {
                Answer::Mute(format!("gate `{gate}` is flaky and may not be"))
            }
            _ => Answer::Green,
        }
    }

    /// What an agent used that a gate asked is the story's, whatever becomes of the verdict.
    pub(super) fn note_asked(&mut self, kind: &EventKind) -> Usage {
        let EventKind::GateFinished { usage, .. } = kind else {
            return Usage::default();
        };
        self.usage += *usage;
        *usage
    }

    /// Whether a verdict that comes now is about what the work began with.
    pub(super) fn is_base(&self, task: Option<Ix>, at: GatePoint, commit: CommitId) -> bool {
        match (at, task) {
            (GatePoint::Task, Some(ix)) => {
                matches!(self.task(ix).phase, Phase::ReviewingBase { .. })
            }
            (GatePoint::Candidate, _) => commit == self.head_commit(),
            (GatePoint::Task | GatePoint::Final, _) => false,
        }
    }

    /// A verdict on the candidate, on the accepted head, or on the result.
    pub(super) fn apply_to_gate(&mut self, event: &Event) {
        match &event.kind {
            EventKind::IntentGate { at, .. } => {
                self.gate_runs += 1;
                let slot = match (at, &mut self.batch, &mut self.run) {
                    (GatePoint::Final, _, Some(run)) => &mut run.finals.intent,
                    (_, Some(batch), _) => &mut batch.intent,
                    (_, None, Some(_)) => &mut self.regate.get_or_insert_default().intent,
                    (_, None, None) => return,
                };
                *slot = Some(event.kind.clone());
            }
            EventKind::GateFinished {
                at: GatePoint::Final,
                ..
            } => {
                let panel = self.run.as_mut().map(|run| std::mem::take(&mut run.finals));
                let panel = panel.map(|panel| self.judge_panel(panel, &event.kind));
                if let (Some(run), Some(panel)) = (&mut self.run, panel) {
                    run.finals = panel;
                }
            }
            EventKind::GateFinished { .. } => match self.batch.take() {
                Some(batch) => self.judge_batch(batch, &event.kind),
                None => {
                    let panel = self.regate.take().unwrap_or_default();
                    let panel = self.judge_panel(panel, &event.kind);
                    self.regate = Some(panel);
                    if self.next_regate().is_none() {
                        self.regate = None;
                    }
                }
            },
            _ => {}
        }
    }

    fn judge_panel(&mut self, mut panel: Panel, finished: &EventKind) -> Panel {
        let Some(Verdict {
            gate,
            at,
            commit,
            tree,
            verdict,
            ..
        }) = Verdict::of(panel.intent.take().as_ref(), finished)
        else {
            return panel;
        };
        self.note_counts(tree, finished);
        if panel.commit != Some(commit) {
            panel = Panel {
                commit: Some(commit),
                ..Panel::default()
            };
        }
        let mut answer = self.answer(gate, verdict);
        let red_before = panel.red.as_deref() == Some(gate);
        if matches!(answer, Answer::Green) && red_before {
            answer = self.note_flaky(gate);
        }
        match answer {
            Answer::Green => {
                panel.red = None;
                self.greens.insert((tree, gate.to_owned(), at));
            }
            Answer::Red if !self.is_required(gate) => {
                panel.advisory.insert(gate.to_owned());
            }
            Answer::Red if red_before && at == GatePoint::Candidate => {
                panel.red = None;
                self.stop(Stop::Halt(format!(
                    "gate `{gate}` is red on the accepted head"
                )));
            }
            Answer::Red if red_before => panel.failed = Some(gate.to_owned()),
            Answer::Red => panel.red = Some(gate.to_owned()),
            Answer::Asks(_) if !self.is_required(gate) => {
                panel.advisory.insert(gate.to_owned());
            }
            Answer::Asks(why) => self.stop(Stop::Halt(asks(gate, &why))),
            Answer::Mute(why) => self.stop(Stop::Halt(why)),
        }
        panel
    }

    /// The next gate of a panel on a commit; `None` when all of them are green.
    pub(super) fn next_in_panel(
        &self,
        panel: &Panel,
        schedule: GateSchedule,
        at: GatePoint,
        (commit, tree): (CommitId, CommitId),
    ) -> Option<Vec<NewEvent>> {
        let fresh = Panel::default();
        let panel = if panel.commit == Some(commit) {
            panel
        } else {
            &fresh
        };
        let gate = self.gates_at(schedule).find(|gate| {
            !self.is_green(tree, &gate.name, at) && !panel.advisory.contains(&gate.name)
        })?;
        Some(
            gate_events(&gate.name, at, (commit, tree))
                .map(NewEvent::story)
                .into(),
        )
    }

    fn judge_batch(&mut self, mut batch: Batch, finished: &EventKind) {
        let Some(verdict) = Verdict::of(batch.intent.take().as_ref(), finished) else {
            self.batch = Some(batch);
            return;
        };
        self.note_counts(verdict.tree, finished);
        let answer = self.answer(verdict.gate, verdict.verdict);
        let is_green = matches!(answer, Answer::Green);
        // Without a trial only the number of tests is asked of the accepted head, and it is no fault of the candidate.
        let is_count = verdict.commit == batch.base.0
            && matches!(batch.phase, BatchPhase::Judging(None))
            && !matches!(answer, Answer::Mute(_) | Answer::Asks(_));
        if is_count {
            if is_green {
                self.greens
                    .insert((verdict.tree, verdict.gate.to_owned(), verdict.at));
            }
            self.batch = Some(batch);
            return;
        }
        if matches!(answer, Answer::Red) {
            batch.red = Some(verdict.red());
        }
        let BatchPhase::Judging(trial) = &mut batch.phase else {
            self.batch = Some(batch);
            return;
        };
        let mute = match (answer, trial.take()) {
            (Answer::Mute(why), _) => Some(why),
            (Answer::Green, None) => None,
            (Answer::Red | Answer::Asks(_), None) if !self.is_required(verdict.gate) => {
                batch.advisory.push(verdict.gate.to_owned());
                None
            }
            (Answer::Asks(why), _) => Some(asks(verdict.gate, &why)),
            (Answer::Red, None) => {
                let known = self.is_green(batch.base.1, verdict.gate, GatePoint::Candidate);
                *trial = Some(Trial::new(verdict.gate, batch.items.len(), known));
                None
            }
            (answer, Some(old)) => {
                let contradicts = is_green && old.contradicts_red();
                let end = old.step(matches!(answer, Answer::Green), batch.items.len());
                let flaky = match end {
                    Step::Flaky => true,
                    Step::Goes(_) => contradicts,
                    Step::HeadIsRed => false,
                };
                let refused = match flaky.then(|| self.note_flaky(verdict.gate)) {
                    Some(Answer::Mute(why)) => Some(why),
                    _ => None,
                };
                match end {
                    Step::Goes(next) => {
                        *trial = Some(next);
                        refused
                    }
                    Step::Flaky => refused,
                    Step::HeadIsRed => Some(format!(
                        "gate `{}` is red on the accepted head, so nobody is blamed",
                        verdict.gate
                    )),
                }
            }
        };
        self.batch = Some(batch);
        if is_green && mute.is_none() {
            self.greens
                .insert((verdict.tree, verdict.gate.to_owned(), verdict.at));
        }
        if let Some(why) = mute {
            self.dissolve();
            self.stop(Stop::Halt(why));
        }
    }

    /// A verdict on one task's own work, or on the base it started from.
    pub(super) fn apply_to_task_gate(&mut self, ix: Ix, kind: &EventKind) {
        if let EventKind::IntentGate { .. } = kind {
            self.gate_runs += 1;
            self.task_mut(ix).intent = Some(Box::new(kind.clone()));
            let phase = match self.task(ix).phase {
                Phase::ReviewBase { gate } => Phase::ReviewingBase { gate },
                Phase::Review { gate } => Phase::Reviewing { gate },
                _ => return,
            };
            self.set_phase(ix, phase);
            return;
        }
        let intent = self.task_mut(ix).intent.take();
        let Some(verdict) = Verdict::of(intent.as_deref(), kind) else {
            return;
        };
        let answer = self.answer(verdict.gate, verdict.verdict);
        if matches!(answer, Answer::Green) {
            self.greens
                .insert((verdict.tree, verdict.gate.to_owned(), verdict.at));
        }
        match (self.task(ix).phase.clone(), answer) {
            (Phase::Reviewing { gate }, Answer::Asks(_)) if !self.is_required(verdict.gate) => {
                self.review_next(ix, gate + 1);
            }
            (Phase::Reviewing { gate }, Answer::Asks(why)) => {
                self.ask(ix, gate, verdict.red(), why);
            }
            (_, Answer::Asks(why)) => {
                self.set_phase(ix, Phase::Unjudged);
                self.stop(Stop::Halt(asks(verdict.gate, &why)));
            }
            (_, Answer::Mute(why)) => {
                self.set_phase(ix, Phase::Unjudged);
                self.stop(Stop::Halt(why));
            }
            (Phase::Reviewing { gate }, Answer::Green) => self.review_next(ix, gate + 1),
            (Phase::Reviewing { gate }, Answer::Red) if !self.is_required(verdict.gate) => {
                self.review_next(ix, gate + 1);
            }
            (Phase::Reviewing { gate }, Answer::Red) => {
                self.task_mut(ix).evidence = Some(Box::new(verdict.red().evidence()));
                let base = self
                    .task(ix)
                    .base
                    .map_or(self.head_tree(), |(_, tree)| tree);
                if self.is_green(base, verdict.gate, GatePoint::Task) {
                    self.fail_review(ix);
                } else {
                    self.set_phase(ix, Phase::ReviewBase { gate });
                }
            }
            (Phase::ReviewingBase { .. }, Answer::Green) => self.fail_review(ix),
            (Phase::ReviewingBase { .. }, Answer::Red) => {
                self.set_phase(ix, Phase::Unjudged);
                self.stop(Stop::Halt(format!(
                    "gate `{}` is red on the commit that task `{}` started from, so the task is not blamed",
                    verdict.gate,
                    self.task(ix).id
                )));
            }
            _ => {}
        }
    }

    fn review_next(&mut self, ix: Ix, next: usize) {
        let phase = self.review_from(ix, next);
        self.set_phase(ix, phase);
    }

    /// A person decides about the task; others go on. What they decide is a command.
    fn ask(&mut self, ix: Ix, gate: usize, asked: Red, why: String) {
        let task = self.task_mut(ix);
        let evidence = asked.evidence();
        let question = Question {
            gate: asked.gate,
            why,
        };
        task.evidence = Some(Box::new(Evidence {
            summary: question.to_string(),
            ..evidence
        }));
        task.question = Some(Box::new(question));
        self.set_phase(ix, Phase::Asked { gate });
    }

    /// The gate that asked counts as green on exactly the work it asked about.
    pub(super) fn approve(&mut self, ix: Ix) {
        let Phase::Asked { gate } = self.task(ix).phase else {
            return;
        };
        let task = self.task_mut(ix);
        task.evidence = None;
        if let Some(question) = task.question.take() {
            task.approved.push(question.gate);
        }
        if self.run.is_some() {
            self.review_next(ix, gate + 1);
        } else {
            // The next run goes on, and it may bring other gates.
            self.set_phase(ix, Phase::Unjudged);
        }
    }

    /// Why a run ends that nothing but a person's answers can help.
    pub(super) fn open_questions(&self) -> Option<String> {
        let open: Vec<String> = (0..)
            .zip(&self.tasks)
            .filter(|(ix, _)| self.is_current(*ix))
            .filter_map(|(_, task)| {
                let question = task.question.as_ref()?;
                matches!(task.phase, Phase::Asked { .. }).then_some(())?;
                Some(format!("task `{}` waits for approval: {question}", task.id))
            })
            .collect();
        (!open.is_empty()).then(|| open.join("; "))
    }

    fn fail_review(&mut self, ix: Ix) {
        let evidence = self.task_mut(ix).evidence.take().unwrap_or_default();
        let digest = crate::prompt::digest(&evidence);
        self.fail(ix, FailureClass::Gate, None, &evidence, &digest);
    }

    /// Takes the candidate apart; its tasks wait for the next one.
    pub(super) fn dissolve(&mut self) {
        let Some(batch) = self.batch.take() else {
            return;
        };
        for ix in batch.tasks {
            if self.task(ix).phase == Phase::Batched {
                self.set_phase(ix, Phase::Ready);
            }
        }
    }
}

fn asks(gate: &str, why: &str) -> String {
    let (gate, why) = (gate.to_owned(), why.to_owned());
    Question { gate, why }.to_string()
}

/// A `gate.finished` event together with the intent it answers.
struct Verdict<'a> {
    gate: &'a str,
    at: GatePoint,
    commit: CommitId,
    tree: CommitId,
    verdict: &'a GateVerdict,
    output_tail: &'a str,
    log: Option<&'a str>,
}

impl<'a> Verdict<'a> {
    fn of(intent: Option<&EventKind>, finished: &'a EventKind) -> Option<Self> {
        let Some(EventKind::IntentGate { tree, .. }) = intent else {
            return None;
        };
        let EventKind::GateFinished {
            gate,
            at,
            commit,
            verdict,
            output_tail,
            log,
            ..
        } = finished
        else {
            return None;
        };
        Some(Self {
            gate,
            at: *at,
            commit: *commit,
            tree: *tree,
            verdict,
            output_tail,
            log: log.as_deref(),
        })
    }

    fn red(&self) -> Red {
        Red {
            gate: self.gate.to_owned(),
            findings: match self.verdict {
                GateVerdict::Failed { findings } => findings.clone(),
                _ => Vec::new(),
            },
            output_tail: self.output_tail.to_owned(),
            log: self.log.map(ToOwned::to_owned),
        }
    }
}

impl Red {
    pub(super) fn evidence(&self) -> Evidence {
        Evidence {
            summary: match Finding::summary(&self.findings, SUMMARY) {
                Some(found) => format!("gate `{}` is red: {found}", self.gate),
                None => format!("gate `{}` is red", self.gate),
            },
            gate: Some(self.gate.clone()),
            output_tail: self.output_tail.clone(),
            findings: self.findings.clone(),
            paths: Vec::new(),
            log: self.log.clone(),
        }
    }
}

/// Where a trial stands after one more answer.
enum Step {
    Goes(Trial),
    /// The whole candidate turned out green.
    Flaky,
    /// The accepted head is red.
    HeadIsRed,
}

impl Trial {
    /// A trial that begins with the first red answer on the whole candidate of `whole` tasks.
    fn new(gate: &str, whole: usize, head_is_known: bool) -> Self {
        Self {
            gate: gate.to_owned(),
            green: 0,
            red: whole,
            stage: if head_is_known || planted!(BlameWithoutHead) {
                Stage::Repeat
            } else {
                Stage::Head { reds: 0 }
            },
            confirmations: if head_is_known { 2 } else { 1 },
        }
    }

    /// The tree that is judged now was red before.
    const fn contradicts_red(&self) -> bool {
        matches!(
            self.stage,
            Stage::Head { reds: 1.. } | Stage::Repeat | Stage::Confirm { .. }
        )
    }

    fn step(mut self, green: bool, whole: usize) -> Step {
        match (self.stage, green) {
            (Stage::Head { .. }, true) => self.stage = Stage::Repeat,
            (Stage::Head { reds: 0 }, false) => self.stage = Stage::Head { reds: 1 },
            (Stage::Head { .. }, false) => return Step::HeadIsRed,
            (Stage::Repeat, true) => return Step::Flaky,
            (Stage::Repeat, false) => self.narrow(),
            (Stage::Bisect, true) => {
                self.green = usize::midpoint(self.green, self.red);
                self.narrow();
            }
            (Stage::Bisect, false) => {
                self.red = usize::midpoint(self.green, self.red);
                self.narrow();
            }
            (Stage::Confirm { .. }, true) if self.red == whole => return Step::Flaky,
            (Stage::Confirm { .. }, true) => {
                self.green = self.red;
                self.red = whole;
                self.narrow();
            }
            (Stage::Confirm { left: 0 | 1 }, false) => self.stage = Stage::Found,
            (Stage::Confirm { left }, false) => self.stage = Stage::Confirm { left: left - 1 },
            (Stage::Found, _) => {}
        }
        Step::Goes(self)
    }
}
