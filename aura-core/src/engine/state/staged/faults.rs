//! A thousand tasks whose agents fail now and then.

use std::collections::BTreeSet;

use super::super::simulator::Random;
use super::{End, Stage, Start, tasks};
use crate::model::{FailureClass, OnExhausted, Policy, RunOptions, TaskStatus};

const TRANSIENT: [FailureClass; 6] = [
    FailureClass::Exit,
    FailureClass::Killed,
    FailureClass::Spawn,
    FailureClass::Timeout,
    FailureClass::Stalled,
    FailureClass::RateLimited,
];

#[test]
fn a_thousand_tasks_survive_transient_faults_in_every_fifth_start() {
    for seed in 0..3 {
        let mut random = Random::new(seed);
        let mut faulted = BTreeSet::new();
        let script = |start: &Start| {
            let seconds = 30 + i64::try_from(random.below(300)).expect("small");
            if random.percent(20) {
                faulted.insert(start.task);
                let class = TRANSIENT[usize::try_from(random.below(6)).expect("small")];
                return End::failed(class, seconds);
            }
            End::well(seconds)
        };
        let policy = Policy {
            max_parallel: 16,
            on_exhausted: OnExhausted::IsolateAndContinue,
            ..Policy::default()
        };
        let mut stage = Stage::new(
            tasks(1_000, |_| "default"),
            policy,
            &[("default", None)],
            script,
        );
        stage.run(RunOptions::default());
        let done: BTreeSet<usize> = stage
            .state
            .tasks
            .iter()
            .enumerate()
            .filter(|(_, task)| task.status() == TaskStatus::Completed)
            .map(|(ix, _)| ix)
            .collect();
        drop(stage);
        let recovered = faulted.intersection(&done).count();
        assert!(faulted.len() > 150, "{} tasks met a fault", faulted.len());
        assert!(done.len() >= 950, "seed {seed}: {} of 1,000", done.len());
        assert!(
            recovered * 10 >= faulted.len() * 9,
            "seed {seed}: {recovered} of {}",
            faulted.len()
        );
    }
}
