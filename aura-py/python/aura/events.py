"""What happened, as a run tells it and as it is stored.

Events are told apart by `type`: after `if event["type"] == "task.accepted":` a type checker knows that there is a `commit`. A durable
event has a number, `seq`, counted from 1 in each story without gaps; live output has none.
"""

from __future__ import annotations

import sys
from typing import Literal, TypedDict, Union, final

from aura.types import (
    AgentDefinition,
    CompleteOptions,
    CompletionCheck,
    Evidence,
    Finding,
    GateDefinition,
    GatePoint,
    MaybeClass,
    PlanData,
    Policy,
    Problem,
    RunOptions,
    RunOutcome,
    StartKind,
    StoryContext,
    TestCounts,
    Usage,
    VerbWord,
    VerdictWord,
    WithClass,
)

if sys.version_info >= (3, 11):
    from typing import NotRequired
else:
    from typing_extensions import NotRequired


class Batched(TypedDict):
    """A task's place in a candidate."""

    task: str
    commit: str
    tree: str


class LeftOut(TypedDict):
    """A task that did not fit into a candidate."""

    task: str
    paths: list[str]
    with_head: bool


class PreviousAttempt(TypedDict):
    """What the workspace of a retry is made from."""

    base: str
    commit: str


class _Event(TypedDict):
    seq: int
    at: str
    story: str
    run: NotRequired[str]
    task: NotRequired[str]
    attempt: NotRequired[int]


class _TaskEvent(TypedDict):
    seq: int
    at: str
    story: str
    run: NotRequired[str]
    task: str
    attempt: NotRequired[int]


class StoryCreated(_Event):
    type: Literal["story.created"]
    title: str
    description: str
    slug: str
    branch: str
    base: str
    base_tree: str
    target: NotRequired[str]
    worktree: NotRequired[str]
    policy: Policy
    fingerprint: str


class StoryAnalyzed(_Event):
    type: Literal["story.analyzed"]
    context: StoryContext


class DecomposeStarted(_Event):
    type: Literal["decompose.started"]
    agent: str
    round: int
    marker: str


class DecomposeFinished(MaybeClass, _Event):
    type: Literal["decompose.finished"]
    round: int
    problems: NotRequired[list[Problem]]
    why: NotRequired[str]
    usage: Usage
    duration_ms: int
    answer: NotRequired[str]


class PlanAccepted(_Event):
    type: Literal["plan.accepted"]
    plan: PlanData


class RunStarted(_Event):
    type: Literal["run.started"]
    options: RunOptions
    agents: list[AgentDefinition]
    gates: list[GateDefinition]
    fingerprint: str


class RunPaused(_Event):
    type: Literal["run.paused"]
    reason: str


class RunResumed(_Event):
    type: Literal["run.resumed"]


class RunFinished(_Event):
    type: Literal["run.finished"]
    outcome: RunOutcome
    reason: NotRequired[str]


class WaveStarted(_Event):
    type: Literal["wave.started"]
    wave: int
    tasks: list[str]


class WaveFinished(_Event):
    type: Literal["wave.finished"]
    wave: int
    tasks: list[str]


class TaskQueued(_TaskEvent):
    type: Literal["task.queued"]


class TaskStarted(_TaskEvent):
    type: Literal["task.started"]
    agent: str
    start: StartKind


class AttemptFinished(_TaskEvent, MaybeClass):
    type: Literal["attempt.finished"]
    outcome: Literal["succeeded", "failed"]
    until: NotRequired[str]
    evidence: NotRequired[Evidence]
    digest: NotRequired[str]
    usage: Usage
    duration_ms: int


class TaskRetrying(_TaskEvent, WithClass):
    type: Literal["task.retrying"]
    spends: Literal["retry", "restart", "nothing"]
    start: StartKind
    after: str


class TaskSealed(_TaskEvent):
    type: Literal["task.sealed"]
    seal: Literal["sealed", "no_change"]
    commit: NotRequired[str]
    tree: NotRequired[str]
    paths: NotRequired[list[str]]
    ignored: NotRequired[list[str]]


class TaskInReview(_TaskEvent):
    type: Literal["task.in_review"]


