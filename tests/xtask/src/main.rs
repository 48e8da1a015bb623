//! The one test command: `cargo xtask test` and `cargo xtask lint`. Standard library only, so that it builds at once.

mod installs;
mod parts;
mod suite;
mod summary;

use std::process::ExitCode;

use parts::Options;
use suite::Suite;

const USAGE: &str = "\
cargo xtask test [rust] [py] [node] [vscode] [--extended] [--require-all]
                          run the tests, of all languages or of some; every part with its time
cargo xtask lint          formatting, lints and documentation, warnings denied

  --extended      also what takes long
  --require-all   fail where a tool is missing, instead of leaving its part out";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = words.split_first() else {
        return usage("which command?");
    };
    let options = match Options::parse(rest) {
        Ok(options) => options,
        Err(why) => return usage(&why),
    };
    let suite = match command.as_str() {
        "test" => parts::test(&options),
        "lint" if rest.is_empty() => parts::lint(),
        "lint" => return usage("lint takes no arguments"),
        "help" | "--help" | "-h" => {
            say(USAGE);
            return ExitCode::SUCCESS;
        }
        other => return usage(&format!("there is no command `{other}`")),
    };
    finish(&suite)
}

fn finish(suite: &Suite) -> ExitCode {
    say(&suite.report());
    if suite.passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn usage(why: &str) -> ExitCode {
    say(&format!("{why}\n\n{USAGE}"));
    ExitCode::from(2)
}

/// Writes a line; a reader that went away changes nothing about the tests.
fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
