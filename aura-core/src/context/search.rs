//! Which files a story is about: a ranking by rare words, where they stand, and how many of them a file has. Pure.

use std::collections::HashMap;

use super::words::{Query, identifiers, parts, stem};
use crate::model::{ExcerptLine, RelatedFile};
use crate::text;

/// How quickly more of the same word stops to matter, and how much the length of a file does (BM25).
const K: f64 = 1.2;
const B: f64 = 0.75;

/// What a word counts in the name of a file, in the names of its directories, and where something is defined.
const IN_NAME: f64 = 2.0;
const IN_FOLDER: f64 = 0.5;
const DEFINED: f64 = 4.0;

/// What a word counts in a comment: explanations mention much that is elsewhere.
const IN_COMMENT: f64 = 0.5;

/// Lines of an excerpt, and characters of each.
const LINES: usize = 6;
const LINE_WIDTH: usize = 160;

/// Words that begin a definition in common languages.
const DEFINING: &[&str] = &[
    "fn",
    "def",
    "class",
    "struct",
    "enum",
    "trait",
    "interface",
    "type",
    "const",
    "func",
    "function",
    "module",
    "mod",
    "export",
    "impl",
    "static",
    "record",
    "namespace",
    "object",
    "val",
    "var",
    "let",
    "macro_rules",
];

/// How lines begin that explain.
const COMMENTS: &[&str] = &["//", "#", "*", "/*", "--", ";;", "<!--"];

/// One file as it was read.
#[derive(Debug)]
pub(super) struct Counted {
    path: String,
    length: f64,
    /// By stem: how often, weighted by where.
    hits: HashMap<String, f64>,
    /// By stem: what its place in the path counts.
    named: HashMap<String, f64>,
    /// By identifier.
    exact: HashMap<String, f64>,
    weight: f64,
}

/// Counts what files have of what is asked for.
pub(super) struct Counter<'a> {
    query: &'a Query,
    /// The stems of words that were met, where they are asked for: most words are met again and again.
    stems: HashMap<String, Option<String>>,
}

impl<'a> Counter<'a> {
    pub(super) fn new(query: &'a Query) -> Self {
        Self {
            query,
            stems: HashMap::new(),
        }
    }

    pub(super) fn count(&mut self, path: &str, content: &str) -> Counted {
        let mut counted = Counted {
            path: path.to_owned(),
            length: 0.0,
            hits: HashMap::new(),
            named: HashMap::new(),
            exact: HashMap::new(),
            weight: kind_weight(self.query, path),
        };
        counted.count_path(self.query);
        for line in content.lines() {
            self.count_line(&mut counted, line);
        }
        counted
    }

    fn count_line(&mut self, counted: &mut Counted, line: &str) {
        let mut before = "";
        let begins = line.trim_start();
        let is_comment = COMMENTS.iter().any(|begin| begins.starts_with(begin));
        let base = if is_comment { IN_COMMENT } else { 1.0 };
        for (_, identifier) in identifiers(line) {
            counted.length += 1.0;
            let is_defined = !is_comment && DEFINING.contains(&before);
            let factor = if is_defined { DEFINED } else { base };
            before = identifier;
            if !self.query.exact.is_empty() {
                let lower = identifier.to_lowercase();
                if self.query.exact.contains_key(&lower) {
                    *counted.exact.entry(lower).or_default() += factor;
                }
            }
            for part in parts(identifier) {
                if let Some(stem) = self.asked_for(part) {
                    let stem = stem.to_owned();
                    *counted.hits.entry(stem).or_default() += factor;
                }
            }
        }
    }

    /// The lines that have most of what is asked for.
    pub(super) fn excerpt(&mut self, content: &str) -> Vec<ExcerptLine> {
        let mut best: Vec<(usize, u32, &str)> = Vec::new();
        for (number, line) in (1..).zip(content.lines()) {
            let mut words = 0;
            for (_, identifier) in identifiers(line) {
                let parts: Vec<&str> = parts(identifier).collect();
                words += parts
                    .into_iter()
                    .filter(|part| self.asked_for(part).is_some())
                    .count();
            }
            if words > 0 {
                best.push((words, number, line));
            }
        }
        best.sort_by_key(|(words, number, _)| (usize::MAX - words, *number));
        best.truncate(LINES);
        best.sort_by_key(|(_, number, _)| *number);
        best.into_iter()
            .map(|(_, number, line)| {
                ExcerptLine::new(number, text::head(line.trim(), LINE_WIDTH).to_owned())
            })
            .collect()
    }

    fn asked_for(&mut self, word: &str) -> Option<&str> {
        if !self.stems.contains_key(word) {
            let stem = Some(stem(word)).filter(|stem| self.query.stems.contains_key(stem));
            self.stems.insert(word.to_owned(), stem);
        }
        self.stems.get(word)?.as_deref()
    }
}

