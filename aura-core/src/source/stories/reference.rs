//! Which stories a piece of text names. Numbers of versions look like ids, so an id counts only where a story can stand: at a place of
//! its own in a list, or behind `Story`, `Stories`, `Epic`.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use regex::Regex;

use super::label::undecorated;
use super::name::{self, Number};
use crate::plan::numbered;

/// Characters of the name of a file.
const MAX_NAME: usize = 255;

/// What is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// These stories, ends included.
    Stories(RangeInclusive<Number>),
    /// All stories of these epics, ends included.
    Epics(RangeInclusive<u32>),
}

/// A name and where it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) target: Target,
    pub(super) at: usize,
}

#[expect(clippy::expect_used, reason = "a fixed pattern")]
static LINK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\]\(([^()\s]*)\)").expect("a pattern"));

#[expect(clippy::expect_used, reason = "a fixed pattern")]
static REQUIRED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)must be (?:in )?([a-z]+(?: [a-z]+){0,2}) status").expect("a pattern")
});

/// The status that a story has to have, where a text says so.
pub(super) fn required_status(text: &str) -> Option<String> {
    let plain = text.replace(['"', '\'', '“', '”', '*', '`'], "");
    Some(REQUIRED.captures(&plain)?[1].to_owned())
}

/// Reads a text. `is_list`: ids may stand by themselves, where an entry of a list begins.
pub(super) fn references(text: &str, is_list: bool) -> Vec<Reference> {
    let mut plain = undecorated(text);
    let mut linked = Vec::new();
    for link in LINK.captures_iter(text) {
        let (Some(whole), Some(to)) = (link.get(0), link.get(1)) else {
            continue;
        };
        let file = to.as_str().rsplit('/').next().unwrap_or_default();
        if let Some(name) = name::parse(file) {
            linked.push(Reference {
                target: Target::Stories(name.number..=name.number),
                at: to.start(),
            });
        }
        // An address is no text; what is between brackets is.
        plain.replace_range(whole.range(), &" ".repeat(whole.len()));
    }
    let mut reader = Reader {
        text: &plain,
        at: 0,
        depth: 0,
        is_list,
        found: Vec::new(),
    };
    reader.read();
    if reader.found.is_empty() {
        return linked;
    }
    reader.found
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Open parentheses.
    depth: usize,
    is_list: bool,
    found: Vec<Reference>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn read(&mut self) {
        let mut is_own_place = self.is_list;
        while let Some(c) = self.rest().chars().next() {
            if c.is_alphabetic() {
                let word = self.word();
                is_own_place = match word.as_str() {
                    "story" | "stories" => self.stories(),
                    "epic" => self.epics(false),
                    "epics" => self.epics(true),
                    "and" => self.is_list && self.depth == 0,
                    _ => false,
                };
                continue;
            }
            if c.is_ascii_digit() {
                let is_taken = is_own_place && self.story(true);
                if !is_taken {
                    self.number();
                }
                is_own_place = false;
                continue;
            }
            match c {
                '(' => self.depth += 1,
                ')' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            is_own_place = match c {
                ',' | ';' | '&' | '/' => self.is_list && self.depth == 0,
                '#' => is_own_place,
                c => is_own_place && c.is_whitespace(),
            };
            self.at += c.len_utf8();
        }
    }

    /// A word in small letters.
    fn word(&mut self) -> String {
        let end = self.rest().find(|c: char| !c.is_alphanumeric());
        let word = self.rest()[..end.unwrap_or(self.rest().len())].to_lowercase();
        self.at += end.unwrap_or(self.rest().len());
        word
    }

    /// Passes what begins with a digit and is no id, a version for instance.
    fn number(&mut self) {
        let is_end = |c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '+'));
        let end = self.rest().find(is_end).unwrap_or(self.rest().len());
        self.at += end;
    }

    /// Ids behind `Story`. Always false: what follows is no place of its own.
    fn stories(&mut self) -> bool {
        let start = self.at;
        self.skip(|c| c.is_whitespace() || matches!(c, ':' | '#'));
        if !self.story(false) {
            self.at = start;
            return false;
        }
        while self.goes_on(|reader| reader.story(false)) {}
        false
    }

    /// Numbers of epics, or ids, behind `Epic`. Always false.
    fn epics(&mut self, several: bool) -> bool {
        let start = self.at;
        self.skip(|c| c.is_whitespace() || matches!(c, ':' | '#'));
        if !self.epic() {
            self.at = start;
            return false;
        }
        while several && self.goes_on(Self::epic) {}
        false
    }

    /// Whether another one follows behind a comma or an `and`; passes nothing otherwise.
    fn goes_on(&mut self, next: impl Fn(&mut Self) -> bool) -> bool {
        let start = self.at;
        let mut is_apart = false;
        loop {
            self.skip(char::is_whitespace);
            let rest = self.rest();
            let length = match rest.as_bytes() {
                [b',' | b'&' | b'/' | b'+', ..] => 1,
                _ if rest.starts_with("and ") || rest.starts_with("AND ") => 4,
                _ => break,
            };
            self.at += length;
            is_apart = true;
        }
        if is_apart && next(self) {
            return true;
        }
        self.at = start;
        false
    }

    fn skip(&mut self, is_passed: impl Fn(char) -> bool) {
        let end = self.rest().find(|c: char| !is_passed(c));
        self.at += end.unwrap_or(self.rest().len());
    }

    /// An id or a range of ids. `alone`: nothing in front of it says that it is one.
    fn story(&mut self, alone: bool) -> bool {
        let start = self.at;
        let Some((first, length)) = id(self.rest(), alone) else {
            return false;
        };
        self.at += length;
        let last = self.range_end(|rest| id(rest, alone)).unwrap_or(first);
        self.found.push(Reference {
            target: Target::Stories(first..=last),
            at: start,
        });
        true
    }

    fn epic(&mut self) -> bool {
        let start = self.at;
        if id(self.rest(), false).is_some() {
            return self.story(false);
        }
        let Some((first, length)) = whole(self.rest()) else {
            return false;
        };
        self.at += length;
        let last = self.range_end(whole).unwrap_or(first);
        self.found.push(Reference {
            target: Target::Epics(first..=last),
            at: start,
        });
        true
    }

    /// The end of a range whose beginning was read.
    fn range_end<T>(&mut self, read: impl Fn(&str) -> Option<(T, usize)>) -> Option<T> {
        let rest = self.rest();
        let dash = ["-", "–", "—", " to ", " through "]
            .iter()
            .find(|dash| rest.starts_with(**dash))?;
        let (last, length) = read(&rest[dash.len()..])?;
        self.at += dash.len() + length;
        Some(last)
    }
}

