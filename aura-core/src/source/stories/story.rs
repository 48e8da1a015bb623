//! One file as a story.

use std::ops::Range;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::depends::{self, Dependencies, Past};
use super::document::Document;
use super::front::{self, Front};
use super::label::{item, label, labels};
use super::name::{Name, Number};
use super::status::{self, Status};
use super::text::{self, Told};
use crate::error::Problem;
use crate::plan::{Place, epic_name, numbered, shown};

/// A word for where a story is, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Stated {
    pub(super) status: Status,
    pub(super) word: String,
    pub(super) at: Place,
}

/// What a file says.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) number: Number,
    pub(super) title: String,
    pub(super) title_at: Place,
    /// Its first heading says that it is this story, and its name does not say that it only tells of it.
    pub(super) is_certain: bool,
    pub(super) status: Option<Stated>,
    /// Has a status, whatever it means.
    pub(super) has_status: bool,
    /// As the file, its name or its folder says.
    pub(super) epic: Option<String>,
    /// In the spelling in which names are compared.
    pub(super) epics: Vec<String>,
    pub(super) depends: Dependencies,
    pub(super) told: Told,
    /// What is wrong with it, should it be taken.
    pub(super) problems: Vec<(Problem, Place)>,
}

#[expect(clippy::expect_used, reason = "a fixed pattern")]
static TITLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^[^\p{L}\p{N}]*story\s*#?([0-9]{1,9}\.[0-9]{1,9})(?:\s*([:：–—-])|\s|$)(.*)$")
        .expect("a pattern")
});

/// The number that a heading gives to a story, its title, and whether something parts the two.
fn title_of(heading: &str) -> Option<(Number, String, bool)> {
    let parts = TITLE.captures(heading)?;
    Some((
        numbered(&parts[1])?,
        parts[3].trim().to_owned(),
        parts.get(2).is_some(),
    ))
}

/// Whether a text that is not called like a story has the title of one.
pub(super) fn has_title(text: &str) -> bool {
    let document = Document::new(body(text).0, 0);
    let first = document.headings.first();
    first.is_some_and(|heading| title_of(&heading.text).is_some_and(|title| title.2))
}

/// Reads a file, whose number among the files of the source is `file`.
pub(super) fn read(
    text: &str,
    name: &Name,
    folder: Option<&str>,
    (path, file): (&Path, u32),
) -> Story {
    let (body, front) = body(text);
    let mut problems = Vec::new();
    let front = front.map_or_else(Front::default, |range| {
        front::read(&text[range], (path, file), &mut problems)
    });
    let document = Document::new(body, file);
    let heading = Title::read(&document, name, &mut problems);
    let head = 0..depends::head_end(&document);
    let mut has_status = front.status.is_some();
    let mut status = front
        .status
        .and_then(|(word, at)| known(&word, at, &mut problems));
    if let Some(range) = status_of(&document, head.clone()) {
        has_status = true;
        let at = document.place(range.start);
        let own = known(&document.text[range], at, &mut problems);
        if let (Some(own), Some(other)) = (&own, &status)
            && own.status != other.status
        {
            let text = format!(
                "the status is `{}` here and `{}` in line {}",
                shown(&own.word),
                shown(&other.word),
                other.at.line
            );
            problems.push((Problem::error("conflicting_status", text), own.at));
        }
        status = own.or(status);
    }
    let mut depends = depends::read(&document);
    depends.all.extend(front.depends.all);
    depends.others.extend(front.depends.others);
    let stated = value_of(&document, head, "epic").map(|range| document.text[range].to_owned());
    let named = [stated, front.epic, folder.map(epic_name), name.epic.clone()];
    let mut epics: Vec<String> = named
        .iter()
        .flatten()
        .flat_map(|epic| names_of(epic))
        .collect();
    epics.push(name.number.0.to_string());
    Story {
        number: name.number,
        title: heading.text,
        title_at: document.place(heading.range.start),
        is_certain: heading.is_certain && !name.is_summary,
        status,
        has_status,
        epic: named.into_iter().flatten().find(|epic| !epic.is_empty()),
        epics,
        depends,
        told: text::read(&document, heading.range.end),
        problems,
    }
}

