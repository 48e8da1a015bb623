"""The data that goes in and out, with exactly the keys it has on the wire; events are in `aura.events`.

Times are ISO 8601 texts in UTC, durations milliseconds, commits and trees full SHA-1 object ids; waves are counted from 0.
"""

from __future__ import annotations

import sys
from typing import Any, Literal, TypedDict

if sys.version_info >= (3, 11):
    from typing import NotRequired
else:
    from typing_extensions import NotRequired

TaskStatus = Literal[
    "pending", "queued", "running", "in_review", "completed", "failed", "blocked", "skipped", "cancelled"
]
StoryStatus = Literal[
    "created",
    "analyzing",
    "decomposing",
    "planned",
    "dispatching",
    "running",
    "gate_failed",
    "paused",
    "ready_to_complete",
    "integrating",
    "completed",
    "failed",
    "cancelled",
]
RunOutcome = Literal["completed", "ready_to_complete", "paused", "failed", "cancelled"]
FailureClass = Literal[
    "gate",
    "no_change",
    "incomplete",
    "base_lost",
    "conflict",
    "timeout",
    "stalled",
    "exit",
    "killed",
    "spawn",
    "rate_limited",
    "quota",
    "auth",
    "config",
    "broken",
    "cancelled",
    "dependency",
]
Complexity = Literal["small", "medium", "large"]
StartKind = Literal["base", "previous", "repair"]
GateSchedule = Literal["after_task", "after_wave", "final"]
GatePoint = Literal["task", "candidate", "final"]
FlakyPolicy = Literal["accept", "refuse"]
VerdictWord = Literal["passed", "failed", "broken", "flaky", "cancelled", "needs_human"]
OutOfScope = Literal["refuse", "expand", "skip"]
GraphFormat = Literal["mermaid", "dot", "svg"]
StoreKind = Literal["sqlite", "memory"]
VerbWord = Literal["pause", "resume", "cancel", "retry", "approve", "skip"]

# Keys that are words of Python need the other way to write a type.
WithClass = TypedDict("WithClass", {"class": FailureClass})
MaybeClass = TypedDict("MaybeClass", {"class": NotRequired[FailureClass]})


class Problem(TypedDict):
    """One thing that is wrong with a plan or a configuration, and where."""

    severity: Literal["warning", "error"]
    code: str
    message: str
    task: str | None
    file: str | None
    line: int | None
    column: int | None
    help: str | None


class Usage(TypedDict):
    """Tokens and money, as the agent reported them."""

    input_tokens: int
    output_tokens: int
    cost_usd: float


class Finding(TypedDict):
    """One thing a gate found."""

    file: NotRequired[str]
    line: NotRequired[int]
    column: NotRequired[int]
    message: str


class TestCounts(TypedDict):
    """How many tests ran."""

    passed: int
    failed: int
    skipped: int


class Evidence(TypedDict):
    """What the next attempt, and a person, is shown about a failure."""

    summary: str
    gate: NotRequired[str]
    output_tail: NotRequired[str]
    findings: NotRequired[list[Finding]]
    paths: NotRequired[list[str]]
    log: NotRequired[str]


class PlanTask(TypedDict):
    """A task as a plan states it."""

    id: str
    title: str
    description: NotRequired[str]
    files: NotRequired[list[str]]
    depends_on: NotRequired[list[str]]
    parallel_safe: NotRequired[bool]
    no_change_ok: NotRequired[bool]
    removes_tests: NotRequired[bool]
    pattern: NotRequired[str]
    complexity: NotRequired[Complexity]
    prompt_hints: NotRequired[list[str]]
    acceptance_criteria: NotRequired[list[str]]
    agent: NotRequired[str]
    metadata: NotRequired[dict[str, Any]]


class StoryTask(TypedDict):
    """A task: what the plan says of it, then what became of it. Absent is the default: pending, none, nought."""

    id: str
    title: str
    description: NotRequired[str]
    files: NotRequired[list[str]]
    depends_on: NotRequired[list[str]]
    wave: int
    parallel_safe: NotRequired[bool]
    no_change_ok: NotRequired[bool]
    removes_tests: NotRequired[bool]
    pattern: NotRequired[str]
    complexity: NotRequired[Complexity]
    prompt_hints: NotRequired[list[str]]
    acceptance_criteria: NotRequired[list[str]]
    agent: NotRequired[str]
    metadata: NotRequired[dict[str, Any]]
    status: NotRequired[TaskStatus]
    attempts: NotRequired[int]
    restarts: NotRequired[int]
    agent_session_id: NotRequired[str]
    output: NotRequired[str]
    error: NotRequired[str]
    tool_improvement_proposal: NotRequired[str]
    started_at: NotRequired[str]
    completed_at: NotRequired[str]
    commit: NotRequired[str]
    usage: NotRequired[Usage]


