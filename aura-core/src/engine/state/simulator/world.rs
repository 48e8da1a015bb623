//! Git, agents and gates as the simulation plays them, and the truth about every tree.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::Ix;
use crate::model::{
    AgentDefinition, CommitId, FailureClass, FlakyPolicy, GateDefinition, GatePoint, GateSchedule,
    Limits, OnExhausted, Plan, Policy, RunOptions, StoryTask, Usage, Wave,
};

/// Agents, and whose limits hold for them.
const AGENTS: [(&str, Option<&str>); 3] = [
    ("default", Some("east")),
    ("second", Some("east")),
    ("third", None),
];

/// A small generator, so that a seed replays on every machine and version.
#[derive(Debug, Clone)]
pub(in super::super) struct Random(u64);

impl Random {
    pub(in super::super) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    pub(in super::super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(in super::super) const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(in super::super) const fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// One sealed piece of work.
#[derive(Debug, Clone)]
struct Version {
    task: Ix,
    /// Turns gates red by itself.
    bad: bool,
    /// What it does to the number of tests.
    tests: i64,
    /// What was accepted when it was made.
    base: BTreeSet<Ix>,
}

/// What a commit contains: each task's version.
pub(super) type Content = BTreeMap<Ix, usize>;

#[derive(Debug)]
pub(super) struct World {
    pub(super) random: Random,
    pub(super) tasks: usize,
    pub(super) dependencies: Vec<BTreeSet<Ix>>,
    pub(super) waves: Vec<usize>,
    pub(super) exclusive: Vec<bool>,
    /// The agent of each task.
    pub(super) agents: Vec<&'static str>,
    pub(super) policy: Policy,
    pub(super) gates: Vec<GateDefinition>,
    /// Tries of each task whose work is red by itself.
    bad_tries: Vec<u32>,
    conflicts: BTreeSet<(Ix, Ix)>,
    red_together: BTreeSet<(Ix, Ix)>,
    /// The story's base is red already.
    pub(super) base_is_red: bool,
    /// Tasks that say that they remove tests.
    pub(super) removers: BTreeSet<usize>,
    /// Percent of gate answers that are wrong.
    pub(super) flaky: u64,
    /// Percent of agent starts that end abnormally.
    trouble: u64,
    /// Percent of those of the default agent whose process crashes, besides.
    crashing: u64,
    /// Runs have limits.
    limited: bool,
    pub(super) crash: u64,
    versions: Vec<Version>,
    commits: HashMap<CommitId, Content>,
    trees: HashMap<CommitId, Content>,
    next_id: u64,
    /// The story branch.
    pub(super) branch: CommitId,
    /// The target branch.
    pub(super) target: CommitId,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let tasks = 1 + usize::try_from(random.below(9)).expect("small");
        let mut dependencies = vec![BTreeSet::new(); tasks];
        let mut exclusive = vec![false; tasks];
        for task in 1..tasks {
            for _ in 0..random.below(3) {
                dependencies[task].insert(u32::try_from(random.below(task as u64)).expect("small"));
            }
            exclusive[task] = random.percent(5);
        }
        let mut world = Self {
            tasks,
            waves: Vec::new(),
            exclusive,
            dependencies,
            agents: (0..tasks)
                .map(|_| {
                    AGENTS[usize::try_from(random.below(5))
                        .expect("small")
                        .saturating_sub(2)]
                    .0
                })
                .collect(),
            policy: policy(&mut random),
            gates: gates(&mut random),
            bad_tries: (0..tasks)
                .map(|_| match random.below(10) {
                    0 | 1 => 1,
                    2 => 2,
                    3 => 9,
                    _ => 0,
                })
                .collect(),
            conflicts: pairs(&mut random, tasks, 45),
            red_together: pairs(&mut random, tasks, 30),
            base_is_red: random.percent(3),
            removers: (0..tasks).filter(|_| random.percent(5)).collect(),
            flaky: if random.percent(15) { 20 } else { 0 },
            trouble: if random.percent(40) { 25 } else { 0 },
            crashing: if random.percent(15) { 60 } else { 0 },
            limited: random.percent(15),
            crash: if random.percent(50) { 3 } else { 0 },
            versions: Vec::new(),
            commits: HashMap::new(),
            trees: HashMap::new(),
            next_id: 1,
            branch: CommitId::from_bytes([0; 20]),
            target: CommitId::from_bytes([0; 20]),
            random,
        };
        world.waves = world.derive_waves();
        let base = world.commit(Content::new());
        world.branch = base;
        world.target = base;
        world
    }

    /// Longest path, with each exclusive task in a wave of its own.
    fn derive_waves(&self) -> Vec<usize> {
        let mut waves: Vec<usize> = Vec::new();
        let mut taken: BTreeMap<usize, bool> = BTreeMap::new();
        for task in 0..self.tasks {
            let mut wave = self.dependencies[task]
                .iter()
                .map(|dependency| waves[*dependency as usize] + 1)
                .max()
                .unwrap_or(0);
            while taken
                .get(&wave)
                .is_some_and(|alone| *alone || self.exclusive[task])
            {
                wave += 1;
            }
            taken.insert(wave, self.exclusive[task]);
            waves.push(wave);
        }
        // Waves are contiguous in a plan.
        let used: BTreeSet<usize> = waves.iter().copied().collect();
        let rank: BTreeMap<usize, usize> = used.into_iter().zip(0..).collect();
        waves.iter().map(|wave| rank[wave]).collect()
    }

    pub(super) fn plan(&self) -> Plan {
        let tasks: Vec<StoryTask> = (0..self.tasks)
            .map(|ix| {
                let mut task = StoryTask::new(format!("t{ix}"), format!("Task {ix}")).depends_on(
                    self.dependencies[ix]
                        .iter()
                        .map(|dependency| format!("t{dependency}")),
                );
                task.wave = self.waves[ix];
                task.agent = Some(self.agents[ix].to_owned()).filter(|name| name != "default");
                task.parallel_safe = !self.exclusive[ix];
                task.removes_tests = self.removers.contains(&ix);
                task
            })
            .collect();
        let waves = (0..=self.waves.iter().copied().max().unwrap_or(0))
            .map(|index| Wave {
                index,
                tasks: tasks
                    .iter()
                    .filter(|task| task.wave == index)
                    .map(|task| task.id.clone())
                    .collect(),
            })
            .collect();
        let mut plan = Plan::from_parts("Simulated".to_owned(), String::new(), tasks);
        plan.waves = waves;
        plan
    }

    fn fresh(&mut self) -> CommitId {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&self.next_id.to_be_bytes());
        self.next_id += 1;
        CommitId::from_bytes(bytes)
    }

