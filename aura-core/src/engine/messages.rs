//! The messages of Aura's commits.

use crate::model::StoryTask;

/// The types of the convention, see <https://www.conventionalcommits.org>.
const TYPES: [&str; 11] = [
    "feat", "fix", "docs", "chore", "refactor", "test", "style", "perf", "ci", "build", "revert",
];

/// Commits of which it is seen how a repository writes its messages.
pub(crate) const SAMPLE: usize = 50;

/// Commits that show no habit.
const FEW: usize = 3;

/// Whether a subject is written as `type(scope)!: what`.
pub(crate) fn is_conventional(subject: &str) -> bool {
    let Some((head, what)) = subject.split_once(": ") else {
        return false;
    };
    let head = head.strip_suffix('!').unwrap_or(head);
    let name = match head.split_once('(') {
        Some((name, scope)) => {
            let Some(scope) = scope.strip_suffix(')') else {
                return false;
            };
            if scope.is_empty() || scope.contains(['(', ')']) {
                return false;
            }
            name
        }
        None => head,
    };
    TYPES.contains(&name) && !what.trim().is_empty()
}

/// Whether a repository with these subjects follows the convention: most of them do.
pub(crate) fn is_convention(subjects: &[String]) -> bool {
    let conventional = subjects.iter().filter(|subject| is_conventional(subject));
    subjects.len() >= FEW && conventional.count() * 2 > subjects.len()
}

/// The message of a task's commit, by the convention where the repository follows it.
pub(super) fn of_task(task: &StoryTask, attempt: u32, conventional: bool) -> String {
    let title = task.title.lines().next().unwrap_or_default();
    let title = if conventional {
        typed(title, type_of(&task.files))
    } else {
        title.to_owned()
    };
    let body = match task.description.trim() {
        "" => String::new(),
        text => format!("{text}\n\n"),
    };
    format!(
        "{title}\n\n{body}Aura-Task: {}\nAura-Attempt: {attempt}\n",
        task.id
    )
}

/// The message of a squash or a merge commit.
pub(super) fn of_story(title: &str, tasks: &[String]) -> String {
    let title = typed(title.lines().next().unwrap_or_default(), "feat");
    let mut text = format!("{title}\n\nTasks completed:\n");
    for task in tasks {
        text.push_str("- ");
        text.push_str(task);
        text.push('\n');
    }
    text
}

fn typed(title: &str, kind: &str) -> String {
    if is_conventional(title) {
        title.to_owned()
    } else {
        format!("{kind}: {title}")
    }
}

/// What a task that declares these files is about.
fn type_of(files: &[String]) -> &'static str {
    let all = |is: fn(&str) -> bool| !files.is_empty() && files.iter().all(|file| is(file));
    let is_document =
        |file: &str| file.starts_with("docs/") || file.ends_with(".md") || file.ends_with(".rst");
    let is_test = |file: &str| {
        let mut parts = file.split('/');
        let name = parts.next_back().unwrap_or_default();
        parts.any(|part| matches!(part, "test" | "tests" | "__tests__"))
            || name.starts_with("test_")
            || name.contains(".test.")
            || name.contains("_test.")
            || name.contains(".spec.")
    };
    if all(is_document) {
        "docs"
    } else if all(is_test) {
        "test"
    } else {
        "feat"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conventional_subject_has_a_type_and_says_something() {
        for (subject, expected) in [
            ("feat: parse addresses", true),
            ("fix(parser): accept a plus", true),
            ("refactor!: drop the old form", true),
            ("feat(api)!: another answer", true),
            ("Parse addresses", false),
            ("feat:parse", false),
            ("feat: ", false),
            ("feature: parse", false),
            ("feat(: parse", false),
            ("feat(): parse", false),
            ("FEAT: parse", false),
            ("", false),
        ] {
            assert_eq!(is_conventional(subject), expected, "{subject:?}");
        }
    }

    #[test]
    fn a_habit_is_what_most_commits_show() {
        let subjects = |conventional: usize, others: usize| {
            let one = std::iter::repeat_n("fix: it".to_owned(), conventional);
            one.chain(std::iter::repeat_n("Mend it".to_owned(), others))
                .collect::<Vec<_>>()
        };
        for (conventional, others, expected) in [
            (2, 0, false),
            (3, 0, true),
            (26, 24, true),
            (25, 25, false),
            (0, 50, false),
        ] {
            let found = is_convention(&subjects(conventional, others));
            assert_eq!(found, expected, "{conventional} of {others}");
        }
    }

    #[test]
    fn a_task_becomes_a_message() {
        let task = |title: &str, files: &[&str]| -> StoryTask {
            let task = serde_json::json!({"id": "a", "title": title, "files": files});
            serde_json::from_value(task).unwrap()
        };
        for (title, files, conventional, expected) in [
            ("Parse", &["src/a.rs"][..], false, "Parse"),
            ("Parse", &["src/a.rs"], true, "feat: Parse"),
            ("Parse", &[], true, "feat: Parse"),
            ("fix(a): Parse", &["docs/a.md"], true, "fix(a): Parse"),
            (
                "Explain",
                &["docs/a.md", "README.md"],
                true,
                "docs: Explain",
            ),
            ("Cover", &["tests/a.rs", "b/test_c.py"], true, "test: Cover"),
            ("Both", &["tests/a.rs", "src/a.rs"], true, "feat: Both"),
        ] {
            let message = of_task(&task(title, files), 2, conventional);
            assert_eq!(
                message,
                format!("{expected}\n\nAura-Task: a\nAura-Attempt: 2\n")
            );
        }
        assert_eq!(
            of_story("fix: All of it", &["a".to_owned()]),
            "fix: All of it\n\nTasks completed:\n- a\n"
        );
        assert_eq!(of_story("All", &[]), "feat: All\n\nTasks completed:\n");
    }
}
