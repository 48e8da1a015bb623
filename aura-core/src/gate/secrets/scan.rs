//! Looks for secrets in lines. Only lines with a rule's words are looked at closely, and only then is its expression compiled.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::AhoCorasick;
use regex::bytes::Regex;

use super::doubt;
use super::rule::{Rule, Shape, entropy};
use super::rules;

/// How far a secret of several lines may reach from its first line.
const BLOCK: usize = 8 * 1024;
/// A line with these words is let through, as by the program that has given them their name.
const ALLOW: &[u8] = b"gitleaks:allow";

/// A place that looks like a secret. The secret itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    /// The rule's name.
    pub(super) rule: &'static str,
    /// What the rule finds.
    pub(super) what: &'static str,
    /// From 1.
    pub(super) line: u32,
    /// In bytes, from 1.
    pub(super) column: u32,
    /// The secret's known beginning, if it has one, and its length.
    pub(super) masked: String,
    /// The line says that it is none.
    pub(super) allowed: bool,
}

/// The rules and what finds their words.
pub(super) struct Scanner {
    rules: Vec<(&'static Rule, OnceLock<Regex>)>,
    keys: AhoCorasick,
    /// The rule of each word.
    owners: Vec<usize>,
}

/// One for the whole process: what was compiled once is used by all gates.
static SCANNER: LazyLock<Result<Scanner, String>> = LazyLock::new(|| Scanner::new(rules::all()));

/// The scanner with the built-in rules, or why there is none.
pub(super) fn scanner() -> Result<&'static Scanner, String> {
    SCANNER.as_ref().map_err(Clone::clone)
}

/// Something that a rule found, before it is known whether another rule found it, too.
struct Found {
    rule: usize,
    secret: Range<usize>,
}

impl Scanner {
    /// One for these rules. Where two find the same text, the earlier one names it.
    pub(super) fn new(rules: impl IntoIterator<Item = &'static Rule>) -> Result<Self, String> {
        let rules: Vec<_> = rules
            .into_iter()
            .map(|rule| (rule, OnceLock::new()))
            .collect();
        let words = || {
            let all = rules.iter().enumerate();
            all.flat_map(|(at, (rule, _))| rule.keys.iter().map(move |key| (at, *key)))
        };
        let keys = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(words().map(|(_, key)| key))
            .map_err(|error| format!("the words of the rules cannot be searched for: {error}"))?;
        let owners = words().map(|(at, _)| at).collect();
        Ok(Self {
            rules,
            keys,
            owners,
        })
    }

    /// What looks like a secret in lines of a file, of which the first has the number `first`. In order.
    pub(super) fn scan(&self, path: &str, first: u32, text: &[u8]) -> Result<Vec<Hit>, String> {
        let mut found = Vec::new();
        for (rule, part) in self.candidates(path, text) {
            let expression = self.expression(rule)?;
            for captures in expression.captures_iter(&text[part.clone()]) {
                let Some(secret) = captures.get(1) else {
                    continue;
                };
                if is_secret(self.rules[rule].0, secret.as_bytes()) {
                    let secret = part.start + secret.start()..part.start + secret.end();
                    found.push(Found { rule, secret });
                }
            }
        }
        found.sort_by_key(|found| (found.secret.start, found.rule));
        let found = without_overlaps(found);
        Ok(located(text, first, &found)
            .map(|(found, line, start)| self.hit(text, found, line, start))
            .collect())
    }

    /// The rules whose words occur, with the part of the text that each has to be asked about.
    fn candidates(&self, path: &str, text: &[u8]) -> Vec<(usize, Range<usize>)> {
        let mut candidates = BTreeSet::new();
        // A line of a megabyte may have thousands of words.
        let mut line = 0..0;
        for word in self.keys.find_overlapping_iter(text) {
            let rule = self.owners[word.pattern().as_usize()];
            if !line.contains(&word.start()) {
                line = line_around(text, word.start());
            }
            let line = line.clone();
            let part = match self.rules[rule].0.shape {
                Shape::Block(_) => line.start..(line.start + BLOCK).min(text.len()),
                Shape::Guess(_, place) if !doubt::is_guessed_in(path, place) => continue,
                _ => line,
            };
            candidates.insert((rule, part.start, part.end));
        }
        let parts = candidates.into_iter();
        parts.map(|(rule, start, end)| (rule, start..end)).collect()
    }

    fn expression(&self, rule: usize) -> Result<&Regex, String> {
        let (rule, compiled) = &self.rules[rule];
        if let Some(expression) = compiled.get() {
            return Ok(expression);
        }
        let expression = rule
            .compile()
            .map_err(|error| format!("the rule {} cannot be used: {error}", rule.id))?;
        Ok(compiled.get_or_init(|| expression))
    }

    fn hit(&self, text: &[u8], found: &Found, line: u32, start: usize) -> Hit {
        let rule = self.rules[found.rule].0;
        let whole = &text[line_around(text, start)];
        Hit {
            rule: rule.id,
            what: rule.what,
            line,
            column: u32::try_from(found.secret.start - start + 1).unwrap_or(u32::MAX),
            masked: masked(rule, &text[found.secret.clone()]),
            allowed: whole.windows(ALLOW.len()).any(|window| window == ALLOW),
        }
    }
}

fn is_secret(rule: &Rule, secret: &[u8]) -> bool {
    if entropy(secret) < rule.entropy || doubt::is_placeholder(secret) {
        return false;
    }
    match rule.shape {
        Shape::Guess(..) => doubt::looks_random(secret),
        Shape::Token(_) | Shape::Near(..) | Shape::Block(_) => true,
    }
}

/// Four characters where they only say whose it is, and how many there are in all.
fn masked(rule: &Rule, secret: &[u8]) -> String {
    let known = match secret.get(..4) {
        Some(known) if rule.has_known_beginning() && secret.len() >= 20 => {
            String::from_utf8_lossy(known).into_owned()
        }
        _ => String::new(),
    };
    format!("{known}\u{2026}, {} bytes", secret.len())
}

/// Of those that share bytes, the one that begins first, and of these the one of the earliest rule.
fn without_overlaps(found: Vec<Found>) -> Vec<Found> {
    let mut kept: Vec<Found> = Vec::new();
    for one in found {
        match kept.last_mut() {
            Some(last) if one.secret.start < last.secret.end => {
                // A guess often begins before the token that it has found.
                if one.rule < last.rule {
                    *last = one;
                }
            }
            _ => kept.push(one),
        }
    }
    kept
}

/// With the number of the line that each begins in, and where that line begins.
fn located<'a>(
    text: &'a [u8],
    first: u32,
    found: &'a [Found],
) -> impl Iterator<Item = (&'a Found, u32, usize)> {
    let (mut line, mut start) = (first, 0);
    found.iter().map(move |one| {
        let mut at = start;
        while let Some(end) = text[at..one.secret.start].iter().position(|b| *b == b'\n') {
            at += end + 1;
            line += 1;
        }
        start = at;
        (one, line, start)
    })
}

/// The line that a byte is in, without its end.
fn line_around(text: &[u8], at: usize) -> Range<usize> {
    let start = text[..at]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let end = text[at..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(text.len(), |end| at + end);
    start..end
}
