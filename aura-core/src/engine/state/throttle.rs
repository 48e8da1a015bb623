//! Fewer starts at once for an agent whose processes fail again and again, down to one after the other; more again once it works.

use super::{Run, State, planted};
use crate::model::{EventKind, NewEvent};

/// Restarts in a row that halve what an agent may do at once, and good ends in a row that double it again.
const IN_A_ROW: u32 = 3;

/// How an agent has been doing in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Throttle {
    /// Tasks at once; as many as the run allows where absent.
    limit: Option<usize>,
    /// Restarts since the last good end or change.
    restarts: u32,
    /// Good ends since the last restart or change.
    successes: u32,
}

impl State {
    pub(super) fn note_restart(&mut self, agent: &str) {
        let throttle = self.throttles.entry(agent.to_owned()).or_default();
        throttle.restarts += 1;
        throttle.successes = 0;
    }

    pub(super) fn note_success(&mut self, agent: &str) {
        let Some(throttle) = self.throttles.get_mut(agent) else {
            return;
        };
        if throttle.limit.is_none() {
            self.throttles.remove(agent);
            return;
        }
        throttle.restarts = 0;
        throttle.successes += 1;
    }

    pub(super) fn set_parallelism(&mut self, agent: &str, limit: usize) {
        let most = self.run.as_ref().map_or(0, |run| run.max_parallel);
        if limit >= most {
            self.throttles.remove(agent);
            return;
        }
        let throttle = Throttle {
            limit: Some(limit.max(1)),
            ..Throttle::default()
        };
        self.throttles.insert(agent.to_owned(), throttle);
    }

    pub(super) fn decide_parallelism(&self, run: &Run, events: &mut Vec<NewEvent>) {
        for (agent, throttle) in &self.throttles {
            let limit = throttle.limit.unwrap_or(run.max_parallel);
            let change = if throttle.restarts >= IN_A_ROW && limit > 1 && !planted!(KeepParallel) {
                Some((limit / 2, "ended abnormally"))
            } else if throttle.successes >= IN_A_ROW {
                Some((limit.saturating_mul(2).min(run.max_parallel), "ended well"))
            } else {
                None
            };
            if let Some((limit, how)) = change {
                events.push(NewEvent::story(EventKind::ParallelismChanged {
                    agent: agent.clone(),
                    limit,
                    why: format!("{IN_A_ROW} starts in a row {how}"),
                }));
            }
        }
    }

    /// What the agent may still begin at once; below zero when it has more under way than it may.
    pub(super) fn places(&self, agent: &str) -> i64 {
        let limit = self
            .throttles
            .get(agent)
            .and_then(|throttle| throttle.limit);
        let Some(limit) = limit else { return i64::MAX };
        let working = self
            .holders
            .iter()
            .map(|ix| self.task(*ix))
            .filter(|task| task.phase.needs_agent() && task.assigned.as_deref() == Some(agent));
        let working = i64::try_from(working.count()).unwrap_or(i64::MAX);
        i64::try_from(limit).unwrap_or(i64::MAX) - working
    }
}
