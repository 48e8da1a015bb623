"""Gates that are ready to use."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import cast

from aura._bridge import call, given
from aura.types import DetectedGate, FlakyPolicy, GateSchedule


class CommandGate:
    """A program that judges by its exit code."""

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
) -> CommandGate:
    """A program as a gate; `timeout` is in seconds.

    `env` is added to its environment, `env_allow` names variables of this process that it may see besides the usual ones, and
    `sandbox` is a command that is put in front of it.
    """
    options = given(command=argv, env=env, env_allow=env_allow, sandbox=sandbox)
    return CommandGate({"name": name, **options, **rules(at, required, flaky, timeout)})


def rules(
    at: Sequence[GateSchedule] | None,
    required: bool | None,
    flaky: FlakyPolicy | None,
    timeout: float | None,
) -> dict[str, object]:
    """When a gate judges and what its verdict means, in the library's words."""
    timeout_ms = None if timeout is None else round(timeout * 1000)
    return given(at=at, required=required, flaky=flaky, timeout_ms=timeout_ms)


def detect(path: str | os.PathLike[str]) -> list[DetectedGate]:
    """The gates that the project at `path` seems to want."""
    return cast("list[DetectedGate]", call("detect_gates", path=os.fsdecode(path)))


__all__ = ["CommandGate", "command", "detect"]
