//! A tree to a draft: every shape in which people and models write plans.

use crate::error::Problem;
use crate::model::{Complexity, StoryTask, TaskId};
use crate::plan::{Draft, DraftTask, Place, Problems, StatedWave, closest, shown};

use super::node::{Data, Field, Node, to_map};

/// The keys of a task, each with the spellings that are read, in snake case.
const TASK_KEYS: [(&str, &[&str]); 15] = [
    ("id", &["id"]),
    ("title", &["title", "name"]),
    ("description", &["description"]),
    ("files", &["files"]),
    ("depends_on", &["depends_on", "dependencies"]),
    ("wave", &["wave"]),
    ("parallel_safe", &["parallel_safe"]),
    ("no_change_ok", &["no_change_ok"]),
    ("removes_tests", &["removes_tests"]),
    ("pattern", &["pattern"]),
    ("complexity", &["complexity", "estimated_complexity"]),
    ("prompt_hints", &["prompt_hints"]),
    ("acceptance_criteria", &["acceptance_criteria"]),
    ("agent", &["agent"]),
    ("metadata", &["metadata"]),
];
const PLAN_KEYS: [(&str, &[&str]); 7] = [
    ("$schema", &["$schema"]),
    ("story", &["story"]),
    ("title", &["title", "name"]),
    ("description", &["description"]),
    ("tasks", &["tasks"]),
    ("waves", &["waves"]),
    ("review", &["review"]),
];
const STORY_KEYS: [(&str, &[&str]); 2] = [
    ("title", &["title", "name"]),
    ("description", &["description"]),
];
const WAVE_KEYS: [(&str, &[&str]); 3] = [
    ("wave", &["wave"]),
    ("index", &["index"]),
    ("tasks", &["tasks"]),
];

/// What the document says, with everything that is wrong with its shape among the draft's problems.
pub(super) fn draft(root: &Node, problems: Problems) -> Draft {
    let mut reader = Reader {
        draft: Draft {
            problems,
            tasks_at: Some(root.at),
            title_at: Some(root.at),
            ..Draft::default()
        },
    };
    match &root.data {
        Data::List(_) => reader.tasks(root),
        Data::Map(fields) => reader.plan(root, fields),
        _ => reader.wrong(
            "the plan",
            "a list of tasks or a mapping with `tasks`",
            root,
        ),
    }
    reader.draft
}

/// Whether a value found between sentences is meant to be a plan.
pub(super) fn looks_like_plan(root: &Node) -> bool {
    match &root.data {
        Data::List(items) => items.iter().any(|item| matches!(item.data, Data::Map(_))),
        Data::Map(fields) => fields.iter().any(|field| field.key == "tasks"),
        _ => false,
    }
}

struct Reader {
    draft: Draft,
}

impl Reader {
    fn problem(&mut self, problem: Problem, at: Place) {
        self.draft.problems.push(problem, Some(at));
    }

    fn wrong(&mut self, what: &str, expected: &str, found: &Node) {
        self.problem(wrong_type(what, expected, found), found.at);
    }

