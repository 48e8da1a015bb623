"""Handles: a run under way, and a story."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, cast

from aura import _aura
from aura._bridge import Reply, ask, checked, given
from aura.errors import Error
from aura.events import RunEvent
from aura.types import Report

if TYPE_CHECKING:
    from aura.orchestrator import Orchestrator

#: Events that are fetched at once.
BATCH = 256


class Run:
    """A run under way. `async for` tells its events, `await run.wait()` its report. Dropping it does not end the run."""

    def __init__(self, orchestrator: Orchestrator, handle: _aura.RunHandle) -> None:
        # Somebody has to take the jobs of the run.
        self._orchestrator = orchestrator
        self._handle = handle
        self._events: deque[RunEvent] = deque()
        self._fetch: Reply | None = None

    @property
    def id(self) -> str:
        """The id of the run."""
        return self._handle.id

    @property
    def story(self) -> str:
        """The id of the story."""
        return self._handle.story

    def __aiter__(self) -> Run:
        return self

    async def __anext__(self) -> RunEvent:
        """The next event. Cancel safe: it is told by the next call."""
        while not self._events:
            if self._fetch is None:
                self._fetch = ask(lambda port, ticket: self._handle.next_events(port, ticket, BATCH))
            fetch = self._fetch
            text = await asyncio.shield(fetch)
            if text is None:
                raise StopAsyncIteration
            if fetch is self._fetch:
                self._fetch = None
                self._events.extend(json.loads(text))
        return self._events.popleft()

    async def wait(self) -> Report:
        """Waits until the run has ended and returns its report. Cancel safe, and any number of tasks may wait."""
        return cast(Report, json.loads(await ask(self._handle.wait)))

    async def pause(self) -> None:
        """Starts nothing new; the run ends when what runs is finished and integrated."""
        await self._call("pause")

    async def resume(self) -> None:
        """Takes back a pause that has not come into force."""
        await self._call("resume")

    async def cancel(self) -> None:
        """Stops everything. What was accepted stays accepted; edits under way are kept."""
        await self._call("cancel")

    async def retry(self, task: str, note: str | None = None) -> None:
        """Gives a failed task a fresh budget, with a note to the agent."""
        await self._call("retry", task=task, note=note)

    async def approve(self, task: str) -> None:
        """Answers a gate that asks for a person about a task's work: it counts as green on exactly that work."""
        await self._call("approve", task=task)

    async def skip(self, task: str) -> None:
        """Goes on without a task."""
        await self._call("skip", task=task)

    async def _call(self, method: str, **arguments: object) -> None:
        text = json.dumps(given(**arguments))
        await ask(lambda port, ticket: self._handle.call(port, ticket, method, text))

    def __repr__(self) -> str:
        return f"<Run {self.id} of story {self.story}>"


class StoryHandle:
    """A story that was created. A notebook shows its waves, coloured by the status of the tasks."""

    def __init__(self, engine: _aura.Engine, id: str) -> None:
        self._engine = engine
        #: Names it for good.
        self.id = id

    def __str__(self) -> str:
        return self.id

    def __repr__(self) -> str:
        return f"<Story {self.id}>"

    def _repr_svg_(self) -> str | None:
        """Drawn at once, which works in a running event loop, too: the work is done by other threads."""
        try:
            text = checked(self._engine.call_now, "graph", json.dumps({"story": self.id, "format": "svg"}))
        except Error:
            return None
        return cast(str, json.loads(text))
