//! What a person or another process may ask for, and what it does.

use super::landing::LandingPhase;
use super::{Ix, Phase, State, Stop};
use crate::model::{EventKind, NewEvent, StoryStatus, TaskStatus, Verb};

/// The reason of a pause that somebody asked for; only such a pause can be taken back.
pub(super) const REQUESTED: &str = "requested";

/// A status as people say it.
const fn words(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::Pending => "pending",
        TaskStatus::Queued => "queued",
        TaskStatus::Running => "running",
        TaskStatus::InReview => "in review",
        TaskStatus::Completed => "completed",
        TaskStatus::Failed => "failed",
        TaskStatus::Blocked => "blocked",
        TaskStatus::Skipped => "skipped",
        TaskStatus::Cancelled => "cancelled",
    }
}

impl State {
    /// The events that answer a request: accepted with what follows at once, or refused with the reason.
    pub(crate) fn answer_command(&self, verb: Verb, actor: &str) -> Vec<NewEvent> {
        let actor = actor.to_owned();
        match self.check_command(&verb) {
            Err(why) => vec![NewEvent::story(EventKind::CommandRefused {
                verb,
                actor,
                why,
            })],
            Ok(follows) => {
                let mut events = vec![NewEvent::story(EventKind::CommandAccepted { verb, actor })];
                events.extend(follows);
                events
            }
        }
    }

    fn check_command(&self, verb: &Verb) -> Result<Vec<NewEvent>, String> {
        let running = "nothing is running";
        match verb {
            Verb::Pause => match &self.run {
                Some(run) if run.stop.is_none() => Ok(Vec::new()),
                Some(_) => Err("the run is ending already".to_owned()),
                None => Err(running.to_owned()),
            },
            Verb::Resume | Verb::Retry { .. } | Verb::Approve { .. } | Verb::Skip { .. }
                if self.landing.is_some() =>
            {
                Err("the story is being completed".to_owned())
            }
            Verb::Resume => match self.run.as_ref().and_then(|run| run.stop.as_ref()) {
                Some(Stop::Pause(why)) if why == REQUESTED => {
                    Ok(vec![NewEvent::story(EventKind::RunResumed {})])
                }
                None if self.run.is_some() => Err("the run is under way and not paused".to_owned()),
                _ => Err("there is no pause to take back; start a run instead".to_owned()),
            },
            Verb::Cancel => match (&self.run, &self.landing) {
                (_, Some(landing)) if matches!(landing.phase, LandingPhase::Moving) => {
                    Err("the target is being moved; the landing finishes".to_owned())
                }
                (Some(_), _) => Ok(Vec::new()),
                (None, _) if self.status == StoryStatus::Completed => {
                    Err("the story has landed".to_owned())
                }
                (None, _) => Ok(Vec::new()),
            },
            Verb::Retry { task, .. } => {
                let ix = self
                    .ix(task)
                    .ok_or_else(|| format!("there is no task `{task}`"))?;
                match self.task(ix).status() {
                    // Its work could be neither sealed nor judged, and will not be however often that is tried.
                    _ if matches!(
                        self.task(ix).phase,
                        Phase::Unsealed | Phase::Unjudged | Phase::Asked { .. }
                    ) =>
                    {
                        Ok(Vec::new())
                    }
                    _ if self.waits_unjudged(ix) => Ok(Vec::new()),
                    TaskStatus::Failed | TaskStatus::Cancelled | TaskStatus::Skipped => {
                        Ok(Vec::new())
                    }
                    status => Err(format!("task `{task}` is {}, not failed", words(status))),
                }
            }
            Verb::Approve { task } => {
                let ix = self
                    .ix(task)
                    .ok_or_else(|| format!("there is no task `{task}`"))?;
                match self.task(ix).phase {
                    Phase::Asked { .. } => Ok(Vec::new()),
                    _ => Err(format!(
                        "task `{task}` is {}, and no gate asks for a person",
                        words(self.task(ix).status())
                    )),
                }
            }
            Verb::Skip { task } => {
                let ix = self
                    .ix(task)
                    .ok_or_else(|| format!("there is no task `{task}`"))?;
                match self.task(ix).phase {
                    Phase::Ready if !self.waits_unjudged(ix) => {
                        Err(format!("task `{task}` is in review"))
                    }
                    Phase::Ready
                    | Phase::Pending
                    | Phase::Waiting(_)
                    // It may wait for hours, for the end of a limit.
                    | Phase::Queued
                    | Phase::Failed(_)
                    | Phase::Blocked { .. }
                    | Phase::Unsealed
                    | Phase::Unjudged
                    | Phase::Asked { .. }
                    | Phase::Cancelled => Ok(vec![NewEvent::task(
                        task.clone(),
                        None,
                        EventKind::TaskSkipped {},
                    )]),
                    _ => Err(format!(
                        "task `{task}` is {}",
                        words(self.task(ix).status())
                    )),
                }
            }
        }
    }

