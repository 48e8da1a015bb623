//! The graph that the tasks declare: validation, topological order, longest chain.

use std::collections::{HashMap, HashSet, VecDeque};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::DiGraph;

use super::draft::{DraftTask, Place, Problems};
use super::{closest, shown};
use crate::error::Problem;
use crate::model::{Complexity, StoryTask};

/// A longer cycle is shown with its middle left out.
const MAX_CYCLE_SHOWN: usize = 60;
/// Each suggestion compares one name with all others.
const MAX_SUGGESTIONS: usize = 50;

/// Who waits for whom, by plan position.
#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    /// What each task waits for, ascending.
    pub(super) before: Vec<Vec<usize>>,
    /// What waits for each task, ascending.
    pub(super) after: Vec<Vec<usize>>,
}

impl Graph {
    pub(super) fn new(tasks: usize) -> Self {
        Self {
            before: vec![Vec::new(); tasks],
            after: vec![Vec::new(); tasks],
        }
    }

    pub(super) fn add(&mut self, before: usize, after: usize) {
        self.before[after].push(before);
        self.after[before].push(after);
    }

    /// Rounds of tasks: each round waits for earlier rounds only, and for at least one task of the
    /// round just before it. Tasks on or behind a cycle are in no round.
    pub(super) fn rounds(&self) -> Vec<Vec<usize>> {
        let mut waiting: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let mut round: Vec<usize> = (0..waiting.len()).filter(|&t| waiting[t] == 0).collect();
        let mut rounds = Vec::new();
        while !round.is_empty() {
            let mut next = Vec::new();
            for &task in &round {
                for &after in &self.after[task] {
                    waiting[after] -= 1;
                    if waiting[after] == 0 {
                        next.push(after);
                    }
                }
            }
            next.sort_unstable();
            rounds.push(std::mem::replace(&mut round, next));
        }
        rounds
    }
}

/// Reads the declared graph; unknown, repeated and self dependencies, duplicate ids and cycles are
/// problems, and are left out of the result.
pub(super) fn declared(tasks: &[DraftTask], problems: &mut Problems) -> Graph {
    let ids = unique_ids(tasks, problems);
    let mut graph = Graph::new(tasks.len());
    let mut suggestions = 0;
    for (position, draft) in tasks.iter().enumerate() {
        let mut seen = HashSet::new();
        for (index, dependency) in draft.task.depends_on.iter().enumerate() {
            let at = dependency_place(draft, index);
            let name = dependency.as_str();
            let own = draft.task.id.as_str();
            if !seen.insert(name) {
                let text = format!("{} names `{}` twice", draft.label(position), shown(name));
                let problem = Problem::warning("repeated_dependency", text);
                problems.push(problem.task(shown(own)), at);
            } else if name == own {
                let text = format!("{} depends on itself", draft.label(position));
                let problem = Problem::error("self_dependency", text);
                problems.push(problem.task(shown(own)), at);
            } else if let Some(&before) = ids.get(name) {
                graph.add(before, position);
            } else if problems.is_full() || suggestions >= MAX_SUGGESTIONS {
                problems.push(unknown(draft, position, name, None), at);
            } else {
                suggestions += 1;
                let known = tasks.iter().map(|task| task.task.id.as_str());
                let near = closest(name, known.filter(|known| *known != own));
                problems.push(unknown(draft, position, name, near), at);
            }
        }
    }
    cycles(tasks, &graph, problems);
    graph
}

fn unique_ids<'a>(tasks: &'a [DraftTask], problems: &mut Problems) -> HashMap<&'a str, usize> {
    let mut ids: HashMap<&str, usize> = HashMap::with_capacity(tasks.len());
    for (position, draft) in tasks.iter().enumerate() {
        let id = draft.task.id.as_str();
        if id.is_empty() {
            continue;
        }
        let first = *ids.entry(id).or_insert(position);
        if first == position {
            continue;
        }
        let earlier = tasks[first].place("id").map_or_else(
            || format!("it is also the id of task number {}", first + 1),
            |place| format!("line {} has it already", place.line),
        );
        problems.push(
            Problem::error(
                "duplicate_id",
                format!("two tasks have the id `{}`; {earlier}", shown(id)),
            )
            .task(shown(id)),
            draft.place("id"),
        );
    }
    ids
}

fn unknown(draft: &DraftTask, position: usize, name: &str, near: Option<&str>) -> Problem {
    let label = draft.label(position);
    let problem = Problem::error(
        "unknown_dependency",
        format!(
            "{label} depends on `{}`, which is not in the plan",
            shown(name)
        ),
    )
    .task(shown(draft.task.id.as_str()));
    match near {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem,
    }
}

fn dependency_place(draft: &DraftTask, index: usize) -> Option<Place> {
    draft
        .depends_at
        .get(index)
        .copied()
        .or_else(|| draft.place("depends_on"))
}

