//! Budgets, limits of providers, and how many starts an agent may have at once: what the log says about them, and nothing else.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::Ix;
use super::world::World;
use crate::model::{
    AttemptOutcome, Budget, Event, EventKind, FailureClass, Remedy, RunOptions, Spends, Usage, Verb,
};

/// Ends in a row that change what an agent may do at once.
const IN_A_ROW: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct Account {
    options: RunOptions,
    providers: BTreeMap<String, String>,
    /// The agent of each start that has not ended.
    running: BTreeMap<Ix, String>,
    /// What agents used that ended well, until it is part of an attempt's end.
    exited: BTreeMap<Ix, Usage>,
    /// The agent of each task's last start.
    last: BTreeMap<Ix, String>,
    starts: u64,
    used: Usage,
    most_tokens: u64,
    most_cost: f64,
    /// Providers at a limit, with what was said about its end.
    limited: BTreeMap<String, Vec<Option<Timestamp>>>,
    pace: BTreeMap<String, Pace>,
    /// Something that trying again cannot help.
    at_fault: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Pace {
    limit: Option<usize>,
    restarts: u32,
    successes: u32,
}

fn is_provider_limit(class: FailureClass) -> bool {
    class.policy().1 == Remedy::Wait
}

impl Account {
    pub(super) fn check(
        &mut self,
        world: &World,
        task: Option<Ix>,
        event: &Event,
    ) -> Result<(), String> {
        match (&event.kind, task) {
            (
                EventKind::RunStarted {
                    options, agents, ..
                },
                _,
            ) => {
                self.options = (**options).clone();
                self.providers = agents
                    .iter()
                    .map(|agent| {
                        let provider = agent.provider.as_ref().unwrap_or(&agent.name);
                        (agent.name.clone(), provider.clone())
                    })
                    .collect();
                self.limited.clear();
                self.pace.clear();
                self.at_fault = false;
            }
            (
                EventKind::CommandAccepted {
                    verb: Verb::Retry { .. },
                    ..
                },
                _,
            ) => self.at_fault = false,
            (EventKind::IntentStart { agent, .. }, Some(ix)) => {
                return self.check_start(world, ix, agent, event.at);
            }
            (EventKind::AgentExited { usage, .. }, Some(ix)) => {
                self.running.remove(&ix);
                self.exited.insert(ix, *usage);
                self.note_usage(*usage);
                let agent = self.last.get(&ix).cloned().unwrap_or_default();
                let pace = self.pace.entry(agent).or_default();
                pace.restarts = 0;
                pace.successes += 1;
            }
            (EventKind::AttemptFinished { outcome, usage, .. }, Some(ix)) => {
                self.finish(ix, outcome, *usage);
            }
            (EventKind::TaskRetrying { class, spends, .. }, Some(ix)) => {
                return self.check_retry(ix, *class, *spends);
            }
            (EventKind::BreakerOpened { agent, until, .. }, _) => {
                // Whose limit it is was known when the attempt ended.
                let provider = &self.providers[agent];
                self.limited
                    .entry(provider.clone())
                    .or_default()
                    .push(*until);
            }
            (EventKind::BreakerClosed { provider }, _) => {
                let said = self.limited.remove(provider).unwrap_or_default();
                if said
                    .iter()
                    .all(|until| until.is_none_or(|until| until > event.at))
                {
                    return Err(format!("the limit of `{provider}` ends at no such time"));
                }
            }
            (EventKind::ParallelismChanged { agent, limit, .. }, _) => {
                return self.check_pace(world, agent, *limit);
            }
            (EventKind::BudgetExceeded { which }, _) => {
                if !self.running.is_empty() || !self.exited.is_empty() {
                    return Err("while an attempt is under way".to_owned());
                }
                if self.lacking(1) != Some(*which) {
                    return Err(format!("{:?} is what is lacking", self.lacking(1)));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn note_usage(&mut self, usage: Usage) {
        self.most_tokens = self.most_tokens.max(usage.tokens());
        self.most_cost = self.most_cost.max(usage.cost_usd);
    }

    fn finish(&mut self, ix: Ix, outcome: &AttemptOutcome, usage: Usage) {
        let ran = self.running.remove(&ix);
        self.exited.remove(&ix);
        self.used += usage;
        self.note_usage(usage);
        let (Some(agent), AttemptOutcome::Failed { class, .. }) = (ran, outcome) else {
            return;
        };
        if matches!(class.policy().1, Remedy::Wait | Remedy::Pause) {
            self.starts -= 1;
        }
        if is_provider_limit(*class) {
            let provider = self.providers[&agent].clone();
            self.limited.entry(provider).or_default();
        }
    }

    fn check_retry(&mut self, ix: Ix, class: FailureClass, spends: Spends) -> Result<(), String> {
        if spends != class.policy().0 {
            return Err(format!("{class:?} spends {spends:?}"));
        }
        self.at_fault |= class.policy().1 == Remedy::Pause;
        if spends == Spends::Restart {
            let agent = self.last.get(&ix).cloned().unwrap_or_default();
            let pace = self.pace.entry(agent).or_default();
            pace.restarts += 1;
            pace.successes = 0;
        }
        Ok(())
    }

    fn check_start(
        &mut self,
        world: &World,
        ix: Ix,
        agent: &str,
        at: Timestamp,
    ) -> Result<(), String> {
        if self.at_fault {
            return Err("started although trying again cannot help".to_owned());
        }
        self.check_agent(world, ix, agent, at)?;
        let pace = self.pace.get(agent).copied().unwrap_or_default();
        let limit = pace.limit.unwrap_or(world.policy.max_parallel);
        if pace.restarts >= IN_A_ROW && limit > 1 {
            return Err(format!("started after {} restarts in a row", pace.restarts));
        }
        let beside = self.running.values().filter(|other| *other == agent);
        if beside.count() >= limit {
            return Err(format!("`{agent}` may work on {limit} tasks at once"));
        }
        if let Some(which) = self.lacking(1) {
            return Err(format!("started beyond the budget of {which:?}"));
        }
        self.starts += 1;
        self.running.insert(ix, agent.to_owned());
        self.last.insert(ix, agent.to_owned());
        Ok(())
    }

    /// It is the task's own agent, or one that stands in for it because it would have to wait for long.
    fn check_agent(&self, world: &World, ix: Ix, agent: &str, at: Timestamp) -> Result<(), String> {
        let provider = &self.providers[agent];
        if self.limited.contains_key(provider) {
            return Err(format!("`{agent}` starts while `{provider}` is at a limit"));
        }
        let mut name = world.agents[ix as usize];
        while name != agent {
            let said = self.limited.get(&self.providers[name]);
            let Some(said) = said else {
                return Err(format!(
                    "`{agent}` stands in for `{name}`, which could work"
                ));
            };
            let patience = i64::try_from(world.policy.backoff_max_ms).expect("small");
            let far = |until: &Option<Timestamp>| {
                until.is_none_or(|until| until.as_millisecond() - at.as_millisecond() > patience)
            };
            if !said.iter().any(far) {
                return Err(format!(
                    "`{agent}` stands in for `{name}`, which soon can work"
                ));
            }
            let Some(next) = self.options.fallback.get(name) else {
                return Err(format!("nobody stands in for `{name}`"));
            };
            name = next;
        }
        Ok(())
    }

    fn check_pace(&mut self, world: &World, agent: &str, limit: usize) -> Result<(), String> {
        let most = world.policy.max_parallel;
        let pace = self.pace.entry(agent.to_owned()).or_default();
        let before = pace.limit.unwrap_or(most);
        let halved = pace.restarts >= IN_A_ROW && limit == (before / 2).max(1) && before > 1;
        let doubled = pace.successes >= IN_A_ROW && limit == (before * 2).min(most);
        if !halved && !doubled {
            return Err(format!("from {before} to {limit} after {pace:?}"));
        }
        *pace = Pace {
            limit: (limit < most).then_some(limit),
            ..Pace::default()
        };
        Ok(())
    }

    /// The first budget that has no room for `more` starts.
    fn lacking(&self, more: u64) -> Option<Budget> {
        let limits = self.options.limits;
        let mut used = self.used;
        for usage in self.exited.values() {
            used += *usage;
        }
        let open = self.running.len() as u64 + more;
        if limits
            .attempts
            .is_some_and(|most| self.starts + more > most)
        {
            return Some(Budget::Attempts);
        }
        if limits.tokens.is_some_and(|most| {
            used.tokens() >= most || used.tokens() + open * self.most_tokens > most
        }) {
            return Some(Budget::Tokens);
        }
        limits
            .cost_usd
            .is_some_and(|most| {
                used.cost_usd >= most || used.cost_usd + open as f64 * self.most_cost > most + 1e-6
            })
            .then_some(Budget::Cost)
    }
}
