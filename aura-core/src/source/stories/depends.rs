//! What a story depends on: the one block of its file that says so.

use std::ops::Range;

use super::document::Document;
use super::label::{Label, item, label, labels, plain_words};
use super::reference::{Target, references, required_status};
use crate::plan::Place;

/// A dependency as it is written.
#[derive(Debug)]
pub(super) struct Dependency {
    pub(super) target: Target,
    pub(super) at: Place,
    /// The status that it has to have, where the file says so.
    pub(super) required: Option<String>,
}

/// What the block says.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    pub(super) all: Vec<Dependency>,
    /// Entries that name no story.
    pub(super) others: Vec<(String, Place)>,
    /// Where another block begins, which is not read.
    pub(super) second: Option<Place>,
}

const HEADINGS: [&str; 4] = [
    "dependencies",
    "story dependencies",
    "dependency",
    "depends on",
];
const LABELS: [&str; 3] = ["dependencies", "story dependencies", "depends on"];

/// Labels inside of the block whose entries are what it is waited for.
const FORWARD: [&str; 8] = [
    "dependencies",
    "story dependencies",
    "depends on",
    "requires",
    "required",
    "prerequisites",
    "prerequisite",
    "blocked by",
];

/// What begins so tells who waits for this story, or who does not wait at all.
const ASIDE: [&str; 16] = [
    "enables",
    "enable",
    "blocks",
    "blocking",
    "unblocks",
    "required by",
    "needed by",
    "used by",
    "dependents",
    "dependants",
    "downstream",
    "related",
    "see also",
    "parallel",
    "can run in parallel",
    "independent",
];

const NONE: [&str; 6] = ["none", "n a", "na", "nil", "no", "nothing"];

/// Parts of a file that tell of the past.
const PAST: [&str; 4] = ["dev agent record", "qa results", "change log", "changelog"];

/// Whether a heading begins what the story consists of.
pub(super) fn is_work(name: &str) -> bool {
    name.starts_with("acceptance criteria") || name == "tasks" || name.starts_with("tasks ")
}

/// Whether a heading begins a record of what was done.
pub(super) fn is_past(name: &str) -> bool {
    PAST.contains(&name)
}

/// Everything below headings that begin a record of what was done.
pub(super) fn past(document: &Document) -> Vec<Range<usize>> {
    let headings = 0..document.headings.len();
    let begins = headings.filter(|index| is_past(&document.headings[*index].name));
    begins.map(|index| document.section(index)).collect()
}

/// Where the part ends in which a story is described.
pub(super) fn head_end(document: &Document) -> usize {
    let work = document.find(is_work);
    work.map_or(document.text.len(), |index| {
        document.headings[index].range.start
    })
}

/// Reads the first block above the acceptance criteria and the tasks, or else the first one.
pub(super) fn read(document: &Document) -> Dependencies {
    let end = head_end(document);
    let below = || find(document, end..document.text.len()).filter(|block| !block.is_item());
    let block = find(document, 0..end).or_else(below);
    let mut reader = Reader {
        document,
        found: Dependencies::default(),
        aside: Aside::No,
        parent: None,
    };
    let read = match block {
        Some(Block::Section(_, range)) => {
            let read = range.end;
            reader.section(range);
            read
        }
        Some(Block::Line(start, label)) => reader.line(start, &label),
        None => end,
    };
    let mut found = reader.found;
    let second = find(document, read.min(end)..end).map(|block| block.start());
    found.second = second.map(|start| document.place(start));
    found
}

/// Reads a text that is nothing but dependencies.
pub(super) fn read_text(text: &str, at: Place) -> Dependencies {
    let mut found = Dependencies::default();
    if !is_none(text) {
        entry(&mut found, text, true, |_| at);
    }
    found
}

enum Block {
    /// Where its heading begins, and what is below it.
    Section(usize, Range<usize>),
    /// Where the line begins, and its label.
    Line(usize, Label),
}

impl Block {
    /// Among the notes on the work, what one part of it needs is no dependency of the story.
    fn is_item(&self) -> bool {
        matches!(self, Self::Line(_, label) if label.is_item)
    }

    fn start(&self) -> usize {
        match self {
            Self::Section(start, _) | Self::Line(start, _) => *start,
        }
    }
}

