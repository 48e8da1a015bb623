//! An issue as a story, through GitHub's own program: it has the login, and knows which repository is meant.

use std::path::Path;
use std::process::Stdio;

use aura_core::{Error, ErrorKind, Result};
use serde::Deserialize;
use tokio::process::Command;

use crate::render::style::harmless;

/// Bytes of a description: an issue holds a little more than a plan may.
const MAX_BODY: usize = 60 * 1024;

/// What an issue says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Issue {
    pub(super) title: String,
    pub(super) description: String,
}

#[derive(Deserialize)]
struct Told {
    title: String,
    #[serde(default)]
    body: String,
    url: String,
}

/// Asks `gh` for an issue of the repository. Cancel safe: the program is ended.
///
/// # Errors
/// `InvalidInput` for what cannot be an issue, and without `gh` or a login; `NotFound` when there is no such issue; `Process` for
/// everything else that keeps `gh` from telling it.
pub(super) async fn fetch(repo: &Path, reference: &str) -> Result<Issue> {
    let reference = checked(reference)?;
    let output = Command::new("gh")
        .args([
            "issue",
            "view",
            reference,
            "--json",
            "title,body,url,number",
        ])
        .current_dir(repo)
        .env("GH_PROMPT_DISABLED", "1")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await;
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && repo.is_dir() => {
            let message = "the program `gh`, which reads issues, is not there";
            return Err(Error::new(ErrorKind::InvalidInput, message).with_help(
                "install the GitHub CLI and log in, or give the title and --description",
            ));
        }
        Err(error) => {
            let message = format!("`gh` could not be started: {error}");
            return Err(Error::new(ErrorKind::Process, message).with_source(error));
        }
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(refused(reference, output.status.code(), &said));
    }
    read(&output.stdout)
}

/// A number or an address, and nothing that `gh` could take for an option.
fn checked(reference: &str) -> Result<&str> {
    let number = reference.strip_prefix('#').unwrap_or(reference);
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_address = reference.starts_with("https://")
        && reference.contains("/issues/")
        && !reference.contains(char::is_whitespace);
    if is_number {
        Ok(number)
    } else if is_address {
        Ok(reference)
    } else {
        let message = format!("`{}` is no issue", harmless(reference));
        let help =
            "give its number, or its address such as https://github.com/OWNER/NAME/issues/12";
        Err(Error::new(ErrorKind::InvalidInput, message).with_help(help))
    }
}

fn refused(reference: &str, code: Option<i32>, said: &str) -> Error {
    let lower = said.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    // What `gh` documents for a missing login is the code.
    if code == Some(4) || says(&["gh auth login", "authentication", "http 401"]) {
        let message = "`gh` is not logged in, so that it cannot read issues";
        return Error::new(ErrorKind::InvalidInput, message).with_help("run `gh auth login`");
    }
    if says(&[
        "could not resolve to an issue",
        "http 404",
        "could not resolve to a repository",
    ]) {
        let message = format!("there is no issue {reference}, or it is not yours to see");
        return Error::new(ErrorKind::NotFound, message)
            .with_help("`gh issue list` shows those of this repository");
    }
    let line = said.lines().map(str::trim).find(|line| !line.is_empty());
    let message = match line {
        Some(line) => format!("`gh` could not read the issue: {}", harmless(line)),
        None => "`gh` could not read the issue, and does not say why".to_owned(),
    };
    Error::new(ErrorKind::Process, message)
}

fn read(answer: &[u8]) -> Result<Issue> {
    let told: Told = serde_json::from_slice(answer).map_err(|error| {
        let message = "what `gh` says of the issue cannot be read";
        Error::new(ErrorKind::Process, message)
            .with_help("`gh --version` shows whether it is an old one")
            .with_source(error)
    })?;
    let mut end = told.body.len().min(MAX_BODY);
    while !told.body.is_char_boundary(end) {
        end -= 1;
    }
    let mut description = told.body[..end].replace("\r\n", "\n").trim().to_owned();
    if end < told.body.len() {
        description.push_str("\n\n(the rest is left out)");
    }
    if !description.is_empty() {
        description.push_str("\n\n");
    }
    description.push_str(&format!("From {}", told.url));
    let title: Vec<&str> = told.title.split_whitespace().collect();
    Ok(Issue {
        title: title.join(" "),
        description,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_an_issue_is_not_passed_on() {
        assert_eq!(checked("12").expect("a number"), "12");
        assert_eq!(checked("#12").expect("a number"), "12");
        let address = "https://github.com/o/n/issues/12";
        assert_eq!(checked(address).expect("an address"), address);
        for bad in [
            "",
            "#",
            "-1",
            "--web",
            "12a",
            "http://x/issues/1",
            "https://x/pull/1",
            "https://x/issues/1 -w",
        ] {
            assert_eq!(checked(bad).expect_err(bad).kind(), ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn an_issue_is_bounded_and_says_where_it_is_from() {
        let told = |body: &str| {
            let answer = serde_json::json!({"title": " Add\nit ", "body": body, "url": "https://x/1", "number": 1});
            read(answer.to_string().as_bytes()).expect("an issue")
        };
        let expected = |description: &str| Issue {
            title: "Add it".to_owned(),
            description: description.to_owned(),
        };
        assert_eq!(told("a\r\nb\n"), expected("a\nb\n\nFrom https://x/1"));
        assert_eq!(told(""), expected("From https://x/1"));
        let long = told(&"é".repeat(MAX_BODY)).description;
        assert!(long.len() < MAX_BODY + 100 && long.contains("left out"));
        assert_eq!(read(b"{}").expect_err("nothing").kind(), ErrorKind::Process);
    }
}
