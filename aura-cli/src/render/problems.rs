//! Errors for people: every problem with the line it is in and a mark under the place.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use aura_core::{Error, Problem, Severity};

use super::style::{Style, Tone, harmless};

/// Longest part of a source line that is shown, in characters.
const WINDOW: usize = 100;

/// Where the text of a file comes from; `None` where it cannot be shown.
pub(crate) type Sources<'a> = &'a dyn Fn(&Path) -> Option<String>;

/// Reads sources from the disk.
pub(crate) fn from_disk(path: &Path) -> Option<String> {
    std::fs::read(path)
        .ok()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The error with its remedy, or with all its problems.
pub(crate) fn error(error: &Error, sources: Sources<'_>, style: Style) -> String {
    if error.problems().is_empty() {
        let mut text = format!(
            "{} {}",
            style.paint(Tone::Bad, "error:"),
            harmless(&error.to_string())
        );
        if let Some(help) = error.help() {
            let _ = write!(
                text,
                "\n  {} {}",
                style.paint(Tone::Strong, "help:"),
                harmless(help)
            );
        }
        return text;
    }
    let mut text = problems(error.problems(), sources, style);
    let count = |severity| {
        let found = error.problems().iter();
        found.filter(|problem| problem.severity == severity).count()
    };
    let summary = match (count(Severity::Error), count(Severity::Warning)) {
        (1, 0) => "refused: 1 error; nothing was started".to_owned(),
        (errors, 0) => format!("refused: {errors} errors; nothing was started"),
        (errors, warnings) => {
            format!("refused: {errors} errors, {warnings} warnings; nothing was started")
        }
    };
    let _ = write!(text, "\n\n{}", style.paint(Tone::Bad, summary));
    if let Some(help) = error.help() {
        let _ = write!(
            text,
            "\n  {} {}",
            style.paint(Tone::Strong, "help:"),
            harmless(help)
        );
    }
    text
}

/// All problems, each with its source line.
pub(crate) fn problems(problems: &[Problem], sources: Sources<'_>, style: Style) -> String {
    let mut read: HashMap<PathBuf, Option<String>> = HashMap::new();
    let shown: Vec<String> = problems
        .iter()
        .map(|problem| {
            let text = problem.file.as_ref().and_then(|file| {
                read.entry(file.clone())
                    .or_insert_with(|| sources(file))
                    .as_deref()
            });
            one(problem, text, style)
        })
        .collect();
    shown.join("\n\n")
}

fn one(problem: &Problem, source: Option<&str>, style: Style) -> String {
    let (word, tone) = match problem.severity {
        Severity::Error => ("error", Tone::Bad),
        Severity::Warning => ("warning", Tone::Doubtful),
    };
    let head = style.paint(tone, format!("{word}[{}]", problem.code));
    let mut text = format!("{head}: {}", harmless(&problem.message));
    let number = problem
        .line
        .map(|line| line.to_string())
        .unwrap_or_default();
    let margin = " ".repeat(number.len());
    if let Some(file) = &problem.file {
        let mut place = harmless(&file.display().to_string());
        for part in [problem.line, problem.column].into_iter().flatten() {
            let _ = write!(place, ":{part}");
        }
        let _ = write!(
            text,
            "\n{margin}{} {place}",
            style.paint(Tone::Faint, "-->")
        );
    }
    if let Some(line) = problem.line.and_then(|line| nth(source?, line)) {
        let (shown, column) = window(line, problem.column);
        let bar = style.paint(Tone::Faint, "|");
        let _ = write!(text, "\n{margin} {bar}\n{number} {bar} {shown}");
        if let Some(column) = column {
            let caret = style.paint(tone, "^");
            let _ = write!(text, "\n{margin} {bar} {}{caret}", " ".repeat(column));
        }
    }
    if let Some(help) = &problem.help {
        let _ = write!(
            text,
            "\n{margin} {} {}",
            style.paint(Tone::Strong, "help:"),
            harmless(help)
        );
    }
    text
}

fn nth(source: &str, line: u32) -> Option<&str> {
    let index = usize::try_from(line.checked_sub(1)?).ok()?;
    source
        .strip_prefix('\u{feff}')
        .unwrap_or(source)
        .lines()
        .nth(index)
}

/// The part of a line around a column, and where in it the column is.
fn window(line: &str, column: Option<u32>) -> (String, Option<usize>) {
    let length = line.chars().count();
    let column = column
        .and_then(|column| usize::try_from(column).ok()?.checked_sub(1))
        .map(|column| column.min(length));
    let start = match column {
        Some(column) if length > WINDOW => column.saturating_sub(WINDOW / 2),
        _ => 0,
    };
    let mut shown: String = harmless(&line.chars().skip(start).take(WINDOW).collect::<String>());
    let mut mark = column.map(|column| column - start);
    if start > 0 {
        shown.insert(0, '…');
        mark = mark.map(|mark| mark + 1);
    }
    if length > start + WINDOW {
        shown.push('…');
    }
    (shown, mark)
}

#[cfg(test)]
mod tests {
    use aura_core::ErrorKind;

    use super::*;

    fn at(line: u32, column: u32) -> Problem {
        Problem {
            file: Some("plan.yaml".into()),
            ..Problem::error("unknown_dependency", "task `b` depends on `c`").at(line, column)
        }
    }

    fn show(problem: Problem, source: &'static str) -> String {
        problems(&[problem], &move |_| Some(source.to_owned()), Style::PLAIN)
    }

    #[test]
    fn a_problem_is_shown_with_its_line_and_a_mark() {
        let text = show(
            at(2, 16).help("did you mean `a`?"),
            "tasks:\n  - depends_on: [c]\n",
        );
        let expected = "\
error[unknown_dependency]: task `b` depends on `c`
 --> plan.yaml:2:16
  |
2 |   - depends_on: [c]
  |                ^
  help: did you mean `a`?";
        assert_eq!(text, expected);
    }

    #[test]
    fn tabs_controls_and_long_lines_keep_the_mark_in_place() {
        let text = show(at(1, 3), "\tä\u{1b}x");
        assert!(text.contains("1 |  ä\u{fffd}x\n  |   ^"), "{text}");
        let long: &'static str =
            Box::leak(format!("{}X{}", "a".repeat(300), "b".repeat(300)).into_boxed_str());
        let text = show(at(1, 301), long);
        let lines: Vec<&str> = text.lines().collect();
        let column = lines[4].chars().position(|c| c == '^').expect("a mark");
        assert_eq!(lines[3].chars().nth(column), Some('X'), "{text}");
        assert!(lines[3].chars().count() < 120);
    }

    #[test]
    fn a_place_outside_the_file_is_no_panic() {
        for (line, column) in [(0, 0), (9, 1), (1, 99)] {
            let text = show(at(line, column), "one\n");
            assert!(text.starts_with("error[unknown_dependency]"), "{text}");
        }
        assert!(!problems(&[at(1, 1)], &|_| None, Style::PLAIN).contains('|'));
    }

    #[test]
    fn all_problems_are_listed_and_counted() {
        let error = Error::from_problems(
            ErrorKind::InvalidPlan,
            vec![at(1, 1), at(2, 1), Problem::warning("wide", "a warning")],
        );
        let text = super::error(&error, &|_| None, Style::PLAIN);
        assert_eq!(text.matches("error[unknown_dependency]").count(), 2);
        assert!(text.contains("warning[wide]: a warning"));
        assert!(
            text.ends_with("refused: 2 errors, 1 warnings; nothing was started"),
            "{text}"
        );
    }

    #[test]
    fn an_error_without_problems_shows_its_remedy() {
        let error = Error::new(ErrorKind::Untrusted, "not trusted").with_help("run `aura trust`");
        let text = super::error(&error, &|_| None, Style::PLAIN);
        assert_eq!(text, "error: not trusted\n  help: run `aura trust`");
    }
}
