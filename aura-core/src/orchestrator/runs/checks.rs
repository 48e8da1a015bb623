//! What has to hold before a run or a landing begins.

use std::collections::BTreeSet;

use crate::engine::state::{State, Task};
use crate::error::{Error, ErrorKind, Result};
use crate::gate::ConfiguredGate;
use crate::model::{
    CompleteOptions, GateDefinition, GateSchedule, Limits, RunOptions, StoryStatus, TaskId,
    TaskStatus,
};
use crate::orchestrator::Orchestrator;
use crate::orchestrator::stories::check_parallel;

impl Orchestrator {
    pub(super) fn check_run(&self, state: &State, mut options: RunOptions) -> Result<RunOptions> {
        let mut chosen: BTreeSet<u32> = BTreeSet::new();
        for task in &options.tasks {
            let ix = state.ix(task).ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidInput,
                    format!("the plan has no task `{task}`"),
                )
            })?;
            chosen.insert(ix);
        }
        if state.run.is_some() {
            return Ok(options);
        }
        let refused = |why: &str| Err(Error::new(ErrorKind::Refused, why));
        if state.plan.is_none() {
            return refused("the story has no plan yet");
        }
        if state.status == StoryStatus::Completed {
            return refused("the story has landed");
        }
        if let Some(agents) = options.max_parallel {
            check_parallel(agents)?;
        }
        check_limits(&options.limits)?;
        let missing = missing_dependencies(state, &chosen);
        if !missing.is_empty() && !options.with_dependencies {
            let names: Vec<&str> = missing
                .iter()
                .map(|ix| state.task(*ix).id.as_str())
                .collect();
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "the chosen tasks depend on tasks that are not accepted yet: {}",
                    names.join(", ")
                ),
            )
            .with_help("choose them too, or say --with-dependencies"));
        }
        options.tasks = chosen
            .union(&missing)
            .map(|ix| state.task(*ix).id.clone())
            .collect::<Vec<TaskId>>();
        Ok(options)
    }

    /// The names of the agents that the run may need.
    pub(super) async fn check_agents(
        &self,
        state: &State,
        options: &RunOptions,
    ) -> Result<BTreeSet<String>> {
        let accept = options.accept_config;
        // A run that was interrupted goes on with the options it was started with.
        let fallback = match &state.run {
            Some(run) => &run.options.fallback,
            None => &options.fallback,
        };
        for (name, other) in fallback {
            if name == other {
                let message = format!("agent `{name}` cannot stand in for itself");
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
            self.shop.agent(name)?;
            if self.shop.agent(other)?.only_answers() {
                let what = format!("agent `{name}` has the agent `{other}` to stand in for it");
                return Err(only_answers(&what));
            }
        }
        let open = state
            .tasks
            .iter()
            .filter(|task| task.status() != TaskStatus::Completed);
        let open: Vec<&Task> = open.collect();
        for task in &open {
            if self.shop.agent(task.agent_name())?.only_answers() {
                let what = format!(
                    "task `{}` is for the agent `{}`",
                    task.id,
                    task.agent_name()
                );
                return Err(only_answers(&what));
            }
        }
        let mut names = BTreeSet::new();
        let mut next: Vec<&str> = open.into_iter().map(Task::agent_name).collect();
        while let Some(name) = next.pop() {
            if names.insert(name) {
                next.extend(fallback.get(name).map(String::as_str));
            }
        }
        for &name in &names {
            let agent = self.shop.agent(name)?;
            let recorded = state.agents.get(name);
            if recorded.is_some_and(|digest| *digest != agent.digest()) && !accept {
                return Err(Error::new(
                    ErrorKind::GateChanged,
                    format!("agent `{name}` is defined differently than in the earlier run"),
                )
                .with_help("run with --accept-config to go on with the present definition"));
            }
            agent.preflight().await?;
        }
        Ok(names.into_iter().map(ToOwned::to_owned).collect())
    }

    /// Refuses when a gate that stands in the way of a result is not what it was in the earlier run. A run that was interrupted
    /// goes on with the gates it began with, so that a change cannot be accepted for it.
    pub(super) fn check_gates(&self, state: &State, accept: bool) -> Result<()> {
        let is_interrupted = state.run.is_some();
        for recorded in &state.gates {
            let present = self.shop.gate(&recorded.name);
            let present = present.map(ConfiguredGate::definition);
            let counts = recorded.required || present.as_ref().is_ok_and(|gate| gate.required);
            // A run that begins takes the others as they are now.
            if !counts && !is_interrupted {
                continue;
            }
            let present = present?;
            let changed = differences(recorded, &present);
            if changed.is_empty() || !counts || (accept && !is_interrupted) {
                continue;
            }
            let what = format!(
                "gate `{}` is not as in the earlier run: {}",
                recorded.name,
                changed.join(", ")
            );
            return Err(
                Error::new(ErrorKind::GateChanged, what).with_help(if is_interrupted {
                    "a run with the earlier gates was interrupted: finish it with them, or cancel it, first"
                } else if present.judges(GateSchedule::AfterWave) {
                    "run with --accept-config; the accepted head is then judged anew"
                } else {
                    "run with --accept-config; it judges what is done from then on"
                }),
            );
        }
        Ok(())
    }

    /// Refuses a plan that requires a review where nothing stands in the way of work that nobody reviewed.
    pub(super) fn check_review(&self, state: &State) -> Result<()> {
        let is_required = state.plan.as_ref().is_some_and(|plan| plan.review);
        let gates = self.shop.gate_definitions();
        if !is_required || gates.iter().any(GateDefinition::requires_review) {
            return Ok(());
        }
        let message = "the plan requires a review, and no required gate reviews";
        Err(Error::new(ErrorKind::InvalidInput, message)
            .with_help("add a reviewing gate, or create the story from a plan that requires none"))
    }

    pub(super) fn check_landing(&self, state: &State, options: &CompleteOptions) -> Result<()> {
        if state.status == StoryStatus::Completed {
            return Err(Error::new(
                ErrorKind::Refused,
                "the story has landed already",
            ));
        }
        if state.plan.is_none() {
            return Err(Error::new(ErrorKind::Refused, "the story has no plan yet"));
        }
        if !options.merge {
            return Ok(());
        }
        if state
            .story
            .as_ref()
            .is_some_and(|story| story.target.is_none())
        {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "HEAD was detached when the story was created, so there is no branch to land on",
            )
            .with_help("create the story with --target BRANCH"));
        }
        let judged = self
            .shop
            .gate_definitions()
            .iter()
            .any(|gate| gate.required && gate.judges(GateSchedule::Final));
        if !judged && !options.no_gates {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "no required gate judges the final result, so nothing shows that it may land",
            )
            .with_help("configure a gate, or say --no-gates to land without"));
        }
        Ok(())
    }
}

