mod scoped;

use std::fs;
use std::os::unix::fs::symlink;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::error::{Error, ErrorKind};
use crate::model::Plan;

/// What is read, or the codes of what is wrong.
type Expected = Result<&'static [&'static str], &'static [&'static str]>;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/stories")
        .join(name)
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }
    folder
}

/// `code file:line:column` for each.
fn places(problems: &[Problem]) -> Vec<String> {
    let place = |problem: &Problem| {
        let file = problem.file.as_ref().and_then(|file| file.file_name());
        let file = file.expect("a file").to_string_lossy().into_owned();
        match (problem.line, problem.column) {
            (Some(line), Some(column)) => format!("{} {file}:{line}:{column}", problem.code),
            _ => format!("{} -", problem.code),
        }
    };
    problems.iter().map(place).collect()
}

fn refused(folder: &TempDir) -> Vec<String> {
    let error = Plan::load(folder.path()).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidPlan);
    codes(&error)
}

fn codes(error: &Error) -> Vec<String> {
    error
        .problems()
        .iter()
        .map(|problem| problem.code.clone())
        .collect()
}

/// `id title <- dependencies`.
fn graph(plan: &Plan) -> Vec<String> {
    let line = |task: &StoryTask| {
        let after: Vec<&str> = task.depends_on.iter().map(TaskId::as_str).collect();
        format!("{} {} <- {}", task.id, task.title, after.join(" "))
    };
    plan.tasks.iter().map(line).collect()
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.tasks.iter().map(|task| task.id.as_str()).collect()
}

#[test]
fn every_shape_of_a_story_becomes_a_task() {
    let plan = Plan::load(fixture("shapes")).expect("a plan");
    assert_eq!(
        graph(&plan),
        [
            "1.1 Accounts <- ",
            "1.2 Login <- 1.1",
            "1.3 Roles <- 1.1 1.2",
            "1.4 Sessions <- 1.1 1.2 1.3",
            "1.10 Two factors <- 1.2 1.3",
            "2.1 Index <- 1.1 1.2 1.3 1.4 1.10",
            "2.2 Ranking <- 2.1",
        ]
    );
    assert_eq!(
        places(&plan.warnings),
        [
            "done_stories -",
            "near_linear -",
            "no_story 1.3.roles.md:11:3",
            "no_story 1.3.roles.md:12:3",
            "not_a_story 1.4-completion-summary.md:1:1",
            "in_review 1.4.sessions.md:3:13",
            "not_a_story story-of-stories.md:1:1",
            "missing_status search-2.2-ranking.md:1:1",
        ]
    );
    assert_eq!(
        plan.warnings[0].message,
        "2 of 9 stories are done and no tasks: 0.1, 0.2"
    );
    assert_eq!(plan.title, "Stories in tests/stories/shapes");
    assert!(plan.review);
}

#[test]
fn an_agent_is_told_the_story_and_not_its_history() {
    let plan = Plan::load(fixture("shapes")).expect("a plan");
    let mut expected = StoryTask::new("1.1", "Accounts");
    expected.description = "\
Story file: `tests/stories/shapes/1.1.accounts.md`

**Status**: Approved
**Epic**: Accounts
**Dependencies**: 0.1, 0.2

## Story

**As a** visitor,
**I want** an account,
**so that** my notes are mine.

## Tasks / Subtasks

- [ ] Task 1: the table (AC: 1)
- [ ] Task 2: the form
  - **Dependencies:** Task 1

## Dev Notes

```markdown
## Dependencies
- Story 9.9 of an example
```

Use `argon2==1.2.3`."
        .to_owned();
    expected.acceptance_criteria = vec![
        "A visitor registers with an address\nand a password.".to_owned(),
        "Passwords are hashed.".to_owned(),
    ];
    let metadata = serde_json::json!({
        "epic": "Accounts", "status": "Approved", "story_file": "tests/stories/shapes/1.1.accounts.md",
    });
    expected.metadata = metadata.as_object().expect("an object").clone();
    assert_eq!(plan.tasks[0], expected);
    // What the criteria do not say stays in the text.
    let login = &plan.tasks[1];
    assert!(
        login.description.contains("Both of these hold:"),
        "{}",
        login.description
    );
    assert_eq!(login.acceptance_criteria.len(), 2);
    assert_eq!(
        plan.tasks[2].metadata["required_status"],
        serde_json::json!({"1.1": "Done"})
    );
    assert_eq!(plan.tasks[3].prompt_hints.len(), 1);
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_place() {
    let error = Plan::load(fixture("malformed")).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidPlan);
    assert_eq!(
        places(error.problems()),
        [
            "unknown_status 1.1.status.md:5:1",
            "unknown_dependency 1.1.status.md:7:19",
            "unknown_dependency 1.1.status.md:7:30",
            "unknown_dependency 1.1.status.md:7:40",
            "duplicate_id 1.2.first.md:1:1",
            "invalid_utf8 1.3.latin1.md:3:10",
            "title_mismatch 1.4.title.md:1:1",
            "syntax 1.6.front.md:4:7",
            "wrong_type 1.7.front.md:3:16",
            "wrong_type 1.7.front.md:3:23",
            "conflicting_status 1.7.front.md:7:9",
            "missing_status 1.6.front.md:6:1",
        ]
    );
    let messages = error.to_string();
    assert!(
        messages.contains("`Almost there` is no status"),
        "{messages}"
    );
    assert!(
        messages.contains("is the id of") && messages.contains("1.2-second.md"),
        "{messages}"
    );
}

