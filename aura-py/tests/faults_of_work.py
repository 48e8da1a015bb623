"""What agents and gates do that they should not."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any, cast

from fault_kit import ONCE, SHORT, fault, forever, play, returning, say
from support import beside, opened, write

import aura

@fault
def raises_synchronously(repository: Path) -> None:
    def agent(request: aura.AgentRequest) -> None:
        raise ValueError("before anything")

    play(repository, agent)


@fault
def raises_asynchronously(repository: Path) -> None:
    async def agent(request: aura.AgentRequest) -> None:
        await asyncio.sleep(0)
        raise ValueError("after a while")

    play(repository, agent)


@fault
def raises_what_cannot_be_shown(repository: Path) -> None:
    class Rude(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    async def agent(request: aura.AgentRequest) -> None:
        raise Rude("\ud800")

    play(repository, agent)


@fault
def takes_no_request(repository: Path) -> None:
    async def agent() -> None:
        pass

    play(repository, agent)


@fault
def cancels_itself(repository: Path) -> None:
    async def agent(request: aura.AgentRequest) -> None:
        raise asyncio.CancelledError("by itself")

    play(repository, agent)


@fault
def returns_a_wrong_type(repository: Path) -> None:
    play(repository, returning(42))


@fault
def returns_no_json(repository: Path) -> None:
    play(repository, returning({"output": object()}))


@fault
def returns_half_a_character(repository: Path) -> None:
    def agent(request: aura.AgentRequest) -> str:
        request.output("half: \ud800")
        write(request)
        return "half: \ud800"

    play(repository, agent)


@fault
def returns_not_a_number(repository: Path) -> None:
    play(repository, returning({"usage": {"cost_usd": float("nan")}}))


@fault
def returns_itself(repository: Path) -> None:
    answer: dict[str, object] = {}
    answer["output"] = answer
    play(repository, returning(answer))


@fault
def returns_very_much(repository: Path) -> None:
    def agent(request: aura.AgentRequest) -> str:
        write(request)
        return "much\n" * 4_000_000

    play(repository, agent)


@fault
def gate_returns_a_wrong_type(repository: Path) -> None:
    play(repository, write, aura.gate(name="odd")(returning("green")))


@fault
def gate_raises(repository: Path) -> None:
    @aura.gate
    async def odd(request: aura.GateRequest) -> bool:
        raise OSError("no database")

    play(repository, write, odd)


@fault
def never_returns(repository: Path) -> None:
    async def agent(request: aura.AgentRequest) -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if request.cancelled and request.attempt == 0:
                    raise

    async def main() -> None:
        orchestrator = await opened(repository, agent).open()
        story = await orchestrator.create_story(plan=beside("a"), policy=SHORT)
        report = await (await orchestrator.run(story)).wait()
        say(outcome=report["outcome"], failed=(await orchestrator.status(story))["tasks"][0].get("class"))
        # It swallows what `asyncio.run` would end it with.
        sys.stdout.flush()
        os._exit(0)

    asyncio.run(main())


@fault
def thread_never_returns(repository: Path) -> None:
    play(repository, forever, policy=SHORT)


@fault
def gate_never_returns(repository: Path) -> None:
    gate = aura.gate(name="slow", timeout=0.15)(cast(Any, forever))
    play(repository, write, gate, policy=ONCE)


@fault
def blocks_the_event_loop(repository: Path) -> None:
    """For longer than the deadline, so that the cancel finds nobody."""

    async def agent(request: aura.AgentRequest) -> None:
        time.sleep(1)
        write(request)

    play(repository, agent, policy=SHORT)


@fault
def floods(repository: Path) -> None:
    """Output faster than anybody reads it."""

    def agent(request: aura.AgentRequest) -> None:
        for number in range(50_000):
            request.output(f"line {number}")
        write(request)

    play(repository, agent)
