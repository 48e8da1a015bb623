"""Has the jobs of a host's agents and gates done."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import json
import threading
import traceback
from collections.abc import Callable
from typing import Any

from aura import _aura
from aura._bridge import Reply, ask, checked, text
from aura.errors import Error
from aura.hosts import AgentRequest, GateRequest


class Host:
    """The agents and gates of an orchestrator, and how to stop each job that is under way, in whichever event loop."""

    def __init__(self) -> None:
        self.agents: dict[str, Any] = {}
        self.gates: dict[str, Any] = {}
        self.under_way: dict[str, Callable[[], object]] = {}


class Jobs:
    """Takes the jobs of an engine in one event loop, for as long as that loop or the engine lasts."""

    def __init__(self, engine: _aura.Engine, host: Host, stays: bool) -> None:
        #: Not only for the length of a blocking call.
        self.stays = stays
        self._engine = engine
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._waits: Reply | None = None
        self._detached = False
        self._task = self._loop.create_task(self._take())

    @property
    def lost(self) -> bool:
        """Whether the event loop went away, so that nobody takes jobs."""
        return self._loop.is_closed() or self._task.done()

    @property
    def is_here(self) -> bool:
        """Whether it is in the running event loop."""
        return self._loop is asyncio.get_running_loop()

    async def end(self) -> None:
        """Waits for the end, which comes when the engine is closed. In another loop there is nothing to wait for."""
        if self.is_here:
            await asyncio.wait([self._task])

    async def detach(self) -> None:
        """Takes no more jobs here; others may."""
        self._detached = True
        self._task.cancel()
        await self.end()

    def drop(self) -> None:
        """Ends what a closed loop left waiting."""
        if self._waits is not None:
            self._waits.work.abort()

    async def _take(self) -> None:
        try:
            while True:
                self._waits = ask(self._engine.job_waits)
                if not await self._waits:
                    return
                while (job := self._engine.try_next_job()) is not None:
                    self._start(json.loads(job))
        except asyncio.CancelledError:
            self.drop()
            if not self._detached:
                # The event loop ends: nobody will take or answer jobs any more.
                self._engine.abandon()
            raise

    def _start(self, job: dict[str, Any]) -> None:
        kind, id = job["kind"], job["id"]
        if kind == "cancel":
            stop = self._host.under_way.get(id)
            if stop is not None:
                stop()
            return
        is_agent = kind == "agent"
        request = (AgentRequest if is_agent else GateRequest)(self._engine, job)
        function = (self._host.agents if is_agent else self._host.gates)[job["name"]].run
        if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)
        ):
            self._follow(id, request, lambda: function(request))
            return
        self._host.under_way[id] = request.stop
        context = contextvars.copy_context()
        # A daemon: a function that never returns must not keep the interpreter from ending.
        work = threading.Thread(
            target=context.run,
            args=(self._call, id, request, function),
            name=f"aura-{job['name']}",
            daemon=True,
        )
        work.start()

    def _call(self, id: str, request: Any, function: Callable[[Any], Any]) -> None:
        """In a thread: does a job, and answers it even when the event loop has ended."""
        answer: Any = None
        try:
            answer = function(request)
            if inspect.isawaitable(answer):
                # The rest of it belongs into the loop.
                self._loop.call_soon_threadsafe(self._follow, id, request, lambda: answer)
                return
        except BaseException as error:
            if inspect.iscoroutine(answer):
                answer.close()
            answer = _raised(error)
        self._answer(id, answer)

    def _follow(self, id: str, request: Any, function: Callable[[], Any]) -> None:
        """In the loop: a task of its own, whose end is the answer."""

        async def work() -> object:
            return await function()

        task = self._loop.create_task(work())

        def stop() -> None:
            request.stop()
            try:
                self._loop.call_soon_threadsafe(task.cancel)
            except RuntimeError:
                # The loop has ended, and the task with it.
                pass

        def ended(task: asyncio.Task[object]) -> None:
            try:
                result = task.result()
            except BaseException as error:
                result = _raised(error)
            self._answer(id, result)

        self._host.under_way[id] = stop
        if request.cancelled:
            task.cancel()
        task.add_done_callback(ended)

    def _answer(self, id: str, answer: object) -> None:
        self._host.under_way.pop(id, None)
        try:
            # False when it comes too late, which harms nobody.
            checked(self._engine.finish_job, id, text(json.dumps(answer, ensure_ascii=False)))
        except (TypeError, ValueError, RecursionError, Error) as error:
            # It is no JSON, for Python or for the library.
            checked(self._engine.finish_job, id, text(json.dumps(_raised(error), ensure_ascii=False)))


def _raised(error: BaseException) -> dict[str, str]:
    return {"error": "".join(traceback.format_exception(type(error), error, error.__traceback__))}
