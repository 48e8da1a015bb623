//! What an agent is told of a story: its text without what is told elsewhere and what is over.

use std::ops::Range;

use super::depends::is_past;
use super::document::Document;
use super::label::item;

/// What an agent is told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) text: String,
    pub(super) criteria: Vec<String>,
}

/// Reads what is below the title, which ends at `start`.
pub(super) fn read(document: &Document, start: usize) -> Told {
    let mut told = Told::default();
    let mut left_out: Vec<Range<usize>> = Vec::new();
    for (index, heading) in document.headings.iter().enumerate() {
        let section = document.section(index);
        let whole = heading.range.start..section.end;
        if heading.name == "status" {
            let next = document.headings.get(index + 1);
            let end = next.map_or(section.end, |next| next.range.start);
            left_out.push(heading.range.start..end);
        } else if is_past(&heading.name) {
            left_out.push(whole);
        } else if heading.name.starts_with("acceptance criteria") && told.criteria.is_empty() {
            let (criteria, says_all) = criteria(document, &section);
            told.criteria = criteria;
            if says_all {
                left_out.push(whole);
            }
        }
    }
    let mut text = String::new();
    let mut at = start;
    for range in left_out {
        if range.start > at {
            text.push_str(&document.text[at..range.start]);
        }
        at = at.max(range.end);
    }
    text.push_str(document.text.get(at..).unwrap_or_default());
    told.text = tidy(&text);
    told
}

/// The criteria, and whether they are all that the section says.
fn criteria(document: &Document, section: &Range<usize>) -> (Vec<String>, bool) {
    let inside = |range: &Range<usize>| section.contains(&range.start);
    let items = document.items.iter().filter(|range| inside(range));
    let criteria: Vec<String> = items
        .map(|range| criterion(&document.text[range.clone()]))
        .filter(|text| !text.is_empty())
        .collect();
    let mut blocks = document.blocks.iter().filter(|block| inside(&block.range));
    let says_all = blocks.all(|block| block.is_list || block.is_silent);
    let has_any = !criteria.is_empty();
    (criteria, says_all && has_any)
}

/// An item of a list without its marker, further lines as far to the left as the first.
fn criterion(text: &str) -> String {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let start = item(first).unwrap_or(0);
    let rest = lines.map(|line| {
        let blanks = line.len() - line.trim_start_matches(' ').len();
        &line[blanks.min(start)..]
    });
    let all: Vec<&str> = std::iter::once(&first[start..]).chain(rest).collect();
    tidy(&all.join("\n"))
}

/// Without blank lines at its ends, and never two in a row.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut blank = 0;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() {
            blank += 1;
            continue;
        }
        if !tidy.is_empty() {
            tidy.push_str(if blank > 0 { "\n\n" } else { "\n" });
        }
        blank = 0;
        tidy.push_str(line);
    }
    tidy
}