    /// Pairs the fields with their canonical names; unknown and repeated ones are problems.
    fn named<'a>(
        &mut self,
        owner: &str,
        fields: &'a [Field],
        keys: &[(&'static str, &[&'static str])],
    ) -> Vec<(&'static str, &'a Field)> {
        let mut named: Vec<(&'static str, &'a Field)> = Vec::new();
        for field in fields {
            let snake = snake_case(&field.key);
            let Some(&(name, _)) = keys.iter().find(|(_, all)| all.contains(&snake.as_str()))
            else {
                self.problem(unknown_key(owner, &field.key, keys), field.at);
                continue;
            };
            match named.iter().find(|(other, _)| *other == name) {
                Some((_, first)) => {
                    let text = format!(
                        "`{}` means the same as `{}` in line {}",
                        shown(&field.key),
                        shown(&first.key),
                        first.at.line
                    );
                    self.problem(Problem::error("duplicate_key", text), field.at);
                }
                None => named.push((name, field)),
            }
        }
        named
    }

    fn plan(&mut self, root: &Node, fields: &[Field]) {
        let named = self.named("the plan", fields, &PLAN_KEYS);
        let find = |key: &str| named.iter().find(|(name, _)| *name == key).map(|(_, f)| *f);
        let story = find("story").filter(|field| !field.value.is_null());
        if let Some(field) = story {
            self.story(&field.value);
        }
        for key in ["title", "description"] {
            if let Some(field) = find(key)
                && let Some(text) = self.text(&format!("`{key}`"), &field.value)
            {
                self.set(key, text, field.value.at, field.at);
            }
        }
        match find("tasks") {
            Some(field) => self.tasks(&field.value),
            None => self.problem(
                Problem::error("missing_tasks", "the plan has no `tasks`"),
                root.at,
            ),
        }
        if let Some(field) = find("waves") {
            self.waves(&field.value);
        }
        if let Some(field) = find("review").filter(|field| !field.value.is_null()) {
            self.draft.review = self.flag("`review`", &field.value).unwrap_or_default();
        }
    }

    fn story(&mut self, node: &Node) {
        let Data::Map(fields) = &node.data else {
            if let Some(text) = self.text("`story`", node) {
                self.set("title", text, node.at, node.at);
            }
            return;
        };
        for (key, field) in self.named("`story`", fields, &STORY_KEYS) {
            if let Some(text) = self.text(&format!("`{key}` of the story"), &field.value) {
                self.set(key, text, field.value.at, field.at);
            }
        }
    }

    /// A story and the plan itself may both have a title, but not say it twice.
    fn set(&mut self, key: &str, text: String, at: Place, key_at: Place) {
        let (value, place) = match key {
            "title" => (&mut self.draft.title, &mut self.draft.title_at),
            _ => (&mut self.draft.description, &mut self.draft.description_at),
        };
        if value.is_empty() {
            *value = text;
            *place = Some(at);
        } else {
            let text = format!("the {key} is already given by `story`");
            self.problem(Problem::error("duplicate_key", text), key_at);
        }
    }

    fn tasks(&mut self, node: &Node) {
        self.draft.tasks_at = Some(node.at);
        let Data::List(items) = &node.data else {
            self.wrong("`tasks`", "a list", node);
            return;
        };
        for (index, item) in items.iter().enumerate() {
            match &item.data {
                Data::Map(fields) => self.task(index, item.at, fields),
                _ => self.wrong(&format!("task number {}", index + 1), "a mapping", item),
            }
        }
    }

    fn task(&mut self, index: usize, at: Place, fields: &[Field]) {
        let owner = fields
            .iter()
            .find(|field| field.key == "id")
            .and_then(|field| field.value.spelling())
            .map_or_else(
                || format!("task number {}", index + 1),
                |id| format!("task `{}`", shown(id)),
            );
        let mut task = DraftTask::new(StoryTask::new("", ""), Some(at));
        for (key, field) in self.named(&owner, fields, &TASK_KEYS) {
            if field.value.is_null() {
                continue;
            }
            task.fields.push((key, field.value.at));
            let what = format!("`{}` of {owner}", shown(&field.key));
            if self.field(&mut task, key, &what, &field.value).is_none() {
                task.broken.push(key);
            }
        }
        if let Some((_, at)) = task.fields.iter().find(|(key, _)| *key == "wave")
            && !task.broken.contains(&"wave")
        {
            self.draft.stated_waves.push(StatedWave {
                task: task.task.id.to_string(),
                wave: task.task.wave as u64,
                at: Some(*at),
            });
        }
        self.draft.tasks.push(task);
    }

    /// `None` where the value was refused.
    fn field(&mut self, draft: &mut DraftTask, key: &str, what: &str, value: &Node) -> Option<()> {
        let task = &mut draft.task;
        match key {
            "id" => task.id = self.text(what, value)?.into(),
            "title" => task.title = self.text(what, value)?,
            "description" => task.description = self.text(what, value)?,
            "pattern" => task.pattern = Some(self.text(what, value)?),
            "agent" => task.agent = Some(self.text(what, value)?),
            "parallel_safe" => task.parallel_safe = self.flag(what, value)?,
            "no_change_ok" => task.no_change_ok = self.flag(what, value)?,
            "removes_tests" => task.removes_tests = self.flag(what, value)?,
            "complexity" => task.complexity = Some(self.complexity(what, value)?),
            "prompt_hints" => task.prompt_hints = self.one_or_more(what, value)?,
            "acceptance_criteria" => task.acceptance_criteria = self.one_or_more(what, value)?,
            "metadata" => match &value.data {
                Data::Map(fields) => task.metadata = to_map(fields, &mut self.draft.problems),
                _ => {
                    self.wrong(what, "a mapping", value);
                    return None;
                }
            },
            "files" => (task.files, draft.files_at) = self.list(what, value)?,
            "depends_on" => {
                let (ids, places) = self.list(what, value)?;
                task.depends_on = ids.into_iter().map(TaskId::from).collect();
                draft.depends_at = places;
            }
            // Kept there until the id is known; the derived wave overwrites it.
            "wave" => task.wave = usize::try_from(self.wave(what, value)?).ok()?,
            _ => {}
        }
        Some(())
    }

    fn text(&mut self, what: &str, value: &Node) -> Option<String> {
        if value.is_null() {
            return None;
        }
        let text = value.spelling().map(str::to_owned);
        if text.is_none() {
            self.wrong(what, "a text", value);
        }
        text
    }

    fn flag(&mut self, what: &str, value: &Node) -> Option<bool> {
        let Data::Bool(flag) = value.data else {
            self.wrong(what, "true or false", value);
            return None;
        };
        Some(flag)
    }

    fn complexity(&mut self, what: &str, value: &Node) -> Option<Complexity> {
        let word = self.text(what, value)?;
        match word.to_lowercase().as_str() {
            "small" => Some(Complexity::Small),
            "medium" => Some(Complexity::Medium),
            "large" => Some(Complexity::Large),
            _ => {
                let text = format!("{what} is `{}`", shown(&word));
                self.problem(
                    Problem::error("invalid_value", text).help("write small, medium or large"),
                    value.at,
                );
                None
            }
        }
    }

    fn wave(&mut self, what: &str, value: &Node) -> Option<u64> {
        let wave = value.spelling().and_then(|text| text.parse().ok());
        if wave.is_none() {
            self.wrong(what, "a whole number from 0", value);
        }
        wave
    }

    fn one_or_more(&mut self, what: &str, value: &Node) -> Option<Vec<String>> {
        if let Some(text) = value.spelling() {
            return Some(vec![text.to_owned()]);
        }
        self.list(what, value).map(|(texts, _)| texts)
    }

    fn list(&mut self, what: &str, value: &Node) -> Option<(Vec<String>, Vec<Place>)> {
        let Data::List(items) = &value.data else {
            self.wrong(what, "a list", value);
            return None;
        };
        let mut texts = Vec::with_capacity(items.len());
        let mut places = Vec::with_capacity(items.len());
        for item in items {
            match item.spelling() {
                Some(text) => {
                    texts.push(text.to_owned());
                    places.push(item.at);
                }
                None => self.wrong(&format!("an item of {what}"), "a text", item),
            }
        }
        Some((texts, places))
    }

    /// `[[a, b], [c]]`, `[{wave: 1, tasks: [a]}]` or `[{index: 0, tasks: [a]}]`.
    fn waves(&mut self, node: &Node) {
        if node.is_null() {
            return;
        }
        let Data::List(items) = &node.data else {
            self.wrong("`waves`", "a list", node);
            return;
        };
        for (index, item) in items.iter().enumerate() {
            let what = format!("wave number {}", index + 1);
            match &item.data {
                Data::List(_) => self.members(&what, index as u64, item),
                Data::Map(fields) => {
                    let named = self.named(&what, fields, &WAVE_KEYS);
                    let mut number = None;
                    let mut tasks = None;
                    for (key, field) in named {
                        match key {
                            "tasks" => tasks = Some(&field.value),
                            key => number = self.wave(&format!("`{key}` of {what}"), &field.value),
                        }
                    }
                    if let (Some(number), Some(tasks)) = (number, tasks) {
                        self.members(&what, number, tasks);
                    }
                }
                _ => self.wrong(&what, "a list of tasks", item),
            }
        }
    }

    fn members(&mut self, what: &str, wave: u64, tasks: &Node) {
        let Some((ids, places)) = self.list(&format!("the tasks of {what}"), tasks) else {
            return;
        };
        for (task, at) in ids.into_iter().zip(places) {
            self.draft.stated_waves.push(StatedWave {
                task,
                wave,
                at: Some(at),
            });
        }
    }
}

fn wrong_type(what: &str, expected: &str, found: &Node) -> Problem {
    let problem = Problem::error(
        "wrong_type",
        format!("{what} must be {expected}, not {}", found.described()),
    );
    match found.data {
        Data::Bool(_) if expected == "a text" => problem.help("put quotes around it"),
        _ => problem,
    }
}

fn unknown_key(owner: &str, key: &str, keys: &[(&'static str, &[&'static str])]) -> Problem {
    let text = format!("{owner} has an unknown key `{}`", shown(key));
    let known = keys.iter().flat_map(|(_, all)| all.iter().copied());
    let problem = Problem::error("unknown_key", text);
    match closest(key, known) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None if keys.iter().any(|(name, _)| *name == "metadata") => {
            problem.help("put what only you need under `metadata`")
        }
        None => {
            let names: Vec<&str> = keys.iter().map(|(name, _)| *name).collect();
            problem.help(format!("known are {}", names.join(", ")))
        }
    }
}

fn snake_case(key: &str) -> String {
    let mut snake = String::with_capacity(key.len() + 4);
    for c in key.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}