class Wave(TypedDict):
    """Tasks that may run side by side."""

    index: int
    tasks: list[str]


class Edge(TypedDict):
    """An order between two tasks that the plan does not state."""

    before: str
    after: str
    why: str


class PlanData(TypedDict):
    """A validated plan; see `aura.Plan`."""

    title: str
    description: NotRequired[str]
    tasks: list[StoryTask]
    added_edges: list[Edge]
    waves: list[Wave]
    critical_path: list[str]
    warnings: NotRequired[list[Problem]]
    source: NotRequired[str]
    review: NotRequired[bool]


class Policy(TypedDict):
    """How a story is run, every member said."""

    scheduling: Literal["waves"]
    on_exhausted: Literal["pause_story", "isolate_and_continue", "abort_story"]
    commit: Literal["per_task", "squash"]
    merge: Literal["rebase_fast_forward", "merge_commit"]
    max_parallel: int
    retry_max: int
    restart_max: int
    backoff_ms: int
    backoff_max_ms: int
    deadline_ms: int
    idle_ms: int
    grace_ms: int
    limit_wait_ms: int


class PolicyOptions(TypedDict, total=False):
    """The members of a `Policy` that differ from the default."""

    scheduling: Literal["waves"]
    on_exhausted: Literal["pause_story", "isolate_and_continue", "abort_story"]
    commit: Literal["per_task", "squash"]
    merge: Literal["rebase_fast_forward", "merge_commit"]
    max_parallel: int
    retry_max: int
    restart_max: int
    backoff_ms: int
    backoff_max_ms: int
    deadline_ms: int
    idle_ms: int
    grace_ms: int
    limit_wait_ms: int


class Limits(TypedDict, total=False):
    """What a story may use up, over all of its runs together; no limit where absent."""

    attempts: int
    tokens: int
    cost_usd: float


class RunOptions(TypedDict):
    """What a run was asked for."""

    max_parallel: NotRequired[int]
    tasks: NotRequired[list[str]]
    with_dependencies: bool
    one_wave: bool
    accept_config: bool
    accept_repo_changes: bool
    restore_branch: bool
    limits: NotRequired[Limits]
    fallback: NotRequired[dict[str, str]]


class CompleteOptions(TypedDict):
    """What a landing was asked for."""

    merge: bool
    partial: bool
    no_gates: bool
    cleanup: bool


class McpServer(TypedDict):
    """A server that an agent starts itself and talks to over its standard streams."""

    command: str
    args: NotRequired[list[str]]
    env: NotRequired[dict[str, str]]


class McpServers(TypedDict):
    """Servers for an agent to use, by name, and which of their tools; all of them where absent."""

    servers: dict[str, McpServer]
    tools: NotRequired[list[str]]


class AgentDefinition(TypedDict):
    """An agent as a run knew it."""

    name: str
    digest: str
    provider: NotRequired[str]
    version: NotRequired[str]


class GateDefinition(TypedDict):
    """A gate as a run knew it."""

    name: str
    digest: str
    at: list[GateSchedule]
    required: bool
    flaky: FlakyPolicy
    timeout_ms: int
    counts_tests: NotRequired[bool]
    reviews: NotRequired[bool]


class StorySummary(TypedDict):
    """A row of the list of stories."""

    id: str
    title: str
    branch: str
    status: StoryStatus
    created_at: str
    updated_at: str


class Story(TypedDict):
    """A story with everything that became of its tasks."""

    id: str
    title: str
    description: NotRequired[str]
    status: StoryStatus
    branch: str
    worktree: str | None
    base: str
    head: str
    target: str | None
    landed: NotRequired[str]
    created_at: str
    tasks: list[StoryTask]
    waves: list[Wave]
    usage: Usage


