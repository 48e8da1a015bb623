//! `aura story ..`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{
    CreateFlags, DecomposeFlags, EngineFlags, LandFlags, Place, PlanFormat, RunFlags, ScopeFlags,
    WishFlags,
};

/// The commands about one story.
#[derive(Debug, Subcommand)]
pub(crate) enum StoryCommand {
    /// Create a story from a plan, a title or an issue and print its id; nothing runs
    Create(CreateArgs),
    /// Let an agent cut a story into tasks; nothing runs
    Decompose(Box<DecomposeArgs>),
    /// List the stories of the repository, newest first
    List {
        #[command(flatten)]
        place: Place,
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Look for what the repository says about a story, and keep it for plans and prompts
    Analyze(Which),
    /// Show a story with its tasks
    Show(Which),
    /// Run a story, or go on with it
    Run(Box<StoryRunArgs>),
    /// Wait for the end of a run in another terminal, and end with its exit code; 130 where its process is gone
    Wait(WaitArgs),
    /// Show where a story is
    Status(Which),
    /// Start nothing new; what runs is finished
    Pause(Which),
    /// Take back a pause, or go on with a story whose run ended
    Resume(Box<ResumeArgs>),
    /// Stop everything; what is accepted stays
    Cancel(Which),
    /// Give a fresh budget to a task that failed, was cancelled or skipped, or whose work could not be sealed or judged
    Retry {
        #[command(flatten)]
        task: TaskArgs,
        /// Shown to the agent
        #[arg(long)]
        note: Option<String>,
    },
    /// Let a gate that asks for a person about a task's work count as green on exactly that work
    Approve(TaskArgs),
    /// Go on without a task
    Skip(TaskArgs),
    /// Show what happened, and where the full outputs are
    Logs(LogsArgs),
    /// Land a story
    Complete(Box<CompleteArgs>),
    /// Show how a story went
    Report(Which),
    /// Print the graph with the status of each task
    Graph(GraphArgs),
}

/// Names a story.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Which {
    /// Full or short id, branch, or slug of the title [default: the one whose worktree this is, or the only one that has not landed;
    /// commands that only look fall back to the newest]
    pub(crate) story: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `aura story create`.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// A plan file in YAML or JSON, a folder of story files, or what is wanted in one line
    #[arg(required_unless_present = "from_issue")]
    pub(crate) source: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) scope: ScopeFlags,
    #[command(flatten)]
    pub(crate) wish: WishFlags,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) create: CreateFlags,
    /// The story needs no review, whatever the plan says
    #[arg(long)]
    pub(crate) no_review: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `aura story decompose`.
#[derive(Debug, Args)]
pub(crate) struct DecomposeArgs {
    /// Full or short id, branch, or slug of the title [default: the one whose worktree this is, or the only one that has not landed]
    pub(crate) story: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) engine: EngineFlags,
    #[command(flatten)]
    pub(crate) tasks: DecomposeFlags,
    /// Agents that are going to work side by side [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) parallel: Option<u16>,
    /// Write the plan to this file, too
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print the plan as JSON, as `aura plan --json` does
    #[arg(long)]
    pub(crate) json: bool,
}

/// `aura story run`.
#[derive(Debug, Clone, PartialEq, Args)]
pub(crate) struct StoryRunArgs {
    /// Full or short id, branch, or slug of the title [default: the one whose worktree this is, or the only one that has not landed;
    /// commands that only look fall back to the newest]
    pub(crate) story: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) engine: EngineFlags,
    #[command(flatten)]
    pub(crate) run: RunFlags,
    #[command(flatten)]
    pub(crate) accept: AcceptFlags,
}

/// Consent to what changed between two runs of a story.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct AcceptFlags {
    /// Go on although an agent or a gate is defined differently than when the story first ran
    #[arg(long)]
    pub(crate) accept_config: bool,
    /// Go on although git's configuration, hooks or attributes changed since the story was created
    #[arg(long)]
    pub(crate) accept_repo_changes: bool,
    /// Put a story branch that somebody else moved back to the accepted head
    #[arg(long)]
    pub(crate) restore_branch: bool,
}

/// `aura story resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) run: StoryRunArgs,
}

/// `aura story wait`.
#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Give up after so many seconds, with exit code 3
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
}

/// Names a task of a story.
#[derive(Debug, Args)]
pub(crate) struct TaskArgs {
    /// Id of the task
    pub(crate) task: String,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// `aura story logs`.
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Only this task
    #[arg(long, value_name = "ID")]
    pub(crate) task: Option<String>,
}

/// `aura story complete`.
#[derive(Debug, Args)]
pub(crate) struct CompleteArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) engine: EngineFlags,
    #[command(flatten)]
    pub(crate) land: LandFlags,
    /// Remove the story's worktree and leftover workspaces after the landing
    #[arg(long, requires = "merge")]
    pub(crate) cleanup: bool,
}

/// `aura story graph`.
#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    /// Full or short id, branch, or slug of the title [default: the one whose worktree this is, or the only one that has not landed;
    /// commands that only look fall back to the newest]
    pub(crate) story: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) format: PlanFormat,
}
