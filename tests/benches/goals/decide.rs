//! G1: what it costs to decide about a task that does nothing. G1m: the memory for ten thousand of them.

use aura_core::bench;
use tokio::runtime::{Builder, Runtime};

use crate::graph::{Graph, by_heap, by_join_set, chain, independent, layered};
use crate::measure::{Rounds, Spread, Variant, forget_peak_memory, peak_memory_kib, verdict};

/// Agents at once, and spawned tasks at once.
const PARALLEL: usize = 64;
const ROUNDS: usize = 15;
const PEER: f64 = 1.2;
const LIMIT: f64 = 8.5;
const MEMORY_KIB: u64 = 10 * 1024;

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime")
}

/// Only the layered graph is a goal; the others show where the cost comes from.
pub(crate) fn measure() -> bool {
    let graphs = [
        ("G1-chain-1000", chain(1_000)),
        ("G1-independent-1000", independent(1_000)),
        ("G1-independent-10000", independent(10_000)),
    ];
    for (row, graph) in &graphs {
        compare(row, graph);
    }
    compare("G1", &layered(100))
}

fn compare(row: &str, graph: &Graph) -> bool {
    let runtime = runtime();
    let tasks = graph.len();
    let plan = bench::plan(graph).expect("a plan");
    let mut plans = vec![plan; ROUNDS + 1];
    let rounds = Rounds::measure(
        ROUNDS,
        vec![
            Variant {
                name: "heap",
                run: Box::new(|| assert_eq!(by_heap(graph), tasks)),
            },
            Variant {
                name: "join set",
                run: Box::new(|| assert_eq!(by_join_set(&runtime, graph, PARALLEL), tasks)),
            },
            Variant {
                name: "aura",
                run: Box::new(|| {
                    let plan = plans.pop().expect("a plan for each round");
                    assert_eq!(bench::tell(plan, PARALLEL).accepted, tasks);
                }),
            },
        ],
    );
    let passed = verdict(
        row,
        (rounds.ratio("aura", "join set", |cost| cost.wall), PEER),
        (rounds.ratio("aura", "heap", |cost| cost.wall), LIMIT),
    );
    let each = |name| {
        let Spread { low, median, high } = rounds.wall(name);
        let tasks = tasks as f64;
        format!(
            "{name} {:.3} [{:.3}-{:.3}]",
            median / tasks,
            low / tasks,
            high / tasks
        )
    };
    println!(
        "    us/task: {}, {}, {}",
        each("heap"),
        each("join set"),
        each("aura")
    );
    passed
}

/// Plans and tells one story; the peak memory in KiB of either. To be called in a process that has done nothing else.
pub(crate) fn memory_of_one_story() -> (u64, u64) {
    let graph = layered(100);
    let tasks = graph.len();
    let plan = bench::plan(&graph).expect("a plan");
    let planned = peak_memory_kib();
    forget_peak_memory();
    assert_eq!(bench::tell(plan, PARALLEL).accepted, tasks);
    (planned, peak_memory_kib())
}

/// The goal is about the whole process, the making of the plan included.
pub(crate) fn measure_memory((planned, told): (u64, u64)) -> bool {
    let most = planned.max(told);
    let passed = most > 0 && most <= MEMORY_KIB;
    let mib = |kib| kib as f64 / 1024.0;
    println!(
        "G1m - {:.1} MiB (goal {:.1}) - {}",
        mib(most),
        mib(MEMORY_KIB),
        if passed { "PASS" } else { "FAIL" }
    );
    println!(
        "    making the plan {:.1} MiB, deciding {:.1} MiB",
        mib(planned),
        mib(told)
    );
    passed
}