/// The text of the story, as long as the file, and the front matter.
fn body(text: &str) -> (String, Option<Range<usize>>) {
    let front = front::find(text);
    let start = front.as_ref().map_or(0, |(_, end)| *end);
    let blank = |c: char| {
        if c == '\n' {
            "\n".to_owned()
        } else {
            " ".repeat(c.len_utf8())
        }
    };
    let mut body: String = text[..start].chars().map(blank).collect();
    let rest = &text[start..];
    let first = rest.len() - rest.trim_start().len();
    body.push_str(&rest[..first]);
    let rest = &rest[first..];
    // Generators that escape once too often begin their files so.
    match rest.strip_prefix("\\n") {
        Some(rest) => {
            body.push_str("  ");
            body.push_str(rest);
        }
        None => body.push_str(rest),
    }
    (body, front.map(|(range, _)| range))
}

struct Title {
    text: String,
    range: Range<usize>,
    is_certain: bool,
}

impl Title {
    fn read(document: &Document, name: &Name, problems: &mut Vec<(Problem, Place)>) -> Self {
        let mut headings = document.headings.iter();
        let own = headings.find_map(|heading| Some((heading, title_of(&heading.text)?)));
        let first = document.headings.first();
        if let Some((heading, (number, text, is_parted))) = own
            && (number == name.number || first.is_some_and(|first| first.range == heading.range))
        {
            if number != name.number {
                let text = format!(
                    "the title says story {}.{}, the name of the file {}.{}",
                    number.0, number.1, name.number.0, name.number.1
                );
                let at = document.place(heading.range.start);
                problems.push((Problem::error("title_mismatch", text), at));
            }
            return Self {
                text: if text.is_empty() {
                    name.title.clone()
                } else {
                    text
                },
                range: heading.range.clone(),
                is_certain: is_parted && number == name.number,
            };
        }
        let text = first.map(|heading| heading.text.trim().to_owned());
        let text = text.filter(|text| !text.is_empty());
        Self {
            text: text.unwrap_or_else(|| name.title.clone()),
            range: first.map_or(0..0, |heading| heading.range.clone()),
            is_certain: false,
        }
    }
}

/// Where the status stands: in its heading or below it, or behind its name above the tasks.
fn status_of(document: &Document, head: Range<usize>) -> Option<Range<usize>> {
    let past = Past::of(document);
    let mut headings = document.headings.iter().enumerate();
    let found = headings.find_map(|(index, heading)| {
        let start = heading.range.start;
        if past.contains(start) {
            return None;
        }
        stated_in(document, start).or_else(|| {
            is_status(&heading.name).then(|| stated_below(document, document.section(index)))?
        })
    });
    found.or_else(|| value_of(document, head, "status"))
}

fn is_status(name: &str) -> bool {
    matches!(name, "status" | "story status")
}

/// In a heading such as `## Status: Draft`.
fn stated_in(document: &Document, start: usize) -> Option<Range<usize>> {
    let line = document.text[start..].lines().next()?;
    let text = start + line.len() - line.trim_start_matches(['#', ' ']).len();
    let label = label(&document.text[text..start + line.len()])?;
    let is_said = is_status(&label.name) && !label.value.is_empty();
    is_said.then(|| text + label.value.start..text + label.value.end)
}

/// In the first line below a heading.
fn stated_below(document: &Document, section: Range<usize>) -> Option<Range<usize>> {
    let mut lines = document.lines(section);
    let (start, line) = lines.find(|(_, line)| !line.trim().is_empty())?;
    if document.heading_at(start..start + line.len()).is_some() {
        return None;
    }
    let value = match label(line).filter(|label| label.name == "status") {
        Some(label) => label.value,
        None => item(line).unwrap_or(line.len() - line.trim_start().len())..line.trim_end().len(),
    };
    Some(start + value.start..start + value.end)
}

/// The value of the first line that is labelled so.
fn value_of(document: &Document, within: Range<usize>, name: &str) -> Option<Range<usize>> {
    document.lines(within).find_map(|(start, line)| {
        let mut found = labels(line).into_iter();
        let (part, label) = found.find(|(_, label)| label.name == name)?;
        let start = start + part.start;
        let value = start + label.value.start..start + label.value.end;
        (!value.is_empty()).then_some(value)
    })
}

