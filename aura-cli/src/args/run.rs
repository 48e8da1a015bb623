//! `aura run`, and the options it shares with `aura story run`.

use std::path::PathBuf;

use aura_core::{Limits, OnExhausted};
use clap::{Args, ValueEnum};

use super::{DecomposeFlags, Place, ScopeFlags, WishFlags};

/// `aura run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// A plan file in YAML or JSON, or a folder of story files; with --decompose, what is wanted in one line
    #[arg(required_unless_present = "from_issue")]
    pub(crate) source: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) scope: ScopeFlags,
    /// Let the agent cut what is wanted into tasks first
    #[arg(long)]
    pub(crate) decompose: bool,
    #[command(flatten)]
    pub(crate) wish: WishFlags,
    #[command(flatten)]
    pub(crate) tasks: DecomposeFlags,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) create: CreateFlags,
    #[command(flatten)]
    pub(crate) engine: EngineFlags,
    #[command(flatten)]
    pub(crate) run: RunFlags,
    /// Show what would be done, and do nothing
    #[arg(long, conflicts_with_all = ["detach", "json", "decompose", "from_issue"])]
    pub(crate) dry_run: bool,
}

impl RunArgs {
    /// Whether an agent makes the plan.
    pub(crate) fn decomposes(&self) -> bool {
        self.decompose || self.wish.from_issue.is_some()
    }
}

/// What holds for a story from its creation on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct CreateFlags {
    /// Branch that a landing moves [default: the one that HEAD names]
    #[arg(long, value_name = "BRANCH")]
    pub(crate) target: Option<String>,
    /// When a task is out of retries: pause the story, go on with what does not depend on it, or abort [default: pause; isolate for
    /// story files]
    #[arg(long, value_name = "WHAT")]
    pub(crate) on_exhausted: Option<Exhausted>,
}

/// Spelling of [`OnExhausted`] on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Exhausted {
    /// Nothing new starts; the run ends paused
    #[value(alias = "pause-story")]
    Pause,
    /// Its dependants are blocked; everything else goes on
    #[value(alias = "isolate-and-continue", alias = "continue")]
    Isolate,
    /// Everything is stopped
    #[value(alias = "abort-story")]
    Abort,
}

impl From<Exhausted> for OnExhausted {
    fn from(value: Exhausted) -> Self {
        match value {
            Exhausted::Pause => Self::PauseStory,
            Exhausted::Isolate => Self::IsolateAndContinue,
            Exhausted::Abort => Self::AbortStory,
        }
    }
}

/// Who works and who judges.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct EngineFlags {
    /// Agent that does tasks which name none: one of the configuration, or copilot, claude, codex, gemini, opencode or aider
    #[arg(long, value_name = "NAME", conflicts_with = "agent_command")]
    pub(crate) agent: Option<String>,
    /// Program and arguments of the agent; it gets the prompt on standard input and edits the current directory
    #[arg(long, value_name = "'PROG ARGS'", allow_hyphen_values = true)]
    pub(crate) agent_command: Option<String>,
    /// A gate in place of the configured or detected ones; may be repeated
    #[arg(long = "gate", value_name = "NAME=CMD")]
    pub(crate) gates: Vec<String>,
    /// Environment variable that the agent of --agent-command and the gates of --gate get to see, besides the harmless ones; a final
    /// * stands for any rest; may be repeated
    #[arg(long = "env", value_name = "NAME")]
    pub(crate) env: Vec<String>,
    /// Judge nothing: what agents leave behind is accepted as it is
    #[arg(long, conflicts_with = "gates")]
    pub(crate) no_gates: bool,
    /// Let an agent judge each task's work before it is integrated [default: the one called reviewer in the configuration, else the
    /// agent of tasks which name none]
    #[arg(long, value_name = "AGENT", num_args = 0..=1, default_missing_value = "", conflicts_with = "no_gates")]
    pub(crate) review: Option<String>,
    /// No review, whatever the configuration and the plan say
    #[arg(long, conflicts_with = "review")]
    pub(crate) no_review: bool,
    /// Allow the commands that this repository configures, for this call
    #[arg(long)]
    pub(crate) trust: bool,
}

/// What one run is asked for.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(crate) struct RunFlags {
    /// Agents at once [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) parallel: Option<u16>,
    /// Only this task; may be repeated
    #[arg(long = "task", value_name = "ID")]
    pub(crate) tasks: Vec<String>,
    /// With --task: what it depends on too
    #[arg(long, requires = "tasks")]
    pub(crate) with_dependencies: bool,
    /// End after one wave
    #[arg(long)]
    pub(crate) wave: bool,
    #[command(flatten)]
    pub(crate) limits: LimitFlags,
    #[command(flatten)]
    pub(crate) land: LandFlags,
    /// Print one event per line as JSON, and the report last
    #[arg(long)]
    pub(crate) json: bool,
    /// Run in a session of its own and print the story's id
    #[arg(long, conflicts_with = "json")]
    pub(crate) detach: bool,
}

/// What the story may use up, over all of its runs together.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(crate) struct LimitFlags {
    /// Pause when the story would cost more than that many US dollars, by what its agents report
    #[arg(long, value_name = "DOLLARS", value_parser = dollars)]
    pub(crate) limit_cost: Option<f64>,
    /// Pause when the story would use more than that many tokens, by what its agents report
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit_tokens: Option<u64>,
    /// Pause when the story has had that many starts of agents, retries and restarts included
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit_attempts: Option<u64>,
}

impl LimitFlags {
    /// As the library takes them.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.attempts = self.limit_attempts;
        limits.tokens = self.limit_tokens;
        limits.cost_usd = self.limit_cost;
        limits
    }
}

fn dollars(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(dollars) if f64::is_finite(dollars) && dollars > 0.0 => Ok(dollars),
        _ => Err("an amount of dollars above 0 is needed, such as 2.50".to_owned()),
    }
}

/// What happens to the result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct LandFlags {
    /// Move the target branch when everything is accepted and the final gates pass
    #[arg(long)]
    pub(crate) merge: bool,
    /// Land although tasks are failed or blocked
    #[arg(long, requires = "merge")]
    pub(crate) partial: bool,
}
