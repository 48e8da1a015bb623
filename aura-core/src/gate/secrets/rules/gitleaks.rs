//! The rules of `gitleaks`, which are data: `gitleaks/README.md` says where they come from.

use serde::Deserialize;

use crate::gate::secrets::exception::Exception;
use crate::gate::secrets::rule::{Reach, Rule};

/// The data.
pub(super) const TEXT: &str = include_str!("gitleaks/gitleaks.json");
/// The rule for values that have no shape, but a name that says what they are.
pub(super) const GUESS: &str = "generic-api-key";

/// What the data says.
pub(super) struct Configuration {
    pub(super) rules: Vec<Rule>,
    /// What is a secret in no file.
    pub(super) never: Exception,
    /// The files that people do not write themselves.
    pub(super) unwritten: Exception,
}

/// The file as it is. A key that is not known here would be a condition that nobody keeps.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    #[serde(rename = "title")]
    _title: String,
    #[serde(rename = "minVersion")]
    _min_version: String,
    allowlist: Exception,
    rules: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    id: String,
    description: String,
    regex: Option<String>,
    path: Option<String>,
    secret_group: Option<usize>,
    #[serde(default)]
    entropy: f64,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    allowlists: Vec<Exception>,
}

/// Reads the data.
///
/// # Errors
/// Why it is not in the form that is known.
pub(super) fn read() -> Result<Configuration, String> {
    let file: File = serde_json::from_str(TEXT)
        .map_err(|error| format!("the rules of gitleaks cannot be read: {error}"))?;
    let mut never = file.allowlist;
    Ok(Configuration {
        rules: file.rules.into_iter().map(rule).collect(),
        unwritten: never.take_paths(),
        never,
    })
}

fn rule(entry: Entry) -> Rule {
    let says = entry.description.trim_end_matches('.').to_owned();
    Rule {
        id: entry.id,
        says,
        keys: entry.keywords,
        expression: entry.regex,
        group: entry.secret_group,
        reach: Reach::Text,
        entropy: entry.entropy,
        files: entry.path,
        guess: None,
        exceptions: entry.allowlists,
    }
}
