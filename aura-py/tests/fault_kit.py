"""What faults share: their register, and how they tell the test what happened."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from support import QUICK, beside, opened

import aura
from aura.types import PolicyOptions

FAULTS: dict[str, Callable[[Path], object]] = {}
#: A deadline that passes at once, and no second try.
SHORT: PolicyOptions = {**QUICK, "deadline_ms": 150, "grace_ms": 100, "retry_max": 0, "restart_max": 0}
ONCE: PolicyOptions = {**QUICK, "retry_max": 0, "restart_max": 0}


def fault(function: Callable[[Path], object]) -> Callable[[Path], object]:
    """Registers a fault under its name."""
    FAULTS[function.__name__] = function
    return function


def say(**facts: object) -> None:
    """For the test, at once."""
    print(json.dumps(facts), flush=True)


def play(
    repository: Path, agent: Any, *gates: Any, policy: PolicyOptions = ONCE, plan: aura.Plan | None = None
) -> None:
    """Runs a story to its end and says what became of it."""

    async def main() -> None:
        async with opened(repository, agent, *gates) as orchestrator:
            story = await orchestrator.create_story(plan=plan or beside("a"), policy=policy)
            report = await (await orchestrator.run(story)).wait()
            view = await orchestrator.status(story)
            line = view["tasks"][0]
            say(
                outcome=report["outcome"],
                reason=report.get("reason"),
                status=line["status"],
                failed=line.get("class"),
                error=line.get("error"),
            )

    asyncio.run(main())


def returning(answer: object) -> Callable[[object], Any]:
    """Does nothing and answers that."""
    return lambda _: answer


def forever(*_: object) -> NoReturn:
    """Never returns, and not even a signal helps."""
    while True:
        threading.Event().wait()
