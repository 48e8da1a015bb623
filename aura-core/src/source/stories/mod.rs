//! A folder of story files, one task for each story that is not done.
//!
//! A file is cut at its headings by a reader of Markdown; what a line means is read off the line, so that every problem has its
//! place. Nothing is ever written to a story file.

mod depends;
mod document;
mod folder;
mod front;
mod label;
mod name;
mod reference;
mod status;
mod story;
mod text;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::path::{Component, Path, PathBuf};

use self::depends::Dependency;
use self::name::Number;
use self::reference::Target;
use self::status::Status;
use self::story::Story;
use super::plan_file::utf8;
use crate::error::{Problem, Result};
use crate::model::{StoryTask, TaskId};
use crate::plan::{Done, Draft, DraftTask, Place, Problems, shown};

/// Ids that a message names.
const MAX_NAMED: usize = 20;

/// A file that may be a story.
struct Candidate {
    story: Story,
    path: PathBuf,
    /// From the root of the repository.
    shown: String,
}

/// The stories by their numbers.
type Stories = BTreeMap<Number, Candidate>;

/// Reads the stories of a folder.
///
/// # Errors
/// `NotFound` and `Io` for what cannot be read. What is wrong with the stories is in the draft.
pub(super) fn draft(folder: &Path) -> Result<Draft> {
    let mut problems = Problems::of_file(Some(folder.to_owned()));
    let place = inside_repository(folder);
    let mut candidates: BTreeMap<Number, Vec<Candidate>> = BTreeMap::new();
    for found in folder::read(folder, &mut problems)? {
        let file = problems.add_file(found.path.clone());
        let start = Place::new(1, 1).of_file(file);
        let text = match (utf8(&found.bytes), &found.name) {
            (Ok(text), _) => text.strip_prefix('\u{feff}').unwrap_or(text),
            (Err((problem, at)), Some(_)) => {
                problems.push(*problem, Some(at.map_or(start, |at| at.of_file(file))));
                continue;
            }
            (Err(_), None) => continue,
        };
        let Some(name) = &found.name else {
            if story::has_title(text) {
                let message =
                    "this has the title of a story, but not the name of its file; it is left out";
                let problem = Problem::warning("not_a_story", message);
                problems.push(
                    problem.help("call it like `1.3.what-it-is-about.md`"),
                    Some(start),
                );
            }
            continue;
        };
        let story = story::read(text, name, found.folder.as_deref(), (&found.path, file));
        candidates.entry(name.number).or_default().push(Candidate {
            story,
            shown: slashed(&place.join(&found.inside)),
            path: found.path,
        });
    }
    let mut stories = Stories::new();
    for (number, candidates) in candidates {
        if let Some(story) = choose(candidates, &mut problems) {
            stories.insert(number, story);
        }
    }
    let title = format!("Stories in {}", slashed(&place));
    Ok(assemble(title, folder, stories, problems))
}

/// The file that is the story; others are problems, or were never meant to be one.
fn choose(candidates: Vec<Candidate>, problems: &mut Problems) -> Option<Candidate> {
    let has_certain = candidates.iter().any(|one| one.story.is_certain);
    let mut chosen: Option<Candidate> = None;
    for candidate in candidates {
        let story = &candidate.story;
        let is_meant = if has_certain {
            story.is_certain
        } else {
            story.has_status
        };
        if !is_meant {
            let (epic, number) = story.number;
            let text = format!(
                "this is called like story {epic}.{number}, but has not its title; it is left out"
            );
            let help =
                format!("begin it with `# Story {epic}.{number}: ` and a title where it is one");
            let problem = Problem::warning("not_a_story", text).help(help);
            problems.push(problem, Some(story.title_at));
            continue;
        }
        match &chosen {
            None => chosen = Some(candidate),
            Some(first) => {
                let id = id_of(story.number);
                let text = format!("`{id}` is the id of {}, too", first.path.display());
                let problem = Problem::error("duplicate_id", text).task(id);
                problems.push(
                    problem.help("give one of them another number"),
                    Some(story.title_at),
                );
            }
        }
    }
    chosen
}

fn assemble(title: String, folder: &Path, mut stories: Stories, mut problems: Problems) -> Draft {
    let mut done = Vec::new();
    for candidate in stories.values_mut() {
        let story = &mut candidate.story;
        let id = id_of(story.number);
        for (problem, at) in story.problems.drain(..) {
            problems.push(problem.task(id.clone()), Some(at));
        }
        if is_done(story) {
            done.push(Done {
                id,
                epics: story.epics.clone(),
            });
        }
    }
    let mut tasks = Vec::new();
    for candidate in stories.values().filter(|one| !is_done(&one.story)) {
        tasks.push(task(candidate, &stories, &mut problems));
    }
    if stories.is_empty() && !problems.has_errors() {
        let problem = Problem::error("no_stories", "there is no story in this folder");
        let help = "the file of a story is called like `1.3.what-it-is-about.md` and begins with `# Story 1.3: ` and a title";
        problems.push(problem.help(help), None);
    } else if tasks.is_empty() && !problems.has_errors() {
        let text = format!("all {} stories are done", done.len());
        problems.push(Problem::error("nothing_to_do", text), None);
    } else if !done.is_empty() {
        problems.push(done_note(&done, stories.len()), None);
    }
    Draft {
        title,
        tasks,
        done,
        review: true,
        source: Some(folder.display().to_string()),
        problems,
        ..Draft::default()
    }
}

fn done_note(done: &[Done], all: usize) -> Problem {
    let mut named: Vec<&str> = done.iter().map(|done| done.id.as_str()).collect();
    if named.len() > MAX_NAMED {
        named.truncate(MAX_NAMED);
        named.push("..");
    }
    let text = format!(
        "{} of {all} stories are done and no tasks: {}",
        done.len(),
        named.join(", ")
    );
    Problem::warning("done_stories", text)
}