/// Work for somebody who cannot do any.
fn only_answers(what: &str) -> Error {
    let message = format!("{what}, which only answers questions");
    Error::new(ErrorKind::InvalidInput, message).with_help(
        "name an agent that can change files; this one can decompose stories and review work",
    )
}

/// Refuses limits under which nothing could start.
pub(in crate::orchestrator) fn check_limits(limits: &Limits) -> Result<()> {
    let refused = |what: &str| {
        let message = format!("a story cannot be limited to {what}");
        Err(Error::new(ErrorKind::InvalidInput, message)
            .with_help("leave a limit out to have none"))
    };
    match limits {
        Limits {
            attempts: Some(0), ..
        } => refused("0 attempts"),
        Limits {
            tokens: Some(0), ..
        } => refused("0 tokens"),
        Limits {
            cost_usd: Some(cost),
            ..
        } if !(cost.is_finite() && *cost > 0.0) => refused(&format!("{cost} dollars")),
        _ => Ok(()),
    }
}

/// What of a gate changed, for people.
fn differences(old: &GateDefinition, new: &GateDefinition) -> Vec<&'static str> {
    let parts = [
        (old.digest != new.digest, "what it runs"),
        (old.at != new.at, "when it judges"),
        (old.required != new.required, "whether it is required"),
        (old.flaky != new.flaky, "what green after red means"),
        (old.timeout_ms != new.timeout_ms, "its time limit"),
        (
            old.counts_tests != new.counts_tests,
            "whether it counts tests",
        ),
    ];
    let changed = parts.into_iter().filter(|(changed, _)| *changed);
    changed.map(|(_, part)| part).collect()
}

/// Unaccepted tasks that the chosen ones wait for, directly or not.
fn missing_dependencies(state: &State, chosen: &BTreeSet<u32>) -> BTreeSet<u32> {
    let mut missing = BTreeSet::new();
    let mut stack: Vec<u32> = chosen.iter().copied().collect();
    while let Some(ix) = stack.pop() {
        for dependency in &state.task(ix).dependencies {
            let satisfied = matches!(
                state.task(*dependency).status(),
                TaskStatus::Completed | TaskStatus::Skipped
            );
            if !satisfied && !chosen.contains(dependency) && missing.insert(*dependency) {
                stack.push(*dependency);
            }
        }
    }
    missing
}
