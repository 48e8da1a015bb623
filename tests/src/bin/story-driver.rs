//! Plays a scenario in a process of its own, so that tests can kill it: `story-driver SCENARIO DIRECTORY AGENT`.
//!
//! Called again for the same directory it takes up where it was stopped. The exit code is 0 when the story came to its end.

use std::path::Path;
use std::process::ExitCode;

use aura_tests::scenario::{Scenario, Stage};

#[expect(clippy::print_stderr, reason = "it is a program")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, scenario, directory, agent] = arguments.as_slice() else {
        eprintln!("usage: story-driver SCENARIO DIRECTORY AGENT");
        return ExitCode::from(2);
    };
    let scenario = Scenario::read(Path::new(scenario));
    let stage = Stage::new(directory, agent);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match runtime.block_on(stage.play(&scenario)) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::FAILURE
        }
    }
}
