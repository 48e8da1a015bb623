//! A scripted language model for real agents: `scripted-llm [--log FILE] [--requests N] [--seconds N]`.
//!
//! Prints `{"port":N}` when it listens on 127.0.0.1, and ends when its standard input does, or after an hour. What it does is said in
//! the `llm` module of this package.

use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use aura_tests::llm::{Limits, ScriptedLlm};

const USAGE: &str = "usage: scripted-llm [--log FILE] [--requests N] [--seconds N]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((limits, time)) = parse(&words) else {
        let _ = writeln!(std::io::stderr(), "{USAGE}");
        return ExitCode::from(2);
    };
    match serve(limits, time) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "scripted-llm: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(words: &[String]) -> Option<(Limits, Duration)> {
    let mut limits = Limits::default();
    let mut seconds = 3600;
    for pair in words.chunks(2) {
        let [name, value] = pair else { return None };
        match name.as_str() {
            "--log" => limits.log = Some(value.into()),
            "--requests" => limits.requests = value.parse().ok()?,
            "--seconds" => seconds = value.parse().ok()?,
            _ => return None,
        }
    }
    Some((limits, Duration::from_secs(seconds)))
}

fn serve(limits: Limits, time: Duration) -> std::io::Result<()> {
    let server = ScriptedLlm::start(limits)?;
    writeln!(std::io::stdout(), "{{\"port\":{}}}", server.port())?;
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || {
        let mut rest = [0; 1024];
        while std::io::stdin().read(&mut rest).is_ok_and(|read| read > 0) {}
        let _ = ended.send(());
    });
    // Whichever comes first.
    let _ = end.recv_timeout(time);
    drop(server);
    Ok(())
}
