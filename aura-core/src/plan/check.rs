//! What one task or the plan as a whole must be, without looking at the graph.

use std::collections::HashSet;

use serde_json::Value;

use super::draft::{DraftTask, Place, Problems};
use super::{Draft, closest, scope, shown};
use crate::error::Problem;

/// Tasks of one plan.
pub(super) const MAX_TASKS: usize = 10_000;
/// Bytes of one field.
pub(super) const MAX_FIELD: usize = 64 * 1024;
/// Bytes of an id: it becomes part of file names, commit trailers and refs.
const MAX_ID: usize = 200;
/// Entries of `files` over all tasks; what bounds the time to find overlaps.
const MAX_FILES: usize = 100_000;
/// Nesting inside `metadata`, so that the plan as a file keeps within its own limit.
const MAX_METADATA_DEPTH: usize = 56;

/// Checks every field, and brings titles and paths to their normal form.
pub(super) fn fields(draft: &mut Draft) {
    plan_level(draft);
    let problems = &mut draft.problems;
    for (index, task) in draft.tasks.iter_mut().enumerate() {
        id(task, index, problems);
        title(task, index, problems);
        lengths(task, problems);
        files(task, problems);
    }
    stated_waves(draft);
}

/// Waves are derived, but what they name must exist: nothing is dropped silently.
fn stated_waves(draft: &mut Draft) {
    let ids: HashSet<&str> = draft
        .tasks
        .iter()
        .map(|task| task.task.id.as_str())
        .collect();
    for stated in &draft.stated_waves {
        if ids.contains(stated.task.as_str()) || draft.problems.is_full() {
            continue;
        }
        let text = format!(
            "the waves name `{}`, which is not in the plan",
            shown(&stated.task)
        );
        let problem = Problem::error("unknown_task", text);
        // In plan order, so that of two equally near names always the same one is offered.
        let known = draft.tasks.iter().map(|task| task.task.id.as_str());
        let problem = match closest(&stated.task, known) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem,
        };
        draft.problems.push(problem, stated.at);
    }
}

fn plan_level(draft: &mut Draft) {
    let problems = &mut draft.problems;
    draft.title = one_line(&draft.title);
    if draft.title.is_empty() {
        problems.push(
            Problem::error("missing_title", "the plan has no title")
                .help("say in one line what is wanted"),
            draft.title_at,
        );
    }
    long("title", &draft.title, None, draft.title_at, problems);
    let description_at = draft.description_at;
    long(
        "description",
        &draft.description,
        None,
        description_at,
        problems,
    );
    if draft.tasks.is_empty() && !problems.has_errors() {
        problems.push(
            Problem::error("no_tasks", "the plan has no tasks"),
            draft.tasks_at,
        );
    }
    let files: usize = draft.tasks.iter().map(|task| task.task.files.len()).sum();
    if files > MAX_FILES {
        problems.push(
            Problem::error(
                "too_many_files",
                format!("the tasks list {files} files, more than {MAX_FILES}"),
            )
            .help("list directories or globs instead of every file"),
            draft.tasks_at,
        );
        for task in &mut draft.tasks {
            task.task.files.clear();
        }
    }
}

fn id(draft: &DraftTask, index: usize, problems: &mut Problems) {
    let id = draft.task.id.as_str();
    if draft.broken.contains(&"id") {
        return;
    }
    let at = draft.place("id");
    if id.trim().is_empty() {
        let title = draft.task.title.trim();
        let which = if title.is_empty() {
            format!("task number {}", index + 1)
        } else {
            format!("task number {} (`{}`)", index + 1, shown(title))
        };
        problems.push(
            Problem::error("missing_id", format!("{which} has no id")),
            at,
        );
    } else if id.len() > MAX_ID || id.trim() != id || id.chars().any(char::is_control) {
        problems.push(
            Problem::error("invalid_id", format!("`{}` cannot be an id", shown(id)))
                .task(shown(id))
                .help(format!(
                    "an id is one line without surrounding blanks, at most {MAX_ID} bytes"
                )),
            at,
        );
    }
}

