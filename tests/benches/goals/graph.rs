//! Graphs of tasks, and the two ways to walk one that Aura is compared with.

use std::collections::BinaryHeap;

use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::measure::Random;

/// For each task the numbers of those that it waits for, all of them smaller than its own.
pub(crate) type Graph = Vec<Vec<u32>>;

/// Each task waits for the one before it.
pub(crate) fn chain(tasks: u32) -> Graph {
    (0..tasks)
        .map(|task| task.checked_sub(1).into_iter().collect())
        .collect()
}

/// No task waits.
pub(crate) fn independent(tasks: u32) -> Graph {
    vec![Vec::new(); tasks as usize]
}

/// Layers of a hundred tasks, each of which waits for about three of an earlier layer, mostly of the last one.
pub(crate) fn layered(layers: u32) -> Graph {
    const WIDTH: u32 = 100;
    let mut random = Random::new(7);
    let mut graph = Graph::new();
    for layer in 0..layers {
        for _ in 0..WIDTH {
            let mut dependencies = Vec::new();
            if let Some(last) = layer.checked_sub(1) {
                let from = if random.below(10) < 7 {
                    last
                } else {
                    random.below(layer)
                };
                dependencies.extend((0..3).map(|_| from * WIDTH + random.below(WIDTH)));
                dependencies.sort_unstable();
                dependencies.dedup();
            }
            graph.push(dependencies);
        }
    }
    graph
}

/// What is known of a graph while it is walked: the longest remaining path goes first.
struct Walk {
    dependents: Vec<Vec<u32>>,
    open: Vec<usize>,
    ahead: Vec<u32>,
    ready: BinaryHeap<(u32, u32)>,
}

impl Walk {
    fn new(graph: &Graph) -> Self {
        let mut dependents = vec![Vec::new(); graph.len()];
        for (task, dependencies) in (0..).zip(graph) {
            for dependency in dependencies {
                dependents[*dependency as usize].push(task);
            }
        }
        let mut ahead = vec![0; graph.len()];
        for task in (0..graph.len()).rev() {
            let behind = dependents[task]
                .iter()
                .map(|next| ahead[*next as usize] + 1);
            ahead[task] = behind.max().unwrap_or(0);
        }
        let open: Vec<usize> = graph.iter().map(Vec::len).collect();
        let ready = (0..)
            .zip(&open)
            .filter(|(_, open)| **open == 0)
            .map(|(task, _)| (ahead[task as usize], task))
            .collect();
        Self {
            dependents,
            open,
            ahead,
            ready,
        }
    }

    fn end(&mut self, task: u32) {
        for next in &self.dependents[task as usize] {
            let open = &mut self.open[*next as usize];
            *open -= 1;
            if *open == 0 {
                self.ready.push((self.ahead[*next as usize], *next));
            }
        }
    }
}

/// The limit: one thread, counters and a heap. Returns how many tasks it did.
pub(crate) fn by_heap(graph: &Graph) -> usize {
    let mut walk = Walk::new(graph);
    let mut done = 0;
    while let Some((_, task)) = walk.ready.pop() {
        done += 1;
        walk.end(task);
    }
    done
}

/// The peer: a spawned task for each, at most `parallel` at once. Returns how many tasks it did.
pub(crate) fn by_join_set(runtime: &Runtime, graph: &Graph, parallel: usize) -> usize {
    runtime.block_on(async {
        let mut walk = Walk::new(graph);
        let mut tasks = JoinSet::new();
        let mut done = 0;
        loop {
            while tasks.len() < parallel
                && let Some((_, task)) = walk.ready.pop()
            {
                tasks.spawn(async move { task });
            }
            let Some(task) = tasks.join_next().await else {
                return done;
            };
            done += 1;
            walk.end(task.expect("nothing panics"));
        }
    })
}