class TaskLine(MaybeClass):
    """One task of a `StatusView`."""

    id: str
    title: str
    status: TaskStatus
    wave: int
    attempts: int
    restarts: int
    agent: str
    elapsed_ms: int | None
    duration_ms: int | None
    waiting_for: list[str]
    next_start_at: NotRequired[str]
    error: NotRequired[str]
    question: NotRequired[str]
    commit: NotRequired[str]


class GateLine(TypedDict):
    """One verdict of a `StatusView`."""

    name: str
    at: GatePoint
    wave: NotRequired[int]
    task: NotRequired[str]
    verdict: VerdictWord
    duration_ms: int


class AgentCounts(TypedDict):
    """How many agents work and how many tasks wait for one."""

    running: int
    waiting: int


class ProviderLimit(TypedDict):
    """A provider at a limit."""

    provider: str
    until: NotRequired[str]


class StatusView(TypedDict):
    """A story at one moment."""

    story_id: str
    title: str
    status: StoryStatus
    interrupted: NotRequired[bool]
    reason: NotRequired[str]
    wave: int
    waves: int
    branch: str
    worktree: str | None
    progress: float
    tasks: list[TaskLine]
    gates: list[GateLine]
    agents: AgentCounts
    limits: NotRequired[list[ProviderLimit]]
    usage: Usage


class FailedTask(WithClass):
    """A task that was given up."""

    id: str
    evidence: Evidence


class Salvaged(TypedDict):
    """Uncommitted work of a workspace that was kept."""

    task: str
    repository: str
    ref: str
    commit: str


class CodebaseInfo(TypedDict):
    """What kind of code a repository holds."""

    project_types: list[str]
    test_framework: NotRequired[str]
    layout: list[str]
    existing_patterns: list[str]


class ExcerptLine(TypedDict):
    """A line of a file, counted from 1."""

    line: int
    text: str


class RelatedFile(TypedDict):
    """A file that a story seems to be about; 1000 is the score of the likeliest."""

    path: str
    score: int
    matched: list[str]
    excerpt: NotRequired[list[ExcerptLine]]


class StoryContext(TypedDict):
    """What the repository says about a story."""

    codebase: CodebaseInfo
    related: list[RelatedFile]
    notes: NotRequired[str]


class CompletionCheck(TypedDict):
    """What was looked at before a story was completed."""

    name: str
    state: Literal["passed", "failed", "skipped"]
    detail: NotRequired[str]


class Report(TypedDict):
    """How the last run of a story ended, in numbers that were measured."""

    story_id: str
    outcome: RunOutcome
    reason: NotRequired[str]
    accepted: list[str]
    failed: list[FailedTask]
    blocked: list[str]
    skipped: list[str]
    asked: NotRequired[list[str]]
    unfinished: list[str]
    commit: str
    previous: NotRequired[str]
    starts: int
    retries: int
    restarts: int
    gate_runs: int
    wall_ms: int
    work_ms: int
    speedup: float
    critical_path_ms: int
    overhead_ms: int
    ready_would_save_ms: int
    usage: Usage
    flaky: NotRequired[list[str]]
    warnings: NotRequired[list[str]]
    salvaged: NotRequired[list[Salvaged]]
    checks: NotRequired[list[CompletionCheck]]


class DoctorCheck(TypedDict):
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    warning: NotRequired[str]
    help: NotRequired[str]


class DoctorReport(TypedDict):
    """Everything that was looked at."""

    checks: list[DoctorCheck]


class DetectedGate(TypedDict):
    """A gate that a repository seems to want."""

    name: str
    command: list[str]


class AgentFailure(WithClass):
    """Why an agent did not end well."""

    summary: NotRequired[str]
    until: NotRequired[str | None]


class AgentAnswer(TypedDict, total=False):
    """What an agent may return, besides nothing or its output as a text."""

    output: str
    session: str | None
    usage: Usage
    tool_improvement_proposal: str | None
    failure: AgentFailure | None


class GateAnswer(TypedDict):
    """What a gate may return, besides true and false."""

    verdict: Literal["passed", "failed", "broken", "flaky", "needs_human"]
    findings: NotRequired[list[Finding]]
    why: NotRequired[str]
    runs: NotRequired[int]
    counts: NotRequired[TestCounts | None]
    output: NotRequired[str]