    /// A commit with that content; its tree is the same for the same content.
    pub(super) fn commit(&mut self, content: Content) -> CommitId {
        let commit = self.fresh();
        self.trees.insert(self.tree_of(&content), content.clone());
        self.commits.insert(commit, content);
        commit
    }

    fn tree_of(&self, content: &Content) -> CommitId {
        let mut bytes = [0xff; 20];
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for (task, version) in content {
            for value in [u64::from(*task), *version as u64] {
                hash = (hash ^ value)
                    .wrapping_mul(0x0100_0000_01b3)
                    .rotate_left(17);
            }
        }
        bytes[..8].copy_from_slice(&hash.to_be_bytes());
        CommitId::from_bytes(bytes)
    }

    pub(super) fn tree(&self, commit: CommitId) -> CommitId {
        self.tree_of(&self.commits[&commit])
    }

    pub(super) fn content(&self, commit: CommitId) -> &Content {
        &self.commits[&commit]
    }

    /// An agent's work on `base`, sealed: the commit.
    pub(super) fn work(&mut self, task: Ix, attempt: u32, base: CommitId) -> CommitId {
        let mut content = self.commits[&base].clone();
        let removes = self.removers.contains(&(task as usize)) || self.random.percent(6);
        self.versions.push(Version {
            task,
            tests: if removes { -3 } else { 1 },
            bad: attempt <= self.bad_tries[task as usize],
            base: content.keys().copied().collect(),
        });
        content.insert(task, self.versions.len() - 1);
        self.commit(content)
    }

