//! Text that others wrote: made shorter, set apart.

use std::borrow::Cow;

use crate::text::{head, rest_of};

/// At most `limit` bytes: the beginning and, as errors stand at the end, twice as much of the end, with a line between
/// that says how much is missing.
pub(super) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    // The longest the mark can get; a limit below that leaves room for nothing else.
    let mark = |missing: usize| format!("\n[... {missing} bytes left out ...]\n");
    let Some(room) = limit.checked_sub(mark(text.len()).len()) else {
        return Cow::Borrowed(head(text, limit));
    };
    let head = head(text, room / 3);
    let tail = rest_of(text, room - room / 3);
    let missing = text.len() - head.len() - tail.len();
    Cow::Owned([head, &mark(missing), tail].concat())
}

/// One line, for places where another line would be taken for something else.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Sets text apart with a fence that nothing inside can close.
pub(super) fn fence(text: &str) -> String {
    let longest = text
        .split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    format!("{fence}text\n{}\n{fence}", text.trim_end_matches('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_keeps_its_beginning_and_its_end() {
        let text: String = (0..1000)
            .map(|number| format!("línea {number}\n"))
            .collect();
        for limit in [0, 1, 30, 34, 35, 36, 100, 101, 4096, text.len() - 1] {
            let short = cut(&text, limit);
            assert!(short.len() <= limit, "{limit}: {}", short.len());
            if limit >= 100 {
                assert!(
                    short.starts_with("línea 0\n") && short.ends_with("999\n"),
                    "{short}"
                );
                assert!(short.contains(" bytes left out ...]\n"), "{short}");
            }
        }
        assert_eq!(cut(&text, text.len()), text);
    }

    #[test]
    fn a_fence_cannot_be_closed_from_inside() {
        for (given, expected) in [
            ("plain\n", "```text\nplain\n```"),
            ("a ``` b", "````text\na ``` b\n````"),
            ("`````", "``````text\n`````\n``````"),
            ("", "```text\n\n```"),
        ] {
            assert_eq!(fence(given), expected);
        }
    }
}
