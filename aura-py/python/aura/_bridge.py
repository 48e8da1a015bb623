"""The way into the native module and back: awaitable answers for whichever event loop asks."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from aura import _aura
from aura.errors import from_json

_T = TypeVar("_T")


def call(function: str, **arguments: object) -> Any:
    """Calls a function of the library that needs no orchestrator."""
    return json.loads(checked(_aura.call, function, json.dumps(arguments)))


def given(**arguments: object) -> dict[str, object]:
    """What the caller said; the library has the defaults."""
    return {name: value for name, value in arguments.items() if value is not None}


def checked(native: Callable[..., _T], *arguments: Any) -> _T:
    """Calls something native that answers at once, or raises the exception of its kind."""
    try:
        return native(*arguments)
    except _aura.Failure as failure:
        raise from_json(str(failure)) from None


def text(said: str) -> str:
    """Said in Unicode that others can read: Python's texts may hold halves of characters."""
    return said.encode("utf-8", "replace").decode()


class Reply(asyncio.Future[Any]):
    """An answer that is on its way. Cancelling it leaves the work alone."""

    work: _aura.Work


def ask(start: Callable[[_aura.Port, int], _aura.Work]) -> Reply:
    """Starts native work whose answer comes to the running loop."""
    loop = asyncio.get_running_loop()
    return _port(loop).ask(start)


_ports: dict[asyncio.AbstractEventLoop, _LoopPort] = {}
_lock = threading.Lock()


def _port(loop: asyncio.AbstractEventLoop) -> _LoopPort:
    with _lock:
        port = _ports.get(loop)
        if port is None:
            for ended in [other for other in _ports if other.is_closed()]:
                del _ports[ended]
            port = _ports[loop] = _LoopPort(loop)
        return port


class _LoopPort:
    """Where the answers for one event loop arrive."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[int, Reply] = {}
        self._last = 0
        self._native = _aura.Port()
        loop.add_reader(self._native.fileno(), self._deliver)

    def ask(self, start: Callable[[_aura.Port, int], _aura.Work]) -> Reply:
        reply = Reply(loop=self._loop)
        self._last += 1
        reply.work = checked(start, self._native, self._last)
        self._waiting[self._last] = reply
        return reply

    def _deliver(self) -> None:
        for ticket, value, error in self._native.take():
            reply = self._waiting.pop(ticket)
            if reply.done():
                continue
            if error is None:
                reply.set_result(value)
            else:
                reply.set_exception(from_json(error))
