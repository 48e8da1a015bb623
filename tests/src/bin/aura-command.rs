//! The `aura` command, where the behaviour tests find it.

use std::process::ExitCode;

fn main() -> ExitCode {
    let own = std::env::current_exe().map(Into::into);
    aura_cli::main(std::env::args_os(), own.into_iter().collect()).into()
}
