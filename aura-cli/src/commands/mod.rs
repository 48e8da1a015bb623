//! The commands, one file each.

mod decompose;
mod demo;
mod detach;
mod doctor;
mod drive;
mod hold;
mod issue;
mod plan;
mod run;
mod story;
mod trust;

use aura_core::Result;

use crate::args::{Cli, Command};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::program::Program;

/// Does what the command line asks for. `program` is this very program, for what takes a process of its own.
///
/// # Errors
/// Whatever keeps the command from doing its job; how a run ended is no error.
pub(crate) async fn dispatch(cli: Cli, program: &Program) -> Result<Exit> {
    let environment = Environment::read()?;
    match cli.command {
        Command::Demo(args) => demo::demo(&environment, program, &args).await,
        Command::DemoAgent => crate::demo::agent().map(|()| Exit::Done),
        Command::Doctor(args) => doctor::doctor(&environment, &args).await,
        Command::Trust(args) => trust::trust(&environment, &args),
        Command::Plan(args) => plan::plan(&environment, &args),
        Command::Run(args) => run::run(&environment, program, &args).await,
        Command::Story(command) => story::story(&environment, program, command).await,
        Command::Detached(args) => detach::detached(&environment, &args).await,
    }
}
