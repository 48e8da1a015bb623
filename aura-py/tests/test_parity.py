"""Everything that the library can do by now is there, under the same names and in the same order."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from support import ROOT

import aura
from aura import _aura

#: Members that only a language has.
OWN = {"open", "close", "run", "complete", "create_story_sync", "run_sync", "complete_sync"}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "plan_new": aura.Plan.new,
    "plan_parse": aura.Plan.parse,
    "plan_load": aura.Plan.load,
    "plan_from_answer": aura.Plan.from_answer,
    "plan_to_yaml": aura.Plan.to_yaml,
    "plan_graph": aura.Plan.graph,
    "plan_schema": aura.plan_schema,
    "detect_gates": aura.gates.detect,
}


def public(kind: type) -> list[str]:
    """The methods of a class that people may call, in order."""
    return [name for name, member in vars(kind).items() if inspect.isfunction(member) and name[0] != "_"]


def options(function: Callable[..., Any]) -> list[str]:
    """The names of what can be said, in order."""
    return [name for name in inspect.signature(function).parameters if name not in ("self", "story")]


def members(struct: str, path: str) -> list[str]:
    """The fields of a struct of the library."""
    text = (ROOT / "aura-core" / "src" / path).read_text()
    return re.findall(r"^    (?:pub )?(\w+):", text.split(f"struct {struct} {{")[1].split("\n}")[0], re.MULTILINE)


def test_methods() -> None:
    found = [name for name in public(aura.Orchestrator) if name not in OWN]
    assert found == _aura.METHODS


def test_methods_of_a_run() -> None:
    assert [name for name in public(aura.Run) if name != "wait"] == _aura.RUN_METHODS


def test_functions() -> None:
    assert list(FUNCTIONS) == _aura.FUNCTIONS


def test_errors() -> None:
    kinds = {kind.kind: kind for kind in aura.Error.__subclasses__()}
    assert list(kinds) == _aura.ERROR_KINDS
    for name, kind in kinds.items():
        assert kind.__name__ == "".join(word.capitalize() for word in name.split("_"))
        assert getattr(aura, kind.__name__) is kind and kind.__doc__
        assert issubclass(kind, aura.Error) and kind("x", help="y").help == "y"


def test_options_of_a_run() -> None:
    for run in (aura.Orchestrator.run, aura.Orchestrator.run_sync):
        assert options(run) == members("RunOptions", "model/policy.rs")
    for complete in (aura.Orchestrator.complete, aura.Orchestrator.complete_sync):
        assert options(complete) == members("CompleteOptions", "model/policy.rs")


def test_options_of_decomposing() -> None:
    assert options(aura.Orchestrator.decompose) == members("DecomposeOptions", "model/decompose.rs")


def test_options_of_opening_and_creating() -> None:
    assert options(aura.Orchestrator) == members("OpenOptions", "embed/open.rs")
    for create in (aura.Orchestrator.create_story, aura.Orchestrator.create_story_sync):
        assert options(create) == members("Create", "embed/engine.rs")
    agent = [name for name in members("AgentOptions", "embed/open.rs") if name not in ("host", "llm")]
    assert options(aura.agents.llm) == members("LlmOptions", "embed/llm.rs")
    start, end = agent.index("preset"), agent.index("env")
    said = ["preset" if name == "name" else name for name in options(aura.agents.preset)]
    assert said == agent[start:]
    said = ["acp" if name == "argv" else name for name in options(aura.agents.acp)]
    only_presets = ("command", "preset", "program", "args", "config_dir")
    assert said == [name for name in agent if name not in only_presets]
    said = ["command" if name == "argv" else name for name in options(aura.agents.command)]
    assert said == ["command", *agent[end:]]
    gate = [name.removesuffix("_ms") for name in members("GateOptions", "embed/open.rs") if name != "host"]
    others = ("review", "protected", "secrets")
    said = ["command" if name == "argv" else name for name in options(aura.gates.command)]
    assert said == [name for name in gate if name not in others]
    said = [name for name in options(aura.gates.review) if name not in ("agent", "template")]
    assert said == [name for name in ("name", "at", "required", "flaky", "timeout") if name in gate]


def test_agents_that_are_ready_to_use() -> None:
    text = (ROOT / "aura-core" / "src" / "agent" / "presets.rs").read_text()
    presets = re.findall(r"^pub fn (\w+)\(\) -> CliAgent", text, re.MULTILINE)
    assert len(presets) > 5
    for name in presets:
        made = getattr(aura.agents, name)(model="m", yolo=False)
        assert made.options == {"preset": name, "model": "m", "yolo": False}


def test_everything_public_is_documented() -> None:
    for name in aura.__all__:
        thing = getattr(aura, name)
        assert inspect.getdoc(thing) or name in ("AgentResult", "GateResult"), name
    for kind in (aura.Orchestrator, aura.Run, aura.Plan):
        assert all(inspect.getdoc(getattr(kind, name)) for name in public(kind))
    assert sorted(aura.__all__, key=lambda name: (name[0].islower(), name)) == aura.__all__


@pytest.mark.parametrize("function", [*_aura.FUNCTIONS, "nothing"])
def test_what_is_not_understood_is_refused(function: str) -> None:
    with pytest.raises(_aura.Failure) as failure:
        _aura.call(function, json.dumps({"unknown": 1}))
    assert json.loads(str(failure.value))["kind"] == "invalid_input"
