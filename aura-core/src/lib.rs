//! Turns a plan into merged work.

mod agent;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod bench;
mod digest;
pub mod embed;
mod engine;
mod error;
mod gate;
mod git;
mod host;
mod model;
mod orchestrator;
mod plan;
mod process;
mod program;
mod prompt;
mod source;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;
mod view;

/// Agents that are ready to use.
pub mod agents {
    pub use crate::agent::presets::*;
}

/// Gates that are ready to use.
pub mod gates {
    pub use crate::gate::presets::*;
}

pub use agent::{
    AgentBackend, AgentContext, AgentFailure, AgentProbe, AgentRequest, AgentResult, AgentSignal,
    Login, ProcessMark,
};
pub use error::{Error, ErrorKind, Problem, Result, Severity};
pub use gate::{ConfiguredGate, Gate, GateContext, GateReport, GateRequest};
pub use host::{HostJob, HostQueue, JobId, JobKind, Stale};
pub use model::{
    AgentDefinition, AttemptOutcome, Batched, Budget, CommitId, CommitStrategy, CompleteOptions,
    Complexity, Edge, Event, EventKind, Evidence, FailureClass, Finding, FlakyPolicy,
    GateDefinition, GatePoint, GateSchedule, GateVerdict, LeftOut, Limits, MergeStrategy, NewEvent,
    OnExhausted, ParkReason, Plan, Policy, PreviousAttempt, Progress, Remedy, RunId, RunOptions,
    RunOutcome, Scheduling, SealOutcome, Spends, StartKind, StoryId, StorySpec, StoryStatus,
    StoryTask, TaskId, TaskStatus, TestCounts, ToolState, Usage, Verb, Wave,
};
pub use orchestrator::{
    DoctorCheck, DoctorReport, Orchestrator, OrchestratorBuilder, Run, RunControl, RunEvent,
    RunEvents,
};
pub use prompt::{
    PromptAttempt, PromptDependency, PromptInput, PromptStory, PromptTask, Prompts, RedactStream,
    Redactor, digest as evidence_digest, normalise, strip_controls,
};
pub use source::plan_schema;
pub use store::{InboxMessage, Lease, MemoryStore, SqliteStore, StoryStore, StorySummary};
pub use view::{
    AgentCounts, FailedTask, GateLine, GateWord, ProviderLimit, Report, Salvaged, StatusView,
    Story, TaskLine, dot, mermaid, svg,
};
