//! The goals of `docs/performance.md`, measured: `cargo bench -p aura-tests --bench goals [-- ROW..]`.
//!
//! Every goal is a ratio to a peer and to a physical limit that run in the same process, in the same rounds, in an order
//! that changes from round to round. The verdict is about the median of the ratios of the rounds.

#![expect(
    clippy::print_stdout,
    reason = "a benchmark's result is what it prints"
)]

mod decide;
mod graph;
mod measure;
mod spawn;

use std::process::{Command, ExitCode};

/// Asks this program for its peak memory after one story, which a process that measured other things cannot tell.
const MEMORY: &str = "--memory-of-one-story";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == MEMORY) {
        let (planned, told) = decide::memory_of_one_story();
        println!("{planned} {told}");
        return ExitCode::SUCCESS;
    }
    let rows: Vec<&String> = words
        .iter()
        .filter(|word| !word.starts_with("--"))
        .collect();
    let wants = |row: &str| rows.is_empty() || rows.iter().any(|wanted| *wanted == row);
    println!("row | ratio to peer | ratio to limit | spread | verdict");
    let mut passed = true;
    if wants("G1") {
        passed &= decide::measure();
    }
    if wants("G1m") {
        passed &= decide::measure_memory(memory_of_one_story());
    }
    if wants("G2") {
        passed &= spawn::measure();
    }
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Peak memory in KiB of making the plan, and of everything after that.
fn memory_of_one_story() -> (u64, u64) {
    let program = std::env::current_exe().expect("a path");
    let output = Command::new(program)
        .arg(MEMORY)
        .output()
        .expect("this program starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let (planned, told) = text.trim().split_once(' ').expect("two numbers");
    let number = |text: &str| text.parse().expect("kibibytes");
    (number(planned), number(told))
}
