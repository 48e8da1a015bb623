//! `aura plan`.

use std::path::PathBuf;

use clap::Args;

/// `aura plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// A plan file in YAML or JSON
    pub(crate) source: PathBuf,
    #[command(flatten)]
    pub(crate) format: PlanFormat,
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
