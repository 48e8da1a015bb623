//! How texts are cut into words, and words into what they have in common with others.

use std::collections::BTreeMap;

/// Words that say nothing about what a story is about.
const STOP: &[&str] = &[
    "a",
    "about",
    "add",
    "after",
    "afterwards",
    "all",
    "also",
    "an",
    "and",
    "any",
    "are",
    "as",
    "at",
    "be",
    "because",
    "before",
    "but",
    "by",
    "can",
    "change",
    "could",
    "do",
    "does",
    "each",
    "first",
    "for",
    "from",
    "has",
    "have",
    "how",
    "if",
    "in",
    "into",
    "is",
    "it",
    "its",
    "last",
    "least",
    "make",
    "many",
    "more",
    "most",
    "must",
    "need",
    "new",
    "no",
    "not",
    "of",
    "on",
    "once",
    "one",
    "only",
    "or",
    "other",
    "our",
    "out",
    "over",
    "per",
    "should",
    "so",
    "some",
    "such",
    "support",
    "than",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "they",
    "this",
    "those",
    "to",
    "up",
    "use",
    "user",
    "users",
    "using",
    "was",
    "we",
    "were",
    "what",
    "when",
    "where",
    "which",
    "who",
    "will",
    "with",
    "would",
    "you",
    "your",
];

/// Shortest word that counts.
const SHORTEST: usize = 2;

/// The runs of letters, digits and underscores of a text, with the place where each begins.
pub(super) fn identifiers(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let begin = rest + text[rest..].find(|c: char| c.is_alphanumeric() || c == '_')?;
        let length = text[begin..].find(|c: char| !(c.is_alphanumeric() || c == '_'));
        rest = length.map_or(text.len(), |length| begin + length);
        Some((begin, &text[begin..rest]))
    })
}

/// The words of an identifier: `readLineBytes`, `read_line_bytes` and `READ_LINE_BYTES` have the same.
pub(super) fn parts(identifier: &str) -> impl Iterator<Item = &str> {
    let pieces = identifier.split('_');
    pieces.flat_map(humps).filter(|part| part.len() >= SHORTEST)
}

fn humps(piece: &str) -> impl Iterator<Item = &str> {
    let mut rest = piece;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (hump, after) = rest.split_at(end_of_hump(rest));
        rest = after;
        Some(hump)
    })
}

/// Where the first word of a run of letters and digits ends.
fn end_of_hump(piece: &str) -> usize {
    let mut letters = piece.char_indices().peekable();
    let mut before: Option<char> = None;
    while let Some((at, letter)) = letters.next() {
        let next_is_lower = letters.peek().is_some_and(|(_, next)| next.is_lowercase());
        if let Some(before) = before {
            let begins = letter.is_uppercase() && (before.is_lowercase() || next_is_lower);
            if begins || before.is_ascii_digit() != letter.is_ascii_digit() {
                return at;
            }
        }
        before = Some(letter);
    }
    piece.len()
}

/// What a word has in common with its other forms: `parser`, `parsing` and `parses` have `pars`. English only; words of other languages
/// lose an ending at most.
pub(super) fn stem(word: &str) -> String {
    let mut stem = word.to_lowercase();
    if !stem.is_ascii() || stem.len() < 4 {
        return stem;
    }
    if let Some(base) = stem.strip_suffix("ies").filter(|base| base.len() >= 2) {
        stem = format!("{base}y");
    } else if stem.ends_with('s') && !stem.ends_with("ss") && !stem.ends_with("us") {
        stem.pop();
    }
    for (ending, replacement, shortest) in [
        ("ization", "iz", 3),
        ("ation", "at", 3),
        ("ator", "at", 3),
        ("ition", "it", 3),
        ("ion", "", 4),
        ("ness", "", 4),
        ("ment", "", 5),
        ("ing", "", 3),
        ("able", "", 4),
        ("ally", "al", 3),
        ("ly", "", 4),
        ("ed", "", 3),
        ("er", "", 4),
        ("or", "", 5),
    ] {
        let base = stem.strip_suffix(ending).map(ToOwned::to_owned);
        if let Some(base) = base.filter(|base| base.len() >= shortest && has_vowel(base)) {
            stem = undoubled(base) + replacement;
            break;
        }
    }
    if stem.len() > 3 && stem.ends_with('e') {
        stem.pop();
    }
    stem
}

fn has_vowel(text: &str) -> bool {
    text.contains(['a', 'e', 'i', 'o', 'u', 'y'])
}

fn undoubled(mut base: String) -> String {
    let mut last = base.bytes().rev();
    if let (Some(one), Some(other)) = (last.next(), last.next())
        && one == other
        && (!b"lsz".contains(&one) || (one == b'l' && base.len() > 5))
    {
        base.pop();
    }
    base
}

/// What a story asks for.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Query {
    /// Stems, with the word as it was written and its weight.
    pub(super) stems: BTreeMap<String, (String, f64)>,
    /// Identifiers of several words, as the story writes them, in lower case.
    pub(super) exact: BTreeMap<String, f64>,
}

/// A title says more than a description.
const TITLE: f64 = 2.0;

/// An identifier of a program says more than a word.
const NAMED: f64 = 3.0;

impl Query {
    pub(super) fn of(title: &str, description: &str) -> Self {
        let mut query = Self::default();
        query.read(title, TITLE);
        query.read(description, 1.0);
        query
    }

    fn read(&mut self, text: &str, weight: f64) {
        for (begin, identifier) in identifiers(text) {
            let quoted = text[..begin].ends_with(['`', '.', ':']);
            let words: Vec<&str> = parts(identifier).collect();
            let is_name = words.len() > 1 || (quoted && text[..begin].ends_with('`'));
            if is_name {
                let exact = identifier.to_lowercase();
                let known = self.exact.entry(exact).or_default();
                *known = known.max(weight * NAMED);
            }
            for word in words {
                if STOP.contains(&word.to_lowercase().as_str()) {
                    continue;
                }
                let entry = self.stems.entry(stem(word));
                let (_, known) = entry.or_insert_with(|| (word.to_lowercase(), 0.0));
                *known = known.max(weight);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stems.is_empty()
    }
}