#[test]
fn a_name_is_believed_as_far_as_the_title_goes() {
    let story = |number: &str, title: &str| format!("# Story {number}: {title}\n\nStatus: Draft\n");
    let a = story("1.5", "Search");
    let cases: [(&[(&str, &str)], Expected); 7] = [
        // A summary gives way to the story.
        (
            &[("1.5.search.md", &a), ("1.5-completion-summary.md", &a)],
            Ok(&["1.5 Search <- "]),
        ),
        (
            &[
                ("1.5.search.md", &a),
                ("1.5-notes.md", "# Notes\n\nStatus: Draft\n"),
            ],
            Ok(&["1.5 Search <- "]),
        ),
        // Where nothing else is there, it is what it is called.
        (
            &[("1.5-notes.md", "# Notes\n\nStatus: Draft\n")],
            Ok(&["1.5 Notes <- "]),
        ),
        (
            &[("1.5.the-rest.md", "Status: Draft\n")],
            Ok(&["1.5 the rest <- "]),
        ),
        (&[("1.5-notes.md", "# Notes\n")], Err(&["no_stories"])),
        (
            &[("1.5.search.md", &a), ("1.05.find.md", &a)],
            Err(&["duplicate_id"]),
        ),
        (&[("notes.md", &a)], Err(&["no_stories"])),
    ];
    for (files, expected) in cases {
        let folder = folder(files);
        let found = Plan::load(folder.path());
        let found = found.as_ref().map(graph).map_err(|error| {
            let mut codes = codes(error);
            codes.retain(|code| code != "not_a_story");
            codes
        });
        let expected = expected
            .map(|lines| lines.iter().map(ToString::to_string).collect::<Vec<_>>())
            .map_err(|codes| codes.iter().map(ToString::to_string).collect());
        assert_eq!(found, expected, "{files:?}");
    }
}

#[test]
fn what_depends_on_itself_in_a_circle_is_refused_with_the_file() {
    let folder = folder(&[
        (
            "1.1.a.md",
            "# Story 1.1: A\n\nStatus: Draft\n\n**Dependencies**: 1.2\n",
        ),
        (
            "1.2.b.md",
            "# Story 1.2: B\n\nStatus: Draft\n\n**Dependencies**: Epic 1\n",
        ),
    ]);
    let error = Plan::load(folder.path()).expect_err("refused");
    assert_eq!(places(error.problems()), ["cycle 1.1.a.md:5:19"]);
}

#[test]
fn nothing_left_to_do_is_said() {
    let folder = folder(&[("1.1.a.md", "# Story 1.1: A\n\nStatus: Done\n")]);
    assert_eq!(refused(&folder), ["nothing_to_do"]);
    assert_eq!(refused(&self::folder(&[])), ["no_stories"]);
    let none = Plan::load(folder.path().join("absent")).expect_err("refused");
    assert_eq!(none.kind(), ErrorKind::NotFound);
}

#[test]
fn links_and_what_is_out_of_bounds_are_not_read() {
    let story = "# Story 1.1: A\n\nStatus: Draft\n";
    let outside = folder(&[("1.2.b.md", "# Story 1.2: B\n\nStatus: Draft\n")]);
    let folder = folder(&[("1.1.a.md", story)]);
    // A way in a circle, and one out.
    symlink(folder.path(), folder.path().join("epic-self")).expect("linked");
    symlink(outside.path(), folder.path().join("epic-out")).expect("linked");
    let plan = Plan::load(folder.path()).expect("a plan");
    assert_eq!(ids(&plan), ["1.1"]);
    assert_eq!(
        places(&plan.warnings),
        ["link epic-out:1:1", "link epic-self:1:1"]
    );
    symlink(
        outside.path().join("1.2.b.md"),
        folder.path().join("1.2.b.md"),
    )
    .expect("linked");
    assert_eq!(refused(&folder), ["unreadable_story", "link", "link"]);

    let large = "x".repeat(1024 * 1024);
    let text = format!("{story}{large}");
    assert_eq!(
        refused(&self::folder(&[("1.1.a.md", &text)])),
        ["unreadable_story", "no_stories"][..1]
    );
    let deep = "d/".repeat(9) + "1.1.a.md";
    assert_eq!(
        refused(&self::folder(&[(&deep, story)])),
        ["unreadable_story"]
    );
    let text = format!("{story}\n## Dev Notes\n\n{}", "word ".repeat(20_000));
    assert_eq!(
        refused(&self::folder(&[("1.1.a.md", &text)])),
        ["field_too_long"]
    );
}

