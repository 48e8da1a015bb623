"""What the binding costs: `python aura-py/bench/bench.py [--tasks N] [--rounds N]`.

- 1,000 tasks that do nothing, done by an agent in Python, through the whole engine: a worktree for each, sealed and accepted. Beside it
  the script that people would otherwise write, which is asyncio and graphlib and keeps nothing: without git, and with a worktree for
  each task. Each round is a process of its own; memory is the peak of that process. What the thread of the event loop spends is told
  apart: the rest is git.
- The lag of the event loop while an agent's output is delivered to it as 10,000 events a second.
"""

from __future__ import annotations

import argparse
import asyncio
import graphlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aura
from aura.types import PlanTask

#: Agents at once.
PARALLEL = 8
#: Tasks that wait for nothing together; each further group waits for one of the group before.
WIDTH = 100
#: Lines of output a second, and how long, in seconds.
RATE, LENGTH = 10_000, 5


def tasks(count: int) -> list[PlanTask]:
    """A graph of ten waves."""
    made: list[PlanTask] = []
    for number in range(count):
        task: PlanTask = {"id": f"t{number}", "title": f"Task {number}", "no_change_ok": True}
        if number >= WIDTH:
            task["depends_on"] = [f"t{number - WIDTH}"]
        made.append(task)
    return made


async def through_aura(count: int, store: aura.types.StoreKind) -> None:
    """The whole engine, with an agent in Python."""

    @aura.agent
    async def nothing(request: aura.AgentRequest) -> None:
        await asyncio.sleep(0)

    plan = aura.Plan.new("Do nothing", tasks(count))
    with tempfile.TemporaryDirectory() as folder:
        repository = make_repository(Path(folder) / "app")
        begin, own = time.perf_counter(), time.thread_time()
        async with aura.Orchestrator(repository, agents={"default": nothing}, store=store) as orchestrator:
            story = await orchestrator.create_story(plan=plan)
            run = await orchestrator.run(story, max_parallel=PARALLEL)
            events = 0
            async for _ in run:
                events += 1
            report = await run.wait()
        wall, own = time.perf_counter() - begin, time.thread_time() - own
    assert len(report["accepted"]) == count, report
    say(wall=wall, python=own, memory=peak(), events=events)


async def by_hand(count: int) -> None:
    """The script that people would otherwise write."""

    async def nothing(_: str) -> None:
        await asyncio.sleep(0)

    await script(count, nothing)


async def by_hand_with_git(count: int) -> None:
    """The same with a worktree for each task, made and removed one at a time, since git's locks allow no more."""
    turn = asyncio.Lock()
    with tempfile.TemporaryDirectory() as folder:
        repository = make_repository(Path(folder) / "app")

        async def git(*words: str) -> None:
            process = await asyncio.create_subprocess_exec("git", "-C", str(repository), *words)
            assert await process.wait() == 0

        async def in_a_worktree(name: str) -> None:
            place = f"{folder}/{name}"
            async with turn:
                await git("worktree", "add", "--quiet", "--detach", place)
            await git("-C", place, "status", "--porcelain")
            async with turn:
                await git("worktree", "remove", "--force", place)

        await script(count, in_a_worktree)


async def script(count: int, work: Callable[[str], Awaitable[None]]) -> None:
    """Does work for each task of the graph, in order."""
    begin, own = time.perf_counter(), time.thread_time()
    graph = {task["id"]: set(task.get("depends_on", [])) for task in tasks(count)}
    sorter = graphlib.TopologicalSorter(graph)
    sorter.prepare()
    slots, done = asyncio.Semaphore(PARALLEL), 0

    async def one(name: str) -> str:
        async with slots:
            await work(name)
        return name

    under_way: set[asyncio.Task[str]] = set()
    while sorter.is_active():
        under_way |= {asyncio.create_task(one(name)) for name in sorter.get_ready()}
        ended, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            sorter.done(task.result())
            done += 1
    assert done == count
    say(wall=time.perf_counter() - begin, python=time.thread_time() - own, memory=peak())


