"""Gates that are ready to use."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import cast

from aura._bridge import call, given
from aura.types import DetectedGate, FlakyPolicy, GateSchedule


class CommandGate:
    """A gate that is ready to use."""

    def __init__(self, options: dict[str, object]) -> None:
        self.options = options


def command(
    name: str,
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    env_allow: Sequence[str] | None = None,
    sandbox: Sequence[str] | None = None,
    at: Sequence[GateSchedule] | None = None,
    required: bool | None = None,
    flaky: FlakyPolicy | None = None,
    timeout: float | None = None,
    counts_tests: bool | None = None,
    reviews: bool | None = None,
) -> CommandGate:
    """A program as a gate; `timeout` is in seconds.

    With `counts_tests` it runs tests, and is red on a candidate on which fewer of them run than on the accepted head. With `reviews` it
    is what a plan requires that requires a review.

    `env` is added to its environment, `env_allow` names variables of this process that it may see besides the usual ones, and
    `sandbox` is a command that is put in front of it.
    """
    options = given(command=argv, env=env, env_allow=env_allow, sandbox=sandbox)
    return CommandGate({"name": name, **options, **rules(at, required, flaky, timeout, counts_tests, reviews)})


def rules(
    at: Sequence[GateSchedule] | None,
    required: bool | None,
    flaky: FlakyPolicy | None,
    timeout: float | None,
    counts_tests: bool | None,
    reviews: bool | None,
) -> dict[str, object]:
    """When a gate judges and what its verdict means, in the library's words."""
    timeout_ms = None if timeout is None else round(timeout * 1000)
    return given(
        at=at, required=required, flaky=flaky, timeout_ms=timeout_ms, counts_tests=counts_tests, reviews=reviews
    )


def protected_paths(paths: Sequence[str] = ()) -> CommandGate:
    """A gate that asks for a person where a task changed what judges it and does not declare that in its `files`.

    That are tests that were there, the configuration of CI, build and gate scripts, hooks, and the `paths`, directories and globs given
    here. New tests are welcome. The answers are `approve`, `retry` and `skip`.
    """
    return CommandGate({"protected": {"paths": list(paths)}})


def review(
    agent: str,
    *,
    name: str = "review",
    template: str | None = None,
    at: Sequence[GateSchedule] | None = None,
    required: bool | None = None,
    flaky: FlakyPolicy | None = None,
    timeout: float | None = None,
) -> CommandGate:
    """An agent that judges each task's own work against the task and its acceptance criteria.

    `agent` is the name of one of the orchestrator's agents. What it finds is the evidence of the task's next try; one that cannot answer
    approves nothing. `template` takes the place of the library's prompt; `timeout` is in seconds.
    """
    asked = given(agent=agent, template=template)
    return CommandGate({"name": name, "review": asked, **rules(at, required, flaky, timeout, None, None)})


def secrets(external: Sequence[str] | None = None) -> CommandGate:
    """A gate that looks for secrets in the lines that each task's own work adds: a net, not a wall.

    `external` is a program that takes the arguments of `gitleaks`, in place of the built-in rules.
    """
    return CommandGate({"secrets": given(external=external)})


def detect(path: str | os.PathLike[str]) -> list[DetectedGate]:
    """The gates that the project at `path` seems to want."""
    return cast("list[DetectedGate]", call("detect_gates", path=os.fsdecode(path)))


__all__ = ["CommandGate", "command", "detect", "protected_paths", "review", "secrets"]
