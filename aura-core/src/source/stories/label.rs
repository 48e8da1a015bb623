//! Lines that say what they are about: `**Status**: Draft`, `- **Epic:** auth`, `Depends on: 1.1`.

use std::ops::Range;

/// Longer ones are sentences with a colon.
const MAX_NAME: usize = 40;
/// Longer lines say one thing.
const MAX_LINE: usize = 500;

/// A line with a name in front of a colon.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Label {
    /// In small letters, without decoration.
    pub(super) name: String,
    /// Of the value, in the line; may be empty.
    pub(super) value: Range<usize>,
    /// It is an item of a list.
    pub(super) is_item: bool,
}

/// The same text in small letters, without decoration, punctuation, and a number in front.
pub(super) fn plain_words(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let is_number = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
    match words.as_slice() {
        [first, rest @ ..] if is_number(first) && !rest.is_empty() => rest.join(" "),
        all => all.join(" "),
    }
}

/// The text with a blank for every byte that only decorates it; nothing moves.
pub(super) fn undecorated(text: &str) -> String {
    let decorates = ['*', '_', '`', '~', '[', ']', '\\', '"'];
    text.replace(decorates, " ")
}

/// Where the words of an item of a list begin in its line; `None` where the line is no such item.
pub(super) fn item(line: &str) -> Option<usize> {
    let text = line.trim_start();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let marker = match text.as_bytes() {
        [b'-' | b'*' | b'+', b' ' | b'\t', ..] => 1,
        bytes
            if digits > 0 && matches!(bytes.get(digits..digits + 2), Some([b'.' | b')', b' '])) =>
        {
            digits + 1
        }
        _ => return None,
    };
    let rest = text[marker..].trim_start();
    let rest = ["[ ] ", "[x] ", "[X] "]
        .iter()
        .find_map(|tick| rest.strip_prefix(tick))
        .unwrap_or(rest);
    Some(line.len() - rest.trim_start().len())
}

/// Reads a line; `None` where it has no label.
pub(super) fn label(line: &str) -> Option<Label> {
    let found = item(line);
    let start = found.unwrap_or(line.len() - line.trim_start().len());
    let plain = undecorated(&line[start..]);
    let (name, value) = match plain.find(':') {
        Some(colon) => (&plain[..colon], start + colon + 1..line.len()),
        None => {
            let said = line[start..].trim();
            let bold = said.strip_prefix("**")?.strip_suffix("**")?;
            (bold, line.len()..line.len())
        }
    };
    let is_word = |c: char| !c.is_ascii_punctuation() || matches!(c, '&' | '/' | '(' | ')');
    let has_number = name.bytes().any(|byte| byte.is_ascii_digit());
    if name.trim().len() > MAX_NAME || has_number || !name.chars().all(is_word) {
        return None;
    }
    let name = plain_words(name);
    let first = plain.get(value.start - start..).unwrap_or_default();
    let blanks = first.len() - first.trim_start().len();
    let end = value.end - (first.len() - first.trim_end().len());
    (!name.is_empty()).then_some(Label {
        name,
        value: (value.start + blanks).min(end)..end,
        is_item: found.is_some(),
    })
}

/// The labels of a line that says several things, as `**Epic**: auth | **Status**: Draft` does, each with what it is the label of.
pub(super) fn labels(line: &str) -> Vec<(Range<usize>, Label)> {
    let mut found: Vec<(Range<usize>, Label)> = Vec::new();
    let bars = line.match_indices('|').map(|(at, _)| at + 1);
    let bars = bars.filter(|_| line.len() <= MAX_LINE);
    for start in std::iter::once(0).chain(bars) {
        let Some(next) = label(&line[start..]) else {
            continue;
        };
        if let Some((before, _)) = found.last_mut() {
            before.end = start - 1;
        }
        found.push((start..line.len(), next));
    }
    for (part, own) in &mut found {
        // What comes behind a bar is no part of the value.
        if let Some(again) = label(&line[part.clone()]) {
            *own = again;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_found_in_every_form() {
        let cases = [
            ("**Status**: Draft", Some(("status", "Draft", false))),
            ("**Status:** Draft  ", Some(("status", "Draft", false))),
            ("Status: Draft", Some(("status", "Draft", false))),
            ("- **Epic**: auth", Some(("epic", "auth", true))),
            ("* **Epic:** auth", Some(("epic", "auth", true))),
            ("  - [ ] Epic: auth", Some(("epic", "auth", true))),
            ("2. Epic: auth", Some(("epic", "auth", true))),
            ("**🔗 Depends On:**", Some(("depends on", "", false))),
            ("**Depends On**", Some(("depends on", "", false))),
            (
                "**Status**: ✅ **Done**",
                Some(("status", "✅ **Done", false)),
            ),
            ("- **Story 1.1**: Login", None),
            ("- Story 1.1 (Login)", None),
            (
                "https://example.org",
                Some(("https", "//example.org", false)),
            ),
            (
                "A sentence that says at length what follows now: this",
                None,
            ),
            ("one, two: three", None),
            ("**bold** word", None),
            (": value", None),
            ("", None),
        ];
        for (line, expected) in cases {
            let found = label(line);
            let found = found.as_ref();
            let found = found.map(|label| {
                (
                    label.name.as_str(),
                    &line[label.value.clone()],
                    label.is_item,
                )
            });
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn a_line_may_say_several_things() {
        let cases: [(&str, &[(&str, &str)]); 4] = [
            (
                "**Epic**: auth | **Status:** Draft | **Points**: 3",
                &[("epic", "auth"), ("status", "Draft"), ("points", "3")],
            ),
            ("**Status**: Draft | Done", &[("status", "Draft | Done")]),
            ("Priority | **Status**: Draft", &[("status", "Draft")]),
            ("| a | b |", &[]),
        ];
        for (line, expected) in cases {
            let found = labels(line);
            let found: Vec<_> = found
                .iter()
                .map(|(part, label)| {
                    (
                        label.name.as_str(),
                        &line[part.clone()][label.value.clone()],
                    )
                })
                .collect();
            assert_eq!(found, expected, "{line}");
        }
    }
}