fn is_done(story: &Story) -> bool {
    let status = story.status.as_ref();
    status.is_some_and(|stated| stated.status == Status::Done)
}

fn task(candidate: &Candidate, stories: &Stories, problems: &mut Problems) -> DraftTask {
    let story = &candidate.story;
    let id = id_of(story.number);
    let title = match story.title.trim() {
        "" => format!("Story {id}"),
        title => title.to_owned(),
    };
    let mut task = StoryTask::new(id.as_str(), title);
    task.description = format!("Story file: `{}`\n\n{}", candidate.shown, story.told.text);
    task.acceptance_criteria.clone_from(&story.told.criteria);
    task.metadata
        .insert("story_file".to_owned(), candidate.shown.as_str().into());
    if let Some(epic) = &story.epic {
        task.metadata
            .insert("epic".to_owned(), epic.as_str().into());
    }
    match &story.status {
        Some(stated) => {
            let word = stated.word.as_str();
            task.metadata.insert("status".to_owned(), word.into());
            if stated.status == Status::InReview {
                let hint = format!(
                    "The story file says `{}`: look at what is there already, and do what is missing.",
                    shown(word)
                );
                task.prompt_hints.push(hint);
                let text = format!(
                    "`{id}` is `{}`, so an agent works on it once more",
                    shown(word)
                );
                let problem = Problem::warning("in_review", text).task(id.clone());
                problems.push(
                    problem.help("write `Done` where its work is accepted"),
                    Some(stated.at),
                );
            }
        }
        None if story.has_status => {}
        None => {
            let text = format!("`{id}` has no status, so it counts as not done");
            let problem = Problem::warning("missing_status", text).task(id.clone());
            problems.push(problem, Some(story.title_at));
        }
    }
    let mut draft = DraftTask::new(task, Some(story.title_at));
    draft.epics.clone_from(&story.epics);
    for (text, at) in &story.depends.others {
        let text = format!("`{}` names no story, so nothing waits for it", shown(text));
        let problem = Problem::warning("no_story", text).task(id.clone());
        problems.push(problem, Some(*at));
    }
    if let Some(at) = story.depends.second {
        let text = format!("`{id}` has a second block of dependencies, which is not read");
        let problem = Problem::warning("second_block", text).task(id);
        problems.push(problem.help("put everything into the first"), Some(at));
    }
    depend(&mut draft, story, stories, problems);
    draft
}

/// Adds the edges.
fn depend(draft: &mut DraftTask, story: &Story, stories: &Stories, problems: &mut Problems) {
    let id = id_of(story.number);
    let mut seen = HashSet::new();
    let mut required = serde_json::Map::new();
    for dependency in &story.depends.all {
        let (found, missing) = resolve(dependency, story.number, stories);
        for missing in missing {
            let text = format!("story {id} depends on {missing}, which is not in this folder");
            let problem = Problem::error("unknown_dependency", text).task(id.clone());
            problems.push(problem, Some(dependency.at));
        }
        for number in found {
            let other = id_of(number);
            if let Some(word) = &dependency.required {
                required.insert(other.clone(), word.as_str().into());
            }
            if !is_done(&stories[&number].story) && seen.insert(number) {
                draft.task.depends_on.push(TaskId::from(other));
                draft.depends_at.push(dependency.at);
            }
        }
    }
    if !required.is_empty() {
        let key = "required_status".to_owned();
        draft.task.metadata.insert(key, required.into());
    }
}

/// The stories that are meant, and what is meant and not there.
fn resolve(dependency: &Dependency, own: Number, stories: &Stories) -> (Vec<Number>, Vec<String>) {
    let mut missing = Vec::new();
    let found = match &dependency.target {
        Target::Stories(range) if range.start() == range.end() => {
            let number = *range.start();
            if stories.contains_key(&number) {
                return (vec![number], missing);
            }
            missing.push(format!("story {}", id_of(number)));
            Vec::new()
        }
        Target::Stories(range) => {
            let ends = [range.start(), range.end()].into_iter();
            let absent = ends.filter(|end| !stories.contains_key(end));
            missing.extend(absent.map(|end| format!("story {}", id_of(*end))));
            stories
                .keys()
                .filter(|number| range.contains(number))
                .copied()
                .collect()
        }
        Target::Epics(range) => {
            let has_any = |epic: &u32| stories.keys().any(|number| number.0 == *epic);
            let mut ends = vec![*range.start(), *range.end()];
            ends.dedup();
            missing.extend(
                ends.iter()
                    .filter(|epic| !has_any(epic))
                    .map(|epic| format!("epic {epic}")),
            );
            stories
                .keys()
                .filter(|number| range.contains(&number.0))
                .copied()
                .collect()
        }
    };
    // Who waits for its own epic waits for the rest of it.
    (
        found.into_iter().filter(|number| *number != own).collect(),
        missing,
    )
}

fn id_of((epic, story): Number) -> String {
    format!("{epic}.{story}")
}

/// The folder from the root of its repository on, since an agent has a working copy of its own.
fn inside_repository(folder: &Path) -> PathBuf {
    let whole = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let root = whole.ancestors().find(|above| above.join(".git").exists());
    let inside = root.and_then(|root| whole.strip_prefix(root).ok());
    let name = whole.file_name().map(PathBuf::from).unwrap_or_default();
    inside.map_or(name, Path::to_owned)
}

fn slashed(path: &Path) -> String {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(part) => Some(part.to_string_lossy()),
        _ => None,
    });
    let parts: Vec<_> = parts.collect();
    parts.join("/")
}
