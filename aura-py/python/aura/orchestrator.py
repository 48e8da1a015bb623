"""Opens a repository, creates stories, runs and completes them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import os
import threading
import weakref
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, TypeVar, Union, cast

from aura import _aura
from aura._bridge import Reply, ask, given
from aura._jobs import Host, Jobs
from aura._sync import block, until_done
from aura.agents import CommandAgent
from aura.errors import Refused
from aura.events import Event
from aura.gates import CommandGate, rules
from aura.hosts import Agent, Gate
from aura.plan import Plan
from aura.run import Run, StoryHandle
from aura.types import (
    DoctorReport,
    GraphFormat,
    Limits,
    PlanData,
    PolicyOptions,
    Report,
    StatusView,
    StoreKind,
    Story,
    StoryContext,
    StorySummary,
    VerbWord,
)

#: A story is named by its handle, its id, its short id or its branch.
StoryName = Union[str, StoryHandle]
_T = TypeVar("_T")


class Orchestrator:
    """Runs stories on the repository that `path` lies in.

    `async with` opens it, and closes it at the end: runs that it started are cancelled, and their state is kept. Where that does
    not fit, such as in a notebook, `await orchestrator.open()` and `await orchestrator.close()` do the same. Every awaitable
    method may be called from any event loop; agents and gates written in Python run in the loop that opened the orchestrator.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        agents: Mapping[str, CommandAgent | Agent] | None = None,
        gates: Sequence[CommandGate | Gate] | None = None,
        detect_gates: bool | None = None,
        store: StoreKind | None = None,
        prompt_template: str | None = None,
        patterns: str | os.PathLike[str] | Mapping[str, str] | None = None,
        workspace_root: str | os.PathLike[str] | None = None,
    ) -> None:
        self._host = Host()
        root = None if workspace_root is None else os.fsdecode(workspace_root)
        options = given(
            path=os.fsdecode(path),
            agents=None if agents is None else {name: self._agent(name, agent) for name, agent in agents.items()},
            gates=None if gates is None else [self._gate(gate) for gate in gates],
            detect_gates=detect_gates,
            store=store,
            prompt_template=prompt_template,
            patterns=_patterns(patterns),
            workspace_root=root,
        )
        self._options = json.dumps(options)
        self._engine: _aura.Engine | None = None
        self._opening: concurrent.futures.Future[None] | None = None
        self._was_open = False
        self._lock = threading.Lock()
        self._jobs: list[Jobs] = []
        self._closed = "the orchestrator is not open"

    def _agent(self, name: str, agent: Any) -> dict[str, object]:
        if isinstance(agent, CommandAgent):
            return agent.options
        _check(f"the agent `{name}`", agent)
        self._host.agents[name] = agent
        return {"host": given(version=getattr(agent, "version", None))}

    def _gate(self, gate: Any) -> dict[str, object]:
        if isinstance(gate, CommandGate):
            return gate.options
        _check("a gate", gate)
        self._host.gates[gate.name] = gate
        names = ("at", "required", "flaky", "timeout", "counts_tests", "reviews")
        said = [getattr(gate, name, None) for name in names]
        host = given(version=getattr(gate, "version", None))
        return {"name": gate.name, "host": host, **rules(*said)}

    async def __aenter__(self) -> Orchestrator:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> Orchestrator:
        """Opens the repository, unless it is open. Raises `NotFound`, `UnsupportedRepository`, `InvalidInput`, `Store`."""
        await self._open()
        self._stay()
        return self

    async def close(self) -> None:
        """Cancels the runs that were started here and waits until they have ended; what was accepted stays. Twice is once."""
        engine, self._engine = self._engine, None
        self._closed = "the orchestrator is closed"
        if engine is None:
            return
        try:
            # Until then the jobs that have to stop are told so.
            await asyncio.shield(ask(engine.close))
        finally:
            self._abandon()
        jobs, self._jobs = self._jobs, []
        for each in jobs:
            await each.end()

    async def create_story(
        self,
        title: str | None = None,
        *,
        description: str | None = None,
        plan: Plan | PlanData | None = None,
        target: str | None = None,
        policy: PolicyOptions | None = None,
    ) -> StoryHandle:
        """Creates a story on the commit that HEAD names, with its branch and a worktree to look at. Nothing runs yet.

        `target` is the branch that a landing moves, by default the one that HEAD names.
        """
        engine, data = self._native(), plan.to_dict() if isinstance(plan, Plan) else plan
        id = await self._call(
            "create_story", title=title, description=description, plan=data, target=target, policy=policy
        )
        return StoryHandle(engine, id)

    async def analyze(self, story: StoryName) -> StoryContext:
        """Looks for what the repository says about a story, and keeps it with the story for plans and prompts.

        Raises `StoryBusy` when somebody runs it. Closing the orchestrator ends it.
        """
        self._native()
        self._stay()
        return cast("StoryContext", await self._call("analyze", story=str(story)))

    async def decompose(
        self,
        story: StoryName,
        *,
        agent: str | None = None,
        include_tests: bool | None = None,
        max_parallelism: int | None = None,
        max_tasks: int | None = None,
        limits: Limits | None = None,
    ) -> Plan:
        """Lets an agent cut a story into tasks, and gives the story the plan.

        The agent is asked, not set to work: what it changes has no effect. Where its plan is not sound it is asked again with what is
        wrong, three times at the most, and only while the story has used less than `limits` say; their `attempts` are questions of
        this call. Raises `InvalidPlan` with all problems of the last answer; `Process` when the agent fails;
        `Refused` when the story was run already; `StoryBusy` when somebody runs or decomposes it. Closing the orchestrator ends it.
        """
        options = given(
            agent=agent,
            include_tests=include_tests,
            max_parallelism=max_parallelism,
            max_tasks=max_tasks,
            limits=limits,
        )
        self._native()
        self._stay()
        return Plan(await self._call("decompose", story=str(story), options=options))

    async def stories(self) -> list[StorySummary]:
        """All stories, newest first."""
        return cast("list[StorySummary]", await self._call("stories"))

    async def find_story(self, name: str | None = None) -> StoryHandle:
        """The story of that id, short id or branch; without a name the one that there is."""
        engine = self._native()
        return StoryHandle(engine, await self._call("find_story", name=name))

    async def story(self, story: StoryName) -> Story:
        """A story as it is now, its tasks with what became of them."""
        return cast(Story, await self._call("story", story=str(story)))

    async def plan(self, story: StoryName) -> Plan:
        """The plan of a story."""
        return Plan(await self._call("plan", story=str(story)))

    async def status(self, story: StoryName) -> StatusView:
        """Where a story is, for people and programs that look often."""
        return cast(StatusView, await self._call("status", story=str(story)))

    async def report(self, story: StoryName) -> Report:
        """What became of a story so far, by its last run. Raises `Refused` when it was never run."""
        return cast(Report, await self._call("report", story=str(story)))

    async def events(self, story: StoryName, after: int | None = None) -> list[Event]:
        """All events of a story with a number greater than `after`."""
        return cast("list[Event]", await self._call("events", story=str(story), after=after))

    async def graph(self, story: StoryName, format: GraphFormat) -> str:
        """A picture of the waves, coloured by the status of the tasks."""
        return cast(str, await self._call("graph", story=str(story), format=format))

    async def command(
        self,
        story: StoryName,
        verb: VerbWord,
        *,
        task: str | None = None,
        note: str | None = None,
        actor: str | None = None,
    ) -> None:
        """Asks whoever runs the story, which may be another process, to pause, resume, cancel, retry or skip."""
        await self._call("command", story=str(story), verb=verb, task=task, note=note, actor=actor)

    async def wait_until_idle(self, story: StoryName, timeout: float | None = None) -> bool:
        """Waits until nobody runs the story; false when that takes longer than `timeout` seconds."""
        timeout_ms = None if timeout is None else round(timeout * 1000)
        return cast(bool, await self._call("wait_until_idle", story=str(story), timeout_ms=timeout_ms))

    async def doctor(self) -> DoctorReport:
        """Looks at everything that a run needs and changes nothing."""
        return cast(DoctorReport, await self._call("doctor"))

    async def run(
        self,
        story: StoryName,
        *,
        max_parallel: int | None = None,
        tasks: Sequence[str] | None = None,
        with_dependencies: bool | None = None,
        one_wave: bool | None = None,
        accept_config: bool | None = None,
        accept_repo_changes: bool | None = None,
        restore_branch: bool | None = None,
        limits: Limits | None = None,
        fallback: Mapping[str, str] | None = None,
    ) -> Run:
        """Runs a story, or takes up a run that was interrupted. It goes on in the background.

        Raises `StoryBusy` when somebody else runs it; `Refused` when there is nothing to run; `BackendMissing`, `GateMissing` and
        `GateChanged` when agents and gates are not those of the earlier runs; `ForeignChange` and `ForeignMove` when git is not as
        it was left.
        """
        options = given(
            max_parallel=max_parallel,
            tasks=tasks,
            with_dependencies=with_dependencies,
            one_wave=one_wave,
            accept_config=accept_config,
            accept_repo_changes=accept_repo_changes,
            restore_branch=restore_branch,
            limits=limits,
            fallback=None if fallback is None else dict(fallback),
        )
        return await self._start("run", story, options)

    async def complete(
        self,
        story: StoryName,
        *,
        merge: bool | None = None,
        partial: bool | None = None,
        no_gates: bool | None = None,
        cleanup: bool | None = None,
    ) -> Run:
        """Judges the result with the final gates and, with `merge`, moves the target branch to exactly that result."""
        options = given(merge=merge, partial=partial, no_gates=no_gates, cleanup=cleanup)
        return await self._start("complete", story, options)

    def create_story_sync(
        self,
        title: str | None = None,
        *,
        description: str | None = None,
        plan: Plan | PlanData | None = None,
        target: str | None = None,
        policy: PolicyOptions | None = None,
    ) -> StoryHandle:
        """`create_story` for programs without an event loop; opens the orchestrator when need be."""

        async def work() -> StoryHandle:
            return await self.create_story(
                title, description=description, plan=plan, target=target, policy=policy
            )

        return self._block("create_story", work)

    def run_sync(
        self,
        story: StoryName,
        *,
        max_parallel: int | None = None,
        tasks: Sequence[str] | None = None,
        with_dependencies: bool | None = None,
        one_wave: bool | None = None,
        accept_config: bool | None = None,
        accept_repo_changes: bool | None = None,
        restore_branch: bool | None = None,
        limits: Limits | None = None,
        fallback: Mapping[str, str] | None = None,
    ) -> Report:
        """`run` and `wait` for programs without an event loop.

        The first Ctrl-C cancels the run, waits until it has ended, and raises `KeyboardInterrupt`; a later run goes on from
        there. A second one waits for nothing.
        """

        async def start() -> Run:
            return await self.run(
                story,
                max_parallel=max_parallel,
                tasks=tasks,
                with_dependencies=with_dependencies,
                one_wave=one_wave,
                accept_config=accept_config,
                accept_repo_changes=accept_repo_changes,
                restore_branch=restore_branch,
                limits=limits,
                fallback=fallback,
            )

        return self._block("run", lambda: until_done(start))

    def complete_sync(
        self,
        story: StoryName,
        *,
        merge: bool | None = None,
        partial: bool | None = None,
        no_gates: bool | None = None,
        cleanup: bool | None = None,
    ) -> Report:
        """`complete` and `wait` for programs without an event loop. Ctrl-C as for `run_sync`."""

        async def start() -> Run:
            return await self.complete(
                story, merge=merge, partial=partial, no_gates=no_gates, cleanup=cleanup
            )

        return self._block("complete", lambda: until_done(start))

    async def _open(self) -> None:
        while self._engine is None:
            with self._lock:
                opening, ours = self._opening, self._opening is None
                if opening is None:
                    opening = self._opening = concurrent.futures.Future()
            if not ours:
                # Somebody else, perhaps in another loop, is at it.
                await asyncio.shield(asyncio.wrap_future(opening))
                continue
            try:
                engine = await ask(lambda port, ticket: _aura.open(port, ticket, self._options))
                # Collected, or at the end of the interpreter: nobody will do jobs any more.
                self._abandon = weakref.finalize(self, engine.abandon)
                self._engine, self._was_open = engine, True
            finally:
                self._opening = None
                opening.set_result(None)

    def _native(self) -> _aura.Engine:
        """The open engine."""
        if self._engine is None:
            raise Refused(self._closed, help="open it with `async with` or `await orchestrator.open()`")
        if any(jobs.lost for jobs in self._jobs):
            message = "the event loop that did the work of this orchestrator has ended"
            raise Refused(message, help="make a new orchestrator, and close it before its event loop ends")
        return self._engine

    def _take_jobs(self, stays: bool) -> Jobs:
        """Has jobs done in the running event loop, too."""
        jobs = Jobs(self._native(), self._host, stays)
        self._jobs.append(jobs)
        return jobs

    def _stay(self) -> None:
        """Sees to it that jobs are done for as long as a run that is started here may need it."""
        if not any(jobs.stays or jobs.is_here for jobs in self._jobs):
            self._take_jobs(stays=True)

    async def _call(self, method: str, **arguments: object) -> Any:
        engine, text = self._native(), json.dumps(given(**arguments))
        return json.loads(await ask(lambda port, ticket: engine.call(port, ticket, method, text)))

    async def _start(
        self,
        method: Literal["run", "complete"],
        story: StoryName,
        options: dict[str, object],
    ) -> Run:
        engine = self._native()
        self._stay()
        start = engine.run if method == "run" else engine.complete
        text = json.dumps({"story": str(story), "options": options})
        reply = ask(lambda port, ticket: start(port, ticket, text))
        try:
            return Run(self, await asyncio.shield(reply))
        except asyncio.CancelledError:
            reply.add_done_callback(_forsake)
            raise

    def _block(self, name: str, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        async def whole() -> _T:
            if not self._was_open:
                await self._open()
            jobs = self._take_jobs(stays=False)
            try:
                return await work()
            finally:
                self._jobs.remove(jobs)
                await jobs.detach()

        return block(name, whole)


def _check(what: str, host: Any) -> None:
    if not callable(getattr(host, "run", None)):
        raise TypeError(f"{what} has to be a command or an object with a method `run`, not {host!r}")


def _patterns(given: str | os.PathLike[str] | Mapping[str, str] | None) -> str | dict[str, str] | None:
    """A directory, or texts by name."""
    return dict(given) if isinstance(given, Mapping) else None if given is None else os.fsdecode(given)


def _forsake(reply: Reply) -> None:
    """Cancels a run whose starter was cancelled meanwhile, so that nobody has its handle."""
    if reply.cancelled() or reply.exception() is not None:
        return
    handle: _aura.RunHandle = reply.result()
    cancel = ask(lambda port, ticket: handle.call(port, ticket, "cancel", "{}"))
    # It may have ended by itself.
    cancel.add_done_callback(lambda done: done.cancelled() or done.exception())
