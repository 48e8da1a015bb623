"""How a program ends in the middle of a run."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from fault_kit import fault, forever, play, say
from support import QUICK, beside, chain, opened, write

import aura

def start_and_leave(repository: Path, leave: Callable[[aura.Orchestrator, aura.Run], object]) -> None:
    """Leaves an event loop in the middle of a run."""

    async def main() -> object:
        started = asyncio.Event()

        async def agent(request: aura.AgentRequest) -> None:
            started.set()
            await asyncio.Event().wait()

        orchestrator = await opened(repository, agent).open()
        story = await orchestrator.create_story(plan=chain("a", "b"), policy=QUICK)
        run = await orchestrator.run(story)
        await started.wait()
        say(story=story.id)
        return leave(orchestrator, run)

    kept = asyncio.run(main())
    gc.collect()
    del kept


@fault
def loop_ends_with_work_in_flight(repository: Path) -> None:
    left: list[aura.Orchestrator] = []
    start_and_leave(repository, lambda orchestrator, run: left.append(orchestrator))

    async def later() -> None:
        try:
            await left[0].stories()
        except aura.Refused as error:
            say(refused=str(error))

    asyncio.run(later())
    # The run itself ends, since its host is gone; then the story goes on with another one.

    async def again() -> None:
        async with opened(repository, write) as orchestrator:
            story = await orchestrator.find_story()
            assert await orchestrator.wait_until_idle(story, timeout=60)
            say(outcome=(await (await orchestrator.run(story)).wait())["outcome"])

    asyncio.run(again())


@fault
def loop_is_closed_hard(repository: Path) -> None:
    """Without cancelling what runs in it."""
    loop = asyncio.new_event_loop()
    started = asyncio.Event()

    async def agent(request: aura.AgentRequest) -> None:
        started.set()
        await asyncio.Event().wait()

    orchestrator = opened(repository, agent)

    async def main() -> None:
        await orchestrator.open()
        story = await orchestrator.create_story(plan=beside("a"), policy=QUICK)
        await orchestrator.run(story)
        await started.wait()

    loop.run_until_complete(main())
    loop.close()

    async def later() -> None:
        try:
            await orchestrator.stories()
        except aura.Refused as error:
            say(refused=str(error))

    asyncio.run(later())
    # The tasks that nobody ended complain when they are collected; that is Python's way.
    sys.stderr.close()
    os._exit(0)


@fault
def everything_is_collected(repository: Path) -> None:
    start_and_leave(repository, lambda orchestrator, run: None)
    say(alive=True)


@fault
def collected_while_the_loop_goes_on(repository: Path) -> None:
    async def main() -> None:
        started = asyncio.Event()

        async def agent(request: aura.AgentRequest) -> None:
            started.set()
            await asyncio.Event().wait()

        orchestrator = await opened(repository, agent).open()
        story = await orchestrator.create_story(plan=beside("a"), policy=QUICK)
        run = await orchestrator.run(story)
        await started.wait()
        del run, orchestrator
        gc.collect()
        async with opened(repository, write) as other:
            assert await other.wait_until_idle(story, timeout=60)
            say(outcome=(await other.report(story))["outcome"])

    asyncio.run(main())


@fault
def interpreter_exits(repository: Path) -> None:
    """While threads with loops of their own are in the middle of runs."""
    started = threading.Event()

    def agent(request: aura.AgentRequest) -> None:
        started.set()
        while request.output("working"):
            pass

    async def main() -> None:
        orchestrator = await opened(repository, agent).open()
        story = await orchestrator.create_story(plan=beside("a", "b", "c"), policy=QUICK)
        run = await orchestrator.run(story)
        async for _ in run:
            pass

    threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
    started.wait()
    say(started=True)


@fault
def exits_in_native_calls(repository: Path) -> None:
    """While threads that nobody waits for come and go between the languages."""
    busy = threading.Barrier(9, timeout=60)

    def spin(orchestrator: aura.Orchestrator) -> None:
        story = orchestrator.create_story_sync(plan=beside("a"))
        busy.wait()
        while True:
            plan = beside(*(str(number) for number in range(50)))
            assert len(plan.waves) == 1 and story._repr_svg_()  # pyright: ignore[reportPrivateUsage]

    orchestrator = opened(repository, write)
    for _ in range(8):
        threading.Thread(target=spin, args=(orchestrator,), daemon=True).start()
    busy.wait()
    say(spinning=True)


@fault
def exits_in_an_agent(repository: Path) -> None:
    async def agent(request: aura.AgentRequest) -> None:
        sys.exit(7)

    play(repository, agent, policy=QUICK)


@fault
def exits_in_a_thread(repository: Path) -> None:
    """Where `sys.exit` ends the thread alone."""

    def agent(request: aura.AgentRequest) -> None:
        sys.exit("not now")

    play(repository, agent)


@fault
def exits_while_waiting(repository: Path) -> None:
    start_and_leave(repository, lambda orchestrator, run: sys.exit(7))


@fault
def exits_at_once(repository: Path) -> None:
    start_and_leave(repository, lambda orchestrator, run: os._exit(7))


@fault
def interrupted(repository: Path) -> None:
    """Ctrl-C in `run_sync`."""

    async def agent(request: aura.AgentRequest) -> None:
        if request.task["id"] == "b":
            say(started=True)
            await asyncio.Event().wait()
        write(request)

    orchestrator = opened(repository, agent)
    story = orchestrator.create_story_sync(plan=chain("a", "b"), policy=QUICK)
    try:
        orchestrator.run_sync(story)
    except KeyboardInterrupt:
        say(interrupted=True)
    # The state is kept: what was accepted stays, and the same orchestrator goes on.
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    say(outcome=json.loads(_report(orchestrator, story))["outcome"])


def _report(orchestrator: aura.Orchestrator, story: aura.StoryHandle) -> str:
    async def report() -> str:
        async with aura.Orchestrator(orchestrator_path(orchestrator)) as other:
            return json.dumps(await other.report(story))

    return asyncio.run(report())


def orchestrator_path(orchestrator: aura.Orchestrator) -> str:
    """Where it is."""
    return cast(str, json.loads(orchestrator._options)["path"])  # pyright: ignore[reportPrivateUsage]


@fault
def interrupted_twice(repository: Path) -> None:
    def agent(request: aura.AgentRequest) -> None:
        say(started=True)
        forever()

    orchestrator = opened(repository, agent)
    # An hour of grace: nobody wants to wait for that.
    story = orchestrator.create_story_sync(plan=beside("a"), policy={"grace_ms": 3_600_000})

    def announce() -> None:
        # The first one has come when the run is being cancelled.
        while not any(event["type"] == "command.accepted" for event in asyncio.run(events())):
            pass
        say(cancelling=True)

    async def events() -> list[Any]:
        async with aura.Orchestrator(repository) as other:
            return list(await other.events(story))

    threading.Thread(target=announce, daemon=True).start()
    orchestrator.run_sync(story)


@fault
def interrupted_in_a_coroutine(repository: Path) -> None:
    """Ctrl-C in `asyncio.run`, which cancels the main task since Python 3.11."""

    async def agent(request: aura.AgentRequest) -> None:
        say(started=True)
        await asyncio.Event().wait()

    play(repository, agent)


@fault
def program_has_its_own_handler(repository: Path) -> None:
    calls: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: calls.append(number))
    go = threading.Event()

    def agent(request: aura.AgentRequest) -> None:
        say(started=True)
        go.wait()
        write(request)

    def watch() -> None:
        while not calls:
            time.sleep(0.01)
        go.set()

    threading.Thread(target=watch, daemon=True).start()
    orchestrator = opened(repository, agent)
    story = orchestrator.create_story_sync(plan=beside("a"))
    say(outcome=orchestrator.run_sync(story)["outcome"], calls=len(calls))


@fault
def waits(repository: Path) -> None:
    """To be killed."""

    @aura.gate
    def check(request: aura.GateRequest) -> bool:
        return True

    async def agent(request: aura.AgentRequest) -> None:
        if request.task["id"] == "b":
            say(started=True)
            await asyncio.Event().wait()
        write(request)

    play(repository, agent, check, plan=chain("a", "b"), policy=QUICK)
