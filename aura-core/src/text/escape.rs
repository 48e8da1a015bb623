//! What nobody would see, made visible.

use std::fmt::Write as _;

/// A text in which everything can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Escaped {
    pub(crate) text: String,
    /// How many characters were escaped, without those that are part of a line end.
    pub(crate) count: usize,
}

/// Writes what a terminal would obey and what a person would not see as `\x1b`, `\r`, `\u{202e}` and the like. Nothing is left
/// out, and no line ends where the text has no `\n`: whoever judges a text has to see all of it, and where it is.
pub(crate) fn escape(text: &str) -> Escaped {
    let mut all = Escaped {
        text: String::with_capacity(text.len()),
        count: 0,
    };
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        if !is_hidden(character) {
            all.text.push(character);
            continue;
        }
        let ends_line = character == '\r' && rest.peek() == Some(&'\n');
        all.count += usize::from(!ends_line);
        let _infallible = match u32::from(character) {
            0x0d => write!(all.text, "\\r"),
            code @ 0..0x80 => write!(all.text, "\\x{code:02x}"),
            code => write!(all.text, "\\u{{{code:x}}}"),
        };
    }
    all
}

/// Controls, line ends other than `\n`, and what Unicode says is not shown: formats, joiners, fillers, variation selectors, tags.
const fn is_hidden(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        _ => matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
                | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        ),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_hidden_is_written_out() {
        for (given, text, count) in [
            ("plain\ttext\n", "plain\ttext\n", 0),
            (
                "x = \"\u{1b}]\"; evil()\u{7}",
                "x = \"\\x1b]\"; evil()\\x07",
                2,
            ),
            ("one\r\ntwo\rthree\r", "one\\r\ntwo\\rthree\\r", 2),
            (
                "nul\0 del\u{7f} next\u{85} csi\u{9b}",
                "nul\\x00 del\\x7f next\\u{85} csi\\u{9b}",
                4,
            ),
            (
                "a\u{2028}b\u{2029}c\u{b}\u{c}",
                "a\\u{2028}b\\u{2029}c\\x0b\\x0c",
                4,
            ),
            (
                "\u{202e}live\u{202c} \u{2066}x\u{2069}",
                "\\u{202e}live\\u{202c} \\u{2066}x\\u{2069}",
                4,
            ),
            (
                "i\u{200b}f \u{feff}\u{ad}\u{e0041}",
                "i\\u{200b}f \\u{feff}\\u{ad}\\u{e0041}",
                4,
            ),
            (
                "línea 日本 \u{1f600} \\x1b",
                "línea 日本 \u{1f600} \\x1b",
                0,
            ),
        ] {
            let text = text.to_owned();
            assert_eq!(escape(given), Escaped { text, count }, "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn lines_stay_where_they_are_and_nothing_hidden_is_left(text: String) {
            let escaped = escape(&text).text;
            prop_assert_eq!(escaped.matches('\n').count(), text.matches('\n').count());
            prop_assert!(!escaped.chars().any(is_hidden));
            prop_assert_eq!(escape(&escaped), Escaped { text: escaped, count: 0 });
        }
    }
}
