//! The part of a draft that a scope names.

use std::collections::{BTreeSet, HashMap};

use globset::GlobBuilder;

use super::draft::Draft;
use super::{refusal, shown};
use crate::error::{Problem, Result};
use crate::model::{OutOfScope, Plan, Scope};

/// Digits of each part of a numbered id.
const MAX_DIGITS: usize = 9;

/// `1.10` as numbers, so that 1.2 comes before it.
pub(crate) fn numbered(id: &str) -> Option<(u32, u32)> {
    let number = |text: &str| {
        let is_short = (1..=MAX_DIGITS).contains(&text.len());
        (is_short && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let (epic, story) = id.split_once('.')?;
    Some((number(epic)?, number(story)?))
}

/// The name of an epic in the spelling in which names are compared.
pub(crate) fn epic_name(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        ["epic", rest @ ..] if !rest.is_empty() => rest.join("-"),
        all => all.join("-"),
    }
}

/// Something that a word can name: a task, or what is done already.
struct Known<'a> {
    id: &'a str,
    epics: &'a [String],
    /// Its position; `None` where it is done.
    task: Option<usize>,
}

impl Draft {
    /// Judges the draft whole, then the part of it that the scope names.
    ///
    /// # Errors
    /// As [`Draft::build`]; also for words that name nothing, and dependencies out of scope that are refused.
    pub(crate) fn build_scoped(self, scope: &Scope) -> Result<Plan> {
        if scope.words.is_empty() {
            return self.build();
        }
        let mut part = self.clone();
        self.build()?;
        part.select(scope);
        if part.problems.has_errors() {
            return Err(refusal(part.problems));
        }
        part.build()
    }

    fn select(&mut self, scope: &Scope) {
        let mut chosen = BTreeSet::new();
        let tasks = self.tasks.iter().enumerate();
        let tasks = tasks.map(|(position, draft)| Known {
            id: draft.task.id.as_str(),
            epics: &draft.epics,
            task: Some(position),
        });
        let done = self.done.iter().map(|done| Known {
            id: &done.id,
            epics: &done.epics,
            task: None,
        });
        let known: Vec<Known<'_>> = tasks.chain(done).collect();
        let mut wrong = Vec::new();
        for word in &scope.words {
            match named(word, &known) {
                Ok(found) => chosen.extend(found.into_iter().filter_map(|found| found.task)),
                Err(problem) => wrong.push(*problem),
            }
        }
        let is_done = wrong.is_empty() && chosen.is_empty();
        for problem in wrong {
            self.problems.push(problem, None);
        }
        let before = chosen.clone();
        self.settle_dependencies(&mut chosen, scope.out_of_scope);
        if chosen.is_empty() && !self.problems.has_errors() {
            let text = if is_done {
                "everything that the scope names is done"
            } else {
                "everything that the scope names was left out, since it depends on what is out of scope"
            };
            self.problems
                .push(Problem::error("nothing_to_do", text), None);
        }
        let told: BTreeSet<String> = before
            .union(&chosen)
            .map(|position| shown(self.tasks[*position].task.id.as_str()))
            .collect();
        let is_told = |task: &String| told.contains(task);
        self.problems
            .retain_warnings(|problem| problem.task.as_ref().is_none_or(is_told));
        self.keep(&chosen);
    }

    fn keep(&mut self, chosen: &BTreeSet<usize>) {
        let mut position = 0;
        self.tasks.retain(|_| {
            position += 1;
            chosen.contains(&(position - 1))
        });
        let kept: BTreeSet<&str> = self
            .tasks
            .iter()
            .map(|task| task.task.id.as_str())
            .collect();
        self.stated_waves
            .retain(|stated| kept.contains(stated.task.as_str()));
    }

