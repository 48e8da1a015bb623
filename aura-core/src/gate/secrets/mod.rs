//! Looks for secrets in the lines that the work adds. A net, not a wall: what nobody gave a shape, and what was written in
//! another way on purpose, passes.

mod allow;
mod doubt;
mod exception;
mod external;
mod report;
mod rule;
mod rules;
mod scan;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::time::Instant;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use self::allow::Allowed;
use self::report::Looked;
use super::{Gate, GateContext, GateReport, GateRequest};
use crate::digest::digest;
use crate::error::Result;
use crate::git::{self, AddedContent};
use crate::model::GateVerdict;
use crate::program::Program;

/// Looks for keys, tokens and passwords in the lines that the judged commit has and its base has not.
///
/// A net, not a wall: it has the rules of `gitleaks` 8.30.1, which are built in, the shapes of some thirty more kinds, and guesses at values
/// whose names say what they are.
/// What was there before is nobody's fault and not looked at; binary files and files above 16 MiB are named and not looked at.
///
/// A finding names the rule, the place, and what the secret's length is, never the secret. A line with `gitleaks:allow` is let
/// through, and so is what the file `.aura/secrets-allow` lists, *as it is where the story starts*: a path with `*` and `**` a line, and after it
/// the name of a rule where only that one is meant. Both are named in the output.
#[derive(Debug, Clone)]
pub struct SecretsGate {
    program: Option<Program>,
}

impl Default for SecretsGate {
    fn default() -> Self {
        Self::new()
    }
}

impl SecretsGate {
    /// With the rules that are built in.
    pub const fn new() -> Self {
        Self { program: None }
    }

    /// With the rules of a program that takes the arguments of `gitleaks` (8.19 or later), which no shell interprets, instead of
    /// those that are built in. It is given copies of the changed files, at their paths below an empty directory, and the
    /// `.gitleaks.toml` of the commit that the story starts from, where there is one; what it finds in lines that are not new does not
    /// count.
    ///
    /// Nothing that it prints is kept. Whatever it does but say that it found something or nothing is `Broken`.
    pub fn external<I, S>(argv: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        Self {
            program: Some(Program::new(argv)),
        }
    }
}

#[async_trait]
impl Gate for SecretsGate {
    fn digest(&self) -> String {
        let mut parts = vec!["secrets gate, version 2".to_owned()];
        match &self.program {
            Some(program) => parts.push(program.digest("secrets gate")),
            None => parts.extend(scan::scanner().map(|scanner| scanner.definition().to_owned())),
        }
        digest(parts.iter().map(String::as_bytes))
    }

    fn command(&self) -> Vec<String> {
        let program = self.program.as_ref();
        program.map(Program::words).unwrap_or_default()
    }

    fn needs_checkout(&self) -> bool {
        false
    }

    async fn preflight(&self) -> Result<()> {
        match &self.program {
            Some(program) => program.check("the secrets gate"),
            None => Ok(()),
        }
    }

    async fn check(&self, request: GateRequest, context: GateContext) -> GateReport {
        if context.cancel.is_cancelled() {
            return GateReport::new(GateVerdict::Cancelled);
        }
        let looked = match &self.program {
            Some(program) => external::look(program, &request, &context.cancel).await,
            None => built_in(&request, &context.cancel).await,
        };
        match looked {
            Ok(looked) => looked.report(&request),
            Err(Unjudged::Cancelled) => GateReport::new(GateVerdict::Cancelled),
            Err(Unjudged::TimedOut) => report::timed_out(request.timeout),
            Err(Unjudged::Broken(why)) => GateReport::new(GateVerdict::Broken {
                why: request.redactor.redact(&why).into_owned(),
            }),
        }
    }
}

/// Why there is no verdict on the lines.
enum Unjudged {
    Cancelled,
    TimedOut,
    /// With what to do.
    Broken(String),
}

impl From<crate::error::Error> for Unjudged {
    fn from(error: crate::error::Error) -> Self {
        let help = error.help().map(|help| format!("; {help}"));
        Self::Broken(format!("{error}{}", help.unwrap_or_default()))
    }
}

async fn built_in(request: &GateRequest, cancel: &CancellationToken) -> Result<Looked, Unjudged> {
    let (request, cancel) = (request.clone(), cancel.clone());
    let work = tokio::task::spawn_blocking(move || look(&request, &cancel));
    work.await.unwrap_or_else(|error| {
        let why = format!("the lines could not be looked at: {error}");
        Err(Unjudged::Broken(why))
    })
}

fn look(request: &GateRequest, cancel: &CancellationToken) -> Result<Looked, Unjudged> {
    let scanner = scan::scanner().map_err(Unjudged::Broken)?;
    let allowed = allowed(request, allow::is_built_in)?;
    let mut looked = Looked::default();
    let mut stopped = None;
    each_file(request, cancel, |file| {
        match scan(scanner, &file) {
            Ok(hits) => looked.add(&file.path, hits, &allowed),
            Err(why) => stopped = Some(why),
        }
        looked.leave_out(&file.path, &file.content);
    })?;
    match stopped {
        Some(why) => Err(Unjudged::Broken(why)),
        None => Ok(looked),
    }
}

/// What looks like a secret and is new in a file, or is one by its path. The whole file is looked at: the body of a key may be new between
/// lines that were there.
fn scan(scanner: &scan::Scanner, file: &git::AddedFile) -> Result<Vec<scan::Hit>, String> {
    let mut hits: Vec<_> = scanner.scan_path(&file.path)?.into_iter().collect();
    if let AddedContent::Lines(lines) = &file.content {
        let found = scanner.scan(&file.path, &lines.file)?.into_iter();
        hits.extend(found.filter(|hit| lines.any_new(hit.line, hit.last)));
    }
    Ok(hits)
}

/// The list as it is where the story starts: no task of the story decides what is looked for, neither in its own work nor in that
/// of the tasks after it.
fn allowed(request: &GateRequest, is_rule: impl Fn(&str) -> bool) -> Result<Allowed, Unjudged> {
    let base = request.story_base.into();
    let list = git::file_at(&request.workspace, base, allow::PATH, allow::LARGEST)?;
    let list = list.unwrap_or_default();
    let text = std::str::from_utf8(&list)
        .map_err(|_| Unjudged::Broken(format!("{} is no text in UTF-8", allow::PATH)))?;
    Allowed::parse(text, is_rule)
        .map_err(|why| Unjudged::Broken(format!("{why}; correct the list")))
}

/// Shows every file with added lines, until the gate has to stop.
fn each_file(
    request: &GateRequest,
    cancel: &CancellationToken,
    mut visit: impl FnMut(git::AddedFile),
) -> Result<(), Unjudged> {
    let begun = Instant::now();
    let mut end = None;
    let (base, commit) = (request.base.into(), request.commit.into());
    git::added_lines(&request.workspace, base, commit, |file| {
        if cancel.is_cancelled() {
            end = Some(Unjudged::Cancelled);
        } else if begun.elapsed() > request.timeout {
            end = Some(Unjudged::TimedOut);
        }
        if end.is_some() {
            return ControlFlow::Break(());
        }
        visit(file);
        ControlFlow::Continue(())
    })?;
    end.map_or(Ok(()), Err)
}
