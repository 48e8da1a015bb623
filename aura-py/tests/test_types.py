"""Type checkers agree with the package, the examples and the tests: mypy, pyright and stubtest, all at their strictest."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from shapes import misfit
from support import INTERNAL, ROOT, WATCHDOG, types_of

import aura
from aura import events, types

HERE = Path(__file__).parent
CONFIGURATION = str(HERE.parent / "pyproject.toml")
PATHS = [str(path) for path in (HERE.parent / "python" / "aura", HERE, HERE.parent / "bench", ROOT / "examples" / "python")]
CHECKS = {
    "mypy": ["mypy", "--config-file", CONFIGURATION, *PATHS],
    "pyright": ["basedpyright", "--project", CONFIGURATION, "--pythonpath", sys.executable, *PATHS],
    "stubtest": [
        "mypy.stubtest",
        "aura",
        "--mypy-config-file",
        CONFIGURATION,
        "--allowlist",
        str(HERE / "stubtest-allowlist.txt"),
    ],
}


@pytest.mark.parametrize("check", CHECKS)
def test_a_type_checker_agrees(check: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *CHECKS[check]], cwd=tmp_path, capture_output=True, text=True, timeout=5 * WATCHDOG
    )
    assert done.returncode == 0, done.stdout + done.stderr


WRONG = """
import aura

async def main(orchestrator: aura.Orchestrator, run: aura.Run) -> None:
    async for event in run:
        if event["type"] == "task.accepted":
            event["commit"].upper()
            event["reason"]
    await orchestrator.run("story", max_parallel="3")

@aura.gate
def gate(request: aura.GateRequest) -> str:
    return request.prompt
"""


@pytest.mark.parametrize("check", ["mypy", "pyright"])
def test_a_type_checker_finds_what_is_wrong(check: str, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(WRONG)
    words = [word for word in CHECKS[check] if word not in PATHS]
    done = subprocess.run(
        [sys.executable, "-m", *words, wrong], cwd=tmp_path, capture_output=True, text=True, timeout=WATCHDOG
    )
    lines = {int(found) for found in re.findall(r"wrong\.py:(\d+)[^\n]* error", done.stdout)}
    assert lines in ({8, 9, 11, 13}, {8, 9, 12, 13}), done.stdout


def core(path: str) -> str:
    """A file of the Rust library."""
    return (ROOT / "aura-core" / "src" / path).read_text()


def test_there_is_a_type_for_every_event() -> None:
    samples = json.loads((ROOT / "tests" / "samples" / "events.json").read_text())
    assert len(samples) >= 50
    assert [wrong for event in samples if (wrong := misfit(event, events.RunEvent)) is not None] == []
    assert {event["type"] for event in samples} == types_of(events.RunEvent)
    # Those that are kept for recovery have no samples.
    text = core("model/event.rs").split("pub enum EventKind")[1] + core("model/progress.rs")
    named = set(re.findall(r'^    #\[serde\(rename = "([a-z_.]+)"\)\]$', text, re.MULTILINE))
    assert named == types_of(events.Event) | types_of(events.Progress)
    assert {name for name in named if name.startswith("intent.")} < INTERNAL


def test_a_shape_finds_what_is_wrong() -> None:
    good = {"seq": 1, "at": "", "story": "", "type": "task.queued", "task": "a"}
    assert misfit(good, events.Event) is None
    for wrong in (
        {**good, "seq": "1"},
        {**good, "why": "unknown"},
        {**good, "type": "task.unknown"},
        {key: value for key, value in good.items() if key != "task"},
        {**good, "type": "task.blocked"},
        {**good, "type": "task.failed", "class": "no class", "why": ""},
    ):
        assert misfit(wrong, events.Event) is not None, wrong


@pytest.mark.parametrize(
    ("path", "name", "alias"),
    [
        ("model/attempt.rs", "FailureClass", types.FailureClass),
        ("model/attempt.rs", "StartKind", types.StartKind),
        ("model/status.rs", "TaskStatus", types.TaskStatus),
        ("model/status.rs", "StoryStatus", types.StoryStatus),
        ("model/story.rs", "RunOutcome", types.RunOutcome),
        ("model/gate.rs", "GateSchedule", types.GateSchedule),
        ("model/gate.rs", "GatePoint", types.GatePoint),
        ("model/gate.rs", "FlakyPolicy", types.FlakyPolicy),
        ("model/scope.rs", "OutOfScope", types.OutOfScope),
        ("model/task.rs", "Complexity", types.Complexity),
        ("view/status.rs", "GateWord", types.VerdictWord),
    ],
)
def test_the_words_are_those_of_the_library(path: str, name: str, alias: object) -> None:
    body = core(path).split(f"pub enum {name} {{")[1].split("\n}")[0]
    words = re.findall(r"^    ([A-Z]\w*),$", body, re.MULTILINE)
    assert [re.sub(r"(?<!^)(?=[A-Z])", "_", word).lower() for word in words] == list(get_args(alias))


def test_a_task_of_a_plan_has_the_keys_of_the_schema() -> None:
    properties = aura.plan_schema()["$defs"]["Task"]["properties"]
    assert set(get_type_hints(types.PlanTask)) == set(properties)


def test_options_have_the_keys_of_the_library() -> None:
    samples = json.loads((ROOT / "tests" / "samples" / "options.json").read_text())
    for name, shape in (("policy", types.Policy), ("run", types.RunOptions), ("complete", types.CompleteOptions)):
        assert misfit(samples[name], shape) is None and set(samples[name]) == set(get_type_hints(shape))
    assert set(get_type_hints(types.PolicyOptions)) == set(get_type_hints(types.Policy))
