//! What an answer came to, as events and as errors.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::agent::AgentFailure;
use crate::error::{Error, ErrorKind, Problem, Result};
use crate::model::{EventKind, FailureClass, Limits, Plan, Remedy, Usage};
use crate::text;

/// Bytes of an answer without a plan that its error shows.
const SHOWN: usize = 400;

/// What one round came to.
pub(super) enum Answer {
    Plan(Box<Plan>),
    /// Everything that is wrong with it, and the answer itself.
    Refused(Error, String),
    None(AgentFailure),
}

/// Whether it may be otherwise the next time.
pub(super) const fn passes(class: FailureClass) -> bool {
    matches!(class.policy().1, Remedy::Retry | Remedy::Restart)
}

pub(super) fn finished(
    round: u32,
    began: Instant,
    class: Option<FailureClass>,
    usage: Usage,
    why: String,
) -> EventKind {
    EventKind::DecomposeFinished {
        round,
        problems: Vec::new(),
        class,
        why,
        usage,
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        answer: None,
    }
}

pub(super) fn ended(
    round: u32,
    began: Instant,
    (answer, used): (&Answer, Usage),
    kept: Option<&Path>,
) -> EventKind {
    let (found, failed, reason) = match answer {
        Answer::Plan(_) => (Vec::new(), None, String::new()),
        Answer::Refused(error, _) => (error.problems().to_vec(), None, String::new()),
        Answer::None(failure) => (Vec::new(), Some(failure.class), failure.summary.clone()),
    };
    let mut event = finished(round, began, failed, used, reason);
    if let EventKind::DecomposeFinished {
        problems, answer, ..
    } = &mut event
    {
        *problems = found;
        *answer = kept.map(|file| file.display().to_string());
    }
    event
}

/// Writes an answer down.
pub(super) fn keep(folder: &Path, stem: &str, answer: &str) -> Result<PathBuf> {
    let file = folder.join(format!("{stem}.answer"));
    std::fs::write(&file, answer).map_err(|error| Error::io("write", &file, error))?;
    Ok(file)
}

/// The limit that forbids a question after so many of this call, in words.
pub(super) fn reached(limits: &Limits, used: Usage, asked: u32) -> Option<String> {
    let Limits {
        attempts,
        tokens,
        cost_usd,
    } = *limits;
    if let Some(most) = attempts.filter(|most| u64::from(asked) >= *most) {
        return Some(format!("{asked} of {most} questions are asked"));
    }
    if let Some(most) = tokens.filter(|most| used.tokens() >= *most) {
        return Some(format!(
            "the story has used {} of {most} tokens",
            used.tokens()
        ));
    }
    let most = cost_usd.filter(|most| used.cost_usd >= *most)?;
    Some(format!(
        "the story has cost {:.2} of {most:.2} dollars",
        used.cost_usd
    ))
}

pub(super) fn and_limit(help: String, limit: Option<String>) -> String {
    match limit {
        Some(limit) => format!("{help}; nobody was asked again, since {limit}: raise the limit"),
        None => help,
    }
}

/// The error of an answer that is no plan, after which nobody is asked again.
pub(super) fn no_plan(
    error: &Error,
    answer: &str,
    (asked, kept): (u32, Option<&Path>),
    limit: Option<String>,
) -> Error {
    let mut problems: Vec<Problem> = error.problems().to_vec();
    let is_unread = |problem: &Problem| {
        let code = problem.code.as_str();
        matches!(code, "no_plan" | "no_tasks" | "syntax" | "cut_off")
    };
    if let Some(problem) = problems.iter_mut().find(|problem| is_unread(problem)) {
        let shown = text::head(answer.trim(), SHOWN);
        let more = if shown.len() < answer.trim().len() {
            " .."
        } else {
            ""
        };
        problem.message = format!("{}; it begins: {shown}{more}", problem.message);
    }
    let help = match kept {
        Some(file) => format!("the last of {asked} answers is kept in {}", file.display()),
        None => format!("the last of {asked} answers was empty"),
    };
    Error::from_problems(ErrorKind::InvalidPlan, problems).with_help(and_limit(help, limit))
}