/// An id at the beginning of a text, and its length.
fn id(text: &str, alone: bool) -> Option<(Number, usize)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let digits = text[..end.unwrap_or(text.len())].trim_end_matches('.');
    let number = numbered(digits)?;
    let after = &text[digits.len()..];
    let name = word(after);
    if name::is_markdown(name) {
        return Some((number, digits.len() + name.len()));
    }
    let mut next = after.chars();
    let is_id = match next.next() {
        Some('+' | '%') => false,
        Some(c) if c.is_alphanumeric() => false,
        // The range of ids is read by whoever asks; anything else is the name of a version.
        Some('-' | '.') if alone => match next.next() {
            Some(c) if c.is_ascii_digit() => after.starts_with('-'),
            other => !other.is_some_and(char::is_alphanumeric),
        },
        Some('.') => !next.next().is_some_and(char::is_alphanumeric),
        _ => true,
    };
    is_id.then_some((number, digits.len()))
}

/// The beginning of a text up to a blank, as far as the name of a file can be long.
fn word(text: &str) -> &str {
    let is_end = |c: char| c.is_whitespace() || matches!(c, ',' | ')' | ';');
    let mut chars = text.char_indices().take(MAX_NAME);
    let end = chars.find(|(_, c)| is_end(*c)).map(|(at, _)| at);
    let all = text.char_indices().nth(MAX_NAME).map(|(at, _)| at);
    &text[..end.or(all).unwrap_or(text.len())]
}

