//! Reading an answer: one object that carries the review's own number and one of four words, or no verdict at all.

use serde::Deserialize;
use serde_json::{Deserializer, Value};

use crate::model::Finding;
use crate::prompt::Redactor;
use crate::text::head;

/// Braces that are tried as the beginning of the verdict, so that an answer of nothing else is read in no time.
const BRACES: usize = 10_000;

/// Findings that are kept, and bytes of one.
const FINDINGS: usize = 100;
const MESSAGE: usize = 4 * 1024;

/// The words of a reviewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Word {
    Approved,
    #[serde(rename = "Approved with Comments")]
    ApprovedWithComments,
    #[serde(rename = "Changes Requested")]
    ChangesRequested,
    Rejected,
}

impl Word {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Approved => "Approved",
            Self::ApprovedWithComments => "Approved with Comments",
            Self::ChangesRequested => "Changes Requested",
            Self::Rejected => "Rejected",
        }
    }
}

/// What a reviewer said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) word: Word,
    pub(super) findings: Vec<Finding>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    #[serde(rename = "review")]
    _review: String,
    verdict: Word,
    #[serde(default)]
    findings: Vec<Found>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    line: Option<u32>,
    message: String,
}

/// How to answer, as it stands in the prompt. Its own example is no verdict.
pub(super) fn form(nonce: &str) -> String {
    format!(
        "End your answer with exactly one JSON object of this form, and write no other with this `review`:\n\n\
         {{\"review\": \"{nonce}\", \"verdict\": \"WORD\", \"findings\": [{{\"file\": \"PATH\", \"line\": 1, \"message\": \"TEXT\"}}]}}\n\n\
         WORD is exactly one of `Approved` (with no findings), `Approved with Comments`, `Changes Requested` or `Rejected` (each with \
         at least one finding that says what is wrong and what would be right); `file` and `line` may be left out."
    )
}

/// The one verdict of an answer; `Err` says what is wrong, as the continuation of a sentence.
pub(super) fn read(text: &str, nonce: &str, redactor: &Redactor) -> Result<Said, String> {
    let mut found = objects(text, nonce)?;
    let Some(text) = found.pop() else {
        return Err(if text.contains(nonce) {
            "the object with the verdict is cut or no JSON".to_owned()
        } else {
            "it has no object with this review's number".to_owned()
        });
    };
    if !found.is_empty() {
        return Err(format!("it has {} verdicts", found.len() + 1));
    }
    let answer: Answer = serde_json::from_str(text)
        .map_err(|error| format!("the object with the verdict is wrong: {error}"))?;
    let findings: Vec<Finding> = answer
        .findings
        .into_iter()
        .filter(|found| !found.message.trim().is_empty())
        .take(FINDINGS)
        .map(|found| Finding {
            file: found
                .file
                .filter(|file| !file.trim().is_empty())
                .map(|file| head(&redactor.clean(&file), MESSAGE).to_owned()),
            line: found.line,
            column: None,
            message: head(redactor.clean(&found.message).trim(), MESSAGE).to_owned(),
        })
        .collect();
    let word = answer.verdict;
    match (word, findings.is_empty()) {
        (Word::Approved, false) => Err("`Approved` with findings contradicts itself".to_owned()),
        (Word::Approved, true) | (_, false) => Ok(Said { word, findings }),
        (_, true) => Err(format!("`{}` without a finding says nothing", word.text())),
    }
}

/// The texts of all objects with that number, wherever they stand.
fn objects<'a>(text: &'a str, nonce: &str) -> Result<Vec<&'a str>, String> {
    let mut found = Vec::new();
    let (mut from, mut tried) = (0, 0);
    while let Some(at) = text[from..].find('{').map(|at| from + at) {
        tried += 1;
        if tried > BRACES {
            return Err(format!("it has more than {BRACES} braces"));
        }
        let mut values = Deserializer::from_str(&text[at..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) if value.get("review").and_then(Value::as_str) == Some(nonce) => {
                let end = at + values.byte_offset();
                found.push(&text[at..end]);
                from = end;
            }
            // The object may stand inside of another.
            _ => from = at + 1,
        }
    }
    Ok(found)
}
