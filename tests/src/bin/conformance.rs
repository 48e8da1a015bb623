//! What the drivers of other languages are measured with. The scripted agent stands beside this program.
//!
//! - `conformance set SCENARIO.json DIR` makes the repository and the agent's script in DIR, and prints one JSON object with what a
//!   driver passes on: `repo`, `plan`, `agents`, `gates`, `policy`, `options`, and `merge`, which says whether to complete the story.
//! - `conformance check SCENARIO.json DIR` compares what was played there, and DIR/events.jsonl, with a run by Rust. The exit code is 0
//!   when nothing is different and 1 with a line for each difference otherwise.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aura_tests::conformance::{check, setting};
use aura_tests::scenario::{Scenario, Stage};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [verb, scenario, directory] = &arguments[..] else {
        eprintln!("usage: conformance set|check SCENARIO.json DIR");
        return ExitCode::from(2);
    };
    let path = Path::new(scenario);
    let scenario = Scenario::read(path);
    let directory = std::path::absolute(directory).expect("a current directory");
    let result = match verb.as_str() {
        "set" => set(path, &scenario, &directory).map(|text| (text, true)),
        "check" => compare(&scenario, &directory),
        _ => {
            eprintln!("`{verb}` is neither set nor check");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok((text, is_good)) => {
            println!("{text}");
            ExitCode::from(u8::from(!is_good))
        }
        Err(error) => {
            eprintln!("{}: {error:?}", scenario.name);
            ExitCode::FAILURE
        }
    }
}

fn set(path: &Path, scenario: &Scenario, directory: &Path) -> aura_core::Result<String> {
    let stage = Stage::new(directory, agent());
    stage.set(scenario);
    Ok(setting(path, &stage)?.to_string())
}

fn compare(scenario: &Scenario, directory: &Path) -> aura_core::Result<(String, bool)> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let lines = runtime.block_on(check(scenario, directory, &agent()))?;
    let (name, count) = (&scenario.name, lines.len());
    if lines.is_empty() {
        return Ok((format!("{name} conforms"), true));
    }
    let text = lines.join("\n");
    Ok((format!("{name}: {count} differences\n{text}"), false))
}

/// The scripted agent.
fn agent() -> PathBuf {
    let own = std::env::current_exe().expect("a path");
    own.with_file_name("fake-agent")
        .with_extension(std::env::consts::EXE_EXTENSION)
}