    /// The run ended because a gate could not judge the candidate that the task was part of. Another one has it, unless somebody
    /// decides otherwise about the task.
    fn waits_unjudged(&self, ix: Ix) -> bool {
        self.run.is_none() && self.task(ix).phase == Phase::Ready
    }

    /// What an accepted request does.
    pub(super) fn obey(&mut self, verb: &Verb) {
        match verb {
            Verb::Pause => self.stop(Stop::Pause(REQUESTED.to_owned())),
            Verb::Resume => self.lift_pause(),
            Verb::Cancel if self.run.is_some() => self.stop(Stop::Cancel),
            Verb::Cancel => self.status = StoryStatus::Cancelled,
            Verb::Retry { task, note } => {
                let Some(ix) = self.ix(task) else { return };
                if self.task(ix).phase == Phase::Skipped {
                    self.unsatisfy(ix);
                }
                let fresh = self.task_mut(ix);
                fresh.retries = 0;
                fresh.restarts = 0;
                fresh.limits = 0;
                fresh.failure = None;
                fresh.last_failure = None;
                fresh.finished_at = None;
                fresh.question = None;
                fresh.note.clone_from(note);
                fresh.previous = fresh.leftovers().or(fresh.previous);
                fresh.sealed = None;
                fresh.salvaged = None;
                fresh.lesson = fresh.evidence.clone();
                fresh.attempt += 1;
                fresh.start = if fresh.previous.is_some() {
                    crate::model::StartKind::Previous
                } else {
                    crate::model::StartKind::Base
                };
                self.set_phase(ix, Phase::Pending);
                self.reblock();
                self.return_to_wave_of(ix);
                if !matches!(self.run.as_ref().and_then(|run| run.stop.as_ref()), Some(Stop::Pause(why)) if why == REQUESTED)
                {
                    self.lift_pause();
                }
            }
            Verb::Approve { task } => {
                if let Some(ix) = self.ix(task) {
                    self.approve(ix);
                }
            }
            // What follows is done by `task.skipped`.
            Verb::Skip { .. } => {}
        }
    }

    /// A task of an earlier wave is open again: its wave comes first, as soon as what runs is finished.
    fn return_to_wave_of(&mut self, ix: Ix) {
        let wave = self.task(ix).wave;
        if let Some(run) = &mut self.run
            && run.wave.is_some_and(|current| current > wave)
        {
            run.wave = None;
            self.open_in_wave = 0;
        }
    }

    /// What went on without this task waits for it again, unless it is under way already.
    fn unsatisfy(&mut self, ix: Ix) {
        for dependent in self.dependents[ix as usize].clone() {
            self.task_mut(dependent).open_dependencies += 1;
            let phase = self.task(dependent).phase.clone();
            if matches!(phase, Phase::Pending | Phase::Queued | Phase::Waiting(_)) {
                self.set_phase(dependent, Phase::Pending);
            }
        }
    }

    fn lift_pause(&mut self) {
        if let Some(run) = &mut self.run
            && matches!(run.stop, Some(Stop::Pause(_)))
        {
            run.stop = None;
            run.paused = false;
        }
    }
}