    fn settle_dependencies(&mut self, chosen: &mut BTreeSet<usize>, what: OutOfScope) {
        let positions = self.tasks.iter().enumerate();
        let positions: HashMap<String, usize> = positions
            .map(|(position, draft)| (draft.task.id.to_string(), position))
            .collect();
        let mut dependants: Vec<Vec<usize>> = vec![Vec::new(); self.tasks.len()];
        for (position, draft) in self.tasks.iter().enumerate() {
            for dependency in &draft.task.depends_on {
                if let Some(&other) = positions.get(dependency.as_str()) {
                    dependants[other].push(position);
                }
            }
        }
        let mut waiting: Vec<usize> = chosen.iter().copied().collect();
        // Ends: each round either takes in a task or leaves one out.
        while let Some(position) = waiting.pop() {
            if !chosen.contains(&position) {
                continue;
            }
            for (index, dependency) in self.tasks[position].task.depends_on.iter().enumerate() {
                let Some(&other) = positions.get(dependency.as_str()) else {
                    continue;
                };
                if chosen.contains(&other) {
                    continue;
                }
                let draft = &self.tasks[position];
                let at = draft.depends_at.get(index).copied().or(draft.at);
                let (id, needed) = (shown(draft.task.id.as_str()), shown(dependency.as_str()));
                let problem = match what {
                    OutOfScope::Refuse => Problem::error(
                        "out_of_scope",
                        format!("`{id}` depends on `{needed}`, which is neither in the scope nor done"),
                    )
                    .help(
                        "name it too, let the scope expand to what is needed, or skip what needs more; \
                         on the command line: --out-of-scope expand, or skip",
                    ),
                    OutOfScope::Expand => {
                        chosen.insert(other);
                        waiting.push(other);
                        let text = format!("`{needed}` is taken in, since `{id}` depends on it");
                        Problem::warning("scope_expanded", text)
                    }
                    OutOfScope::Skip => {
                        chosen.remove(&position);
                        waiting.append(&mut dependants[position]);
                        let text = format!(
                            "`{id}` is left out, since it depends on `{needed}`, which is not in the scope or was left out"
                        );
                        Problem::warning("left_out", text)
                    }
                };
                self.problems.push(problem.task(id), at);
                if what == OutOfScope::Skip {
                    break;
                }
            }
        }
    }
}

/// What a word names; never nothing.
fn named<'a, 'b>(word: &str, known: &'b [Known<'a>]) -> Result<Vec<&'b Known<'a>>, Box<Problem>> {
    let all = |fits: &dyn Fn(&Known<'_>) -> bool| -> Vec<&'b Known<'a>> {
        known.iter().filter(|known| fits(known)).collect()
    };
    let found = all(&|known| known.id == word);
    if !found.is_empty() {
        return Ok(found);
    }
    let found = if let Some(name) = word.strip_prefix("epic:") {
        let name = epic_name(name);
        all(&|known| known.epics.contains(&name))
    } else if word.contains(['*', '?', '[', '{']) {
        let glob = GlobBuilder::new(word).build().map_err(|error| {
            let text = format!("the scope `{}` is no glob: {}", shown(word), error.kind());
            Box::new(Problem::error("invalid_scope", text))
        })?;
        let glob = glob.compile_matcher();
        all(&|known| glob.is_match(known.id))
    } else if let Some((from, to)) = range(word) {
        return between(word, from, to, known);
    } else {
        Vec::new()
    };
    if found.is_empty() {
        return Err(Box::new(nothing(word, word)));
    }
    Ok(found)
}

fn range(word: &str) -> Option<((u32, u32), (u32, u32))> {
    let (from, to) = word.split_once('-')?;
    Some((numbered(from)?, numbered(to)?))
}

fn between<'a, 'b>(
    word: &str,
    from: (u32, u32),
    to: (u32, u32),
    known: &'b [Known<'a>],
) -> Result<Vec<&'b Known<'a>>, Box<Problem>> {
    if from > to {
        let text = format!("the scope `{}` ends before it begins", shown(word));
        return Err(Box::new(Problem::error("invalid_scope", text)));
    }
    for end in [from, to] {
        if !known.iter().any(|known| numbered(known.id) == Some(end)) {
            return Err(Box::new(nothing(word, &format!("{}.{}", end.0, end.1))));
        }
    }
    let is_between = |id: &str| numbered(id).is_some_and(|number| (from..=to).contains(&number));
    Ok(known.iter().filter(|known| is_between(known.id)).collect())
}

fn nothing(word: &str, name: &str) -> Problem {
    let text = if word == name {
        format!("the scope names `{}`, which is not there", shown(word))
    } else {
        let (word, name) = (shown(word), shown(name));
        format!("the scope `{word}` names `{name}`, which is not there")
    };
    Problem::error("unknown_scope", text).help(
        "a scope is an id (1.3), a range with both ends (1.1-1.5), a glob (1.*) or an epic of story files (epic:auth)",
    )
}
