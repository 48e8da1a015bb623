"""The package as people use it: stories, runs, events, agents, gates, errors."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from support import INTERNAL, QUICK, beside, chain, git, opened, write

import aura
from aura.events import RunEvent
from aura.types import PlanData


def test_a_story_runs_and_lands(repository: Path) -> None:
    seen: list[RunEvent] = []

    @aura.gate(at=["after_wave", "final"])
    async def check(request: aura.GateRequest) -> bool:
        assert request.at in ("candidate", "final") and request.task is None
        return (request.workspace / "one.txt").exists()

    async def main() -> None:
        async with opened(repository, write, check) as orchestrator:
            story = await orchestrator.create_story(plan=chain("one", "two"))
            run = await orchestrator.run(story, max_parallel=2)
            assert run.story == story.id and str(story) == story.id
            async for event in run:
                seen.append(event)
            report = await run.wait()
            assert report["outcome"] == "ready_to_complete" and report["accepted"] == ["one", "two"]
            landing = await orchestrator.complete(story, merge=True, cleanup=True)
            assert (await landing.wait())["outcome"] == "completed"

    asyncio.run(main())
    assert git(repository, "show", "main:two.txt") == "try 1\n"
    durable = [event for event in seen if event["type"] not in ("agent.output", "gate.output")]
    numbers = [event["seq"] for event in durable if "seq" in event]
    assert numbers == sorted(set(numbers)) and len(numbers) == len(durable) > 10
    assert durable[-1]["type"] == "run.finished"


def test_every_method_answers(repository: Path) -> None:
    async def main() -> None:
        async with opened(repository, write) as orchestrator:
            story = await orchestrator.create_story(
                "Another title", description="At length.", plan=beside("a"), target="main", policy=QUICK
            )
            assert [row["id"] for row in await orchestrator.stories()] == [story.id]
            assert (await orchestrator.find_story()).id == story.id
            assert (await orchestrator.story(story))["title"] == "Another title"
            assert (await orchestrator.plan(story)).tasks[0]["id"] == "a"
            status = await orchestrator.status(story.id)
            assert status["status"] == "planned" and status["tasks"][0]["status"] == "pending"
            with pytest.raises(aura.Refused):
                await orchestrator.report(story)
            events = await orchestrator.events(story)
            assert [event["type"] for event in events] == ["story.created", "plan.accepted"]
            assert [event["seq"] for event in await orchestrator.events(story, after=1)] == [2]
            assert (await orchestrator.graph(story, "mermaid")).startswith("flowchart")
            assert (await orchestrator.graph(story, "dot")).startswith("digraph")
            assert await orchestrator.wait_until_idle(story, timeout=5)
            checks = (await orchestrator.doctor())["checks"]
            assert {"repository", "store", "agent `default`"} <= {check["name"] for check in checks}
            await orchestrator.command(story, "cancel", actor="a test")

    asyncio.run(main())


def test_an_agent_is_asked_for_a_plan(repository: Path, tmp_path: Path) -> None:
    prompts: list[str] = []

    def planner(request: aura.AgentRequest) -> str:
        prompts.append(request.prompt)
        pattern = "other" if len(prompts) == 1 else "some_file"
        plan = [{"id": 1, "title": "A", "description": "do", "pattern": pattern}]
        return f"Here: {json.dumps(plan)}"

    folder = tmp_path / "patterns"
    folder.mkdir()
    (folder / "some_file.md").write_text("# One file each")

    async def main() -> None:
        async with aura.Orchestrator(
            repository, agents={"planner": aura.agent(planner)}, store="memory", patterns=folder
        ) as orchestrator:
            story = await orchestrator.create_story("Two files", description="At length.")
            plan = await orchestrator.decompose(
                story, agent="planner", include_tests=False, max_parallelism=4, max_tasks=9
            )
            assert [(task["id"], task.get("pattern")) for task in plan.tasks] == [("1", "some_file")]
            assert (await orchestrator.plan(story)).tasks == plan.tasks
            with pytest.raises(aura.BackendMissing):
                await orchestrator.decompose(story, agent="nobody")

    asyncio.run(main())
    for part in ("At length.", "`some_file`: One file each", "At most 9 tasks", "no tasks for tests"):
        assert part in prompts[0]
    assert "unknown_pattern" in prompts[1]


def test_options_reach_the_library(repository: Path) -> None:
    async def main() -> None:
        async with opened(repository, write) as orchestrator:
            story = await orchestrator.create_story(plan=chain("a", "b", "c"))
            run = await orchestrator.run(story, tasks=["b"], with_dependencies=True, one_wave=True)
            report = await run.wait()
            assert report["accepted"] == ["a"] and report["outcome"] == "paused"
            with pytest.raises(aura.InvalidInput) as refused:
                await orchestrator.complete(story, merge=True)
            assert refused.value.help is not None
            run = await orchestrator.run(story)
            assert (await run.wait())["outcome"] == "ready_to_complete"
            landing = await orchestrator.complete(story, merge=True, no_gates=True)
            assert (await landing.wait())["outcome"] == "completed"

    asyncio.run(main())


def test_steering_a_run(repository: Path) -> None:
    async def main() -> None:
        started, go = asyncio.Event(), asyncio.Event()

        async def agent(request: aura.AgentRequest) -> None:
            started.set()
            await go.wait()
            write(request)

        async with opened(repository, agent) as orchestrator:
            story = await orchestrator.create_story(plan=chain("a", "b"))
            run = await orchestrator.run(story)
            await started.wait()
            await run.pause()
            await run.resume()
            await run.pause()
            with pytest.raises(aura.Refused):
                await run.retry("a", "once more")
            with pytest.raises(aura.Refused):
                await run.skip("nobody")
            with pytest.raises(aura.Refused):
                await run.approve("a")
            go.set()
            report = await run.wait()
            assert report["outcome"] == "paused" and report["accepted"] == ["a"]

    asyncio.run(main())


def test_cancelled_awaits_lose_nothing(repository: Path) -> None:
    async def main() -> None:
        started, go = asyncio.Event(), asyncio.Event()

        async def agent(request: aura.AgentRequest) -> None:
            started.set()
            await go.wait()
            write(request)

        async with opened(repository, agent) as orchestrator:
            story = await orchestrator.create_story(plan=chain("a", "b"))
            run = await orchestrator.run(story)
            waiting = asyncio.ensure_future(run.wait())
            await started.wait()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            seen: list[int] = []
            ended = False
            while not ended:
                # Every other fetch is cancelled, most of them while they are under way.
                doomed = asyncio.ensure_future(run.__anext__())
                await asyncio.sleep(0)
                doomed.cancel()
                go.set()
                for fetch in (doomed, run.__anext__()):
                    try:
                        event = await fetch
                    except asyncio.CancelledError:
                        pass
                    except StopAsyncIteration:
                        ended = True
                    else:
                        seen.extend([event["seq"]] if "seq" in event else [])
            stored = await orchestrator.events(story, after=2)
            assert seen == [event["seq"] for event in stored if event["type"] not in INTERNAL]
            assert (await run.wait())["accepted"] == ["a", "b"]
            assert [event async for event in run] == []

    asyncio.run(main())


def test_a_run_whose_start_is_cancelled_does_not_go_on(repository: Path) -> None:
    async def main() -> None:
        async def forever(request: aura.AgentRequest) -> None:
            await asyncio.Event().wait()

        async with opened(repository, forever) as orchestrator:
            story = await orchestrator.create_story(plan=beside("a"), policy=QUICK)
            start = asyncio.ensure_future(orchestrator.run(story))
            await asyncio.sleep(0)
            start.cancel()
            with pytest.raises(asyncio.CancelledError):
                await start
            # Nobody can cancel it by hand any more; it ends all the same.
            ended = False
            while not ended:
                ended = any(event["type"] == "run.finished" for event in await orchestrator.events(story))
            assert (await orchestrator.report(story))["outcome"] == "cancelled"

    asyncio.run(main())


def test_errors_are_classes_with_everything_known(repository: Path) -> None:
    with pytest.raises(aura.InvalidPlan) as invalid:
        aura.Plan.parse("title: x\ntasks:\n  - {id: a, title: A, depends_on: [b]}\n", "plan.yaml")
    error = invalid.value
    assert (error.kind, error.file, error.line) == ("invalid_plan", "plan.yaml", 3)
    assert error.column is not None and error.problems[0]["code"] == "unknown_dependency"
    with pytest.raises(aura.NotFound) as missing:
        aura.Plan.load(repository / "nothing.yaml")
    assert missing.value.file is None and missing.value.problems == []

    async def main() -> None:
        with pytest.raises(aura.NotFound):
            await aura.Orchestrator(repository.parent / "elsewhere").open()
        with pytest.raises(aura.InvalidInput, match="two gates"):
            gate = aura.gates.command("same", ["true"])
            await aura.Orchestrator(repository, gates=[gate, gate]).open()
        async with opened(repository, write) as orchestrator:
            with pytest.raises(aura.NotFound):
                await orchestrator.status("nothing")
            story = await orchestrator.create_story(plan=beside("a"))
            with pytest.raises(aura.InvalidInput):
                await orchestrator.run(story, max_parallel=0)

    asyncio.run(main())
    with pytest.raises(TypeError, match="method `run`"):
        aura.Orchestrator(repository, agents={"default": object()})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]


def test_errors_can_be_pickled() -> None:
    import pickle

    try:
        aura.Plan.parse("tasks: 3", "p.yaml")
    except aura.InvalidPlan as error:
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is aura.InvalidPlan and str(copy) == str(error)
        assert (copy.line, copy.problems) == (error.line, error.problems)
    else:
        pytest.fail("it is no plan")


def test_pictures(repository: Path) -> None:
    plan = chain("a", "b")
    assert plan._repr_svg_() == plan.graph("svg")  # pyright: ignore[reportPrivateUsage]
    assert "<svg" in plan.graph("svg") and "digraph" in plan.graph("dot")

    async def main() -> aura.StoryHandle:
        async with opened(repository, write) as orchestrator:
            story = await orchestrator.create_story(plan=plan)
            # A notebook asks for it inside of a running event loop.
            before = story._repr_svg_()  # pyright: ignore[reportPrivateUsage]
            await (await orchestrator.run(story)).wait()
            after = story._repr_svg_()  # pyright: ignore[reportPrivateUsage]
            assert before is not None and after is not None and "<svg" in before and before != after
            return story

    story = asyncio.run(main())
    # And when all is over.
    assert "<svg" in (story._repr_svg_() or "")  # pyright: ignore[reportPrivateUsage]


def test_a_folder_of_stories_is_a_plan(tmp_path: Path) -> None:
    for name, depends in (("1.1", "None"), ("1.2", "1.1"), ("1.10", "1.2")):
        text = f"# Story {name}: Number {name}\n\n**Status**: Draft\n**Dependencies**: {depends}\n"
        (tmp_path / f"{name}.number.md").write_text(text)
    plan = aura.Plan.load(tmp_path)
    assert [task["id"] for task in plan.tasks] == ["1.1", "1.2", "1.10"] and plan.review
    assert [task["id"] for task in aura.Plan.load(tmp_path, scope=["1.1-1.2"]).tasks] == ["1.1", "1.2"]
    expanded = aura.Plan.load(tmp_path, scope=["1.2"], out_of_scope="expand")
    assert [task["id"] for task in expanded.tasks] == ["1.1", "1.2"]
    with pytest.raises(aura.InvalidPlan) as refused:
        aura.Plan.load(tmp_path, scope=["1.2"])
    problem = refused.value.problems[0]
    assert (problem["code"], problem["line"], problem["column"]) == ("out_of_scope", 4, 19)
    with pytest.raises(aura.InvalidInput):
        aura.Plan.load(tmp_path, scope=["1.1"], out_of_scope="drop")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_a_plan_can_require_a_review(repository: Path) -> None:
    @aura.gate(at=["after_task"], reviews=True)
    def look(request: aura.GateRequest) -> bool:
        return True

    async def main() -> None:
        plan = aura.Plan.new("T", [{"id": "a", "title": "A"}], review=True)
        async with opened(repository, write) as orchestrator:
            story = await orchestrator.create_story(plan=plan)
            with pytest.raises(aura.InvalidInput, match="requires a review"):
                await orchestrator.run(story)
            unasked: PlanData = {**plan.to_dict(), "review": False}
            other = await orchestrator.create_story(plan=unasked)
            assert (await (await orchestrator.run(other)).wait())["outcome"] == "ready_to_complete"
        async with opened(repository, write, look) as orchestrator:
            assert (await (await orchestrator.run(story)).wait())["outcome"] == "ready_to_complete"

    asyncio.run(main())


def test_plans(tmp_path: Path) -> None:
    plan = aura.Plan.new(
        "Title",
        [
            {"id": "a", "title": "A", "files": ["src/"], "metadata": {"Any Key": [1, None]}},
            {"id": "b", "title": "B", "files": ["src/x"]},
        ],
        description="At length.",
    )
    assert (plan.title, plan.description, plan.source) == ("Title", "At length.", None)
    assert [wave["tasks"] for wave in plan.waves] == [["a"], ["b"]]
    assert plan.added_edges[0]["before"] == "a" and plan.critical_path == ["a", "b"]
    assert plan.tasks[0].get("metadata") == {"Any Key": [1, None]}
    assert json.loads(json.dumps(plan.to_dict())) == plan.to_dict() and "2 waves" in repr(plan)
    assert aura.Plan.parse(plan.to_yaml(), "plan.yaml").waves == plan.waves
    answer = 'Here it is:\n```json\n[{"id": "z", "title": "Z"}]\n```\nDone.'
    assert aura.Plan.from_answer(answer, "Asked for").tasks[0]["id"] == "z"
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"title": "T", "tasks": [{"id": "x", "title": "X"}]}))
    assert aura.Plan.load(path).tasks[0]["id"] == "x" and aura.Plan.load(str(path)).source is not None
    assert aura.plan_schema()["type"] == "object"
    asked = aura.Plan.new("T", [{"id": "a", "title": "A"}], review=True)
    assert asked.review and not plan.review and aura.Plan.parse(asked.to_yaml(), "plan.yaml").review
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "x"\n')
    assert all(gate["command"] for gate in aura.gates.detect(tmp_path))
    assert aura.gates.detect(tmp_path / "nothing") == []


def test_other_options_of_opening(repository: Path, tmp_path: Path) -> None:
    prompts: list[str] = []

    async def agent(request: aura.AgentRequest) -> None:
        prompts.append(request.prompt)
        assert request.workspace.is_relative_to(tmp_path / "elsewhere")
        write(request)

    async def main() -> None:
        orchestrator = aura.Orchestrator(
            repository,
            agents={"default": aura.agent(agent)},
            detect_gates=False,
            store="memory",
            prompt_template="Please: {{task.title}}",
            workspace_root=tmp_path / "elsewhere",
        )
        await orchestrator.open()
        assert await orchestrator.open() is orchestrator
        assert set(await asyncio.gather(orchestrator.open(), orchestrator.open())) == {orchestrator}
        story = await orchestrator.create_story(plan=beside("a"))
        assert (await (await orchestrator.run(story)).wait())["accepted"] == ["a"]
        await orchestrator.close()
        await orchestrator.close()

    asyncio.run(main())
    assert prompts[0].startswith("Please: Write a")
