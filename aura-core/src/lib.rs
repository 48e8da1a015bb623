//! Turns a plan into merged work.
//!
//! A plan is a graph of tasks. Several coding agents work on it at once, each in a git worktree of its own; gates judge what comes
//! back; failures are tried again with the evidence in the prompt; what is good is integrated, and a branch only ever moves to a
//! commit whose exact tree passed the gates. Every step is recorded before it is taken, so that a story goes on after a crash of
//! any process.
//!
//! ```no_run
//! # async fn example() -> aura_core::Result<()> {
//! use aura_core::{CompleteOptions, Orchestrator, Plan, RunOptions, StorySpec, agents, gates};
//!
//! let aura = Orchestrator::builder("path/to/repository")
//!     .agent("default", agents::command(["my-agent", "--yes"]))
//!     .gate(gates::command("test", ["cargo", "test"]))
//!     .open()
//!     .await?;
//! let story = aura.create_story(StorySpec::from_plan(Plan::load("plan.yaml")?)).await?;
//! let report = aura.run(story, RunOptions::default()).await?.wait().await?;
//! println!("{:?}, accepted: {:?}", report.outcome, report.accepted);
//! aura.complete(story, CompleteOptions::default().merge(true)).await?.wait().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Go on with [`Orchestrator`], which does everything; [`Run`], to follow and steer; [`Plan`] and [`StorySpec`], for what is wanted;
//! [`AgentBackend`] and [`Gate`], for agents and gates of your own; [`StoryStore`], for where stories are remembered; [`Event`], for
//! what is told. [`Error`] means that Aura could not do its job: a failing agent and a red gate are data.

mod agent;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod bench;
mod context;
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
    pub use crate::gate::review::{ReviewGate, review};
}

pub use agent::{
    AgentBackend, AgentContext, AgentFailure, AgentProbe, AgentRequest, AgentResult, AgentSignal,
    Login, ProcessMark,
};
pub use context::{ContextProvider, ContextRequest, RepositoryContext};
pub use error::{Error, ErrorKind, Problem, Result, Severity};
pub use gate::{ConfiguredGate, Gate, GateContext, GateReport, GateRequest};
pub use host::{HostJob, HostQueue, JobId, JobKind, Stale};
pub use model::{
    AgentDefinition, AttemptOutcome, Batched, Budget, CheckState, CodebaseInfo, CommitId,
    CommitStrategy, CompleteOptions, CompletionCheck, Complexity, DecomposeOptions, Edge, Event,
    EventKind, Evidence, ExcerptLine, FailureClass, Finding, FlakyPolicy, GateDefinition,
    GatePoint, GateSchedule, GateVerdict, LeftOut, Limits, MergeStrategy, NewEvent, OnExhausted,
    OutOfScope, ParkReason, Patterns, Plan, Policy, PreviousAttempt, Progress, RelatedFile, Remedy,
    RunId, RunOptions, RunOutcome, Scheduling, Scope, SealOutcome, Spends, StartKind, StoryContext,
    StoryId, StorySpec, StoryStatus, StoryTask, TaskId, TaskStatus, TestCounts, ToolState, Usage,
    Verb, Wave,
};
pub use orchestrator::{
    DecomposeHooks, DoctorCheck, DoctorReport, Orchestrator, OrchestratorBuilder, Run, RunControl,
    RunEvent, RunEvents,
};
pub use prompt::{
    DecomposePrompt, PromptAttempt, PromptCodebase, PromptDependency, PromptInput, PromptPattern,
    PromptRound, PromptStory, PromptTask, Prompts, RedactStream, Redactor,
    digest as evidence_digest, normalise, strip_controls,
};
pub use source::plan_schema;
pub use store::{InboxMessage, Lease, MemoryStore, SqliteStore, StoryStore, StorySummary};
pub use view::{
    AgentCounts, FailedTask, GateLine, GateWord, ProviderLimit, Report, Salvaged, StatusView,
    Story, TaskLine, dot, mermaid, svg,
};

#[cfg(doctest)]
#[doc = include_str!("../../docs/embedding.md")]
struct Embedding;