fn find(document: &Document, within: Range<usize>) -> Option<Block> {
    let past = past(document);
    document.lines(within.clone()).find_map(|(start, line)| {
        if past.iter().any(|past| past.contains(&start)) {
            return None;
        }
        if let Some(heading) = document.heading_at(start..start + line.len()) {
            if !HEADINGS.contains(&heading.name.as_str()) {
                return None;
            }
            let index = document
                .headings
                .iter()
                .position(|other| other.range == heading.range)?;
            let section = document.section(index);
            let inside = section.start..section.end.min(within.end);
            return Some(Block::Section(start, inside));
        }
        let mut found = labels(line).into_iter();
        let (part, label) = found.find(|(_, label)| LABELS.contains(&label.name.as_str()))?;
        Some(Block::Line(start + part.start, label))
    })
}

/// Whether what comes next is about something else than what is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aside {
    No,
    /// Whatever is further in than that.
    Below(usize),
    Yes,
}

struct Reader<'a> {
    document: &'a Document,
    found: Dependencies,
    aside: Aside,
    /// The indentation of the last entry; what is further in explains it.
    parent: Option<usize>,
}

impl Reader<'_> {
    fn section(&mut self, range: Range<usize>) {
        let document = self.document;
        for (start, line) in document.lines(range) {
            let Some(heading) = document.heading_at(start..start + line.len()) else {
                self.part(start, line);
                continue;
            };
            self.parent = None;
            let is_entry = !references(&heading.text, false).is_empty();
            self.aside = match is_aside(&heading.name) {
                true => Aside::Yes,
                false => Aside::No,
            };
            if is_entry && self.aside == Aside::No {
                self.entry(start..start + line.len(), false);
            }
        }
    }

    /// A line with a label, and the list below it. Says where they end.
    fn line(&mut self, start: usize, label: &Label) -> usize {
        let text = &self.document.text;
        let value = start + label.value.start..start + label.value.end;
        let said = text[value.clone()].trim_end();
        let next = text[start..]
            .find('\n')
            .map_or(text.len(), |at| start + at + 1);
        let mut is_open = said.ends_with(',');
        let is_over = !said.is_empty() && !said.ends_with([',', ':']);
        if !said.is_empty() && !is_none(said) {
            self.entry(value, true);
        }
        if is_over {
            return next;
        }
        self.parent = None;
        let own = indentation(&text[start..]);
        let mut read = next;
        for (start, line) in self.document.lines(next..text.len()) {
            let end = start + line.len();
            let indent = indentation(line);
            if line.trim().is_empty() {
                continue;
            }
            if self.document.heading_at(start..end).is_some() {
                break;
            }
            let is_item = item(line).is_some();
            if is_open && !is_item {
                self.entry(start..end, true);
                is_open = line.trim_end().ends_with(',');
            } else if (is_item && !label.is_item) || indent > own {
                // Below a label that is an item itself, the list is what is further in.
                is_open = false;
                self.part(start, line);
            } else {
                break;
            }
            read = end;
        }
        read
    }

    /// One line of a block.
    fn part(&mut self, start: usize, line: &str) {
        let indent = indentation(line);
        if self.parent.is_some_and(|parent| indent <= parent) {
            self.parent = None;
        }
        if matches!(self.aside, Aside::Below(outer) if indent <= outer) {
            self.aside = Aside::No;
        }
        let shows_nothing = ['-', '|', ':', '*', '_', '=', ' ', '\t'];
        if line.trim_matches(shows_nothing).is_empty() {
            return;
        }
        let from = start + item(line).unwrap_or(indent);
        let whole = from..start + line.len();
        match label(line) {
            Some(label) => self.labelled(start, &label, whole, indent),
            None => self.item(whole, true, indent),
        }
    }

    fn labelled(&mut self, start: usize, label: &Label, whole: Range<usize>, indent: usize) {
        let is_forward = FORWARD.contains(&label.name.as_str());
        let is_aside = is_aside(&label.name);
        let aside = match (is_aside, label.is_item) {
            (false, _) => Aside::No,
            (true, true) => Aside::Below(indent),
            (true, false) => Aside::Yes,
        };
        let value = start + label.value.start..start + label.value.end;
        if is_aside || is_forward || value.is_empty() {
            self.aside = aside;
        }
        if is_forward && !value.is_empty() {
            self.item(value, true, indent);
        } else if !value.is_empty() && !is_none(&self.document.text[value]) {
            // A label that says nothing about the direction is a part of the entry.
            self.item(whole, false, indent);
        }
    }

    fn item(&mut self, range: Range<usize>, is_list: bool, indent: usize) {
        let text = &self.document.text[range.clone()];
        if is_none(text) || self.aside != Aside::No {
            return;
        }
        if is_aside(&plain_words(text)) {
            self.aside = Aside::Below(indent);
            return;
        }
        // A cell of a table is no place of its own.
        let is_list = is_list && !text.starts_with('|');
        self.entry(range, is_list);
        self.parent = self.parent.or(Some(indent));
    }

    fn entry(&mut self, range: Range<usize>, is_list: bool) {
        let document = self.document;
        let text = &document.text[range.clone()];
        let others = self.found.others.len();
        entry(&mut self.found, text, is_list, |at| {
            document.place(range.start + at)
        });
        let is_table = text.starts_with('|');
        if self.parent.is_some() || is_table || text.trim_end().ends_with(':') {
            self.found.others.truncate(others);
        }
    }
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

