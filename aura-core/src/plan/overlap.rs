//! Orders for tasks that mean to touch the same files.
//!
//! Tasks are visited along one topological order of the declared graph, and every added edge points
//! forward in it, so no edge closes a cycle. Users of one path form a chain: each waits for the last one
//! only. A directory that is visited takes over everything below it, which keeps the work near-linear.

use std::collections::HashMap;

use super::draft::{DraftTask, Problems};
use super::graph::Graph;
use super::scope::{Entry, PathEntry};
use super::shown;
use crate::error::Problem;

/// Different globs that are compared one by one; further ones count as the directory they start in.
const MAX_GLOBS: usize = 64;
/// Overlaps named for one edge.
const MAX_NAMED: usize = 3;

/// An order that the declared graph does not have.
#[derive(Debug)]
pub(super) struct Added {
    pub(super) before: usize,
    pub(super) after: usize,
    pub(super) why: String,
}

/// Adds the missing orders to `graph` and returns them. `order` is topological.
pub(super) fn order_overlaps(
    tasks: &[DraftTask],
    graph: &mut Graph,
    order: &[usize],
    reach: &mut Reach,
    problems: &mut Problems,
) -> Vec<Added> {
    let catalogue = Catalogue::new(tasks, problems);
    let mut rank = vec![0; tasks.len()];
    for (index, &task) in order.iter().enumerate() {
        rank[task] = index;
    }
    let mut sweep = Sweep::new(&catalogue);
    let mut added = Vec::new();
    for &task in order {
        for &before in &graph.before[task] {
            reach.include(task, before);
        }
        let mut users = sweep.visit(task, &catalogue.of_task[task]);
        // The latest first: what it waits for needs no edge of its own.
        users.sort_by_key(|user| (std::cmp::Reverse(rank[user.task]), user.theirs, user.mine));
        users.dedup();
        for group in users.chunk_by(|a, b| a.task == b.task) {
            let before = group[0].task;
            if reach.has(task, before) {
                continue;
            }
            reach.include(task, before);
            added.push(Added {
                before,
                after: task,
                why: catalogue.why(group),
            });
        }
    }
    for edge in &added {
        graph.add(edge.before, edge.after);
    }
    added
}

/// Who waits for whom, directly or through others: one bit per pair.
#[derive(Debug)]
pub(super) struct Reach {
    words: usize,
    bits: Vec<u64>,
}

impl Reach {
    pub(super) fn new(tasks: usize) -> Self {
        let words = tasks.div_ceil(64);
        Self {
            words,
            bits: vec![0; words * tasks],
        }
    }

    /// Whether `task` waits for `before`.
    pub(super) fn has(&self, task: usize, before: usize) -> bool {
        self.bits[task * self.words + before / 64] & (1 << (before % 64)) != 0
    }

    /// `task` waits for `before` and for all that `before` waits for.
    fn include(&mut self, task: usize, before: usize) {
        if self.has(task, before) {
            return;
        }
        let (to, from) = (task * self.words, before * self.words);
        for word in 0..self.words {
            self.bits[to + word] |= self.bits[from + word];
        }
        self.bits[to + before / 64] |= 1 << (before % 64);
    }
}

/// An earlier task that the visited one must wait for, and the two entries that say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct User {
    task: usize,
    theirs: usize,
    mine: usize,
}

/// Every distinct entry of `files`, read once.
struct Catalogue {
    texts: Vec<String>,
    /// Components of the path, or of the directory a surplus glob counts as; `None` for globs.
    paths: Vec<Option<PathEntry>>,
    /// Which glob an entry is, counted from 0.
    glob_number: Vec<Option<usize>>,
    globs: usize,
    /// The globs that overlap each entry, other than itself.
    rivals: Vec<Vec<usize>>,
    of_task: Vec<Vec<usize>>,
}

impl Catalogue {
    fn new(tasks: &[DraftTask], problems: &mut Problems) -> Self {
        let mut catalogue = Self {
            texts: Vec::new(),
            paths: Vec::new(),
            glob_number: Vec::new(),
            globs: 0,
            rivals: Vec::new(),
            of_task: Vec::with_capacity(tasks.len()),
        };
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut entries = Vec::new();
        let mut widened = 0;
        for draft in tasks {
            let mut own = Vec::with_capacity(draft.task.files.len());
            for text in &draft.task.files {
                if let Some(&number) = numbers.get(text.as_str()) {
                    own.push(number);
                    continue;
                }
                let Some(entry) = Entry::parse(text) else {
                    continue;
                };
                let number = entries.len();
                numbers.insert(text, number);
                own.push(number);
                catalogue.texts.push(text.clone());
                widened += usize::from(catalogue.push(&entry));
                entries.push(entry);
            }
            catalogue.of_task.push(own);
        }
        if widened > 0 {
            problems.push(widened_globs(widened), None);
        }
        catalogue.find_rivals(&entries);
        catalogue
    }

