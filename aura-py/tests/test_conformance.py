"""The scenarios that every language plays come out as they do in Rust, and every event has its type."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from shapes import misfit
from support import BINARIES, INTERNAL, ROOT, WATCHDOG, types_of

import aura
from aura import events, types

SCENARIOS = sorted((ROOT / "tests" / "conformance").glob("*.json"))
#: Scenarios that are played at once.
AT_ONCE = 3


def conformance(verb: str, scenario: Path, directory: Path) -> subprocess.CompletedProcess[str]:
    """The tool of the Rust tests."""
    program = BINARIES / "conformance"
    return subprocess.run(
        [program, verb, scenario, directory], capture_output=True, text=True, timeout=WATCHDOG
    )


async def play(scenario: Path, directory: Path) -> str:
    """Plays a scenario; returns what is different from what Rust makes of it."""
    made = await asyncio.to_thread(conformance, "set", scenario, directory)
    assert made.returncode == 0, made.stderr
    setting: dict[str, Any] = json.loads(made.stdout)
    agents = {name: aura.agents.command(said.pop("command"), **said) for name, said in setting["agents"].items()}
    gates = [aura.gates.command(said.pop("name"), said.pop("command"), **said) for said in setting["gates"]]
    told: list[events.RunEvent] = []
    async with aura.Orchestrator(setting["repo"], agents=agents, gates=gates) as orchestrator:
        story = await orchestrator.create_story(plan=setting["plan"], policy=setting["policy"])
        run = await orchestrator.run(story, **setting["options"])
        told += [event async for event in run]
        await run.wait()
        status = await orchestrator.status(story)
        if setting["merge"] and status["status"] == "ready_to_complete":
            landing = await orchestrator.complete(story, merge=True)
            told += [event async for event in landing]
            await landing.wait()
        for event in (*told, *await orchestrator.events(story)):
            assert (wrong := misfit(event, events.Event if "seq" in event else events.Progress)) is None, wrong
        await answers_fit(orchestrator, story)
    durable = [event for event in told if "seq" in event]
    assert {event["type"] for event in durable}.isdisjoint(INTERNAL)
    (directory / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in durable))
    checked = await asyncio.to_thread(conformance, "check", scenario, directory)
    return "" if checked.returncode == 0 else checked.stdout + checked.stderr


async def answers_fit(orchestrator: aura.Orchestrator, story: aura.StoryHandle) -> None:
    """Everything that can be asked for has the type that is promised."""
    for answer, shape in (
        (await orchestrator.report(story), types.Report),
        (await orchestrator.status(story), types.StatusView),
        (await orchestrator.story(story), types.Story),
        ((await orchestrator.plan(story)).to_dict(), types.PlanData),
        (await orchestrator.stories(), list[types.StorySummary]),
        (await orchestrator.doctor(), types.DoctorReport),
    ):
        assert (wrong := misfit(answer, shape)) is None, wrong


@pytest.fixture(scope="module")
def differences(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is different in each scenario."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(scenario: Path) -> tuple[str, str]:
        async with slots:
            return scenario.stem, await play(scenario, tmp_path_factory.mktemp(scenario.stem))

    async def every() -> dict[str, str]:
        return dict(await asyncio.gather(*map(one, SCENARIOS)))

    return asyncio.run(every())


@pytest.mark.parametrize("name", [path.stem for path in SCENARIOS])
def test_a_scenario_conforms(differences: dict[str, str], name: str) -> None:
    assert differences[name] == ""


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 20


def test_unions_of_events_are_disjoint() -> None:
    public, internal, live = map(types_of, (events.PublicEvent, events.InternalEvent, events.Progress))
    assert not (public & internal or public & live or internal & live)
    assert types_of(events.Event) == public | internal and types_of(events.RunEvent) == public | live
