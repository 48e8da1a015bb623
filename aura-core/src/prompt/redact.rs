//! Masking of secrets: those that are known, in whatever spelling, and those that look like one.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use aho_corasick::{AhoCorasick, MatchKind};
use regex::bytes::Regex;

use super::secrets::{is_secret_name, is_secret_value, spellings};
use super::stream::RedactStream;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Evidence, Finding, GateVerdict};
use crate::text::strip_controls;

mod lines;

/// What stands for a secret.
pub(super) const MASK: &str = "[redacted]";

/// Longest private key that is recognised across its lines, in bytes.
pub(super) const LONGEST_KEY: usize = 16 * 1024;

/// Tokens whose issuers gave them a shape.
static SHAPES: LazyLock<Regex> = LazyLock::new(|| {
    let tokens = [
        r"gh[pousr]_[A-Za-z0-9]{30,}",
        r"github_pat_[A-Za-z0-9_]{30,}",
        r"sk-ant-[A-Za-z0-9_-]{16,}",
        r"sk-(?:proj|svcacct|admin|or-v1)-[A-Za-z0-9_-]{16,}",
        r"sk-[A-Za-z0-9]{20,}",
        r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}",
        r"(?:AKIA|ASIA)[0-9A-Z]{16}",
        r"xox[abeoprs]-[A-Za-z0-9-]{10,}",
        r"xapp-[A-Za-z0-9-]{10,}",
        r"AIza[0-9A-Za-z_-]{35}",
        r"ya29\.[0-9A-Za-z_-]{20,}",
        r"gl(?:pat|ptt|dt|rt|cbt|soat)-[0-9A-Za-z_.-]{20,}",
        r"npm_[A-Za-z0-9]{30,}",
        r"pypi-[A-Za-z0-9_-]{40,}",
        r"hf_[A-Za-z0-9]{30,}",
        r"do[opr]_v1_[a-f0-9]{40,}",
        r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
        r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    ];
    // A key ends at its end mark, or with its last line of base64. Newlines may be escaped.
    let key = format!(
        r"-----BEGIN [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)?-----(?:(?s:.){{0,{LONGEST_KEY}}}?-----END [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)?-----|(?:(?:\s|\\[rn])*[A-Za-z0-9+/=]{{16,}})*)"
    );
    let pattern = format!(r"(?-u)\b(?:{})|{key}", tokens.join("|"));
    regex::bytes::RegexBuilder::new(&pattern)
        .size_limit(64 << 20)
        .build()
        .expect("the pattern is fixed")
});

/// The password in an address.
static PASSWORDS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?-u)://[^/\s:@"']{0,256}:([^/\s@"']{3,256})@"#).expect("the pattern is fixed")
});

/// Masks secrets. Cheap to clone. A net, not a wall: a secret that was transformed otherwise than by the common encodings passes.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Arc<Known>,
}

/// The secrets that are known, in all spellings.
#[derive(Default)]
struct Known {
    search: Option<AhoCorasick>,
    /// Sorted.
    spellings: Vec<Vec<u8>>,
    longest: usize,
}

/// Says how many spellings it knows and none of them.
impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor")
            .field("spellings", &self.known.spellings.len())
            .finish()
    }
}