class TaskEjected(_TaskEvent, WithClass):
    type: Literal["task.ejected"]
    evidence: Evidence
    digest: NotRequired[str]


class TaskAccepted(_TaskEvent):
    type: Literal["task.accepted"]
    commit: str


class TaskFailed(_TaskEvent, WithClass):
    type: Literal["task.failed"]
    why: str


class TaskBlocked(_TaskEvent):
    type: Literal["task.blocked"]
    by: str


class TaskSkipped(_TaskEvent):
    type: Literal["task.skipped"]


class TaskCancelled(_TaskEvent):
    type: Literal["task.cancelled"]


class CandidateBuilt(_Event):
    type: Literal["candidate.built"]
    candidate: int
    base: str
    tasks: list[Batched]
    left_out: list[LeftOut]


class GateStarted(_Event):
    type: Literal["gate.started"]
    gate: str
    point: GatePoint
    commit: str


class GateFinished(_Event):
    type: Literal["gate.finished"]
    gate: str
    point: GatePoint
    commit: str
    on_base: NotRequired[bool]
    verdict: VerdictWord
    findings: NotRequired[list[Finding]]
    why: NotRequired[str]
    runs: NotRequired[int]
    counts: NotRequired[TestCounts]
    output_tail: NotRequired[str]
    usage: NotRequired[Usage]
    log: NotRequired[str]
    duration_ms: int


class BreakerOpened(_Event):
    type: Literal["breaker.opened"]
    agent: str
    provider: str
    until: NotRequired[str]


class BreakerClosed(_Event):
    type: Literal["breaker.closed"]
    provider: str


class ParallelismChanged(_Event):
    type: Literal["parallelism.changed"]
    agent: str
    limit: int
    why: str


class BudgetExceeded(_Event):
    type: Literal["budget.exceeded"]
    which: Literal["attempts", "tokens", "cost"]


class CommandAccepted(_Event):
    type: Literal["command.accepted"]
    verb: VerbWord
    id: NotRequired[str]
    note: NotRequired[str]
    actor: str


class CommandRefused(_Event):
    type: Literal["command.refused"]
    verb: VerbWord
    id: NotRequired[str]
    note: NotRequired[str]
    actor: str
    why: str


class LandStarted(_Event):
    type: Literal["land.started"]
    old: str
    new: str
    strategy: Literal["rebase_fast_forward", "merge_commit"]


class Landed(_Event):
    type: Literal["landed"]
    commit: str
    previous: str


class Parked(_Event):
    type: Literal["parked"]
    reason: Literal["conflict", "dirty", "target_moves", "partial", "no_target"]
    why: str
    paths: list[str]


class WorkspaceSalvaged(_Event):
    type: Literal["workspace.salvaged"]
    ref: str
    commit: str


class WarningEvent(_Event):
    type: Literal["warning"]
    message: str


class IntentWorkspace(_Event):
    type: Literal["intent.workspace"]
    path: str
    base: str
    start: StartKind
    agent: NotRequired[str]
    previous: NotRequired[PreviousAttempt]


class WorkspaceReady(_Event):
    type: Literal["workspace.ready"]
    start: StartKind
    conflicts: list[str]


class IntentStart(_Event):
    type: Literal["intent.start"]
    marker: str
    agent: str


class ProcessRegistered(_Event):
    type: Literal["process.registered"]
    pid: int
    start_time: int
    boot_id: str
    marker: str


class AgentExited(_Event):
    type: Literal["agent.exited"]
    session: NotRequired[str]
    output: str
    tool_improvement_proposal: NotRequired[str]
    usage: Usage
    duration_ms: int
    log: NotRequired[str]


class IntentSeal(_Event):
    type: Literal["intent.seal"]
    ref: str
    time: str


class IntentCandidate(_Event):
    type: Literal["intent.candidate"]
    candidate: int
    base: str
    tasks: list[str]
    time: str


class IntentGate(_Event):
    type: Literal["intent.gate"]
    gate: str
    point: GatePoint
    commit: str
    tree: str


