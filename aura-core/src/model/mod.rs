//! The nouns as plain serialisable data: no input or output, no async, no clock, no randomness.

mod attempt;
mod completion;
mod context;
mod decompose;
mod event;
mod gate;
mod id;
mod pattern;
mod plan;
mod policy;
mod progress;
mod scope;
mod status;
mod story;
mod task;
mod usage;

pub use attempt::{AttemptOutcome, Evidence, FailureClass, Remedy, Spends, StartKind};
pub use completion::{CheckState, CompletionCheck};
pub use context::{CodebaseInfo, ExcerptLine, RelatedFile, StoryContext};
pub use decompose::DecomposeOptions;
pub use event::{
    Batched, Event, EventKind, LeftOut, NewEvent, ParkReason, PreviousAttempt, SealOutcome, Verb,
};
pub use gate::{
    Finding, FlakyPolicy, GateDefinition, GatePoint, GateSchedule, GateVerdict, TestCounts,
};
pub use id::{CommitId, RunId, StoryId, TaskId};
pub use pattern::Patterns;
pub(crate) use pattern::{MAX_PATTERN, MAX_PATTERNS};
pub use plan::{Edge, Plan, Wave};
pub use policy::{
    AgentDefinition, Budget, CommitStrategy, CompleteOptions, Limits, MergeStrategy, OnExhausted,
    Policy, RunOptions, Scheduling,
};
pub use progress::{Progress, ToolState};
pub use scope::{OutOfScope, Scope};
pub use status::{StoryStatus, TaskStatus};
pub use story::{RunOutcome, StorySpec};
pub use task::{Complexity, StoryTask};
pub use usage::Usage;
