//! Reads the event log, knows the truth, and says which promise an event breaks.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::super::Ix;
use super::account::Account;
use super::world::World;
use crate::model::{
    CommitId, Event, EventKind, FailureClass, GateDefinition, GatePoint, GateSchedule, GateVerdict,
    RunOutcome, Spends, TaskId, Verb,
};

#[derive(Debug, Default)]
pub(super) struct Audit {
    accepted: BTreeSet<Ix>,
    failed: BTreeSet<Ix>,
    blocked: BTreeSet<Ix>,
    skipped: BTreeSet<Ix>,
    /// Gates of the last run.
    gates: Vec<GateDefinition>,
    /// Required gates that are new or changed while something was accepted, and that have to judge the accepted head first.
    due: BTreeSet<String>,
    ended: BTreeSet<Ix>,
    active: BTreeSet<Ix>,
    retries: BTreeMap<Ix, u32>,
    restarts: BTreeMap<Ix, u32>,
    /// Commit of each task's last seal.
    sealed: HashMap<Ix, CommitId>,
    greens: HashSet<(CommitId, String, GatePoint)>,
    /// Gates that asked for a person about a task's last seal and have no answer.
    asked: BTreeMap<Ix, BTreeSet<String>>,
    /// Gates that a person approved a task's last seal for.
    approved: BTreeSet<(Ix, String)>,
    stopping: bool,
    landing: bool,
    /// Tasks that take part in the run; all where empty.
    chosen: BTreeSet<Ix>,
    wave: Option<usize>,
    head: Option<CommitId>,
    /// Gate runs of the candidate since its first red answer, and its size.
    since_red: Option<(u32, usize)>,
    candidate: Vec<(Ix, CommitId)>,
    trees: HashMap<CommitId, CommitId>,
    account: Account,
}

fn number(task: &TaskId) -> Ix {
    task.as_str()[1..]
        .parse()
        .expect("simulated ids are numbers")
}

impl Audit {
    pub(super) fn check(&mut self, world: &World, event: &Event) -> Result<(), String> {
        let task = event.task.as_ref().map(number);
        self.account
            .check(world, task, event)
            .and_then(|()| self.check_kind(world, task, &event.kind))
            .map_err(|why| format!("event {} ({}): {why}", event.seq, event.kind.name()))
    }

