//! What a rule is: words that a line must have, and a shape.

use regex::bytes::{Regex, RegexBuilder};

/// One kind of secret.
pub(super) struct Rule {
    /// Its name, as it stands in findings and in lists of what is allowed.
    pub(super) id: &'static str,
    /// What it finds, to be read after "looks like".
    pub(super) what: &'static str,
    /// In lower case; a line with none of them, in any case, is not looked at.
    pub(super) keys: &'static [&'static str],
    /// How the secret is found.
    pub(super) shape: Shape,
    /// Bits per byte that a random value has at least. What people write as an example has fewer.
    pub(super) entropy: f64,
}

/// How a secret is found.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// It says what it is: an expression for all of it, which stands between other characters.
    Token(&'static str),
    /// It says nothing, but stands near a word that does: expressions for the word and for the value.
    Near(&'static str, &'static str),
    /// An expression over several lines whose first group is the secret.
    Block(&'static str),
    /// An expression of one line whose first group is the secret, and nobody gave that a shape: only what looks random counts, in files where that means something.
    Guess(&'static str, Where),
}

/// In which files a guess is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    /// In all that people write.
    Written,
    /// In settings, where values stand without quotes.
    Settings,
}

/// Between a name and its value: the end of the name, quotes, brackets, perhaps a type, and what assigns.
const ASSIGNED: &str = r#"[\w.-]{0,30}["'`\])]{0,3}[ \t]{0,8}(?::[ \t]{0,2}[&'\w.<>|? ]{1,30}=|:=|=>|->|[=:,])[ \t]{0,8}["'`(]{0,2}"#;
/// What a value ends with.
const END: &str = r#"(?:["'`\s;,)<\\]|$)"#;

impl Rule {
    /// The expression. Its first group is the secret; it knows bytes, not characters.
    pub(super) fn compile(&self) -> Result<Regex, regex::Error> {
        let pattern = match self.shape {
            Shape::Token(token) => format!(r"\b({token})(?:[^0-9A-Za-z_-]|$)"),
            Shape::Near(word, value) => format!(r"(?i:{word}){ASSIGNED}({value}){END}"),
            Shape::Block(pattern) | Shape::Guess(pattern, _) => pattern.to_owned(),
        };
        RegexBuilder::new(&pattern)
            .unicode(false)
            .size_limit(16 << 20)
            .build()
    }

    /// All of it as a text that changes when it does.
    pub(super) fn definition(&self) -> String {
        let shape = match self.shape {
            Shape::Token(token) => format!("token {token}"),
            Shape::Near(word, value) => format!("near {word} {value}"),
            Shape::Block(pattern) => format!("block {pattern}"),
            Shape::Guess(pattern, Where::Written) => format!("written {pattern}"),
            Shape::Guess(pattern, Where::Settings) => format!("settings {pattern}"),
        };
        let keys = self.keys.join(" ");
        format!("{} {keys} {shape} {}", self.id, self.entropy)
    }

    /// Whether the beginning of the secret tells its kind and nothing more.
    pub(super) const fn has_known_beginning(&self) -> bool {
        matches!(self.shape, Shape::Token(_))
    }
}

/// Shannon's measure of how evenly the bytes of a value are spread, in bits per byte.
pub(super) fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value {
        counts[usize::from(*byte)] += 1;
    }
    #[expect(clippy::cast_precision_loss, reason = "values are short")]
    let length = value.len() as f64;
    let bits = counts.iter().filter(|count| **count > 0).map(|count| {
        let share = f64::from(*count) / length;
        -share * share.log2()
    });
    bits.sum()
}