#[test]
fn a_path_is_told_from_the_root_of_the_repository() {
    let folder = folder(&[("docs/stories/1.1.a.md", "# Story 1.1: A\n\nStatus: Draft\n")]);
    fs::create_dir(folder.path().join(".git")).expect("made");
    let plan = Plan::load(folder.path().join("docs/stories")).expect("a plan");
    assert_eq!(plan.title, "Stories in docs/stories");
    assert_eq!(
        plan.tasks[0].metadata["story_file"],
        "docs/stories/1.1.a.md"
    );
}

fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("# Story 1.1: Title\n".to_owned()),
        Just("## Status\n".to_owned()),
        Just("Draft\n".to_owned()),
        Just("**Status**: Done\n".to_owned()),
        Just("## Dependencies\n".to_owned()),
        Just("**Depends On:**\n".to_owned()),
        Just("- **Enables**:\n".to_owned()),
        Just("- Story 1.1 (x), 1.2-1.4 [y](./1.1.md)\n".to_owned()),
        Just("Epics 1-3 and 4".to_owned()),
        Just("## Acceptance Criteria\n1. one\n   two\n".to_owned()),
        Just("---\n".to_owned()),
        Just("epic: a\ndependencies: [1.1, é]\n".to_owned()),
        Just("```\n".to_owned()),
        Just("<!-- ".to_owned()),
        Just("\\n".to_owned()),
        Just("\r\n".to_owned()),
        "[ \t\u{a0}]{0,4}[-*+>#|:.,()\\[\\]0-9é🚀]{1,8}[ \n]?",
        "\\PC{0,20}",
        any::<String>(),
    ]
}

/// As long as a file may be; work that grows with the square of it would never end.
#[test]
fn a_hostile_file_is_read_as_others_are() {
    let begin = "# Story 1.1: A\n\nStatus: Draft\n\n";
    for (head, part) in [
        ("## Dependencies\n", "story:1.1("),
        ("## Dependencies\n", "[a](1.md) "),
        ("## Dependencies\n", "- **Enables**: 1.1\n"),
        ("**Dependencies**: 1.1,\n", "1.1,\n"),
        ("## Acceptance Criteria\n", "### a\n"),
        ("## Acceptance Criteria\n", "- a\n"),
        ("", "## Acceptance Criteria\n"),
        ("", "|**Status**: Draft"),
        ("", "# Dev Agent Record\n"),
        ("", "[*_`<!--"),
    ] {
        let text = format!(
            "{begin}{head}{}",
            part.repeat((1024 * 1024 - 100) / part.len())
        );
        let name = name::parse("1.1.x.md").expect("a name");
        let story = story::read(&text, &name, None, (Path::new("1.1.x.md"), 0));
        assert!(story.is_certain && story.has_status, "{part}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(parts in prop::collection::vec(part(), 0..24)) {
        let text = parts.concat();
        let name = name::parse("1.1.x.md").expect("a name");
        let story = story::read(&text, &name, Some("epic-x"), (Path::new("1.1.x.md"), 0));
        let lines = u32::try_from(text.matches('\n').count() + 1).expect("few");
        let places = story.problems.iter().map(|(_, at)| at).chain([&story.title_at]);
        let places = places.chain(story.depends.all.iter().map(|dependency| &dependency.at));
        for at in places {
            prop_assert!((1..=lines).contains(&at.line) && at.column >= 1);
        }
        story::has_title(&text);
    }

    #[test]
    fn no_folder_makes_the_reader_panic(texts in prop::collection::vec(part(), 1..6)) {
        let files: Vec<(String, &String)> = texts
            .iter()
            .enumerate()
            .map(|(index, text)| (format!("1.{index}.x.md"), text))
            .collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let folder = folder(&files);
        if let Ok(plan) = Plan::load(folder.path()) {
            // It is a plan like others.
            let again = Plan::parse(&plan.to_yaml().expect("written"), "plan.yaml").expect("read");
            prop_assert_eq!(again.tasks, plan.tasks);
            prop_assert!(again.review);
        }
    }
}