class IntentMoveRef(_Event):
    type: Literal["intent.move_ref"]
    ref: str
    old: str
    new: str
    tree: str
    tasks: list[Batched]


class RefMoved(_Event):
    type: Literal["ref.moved"]
    ref: str
    new: str
    tree: str


class RefForeign(_Event):
    type: Literal["ref.foreign"]
    ref: str
    expected: str
    found: NotRequired[str]
    why: str


class LandingRequested(_Event):
    type: Literal["landing.requested"]
    options: CompleteOptions
    gates: list[GateDefinition]
    checks: NotRequired[list[CompletionCheck]]


class IntentLanding(_Event):
    type: Literal["intent.landing"]
    round: int
    time: str


class LandingBuilt(_Event):
    type: Literal["landing.built"]
    ref: str
    worktree: NotRequired[str]
    old: str
    new: str
    tree: str


class IntentLand(_Event):
    type: Literal["intent.land"]
    ref: str
    old: str
    new: str
    worktree: NotRequired[str]
    time: str


class LandTargetMoved(_Event):
    type: Literal["land.target_moved"]
    found: str


@final
class AgentOutput(TypedDict):
    """A line of an agent's output."""

    type: Literal["agent.output"]
    task: str
    line: str


@final
class AgentText(TypedDict):
    """Something the model wrote."""

    type: Literal["agent.text"]
    task: str
    text: str


@final
class AgentTool(TypedDict):
    """A tool began or ended; `detail` is what it is about."""

    type: Literal["agent.tool"]
    task: str
    name: str
    detail: str
    state: Literal["started", "ended", "failed"]


@final
class AgentFile(TypedDict):
    """A file that the agent says it changed."""

    type: Literal["agent.file"]
    task: str
    path: str


@final
class AgentRetry(TypedDict):
    """The agent asks its provider again."""

    type: Literal["agent.retry"]
    task: str
    attempt: NotRequired[int]
    why: str


@final
class AgentUsage(TypedDict):
    """What the start has used so far."""

    type: Literal["agent.usage"]
    task: str
    usage: Usage


@final
class AgentWarning(TypedDict):
    """Something a person should know."""

    type: Literal["agent.warning"]
    task: str
    text: str


@final
class GateOutput(TypedDict):
    """A line of a gate's output."""

    type: Literal["gate.output"]
    gate: str
    point: GatePoint
    line: str


#: A durable event that a run tells. None is lost and none comes twice.
PublicEvent = Union[
    StoryCreated,
    StoryAnalyzed,
    DecomposeStarted,
    DecomposeFinished,
    PlanAccepted,
    RunStarted,
    RunPaused,
    RunResumed,
    RunFinished,
    WaveStarted,
    WaveFinished,
    TaskQueued,
    TaskStarted,
    AttemptFinished,
    TaskRetrying,
    TaskSealed,
    TaskInReview,
    TaskEjected,
    TaskAccepted,
    TaskFailed,
    TaskBlocked,
    TaskSkipped,
    TaskCancelled,
    CandidateBuilt,
    GateStarted,
    GateFinished,
    BreakerOpened,
    BreakerClosed,
    ParallelismChanged,
    BudgetExceeded,
    CommandAccepted,
    CommandRefused,
    LandStarted,
    Landed,
    Parked,
    WorkspaceSalvaged,
    WarningEvent,
]

#: A durable event that is kept for recovery; only `Orchestrator.events` has them.
InternalEvent = Union[
    IntentWorkspace,
    WorkspaceReady,
    IntentStart,
    ProcessRegistered,
    AgentExited,
    IntentSeal,
    IntentCandidate,
    IntentGate,
    IntentMoveRef,
    RefMoved,
    RefForeign,
    LandingRequested,
    IntentLanding,
    LandingBuilt,
    IntentLand,
    LandTargetMoved,
]

#: A durable event.
Event = Union[PublicEvent, InternalEvent]
#: Live output, dropped for slow readers.
Progress = Union[
    AgentOutput, AgentText, AgentTool, AgentFile, AgentRetry, AgentUsage, AgentWarning, GateOutput
]
#: What a run tells while it goes on.
RunEvent = Union[PublicEvent, Progress]