    fn check_kind(
        &mut self,
        world: &World,
        task: Option<Ix>,
        kind: &EventKind,
    ) -> Result<(), String> {
        match (kind, task) {
            (EventKind::RunStarted { .. } | EventKind::LandingRequested { .. }, _) => {
                self.stopping = false;
                self.wave = None;
                self.reopen(world);
                self.landing = matches!(kind, EventKind::LandingRequested { .. });
                if let EventKind::RunStarted { options, .. } = kind {
                    self.chosen = options.tasks.iter().map(number).collect();
                }
                if let EventKind::RunStarted { gates, .. }
                | EventKind::LandingRequested { gates, .. } = kind
                {
                    self.note_definitions(gates);
                }
            }
            (EventKind::WaveStarted { wave, .. }, _) => {
                self.wave = Some(*wave);
                let open = (0..world.tasks).find(|ix| {
                    let number = u32::try_from(*ix).expect("small");
                    world.waves[*ix] < *wave && self.takes(number) && !self.is_over(number)
                });
                if let Some(ix) = open {
                    return Err(format!(
                        "wave {wave} starts while t{ix} of an earlier wave is open"
                    ));
                }
            }
            (EventKind::CommandAccepted { verb, .. }, _) => self.note_command(world, verb),
            (EventKind::IntentWorkspace { base, .. }, Some(ix)) => {
                self.active.insert(ix);
                if Some(*base) != self.head {
                    return Err("the workspace does not start from the accepted head".to_owned());
                }
                if self.active.len() > world.policy.max_parallel {
                    return Err(format!("{} agents at once", self.active.len()));
                }
                // Whoever is asked for again after this comes too late for it.
                return self.check_dependencies(world, ix);
            }
            (EventKind::IntentStart { .. }, Some(ix)) => return self.check_start(world, ix),
            (EventKind::TaskQueued {} | EventKind::TaskCancelled {}, Some(ix)) => {
                self.active.remove(&ix);
                if matches!(kind, EventKind::TaskCancelled {}) {
                    self.ended.insert(ix);
                }
            }
            (EventKind::TaskRetrying { spends, .. }, Some(ix)) => {
                self.active.remove(&ix);
                return self.check_budget(world, ix, *spends);
            }
            (EventKind::AttemptFinished { .. }, Some(ix)) => {
                self.active.remove(&ix);
            }
            (
                EventKind::TaskSealed {
                    outcome: crate::model::SealOutcome::Sealed { commit, .. },
                },
                Some(ix),
            ) => {
                self.sealed.insert(ix, *commit);
                self.approved.retain(|(task, _)| *task != ix);
                self.asked.remove(&ix);
                self.trees.insert(*commit, world.tree(*commit));
            }
            (EventKind::GateFinished { .. }, _) => self.note_gate(world, task, kind),
            (EventKind::CandidateBuilt { tasks, .. }, _) => {
                self.candidate = tasks
                    .iter()
                    .map(|item| (number(&item.task), item.commit))
                    .collect();
                self.since_red = None;
            }
            (EventKind::TaskEjected { class, .. }, Some(ix)) => {
                return self.check_ejection(world, ix, *class);
            }
            (EventKind::RefMoved { new, tree, .. }, _) => {
                return self.check_move(world, *new, *tree);
            }
            (EventKind::TaskAccepted { .. }, Some(ix)) => {
                if !self.accepted.insert(ix) {
                    return Err("accepted twice".to_owned());
                }
                self.active.remove(&ix);
                self.ended.insert(ix);
                return self.check_review(world, ix);
            }
            (EventKind::TaskFailed { .. }, Some(ix)) => {
                self.active.remove(&ix);
                self.failed.insert(ix);
                self.ended.insert(ix);
            }
            (EventKind::TaskSkipped {}, Some(ix)) => {
                self.asked.remove(&ix);
                self.failed.remove(&ix);
                self.skipped.insert(ix);
                self.reopen(world);
            }
            (EventKind::TaskBlocked { by }, Some(ix)) => {
                self.blocked.insert(ix);
                self.ended.insert(ix);
                let by = number(by);
                if !self.failed.contains(&by) || !self.ancestors(world, ix).contains(&by) {
                    return Err(format!("blocked by t{by}, which is no failed ancestor"));
                }
            }
            (EventKind::RunFinished { outcome, .. }, _) => return self.check_end(world, *outcome),
            (EventKind::Landed { commit, .. }, _) => {
                self.check_due(world)?;
                return self.check_finals(world, *commit);
            }
            _ => {}
        }
        Ok(())
    }

    fn is_over(&self, ix: Ix) -> bool {
        self.ended.contains(&ix) || self.accepted.contains(&ix) || self.skipped.contains(&ix)
    }

    /// What a task waits for, directly or not: nobody waits for a skipped or an accepted task.
    fn ancestors(&self, world: &World, ix: Ix) -> BTreeSet<Ix> {
        let mut found = BTreeSet::new();
        let mut stack = vec![ix];
        while let Some(next) = stack.pop() {
            for dependency in &world.dependencies[next as usize] {
                let over = self.skipped.contains(dependency) || self.accepted.contains(dependency);
                if !over && found.insert(*dependency) {
                    stack.push(*dependency);
                }
            }
        }
        found
    }

    fn takes(&self, ix: Ix) -> bool {
        self.chosen.is_empty() || self.chosen.contains(&ix)
    }

    /// What a gate said before it was defined anew counts no more.
    fn note_definitions(&mut self, gates: &[GateDefinition]) {
        let earlier = std::mem::replace(&mut self.gates, gates.to_vec());
        for gate in gates {
            let old = earlier.iter().find(|old| old.name == gate.name);
            if old.is_some_and(|old| old.digest != gate.digest) {
                self.approved.retain(|(_, name)| *name != gate.name);
                self.greens.retain(|(_, name, _)| *name != gate.name);
            }
            let judges = gate.required && gate.judges(GateSchedule::AfterWave);
            if judges && old != Some(gate) && !self.accepted.is_empty() {
                self.due.insert(gate.name.clone());
            }
        }
    }

    /// Gates that became required say first what they think of what is accepted already.
    fn check_due(&mut self, world: &World) -> Result<(), String> {
        let Some(head) = self.head else { return Ok(()) };
        for gate in std::mem::take(&mut self.due) {
            let judged = (world.tree(head), gate.clone(), GatePoint::Candidate);
            if !self.greens.contains(&judged) {
                return Err(format!("before `{gate}` judged the accepted head anew"));
            }
        }
        Ok(())
    }

