"""Agents and gates of one's own: a function, or an object with one method `run`.

An `async def` runs in the event loop and is cancelled with `CancelledError`; a plain `def` runs in a thread of its own, where
`request.cancelled` tells that it should stop. Raising fails the attempt, with the traceback as evidence for the next one.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, Union, overload

from aura import _aura
from aura._bridge import checked, text
from aura.types import AgentAnswer, FlakyPolicy, GateAnswer, GatePoint, GateSchedule, StoryTask


class _Request:
    def __init__(self, engine: _aura.Engine, job: dict[str, Any]) -> None:
        request = job["request"]
        self._engine = engine
        self._job: str = job["id"]
        self._stop = threading.Event()
        #: The id of the story.
        self.story: str = request["story"]
        #: Directory to work in.
        self.workspace = Path(request["workspace"])
        #: Variables to add to the environment of programs.
        self.environment: dict[str, str] = dict(request["environment"])
        #: Longest time for this job, in milliseconds.
        self.deadline_ms: int = job["deadline_ms"]

    @property
    def cancelled(self) -> bool:
        """Whether the job has to stop."""
        return self._stop.is_set()

    def stop(self) -> None:
        """For the library: the job has to stop."""
        self._stop.set()

    def wait_cancelled(self, timeout: float | None = None) -> bool:
        """Blocks until the job has to stop, `timeout` seconds at the most, and says whether it has to. For plain functions."""
        return self._stop.wait(timeout)

    def output(self, line: str) -> bool:
        """Tells whoever watches. False: the job is not wanted any more."""
        return checked(self._engine.job_event, self._job, text(line))


class AgentRequest(_Request):
    """Everything an agent is given for one attempt."""

    def __init__(self, engine: _aura.Engine, job: dict[str, Any]) -> None:
        super().__init__(engine, job)
        request = job["request"]
        #: The task as the plan has it.
        self.task: StoryTask = request["task"]
        #: The try, counted from 1.
        self.attempt: int = request["attempt"]
        #: The rendered prompt, evidence of the previous try included.
        self.prompt: str = request["prompt"]
        #: It is asked, not set to work: the answer is what counts, and what it changes is thrown away.
        self.read_only: bool = request["read_only"]
        #: Session to resume, where an earlier start of this try named one.
        self.session: str | None = request["session"]


class GateRequest(_Request):
    """The tree that a gate judges."""

    def __init__(self, engine: _aura.Engine, job: dict[str, Any]) -> None:
        super().__init__(engine, job)
        request = job["request"]
        #: The task, when one task's work is judged.
        self.task: str | None = request["task"]
        #: That task as the plan has it, with what it declares.
        self.subject: StoryTask | None = request["subject"]
        #: What is judged.
        self.at: GatePoint = request["at"]
        #: The commit that is checked out in `workspace`.
        self.commit: str = request["commit"]
        #: The commit to compare with.
        self.base: str = request["base"]


AgentResult = Union[None, str, AgentAnswer]
GateResult = Union[bool, GateAnswer]
AgentFunction = Callable[[AgentRequest], Union[AgentResult, Awaitable[AgentResult]]]
GateFunction = Callable[[GateRequest], Union[GateResult, Awaitable[GateResult]]]


class Agent(Protocol):
    """An agent of one's own. An attribute `version` should change when what it does changes."""

    def run(self, request: AgentRequest, /) -> AgentResult | Awaitable[AgentResult]:
        """Does the work of one task in `request.workspace`."""
        ...


class Gate(Protocol):
    """A gate of one's own, with any of the attributes `version`, `at`, `required`, `flaky`, `timeout` (in seconds), `counts_tests`,
    `reviews`.
    """

    @property
    def name(self) -> str:
        """Unique among the gates."""
        ...

    def run(self, request: GateRequest, /) -> GateResult | Awaitable[GateResult]:
        """Judges the tree in `request.workspace`."""
        ...


class FunctionAgent:
    """What `@aura.agent` makes of a function."""

    def __init__(self, function: AgentFunction, version: str | None) -> None:
        self.run = function
        self.version = version


class FunctionGate:
    """What `@aura.gate` makes of a function."""

    def __init__(self, function: GateFunction, name: str, **options: Any) -> None:
        self.run = function
        self.name = name
        self.version: str | None = options["version"]
        self.at: Sequence[GateSchedule] | None = options["at"]
        self.required: bool | None = options["required"]
        self.flaky: FlakyPolicy | None = options["flaky"]
        self.timeout: float | None = options["timeout"]
        self.counts_tests: bool | None = options["counts_tests"]
        self.reviews: bool | None = options["reviews"]


@overload
def agent(function: AgentFunction, /) -> FunctionAgent: ...
@overload
def agent(function: None = None, /, *, version: str | None = None) -> Callable[[AgentFunction], FunctionAgent]: ...
def agent(
    function: AgentFunction | None = None, /, *, version: str | None = None
) -> FunctionAgent | Callable[[AgentFunction], FunctionAgent]:
    """Makes an agent of a function: `@aura.agent` or `@aura.agent(version="2")`."""
    if function is not None:
        return FunctionAgent(function, version)
    return lambda function: FunctionAgent(function, version)


@overload
def gate(function: GateFunction, /) -> FunctionGate: ...
@overload
def gate(
    function: None = None,
    /,
    *,
    name: str | None = None,
    version: str | None = None,
    at: Sequence[GateSchedule] | None = None,
    required: bool | None = None,
    flaky: FlakyPolicy | None = None,
    timeout: float | None = None,
    counts_tests: bool | None = None,
    reviews: bool | None = None,
) -> Callable[[GateFunction], FunctionGate]: ...
def gate(
    function: GateFunction | None = None,
    /,
    *,
    name: str | None = None,
    version: str | None = None,
    at: Sequence[GateSchedule] | None = None,
    required: bool | None = None,
    flaky: FlakyPolicy | None = None,
    timeout: float | None = None,
    counts_tests: bool | None = None,
    reviews: bool | None = None,
) -> FunctionGate | Callable[[GateFunction], FunctionGate]:
    """Makes a gate of a function, called like it unless a name is given; `timeout` is in seconds."""

    def make(function: GateFunction) -> FunctionGate:
        called = name or str(getattr(function, "__name__", type(function).__name__))
        return FunctionGate(
            function, called, version=version, at=at, required=required, flaky=flaky, timeout=timeout,
            counts_tests=counts_tests, reviews=reviews,
        )

    return make if function is None else make(function)
