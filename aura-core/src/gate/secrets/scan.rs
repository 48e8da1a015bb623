//! Looks for secrets in lines. Only what has a rule's words is looked at closely, and only then is its expression compiled.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::AhoCorasick;
use regex::bytes::{Captures, Regex};

use super::doubt;
use super::exception::{Exception, Find};
use super::rule::{Reach, Rule, compile, entropy};
use super::rules::{self, Rules};

/// A line with these words is let through, as by the program that has given them their name.
const ALLOW: &[u8] = b"gitleaks:allow";
/// Bytes before and after a find in which its line may say something about it.
const NEAR: usize = 1024;
/// How an expression begins for a value that says nothing and stands behind the name of its issuer.
const NAMED: &str = r"(?i)[\w.-]{0,50}?(?:";

/// A place that looks like a secret. The secret itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    /// The rule's name.
    pub(super) rule: String,
    /// What it says of what it finds.
    pub(super) says: String,
    /// From 1.
    pub(super) line: u32,
    /// The line that it ends in.
    pub(super) last: u32,
    /// In bytes, from 1.
    pub(super) column: u32,
    /// Bytes that the secret has; `None` where the file as a whole is one.
    pub(super) length: Option<usize>,
    /// The line says that it is none.
    pub(super) allowed: bool,
}

/// The rules and what finds their words.
pub(super) struct Scanner {
    rules: Vec<Compiled>,
    never: Exception,
    unwritten: Exception,
    keys: AhoCorasick,
    /// The rule of each word.
    owners: Vec<usize>,
    definition: String,
}

/// A rule, with its expressions once they are needed.
struct Compiled {
    rule: Rule,
    expression: OnceLock<Regex>,
    files: OnceLock<Regex>,
}

/// One for the whole process: what was compiled once is used by all gates.
static SCANNER: LazyLock<Result<Scanner, String>> =
    LazyLock::new(|| rules::built_in().and_then(Scanner::new));

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
    /// One for these rules.
    ///
    /// # Errors
    /// Why their words cannot be searched for.
    pub(super) fn new(rules: Rules) -> Result<Self, String> {
        let compiled = |rule| Compiled {
            rule,
            expression: OnceLock::new(),
            files: OnceLock::new(),
        };
        let all: Vec<_> = rules.all.into_iter().map(compiled).collect();
        let words = || {
            let all = all.iter().enumerate();
            all.flat_map(|(at, one)| one.rule.keys.iter().map(move |key| (at, key)))
        };
        let keys = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(words().map(|(_, key)| key))
            .map_err(|error| format!("the words of the rules cannot be searched for: {error}"))?;
        Ok(Self {
            owners: words().map(|(at, _)| at).collect(),
            keys,
            never: rules.never,
            unwritten: rules.unwritten,
            definition: rules.definition,
            rules: all,
        })
    }

    /// A text that changes when the rules do.
    pub(super) fn definition(&self) -> &str {
        &self.definition
    }

    /// Its rules.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|one| &one.rule)
    }

    /// The file itself, where its path says that it is a secret.
    ///
    /// # Errors
    /// Why it cannot be said.
    pub(super) fn scan_path(&self, path: &str) -> Result<Option<Hit>, String> {
        for one in self
            .rules
            .iter()
            .filter(|one| one.rule.expression.is_none())
        {
            if one.is_for(path)? {
                return Ok(Some(Hit {
                    rule: one.rule.id.clone(),
                    says: one.rule.says.clone(),
                    line: 1,
                    last: 1,
                    column: 1,
                    length: None,
                    allowed: false,
                }));
            }
        }
        Ok(None)
    }

    /// What looks like a secret in a file, in order.
    ///
    /// # Errors
    /// The rule that cannot be used, and why.
    pub(super) fn scan(&self, path: &str, text: &[u8]) -> Result<Vec<Hit>, String> {
        let mut found = Vec::new();
        let is_written = !self.unwritten.covers_path(path)?;
        for (rule, part) in self.candidates(path, text) {
            let one = &self.rules[rule];
            // A lock file has what looks like the key of a service, and tokens only by mistake.
            if (!is_written && one.goes_by_a_name()) || !one.is_for(path)? {
                continue;
            }
            let mut lines = Lines::new(text);
            for captures in one.expression()?.captures_iter(&text[part.clone()]) {
                let Some(secret) = one.secret(&captures) else {
                    continue;
                };
                let within = |range: Range<usize>| part.start + range.start..part.start + range.end;
                let matched = within(captures.get_match().range());
                let find = Find {
                    path,
                    secret: &text[within(secret.clone())],
                    matched: &text[matched.clone()],
                    lines: &text[near(&lines.around(&matched), &matched)],
                };
                if self.is_secret(&one.rule, &find)? {
                    found.push(Found {
                        rule,
                        secret: within(secret),
                    });
                }
            }
        }
        found.sort_by_key(|found| (found.secret.start, found.rule));
        let found = without_overlaps(found);
        let mut lines = Lines::new(text);
        Ok(located(text, &found)
            .map(|(found, line, start)| {
                let around = near(&lines.around(&found.secret), &found.secret);
                let ends = text[found.secret.clone()]
                    .iter()
                    .filter(|byte| **byte == b'\n');
                let more = u32::try_from(ends.count()).unwrap_or(u32::MAX);
                self.hit(
                    found,
                    (line, line.saturating_add(more)),
                    start,
                    &text[around],
                )
            })
            .collect())
    }

    /// The rules whose words occur, with the part of the text that each has to be asked about.
    fn candidates(&self, path: &str, text: &[u8]) -> Vec<(usize, Range<usize>)> {
        let mut candidates = BTreeSet::new();
        let mut lines = Lines::new(text);
        for word in self.keys.find_overlapping_iter(text) {
            let at = self.owners[word.pattern().as_usize()];
            let rule = &self.rules[at].rule;
            if rule
                .guess
                .is_some_and(|place| !doubt::is_guessed_in(path, place))
            {
                continue;
            }
            let part = match rule.reach {
                Reach::Text => 0..text.len(),
                Reach::Line => lines.around(&word.range()),
            };
            candidates.insert((at, part.start, part.end));
        }
        let parts = candidates.into_iter();
        parts.map(|(rule, start, end)| (rule, start..end)).collect()
    }

    fn is_secret(&self, rule: &Rule, find: &Find<'_>) -> Result<bool, String> {
        let is_dull = rule.entropy > 0.0 && entropy(find.secret) <= rule.entropy;
        if is_dull || doubt::is_placeholder(find.secret) || self.never.covers(find)? {
            return Ok(false);
        }
        for exception in &rule.exceptions {
            if exception.covers(find)? {
                return Ok(false);
            }
        }
        Ok(rule.guess.is_none() || doubt::looks_random(find.secret))
    }

    fn hit(&self, found: &Found, (line, last): (u32, u32), start: usize, around: &[u8]) -> Hit {
        let rule = &self.rules[found.rule].rule;
        Hit {
            rule: rule.id.clone(),
            says: rule.says.clone(),
            line,
            last,
            column: u32::try_from(found.secret.start - start + 1).unwrap_or(u32::MAX),
            length: Some(found.secret.len()),
            allowed: around.windows(ALLOW.len()).any(|window| window == ALLOW),
        }
    }
}