fn entry(found: &mut Dependencies, text: &str, is_list: bool, place: impl Fn(usize) -> Place) {
    let named = references(text, is_list);
    if named.is_empty() && !text.trim().is_empty() {
        found.others.push((text.trim().to_owned(), place(0)));
    }
    let required = required_status(text);
    found
        .all
        .extend(named.into_iter().map(|reference| Dependency {
            target: reference.target,
            at: place(reference.at),
            required: required.clone(),
        }));
}

fn is_none(text: &str) -> bool {
    let words = plain_words(text);
    words.is_empty() || begins_with(&words, &NONE)
}

fn is_aside(words: &str) -> bool {
    begins_with(words, &ASIDE)
}

fn begins_with(words: &str, one_of: &[&str]) -> bool {
    let mut rests = one_of.iter().filter_map(|one| words.strip_prefix(*one));
    rests.any(|rest| rest.is_empty() || rest.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `line:column target`, then the entries that name no story.
    fn said(text: &str) -> (Vec<String>, Vec<String>) {
        let found = read(&Document::new(text.to_owned(), 0));
        let named = found.all.iter().map(|one| {
            let Place { line, column, .. } = one.at;
            let target = match &one.target {
                Target::Stories(range) => format!("{}.{}", range.start().0, range.start().1),
                Target::Epics(range) => format!("E{}-{}", range.start(), range.end()),
            };
            format!("{line}:{column} {target}")
        });
        let others = found.others.into_iter().map(|(text, _)| text);
        (named.collect(), others.collect())
    }

    #[test]
    fn every_shape_of_a_block_is_read() {
        let cases: [(&str, &[&str], &[&str]); 34] = [
            ("**Dependencies**: 0.1, 1.1", &["1:19 0.1", "1:24 1.1"], &[]),
            (
                "**Dependencies:** Story 1.1, Story 1.2",
                &["1:25 1.1", "1:36 1.2"],
                &[],
            ),
            (
                "- **Dependencies**: 1.1\n- **Priority**: 1.2",
                &["1:21 1.1"],
                &[],
            ),
            (
                "**Dependencies**: 1.1,\n1.2\n\n1.3",
                &["1:19 1.1", "2:1 1.2"],
                &[],
            ),
            (
                "**Depends On:**\n\n- 1.1\n- Story 1.2\n\nStory 1.3",
                &["3:3 1.1", "4:9 1.2"],
                &[],
            ),
            ("- **Dependencies**:\n  - 1.1\n- 1.2", &["2:5 1.1"], &[]),
            ("## Dependencies\n- Story 0.1 (x)\n", &["2:9 0.1"], &[]),
            (
                "### 🔗 Dependencies\n\n1.1, 1.2\n",
                &["3:1 1.1", "3:6 1.2"],
                &[],
            ),
            (
                "## Story Dependencies\n* [ ] Story 1.1\n",
                &["2:13 1.1"],
                &[],
            ),
            (
                "## Dependencies\n### Story 1.1: Login\nText\n",
                &["2:11 1.1"],
                &["Text"],
            ),
            ("## Dependencies\n- Epic 1-3 completion", &["2:8 E1-3"], &[]),
            (
                "## Dependencies\n**Depends On:**\n- Story 1.1\n**Enables:**\n- Story 2.1\n**Requires:** 1.2",
                &["3:9 1.1", "6:15 1.2"],
                &[],
            ),
            (
                "## Dependencies\n- Enables:\n  - Story 2.1\n- Blocks Story 2.2\n- Story 1.1",
                &["5:9 1.1"],
                &[],
            ),
            (
                "## Dependencies\n### Blocks\n- Story 2.1\n### Requires\n- Story 1.1",
                &["5:9 1.1"],
                &[],
            ),
            (
                "## Dependencies\n- **Requires**: Story 1.1 (x) - COMPLETED",
                &["2:23 1.1"],
                &[],
            ),
            (
                "## Dependencies\n- **Login**: Story 1.1 has to be there, in 2.0",
                &["2:20 1.1"],
                &[],
            ),
            (
                "## Dependencies\n- **Python**: 3.10",
                &[],
                &["**Python**: 3.10"],
            ),
            (
                "## Dependencies\n- Docker\n  - 1.2 of it\n- Redis",
                &["3:5 1.2"],
                &["Docker", "Redis"],
            ),
            (
                "## Dependencies\n- Story 1.1\n  - gives tokens",
                &["2:9 1.1"],
                &[],
            ),
            (
                "## Dependencies\n| Story | Why |\n|---|---|\n| Story 1.1 | x |",
                &["4:9 1.1"],
                &[],
            ),
            ("## Dependencies\nNone", &[], &[]),
            (
                "## Dependencies\n- None - can start at once, before Story 1.1",
                &[],
                &[],
            ),
            ("## Dependencies\n- N/A\n- No dependencies", &[], &[]),
            ("## Dependencies\n\n## Notes\nStory 1.1", &[], &[]),
            (
                "**Epic**: a | **Dependencies**: 1.1 | **Status**: 1.2",
                &["1:33 1.1"],
                &[],
            ),
            ("**Dependencies**: None", &[], &[]),
            ("**Dependencies**:", &[], &[]),
            (
                "**Dependencies**: 1.1\n\n## Dependencies\n- Story 1.2",
                &["1:19 1.1"],
                &[],
            ),
            ("## Tasks\n**Dependencies:** Task 1", &[], &["Task 1"]),
            (
                "# Acceptance Criteria\n**Dependencies:** Task 1\n\n# Tasks\n## Dependencies\n- Story 1.2",
                &[],
                &["Task 1"],
            ),
            (
                "## Dependencies\n- Story 1.1\n# Tasks\n- Story 1.2",
                &["2:9 1.1"],
                &[],
            ),
            ("## Dev Agent Record\n**Dependencies:** 4.18\n", &[], &[]),
            (
                "## Tasks\n- x\n## Dev Notes\n- **Dependencies**: the parser (Story 1.3)\n",
                &[],
                &[],
            ),
            (
                "## Tasks\n- x\n## Dependencies\n- Story 1.1",
                &["4:9 1.1"],
                &[],
            ),
        ];
        for (text, named, others) in cases {
            let found = said(text);
            let expected = (
                named.iter().map(ToString::to_string).collect(),
                others.iter().map(ToString::to_string).collect(),
            );
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_second_block_is_noticed() {
        let cases = [
            (
                "**Dependencies**: 1.1\n\n## Dependencies\n- Story 1.2",
                Some(3),
            ),
            ("**Dependencies**: express\n**Depends on**: 1.2", Some(2)),
            (
                "## Dependencies\n**Depends on:**\n- 1.1\n# Notes\n**Dependencies**: 1.2",
                Some(5),
            ),
            ("## Dependencies\n**Depends on:**\n- 1.1\n", None),
            ("**Dependencies:**\n- Depends on: Story 1.1\n", None),
            // Tasks have dependencies of their own.
            (
                "**Dependencies**: 1.1\n# Tasks\n**Dependencies**: Task 1",
                None,
            ),
            ("", None),
        ];
        for (text, expected) in cases {
            let found = read(&Document::new(text.to_owned(), 0)).second;
            assert_eq!(found.map(|at| at.line), expected, "{text}");
        }
    }

    #[test]
    fn code_and_comments_are_no_block() {
        for text in [
            "```\n## Dependencies\n- Story 1.1\n```",
            "<!--\n**Dependencies**: 1.1\n-->",
            "## Dependencies\n<!-- Story 1.1 -->\n\n```\nStory 1.2\n```",
            "> ## Dependencies\n> - Story 1.1",
        ] {
            assert_eq!(said(text), (Vec::new(), Vec::new()), "{text}");
        }
    }
}
