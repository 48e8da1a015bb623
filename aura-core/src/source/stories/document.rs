//! A story file cut at its headings, with a place for every byte.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::label::plain_words;
use crate::plan::Place;

/// A heading of the file's own level, not one inside of a list or a quotation.
#[derive(Debug)]
pub(super) struct Heading {
    level: u8,
    /// All of its lines.
    pub(super) range: Range<usize>,
    /// What it says.
    pub(super) text: String,
    /// The same in small letters, without decoration and number.
    pub(super) name: String,
}

/// A block that is in no other one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) range: Range<usize>,
    pub(super) is_list: bool,
    /// Shows nothing: a comment or a line across the page.
    pub(super) is_silent: bool,
}

/// The text of a story, with a blank for every byte that is no part of it.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) text: String,
    pub(super) headings: Vec<Heading>,
    pub(super) blocks: Vec<Block>,
    /// The items of lists that are in no other list.
    pub(super) items: Vec<Range<usize>>,
    /// Code and comments.
    opaque: Vec<Range<usize>>,
    lines: Vec<usize>,
    file: u32,
}

impl Document {
    /// `text` has no byte order mark and no front matter.
    pub(super) fn new(text: String, file: u32) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        let mut document = Self {
            lines: std::iter::once(0).chain(starts).collect(),
            headings: Vec::new(),
            blocks: Vec::new(),
            items: Vec::new(),
            opaque: Vec::new(),
            text: String::new(),
            file,
        };
        document.read(&text);
        document.text = text;
        document
    }

    fn read(&mut self, text: &str) {
        let mut depth = 0_usize;
        let mut heading: Option<Heading> = None;
        for (event, range) in Parser::new_ext(text, Options::empty()).into_offset_iter() {
            match event {
                Event::Start(tag) => {
                    if depth == 0 {
                        self.block(text, &tag, &range);
                    }
                    match tag {
                        Tag::Heading { level, .. }
                            if depth == 0 && is_atx(&text[range.clone()]) =>
                        {
                            heading = Some(Heading {
                                level: level as u8,
                                range,
                                text: String::new(),
                                name: String::new(),
                            });
                        }
                        Tag::Item if depth == 1 => self.items.push(range),
                        Tag::CodeBlock(_) | Tag::HtmlBlock => self.opaque.push(range),
                        _ => {}
                    }
                    depth += 1;
                }
                Event::End(end) => {
                    depth = depth.saturating_sub(1);
                    if let TagEnd::Heading(_) = end
                        && let Some(mut heading) = heading.take()
                    {
                        heading.name = plain_words(&heading.text);
                        self.headings.push(heading);
                    }
                }
                Event::Text(said) | Event::Code(said) => {
                    if let Some(heading) = &mut heading {
                        heading.text.push_str(&said);
                    }
                }
                Event::Rule if depth == 0 => self.blocks.push(Block {
                    range,
                    is_list: false,
                    is_silent: true,
                }),
                _ => {}
            }
        }
    }

    fn block(&mut self, text: &str, tag: &Tag<'_>, range: &Range<usize>) {
        let said = text[range.clone()].trim();
        self.blocks.push(Block {
            range: range.clone(),
            is_list: matches!(tag, Tag::List(_)),
            is_silent: matches!(tag, Tag::HtmlBlock)
                && said.starts_with("<!--")
                && said.ends_with("-->"),
        });
    }

    /// Where a byte is.
    pub(super) fn place(&self, offset: usize) -> Place {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines[line - 1];
        let column = self
            .text
            .get(start..offset)
            .map_or(1, |before| before.chars().count() + 1);
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Place::new(number(line), number(column)).of_file(self.file)
    }

    /// What is below a heading, up to the next one that is not.
    pub(super) fn section(&self, index: usize) -> Range<usize> {
        let heading = &self.headings[index];
        let mut after = self.headings[index + 1..].iter();
        let next = after.find(|next| next.level <= heading.level);
        heading.range.end..next.map_or(self.text.len(), |next| next.range.start)
    }

    /// The first heading of one of these names.
    pub(super) fn find(&self, is_it: impl Fn(&str) -> bool) -> Option<usize> {
        self.headings
            .iter()
            .position(|heading| is_it(&heading.name))
    }

    /// Lines that begin in a range and are neither code nor comment.
    pub(super) fn lines(&self, range: Range<usize>) -> impl Iterator<Item = (usize, &str)> {
        let first = self.lines.partition_point(|start| *start < range.start);
        let starts = self.lines[first..].iter().copied();
        starts
            .take_while(move |start| *start < range.end)
            .filter_map(|start| {
                let line = self.text[start..].lines().next().unwrap_or_default();
                (!self.is_opaque(start + line.len() - line.trim_start().len()))
                    .then_some((start, line))
            })
    }

    /// Whether a byte is code or comment.
    pub(super) fn is_opaque(&self, offset: usize) -> bool {
        let before = self.opaque.partition_point(|range| range.start <= offset);
        before > 0 && self.opaque[before - 1].contains(&offset)
    }

    /// The heading that begins in a line.
    pub(super) fn heading_at(&self, line: Range<usize>) -> Option<&Heading> {
        let index = self
            .headings
            .partition_point(|heading| heading.range.start < line.start);
        let heading = self.headings.get(index)?;
        line.contains(&heading.range.start).then_some(heading)
    }
}

/// A line under a paragraph makes a heading of it as well, which nobody means who separates parts of a page by it.
fn is_atx(text: &str) -> bool {
    text.trim_start().starts_with('#')
}