impl Compiled {
    fn expression(&self) -> Result<&Regex, String> {
        let expression = self.rule.expression.as_deref().unwrap_or_default();
        self.compiled(&self.expression, expression)
    }

    fn is_for(&self, path: &str) -> Result<bool, String> {
        match &self.rule.files {
            Some(files) => Ok(self.compiled(&self.files, files)?.is_match(path.as_bytes())),
            None => Ok(true),
        }
    }

    fn compiled<'a>(&self, kept: &'a OnceLock<Regex>, text: &str) -> Result<&'a Regex, String> {
        if let Some(expression) = kept.get() {
            return Ok(expression);
        }
        let expression = compile(text)
            .map_err(|error| format!("the rule {} cannot be used: {error}", self.rule.id))?;
        Ok(kept.get_or_init(|| expression))
    }

    /// Whether only the name before a value tells whose it is.
    fn goes_by_a_name(&self) -> bool {
        let expression = self.rule.expression.as_deref();
        expression.is_some_and(|expression| expression.starts_with(NAMED))
    }

    /// The part of a match that is the secret.
    fn secret(&self, captures: &Captures<'_>) -> Option<Range<usize>> {
        let taken = |at| captures.get(at).filter(|group| !group.is_empty());
        let group = match self.rule.group {
            Some(group) => taken(group),
            None => (1..captures.len()).find_map(taken).or_else(|| taken(0)),
        };
        group.map(|group| group.range())
    }
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
    found: &'a [Found],
) -> impl Iterator<Item = (&'a Found, u32, usize)> {
    let (mut line, mut start, mut seen) = (1, 0, 0);
    found.iter().map(move |one| {
        for (at, _) in text[seen..one.secret.start]
            .iter()
            .enumerate()
            .filter(|(_, b)| **b == b'\n')
        {
            start = seen + at + 1;
            line += 1;
        }
        seen = one.secret.start;
        (one, line, start)
    })
}

/// Finds the lines that bytes are in. A line of a megabyte may have thousands of finds, so that the last one is kept.
struct Lines<'a> {
    text: &'a [u8],
    last: Range<usize>,
}

impl<'a> Lines<'a> {
    const fn new(text: &'a [u8]) -> Self {
        Self { text, last: 0..0 }
    }

    /// The lines that these bytes are in, without the last one's end.
    fn around(&mut self, bytes: &Range<usize>) -> Range<usize> {
        if !(self.last.contains(&bytes.start) && bytes.end <= self.last.end) {
            let start = self.text[..bytes.start]
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |end| end + 1);
            let end = self.text[bytes.end..]
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(self.text.len(), |end| bytes.end + end);
            if self.text[bytes.clone()].contains(&b'\n') {
                return start..end;
            }
            self.last = start..end;
        }
        self.last.clone()
    }
}

/// The part of these lines that is looked at for what it says about a find.
fn near(lines: &Range<usize>, find: &Range<usize>) -> Range<usize> {
    lines.start.max(find.start.saturating_sub(NEAR))..lines.end.min(find.end.saturating_add(NEAR))
}