    fn note_command(&mut self, world: &World, verb: &Verb) {
        match verb {
            Verb::Pause | Verb::Cancel => self.stopping = true,
            Verb::Resume => self.stopping = false,
            Verb::Retry { task, .. } => {
                let ix = number(task);
                self.asked.remove(&ix);
                self.failed.remove(&ix);
                self.skipped.remove(&ix);
                self.ended.remove(&ix);
                self.retries.remove(&ix);
                self.restarts.remove(&ix);
                self.reopen(world);
            }
            Verb::Approve { task } => {
                let ix = number(task);
                for gate in self.asked.remove(&ix).unwrap_or_default() {
                    self.approved.insert((ix, gate));
                }
            }
            Verb::Skip { .. } => {}
        }
    }

    /// Only what is accepted, failed, or still behind something failed is over.
    fn reopen(&mut self, world: &World) {
        let held: Vec<Ix> = self
            .blocked
            .iter()
            .copied()
            .filter(|ix| !self.ancestors(world, *ix).is_disjoint(&self.failed))
            .collect();
        self.blocked = held.into_iter().collect();
        self.ended = &(&self.accepted | &self.failed) | &self.blocked;
    }

    fn check_start(&mut self, world: &World, ix: Ix) -> Result<(), String> {
        if self.accepted.contains(&ix) {
            return Err("started after its acceptance".to_owned());
        }
        if !self.active.contains(&ix) {
            return Err("started without a workspace of its own".to_owned());
        }
        if !self.takes(ix) {
            return Err("started although it does not take part".to_owned());
        }
        if self.wave != Some(world.waves[ix as usize]) {
            return Err("started outside of its wave".to_owned());
        }
        self.check_due(world)?;
        if self.stopping {
            return Err("started although the run was asked to pause or stop".to_owned());
        }
        if world.exclusive[ix as usize] && self.active.len() > 1 {
            return Err("runs beside others although it must run alone".to_owned());
        }
        Ok(())
    }

    fn check_dependencies(&self, world: &World, ix: Ix) -> Result<(), String> {
        let is_missing = |dependency: &&Ix| {
            !self.accepted.contains(dependency) && !self.skipped.contains(dependency)
        };
        match world.dependencies[ix as usize].iter().find(is_missing) {
            Some(missing) => Err(format!("begun without its dependency t{missing}")),
            None => Ok(()),
        }
    }

    fn check_budget(&mut self, world: &World, ix: Ix, spends: Spends) -> Result<(), String> {
        let (spent, most) = match spends {
            Spends::Retry => (self.retries.entry(ix).or_default(), world.policy.retry_max),
            Spends::Restart => (
                self.restarts.entry(ix).or_default(),
                world.policy.restart_max,
            ),
            Spends::Nothing => return Ok(()),
        };
        *spent += 1;
        if *spent > most {
            return Err(format!("{spends:?} number {spent} of {most}"));
        }
        Ok(())
    }

    fn note_gate(&mut self, world: &World, task: Option<Ix>, kind: &EventKind) {
        let EventKind::GateFinished {
            gate,
            at,
            commit,
            verdict,
            ..
        } = kind
        else {
            return;
        };
        if let Some(ix) = task.filter(|ix| self.sealed.get(ix) == Some(commit)) {
            let asked = self.asked.entry(ix).or_default();
            if matches!(verdict, GateVerdict::NeedsHuman { .. }) {
                asked.insert(gate.clone());
            } else {
                asked.remove(gate);
            }
        }
        if verdict.is_green() {
            self.greens.insert((world.tree(*commit), gate.clone(), *at));
        }
        let required = world.gates.iter().filter(|gate| gate.required);
        if *at == GatePoint::Candidate && required.into_iter().any(|known| known.name == *gate) {
            match &mut self.since_red {
                Some((runs, _)) => *runs += 1,
                None if !verdict.is_green() => self.since_red = Some((0, self.candidate.len())),
                None => {}
            }
        }
    }

    fn check_ejection(&mut self, world: &World, ix: Ix, class: FailureClass) -> Result<(), String> {
        if class != FailureClass::Gate {
            return Ok(());
        }
        if let Some((runs, size)) = self.since_red.take() {
            let most = size.next_power_of_two().trailing_zeros() + 3;
            if world.flaky == 0 && runs > most {
                return Err(format!("{runs} gate runs to find one of {size}"));
            }
        }
        if world.flaky > 0 {
            return Ok(());
        }
        let head = self.head.ok_or("no head")?;
        let at = self
            .candidate
            .iter()
            .position(|(task, _)| *task == ix)
            .ok_or("not in the candidate")?;
        let before = at
            .checked_sub(1)
            .map_or(head, |before| self.candidate[before].1);
        let fewer = |commit| world.counts_tests() && world.tests(commit) < world.tests(head);
        let is_red = |commit| world.is_red(world.content(commit)) || fewer(commit);
        if is_red(before) || !is_red(self.candidate[at].1) {
            return Err("an innocent task was ejected".to_owned());
        }
        self.candidate.truncate(at);
        Ok(())
    }