    /// The work of `task` in `commit`, put onto `head`.
    pub(super) fn rebase(
        &mut self,
        task: Ix,
        commit: CommitId,
        head: CommitId,
    ) -> Option<CommitId> {
        let number = self.commits[&commit][&task];
        let mut content = self.commits[&head].clone();
        let version = &self.versions[number];
        let clash = content.keys().any(|other| {
            let pair = (task.min(*other), task.max(*other));
            self.conflicts.contains(&pair) && !version.base.contains(other)
        });
        if clash {
            return None;
        }
        content.insert(task, number);
        Some(self.commit(content))
    }

    /// The truth about a tree.
    pub(super) fn is_red(&self, content: &Content) -> bool {
        let bad = content.values().any(|version| self.versions[*version].bad);
        let together =
            self.red_together
                .iter()
                .any(|(a, b)| match (content.get(a), content.get(b)) {
                    (Some(va), Some(vb)) => {
                        let (va, vb) = (&self.versions[*va], &self.versions[*vb]);
                        debug_assert_eq!((va.task, vb.task), (*a, *b));
                        !va.base.contains(b) && !vb.base.contains(a)
                    }
                    _ => false,
                });
        self.base_is_red || bad || together
    }

    /// How many tests run on a tree.
    pub(super) fn tests(&self, commit: CommitId) -> u64 {
        let versions = self.commits[&commit].values();
        let change: i64 = versions.map(|version| self.versions[*version].tests).sum();
        u64::try_from(1_000 + change).expect("small")
    }

    /// Whether the number of tests matters to a gate that judges candidates.
    pub(super) fn counts_tests(&self) -> bool {
        self.gates.iter().any(|gate| gate.counts_tests)
    }

    /// Somebody defines a gate anew, wants one that was only heard, or adds one.
    pub(super) fn change_gates(&mut self) {
        match self.gates.iter_mut().find(|gate| gate.name == "late") {
            _ if self.random.percent(30) => self.gates[0].digest.push('+'),
            Some(late) => late.required = true,
            None => {
                let at = [GateSchedule::AfterWave, GateSchedule::Final];
                self.gates.push(late(&at, true));
            }
        }
    }

    /// Whether a gate wants a person to look at a task's own work.
    pub(super) fn asks(&mut self, gate: &str, at: GatePoint) -> bool {
        gate == "review" && at == GatePoint::Task && self.random.percent(15)
    }

    /// What a gate answers on a commit; wrong now and then when the world is flaky.
    pub(super) fn judge(&mut self, gate: &str, at: GatePoint, commit: CommitId) -> bool {
        let truth = match (gate, at) {
            ("advice", _) => false,
            _ => !self.is_red(&self.commits[&commit]),
        };
        if self.flaky > 0 && self.random.percent(self.flaky) {
            return false;
        }
        truth
    }

    pub(super) fn definitions() -> Vec<AgentDefinition> {
        let definition = |(name, provider): (&str, Option<&str>)| AgentDefinition {
            name: name.to_owned(),
            digest: String::new(),
            provider: provider.map(ToOwned::to_owned),
            version: None,
        };
        AGENTS.map(definition).into()
    }

    /// What a run is started with; limits grow from run to run.
    pub(super) fn options(&mut self, runs: u64) -> RunOptions {
        let mut options = RunOptions::default().one_wave(self.random.percent(10));
        if self.random.percent(50) {
            options = options.fallback("default", "third");
        }
        if self.random.percent(30) {
            options = options.fallback("second", "default");
        }
        if self.limited {
            let most = runs + 1;
            let mut limits = Limits::default();
            if self.random.percent(50) {
                limits = limits.attempts((1 + self.random.below(12)) * most);
            }
            if self.random.percent(50) {
                limits = limits.tokens((1 + self.random.below(6_000)) * most);
            }
            if self.random.percent(50) {
                limits = limits.cost_usd((1 + self.random.below(6_000) * most) as f64 * 0.001);
            }
            options = options.limits(limits);
        }
        options
    }