impl Redactor {
    /// Knows the values of the variables whose names say that they are secret, and the shapes of common tokens.
    /// `Internal` when there are more secrets than memory for them.
    pub fn new<N: AsRef<str>, V: AsRef<str>>(
        environment: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self> {
        Self::default().with(environment)
    }

    /// One that knows the values of more variables, by the same rule. `Internal` when there are more secrets than memory for them.
    pub fn with<N: AsRef<str>, V: AsRef<str>>(
        &self,
        environment: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self> {
        let mut known: BTreeSet<Vec<u8>> = self.known.spellings.iter().cloned().collect();
        for (name, value) in environment {
            let (name, value) = (name.as_ref(), value.as_ref());
            if is_secret_name(name) && is_secret_value(name, value) {
                known.extend(spellings(value));
            }
        }
        if known.len() == self.known.spellings.len() {
            return Ok(self.clone());
        }
        Self::knowing(known.into_iter().collect())
    }

    /// From all spellings, sorted.
    fn knowing(spellings: Vec<Vec<u8>>) -> Result<Self> {
        let search = if spellings.is_empty() {
            None
        } else {
            // All matches, overlapping ones too, so that no part of a secret is left when another begins inside it.
            let search = AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .build(&spellings)
                .map_err(|error| {
                    Error::new(
                        ErrorKind::Internal,
                        format!("the secrets in the environment cannot be searched for: {error}"),
                    )
                    .with_help("start Aura with fewer or shorter secrets in its environment")
                })?;
            Some(search)
        };
        Ok(Self {
            known: Arc::new(Known {
                longest: spellings.iter().map(Vec::len).max().unwrap_or(0),
                search,
                spellings,
            }),
        })
    }

    /// The text with `[redacted]` for each secret.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let spans = self.spans(text.as_bytes());
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        let masked = mask(text.as_bytes(), &spans);
        // Secrets begin and end between characters; if one did not, a replacement character is the lesser harm.
        Cow::Owned(
            String::from_utf8(masked)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        )
    }

    /// The text without control sequences and without secrets, also those that a control sequence had cut in two.
    pub(crate) fn clean(&self, text: &str) -> String {
        let mut text = strip_controls(text);
        self.mask(&mut text);
        text
    }

    /// [`redact`](Self::redact) in place.
    pub(crate) fn mask(&self, text: &mut String) {
        if let Cow::Owned(masked) = self.redact(text) {
            *text = masked;
        }
    }

    /// Masks each of the texts.
    pub(crate) fn mask_all(&self, texts: &mut [String]) {
        texts.iter_mut().for_each(|text| self.mask(text));
    }

    /// Masks all of it but where its log is.
    pub(crate) fn mask_evidence(&self, evidence: &mut Evidence) {
        self.mask(&mut evidence.summary);
        self.mask(&mut evidence.output_tail);
        self.mask_findings(&mut evidence.findings);
        self.mask_all(&mut evidence.paths);
    }

    /// Masks the reasons and findings of a verdict.
    pub(crate) fn mask_verdict(&self, verdict: &mut GateVerdict) {
        match verdict {
            GateVerdict::Failed { findings } => self.mask_findings(findings),
            GateVerdict::Broken { why } | GateVerdict::NeedsHuman { why } => self.mask(why),
            GateVerdict::Passed | GateVerdict::Flaky { .. } | GateVerdict::Cancelled => {}
        }
    }

    fn mask_findings(&self, findings: &mut [Finding]) {
        for finding in findings {
            self.mask(&mut finding.message);
            if let Some(file) = &mut finding.file {
                self.mask(file);
            }
        }
    }

    /// For output that comes in chunks.
    pub fn stream(&self) -> RedactStream {
        RedactStream::new(self.clone())
    }

    /// Where the secrets are, in order, apart from one another.
    pub(super) fn spans(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut spans: Vec<Range<usize>> = SHAPES.find_iter(text).map(|hit| hit.range()).collect();
        spans.extend(
            PASSWORDS
                .captures_iter(text)
                .filter_map(|found| found.get(1))
                .map(|hit| hit.range()),
        );
        if let Some(search) = &self.known.search {
            spans.extend(search.find_overlapping_iter(text).map(|hit| hit.range()));
        }
        spans.sort_unstable_by_key(|span| span.start);
        spans.dedup_by(|next, last| {
            let touches = next.start <= last.end;
            if touches {
                last.end = last.end.max(next.end);
            }
            touches
        });
        spans
    }

    /// Where the end of a text begins that could become a known secret with more text.
    pub(super) fn unfinished(&self, text: &[u8]) -> usize {
        let spellings = &self.known.spellings;
        let first = text
            .len()
            .saturating_sub(self.known.longest.saturating_sub(1));
        (first..text.len())
            .find(|&start| {
                let end = &text[start..];
                let next = spellings.partition_point(|spelling| spelling.as_slice() <= end);
                spellings
                    .get(next)
                    .is_some_and(|spelling| spelling.starts_with(end))
            })
            .unwrap_or(text.len())
    }
}

pub(super) fn mask(text: &[u8], spans: &[Range<usize>]) -> Vec<u8> {
    let mut masked = Vec::with_capacity(text.len());
    let mut done = 0;
    for span in spans {
        masked.extend_from_slice(&text[done..span.start]);
        masked.extend_from_slice(MASK.as_bytes());
        done = span.end;
    }
    masked.extend_from_slice(&text[done..]);
    masked
}

#[cfg(test)]
mod tests;
