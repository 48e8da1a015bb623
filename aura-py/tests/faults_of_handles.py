"""Handles, threads and processes that get in each other's way."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fault_kit import fault, play, say
from support import QUICK, beside, chain, opened, write

import aura

@fault
def calls_back(repository: Path) -> None:
    """An agent that uses the library, also on a story of its own."""

    async def main() -> None:
        async with opened(repository, write) as inner:

            async def agent(request: aura.AgentRequest) -> None:
                view = await outer.status(request.story)
                assert view["agents"]["running"] == 1
                story = await inner.create_story(plan=beside("inner"))
                assert "<svg" in (story._repr_svg_() or "")  # pyright: ignore[reportPrivateUsage]
                run = await inner.run(story)
                say(inner=(await run.wait())["outcome"])
                write(request)

            async with opened(repository, agent) as outer:
                story = await outer.create_story(plan=beside("a"))
                say(outcome=(await (await outer.run(story)).wait())["outcome"])

    asyncio.run(main())


@fault
def blocks_in_a_backend(repository: Path) -> None:
    """A plain function that uses the blocking calls, as threads may."""

    def agent(request: aura.AgentRequest) -> None:
        inner = opened(repository, write)
        story = inner.create_story_sync(plan=beside("inner"))
        say(inner=inner.run_sync(story)["outcome"])
        write(request)

    play(repository, agent)


@fault
def blocks_in_a_running_loop(repository: Path) -> None:
    async def main() -> None:
        async with opened(repository, write) as orchestrator:
            story = await orchestrator.create_story(plan=beside("a"))
            try:
                orchestrator.run_sync(story)
            except RuntimeError as error:
                say(error=str(error))

    asyncio.run(main())


@fault
def worker_threads(repository: Path) -> None:
    """Sixteen threads with loops of their own look at one orchestrator while it runs."""
    looked = threading.Barrier(17, timeout=60)

    def agent(request: aura.AgentRequest) -> None:
        if request.task["id"] == "b":
            looked.wait()
        write(request)

    async def main() -> None:
        async with opened(repository, agent) as orchestrator:
            story = await orchestrator.create_story(plan=chain("a", "b", "c"))
            run = await orchestrator.run(story)
            seen: list[str] = []

            async def look() -> None:
                seen.append((await orchestrator.status(story))["status"])
                await asyncio.to_thread(looked.wait)
                seen.append((await run.wait())["outcome"])

            threads = [threading.Thread(target=lambda: asyncio.run(look())) for _ in range(16)]
            for thread in threads:
                thread.start()
            outcome = (await run.wait())["outcome"]
            for thread in threads:
                await asyncio.to_thread(thread.join)
            say(outcome=outcome, seen=len(seen))

    asyncio.run(main())


@fault
def blocking_calls_in_threads(repository: Path) -> None:
    """Several threads block on stories of one orchestrator; none of them has to wait for another one's event loop."""

    async def agent(request: aura.AgentRequest) -> None:
        await asyncio.sleep(0)
        write(request)

    orchestrator = opened(repository, agent)
    stories = [orchestrator.create_story_sync(plan=chain("a", "b"), policy=QUICK) for _ in range(4)]
    with ThreadPoolExecutor() as pool:
        reports = list(pool.map(orchestrator.run_sync, stories))
    # Between blocking calls other event loops may use it, too.
    listed = asyncio.run(orchestrator.stories())
    say(outcomes=[report["outcome"] for report in reports], stories=len(listed))
    say(outcome=orchestrator.complete_sync(stories[0], merge=True, no_gates=True)["outcome"])

    async def stays() -> None:
        # A blocking call elsewhere takes jobs as well, but not for longer than it lasts.
        short = await orchestrator.create_story(plan=beside("a"))
        run = await orchestrator.run(await orchestrator.create_story(plan=chain("a", "b", "c", "d")))
        await asyncio.to_thread(orchestrator.run_sync, short)
        say(outcome=(await run.wait())["outcome"])
        await orchestrator.close()

    asyncio.run(stays())


