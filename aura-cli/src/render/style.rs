//! Colour, where a terminal shows it and nobody asked for none.

use std::io::IsTerminal;

/// Whether and how text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    colour: bool,
}

/// What a piece of text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// An error, a red gate.
    Bad,
    /// A warning, a retry.
    Doubtful,
    /// A success.
    Good,
    /// Something to look at.
    Strong,
    /// Something to look past.
    Faint,
}

impl Style {
    /// No colour.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { colour: false };

    /// What suits standard error.
    pub(crate) fn of_stderr() -> Self {
        Self::choose(std::io::stderr().is_terminal())
    }

    /// What suits standard output.
    pub(crate) fn of_stdout() -> Self {
        Self::choose(std::io::stdout().is_terminal())
    }

    fn choose(is_terminal: bool) -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            colour: is_terminal && !unwanted && !dumb,
        }
    }

    /// The text in its tone.
    pub(crate) fn paint(self, tone: Tone, text: impl std::fmt::Display) -> String {
        if !self.colour {
            return text.to_string();
        }
        let code = match tone {
            Tone::Bad => "1;31",
            Tone::Doubtful => "33",
            Tone::Good => "32",
            Tone::Strong => "1",
            Tone::Faint => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// The text without anything that could steer a terminal; line ends stay.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => '\n',
            '\t' => ' ',
            c if c.is_control() || is_direction_mark(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Characters that reorder what stands around them.
const fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_only_added_where_it_is_wanted() {
        assert_eq!(Style::PLAIN.paint(Tone::Bad, "x"), "x");
        let coloured = Style { colour: true };
        assert_eq!(coloured.paint(Tone::Good, "x"), "\u{1b}[32mx\u{1b}[0m");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(
            harmless("a\u{1b}[2J\tb\r\n\u{202e}c"),
            "a\u{fffd}[2J b\u{fffd}\n\u{fffd}c"
        );
    }
}
