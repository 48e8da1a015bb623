//! `aura plan`.

use std::path::PathBuf;

use aura_core::{OutOfScope, Scope};
use clap::{Args, ValueEnum};

/// `aura plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// A plan file in YAML or JSON, or a folder of story files
    pub(crate) source: PathBuf,
    #[command(flatten)]
    pub(crate) scope: ScopeFlags,
    #[command(flatten)]
    pub(crate) format: PlanFormat,
}

/// Which tasks of a source are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct ScopeFlags {
    /// Only these tasks: ids, ranges of stories (1.1-1.5), globs (1.*), epics of story files (epic:auth)
    pub(crate) scope: Vec<String>,
    /// When a task of the scope depends on one that is neither in it nor done: refuse, take that one in, or leave the task out
    /// [default: refuse]
    #[arg(long, value_name = "WHAT", requires = "scope")]
    pub(crate) out_of_scope: Option<Outside>,
}

/// Spelling of [`OutOfScope`] on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Outside {
    /// Nothing starts
    Refuse,
    /// What it depends on is taken in
    Expand,
    /// It is left out, and whatever depends on it
    Skip,
}

impl ScopeFlags {
    /// As the library takes it.
    pub(crate) fn scope(&self) -> Scope {
        let what = match self.out_of_scope {
            None | Some(Outside::Refuse) => OutOfScope::Refuse,
            Some(Outside::Expand) => OutOfScope::Expand,
            Some(Outside::Skip) => OutOfScope::Skip,
        };
        Scope::new(self.scope.iter().cloned()).out_of_scope(what)
    }
}

/// How a graph is printed; as text for people where none is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[group(multiple = false)]
pub(crate) struct PlanFormat {
    /// Print one JSON object: tasks, waves, critical path, problems
    #[arg(long)]
    pub(crate) json: bool,
    /// Print a Mermaid flowchart
    #[arg(long)]
    pub(crate) mermaid: bool,
    /// Print a Graphviz graph
    #[arg(long)]
    pub(crate) dot: bool,
    /// Write a picture into a file
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}
