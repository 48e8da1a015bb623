//! Commands that are run one after the other, each with its time.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::say;
use crate::summary;

/// How one part went.
struct Part {
    name: String,
    passed: bool,
    time: Duration,
}

/// Parts that were run.
#[derive(Default)]
pub(crate) struct Suite {
    parts: Vec<Part>,
    summaries: Vec<String>,
    missing: Vec<String>,
    /// A missing tool is a failure.
    require_all: bool,
    /// There are summaries to add up.
    has_tests: bool,
}

impl Suite {
    pub(crate) fn of_tests(require_all: bool) -> Self {
        Self {
            require_all,
            has_tests: true,
            ..Self::default()
        }
    }

    /// Whether every part passed, and there was one.
    pub(crate) fn passed(&self) -> bool {
        !self.parts.is_empty() && self.parts.iter().all(|part| part.passed)
    }

    /// Runs a command from the root of the workspace.
    pub(crate) fn run(&mut self, name: &str, words: &[&str]) -> bool {
        self.run_with(name, &root(), words, &[])
    }

    /// Runs a command in a directory, with variables.
    pub(crate) fn run_with(
        &mut self,
        name: &str,
        directory: &Path,
        words: &[&str],
        environment: &[(&str, &str)],
    ) -> bool {
        say(&format!("\n== {name}: {}", words.join(" ")));
        let begun = Instant::now();
        let passed = match self.watch(directory, words, environment) {
            Ok(passed) => passed,
            Err(error) => {
                say(&format!("{} could not be run: {error}", words[0]));
                false
            }
        };
        let time = begun.elapsed();
        let word = if passed { "passed" } else { "FAILED" };
        say(&format!("== {name}: {word} in {:.1} s", time.as_secs_f64()));
        self.parts.push(Part {
            name: name.to_owned(),
            passed,
            time,
        });
        passed
    }

    /// Runs a command, shows what it prints, and keeps its summaries.
    fn watch(
        &mut self,
        directory: &Path,
        words: &[&str],
        environment: &[(&str, &str)],
    ) -> std::io::Result<bool> {
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .envs(environment.iter().copied())
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let errors = child
            .stderr
            .take()
            .map(|stream| thread::spawn(move || copy(stream)));
        let mut found = child.stdout.take().map(copy).unwrap_or_default();
        if let Some(errors) = errors
            && let Ok(more) = errors.join()
        {
            found.extend(more);
        }
        self.summaries.extend(summary::of_part(found));
        Ok(child.wait()?.success())
    }

    /// Something is not installed: what needs it is left out, unless everything is required.
    pub(crate) fn missing(&mut self, name: &str, why: &str) {
        say(&format!("\n== {name}: LEFT OUT, {why}"));
        self.missing.push(format!("{name}: {why}"));
        if self.require_all {
            self.parts.push(Part {
                name: name.to_owned(),
                passed: false,
                time: Duration::ZERO,
            });
        }
    }

    /// The times, and the summaries of the test runners last.
    pub(crate) fn report(&self) -> String {
        let mut lines = vec![String::new(), "== summary".to_owned()];
        for part in &self.parts {
            let word = if part.passed { "passed" } else { "FAILED" };
            lines.push(format!(
                "{:>8.1} s  {word}  {}",
                part.time.as_secs_f64(),
                part.name
            ));
        }
        lines.extend(self.missing.iter().map(|what| format!("left out: {what}")));
        lines.extend(self.summaries.iter().cloned());
        if self.has_tests {
            lines.push(summary::total(&self.summaries, self.passed()));
        }
        lines.join("\n")
    }
}

/// Shows a stream line by line and returns the summaries in it.
fn copy(stream: impl Read) -> Vec<String> {
    let mut found = Vec::new();
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line), Ok(read) if read > 0) {
        let _ = std::io::stdout().lock().write_all(&line);
        let text = String::from_utf8_lossy(&line);
        found.extend(summary::of_line(&text));
        line.clear();
    }
    found
}

/// Whether a command ends well.
pub(crate) fn succeeds(words: &[&str]) -> bool {
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map_or(here.clone(), PathBuf::from)
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => root().join(target),
        None => root().join("target"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_without_parts_or_with_a_red_one_does_not_pass() {
        assert!(!Suite::default().passed());
        let mut suite = Suite::default();
        assert!(suite.run("good", &["rustc", "--version"]));
        assert!(suite.passed());
        assert!(!suite.run("bad", &["rustc", "--no-such-option"]));
        assert!(!suite.passed());
        assert!(!suite.run("missing", &["no-such-program-anywhere"]));
        let report = suite.report();
        assert!(
            report.contains("passed  good") && report.contains("FAILED  bad"),
            "{report}"
        );
    }

    #[test]
    fn what_is_missing_is_told_and_fails_where_all_is_required() {
        for require_all in [false, true] {
            let mut suite = Suite::of_tests(require_all);
            assert!(suite.run("good", &["rustc", "--version"]));
            suite.missing("cobol", "no compiler");
            assert_eq!(suite.passed(), !require_all);
            assert!(suite.report().contains("left out: cobol: no compiler"));
        }
    }

    #[test]
    fn the_root_is_the_workspace() {
        assert!(root().join("Cargo.lock").is_file());
    }
}
