//! Ends of a program that say nothing about the work: it was killed, it is not there, it had nothing to run.

use std::path::Path;

use super::disk;
use super::findings::Parsed;

/// Signals that a program does not bring upon itself. The others are crashes of the code under test.
pub(super) fn is_from_outside(signal: i32) -> bool {
    const HUP: i32 = 1;
    const INT: i32 = 2;
    const KILL: i32 = 9;
    const TERM: i32 = 15;
    matches!(signal, HUP | INT | KILL | TERM)
}

pub(super) fn killed(signal: &str) -> String {
    format!(
        "the gate was killed from outside by {signal}; look for a lack of memory, or run fewer gates at once"
    )
}

/// Why an exit status and an output mean that the gate did not judge; `None` when it did. `is_full` says whether a disk is full that the
/// gate wrote to: the code under test may print anything, and may not excuse itself.
pub(super) fn find(
    code: i32,
    argv: &[String],
    output: &str,
    parsed: &Parsed,
    is_full: impl Fn() -> bool,
) -> Option<String> {
    if let Some(why) = no_tests(code, argv, parsed) {
        return Some(why);
    }
    match code {
        0 => None,
        126 | 127 => Some(format!(
            "exit code {code}: a program that the gate starts is missing or not executable; install it or correct the command"
        )),
        _ if code > 128 && is_from_outside(code - 128) => {
            Some(killed(&crate::program::signal_name(code - 128)))
        }
        3 | 4 if is_pytest(argv) && parsed.findings.is_empty() => Some(format!(
            "pytest ended with exit code {code}: an internal error, or arguments that it does not take; correct the command"
        )),
        // A gate whose tests ran and failed has judged, whatever else they print.
        _ if parsed.failed_tests => None,
        _ => output
            .lines()
            .find_map(|line| excuse(line, argv))
            .or_else(|| full_disk(output, is_full)),
    }
}

fn full_disk(output: &str, is_full: impl Fn() -> bool) -> Option<String> {
    let line = output.lines().find(|line| disk::is_said(line))?;
    is_full().then(|| format!("the disk is full: {}", line.trim()))
}

/// A gate that ran no test says nothing, whatever its exit status.
fn no_tests(code: i32, argv: &[String], parsed: &Parsed) -> Option<String> {
    let said = parsed.ran_nothing && parsed.findings.is_empty();
    let meant = code == 5 && (is_pytest(argv) || runs_module(argv, "unittest"));
    (said || meant).then(|| {
        "the gate found no test to run; correct where it looks, or make it not required until there are tests".to_owned()
    })
}

/// A line that blames the gate's command or the machine.
fn excuse(line: &str, argv: &[String]) -> Option<String> {
    if let Some((_, module)) = line.split_once(": No module named ")
        && runs_module(argv, module.trim_matches('\''))
    {
        return Some(format!(
            "python has no module {module}; install it for the python that the gate starts"
        ));
    }
    if line.starts_with("error: no such command: `") {
        let what = line.trim_start_matches("error: ");
        return Some(format!(
            "cargo has {what}; install it or correct the gate's command"
        ));
    }
    let npm = line
        .strip_prefix("npm error ")
        .or_else(|| line.strip_prefix("npm ERR! "));
    if npm.is_some_and(|text| text.to_ascii_lowercase().starts_with("missing script")) {
        return Some(format!(
            "{line}; add the script or correct the gate's command"
        ));
    }
    if let Some(rest) = line
        .split_once(": *** No rule to make target '")
        .map(|(_, rest)| rest)
        && rest
            .split_once('\'')
            .is_some_and(|(target, _)| argv.iter().any(|goal| goal == target))
    {
        return Some(format!(
            "{line} Add the target or correct the gate's command"
        ));
    }
    // As cargo says it of a compiler or of a whole test program.
    let line = line.trim();
    (line.starts_with("process ") && line.ends_with("(signal: 9, SIGKILL: kill)"))
        .then(|| killed("SIGKILL"))
}

/// Started directly, by `python -m`, or through a runner, as in `uv run pytest`.
fn is_pytest(argv: &[String]) -> bool {
    let is_program = |word: &String| {
        let name = Path::new(word).file_name();
        name.is_some_and(|name| name == "pytest" || name == "py.test")
    };
    argv.iter().any(is_program)
}

fn runs_module(argv: &[String], module: &str) -> bool {
    argv.windows(2)
        .any(|pair| pair[0] == "-m" && pair[1] == module)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::findings::parse;
    use super::*;

    #[test]
    fn tests_do_not_excuse_themselves() {
        const FULL: &str = "cp: x: No space left on device";
        const KILLED: &str =
            "  process didn't exit successfully: `/t/x` (signal: 9, SIGKILL: kill)";
        let red = [
            "---- a stdout ----",
            "1 failed in 0.1s",
            "not ok 1 - a",
            "--- FAIL: TestA (0.00s)",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored",
        ];
        // The output, whether the disk is full, and the excuse.
        let mut table = vec![
            (FULL.to_owned(), true, Some(format!("the disk is full: {FULL}"))),
            (FULL.to_owned(), false, None),
            (format!("said \"{FULL}\" it"), true, None),
            (
                format!("error: linking with `cc` failed: exit status: 1\n{FULL}"),
                true,
                Some(format!("the disk is full: {FULL}")),
            ),
            (
                "error: failed to write x.rlib: No space left on device (os error 28)".to_owned(),
                true,
                Some(
                    "the disk is full: error: failed to write x.rlib: No space left on device (os error 28)"
                        .to_owned(),
                ),
            ),
            (KILLED.to_owned(), false, Some(killed("SIGKILL"))),
            (
                format!("error: could not compile `x` (lib)\n\nCaused by:\n{KILLED}"),
                false,
                Some(killed("SIGKILL")),
            ),
            ("it said (signal: 9, SIGKILL: kill) and went on".to_owned(), false, None),
            ("log: x (signal: 9, SIGKILL: kill)".to_owned(), false, None),
        ];
        for red in red {
            table.push((format!("{red}\n{FULL}\n{KILLED}"), true, None));
        }
        for (output, full, expected) in table {
            let parsed = parse(&output, Path::new("/repo"), true);
            let found = find(101, &[], &output, &parsed, || full);
            assert_eq!(found, expected, "{output}");
        }
    }
}
