//! The lines as `gitleaks` looks at them.
//!
//! It is given a directory of its own: what the work brings as settings for it (`.gitleaks.toml`, `.gitleaksignore`) lies deeper than it looks.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::allow::Allowed;
use super::report::{self, Looked};
use super::{Unjudged, allowed, each_file};
use crate::gate::GateRequest;
use crate::gate::misuse;
use crate::git::{self, AddedContent, AddedLines};
use crate::process::{self, Exit, Finished, Stopped};
use crate::program::{Program, signal_name};
use crate::text;

/// The exit code that it is told to use for secrets, since 1 is also that of its own failures.
const FOUND: i32 = 77;
/// Its settings, as people keep them in their repositories.
const SETTINGS: &str = ".gitleaks.toml";
/// Bytes that the settings and the report may have.
const LARGEST: usize = 64 * 1024 * 1024;
/// Longest name of a rule that is passed on.
const MAX_NAME: usize = 80;

/// One of its findings, of which nothing else is read: the rest has the secret.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Leak {
    #[serde(rename = "RuleID")]
    rule: String,
    file: String,
    start_line: u32,
    #[serde(default)]
    end_line: u32,
}

/// The directory with the files, and which file of it is which.
struct Copies {
    directory: tempfile::TempDir,
    /// The file, and which of its lines are new, by the name below the directory.
    paths: HashMap<String, (String, AddedLines)>,
    looked: Looked,
    allowed: Allowed,
    settings: bool,
}

impl Copies {
    fn report(&self) -> PathBuf {
        self.directory.path().join("report.json")
    }
}

/// Copies the lines, runs the program, reads its report.
pub(super) async fn look(
    program: &Program,
    request: &GateRequest,
    cancel: &CancellationToken,
) -> Result<Looked, Unjudged> {
    let (asked, stop) = (request.clone(), cancel.clone());
    let copies = blocking(move || copy(&asked, &stop)).await?;
    let finished = run(program, request, cancel, &copies).await?;
    let redacted = request.redactor.clone();
    blocking(move || {
        let found = judge(&finished).map_err(|end| end.masked_by(&redacted))?;
        read(copies, found)
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Unjudged> + Send + 'static,
) -> Result<T, Unjudged> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Unjudged::Broken(format!("a step did not end: {error}"))))
}

impl Unjudged {
    fn masked_by(self, redactor: &crate::prompt::Redactor) -> Self {
        match self {
            Self::Broken(why) => Self::Broken(redactor.clean(&why)),
            other => other,
        }
    }
}

fn copy(request: &GateRequest, cancel: &CancellationToken) -> Result<Copies, Unjudged> {
    let directory = tempfile::Builder::new().prefix("aura-secrets-").tempdir();
    let directory = directory.map_err(|error| failed("make a directory for the lines", &error))?;
    let top = directory.path().to_owned();
    fs::create_dir(top.join("lines")).map_err(|error| failed("make a directory", &error))?;
    let settings = git::file_at(
        &request.workspace,
        request.story_base.into(),
        SETTINGS,
        LARGEST,
    )?;
    if let Some(text) = &settings {
        fs::write(top.join("settings.toml"), text)
            .map_err(|error| failed("copy its settings", &error))?;
    }
    let mut copies = Copies {
        directory,
        paths: HashMap::new(),
        looked: Looked::default(),
        allowed: allowed(request, super::allow::may_be_rule)?,
        settings: settings.is_some(),
    };
    let mut failure = None;
    each_file(request, cancel, |file| match file.content {
        AddedContent::Lines(lines) => {
            // Numbered, so that no file is in the way of another, whatever their names are.
            let number = copies.paths.len();
            let name = format!("lines/{number}/{}", safe(&file.path));
            if let Err(error) = write(&top.join(&name), &lines.file) {
                failure = Some(failed("copy the files", &error));
            }
            // The bytes are on the disk.
            let new = AddedLines {
                file: Vec::new(),
                ..lines
            };
            copies.paths.insert(name, (file.path, new));
        }
        other => copies.looked.leave_out(&file.path, &other),
    })?;
    failure.map_or(Ok(copies), Err)
}

fn failed(action: &str, error: &std::io::Error) -> Unjudged {
    Unjudged::Broken(format!("could not {action} for the program: {error}"))
}

