//! Plan files and the answers of models.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Problem, Result};
use crate::model::{Plan, Scope};
use crate::plan::{Draft, Place, Problems, Rules, refusal};

use super::node::{MAX_INPUT, Node};
use super::{json, plan_shape, stories, yaml};

const BOM: char = '\u{feff}';

impl Plan {
    /// Reads and validates a plan file in YAML or, where its name ends with `.json`, in JSON; or a folder of story files.
    ///
    /// The tasks of a folder are its stories that are not done; it [requires a review](Plan::review).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] and [`ErrorKind::Io`] for the files; [`ErrorKind::InvalidPlan`] with every problem at once, each with
    /// file, line and column.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_scoped(path, &Scope::default())
    }

    /// As [`Plan::load`], with the tasks alone that the scope names. What is wrong elsewhere is refused all the same.
    ///
    /// # Errors
    /// As [`Plan::load`]; also [`ErrorKind::InvalidPlan`] for words that name nothing, and for dependencies out of scope where
    /// these are refused.
    pub fn load_scoped(path: impl AsRef<Path>, scope: &Scope) -> Result<Self> {
        let path = path.as_ref();
        if path.is_dir() {
            return stories::draft(path)?.build_scoped(scope);
        }
        let name = path.display().to_string();
        let bytes = read(path)?;
        let problems = Problems::of_file(Some(path.to_owned()));
        match decode(&bytes) {
            Ok(text) => draft(text, &name, problems)?.build_scoped(scope),
            Err(unreadable) => Err(unreadable.refuse(problems)),
        }
    }

    /// Reads and validates the text of a plan file; `name` stands in messages and tells the format.
    ///
    /// Accepted are `{story, tasks}`, `{title, description, tasks}`, `{tasks, waves}` and a bare list of
    /// tasks, keys in snake or camel case, ids as texts or numbers in their own spelling. Stated
    /// waves are compared with the derived ones and never believed. A plan without a title is named after
    /// the file.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidPlan`] with every problem at once, each with line and column.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        draft(text, name, Problems::of_file(Some(PathBuf::from(name))))?.build()
    }

    /// Reads and validates the plan inside a model's answer: the first JSON list or object that holds
    /// tasks, in a code fence or between sentences; otherwise a fenced or bare YAML document.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidPlan`] with every problem at once; lines count from the start of the answer.
    pub fn from_answer(answer: &str, title: &str) -> Result<Self> {
        let mut draft = draft_of(answer)?;
        if draft.title.trim().is_empty() {
            title.clone_into(&mut draft.title);
        }
        draft.build()
    }

    /// As [`Plan::from_answer`], for a story whose title and description are known and that has rules of its own.
    pub(crate) fn answered(
        answer: &str,
        (title, description): (&str, &str),
        rules: &Rules<'_>,
    ) -> Result<Self> {
        let mut draft = draft_of(answer)?;
        title.clone_into(&mut draft.title);
        // Not of the model's making, so none of its problems.
        draft.description.clear();
        draft.review = false;
        rules.judge(&mut draft);
        let mut plan = draft.build()?;
        description.clone_into(&mut plan.description);
        Ok(plan)
    }
}

/// What the answer says, which nobody has judged yet.
fn draft_of(answer: &str) -> Result<Draft> {
    let problems = Problems::of_file(None);
    if let Err(unreadable) = check_size(answer.len()) {
        return Err(unreadable.refuse(problems));
    }
    let answer = answer.strip_prefix(BOM).unwrap_or(answer);
    let (root, problems) = find_in_answer(answer, problems);
    let Some(root) = root else {
        return Err(refusal(problems));
    };
    let mut draft = plan_shape::draft(&root, problems);
    draft.source = Some("a model's answer".to_owned());
    Ok(draft)
}

fn draft(text: &str, name: &str, mut problems: Problems) -> Result<Draft> {
    if let Err(unreadable) = check_size(text.len()) {
        return Err(unreadable.refuse(problems));
    }
    let text = text.strip_prefix(BOM).unwrap_or(text);
    let Some(root) = tree(text, name, &mut problems) else {
        return Err(refusal(problems));
    };
    let mut draft = plan_shape::draft(&root, problems);
    if draft.title.trim().is_empty() {
        draft.title = title_of(name);
    }
    draft.source = Some(name.to_owned());
    Ok(draft)
}

/// The file's name without its endings says what the plan is for when nothing else does.
fn title_of(name: &str) -> String {
    let stem = Path::new(name).file_stem().unwrap_or_default();
    let stem = stem.to_string_lossy();
    let title = stem.split('.').find(|part| !part.is_empty());
    title.unwrap_or("plan").to_owned()
}

fn tree(text: &str, name: &str, problems: &mut Problems) -> Option<Node> {
    let ending = Path::new(name).extension().unwrap_or_default();
    let ending = ending.to_string_lossy().to_lowercase();
    match ending.as_str() {
        "json" => json::parse(text, problems),
        "yaml" | "yml" => yaml::parse(text, problems),
        _ if text.trim_start().starts_with(['{', '[']) => {
            let mut json_problems = problems.fork();
            let root = json::parse(text, &mut json_problems);
            if root.is_none() {
                let mut yaml_problems = problems.fork();
                let root = yaml::parse(text, &mut yaml_problems);
                // Both failed: the one that understood more of it has the better message.
                if root.is_some() || yaml_problems.last_place() > json_problems.last_place() {
                    *problems = yaml_problems;
                    return root;
                }
            }
            *problems = json_problems;
            root
        }
        _ => yaml::parse(text, problems),
    }
}