@fault
def two_orchestrators(repository: Path) -> None:
    async def main() -> None:
        started, go = asyncio.Event(), asyncio.Event()

        async def agent(request: aura.AgentRequest) -> None:
            started.set()
            await go.wait()
            write(request)

        async with opened(repository, agent) as one, opened(repository, agent) as two:
            story = await one.create_story(plan=beside("a"))
            run = await one.run(story)
            await started.wait()
            try:
                await two.run(story)
            except aura.StoryBusy as error:
                say(busy=error.kind)
            go.set()
            say(outcome=(await run.wait())["outcome"])

    asyncio.run(main())


@fault
def used_after_close(repository: Path) -> None:
    async def main() -> None:
        async with opened(repository, write) as orchestrator:
            story = await orchestrator.create_story(plan=beside("a"))
            run = await orchestrator.run(story)
        outcome = (await run.wait())["outcome"]
        try:
            await run.cancel()
        except aura.Refused:
            pass
        try:
            await orchestrator.run(story)
        except aura.Refused as error:
            say(error=str(error), help=error.help, outcome=outcome)

    asyncio.run(main())
    orchestrator = opened(repository, write)
    orchestrator.create_story_sync(plan=beside("b"))
    asyncio.run(orchestrator.close())
    try:
        orchestrator.run_sync("nothing")
    except aura.Refused as error:
        say(error=str(error))


@fault
def forked(repository: Path) -> None:
    """A child that uses what its parent opened, ends in the usual way, and leaves the parent alone."""
    orchestrator = opened(repository, write)
    story = orchestrator.create_story_sync(plan=beside("a"))
    child = os.fork()
    if child == 0:
        refused: list[str] = []
        for attempt in (
            lambda: orchestrator.run_sync(story),
            lambda: opened(repository, write).create_story_sync(plan=beside("b")),
        ):
            try:
                attempt()
            except aura.Refused as error:
                refused.append(str(error))
        picture = story._repr_svg_()  # pyright: ignore[reportPrivateUsage]
        say(refused=refused, picture=picture, tasks=len(beside("a").tasks))
        del orchestrator, story, attempt
        gc.collect()
        sys.exit(3)
    _, status = os.waitpid(child, 0)
    say(outcome=orchestrator.run_sync(story)["outcome"], child=os.waitstatus_to_exitcode(status))


@fault
def forked_in_a_loop(repository: Path) -> None:
    """As libraries do that start processes: the child leaves at once and touches nothing of the parent's loop."""

    async def main() -> None:
        async with opened(repository, write) as orchestrator:
            story = await orchestrator.create_story(plan=chain("a", "b"))
            run = await orchestrator.run(story)
            child = os.fork()
            if child == 0:
                try:
                    orchestrator.run_sync(story)
                except aura.Refused as error:
                    say(refused=str(error))
                os._exit(3)
            _, status = os.waitpid(child, 0)
            say(outcome=(await run.wait())["outcome"], child=os.waitstatus_to_exitcode(status))

    asyncio.run(main())


@fault
def forked_before_it_opens(repository: Path) -> None:
    child = os.fork()
    play(repository if child else repository.parent / "other", write)
    if child:
        _, status = os.waitpid(child, 0)
        say(child=os.waitstatus_to_exitcode(status))


@fault
def opens_and_closes_often(repository: Path) -> None:
    """Nothing is left of what was closed, of what was collected, and of event loops that have ended."""

    async def once(close: bool) -> None:
        orchestrator = await opened(repository, write).open()
        await orchestrator.doctor()
        if close:
            await orchestrator.close()

    def turn() -> None:
        for close in (True, False):
            asyncio.run(once(close))
        opened(repository, write).create_story_sync(plan=beside("a"))
        gc.collect()

    def files() -> int:
        return len(os.listdir("/proc/self/fd"))

    # The first turns start threads and fill caches.
    turn()
    turn()
    before = files()
    for _ in range(3):
        turn()
    # Threads of the library may still be at it; the watchdog says when it takes too long.
    while files() > before:
        gc.collect()
    say(left=0)
