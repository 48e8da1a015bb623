//! `aura demo`.

use std::path::PathBuf;

use clap::Args;

/// `aura demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Make the repository in this directory, which must be empty or new [default: a new one for temporary files]
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}
