//! What a story depends on: the one block of its file that says so.

#[cfg(test)]
mod tests;

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

/// The parts of a file that are a record of what was done.
pub(super) struct Past(Vec<Range<usize>>);

impl Past {
    pub(super) fn of(document: &Document) -> Self {
        let mut parts: Vec<Range<usize>> = Vec::new();
        for (index, heading) in document.headings.iter().enumerate() {
            let is_inside = parts
                .last()
                .is_some_and(|last| heading.range.start < last.end);
            if is_past(&heading.name) && !is_inside {
                parts.push(document.section(index));
            }
        }
        Self(parts)
    }

    pub(super) fn contains(&self, offset: usize) -> bool {
        let before = self.0.partition_point(|part| part.start <= offset);
        before > 0 && self.0[before - 1].contains(&offset)
    }
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
    let past = Past::of(document);
    document.lines(within.clone()).find_map(|(start, line)| {
        if past.contains(start) {
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
