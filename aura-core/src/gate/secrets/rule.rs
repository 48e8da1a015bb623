//! What a rule is: words that a text must have, an expression, and what casts doubt on what it finds.

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::exception::Exception;

/// Bytes that a compiled expression may take; some have bounded repetitions of whole classes.
const EXPRESSION_LIMIT: usize = 16 << 20;

/// One kind of secret.
#[derive(Debug, Default)]
pub(super) struct Rule {
    /// Its name, as it stands in findings and in lists of what is allowed.
    pub(super) id: String,
    /// What a finding says of it, to be read after the name.
    pub(super) says: String,
    /// In lower case; a text with none of them, in any case, is not looked at.
    pub(super) keys: Vec<String>,
    /// How the secret is found. Without one, a file is a secret by its path.
    pub(super) expression: Option<String>,
    /// The group of the expression that is the secret. Without one it is the first that took part in the match, or all of it.
    pub(super) group: Option<usize>,
    /// What the expression is asked about.
    pub(super) reach: Reach,
    /// Bits per byte that a secret has more of. What people write as an example has fewer.
    pub(super) entropy: f64,
    /// An expression for the paths of the files that it is for; all files without one.
    pub(super) files: Option<String>,
    /// A value that nobody gave a shape: only what looks random counts, in files where that means something.
    pub(super) guess: Option<Where>,
    /// What it does not mean.
    pub(super) exceptions: Vec<Exception>,
}

/// What an expression is asked about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Reach {
    /// Each line that has one of the rule's words.
    #[default]
    Line,
    /// The whole file.
    Text,
}

/// In which files a guess is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    /// In all that people write.
    Written,
    /// In settings, where values stand without quotes.
    Settings,
}

/// An expression of a rule. It knows bytes, not characters.
pub(super) fn compile(expression: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(expression)
        .unicode(false)
        .size_limit(EXPRESSION_LIMIT)
        .build()
}

/// Several of them that are asked together.
pub(super) fn compile_all(expressions: &[String]) -> Result<RegexSet, regex::Error> {
    RegexSetBuilder::new(expressions)
        .unicode(false)
        .size_limit(EXPRESSION_LIMIT)
        .build()
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
