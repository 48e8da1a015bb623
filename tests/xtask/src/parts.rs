//! The parts of a suite: commands that are run one after the other, each with its time.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::say;
use crate::summary;

/// What the test command was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Also what takes long.
    pub(crate) extended: bool,
    /// A missing tool is a failure.
    pub(crate) require_all: bool,
}

impl Options {
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        for word in words {
            match word.as_str() {
                // The only language so far, and part of every run.
                "rust" => {}
                "--extended" => options.extended = true,
                "--require-all" => options.require_all = true,
                other => return Err(format!("`{other}` is not understood")),
            }
        }
        Ok(options)
    }
}

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
    skipped: Vec<String>,
    /// There are summaries to add up.
    has_tests: bool,
}

/// All tests.
pub(crate) fn test(options: &Options) -> Suite {
    let mut suite = Suite {
        has_tests: true,
        ..Suite::default()
    };
    let nextest = succeeds("cargo", &["nextest", "--version"]);
    if options.require_all && !nextest {
        suite.fail("cargo-nextest", "is not installed");
    }
    let mut environment = Vec::new();
    if options.extended {
        environment.push(("AURA_EXTENDED", "1"));
    }
    if options.require_all {
        environment.push(("AURA_REQUIRE_ALL", "1"));
    }
    if nextest {
        suite.run_with(
            "tests",
            "cargo",
            &["nextest", "run", "--workspace", "--no-fail-fast"],
            &environment,
        );
        suite.run_with(
            "doc tests",
            "cargo",
            &["test", "--workspace", "--doc"],
            &environment,
        );
    } else {
        let words = ["test", "--workspace", "--no-fail-fast"];
        suite.run_with("tests and doc tests", "cargo", &words, &environment);
    }
    suite.run(
        "example embed",
        "cargo",
        &["run", "--quiet", "-p", "aura-examples", "--bin", "embed"],
    );
    demo(&mut suite);
    suite
}

/// Formatting, lints and documentation.
pub(crate) fn lint() -> Suite {
    let mut suite = Suite::default();
    suite.run("format", "cargo", &["fmt", "--all", "--check"]);
    let words = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    suite.run("clippy", "cargo", &words);
    let words = [
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ];
    suite.run_with(
        "documentation",
        "cargo",
        &words,
        &[("RUSTDOCFLAGS", "-D warnings")],
    );
    suite
}

/// The demo, in a directory that goes away when it passed.
fn demo(suite: &mut Suite) {
    let dir = env::temp_dir().join(format!("aura-xtask-demo-{}", std::process::id()));
    let place = dir.to_string_lossy().into_owned();
    let words = [
        "run", "--quiet", "-p", "aura-cli", "--", "demo", "--keep", &place,
    ];
    if suite.run("demo", "cargo", &words) {
        let _ = std::fs::remove_dir_all(&dir);
    } else {
        say(&format!("the demo's files are in {place}"));
    }
}

impl Suite {
    /// Whether every part passed, and there was one.
    pub(crate) fn passed(&self) -> bool {
        !self.parts.is_empty() && self.parts.iter().all(|part| part.passed)
    }

    fn run(&mut self, name: &str, program: &str, words: &[&str]) -> bool {
        self.run_with(name, program, words, &[])
    }

    fn run_with(
        &mut self,
        name: &str,
        program: &str,
        words: &[&str],
        environment: &[(&str, &str)],
    ) -> bool {
        say(&format!("\n== {name}: {program} {}", words.join(" ")));
        let begun = Instant::now();
        let passed = match self.watch(program, words, environment) {
            Ok(passed) => passed,
            Err(error) => {
                say(&format!("{program} could not be run: {error}"));
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
        program: &str,
        words: &[&str],
        environment: &[(&str, &str)],
    ) -> std::io::Result<bool> {
        let mut child = Command::new(program)
            .args(words)
            .envs(environment.iter().copied())
            .current_dir(root())
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

    fn fail(&mut self, name: &str, why: &str) {
        say(&format!("== {name}: {why}"));
        self.skipped.push(format!("{name} {why}"));
        self.parts.push(Part {
            name: name.to_owned(),
            passed: false,
            time: Duration::ZERO,
        });
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
        lines.extend(
            self.skipped
                .iter()
                .map(|skipped| format!("missing: {skipped}")),
        );
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

fn succeeds(program: &str, words: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The root of the workspace.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map_or(here.clone(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let words: Vec<String> = line.split_whitespace().map(ToOwned::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn options_are_understood_or_refused() {
        assert_eq!(parse("rust"), Ok(Options::default()));
        let all = parse("--extended rust --require-all").expect("options");
        assert!(all.extended && all.require_all);
        assert!(parse("rust cobol").is_err());
    }

    #[test]
    fn a_suite_without_parts_or_with_a_red_one_does_not_pass() {
        assert!(!Suite::default().passed());
        let mut suite = Suite::default();
        assert!(suite.run("good", "rustc", &["--version"]));
        assert!(suite.passed());
        assert!(!suite.run("bad", "rustc", &["--no-such-option"]));
        assert!(!suite.passed());
        assert!(!suite.run("missing", "no-such-program-anywhere", &[]));
        let report = suite.report();
        assert!(
            report.contains("passed  good") && report.contains("FAILED  bad"),
            "{report}"
        );
    }

    #[test]
    fn the_root_is_the_workspace() {
        assert!(root().join("Cargo.lock").is_file());
    }
}
