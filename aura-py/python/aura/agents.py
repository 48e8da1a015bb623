"""Agents that are ready to use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aura._bridge import given


class CommandAgent:
    """A program that reads a prompt from its standard input and edits its directory."""

    def __init__(self, options: dict[str, object]) -> None:
        self.options = options


def command(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    env_allow: Sequence[str] | None = None,
    sandbox: Sequence[str] | None = None,
) -> CommandAgent:
    """A program as an agent.

    `env` is added to its environment, `env_allow` names variables of this process that it may see besides the usual ones, and
    `sandbox` is a command that is put in front of it.
    """
    return CommandAgent(given(command=argv, env=env, env_allow=env_allow, sandbox=sandbox))


__all__ = ["CommandAgent", "command"]