/// A whole number at the beginning of a text, and its length.
fn whole(text: &str) -> Option<(u32, usize)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number = text[..end].parse().ok()?;
    let mut next = text[end..].chars();
    let is_whole = match next.next() {
        Some('.') => !next.next().is_some_and(|c| c.is_ascii_digit()),
        Some(c) => !c.is_alphanumeric(),
        None => true,
    };
    is_whole.then_some((number, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `1.1`, `1.1-1.3`, `E1`, `E1-3`.
    fn said(text: &str, is_list: bool) -> Vec<String> {
        let found = references(text, is_list).into_iter();
        found
            .map(|reference| match reference.target {
                Target::Stories(range) if range.start() == range.end() => {
                    format!("{}.{}", range.start().0, range.start().1)
                }
                Target::Stories(range) => {
                    let (from, to) = range.into_inner();
                    format!("{}.{}-{}.{}", from.0, from.1, to.0, to.1)
                }
                Target::Epics(range) if range.start() == range.end() => {
                    format!("E{}", range.start())
                }
                Target::Epics(range) => format!("E{}-{}", range.start(), range.end()),
            })
            .collect()
    }

    #[test]
    fn stories_are_found_where_they_can_stand() {
        let cases: [(&str, &[&str]); 41] = [
            ("0.1, 1.1, 1.2", &["0.1", "1.1", "1.2"]),
            ("1.1 and 1.2; 1.10", &["1.1", "1.2", "1.10"]),
            ("1.1", &["1.1"]),
            ("#1.1, **1.2**", &["1.1", "1.2"]),
            ("1.1 (User Authentication 2.0)", &["1.1"]),
            ("1.1 User Authentication", &["1.1"]),
            ("1.1-1.3", &["1.1-1.3"]),
            ("1.1.user-login.md, 1.2-roles.md", &["1.1", "1.2"]),
            ("[1.1](./1.1.user-login.md)", &["1.1"]),
            ("Story 1.1, Story 1.2", &["1.1", "1.2"]),
            (
                "Story 0.1 (Design System Setup) - Must be in \"Done\" status",
                &["0.1"],
            ),
            ("**Story 2.1**: Title (why)", &["2.1"]),
            ("Story 2.1: needs PostgreSQL 16.2", &["2.1"]),
            ("stories 1.1-1.3", &["1.1-1.3"]),
            ("Stories 1.1 to 1.3", &["1.1-1.3"]),
            ("Story #1.1", &["1.1"]),
            ("Story: 1.1", &["1.1"]),
            (
                "[Story 4.1](./4.1.email.md) (Email Infrastructure)",
                &["4.1"],
            ),
            ("[Email](../stories/4.1.email.md)", &["4.1"]),
            ("3 (Stories 2.1, 1.4, 1.3)", &["2.1", "1.4", "1.3"]),
            ("2 (Epic 1.4, Epic 1.5)", &["1.4", "1.5"]),
            (
                "4 (Story 4.1, Epic 1, Epic 2, Epic 3)",
                &["4.1", "E1", "E2", "E3"],
            ),
            ("Epic 1-3 completion", &["E1-3"]),
            ("Epics 1, 2 and 3", &["E1", "E2", "E3"]),
            ("Epic 1, 2 weeks", &["E1"]),
            ("Epic 1.", &["E1"]),
            ("Story 1.1.", &["1.1"]),
            ("See story 1.2 for the shape", &["1.2"]),
            ("Story 1.2.3", &[]),
            ("Story 3", &[]),
            ("==0.115.0", &[]),
            (">=1.1.0", &[]),
            ("Python 3.10+", &[]),
            ("3.10+ of Python", &[]),
            ("1.0-beta of the SDK", &[]),
            ("fastapi ==0.115, uvicorn", &[]),
            ("v1.2", &[]),
            ("99.9% uptime", &[]),
            ("Task 2", &[]),
            ("DuckDB schema ✅", &[]),
            ("📦 python-docx", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(said(text, true), expected, "{text}");
        }
    }

    #[test]
    fn in_prose_a_number_alone_is_no_story() {
        for text in ["1.1", "1.1, 1.2", "version 1.1, 1.2", "(1.1)"] {
            assert_eq!(said(text, false), [""; 0], "{text}");
        }
        assert_eq!(said("when Story 1.1 is done", false), ["1.1"]);
    }

    #[test]
    fn a_required_status_is_read() {
        let cases = [
            ("Story 0.1 - Must be in \"Done\" status", Some("Done")),
            (
                "must be in **Ready for Review** status",
                Some("Ready for Review"),
            ),
            ("must be done", None),
        ];
        for (text, expected) in cases {
            assert_eq!(required_status(text).as_deref(), expected, "{text}");
        }
    }
}