fn title(draft: &mut DraftTask, index: usize, problems: &mut Problems) {
    draft.task.title = one_line(&draft.task.title);
    if draft.task.title.is_empty() && !draft.broken.contains(&"title") {
        let id = shown(draft.task.id.as_str());
        problems.push(
            Problem::error(
                "missing_title",
                format!("{} has no title", draft.label(index)),
            )
            .task(id),
            draft.place("title"),
        );
    }
}

fn lengths(draft: &DraftTask, problems: &mut Problems) {
    let task = &draft.task;
    let id = Some(task.id.as_str());
    let texts = [
        ("title", task.title.as_str()),
        ("description", task.description.as_str()),
        ("pattern", task.pattern.as_deref().unwrap_or_default()),
        ("agent", task.agent.as_deref().unwrap_or_default()),
    ];
    let hints = task.prompt_hints.iter().map(|text| ("prompt_hints", text));
    let criteria = task
        .acceptance_criteria
        .iter()
        .map(|text| ("acceptance_criteria", text));
    let lists = hints
        .chain(criteria)
        .map(|(name, text)| (name, text.as_str()));
    for (field, text) in texts.into_iter().chain(lists) {
        long(field, text, id, draft.place(field), problems);
    }
    metadata(draft, problems);
}

fn metadata(draft: &DraftTask, problems: &mut Problems) {
    let values = &draft.task.metadata;
    if values.is_empty() {
        return;
    }
    let id = shown(draft.task.id.as_str());
    let at = draft.place("metadata");
    if !values
        .values()
        .all(|value| shallow(value, MAX_METADATA_DEPTH))
    {
        problems.push(
            Problem::error(
                "too_deep",
                format!("the metadata of task `{id}` is nested more than {MAX_METADATA_DEPTH} levels deep"),
            )
            .task(id),
            at,
        );
        return;
    }
    let size = serde_json::to_string(values).map_or(usize::MAX, |text| text.len());
    if size > MAX_FIELD {
        problems.push(too_long("metadata", Some(&id)), at);
    }
}

fn shallow(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(items) => left > 0 && items.iter().all(|item| shallow(item, left - 1)),
        Value::Object(map) => left > 0 && map.values().all(|item| shallow(item, left - 1)),
        _ => true,
    }
}

fn files(draft: &mut DraftTask, problems: &mut Problems) {
    let id = shown(draft.task.id.as_str());
    let fallback = draft.place("files");
    let mut normal: Vec<String> = Vec::with_capacity(draft.task.files.len());
    for (index, raw) in draft.task.files.iter().enumerate() {
        match scope::normalise(raw) {
            Ok(path) => normal.push(path),
            Err(problem) => {
                let at = draft.files_at.get(index).copied().or(fallback);
                problems.push((*problem).task(id.clone()), at);
            }
        }
    }
    let mut seen = HashSet::new();
    normal.retain(|path| seen.insert(path.clone()));
    draft.task.files = normal;
}

fn long(field: &str, text: &str, task: Option<&str>, at: Option<Place>, problems: &mut Problems) {
    if text.len() > MAX_FIELD {
        problems.push(too_long(field, task), at);
    }
}

fn too_long(field: &str, task: Option<&str>) -> Problem {
    let whose = task.map_or_else(
        || "the plan".to_owned(),
        |id| format!("task `{}`", shown(id)),
    );
    let problem = Problem::error(
        "field_too_long",
        format!(
            "`{field}` of {whose} is longer than {} KiB",
            MAX_FIELD / 1024
        ),
    )
    .help("put long texts into a file of the repository and name that file");
    match task {
        Some(id) => problem.task(shown(id)),
        None => problem,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A plan of more tasks than anyone can review is refused before anything is computed from it.
pub(super) fn too_many(tasks: usize) -> Option<Problem> {
    (tasks > MAX_TASKS).then(|| {
        Problem::error(
            "too_many_tasks",
            format!("the plan has {tasks} tasks, more than {MAX_TASKS}"),
        )
        .help("split it into several stories")
    })
}
