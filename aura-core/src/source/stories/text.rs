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
    let is_criteria = |name: &str| name.starts_with("acceptance criteria");
    let first = document.find(is_criteria);
    for (index, heading) in document.headings.iter().enumerate() {
        let section = document.section(index);
        let whole = heading.range.start..section.end;
        if heading.name == "status" {
            let next = document.headings.get(index + 1);
            let end = next.map_or(section.end, |next| next.range.start);
            left_out.push(heading.range.start..end);
        } else if is_past(&heading.name) {
            left_out.push(whole);
        } else if first == Some(index) {
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
    let first = document
        .headings
        .iter()
        .position(|heading| section.contains(&heading.range.start));
    let end = first.map_or(section.end, |index| document.headings[index].range.start);
    let inside = |range: &Range<usize>| (section.start..end).contains(&range.start);
    let items = document.items.iter().filter(|range| inside(range));
    let items = items.map(|range| criterion(&document.text[range.clone()]));
    let mut criteria: Vec<String> = items.filter(|text| !text.is_empty()).collect();
    let mut blocks = document.blocks.iter().filter(|block| inside(&block.range));
    let says_all = blocks.all(|block| block.is_list || block.is_silent);
    criteria.extend(headed(document, first, section.end));
    let has_any = !criteria.is_empty();
    (criteria, says_all && has_any)
}

/// What is below each heading, with the heading.
fn headed(document: &Document, first: Option<usize>, end: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = first.map_or(end, |index| document.headings[index].range.start);
    let mut next = first.unwrap_or(document.headings.len());
    while at < end {
        let heading = &document.headings[next];
        let section = document.section(next);
        let below = tidy(&document.text[section.clone()]);
        found.push(tidy(&format!("{}\n{below}", heading.text.trim())));
        at = section.end;
        let inside = document.headings[next..].iter();
        next += inside
            .take_while(|heading| heading.range.start < at)
            .count();
    }
    found
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The text and the criteria of a story whose title is its first line.
    fn told(text: &str) -> (String, Vec<String>) {
        let document = Document::new(text.to_owned(), 0);
        let told = read(&document, document.headings[0].range.end);
        (told.text, told.criteria)
    }

    #[test]
    fn criteria_are_the_items_or_what_is_below_headings() {
        let cases: [(&str, &str, &[&str]); 9] = [
            ("# T\n## Acceptance Criteria\n1. a\n2. b\n", "", &["a", "b"]),
            (
                "# T\n## Acceptance Criteria\n- [ ] a\n  - b\n\n  c\n---\n# N\n",
                "# N",
                &["a\n- b\n\nc"],
            ),
            (
                "# T\n## Acceptance Criteria\nAll:\n- a\n",
                "## Acceptance Criteria\nAll:\n- a",
                &["a"],
            ),
            (
                "# T\n## Acceptance Criteria\nIt works.\n",
                "## Acceptance Criteria\nIt works.",
                &[],
            ),
            (
                "# T\n## Acceptance Criteria\n### AC1: a\n- given\n- then\n### AC2\nb\n#### c\nd\n## Tasks\n- x\n",
                "## Tasks\n- x",
                &["AC1: a\n- given\n- then", "AC2\nb\n#### c\nd"],
            ),
            (
                "# T\n## Acceptance Criteria\n- a\n### More\n- b\n",
                "",
                &["a", "More\n- b"],
            ),
            (
                "# T\n## Acceptance Criteria\n\n## Notes\nn\n",
                "## Acceptance Criteria\n\n## Notes\nn",
                &[],
            ),
            (
                "# T\n## Status\nDraft\n### Dependencies\n- 1.1\n## QA Results\n### x\ny",
                "### Dependencies\n- 1.1",
                &[],
            ),
            (
                "# T\r\n## Notes\r\n\r\n\r\n\r\na  \r\n",
                "## Notes\n\na",
                &[],
            ),
        ];
        for (text, expected, criteria) in cases {
            let found = told(text);
            let criteria = criteria.iter().map(ToString::to_string).collect();
            assert_eq!(found, (expected.to_owned(), criteria), "{text}");
        }
    }
}
