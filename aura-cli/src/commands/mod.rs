//! The commands, one file each.

mod demo;
mod detach;
mod doctor;
mod drive;
mod hold;
mod plan;
mod run;
mod story;
mod trust;

use aura_core::Result;

use crate::args::{Cli, Command};
use crate::environment::Environment;
use crate::exit::Exit;

/// Does what the command line asks for.
///
/// # Errors
/// Whatever keeps the command from doing its job; how a run ended is no error.
pub(crate) async fn dispatch(cli: Cli) -> Result<Exit> {
    let environment = Environment::read()?;
    match cli.command {
        Command::Demo(args) => demo::demo(&environment, &args).await,
        Command::DemoAgent => crate::demo::agent().map(|()| Exit::Done),
        Command::Doctor(args) => doctor::doctor(&environment, &args).await,
        Command::Trust(args) => trust::trust(&environment, &args),
        Command::Plan(args) => plan::plan(&args),
        Command::Run(args) => run::run(&environment, &args).await,
        Command::Story(command) => story::story(&environment, command).await,
        Command::Detached(args) => detach::detached(&environment, &args).await,
    }
}
