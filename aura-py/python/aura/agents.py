"""Agents that are ready to use: any program, the coding agents that Aura knows by their own protocols, and language models."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from aura._bridge import given
from aura.types import McpServers


class CommandAgent:
    """An agent of this module, as `command`, the presets and `llm` make it."""

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


def preset(
    name: str,
    *,
    model: str | None = None,
    yolo: bool | None = None,
    program: str | None = None,
    args: Sequence[str] | None = None,
    config_dir: str | os.PathLike[str] | None = None,
    role: str | None = None,
    mcp: McpServers | None = None,
    env: Mapping[str, str] | None = None,
    env_allow: Sequence[str] | None = None,
    sandbox: Sequence[str] | None = None,
) -> CommandAgent:
    """A coding agent that Aura knows: `copilot`, `claude`, `codex`, `gemini`, `opencode` or `aider`.

    Without `yolo=False` it may do everything without asking. `program` is where it is, `args` are further arguments, `config_dir` is
    its configuration, `role` a text before each prompt, `mcp` servers for it to use; the others are those of `command`.
    """
    folder = None if config_dir is None else os.fsdecode(config_dir)
    options = given(model=model, yolo=yolo, program=program, args=args, config_dir=folder, role=role, mcp=mcp)
    return CommandAgent({"preset": name, **options, **given(env=env, env_allow=env_allow, sandbox=sandbox)})


def acp(
    argv: Sequence[str],
    *,
    model: str | None = None,
    yolo: bool | None = None,
    role: str | None = None,
    mcp: McpServers | None = None,
    env: Mapping[str, str] | None = None,
    env_allow: Sequence[str] | None = None,
    sandbox: Sequence[str] | None = None,
) -> CommandAgent:
    """A program that speaks the Agent Client Protocol, such as `["opencode", "acp"]`.

    Without `yolo=False` whatever it asks for is allowed. `model` is one that it offers, `role` a text before each prompt, `mcp` servers
    for it to use; the others are those of `command`.
    """
    options = given(acp=argv, model=model, yolo=yolo, role=role, mcp=mcp)
    return CommandAgent({**options, **given(env=env, env_allow=env_allow, sandbox=sandbox)})


def llm(
    model: str,
    *,
    endpoint: str | None = None,
    key: str | None = None,
    role: str | None = None,
    temperature: float | None = None,
) -> CommandAgent:
    """A language model that is asked over HTTP, for decompositions and reviews; it works on no task.

    The model is written as `provider::model`, as in `"anthropic::claude-sonnet-4-5"`. `endpoint` is the address of a server that speaks
    the provider's protocol, `key` the name of the variable of the environment that has the key, `role` a text that the model is told
    before every question, `temperature` from 0 to 2. Only in a build with the feature `llm`; opening an orchestrator says so otherwise.
    """
    options = given(model=model, endpoint=endpoint, key=key, role=role, temperature=temperature)
    return CommandAgent({"llm": options})


def copilot(*, model: str | None = None, yolo: bool | None = None) -> CommandAgent:
    """GitHub Copilot CLI; `preset` has more options."""
    return preset("copilot", model=model, yolo=yolo)


def claude(*, model: str | None = None, yolo: bool | None = None) -> CommandAgent:
    """Claude Code; `preset` has more options."""
    return preset("claude", model=model, yolo=yolo)


def codex(*, model: str | None = None, yolo: bool | None = None) -> CommandAgent:
    """Codex; `preset` has more options."""
    return preset("codex", model=model, yolo=yolo)


def gemini(*, model: str | None = None, yolo: bool | None = None) -> CommandAgent:
    """Gemini CLI; `preset` has more options."""
    return preset("gemini", model=model, yolo=yolo)


def opencode(*, model: str | None = None, yolo: bool | None = None) -> CommandAgent:
    """OpenCode; `preset` has more options."""
    return preset("opencode", model=model, yolo=yolo)


def aider(*, model: str | None = None, yolo: bool | None = None) -> CommandAgent:
    """aider; `preset` has more options."""
    return preset("aider", model=model, yolo=yolo)


__all__ = ["CommandAgent", "acp", "aider", "claude", "codex", "command", "copilot", "gemini", "llm", "opencode", "preset"]
