//! Limits of providers: who may not start, until when, and who does instead.

use jiff::Timestamp;

use super::apply::millis_between;
use super::{Ix, Run, State, planted};

/// A provider's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Breaker {
    /// When it ends, where that is known.
    pub(crate) until: Option<Timestamp>,
}

impl State {
    /// Whose limits hold for an agent.
    pub(super) fn provider<'a>(&'a self, agent: &'a str) -> &'a str {
        if planted!(IgnoreProvider) {
            return agent;
        }
        self.providers.get(agent).map_or(agent, String::as_str)
    }

    fn breaker(&self, agent: &str) -> Option<&Breaker> {
        // Nearly always there is none.
        if self.breakers.is_empty() {
            return None;
        }
        self.breakers.get(self.provider(agent))
    }

    /// Notes a limit that was met at `at`. The provider's own word about its end counts more than a guess, which is never far
    /// away; of two such words the later end counts.
    pub(super) fn open_breaker(&mut self, provider: &str, until: Option<Timestamp>, at: Timestamp) {
        let far = |until: &Timestamp| millis_between(at, *until) > self.policy.backoff_max_ms;
        let until = match self.breakers.get(provider) {
            None => until,
            Some(Breaker { until: known }) => match (known.filter(far), until.filter(far)) {
                (None, None) => known.zip(until).map(|(a, b)| a.max(b)),
                (a, b) => a.max(b),
            },
        };
        self.breakers.insert(provider.to_owned(), Breaker { until });
    }

    /// Whether a limit that ends then is worth another agent.
    fn is_far(&self, until: Option<Timestamp>, now: Timestamp) -> bool {
        let patience = self.policy.backoff_max_ms.min(self.policy.limit_wait_ms);
        until.is_none_or(|until| millis_between(now, until) > patience)
    }

    /// The agent that would do a task now: its own, or whoever stands in for it. `None`: it waits for the end of a limit.
    pub(super) fn agent_for<'a>(&'a self, ix: Ix, run: &'a Run, now: Timestamp) -> Option<&'a str> {
        let mut agent = self.task(ix).agent_name();
        // A chain of stand-ins may be a circle.
        for _ in 0..=run.options.fallback.len() {
            let Some(breaker) = self.breaker(agent) else {
                return Some(agent);
            };
            if !self.is_far(breaker.until, now) {
                return None;
            }
            agent = run.options.fallback.get(agent)?;
        }
        None
    }

    /// Why nothing will start any more in this run: everything that is left waits for limits that do not end in time. Asked only
    /// while nothing runs.
    pub(super) fn stuck_at_limit(&self, run: &Run, now: Timestamp) -> Option<String> {
        if self.breakers.is_empty() || self.timers.iter().any(|(_, ix)| self.is_current(*ix)) {
            return None;
        }
        let mut held = None;
        for ix in self.queued.iter().filter(|ix| self.is_current(**ix)) {
            if self.agent_for(*ix, run, now).is_some() || self.is_waited_for(*ix, run, now) {
                return None;
            }
            held = held.or(Some(self.task(*ix).agent_name()));
        }
        let agent = held?;
        let provider = self.provider(agent);
        Some(match self.breaker(agent)?.until {
            Some(until) => format!(
                "`{provider}` has reached a limit until {until}, which is longer than a run waits; run again after that"
            ),
            None => format!(
                "`{provider}` has reached a limit whose end is not known; run again when there is room, or with a fallback agent"
            ),
        })
    }

    /// Whether the limit of any agent that could do the task ends soon enough to wait for it.
    fn is_waited_for(&self, ix: Ix, run: &Run, now: Timestamp) -> bool {
        let mut agent = self.task(ix).agent_name();
        for _ in 0..=run.options.fallback.len() {
            let Some(breaker) = self.breaker(agent) else {
                return false;
            };
            if breaker
                .until
                .is_some_and(|until| millis_between(now, until) <= self.policy.limit_wait_ms)
            {
                return true;
            }
            let Some(next) = run.options.fallback.get(agent) else {
                return false;
            };
            agent = next;
        }
        false
    }
}