/// One problem per group of tasks that wait for each other, with a shortest cycle of the group.
fn cycles(tasks: &[DraftTask], graph: &Graph, problems: &mut Problems) {
    let free: HashSet<usize> = graph.rounds().into_iter().flatten().collect();
    if free.len() == tasks.len() {
        return;
    }
    let mut rest = DiGraph::<usize, ()>::new();
    let mut nodes = HashMap::new();
    for task in (0..tasks.len()).filter(|task| !free.contains(task)) {
        nodes.insert(task, rest.add_node(task));
    }
    for (&task, &node) in &nodes {
        for before in &graph.before[task] {
            if let Some(&other) = nodes.get(before) {
                rest.add_edge(node, other, ());
            }
        }
    }
    // Not tarjan_scc: it recurses once per task of a chain, which a plan can make too long.
    let mut groups: Vec<Vec<usize>> = kosaraju_scc(&rest)
        .into_iter()
        .filter(|group| group.len() > 1)
        .map(|group| group.into_iter().map(|node| rest[node]).collect())
        .collect();
    for group in &mut groups {
        group.sort_unstable();
    }
    groups.sort_unstable();
    for group in groups {
        report_cycle(tasks, graph, &group, problems);
    }
}

fn report_cycle(tasks: &[DraftTask], graph: &Graph, group: &[usize], problems: &mut Problems) {
    let cycle = shortest_cycle(graph, group);
    let id = |task: usize| shown(tasks[task].task.id.as_str());
    let mut names: Vec<String> = cycle.iter().map(|&task| id(task)).collect();
    names.push(id(cycle[0]));
    if names.len() > MAX_CYCLE_SHOWN {
        let left_out = names.len() - MAX_CYCLE_SHOWN;
        let middle = MAX_CYCLE_SHOWN / 2;
        names.splice(middle..middle + left_out, [format!("({left_out} more)")]);
    }
    let others = group.len() - cycle.len();
    let more = if others > 0 {
        format!("; {others} more tasks are part of the same knot")
    } else {
        String::new()
    };
    let first = &tasks[cycle[0]];
    let next = cycle[1 % cycle.len()];
    let index = first
        .task
        .depends_on
        .iter()
        .position(|dependency| *dependency == tasks[next].task.id)
        .unwrap_or(0);
    problems.push(
        Problem::error(
            "cycle",
            format!(
                "tasks wait for each other: {} (each waits for the next){more}",
                names.join(" -> ")
            ),
        )
        .task(id(cycle[0]))
        .help("remove one of these dependencies"),
        dependency_place(first, index),
    );
}

/// A shortest cycle through the first task of a strongly connected group, each task followed by one
/// that it waits for.
fn shortest_cycle(graph: &Graph, group: &[usize]) -> Vec<usize> {
    let start = group[0];
    let members: HashSet<usize> = group.iter().copied().collect();
    let mut came_from: HashMap<usize, usize> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(task) = queue.pop_front() {
        if graph.before[task].contains(&start) {
            let mut path = vec![task];
            let mut at = task;
            while at != start {
                at = came_from[&at];
                path.push(at);
            }
            path.reverse();
            return path;
        }
        for &before in &graph.before[task] {
            if members.contains(&before) && before != start && !came_from.contains_key(&before) {
                came_from.insert(before, task);
                queue.push_back(before);
            }
        }
    }
    vec![start]
}

/// The longest chain from first to last, weighted by complexity where the plan states any.
///
/// `order` is topological. Of equally long chains the one through earlier tasks is taken.
pub(super) fn critical_path(tasks: &[StoryTask], graph: &Graph, order: &[usize]) -> Vec<usize> {
    let mut length = vec![0u64; tasks.len()];
    let mut previous: Vec<Option<usize>> = vec![None; tasks.len()];
    let mut last: Option<usize> = None;
    for &task in order {
        for &before in &graph.before[task] {
            let better = match previous[task] {
                None => true,
                Some(other) => (length[before], other) > (length[other], before),
            };
            if better {
                previous[task] = Some(before);
            }
        }
        length[task] = weight(&tasks[task]) + previous[task].map_or(0, |before| length[before]);
        let longer = match last {
            None => true,
            Some(other) => (length[task], other) > (length[other], task),
        };
        if longer {
            last = Some(task);
        }
    }
    let mut path = Vec::new();
    while let Some(task) = last {
        path.push(task);
        last = previous[task];
    }
    path.reverse();
    path
}

/// A task without an estimate counts as a medium one, so that a plan without any has unit weights.
fn weight(task: &StoryTask) -> u64 {
    match task.complexity {
        Some(Complexity::Small) => 1,
        None | Some(Complexity::Medium) => 3,
        Some(Complexity::Large) => 9,
    }
}
