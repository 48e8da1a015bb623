//! What programs wrote, made safe to show and to keep: bounded, valid UTF-8, without control sequences.

use std::iter::Peekable;
use std::str::Chars;

mod escape;

pub(crate) use self::escape::escape;

/// Decodes lossily, and [`strip_controls`].
pub(crate) fn clean(bytes: &[u8]) -> String {
    strip_controls(&String::from_utf8_lossy(bytes))
}

/// Removes what a terminal would obey and what a person would not see: escape sequences, control characters other than
/// newline and tab, bidirectional controls and invisible tags. Line ends become `\n`. A sequence that is not
/// terminated ends at the end of its line.
pub fn strip_controls(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_control_sequence(&mut rest),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => {
                if skip_string(&mut rest) {
                    skip_escape(&mut rest);
                }
            }
            '\r' if rest.peek() != Some(&'\n') => clean.push('\n'),
            '\n' | '\t' => clean.push(character),
            _ if character.is_control() || is_invisible(character) => {}
            _ => clean.push(character),
        }
    }
    clean
}

/// [`clean`] for the end of a stream that is one piece of `total` bytes: a line that lost its beginning is left out.
pub(crate) fn clean_tail(tail: &[u8], total: u64) -> String {
    if tail.len() as u64 >= total {
        return clean(tail);
    }
    match tail.iter().position(|byte| *byte == b'\n') {
        Some(end) => clean(&tail[end + 1..]),
        None => clean(tail),
    }
}

/// The last `limit` bytes or fewer, from the start of a line where one is near and else of a character.
pub(crate) fn tail(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let end = rest_of(text, limit);
    match end.find('\n') {
        Some(at) if at < end.len() / 2 => &end[at + 1..],
        _ => end,
    }
}

/// The last `limit` bytes or fewer, from a character's start.
pub(crate) fn rest_of(text: &str, limit: usize) -> &str {
    let mut start = text.len().saturating_sub(limit);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// The first `limit` bytes or fewer, up to a character's end.
pub(crate) fn head(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The ends of two streams within one limit. What one of them does not need, the other may use.
pub(crate) fn join_tails(first: &str, second: &str, limit: usize) -> String {
    let (first, second) = (first.trim_end(), second.trim_end());
    if first.is_empty() || second.is_empty() {
        return tail(if first.is_empty() { second } else { first }, limit).to_owned();
    }
    let limit = limit.saturating_sub(1);
    let half = limit / 2;
    let for_second = second
        .len()
        .min(half.max(limit.saturating_sub(first.len())));
    format!(
        "{}\n{}",
        tail(first, limit - for_second),
        tail(second, for_second)
    )
}

/// The last line with something on it, cut to a length that fits a sentence.
pub(crate) fn last_line(text: &str) -> Option<&str> {
    let line = text
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())?;
    Some(head(line, 300))
}

type Rest<'a> = Peekable<Chars<'a>>;

fn skip_escape(rest: &mut Rest<'_>) {
    // A string may be ended by the next one, as often as somebody likes.
    while let Some(']' | 'P' | 'X' | '^' | '_') = rest.peek() {
        if !skip_string(rest) {
            return;
        }
    }
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_control_sequence(rest);
        }
        Some(' '..='~') => {
            while rest.next_if(|next| matches!(next, ' '..='/')).is_some() {}
            rest.next_if(|next| matches!(next, '0'..='~'));
        }
        _ => {}
    }
}

/// Parameters, then one final character.
fn skip_control_sequence(rest: &mut Rest<'_>) {
    while rest.next_if(|next| matches!(next, ' '..='?')).is_some() {}
    rest.next_if(|next| matches!(next, '@'..='~'));
}

/// Titles, clipboard contents and the like, up to their terminator. `true` where an escape that begins another sequence ended it.
fn skip_string(rest: &mut Rest<'_>) -> bool {
    while let Some(next) = rest.next_if(|next| !matches!(next, '\n' | '\u{1b}')) {
        if matches!(next, '\u{7}' | '\u{9c}') {
            return false;
        }
    }
    rest.next_if_eq(&'\u{1b}').is_some() && rest.next_if_eq(&'\\').is_none()
}

const fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_could_act_on_a_terminal_is_left_out() {
        let cases: &[(&[u8], &str)] = &[
            (b"plain\ttext\n", "plain\ttext\n"),
            (b"\x1b[1;31mred\x1b[0m", "red"),
            (b"\x1b[?2004hx\x1b[2J\x1b[H", "x"),
            (b"a\x1b]0;title\x07b", "ab"),
            (b"a\x1b]52;c;c2VjcmV0\x1b\\b", "ab"),
            (b"a\x1bPq#0\x1b\\b\x1b_x\x1b\\c\x1b^y\x1b\\d", "abcd"),
            (b"\x1b(Bx\x1bcy\x1b7z", "xyz"),
            ("a\u{9b}31mb\u{9d}0;t\u{9c}c\u{85}d".as_bytes(), "abcd"),
            (b"no end \x1b]0;title\nnext", "no end \nnext"),
            (b"\x1b", ""),
            (b"\x1b[", ""),
            (b"one\r\ntwo\rthree", "one\ntwo\nthree"),
            (b"nul\0 bell\x07 back\x08 del\x7f", "nul bell back del"),
            ("a\u{202e}b\u{2066}c\u{200f}d".as_bytes(), "abcd"),
            (b"bad \xff\xfe byte", "bad \u{fffd}\u{fffd} byte"),
            ("\u{e4}\u{1f600}".as_bytes(), "\u{e4}\u{1f600}"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(
                clean(bytes),
                *expected,
                "{:?}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn control_sequences_are_removed() {
        let cases = [
            ("plain\ttext\n", "plain\ttext\n"),
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{1b}[38:2::255:0:0mtrue colour\u{1b}[m", "true colour"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]52;c;c2VjcmV0\u{1b}\\after", "after"),
            ("\u{1b}]8;;https://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}Pdevice\u{1b}\\after", "after"),
            ("\u{1b}_application\u{9c}after", "after"),
            ("\u{9d}0;title\u{9c}after", "after"),
            ("\u{9b}31mred", "red"),
            ("\u{1b}(Bset\u{1b}=key\u{1b}7save\u{1b}c", "setkeysave"),
            ("unterminated \u{1b}]0;title\nnext", "unterminated \nnext"),
            ("\u{1b}]0;a\u{1b}[31mred", "red"),
            ("\u{1b}[31", ""),
            ("\u{1b}", ""),
            ("\u{1b}\u{1b}[1mx", "x"),
            ("a\r\nb\rc", "a\nb\nc"),
            (
                "bell\u{7} null\0 back\u{8} delete\u{7f}",
                "bell null back delete",
            ),
            ("\u{202e}evil\u{202c} \u{2066}iso\u{2069}", "evil iso"),
            ("tag\u{e0041}\u{e007f}s \u{feff}", "tags "),
            ("línea 日本 👩‍🚀", "línea 日本 👩‍🚀"),
        ];
        for (given, expected) in cases {
            assert_eq!(strip_controls(given), expected, "{given:?}");
        }
    }

    #[test]
    fn sequences_without_an_end_may_be_as_many_as_they_like() {
        for sequence in ["\u{1b}]", "\u{1b}P", "\u{1b}]\u{1b}[", "\u{1b}"] {
            let text = format!("a{}\nb", sequence.repeat(500_000));
            assert_eq!(strip_controls(&text), "a\nb", "{sequence:?}");
        }
    }

    #[test]
    fn a_cut_stream_begins_with_a_whole_line() {
        assert_eq!(clean_tail(b"31mrest\nline\n", 500), "line\n");
        assert_eq!(clean_tail(b"first\nline\n", 11), "first\nline\n");
        assert_eq!(clean_tail(b"one endless line", 500), "one endless line");
    }

    #[test]
    fn two_tails_share_a_limit() {
        let long = "x".repeat(100);
        for (first, second, limit, expected) in [
            ("out\n", "err\n", 100, "out\nerr".to_owned()),
            ("", "err", 2, "rr".to_owned()),
            ("out", "\n", 100, "out".to_owned()),
            (&long, "err", 14, format!("{}\nerr", "x".repeat(10))),
            ("out", &long, 14, format!("out\n{}", "x".repeat(10))),
            (
                &long,
                &long,
                21,
                format!("{}\n{}", "x".repeat(10), "x".repeat(10)),
            ),
        ] {
            assert_eq!(join_tails(first, second, limit), expected);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_controls_is_left(text in "[\\x00-\\x7f\u{80}-\u{9f}\u{202a}-\u{202e}é]{0,60}") {
            let clean = strip_controls(&text);
            prop_assert_eq!(strip_controls(&clean), clean);
        }

        #[test]
        fn any_bytes_become_bounded_text_without_controls(bytes: Vec<u8>, limit in 0usize..200) {
            let text = clean(&bytes);
            prop_assert!(!text.chars().any(|c| (c.is_control() && c != '\n' && c != '\t') || is_invisible(c)));
            prop_assert!(tail(&text, limit).len() <= limit);
            prop_assert!(text.ends_with(tail(&text, limit)));
            prop_assert!(head(&text, limit).len() <= limit);
            prop_assert!(join_tails(&text, &text, limit).len() <= limit.max(1));
        }

        #[test]
        fn sequences_leave_nothing_wherever_they_stand(before in "[a-z]{0,5}", after in "[a-z]{0,5}") {
            for sequence in ["\x1b[31m", "\x1b]0;t\x07", "\x1b]8;;u\x1b\\", "\x1bPx\x1b\\", "\x1b(B", "\u{9b}1A"] {
                let text = format!("{before}{sequence}{after}");
                prop_assert_eq!(clean(text.as_bytes()), format!("{before}{after}"));
            }
        }
    }
}
