"""Blocking calls: an event loop for the length of one call, and Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

from aura.errors import Error
from aura.run import Run
from aura.types import Report

_T = TypeVar("_T")

#: How long tasks that are over may take to end, in seconds.
_LINGER = 0.2


def block(name: str, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Runs work in an event loop of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        message = f"`{name}_sync` would block the event loop that runs here; use `await ...{name}(...)`"
        raise RuntimeError(message)
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work())
    finally:
        try:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left, timeout=_LINGER))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()


async def until_done(start: Callable[[], Awaitable[Run]]) -> Report:
    """Waits for a run. The first Ctrl-C cancels it, and the state is kept; a second one waits for nothing."""
    with _interrupts() as interrupted:
        run = await start()
        stop = asyncio.ensure_future(interrupted.wait())
        ended = asyncio.ensure_future(run.wait())
        await asyncio.wait({stop, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not stop.done():
            stop.cancel()
            return await ended
        try:
            await run.cancel()
        except Error:
            # It has ended meanwhile.
            pass
        await asyncio.wait({ended})
        raise KeyboardInterrupt from ended.exception()


@contextmanager
def _interrupts() -> Generator[asyncio.Event, None, None]:
    """An event that the first Ctrl-C sets, where Ctrl-C is ours to handle: in the main thread, unless the program does it."""
    seen, loop = asyncio.Event(), asyncio.get_running_loop()

    def interrupt(number: int, frame: object) -> None:
        if seen.is_set():
            raise KeyboardInterrupt
        seen.set()
        # Wakes the loop, which otherwise sleeps on.
        loop.call_soon_threadsafe(lambda: None)

    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield seen
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
