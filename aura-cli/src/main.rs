//! The `aura` command: arguments in, the library's public names in between, text and exit codes out.

mod args;
mod commands;
mod config;
mod demo;
mod environment;
mod exit;
mod interrupt;
mod output;
mod place;
mod render;
mod settings;
mod trust;
mod words;

use std::process::ExitCode;
use std::time::Duration;

use aura_core::{Error, ErrorKind};
use clap::Parser;

use exit::Exit;
use render::problems;
use render::style::Style;

/// How long work that nobody waits for any more may take to end.
const LINGER: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let message = format!("the asynchronous runtime could not be started: {error}");
            return fail(&Error::new(ErrorKind::Process, message)).into();
        }
    };
    let exit = runtime.block_on(async { commands::dispatch(cli).await });
    runtime.shutdown_timeout(LINGER);
    exit.unwrap_or_else(|error| fail(&error)).into()
}

/// Says what went wrong.
fn fail(error: &Error) -> Exit {
    output::note(problems::error(
        error,
        &problems::from_disk,
        Style::of_stderr(),
    ));
    Exit::of_error(error)
}
