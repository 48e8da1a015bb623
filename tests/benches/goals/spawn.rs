//! G2: what it costs to run a program, two at once, with its output captured.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aura_core::bench;
use tokio::runtime::{Builder, Runtime};

use crate::measure::{Rounds, Spread, Variant, verdict};

const PROGRAM: &str = "/bin/true";
const PROCESSES: usize = 300;
const AT_ONCE: usize = 2;
const ROUNDS: usize = 9;
/// Two programs are started for each one: the guard, and the program itself.
const LIMIT: f64 = 2.3;

pub(crate) fn measure() -> bool {
    let runtime = Builder::new_multi_thread()
        .worker_threads(AT_ONCE)
        .enable_all()
        .build()
        .expect("a runtime");
    let rounds = Rounds::measure(
        ROUNDS,
        vec![
            Variant {
                name: "threads",
                run: Box::new(by_threads),
            },
            Variant {
                name: "tokio",
                run: Box::new(|| by_tasks(&runtime, Unguarded)),
            },
            Variant {
                name: "guard",
                run: Box::new(|| by_tasks(&runtime, Guarded)),
            },
        ],
    );
    let wall = |of| rounds.ratio(of, "threads", |cost| cost.wall);
    let processor = |of| rounds.ratio(of, "threads", |cost| cost.processor);
    let guard = wall("guard");
    let passed = verdict("G2", (guard, LIMIT), (guard, LIMIT));
    let show = |spread: Spread| {
        format!(
            "{:.2} [{:.2}-{:.2}]",
            spread.median, spread.low, spread.high
        )
    };
    println!(
        "    processor time with the guard {}",
        show(processor("guard"))
    );
    println!(
        "    without a guard (tokio::process) {}, processor time {}",
        show(wall("tokio")),
        show(processor("tokio"))
    );
    let each = |name| format!("{name} {:.0}", rounds.wall(name).median / PROCESSES as f64);
    println!(
        "    us/process: {}, {}, {}",
        each("threads"),
        each("tokio"),
        each("guard")
    );
    passed
}

/// The limit: a thread for each that runs at once, which spawns, reads and waits.
fn by_threads() {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < PROCESSES {
                    let output = Command::new(PROGRAM).stdin(Stdio::null()).output();
                    assert!(output.expect("it starts").status.success());
                }
            });
        }
    });
}

#[derive(Clone, Copy)]
enum Way {
    Guarded,
    Unguarded,
}
use Way::{Guarded, Unguarded};

fn by_tasks(runtime: &Runtime, way: Way) {
    let next = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let next = Arc::clone(&next);
            runtime.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= PROCESSES {
                        return;
                    }
                    run(way, number).await;
                }
            })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).expect("every program returns 0");
    }
}

async fn run(way: Way, number: usize) {
    match way {
        Guarded => {
            let code = bench::run_guarded(PROGRAM, number).await;
            assert_eq!(code.expect("a guard starts"), Some(0));
        }
        Unguarded => {
            let mut command = tokio::process::Command::new(PROGRAM);
            let output = command.stdin(Stdio::null()).output().await;
            assert!(output.expect("it starts").status.success());
        }
    }
}