fn known(word: &str, at: Place, problems: &mut Vec<(Problem, Place)>) -> Option<Stated> {
    let word = word.trim();
    let Some(status) = status::parse(word) else {
        let text = format!("`{}` is no status of a story", shown(word));
        let help = format!("known are {}", status::KNOWN);
        problems.push((Problem::error("unknown_status", text).help(help), at));
        return None;
    };
    Some(Stated {
        status,
        word: word.to_owned(),
        at,
    })
}

/// `Epic 1 - Auth` is `1-auth`, and also `auth` and `1`.
fn names_of(epic: &str) -> Vec<String> {
    let whole = epic_name(epic);
    let parts = whole
        .split_once('-')
        .map(|(first, rest)| (first.to_owned(), rest.to_owned()));
    let is_number = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit());
    let mut names = vec![whole];
    if let Some((first, rest)) = parts.filter(|(first, _)| is_number(first)) {
        names.extend([first, rest]);
    }
    names.retain(|name| !name.is_empty());
    names
}

#[cfg(test)]
mod tests {
    use super::super::name;
    use super::*;

    #[test]
    fn a_status_is_found_wherever_it_stands() {
        let cases = [
            ("## Status\n\nDone\n", Some((3, "Done"))),
            ("## Status\n- Done\n", Some((2, "Done"))),
            ("## Status\n**Status**: Done\n", Some((2, "Done"))),
            ("## 📊 Status: Done\n", Some((1, "Done"))),
            ("### Story Status\nDone\n", Some((2, "Done"))),
            (
                "## Status\n### Notes\nDraft\n## Status\nDone",
                Some((5, "Done")),
            ),
            (
                "## QA Results\n### Status: Draft\n## Status\nDone",
                Some((4, "Done")),
            ),
            (
                "## Status\nDone\n## QA Results\n### Status: PASSED",
                Some((2, "Done")),
            ),
            ("**Status**: Done", Some((1, "Done"))),
            ("- **Status:** Done", Some((1, "Done"))),
            ("**Epic:** a | **Status:** Done", Some((1, "Done"))),
            (
                "---\nstatus: Done\n---\n# Story 1.1: A\n",
                Some((2, "Done")),
            ),
            ("## Tasks\n\n**Status**: Done\n", None),
            ("```\nStatus: Done\n```\n<!-- Status: Done -->\n", None),
            ("## Status\n\n## Story\n\nDone\n", None),
            ("", None),
        ];
        let name = name::parse("1.1.a.md").expect("a name");
        for (text, expected) in cases {
            let story = read(text, &name, None, (Path::new("1.1.a.md"), 0));
            let found = story.status.as_ref();
            let found = found.map(|stated| (stated.at.line, stated.word.as_str()));
            assert_eq!(
                (found, story.has_status),
                (expected, expected.is_some()),
                "{text}"
            );
            assert!(story.problems.is_empty(), "{text}");
        }
    }

    #[test]
    fn titles_are_found_in_every_form() {
        let cases = [
            ("# Story 1.1: Log in\n", ("Log in", true)),
            ("# 🔐 Story 1.1: Log in ✅\n", ("Log in ✅", true)),
            ("# **Story 1.1**: `Log` in\n", ("Log in", true)),
            ("# Story 1.1 - Log in\n", ("Log in", true)),
            ("# STORY #1.1: Log in\n", ("Log in", true)),
            ("\\n# Story 1.1: Log in\n", ("Log in", true)),
            (
                "---\nepic: a\n---\n\n<!-- x -->\n# Story 1.1: Log in\n",
                ("Log in", true),
            ),
            ("# Story 1.1 of the past\n", ("of the past", false)),
            ("# Story 1.1\n", ("a b", false)),
            ("# Log in\n", ("Log in", false)),
            ("Log in\n", ("a b", false)),
            ("# Story 1.1.2: Log in\n", ("Story 1.1.2: Log in", false)),
        ];
        let name = name::parse("1.1.a-b.md").expect("a name");
        for (text, expected) in cases {
            let story = read(text, &name, None, (Path::new("1.1.a-b.md"), 0));
            assert_eq!((story.title.as_str(), story.is_certain), expected, "{text}");
        }
    }
}
