//! What is wanted, in words: for commands that work without a plan file.

use aura_core::DecomposeOptions;
use clap::Args;

/// A story in words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct WishFlags {
    /// At length what is wanted, where it is not in a plan
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Take title and description from an issue, through `gh`: its number in this repository, or its address
    #[arg(long, value_name = "URL|NUMBER", conflicts_with_all = ["source", "description"])]
    pub(crate) from_issue: Option<String>,
}

/// How a story is cut into tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct DecomposeFlags {
    /// Agent that cuts the story into tasks: one of the configuration, or copilot, claude, codex, gemini, opencode or aider [default: the
    /// one called decomposer in the configuration, else the agent of tasks which name none]
    #[arg(long, value_name = "AGENT")]
    pub(crate) decompose_with: Option<String>,
    /// Plan tests, too; the default
    #[arg(long, overrides_with = "no_tests")]
    pub(crate) include_tests: bool,
    /// Plan no tasks for tests
    #[arg(long)]
    pub(crate) no_tests: bool,
    /// Take no plan of more tasks [default: 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) max_tasks: Option<u16>,
}

impl DecomposeFlags {
    /// As the library takes them.
    pub(crate) fn options(&self, parallel: Option<usize>) -> DecomposeOptions {
        let options = DecomposeOptions::default().include_tests(!self.no_tests);
        let options = match self.max_tasks {
            Some(tasks) => options.max_tasks(tasks.into()),
            None => options,
        };
        match parallel {
            Some(agents) => options.max_parallelism(agents),
            None => options,
        }
    }
}
