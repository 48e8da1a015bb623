//! Tracebacks of Python, as of a script that crashed or a file that does not parse.

use super::{MAX_LINES, Place, Root, finding, finding_at, number};
use crate::model::Finding;

/// Every exception of an output, at the deepest place in the repository.
pub(super) fn parse(output: &str, root: &Root) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut block = Vec::new();
    for line in output.lines() {
        let ends = !block.is_empty() && !line.is_empty() && !line.starts_with(' ');
        if ends || frame(line).is_some() || !block.is_empty() {
            block.push(line);
        }
        if ends {
            let (place, message) = explain(&block, root);
            if let Some(message) = message.filter(|message| is_exception(message)) {
                findings.push(at(root, place, &message));
            }
            block.clear();
        }
    }
    findings
}

/// The last place in the repository, and the exception that was raised last with what follows it.
pub(super) fn explain<'a>(lines: &[&'a str], root: &Root) -> (Option<Place<'a>>, Option<String>) {
    let mut place = None;
    let mut message: Option<Vec<&str>> = None;
    let mut raised = false;
    for line in lines {
        if let Some(frame) = frame(line) {
            if root.relative(frame.file).is_some() {
                place = Some(frame);
            }
            raised = false;
        } else if line.is_empty() || line.starts_with("Traceback ") {
            raised = false;
        } else if raised {
            let lines = message.get_or_insert_default();
            if lines.len() < MAX_LINES {
                lines.push(line);
            }
        } else if !line.starts_with(' ') && !is_link(line) {
            message = Some(vec![line]);
            raised = true;
        }
    }
    (place, message.map(|lines| lines.join("\n")))
}

/// A finding at the place, where there is one.
pub(super) fn at(root: &Root, place: Option<Place<'_>>, message: &str) -> Finding {
    match place {
        Some(place) => finding_at(root, &place, message),
        None => finding(message),
    }
}

/// `  File "PATH", line N, in NAME`.
fn frame(line: &str) -> Option<Place<'_>> {
    let (file, rest) = line
        .trim_start()
        .strip_prefix("File \"")?
        .split_once("\", line ")?;
    let digits = rest
        .find(|char: char| !char.is_ascii_digit())
        .unwrap_or(rest.len());
    let line = Some(number(&rest[..digits])?);
    Some(Place {
        file,
        line,
        column: None,
    })
}

/// The sentences between an exception and the one that it led to.
fn is_link(line: &str) -> bool {
    line.starts_with("During handling of the above") || line.starts_with("The above exception was")
}

fn is_exception(message: &str) -> bool {
    let name = message.split([':', '\n']).next().unwrap_or_default();
    !name.is_empty()
        && name
            .chars()
            .all(|char| char.is_alphanumeric() || matches!(char, '_' | '.'))
}
