//! What the limits of a run leave for further starts.
//!
//! Each start is reserved with its workspace, before anything of it happens: one attempt, and the usage of the largest attempt
//! so far, for as long as its own is not known.

use super::{Phase, Run, State, planted};
use crate::model::{Budget, Limits, Usage};

/// Sums of costs are not exact.
const DOLLARS: f64 = 1e-9;

/// What is used up over all runs of the story.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Spent {
    /// Starts, without those that cost nothing.
    pub(super) starts: u64,
    /// Tokens of the largest attempt.
    pub(super) most_tokens: u64,
    /// Cost of the most expensive attempt.
    pub(super) most_cost: f64,
}

impl Spent {
    pub(super) fn note(&mut self, usage: Usage) {
        self.most_tokens = self.most_tokens.max(usage.tokens());
        self.most_cost = self.most_cost.max(usage.cost_usd);
    }
}

/// What the attempts under way hold.
#[derive(Debug, Default)]
struct Held {
    /// Starts that are going to happen.
    coming: u64,
    /// Attempts whose usage is not known, those included.
    open: u64,
    /// Usage that is known, but not part of the story's yet.
    known: Usage,
}

impl State {
    fn held(&self) -> Held {
        let mut held = Held::default();
        for task in self.holders.iter().map(|ix| self.task(*ix)) {
            match task.phase {
                Phase::Preparing | Phase::Prepared => {
                    held.coming += 1;
                    held.open += 1;
                }
                Phase::Running => held.open += 1,
                _ => {
                    let exited = task.exited.as_ref();
                    held.known += exited.map(|exited| exited.usage).unwrap_or_default();
                }
            }
        }
        held
    }

    /// The first budget into which `more` further starts do not fit. With 0: in which the present reservations are too large.
    fn lacking(&self, limits: &Limits, held: &Held, more: u64) -> Option<Budget> {
        let mut used = self.usage;
        used += held.known;
        let open = held.open + more;
        let lacks_attempts = limits
            .attempts
            .is_some_and(|most| self.spent.starts + held.coming + more > most);
        let lacks_tokens = limits.tokens.is_some_and(|most| {
            let reserved = self.spent.most_tokens.saturating_mul(open);
            used.tokens() >= most && open > 0 || used.tokens().saturating_add(reserved) > most
        });
        let lacks_cost = limits.cost_usd.is_some_and(|most| {
            let reserved = self.spent.most_cost * open as f64;
            used.cost_usd >= most && open > 0 || used.cost_usd + reserved > most + DOLLARS
        });
        [
            (lacks_attempts, Budget::Attempts),
            (lacks_tokens, Budget::Tokens),
            (lacks_cost, Budget::Cost),
        ]
        .into_iter()
        .find_map(|(lacks, budget)| lacks.then_some(budget))
    }

    /// How many of `wanted` starts fit into what is left.
    pub(super) fn fitting(&self, run: &Run, wanted: usize) -> usize {
        let limits = &run.options.limits;
        if limits.is_empty() || planted!(OverspendBudget) {
            return wanted;
        }
        let held = self.held();
        (1..)
            .take(wanted)
            .take_while(|more| self.lacking(limits, &held, *more).is_none())
            .count()
    }

    /// Whether a start that was reserved fits no more, since attempts turned out to be larger than was thought.
    pub(super) fn is_overdrawn(&self, run: &Run) -> bool {
        let limits = &run.options.limits;
        !limits.is_empty()
            && !planted!(OverspendBudget)
            && self.lacking(limits, &self.held(), 0).is_some()
    }

    /// The budget that keeps even a single start from being made.
    pub(super) fn exhausted(&self, run: &Run) -> Option<Budget> {
        let limits = &run.options.limits;
        if limits.is_empty() || planted!(OverspendBudget) {
            return None;
        }
        self.lacking(limits, &self.held(), 1)
    }

    /// Why the run pauses, and what to do about it.
    pub(super) fn budget_reason(&self, which: Budget) -> String {
        let Some(run) = &self.run else {
            return String::new();
        };
        let limits = &run.options.limits;
        let told = match which {
            Budget::Attempts => format!(
                "{} of {} attempts are made",
                self.spent.starts,
                limits.attempts.unwrap_or_default()
            ),
            Budget::Tokens => format!(
                "{} of {} tokens are used, and an attempt took up to {}",
                self.usage.tokens(),
                limits.tokens.unwrap_or_default(),
                self.spent.most_tokens
            ),
            Budget::Cost => format!(
                "{:.2} of {:.2} dollars are spent, and an attempt cost up to {:.2}",
                self.usage.cost_usd,
                limits.cost_usd.unwrap_or_default(),
                self.spent.most_cost
            ),
        };
        format!("no start fits into the budget: {told}; raise the limit and run again")
    }
}