    /// Returns whether the entry was one glob too many.
    fn push(&mut self, entry: &Entry) -> bool {
        let is_glob = matches!(entry, Entry::Glob(_));
        let surplus = is_glob && self.globs >= MAX_GLOBS;
        let kept = is_glob && !surplus;
        self.paths.push((!kept).then(|| entry.widened()));
        self.glob_number.push(kept.then_some(self.globs));
        self.globs += usize::from(kept);
        surplus
    }

    fn find_rivals(&mut self, entries: &[Entry]) {
        let globs: Vec<(usize, usize)> = (0..entries.len())
            .filter_map(|entry| self.glob_number[entry].map(|number| (entry, number)))
            .collect();
        for (number, entry) in entries.iter().enumerate() {
            let widened = self.paths[number].clone().map(Entry::Path);
            let entry = widened.as_ref().unwrap_or(entry);
            let rivals = globs
                .iter()
                .filter(|(other, _)| *other != number && entries[*other].overlaps(entry))
                .map(|(_, glob)| *glob)
                .collect();
            self.rivals.push(rivals);
        }
    }

    fn why(&self, users: &[User]) -> String {
        let shared = users.iter().take(MAX_NAMED).map(|user| {
            let (mine, theirs) = (
                shown(&self.texts[user.mine]),
                shown(&self.texts[user.theirs]),
            );
            if mine == theirs {
                format!("both touch `{mine}`")
            } else {
                format!("`{theirs}` overlaps `{mine}`")
            }
        });
        let mut why = shared.collect::<Vec<_>>().join(", ");
        if users.len() > MAX_NAMED {
            why.push_str(&format!(" and {} more", users.len() - MAX_NAMED));
        }
        why
    }
}

fn widened_globs(count: usize) -> Problem {
    Problem::warning(
        "glob_widened",
        format!(
            "the plan has more than {MAX_GLOBS} different globs; the last {count} count as the whole directory they start in"
        ),
    )
    .help("name directories (`src/api/`) instead of globs")
}

/// Who touched what last.
struct Sweep<'a> {
    catalogue: &'a Catalogue,
    root: Node,
    globs: Vec<GlobUsers>,
}

/// A path, and the paths below it that were touched after it.
#[derive(Default)]
struct Node {
    last: Option<(usize, usize)>,
    below: HashMap<String, Node>,
}

#[derive(Default)]
struct GlobUsers {
    /// The last task with the glob itself.
    last: Option<(usize, usize)>,
    /// Tasks with an overlapping entry since then.
    since: Vec<(usize, usize)>,
}

impl<'a> Sweep<'a> {
    fn new(catalogue: &'a Catalogue) -> Self {
        Self {
            catalogue,
            root: Node::default(),
            globs: std::iter::repeat_with(GlobUsers::default)
                .take(catalogue.globs)
                .collect(),
        }
    }

    /// The earlier tasks that `task` has files in common with; a sufficient part of them, because the
    /// others come before one of these.
    fn visit(&mut self, task: usize, entries: &[usize]) -> Vec<User> {
        let mut users = Vec::new();
        for &mine in entries {
            let mut found = Vec::new();
            if let Some(path) = &self.catalogue.paths[mine] {
                touch(&mut self.root, &path.parts, (task, mine), &mut found);
            }
            if let Some(own) = self.catalogue.glob_number[mine] {
                let glob = &mut self.globs[own];
                found.extend(glob.last.replace((task, mine)));
                found.append(&mut glob.since);
            }
            for &rival in &self.catalogue.rivals[mine] {
                let glob = &mut self.globs[rival];
                found.extend(glob.last);
                glob.since.push((task, mine));
            }
            users.extend(
                found
                    .into_iter()
                    .filter(|(other, _)| *other != task)
                    .map(|(task, theirs)| User { task, theirs, mine }),
            );
        }
        users
    }
}

fn touch(root: &mut Node, parts: &[String], user: (usize, usize), found: &mut Vec<(usize, usize)>) {
    let mut node = root;
    for part in parts {
        found.extend(node.last);
        node = node.below.entry(part.clone()).or_default();
    }
    found.extend(node.last.replace(user));
    for below in std::mem::take(&mut node.below).into_values() {
        collect(below, found);
    }
}

fn collect(node: Node, found: &mut Vec<(usize, usize)>) {
    found.extend(node.last);
    for below in node.below.into_values() {
        collect(below, found);
    }
}
