//! The command line as types: one file for each group of commands.

mod again;
mod demo;
mod plan;
mod run;
mod story;
mod wish;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use again::Again;
pub(crate) use demo::DemoArgs;
pub(crate) use plan::{PlanArgs, PlanFormat, ScopeFlags};
#[cfg(test)]
pub(crate) use run::Exhausted;
pub(crate) use run::{CreateFlags, EngineFlags, LandFlags, RunArgs, RunFlags};
pub(crate) use story::{
    AcceptFlags, CompleteArgs, CreateArgs, DecomposeArgs, GraphArgs, LogsArgs, StoryCommand,
    StoryRunArgs, WaitArgs, Which,
};
pub(crate) use wish::{DecomposeFlags, WishFlags};

/// Turns a plan into merged work: a graph of tasks, parallel coding agents, gates, and a main branch that stays green.
#[derive(Debug, Parser)]
#[command(name = "aura", version, after_help = ENVIRONMENT, propagate_version = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const ENVIRONMENT: &str = "\
Environment, used where the option is not given:
  AURA_REPO           as --repo
  AURA_AGENT_COMMAND  as --agent-command
  AURA_PARALLEL       as --parallel

Exit codes: 0 done; 1 failed tasks or gates; 2 input refused, nothing started;
3 paused, waiting for a person or a limit; 130 interrupted, state kept.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole flow on a small real repository it makes; no agent account needed
    Demo(DemoArgs),
    /// Check that everything is here: git, agents, the store, disk
    Doctor(DoctorArgs),
    /// Allow the commands that this repository configures
    Trust(TrustArgs),
    /// Validate a plan and show its waves
    Plan(PlanArgs),
    /// Do a plan or a sentence, in one line: story, run and, if asked, landing
    Run(Box<RunArgs>),
    /// Create, run, watch and steer stories
    #[command(subcommand)]
    Story(StoryCommand),
    /// The agent of the demo: reads a prompt on standard input, edits the current directory
    #[command(hide = true)]
    DemoAgent,
    /// A run in a session of its own
    #[command(hide = true)]
    Detached(Box<StoryRunArgs>),
}

/// Where the repository is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct Place {
    /// Any place inside the repository [default: the current directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) repo: Option<PathBuf>,
}

/// `aura doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) engine: EngineFlags,
    /// Print the checks as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `aura trust`.
#[derive(Debug, Args)]
pub(crate) struct TrustArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Take the permission back
    #[arg(long)]
    pub(crate) revoke: bool,
}
