"""Agents and gates in Python, and the event loops and threads that they run in."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from support import QUICK, beside, chain, make_repository, opened, write

import aura


def test_an_agent_object_sees_its_request(repository: Path) -> None:
    class Scribe:
        version = "7"

        def __init__(self) -> None:
            self.requests: list[aura.AgentRequest] = []

        async def run(self, request: aura.AgentRequest) -> aura.types.AgentAnswer:
            self.requests.append(request)
            assert request.output("a line")
            write(request)
            usage: aura.types.Usage = {"input_tokens": 7, "output_tokens": 2, "cost_usd": 0.5}
            return {"output": "done", "session": "s-1", "usage": usage}

    scribe = Scribe()

    async def main() -> None:
        async with opened(repository, scribe) as orchestrator:
            story = await orchestrator.create_story(plan=beside("a"))
            run = await orchestrator.run(story)
            lines = [event["line"] async for event in run if event["type"] == "agent.output"]
            assert lines == ["a line"]
            task = (await orchestrator.story(story))["tasks"][0]
            assert task.get("output") == "done" and task.get("agent_session_id") == "s-1"
            assert (await run.wait())["usage"] == {"input_tokens": 7, "output_tokens": 2, "cost_usd": 0.5}
            [request] = scribe.requests
            assert request.story == story.id and request.task["title"] == "Write a"
            assert "Write a" in request.prompt and request.workspace.is_absolute()
            assert request.environment["AURA_TASK"] == "a" and request.session is None
            assert not request.output("too late")

    asyncio.run(main())


def test_raising_is_a_failure_with_the_traceback_as_evidence(repository: Path) -> None:
    prompts: list[str] = []

    @aura.gate(at=["after_task"])
    def strict(request: aura.GateRequest) -> aura.GateResult:
        if request.task is not None and (request.workspace / "a.txt").read_text() == "try 2\n":
            return {"verdict": "failed", "findings": [{"file": "a.txt", "line": 1, "message": "too short"}]}
        return {"verdict": "passed", "output": "fine", "counts": {"passed": 1, "failed": 0, "skipped": 0}}

    async def hasty(request: aura.AgentRequest) -> None:
        prompts.append(request.prompt)
        write(request)
        if len(prompts) == 1:
            raise LookupError("no such model")
        # The gate sees a second try whatever the library counts as one.
        (request.workspace / "a.txt").write_text(f"try {len(prompts)}\n")

    async def main() -> None:
        async with opened(repository, hasty, strict) as orchestrator:
            story = await orchestrator.create_story(plan=beside("a"), policy=QUICK)
            report = await (await orchestrator.run(story)).wait()
            assert report["outcome"] == "ready_to_complete", report
            events = await orchestrator.events(story)
            failed = [event for event in events if event["type"] == "attempt.finished" and "evidence" in event]
            assert "class" in failed[0] and failed[0]["class"] == "exit"
            evidence = failed[0].get("evidence")
            assert evidence is not None and "LookupError: no such model" in evidence["summary"]
            assert "Traceback" in evidence.get("output_tail", "") and "hasty" in evidence.get("output_tail", "")
            assert "too short" in prompts[2] and len(prompts) == 3

    asyncio.run(main())


def test_plain_functions_run_off_the_event_loop(repository: Path) -> None:
    meet = threading.Barrier(2, timeout=60)
    threads: set[int] = set()

    def plain(request: aura.AgentRequest) -> str:
        threads.add(threading.get_ident())
        # Two of them at once, and the loop goes on beside them.
        meet.wait()
        write(request)
        return "done"

    async def main() -> None:
        async with opened(repository, plain) as orchestrator:
            story = await orchestrator.create_story(plan=beside("a", "b"))
            report = await (await orchestrator.run(story, max_parallel=2)).wait()
            assert report["accepted"] == ["a", "b"]

    asyncio.run(main())
    assert len(threads) == 2 and threading.get_ident() not in threads


def test_a_plain_function_may_return_an_awaitable(repository: Path) -> None:
    async def later(request: aura.AgentRequest) -> str:
        write(request)
        return "later"

    async def main() -> None:
        async with opened(repository, lambda request: later(request)) as orchestrator:
            story = await orchestrator.create_story(plan=beside("a"))
            assert (await (await orchestrator.run(story)).wait())["accepted"] == ["a"]
            assert (await orchestrator.story(story))["tasks"][0].get("output") == "later"

    asyncio.run(main())


@pytest.mark.parametrize("plain", [False, True])
def test_cancel_reaches_agents(repository: Path, plain: bool) -> None:
    told: list[str] = []

    async def main() -> None:
        loop, started = asyncio.get_running_loop(), asyncio.Event()

        async def patient(request: aura.AgentRequest) -> None:
            started.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                told.append("CancelledError")
                raise

        def stubborn(request: aura.AgentRequest) -> None:
            loop.call_soon_threadsafe(started.set)
            if request.wait_cancelled(60):
                told.append("cancelled" if request.cancelled else "?")

        async with opened(repository, stubborn if plain else patient) as orchestrator:
            story = await orchestrator.create_story(plan=beside("a"), policy=QUICK)
            run = await orchestrator.run(story)
            await started.wait()
            await run.cancel()
            report = await run.wait()
            assert report["outcome"] == "cancelled" and report["unfinished"] == ["a"]
            with pytest.raises(aura.Refused):
                await run.pause()

    asyncio.run(main())
    assert told == (["cancelled"] if plain else ["CancelledError"])


def test_several_loops_one_after_the_other_and_side_by_side(tmp_path: Path) -> None:
    async def main(repository: Path) -> str:
        async with opened(repository, write) as orchestrator:
            story = await orchestrator.create_story(plan=chain("a", "b"))
            return (await (await orchestrator.run(story)).wait())["outcome"]

    for _ in range(3):
        assert asyncio.run(main(make_repository(tmp_path / f"turn-{_}"))) == "ready_to_complete"
    outcomes: list[str] = []

    def thread(number: int) -> None:
        outcomes.append(asyncio.run(main(make_repository(tmp_path / f"thread-{number}"))))

    threads = [threading.Thread(target=thread, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert outcomes == ["ready_to_complete"] * 4


def test_one_orchestrator_from_several_loops(repository: Path) -> None:
    async def main() -> None:
        async with opened(repository, write) as orchestrator:
            story = await orchestrator.create_story(plan=beside("a"))

            async def elsewhere() -> str:
                run = await orchestrator.run(story)
                return (await run.wait())["outcome"]

            # The jobs are done in this loop, which is free meanwhile.
            outcome = await asyncio.to_thread(asyncio.run, elsewhere())
            assert outcome == "ready_to_complete"
            assert (await orchestrator.report(story))["accepted"] == ["a"]

    asyncio.run(main())


def test_presets_say_what_they_were_told() -> None:
    agent = aura.agents.command(["x"], env={"A": "1"}, env_allow=["B"], sandbox=["s"])
    assert agent.options == {"command": ["x"], "env": {"A": "1"}, "env_allow": ["B"], "sandbox": ["s"]}
    gate = aura.gates.command("t", ["x"], at=["final"], required=False, flaky="refuse", timeout=1.5)
    assert gate.options == {
        "name": "t",
        "command": ["x"],
        "at": ["final"],
        "required": False,
        "flaky": "refuse",
        "timeout_ms": 1500,
    }
    assert aura.agents.command(["x"]).options == {"command": ["x"]}
    servers: aura.types.McpServers = {"servers": {"s": {"command": "x"}}, "tools": ["t"]}
    agent = aura.agents.acp(["x", "acp"], model="m", yolo=False, role="r", mcp=servers, env={"A": "1"})
    assert agent.options == {
        "acp": ["x", "acp"],
        "model": "m",
        "yolo": False,
        "role": "r",
        "mcp": servers,
        "env": {"A": "1"},
    }


def test_a_language_model_is_one_option_and_needs_its_feature(repository: Path) -> None:
    agent = aura.agents.llm("openai::m", endpoint="https://m.example.com/v1", key="A_KEY", role="r", temperature=0.5)
    told = {"model": "openai::m", "endpoint": "https://m.example.com/v1", "key": "A_KEY", "role": "r", "temperature": 0.5}
    assert agent.options == {"llm": told}
    with pytest.raises(aura.InvalidConfig) as refused:
        asyncio.run(aura.Orchestrator(repository, agents={"planner": aura.agents.llm("nobody::m")}, store="memory").open())
    # A build with the feature knows its providers.
    assert "feature `llm`" in str(refused.value) or "unknown provider" in str(refused.value)


def test_gates_of_python_keep_their_rules(repository: Path) -> None:
    class Careful:
        name = "careful"
        version = "2"
        at = ["after_wave", "final"]
        required = False
        flaky = "refuse"
        timeout = 90.0
        counts_tests = True
        reviews = True

        def run(self, request: aura.GateRequest) -> bool:
            return True

    @aura.gate(name="named", timeout=30)
    async def other(request: aura.GateRequest) -> bool:
        return True

    async def main() -> None:
        async with opened(repository, write, Careful(), other) as orchestrator:
            story = await orchestrator.create_story(plan=beside("a"))
            await (await orchestrator.run(story)).wait()
            [started] = [event for event in await orchestrator.events(story) if event["type"] == "run.started"]
            careful, named = started["gates"]
            assert (careful["name"], careful["at"], careful["required"]) == ("careful", ["after_wave", "final"], False)
            assert (careful["flaky"], careful["timeout_ms"]) == ("refuse", 90_000)
            assert careful.get("counts_tests") and "counts_tests" not in named
            assert careful.get("reviews") and "reviews" not in named
            assert (named["name"], named["timeout_ms"]) == ("named", 30_000)

    asyncio.run(main())


def test_a_gate_asks_and_a_person_approves(repository: Path) -> None:
    seen: list[aura.types.StoryTask | None] = []

    @aura.gate(at=["after_task"])
    def careful(request: aura.GateRequest) -> aura.types.GateAnswer:
        seen.append(request.subject)
        return {"verdict": "needs_human", "why": "is that meant?"}

    async def main() -> None:
        async with opened(repository, write, careful, aura.gates.protected_paths(["scripts/"])) as orchestrator:
            story = await orchestrator.create_story(plan=beside("a"))
            report = await (await orchestrator.run(story)).wait()
            assert (report["outcome"], report.get("asked")) == ("paused", ["a"])
            [line] = (await orchestrator.status(story))["tasks"]
            assert line.get("question") == "gate `careful` asks for a person: is that meant?"
            await orchestrator.command(story, "approve", task="a")
            report = await (await orchestrator.run(story)).wait()
            assert report["accepted"] == ["a"]

    asyncio.run(main())
    assert [task and task["id"] for task in seen] == ["a"]
