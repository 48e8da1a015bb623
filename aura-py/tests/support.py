"""What tests share: repositories, plans, small agents, children with a watchdog."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import aura
from aura.events import InternalEvent
from aura.types import PlanTask, PolicyOptions

ROOT = Path(__file__).resolve().parents[2]
#: The Rust programs of the test suite.
BINARIES = Path(os.environ.get("AURA_TEST_BIN", ROOT / "target" / "debug"))
#: After that long a child counts as hanging, in seconds. Nothing waits for it otherwise.
WATCHDOG = 120
#: Newer versions of Python warn of every fork of a process with threads.
FORKS = "ignore:This process (pid:DeprecationWarning"
#: Failures are told apart by what happened, so nothing needs to wait between tries.
QUICK: PolicyOptions = {"backoff_ms": 1, "backoff_max_ms": 1, "grace_ms": 300}


def types_of(union: Any) -> set[str]:
    """The values of `type` in a union of events."""
    return {get_args(get_type_hints(event)["type"])[0] for event in get_args(union)}


#: The events that a run does not tell.
INTERNAL = types_of(InternalEvent)


def make_repository(path: Path) -> Path:
    """A repository with one commit."""
    path.mkdir(parents=True)
    (path / "README.md").write_text("# An application\n")
    git(path, "init", "--quiet", "--initial-branch=main")
    git(path, "config", "user.name", "Tester")
    git(path, "config", "user.email", "tester@example.invalid")
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--message=start")
    return path


def git(path: Path, *words: str) -> str:
    """What git says."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *words], cwd=path, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


def chain(*ids: str) -> aura.Plan:
    """A plan in which each task waits for the one before."""
    tasks: list[PlanTask] = [{"id": id, "title": f"Write {id}"} for id in ids]
    for before, after in zip(ids, tasks[1:]):
        after["depends_on"] = [before]
    return aura.Plan.new("A chain", tasks)


def beside(*ids: str, no_change_ok: bool = False) -> aura.Plan:
    """A plan whose tasks wait for nothing."""
    return aura.Plan.new(
        "Side by side", [{"id": id, "title": f"Write {id}", "no_change_ok": no_change_ok} for id in ids]
    )


def write(request: aura.AgentRequest) -> None:
    """The work that most agents here do: a file that is called like the task."""
    (request.workspace / f"{request.task['id']}.txt").write_text(f"try {request.attempt}\n")


def opened(
    repository: Path,
    agent: Callable[[aura.AgentRequest], aura.AgentResult | Awaitable[aura.AgentResult]] | aura.Agent,
    *gates: aura.Gate | aura.gates.CommandGate,
) -> aura.Orchestrator:
    """An orchestrator with one agent of Python; still to be opened."""
    host = aura.agent(agent) if callable(agent) else agent
    return aura.Orchestrator(repository, agents={"default": host}, gates=list(gates))


def child(
    *words: str | Path, environment: Mapping[str, str] | None = None, timeout: float = WATCHDOG
) -> subprocess.CompletedProcess[str]:
    """Runs a Python program with a watchdog; a child that hangs fails the test."""
    return subprocess.run(
        [sys.executable, "-W", "default", "-W", FORKS, "-X", "faulthandler", *map(str, words)],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def aura_command(repository: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The `aura` command that Rust builds, in a repository."""
    return subprocess.run(
        [BINARIES / "aura", *words], cwd=repository, capture_output=True, text=True, timeout=WATCHDOG
    )