    fn check_move(&mut self, world: &World, new: CommitId, tree: CommitId) -> Result<(), String> {
        for gate in world
            .gates
            .iter()
            .filter(|gate| gate.required && gate.judges(GateSchedule::AfterWave))
        {
            if !self
                .greens
                .contains(&(tree, gate.name.clone(), GatePoint::Candidate))
            {
                return Err(format!("accepted without a green `{}`", gate.name));
            }
        }
        self.check_tests(world, new)?;
        self.head = Some(new);
        Ok(())
    }

    /// Only a task that says so, alone, may leave fewer tests than there were.
    fn check_tests(&self, world: &World, new: CommitId) -> Result<(), String> {
        let Some(head) = self.head.filter(|_| world.counts_tests()) else {
            return Ok(());
        };
        let (before, now) = (world.tests(head), world.tests(new));
        let alone = match self.candidate.as_slice() {
            [(ix, _)] => world.removers.contains(&(*ix as usize)),
            _ => false,
        };
        if now < before && !alone {
            return Err(format!("{now} tests of {before} are left"));
        }
        Ok(())
    }

    fn check_review(&self, world: &World, ix: Ix) -> Result<(), String> {
        if let Some(gate) = self.asked.get(&ix).and_then(BTreeSet::first) {
            return Err(format!("accepted although `{gate}` asked for a person"));
        }
        let tree = self
            .sealed
            .get(&ix)
            .and_then(|commit| self.trees.get(commit))
            .ok_or("accepted without a seal")?;
        for gate in world
            .gates
            .iter()
            .filter(|gate| gate.required && gate.judges(GateSchedule::AfterTask))
        {
            if !self
                .greens
                .contains(&(*tree, gate.name.clone(), GatePoint::Task))
                && !self.approved.contains(&(ix, gate.name.clone()))
            {
                return Err(format!(
                    "accepted without a green `{}` of its own",
                    gate.name
                ));
            }
        }
        Ok(())
    }

    fn check_finals(&self, world: &World, commit: CommitId) -> Result<(), String> {
        for gate in world
            .gates
            .iter()
            .filter(|gate| gate.required && gate.judges(GateSchedule::Final))
        {
            if !self
                .greens
                .contains(&(world.tree(commit), gate.name.clone(), GatePoint::Final))
            {
                return Err(format!("done without a green final `{}`", gate.name));
            }
        }
        Ok(())
    }

    fn check_end(&mut self, world: &World, outcome: RunOutcome) -> Result<(), String> {
        // A landing that ended is as ready as it was before.
        let is_ready = outcome == RunOutcome::ReadyToComplete && !self.landing;
        if is_ready {
            self.check_due(world)?;
        }
        let all = 0..u32::try_from(world.tasks).expect("small");
        let forgotten = all.clone().find(|ix| {
            !self.landing
                && !self.is_over(*ix)
                && self.takes(*ix)
                && self
                    .ancestors(world, *ix)
                    .iter()
                    .any(|ancestor| self.failed.contains(ancestor))
        });
        if let Some(ix) = forgotten {
            return Err(format!(
                "{outcome:?}: t{ix} stands behind a failed task and is not blocked; failed {:?}, skipped {:?}, accepted {:?}, blocked {:?}",
                self.failed, self.skipped, self.accepted, self.blocked
            ));
        }
        if matches!(outcome, RunOutcome::ReadyToComplete | RunOutcome::Completed) {
            if let Some(ix) = all
                .into_iter()
                .find(|ix| !self.accepted.contains(ix) && !self.skipped.contains(ix))
            {
                return Err(format!("{outcome:?} without t{ix}"));
            }
            if let Some(head) = self.head.filter(|_| is_ready && !self.stopping) {
                self.check_finals(world, head)?;
            }
        }
        Ok(())
    }

    pub(super) fn begin(&mut self, head: CommitId) {
        self.head = Some(head);
    }

    pub(super) fn asked(&self) -> impl Iterator<Item = Ix> + '_ {
        let open = self.asked.iter().filter(|(_, gates)| !gates.is_empty());
        open.map(|(ix, _)| *ix)
    }

    pub(super) fn failed(&self) -> impl Iterator<Item = Ix> + '_ {
        self.failed.iter().copied()
    }
}