    /// What a start used.
    pub(super) fn usage(&mut self) -> Usage {
        let tokens = self.random.below(1_000);
        Usage {
            input_tokens: tokens,
            output_tokens: tokens / 10,
            cost_usd: tokens as f64 * 0.001,
        }
    }

    /// How an agent's start ends.
    pub(super) fn agent_failure(&mut self, agent: &str) -> Option<FailureClass> {
        if agent == "default" && self.random.percent(self.crashing) {
            return Some(FailureClass::Exit);
        }
        if !self.random.percent(self.trouble) {
            return None;
        }
        Some(match self.random.below(16) {
            0..=4 => FailureClass::Exit,
            5..=6 => FailureClass::Killed,
            7..=8 => FailureClass::Timeout,
            9..=10 => FailureClass::Stalled,
            11..=12 => FailureClass::RateLimited,
            13 => FailureClass::Spawn,
            14 => FailureClass::Quota,
            _ => FailureClass::Auth,
        })
    }
}

fn pairs(random: &mut Random, tasks: usize, percent: u64) -> BTreeSet<(Ix, Ix)> {
    let mut pairs = BTreeSet::new();
    if tasks < 2 {
        return pairs;
    }
    for _ in 0..2 {
        if random.percent(percent) {
            let a = u32::try_from(random.below(tasks as u64)).expect("small");
            let b = u32::try_from(random.below(tasks as u64)).expect("small");
            if a != b {
                pairs.insert((a.min(b), a.max(b)));
            }
        }
    }
    pairs
}

fn policy(random: &mut Random) -> Policy {
    Policy {
        on_exhausted: match random.below(3) {
            0 => OnExhausted::PauseStory,
            1 => OnExhausted::IsolateAndContinue,
            _ => OnExhausted::AbortStory,
        },
        max_parallel: 1 + usize::try_from(random.below(4)).expect("small"),
        retry_max: u32::try_from(random.below(4)).expect("small"),
        restart_max: u32::try_from(random.below(4)).expect("small"),
        ..Policy::default()
    }
}

fn gates(random: &mut Random) -> Vec<GateDefinition> {
    let flaky = if random.percent(20) {
        FlakyPolicy::Refuse
    } else {
        FlakyPolicy::Accept
    };
    let counts = random.percent(50);
    let gate = |name: &str, at: &[GateSchedule], required| GateDefinition {
        name: name.to_owned(),
        digest: name.to_owned(),
        at: at.to_vec(),
        required,
        flaky,
        timeout_ms: 1_000,
        counts_tests: counts && name == "test",
        reviews: false,
    };
    let mut gates = vec![gate(
        "test",
        &[GateSchedule::AfterWave, GateSchedule::Final],
        true,
    )];
    if random.percent(30) {
        gates.push(gate("review", &[GateSchedule::AfterTask], true));
    }
    if random.percent(20) {
        gates.push(gate("build", &[GateSchedule::AfterWave], true));
    }
    if random.percent(20) {
        gates.push(gate(
            "advice",
            &[
                GateSchedule::AfterWave,
                GateSchedule::AfterTask,
                GateSchedule::Final,
            ],
            false,
        ));
    }
    if random.percent(20) {
        gates.push(late(&[GateSchedule::AfterWave], false));
    }
    gates
}

/// A gate that judges as the others do and that is required only later on, or comes later.
fn late(at: &[GateSchedule], required: bool) -> GateDefinition {
    GateDefinition {
        name: "late".to_owned(),
        digest: "late".to_owned(),
        at: at.to_vec(),
        required,
        flaky: FlakyPolicy::Accept,
        timeout_ms: 1_000,
        counts_tests: false,
        reviews: false,
    }
}