async def lag(rate: int) -> None:
    """Wakes up every millisecond and looks how late it is, while events come in at a rate; at a rate of 0 it is quiet."""
    late: list[float] = []
    over = threading.Event()

    def chatty(request: aura.AgentRequest) -> None:
        begin, told = time.perf_counter(), 0
        while (passed := time.perf_counter() - begin) < LENGTH:
            for _ in range(int(passed * rate) - told):
                request.output("a line of output as agents write them, of some eighty characters in all ........")
                told += 1
            time.sleep(0.002)
        over.set()

    async def watch() -> None:
        while not over.is_set():
            wanted = time.perf_counter() + 0.001
            await asyncio.sleep(0.001)
            late.append((time.perf_counter() - wanted) * 1000)

    with tempfile.TemporaryDirectory() as folder:
        repository = make_repository(Path(folder) / "app")
        async with aura.Orchestrator(repository, agents={"default": aura.agent(chatty)}) as orchestrator:
            plan = aura.Plan.new("Talk", [{"id": "talk", "title": "Talk", "no_change_ok": True}])
            run = await orchestrator.run(await orchestrator.create_story(plan=plan))
            watching = asyncio.create_task(watch())
            lines = 0
            async for event in run:
                lines += event["type"] == "agent.output"
            await watching
    late.sort()
    say(
        delivered=lines / LENGTH,
        median=statistics.median(late),
        p99=late[len(late) * 99 // 100],
        worst=late[-1],
        memory=peak(),
    )


def make_repository(path: Path) -> Path:
    """A repository with one commit."""
    path.mkdir()
    (path / "README.md").write_text("# Nothing\n")
    for words in (
        "init --quiet --initial-branch=main",
        "config user.name Bench",
        "config user.email bench@example.invalid",
        "add --all",
        "commit --quiet --message=Begin",
    ):
        subprocess.run(["git", *words.split()], cwd=path, check=True)
    return path


def peak() -> float:
    """The largest resident size of this process so far, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def say(**figures: float) -> None:
    """For the process that compares."""
    print(json.dumps(figures))


def measure(*words: str) -> dict[str, float]:
    """One round, in a process of its own."""
    done = subprocess.run([sys.executable, __file__, *words], check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def compare(count: int, rounds: int) -> None:
    """Rounds of all of them by turns, so that whatever else the machine does falls on each."""
    names = ("aura", "aura-memory", "by-hand", "by-hand-git")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            found[name].append(measure("--one", name, "--tasks", str(count)))
    middle = {
        name: {key: statistics.median(figures[key] for figures in each) for key in ("wall", "python", "memory")}
        for name, each in found.items()
    }
    print(f"{count} tasks, {PARALLEL} at once, median of {rounds} rounds")
    for name, figures in middle.items():
        walls = [each["wall"] for each in found[name]]
        print(
            f"  {name:12} {figures['wall'] * 1000:10.1f} ms ({min(walls) * 1000:.1f} to {max(walls) * 1000:.1f}),"
            f" {figures['wall'] * 1e3 / count:7.3f} ms a task, {figures['python'] * 1e3 / count:6.3f} of them in Python,"
            f" peak {figures['memory']:5.1f} MiB"
        )
    first = middle["aura"]
    for name in names[2:]:
        last = middle[name]
        print(
            f"  aura / {name}: time {first['wall'] / last['wall']:.2f},"
            f" in Python {first['python'] / last['python']:.2f}, memory {first['memory'] / last['memory']:.1f}"
        )
    print("lag of the event loop, looked at each millisecond")
    for rate in (0, RATE):
        figures = measure("--one", "lag", "--tasks", str(rate))
        print(
            f"  {rate:6} lines a second ({figures['delivered']:.0f} delivered): median {figures['median']:.2f} ms,"
            f" 99 of 100 below {figures['p99']:.2f} ms, worst {figures['worst']:.2f} ms, peak {figures['memory']:.1f} MiB"
        )


def main() -> None:
    """Compares, or does the one round that is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", choices=("aura", "aura-memory", "by-hand", "by-hand-git", "lag"), help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.one is None:
        compare(words.tasks, words.rounds)
    elif words.one == "lag":
        asyncio.run(lag(words.tasks))
    elif words.one == "by-hand":
        asyncio.run(by_hand(words.tasks))
    elif words.one == "by-hand-git":
        asyncio.run(by_hand_with_git(words.tasks))
    else:
        asyncio.run(through_aura(words.tasks, "memory" if words.one == "aura-memory" else "sqlite"))


if __name__ == "__main__":
    main()