/// Fenced blocks that are tried as YAML.
const MAX_FENCES: usize = 16;

fn find_in_answer(answer: &str, problems: Problems) -> (Option<Node>, Problems) {
    let fenced = fences(answer);
    let everything = Fence {
        inside: 0..answer.len(),
        is_closed: true,
    };
    let regions = if fenced.is_empty() {
        std::slice::from_ref(&everything)
    } else {
        &fenced[..]
    };
    let mut best: Option<Problems> = None;
    let mut from = json::Position::START;
    // The plan may stand beside blocks that show something else.
    let beside = (!fenced.is_empty()).then_some(&everything);
    for Fence { inside: region, .. } in regions.iter().chain(beside) {
        let text = &answer[..region.end];
        if region.start == 0 {
            from = json::Position::START;
        }
        from = json::skip_to(text, from, region.start);
        loop {
            let mut attempt = problems.fork();
            // A value inside one that is broken is never taken: it would be a part of the plan only.
            let (root, reached) = json::parse_next(text, from, &mut attempt);
            if let Some(root) = root
                && plan_shape::looks_like_plan(&root)
            {
                return (Some(root), attempt);
            }
            let last = best.as_ref().and_then(Problems::last_place);
            if attempt.last_place() > last {
                best = Some(attempt);
            }
            match reached {
                Some(position) => from = position,
                None => break,
            }
        }
    }
    for region in regions.iter().take(MAX_FENCES) {
        let mut attempt = problems.fork();
        let root = yaml::parse(&blanked(answer, &region.inside), &mut attempt);
        if let Some(root) = root
            && plan_shape::looks_like_plan(&root)
        {
            if region.is_closed {
                return (Some(root), attempt);
            }
            // YAML that lost its end is still YAML, of a part of the plan.
            let text = "the answer ends inside of a code block, so the plan is not whole";
            attempt.push(Problem::error("cut_off", text), Some(root.at));
            return (None, attempt);
        }
    }
    let failed = best.unwrap_or_else(|| {
        let mut problems = problems;
        let text = "the answer holds no list of tasks";
        problems.push(Problem::error("no_plan", text), None);
        problems
    });
    (None, failed)
}

/// A code block of an answer.
struct Fence {
    inside: std::ops::Range<usize>,
    /// The answer has its end, too.
    is_closed: bool,
}

/// The fenced code blocks. What ends one is a fence that is as long as its beginning, says nothing more and is not indented by more
/// than three further columns: code inside of a plan has fences of its own.
fn fences(answer: &str) -> Vec<Fence> {
    let mut found = Vec::new();
    let mut open: Option<(usize, usize, usize)> = None;
    let mut offset = 0;
    for line in answer.split_inclusive('\n') {
        let end = offset + line.len();
        let text = line.trim_start();
        let indent = line.len() - text.len();
        let rest = text.trim_start_matches('`');
        let length = text.len() - rest.len();
        if length >= 3 {
            match open {
                None => open = Some((end, length, indent)),
                Some((start, longest, column))
                    if length >= longest && rest.trim().is_empty() && indent <= column + 3 =>
                {
                    found.push(Fence {
                        inside: start..offset,
                        is_closed: true,
                    });
                    open = None;
                }
                Some(_) => {}
            }
        }
        offset = end;
    }
    found.extend(open.map(|(start, _, _)| Fence {
        inside: start..answer.len(),
        is_closed: false,
    }));
    found
}

/// The answer with everything outside the region blank, so that places stay true.
fn blanked(answer: &str, region: &std::ops::Range<usize>) -> String {
    let blank = |text: &str| -> String {
        text.chars()
            .map(|c| if c == '\n' { '\n' } else { ' ' })
            .collect()
    };
    let mut text = blank(&answer[..region.start]);
    text.push_str(&answer[region.clone()]);
    text
}

/// What is wrong with an input that cannot even be parsed.
struct Unreadable(Box<Problem>, Option<Place>);

impl Unreadable {
    fn refuse(self, mut problems: Problems) -> Error {
        problems.push(*self.0, self.1);
        refusal(problems)
    }
}

fn check_size(bytes: usize) -> Result<(), Unreadable> {
    if bytes <= MAX_INPUT {
        return Ok(());
    }
    let limit = MAX_INPUT / (1024 * 1024);
    let text = format!("a plan may have {limit} MiB; this is larger");
    let problem = Problem::error("too_large", text);
    Err(Unreadable(Box::new(problem), None))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(
            ErrorKind::NotFound,
            format!("the plan {} does not exist", path.display()),
        )
        .with_source(error),
        _ => Error::io("read the plan", path, error),
    };
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(failed)?
        .take(MAX_INPUT as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<&str, Unreadable> {
    check_size(bytes.len())?;
    utf8(bytes).map_err(|(problem, at)| Unreadable(problem, at))
}

/// The text, or what is wrong with it and where.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, (Box<Problem>, Option<Place>)> {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok(text),
        Err(error) => error,
    };
    let problem = Problem::error("invalid_utf8", "the file is not encoded in UTF-8");
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let problem = problem.help("it is UTF-16; save it as UTF-8");
        return Err((Box::new(problem), None));
    }
    let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
    let valid = valid.strip_prefix(BOM).unwrap_or(&valid);
    let line = valid.matches('\n').count() + 1;
    let column = valid.chars().rev().take_while(|&c| c != '\n').count() + 1;
    let number = |number| u32::try_from(number).unwrap_or(u32::MAX);
    let at = Place::new(number(line), number(column));
    Err((Box::new(problem), Some(at)))
}