impl Counted {
    fn count_path(&mut self, query: &Query) {
        let (folders, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let stem_of_name = name.split('.').next().unwrap_or(name);
        let mut found = Vec::new();
        for (place, weight) in [(folders, IN_FOLDER), (stem_of_name, IN_NAME)] {
            for (_, identifier) in identifiers(place) {
                found.extend(parts(identifier).map(|part| (stem(part), weight)));
            }
        }
        for (stem, weight) in found {
            if query.stems.contains_key(&stem) {
                let known = self.named.entry(stem).or_default();
                *known = known.max(weight);
            }
        }
    }

    fn has(&self, stem: &str) -> bool {
        self.hits.contains_key(stem) || self.named.contains_key(stem)
    }
}

/// How much a kind of file says about where a change belongs.
fn kind_weight(query: &Query, path: &str) -> f64 {
    let lower = path.to_lowercase();
    let has = |folders: &[&str]| {
        lower
            .split('/')
            .rev()
            .skip(1)
            .any(|part| folders.contains(&part))
    };
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    let asks_for = |word: &str| query.stems.contains_key(&stem(word));
    if has(&[
        "node_modules",
        "vendor",
        "third_party",
        "dist",
        "target",
        "build",
        "__pycache__",
    ]) || ends(&[
        ".min.js", ".min.css", ".map", ".orig", ".lock", ".snap", ".svg",
    ]) || name == "package-lock.json"
    {
        return 0.1;
    }
    if ends(&[".md", ".rst", ".txt", ".adoc"]) {
        return if asks_for("documentation") || asks_for("readme") {
            1.0
        } else {
            0.15
        };
    }
    if ends(&[
        ".json", ".yaml", ".yml", ".toml", ".csv", ".xml", ".html", ".css", ".ini", ".cfg",
    ]) {
        return 0.4;
    }
    let is_test = has(&[
        "test",
        "tests",
        "__tests__",
        "spec",
        "fixtures",
        "testdata",
        "benches",
        "bench",
        "examples",
    ]) || name.starts_with("test_")
        || ends(&[
            "_test.go", "_test.py", ".test.ts", ".test.js", ".spec.ts", ".spec.js", "_spec.rb",
            "tests.rs",
        ]);
    if is_test && !asks_for("test") {
        return 0.4;
    }
    // Declarations of what is elsewhere.
    if ends(&[".d.ts", ".d.cts", ".d.mts", ".pyi"]) {
        return 0.4;
    }
    1.0
}

/// The best files with their scores, the likeliest first; of equals the one whose path comes first.
pub(super) fn rank(query: &Query, files: &[Counted], most: usize) -> Vec<RelatedFile> {
    let all = files.len().max(1) as f64;
    let average = files.iter().map(|file| file.length).sum::<f64>() / all;
    let rarity = |having: usize| ((all - having as f64 + 0.5) / (having as f64 + 0.5)).ln_1p();
    let mut terms: Vec<(&str, bool, f64, f64)> = Vec::new();
    for (stem, (_, weight)) in &query.stems {
        let having = files.iter().filter(|file| file.has(stem)).count();
        terms.push((stem, false, *weight, rarity(having)));
    }
    for (name, weight) in &query.exact {
        let having = files
            .iter()
            .filter(|file| file.exact.contains_key(name))
            .count();
        terms.push((name, true, *weight, rarity(having)));
    }
    let asked: f64 = terms
        .iter()
        .map(|(_, _, weight, rarity)| weight * rarity)
        .sum();
    let mut scored: Vec<(f64, &Counted)> = files
        .iter()
        .map(|file| (score(file, &terms, average.max(1.0), asked), file))
        .filter(|(score, _)| *score > 0.0)
        .collect();
    scored.sort_by(|(one, first), (other, second)| {
        other
            .total_cmp(one)
            .then_with(|| first.path.cmp(&second.path))
    });
    let top = scored.first().map_or(1.0, |(score, _)| *score);
    scored
        .into_iter()
        .take(most)
        .map(|(score, file)| {
            let share = (score / top * 1000.0).round();
            RelatedFile::new(
                file.path.clone(),
                share as u32,
                matched(query, &terms, file),
            )
        })
        .collect()
}

fn score(file: &Counted, terms: &[(&str, bool, f64, f64)], average: f64, asked: f64) -> f64 {
    let size = 1.0 - B + B * file.length / average;
    let mut score = 0.0;
    let mut covered = 0.0;
    for (term, exact, weight, rarity) in terms {
        let hits = if *exact { &file.exact } else { &file.hits };
        let named = file.named.get(*term).filter(|_| !exact);
        let hits = hits.get(*term).copied().unwrap_or_default();
        if hits > 0.0 || named.is_some() {
            let often = hits * (K + 1.0) / (hits + K * size);
            score += weight * rarity * (often + named.copied().unwrap_or_default());
            covered += weight * rarity;
        }
    }
    // One that has a little of everything is likelier than one that has much of one thing.
    score * (0.55 + 0.45 * covered / asked.max(f64::MIN_POSITIVE)) * file.weight
}

fn matched(query: &Query, terms: &[(&str, bool, f64, f64)], file: &Counted) -> Vec<String> {
    let mut found: Vec<(&str, f64)> = terms
        .iter()
        .filter(|(term, exact, ..)| !exact && file.has(term))
        .filter_map(|(term, _, _, rarity)| {
            let (word, _) = query.stems.get(*term)?;
            Some((word.as_str(), *rarity))
        })
        .collect();
    found.sort_by(|(first, one), (second, other)| other.total_cmp(one).then(first.cmp(second)));
    found
        .into_iter()
        .take(12)
        .map(|(word, _)| word.to_owned())
        .collect()
}
