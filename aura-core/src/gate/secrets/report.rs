//! What was looked at becomes a verdict, with a text for people and for whoever has to try again.

use std::time::Duration;

use super::allow::{self, Allowed};
use super::scan::Hit;
use crate::gate::{GateReport, GateRequest};
use crate::git::AddedContent;
use crate::model::{Finding, GateVerdict, Usage};
use crate::program::{OUTPUT_LIMIT, show_duration};
use crate::text;

/// Findings that are kept; the log has the rest.
const MAX_FINDINGS: usize = 50;

/// What came of looking at all added lines.
#[derive(Debug, Default)]
pub(super) struct Looked {
    found: Vec<Finding>,
    /// Places that were let through, and why.
    allowed: Vec<String>,
    /// Files that were not looked at, and why.
    left_out: Vec<String>,
}

impl Looked {
    /// Takes what was found in a file.
    pub(super) fn add(&mut self, path: &str, hits: Vec<Hit>, allowed: &Allowed) {
        for hit in hits {
            let Hit { rule, line, .. } = &hit;
            if hit.allowed {
                self.allowed
                    .push(format!("{path}:{line} ({rule}), by its line"));
            } else if allowed.has(path, rule) {
                self.let_through(path, *line, rule);
            } else {
                let length = hit.length.map(|length| format!(" ({length} bytes)"));
                let message = message(rule, &hit.says) + &length.unwrap_or_default();
                self.find(path, *line, Some(hit.column), message);
            }
        }
    }

    /// Takes a place that the repository's list lets through.
    pub(super) fn let_through(&mut self, path: &str, line: u32, rule: &str) {
        self.allowed
            .push(format!("{path}:{line} ({rule}), by {}", allow::PATH));
    }

    /// Takes one finding.
    pub(super) fn find(&mut self, path: &str, line: u32, column: Option<u32>, message: String) {
        self.found.push(Finding {
            file: Some(text::strip_controls(path)),
            line: Some(line),
            column,
            message,
        });
    }

    /// Takes a file that cannot be looked at.
    pub(super) fn leave_out(&mut self, path: &str, content: &AddedContent) {
        let why = match content {
            AddedContent::Binary => "binary".to_owned(),
            AddedContent::Huge(size) => format!("{} MiB", size / (1024 * 1024)),
            AddedContent::Lines(_) => return,
        };
        self.left_out.push(format!("{path} ({why})"));
    }

    /// The verdict. Everything, and no secret, is in the log.
    pub(super) fn report(self, request: &GateRequest) -> GateReport {
        let text = text::strip_controls(&self.text());
        let text = request.redactor.redact(&text).into_owned();
        if let Err(error) = std::fs::write(&request.log, &text) {
            let log = request.log.display();
            let why = format!("the log {log} could not be written: {error}");
            return GateReport::new(GateVerdict::Broken { why });
        }
        let mut findings = self.found;
        findings.truncate(MAX_FINDINGS);
        let verdict = if findings.is_empty() {
            GateVerdict::Passed
        } else {
            GateVerdict::Failed { findings }
        };
        GateReport {
            verdict,
            counts: None,
            output_tail: text::tail(&text, OUTPUT_LIMIT).to_owned(),
            usage: Usage::default(),
        }
    }

    fn text(&self) -> String {
        let found = self.found.iter().map(|finding| {
            let file = finding.file.as_deref().unwrap_or_default();
            let line = finding.line.unwrap_or_default();
            format!("{file}:{line}: {}\n", finding.message)
        });
        let allowed = self.allowed.iter();
        let allowed = allowed.map(|place| format!("let through: {place}\n"));
        let left_out = self.left_out.iter();
        let left_out = left_out.map(|file| format!("not looked at: {file}\n"));
        let mut text: String = found.chain(allowed).chain(left_out).collect();
        text.push_str(if self.found.is_empty() {
            "no secret was found in the added lines\n"
        } else {
            HELP
        });
        text
    }
}

const HELP: &str = "\
Take each secret out: read it from the environment, or from a file that is ignored, and write down a placeholder at most. \
A secret that was shared is to be revoked. A false alarm is let through by `gitleaks:allow` in a comment on its line, or by its path \
in .aura/secrets-allow, which counts once it is in the branch that the work starts from.\n";

/// What a finding says: the rule, and what that says.
pub(super) fn message(rule: &str, says: &str) -> String {
    format!("{rule}: {says}")
}

/// The verdict when time is up.
pub(super) fn timed_out(limit: Duration) -> GateReport {
    let message = format!("timed out after {}", show_duration(limit));
    GateReport::new(GateVerdict::Failed {
        findings: vec![Finding {
            file: None,
            line: None,
            column: None,
            message,
        }],
    })
}
