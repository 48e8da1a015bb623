//! The `aura` command: arguments in, the library's public names in between, text and exit codes out.
//!
//! It is a library so that packages of other languages put the very same command on the path.

mod args;
mod commands;
mod config;
mod demo;
mod environment;
mod exit;
mod interrupt;
mod output;
mod place;
mod program;
mod render;
mod settings;
mod trust;
mod words;

use std::ffi::OsString;
use std::time::Duration;

use aura_core::{Error, ErrorKind};
use clap::Parser;

use exit::Exit;
use program::Program;
use render::problems;
use render::style::Style;

/// How long work that nobody waits for any more may take to end.
const LINGER: Duration = Duration::from_secs(1);

/// Does what the command line asks for and returns the exit code.
///
/// `arguments` begin with the name that the program is called by; help shows it. `own` is the command line that starts this same
/// program again, such as the path of its executable, or an interpreter with the name of a module: the demo's agent and runs with
/// `--detach` are processes that begin with these words. Where `own` is empty, those two are refused and everything else works.
///
/// Results go to standard output, everything else to standard error; a closed standard output is no error, given that the process
/// ignores `SIGPIPE`. The current directory and the environment of the process count. A run listens for `SIGINT`, `SIGTERM` and
/// `SIGHUP`, and calls whatever handler was there before, too.
///
/// Blocks until the command is done, on a runtime of its own, and never ends the process: help, `--version` and arguments that are
/// not understood return like everything else. It must not be called from asynchronous code.
///
/// # Exit codes
/// 0 done; 1 failed tasks or gates; 2 input refused, nothing started; 3 paused; 130 interrupted.
pub fn main(arguments: impl IntoIterator<Item = OsString>, own: Vec<OsString>) -> u8 {
    let cli = match args::Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody is left to tell when this fails.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(Exit::Refused.code());
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let message = format!("the asynchronous runtime could not be started: {error}");
            return fail(&Error::new(ErrorKind::Process, message)).code();
        }
    };
    let program = Program::new(own);
    let exit = runtime.block_on(commands::dispatch(cli, &program));
    runtime.shutdown_timeout(LINGER);
    exit.unwrap_or_else(|error| fail(&error)).code()
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