/// The path without what would lead elsewhere. A tree may have any name in it.
fn safe(path: &str) -> String {
    let parts = Path::new(path).components();
    let parts = parts.filter_map(|part| match part {
        Component::Normal(part) => part.to_str(),
        _ => None,
    });
    let parts: Vec<_> = parts.map(|part| text::head(part, 200)).collect();
    parts.join("/")
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(above) = path.parent() {
        fs::create_dir_all(above)?;
    }
    fs::write(path, bytes)
}

async fn run(
    program: &Program,
    request: &GateRequest,
    cancel: &CancellationToken,
    copies: &Copies,
) -> Result<Finished, Unjudged> {
    let mut program = program.clone();
    let report = copies.report().display().to_string();
    let code = FOUND.to_string();
    let mut arguments = vec!["dir", "--no-banner", "--redact=100", "--exit-code", &code];
    arguments.extend(["--report-format", "json", "--report-path", &report]);
    if copies.settings {
        arguments.extend(["--config", "settings.toml"]);
    }
    arguments.push("lines");
    program
        .argv
        .extend(arguments.into_iter().map(str::to_owned));
    let command = program
        .command(
            copies.directory.path(),
            &request.marker,
            &request.environment,
            &request.redactor,
        )
        .deadline(Some(request.timeout))
        .grace(request.grace);
    let pending = process::spawn(command)?;
    Ok(pending.go(cancel.clone()).await?)
}

/// Whether it says that it found something; what else it says is no judgement.
fn judge(finished: &Finished) -> Result<bool, Unjudged> {
    if finished.survivors > 0 {
        let count = finished.survivors;
        return Err(Unjudged::Broken(format!(
            "{count} processes of the gate could not be killed; end them by hand"
        )));
    }
    match finished.stopped {
        Some(Stopped::Cancelled) => return Err(Unjudged::Cancelled),
        Some(Stopped::Deadline | Stopped::Idle) => return Err(Unjudged::TimedOut),
        None => {}
    }
    let why = match &finished.exit {
        Exit::Code(0) => return Ok(false),
        Exit::Code(FOUND) => return Ok(true),
        Exit::SpawnFailed { message, .. } => {
            format!("{message}; install the program or correct its command")
        }
        Exit::Signal(number) if misuse::is_from_outside(*number) => {
            misuse::killed(&signal_name(*number))
        }
        Exit::Signal(number) => format!("the program crashed with {}", signal_name(*number)),
        Exit::Code(code) => format!(
            "the program ended with exit code {code}, which is neither 0 nor {FOUND}; run it by hand, with the same arguments, to see why"
        ),
    };
    Err(Unjudged::Broken(why))
}

/// The findings that its report has, which must be what its exit code said.
fn read(copies: Copies, found: bool) -> Result<Looked, Unjudged> {
    let unreadable = |why: &str| Unjudged::Broken(format!("the program's report {why}"));
    let path = copies.report();
    let size = fs::metadata(&path).map_err(|_| unreadable("is not there"))?;
    if size.len() > LARGEST as u64 {
        return Err(unreadable("is too large"));
    }
    let bytes = fs::read(&path).map_err(|_| unreadable("cannot be read"))?;
    // The words of the parser may quote the report, and with it a secret.
    let leaks: Option<Vec<Leak>> =
        serde_json::from_slice(&bytes).map_err(|_| unreadable("is not in the form of gitleaks"))?;
    let leaks = leaks.unwrap_or_default();
    if leaks.is_empty() == found {
        return Err(unreadable("does not fit its exit code"));
    }
    let mut looked = copies.looked;
    for leak in leaks {
        let name = leak.file.trim_start_matches("./");
        let Some((path, lines)) = copies.paths.get(name) else {
            return Err(unreadable("names a file that it was not given"));
        };
        let (first, last) = (leak.start_line.max(1), leak.end_line.max(leak.start_line));
        if !lines.any_new(first, last.max(first)) {
            continue;
        }
        let rule: String = text::head(&leak.rule, MAX_NAME)
            .chars()
            .filter(|one| one.is_ascii_alphanumeric() || "-_.".contains(*one))
            .collect();
        if copies.allowed.has(path, &rule) {
            looked.let_through(path, first, &rule);
        } else {
            let message = report::message(&rule, "a secret, as the program says");
            looked.find(path, first, None, message);
        }
    }
    Ok(looked)
}
