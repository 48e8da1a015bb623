//! Cuts the graph into waves and keeps exclusive tasks apart.

use super::draft::{DraftTask, Problems, StatedWave};
use super::graph::Graph;
use super::overlap::{Added, Reach};
use super::shown;
use crate::error::Problem;

/// Waves by plan position. Within a round of the graph the parallel tasks come first, then each
/// exclusive task (`parallel_safe: false`) in a wave of its own.
pub(super) fn derive(tasks: &[DraftTask], graph: &Graph) -> Vec<Vec<usize>> {
    let mut waves = Vec::new();
    for round in graph.rounds() {
        let (together, alone): (Vec<usize>, Vec<usize>) = round
            .into_iter()
            .partition(|&task| tasks[task].task.parallel_safe);
        if !together.is_empty() {
            waves.push(together);
        }
        waves.extend(alone.into_iter().map(|task| vec![task]));
    }
    waves
}

/// Adds the orders that keep every exclusive task apart from all others, also where no barrier between
/// waves does: everything of an earlier wave comes before it, everything of a later one after it.
pub(super) fn isolate(
    tasks: &[DraftTask],
    waves: &[Vec<usize>],
    graph: &mut Graph,
    reach: &Reach,
) -> Vec<Added> {
    let exclusive = |wave: &[usize]| wave.len() == 1 && !tasks[wave[0]].task.parallel_safe;
    // Which stretch between two exclusive tasks each task is in.
    let mut stretch = vec![0; tasks.len()];
    let mut stretches: Vec<Vec<usize>> = vec![Vec::new()];
    let mut alone = Vec::new();
    for wave in waves {
        if exclusive(wave) {
            alone.push(wave[0]);
            stretches.push(Vec::new());
            stretch[wave[0]] = usize::MAX;
        } else if let Some(current) = stretches.last_mut() {
            current.extend(wave);
            let number = alone.len();
            wave.iter().for_each(|&task| stretch[task] = number);
        }
    }
    let inside =
        |task: usize, others: &[usize]| others.iter().any(|&other| stretch[other] == stretch[task]);
    let mut pairs: Vec<(usize, usize, usize)> = Vec::new();
    for (number, &task) in alone.iter().enumerate() {
        let earlier = &stretches[number];
        let ends = earlier.iter().filter(|&&t| !inside(t, &graph.after[t]));
        pairs.extend(ends.map(|&end| (end, task, task)));
        if earlier.is_empty() && number > 0 {
            pairs.push((alone[number - 1], task, task));
        }
        let later = &stretches[number + 1];
        let starts = later.iter().filter(|&&t| !inside(t, &graph.before[t]));
        pairs.extend(starts.map(|&start| (task, start, task)));
    }
    let mut added = Vec::new();
    for (before, after, who) in pairs {
        if !reach.has(after, before) {
            graph.add(before, after);
            added.push(Added {
                before,
                after,
                why: format!("`{}` runs alone", shown(tasks[who].task.id.as_str())),
            });
        }
    }
    added
}

/// Reports stated waves that are earlier than the derived ones. Numbers count from 0 where any of
/// them is 0, otherwise from 1.
pub(super) fn compare(
    stated: &[StatedWave],
    tasks: &[DraftTask],
    wave_of: &[usize],
    graph: &Graph,
    problems: &mut Problems,
) {
    let first = u64::from(stated.iter().all(|stated| stated.wave > 0));
    let positions: std::collections::HashMap<&str, usize> = tasks
        .iter()
        .enumerate()
        .map(|(position, draft)| (draft.task.id.as_str(), position))
        .collect();
    for stated in stated {
        let Some(&position) = positions.get(stated.task.as_str()) else {
            continue;
        };
        let derived = wave_of[position] as u64;
        if stated.wave - first >= derived {
            continue;
        }
        let blocker = graph.before[position]
            .iter()
            .max_by_key(|&&before| wave_of[before])
            .map(|&before| shown(tasks[before].task.id.as_str()));
        let id = shown(&stated.task);
        let reason = blocker.map_or_else(
            || "it has to run alone".to_owned(),
            |blocker| format!("it comes after `{blocker}`"),
        );
        problems.push(
            Problem::warning(
                "wave_too_early",
                format!(
                    "the plan puts task `{id}` into wave {}, but {reason}; it runs in wave {} (counted from {first})",
                    stated.wave,
                    derived + first,
                ),
            )
            .task(id),
            stated.at,
        );
    }
}
