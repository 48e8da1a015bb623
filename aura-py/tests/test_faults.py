"""Faults between the two languages: the host never aborts and never hangs, and the story can go on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import faults
import pytest
from support import WATCHDOG, aura_command, chain, child, git, make_repository, opened, write

import aura

PROGRAM = Path(__file__).with_name("faults.py")


def suffer(name: str, repository: Path, exit: int = 0, stderr: str = "") -> list[dict[str, Any]]:
    """Runs a fault to its end; returns what it said. `stderr` is what it may complain of."""
    done = child(PROGRAM, name, repository)
    assert done.returncode == exit, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    if stderr:
        assert stderr in done.stderr
    else:
        assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


class Victim:
    """A child that is watched line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None and process.stderr is not None
        self._out: IO[str] = process.stdout
        self._err: IO[str] = process.stderr

    def said(self) -> dict[str, Any]:
        """The next thing it says."""
        line = self._out.readline()
        assert line, f"it ended: {self._err.read()}"
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> tuple[int, list[dict[str, Any]], str]:
        """Exit code, what else it said, and what it complained of."""
        rest, complaints = self._out.read(), self._err.read()
        return self.process.wait(), [json.loads(line) for line in rest.splitlines()], complaints


@contextmanager
def victim(name: str, repository: Path) -> Generator[Victim, None, None]:
    """A fault under way. The watchdog kills it, so that nothing here waits for ever."""
    with subprocess.Popen(
        [sys.executable, "-X", "faulthandler", PROGRAM, name, repository],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        watchdog = threading.Timer(WATCHDOG, process.kill)
        watchdog.start()
        try:
            yield Victim(process)
        finally:
            watchdog.cancel()
            process.kill()


def finish(repository: Path, *ids: str) -> None:
    """Another host goes on with the story of a repository, to its end."""

    async def main() -> None:
        gate = aura.gate(name="check")(lambda request: True)
        async with opened(repository, write, gate) as orchestrator:
            story = await orchestrator.find_story()
            report = await (await orchestrator.run(story)).wait()
            if report["outcome"] != "ready_to_complete":
                # A cancel or a pause had begun, which is brought to its end first.
                report = await (await orchestrator.run(story)).wait()
            assert report["outcome"] == "ready_to_complete", report
            assert report["accepted"] == list(ids)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("raises_synchronously", {"failed": "exit", "error": "ValueError: before anything"}),
        ("raises_asynchronously", {"failed": "exit", "error": "ValueError: after a while"}),
        ("raises_what_cannot_be_shown", {"failed": "exit"}),
        ("takes_no_request", {"failed": "exit", "error": "positional argument"}),
        ("cancels_itself", {"failed": "exit"}),
        ("returns_a_wrong_type", {"failed": "broken", "outcome": "paused"}),
        ("returns_no_json", {"failed": "exit", "error": "TypeError"}),
        ("returns_half_a_character", {"status": "completed"}),
        ("returns_not_a_number", {"failed": "exit"}),
        ("returns_itself", {"failed": "exit", "error": "Circular reference"}),
        ("returns_very_much", {"status": "completed"}),
        ("gate_returns_a_wrong_type", {"outcome": "paused", "reason": "not understood"}),
        ("gate_raises", {"outcome": "paused", "reason": "no database"}),
        ("gate_never_returns", {"outcome": "paused", "reason": "still works in"}),
        ("never_returns", {"failed": "timeout"}),
        ("thread_never_returns", {"failed": "timeout"}),
        ("blocks_the_event_loop", {"failed": "timeout"}),
        ("exits_in_a_thread", {"failed": "exit", "error": "SystemExit: not now"}),
        ("floods", {"status": "completed"}),
    ],
)
def test_what_agents_and_gates_do(repository: Path, name: str, told: dict[str, str]) -> None:
    [found] = suffer(name, repository)
    for key, text in told.items():
        assert text in str(found[key]), found


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("everything_is_collected", [{"alive": True}]),
        ("collected_while_the_loop_goes_on", [{"outcome": "paused"}]),
        ("opens_and_closes_often", [{"left": 0}]),
        ("calls_back", [{"inner": "ready_to_complete"}, {"outcome": "ready_to_complete"}]),
        ("worker_threads", [{"outcome": "ready_to_complete", "seen": 32}]),
        (
            "blocking_calls_in_threads",
            [
                {"outcomes": ["ready_to_complete"] * 4, "stories": 4},
                {"outcome": "completed"},
                {"outcome": "ready_to_complete"},
            ],
        ),
        ("two_orchestrators", [{"busy": "story_busy"}, {"outcome": "ready_to_complete"}]),
    ],
)
def test_handles_and_threads(repository: Path, name: str, told: list[dict[str, Any]]) -> None:
    found = [said for said in suffer(name, repository) if "story" not in said]
    assert found == told


def test_blocking_calls_in_a_backend(repository: Path) -> None:
    inner, outer = suffer("blocks_in_a_backend", repository)
    assert (inner["inner"], outer["outcome"]) == ("ready_to_complete", "ready_to_complete")


def test_blocking_calls_in_a_running_loop(repository: Path) -> None:
    [said] = suffer("blocks_in_a_running_loop", repository)
    assert "run_sync" in said["error"] and "await" in said["error"]


def test_use_after_close(repository: Path) -> None:
    first, second = suffer("used_after_close", repository)
    assert "closed" in first["error"] and "open" in first["help"] and first["outcome"] == "cancelled"
    assert "closed" in second["error"]


def test_the_loop_ends_with_work_in_flight(repository: Path) -> None:
    _, refused, again = suffer("loop_ends_with_work_in_flight", repository)
    assert "event loop" in refused["refused"] and again["outcome"] == "ready_to_complete"


def test_the_loop_is_closed_hard(repository: Path) -> None:
    [refused] = suffer("loop_is_closed_hard", repository)
    assert "event loop" in refused["refused"]


@pytest.mark.parametrize(
    ("name", "code"),
    [("interpreter_exits", 0), ("exits_in_an_agent", 7), ("exits_while_waiting", 7), ("exits_at_once", 7)],
)
def test_the_end_of_the_interpreter(repository: Path, name: str, code: int) -> None:
    done = child(PROGRAM, name, repository)
    assert done.returncode == code, f"{done.returncode}\n{done.stderr}"
    assert "panicked" not in done.stderr and "Fatal" not in done.stderr and "Exception ignored" not in done.stderr
    plans = {"interpreter_exits": ("a", "b", "c"), "exits_in_an_agent": ("a",)}
    finish(repository, *plans.get(name, ("a", "b")))


def test_the_interpreter_ends_well_each_time(tmp_path: Path) -> None:
    for turn in range(5):
        suffer("interpreter_exits", make_repository(tmp_path / f"run-{turn}"))
        suffer("exits_in_native_calls", make_repository(tmp_path / f"calls-{turn}"))


def test_ctrl_c_cancels_and_keeps_the_state(repository: Path) -> None:
    with victim("interrupted", repository) as process:
        assert process.said() == {"started": True}
        process.process.send_signal(signal.SIGINT)
        assert process.said() == {"interrupted": True}
        code, said, complaints = process.end()
    assert (code, said, complaints) == (0, [{"outcome": "cancelled"}], "")
    finish(repository, "a", "b")


def test_a_second_ctrl_c_waits_for_nothing(repository: Path) -> None:
    with victim("interrupted_twice", repository) as process:
        assert process.said() == {"started": True}
        process.process.send_signal(signal.SIGINT)
        assert process.said() == {"cancelling": True}
        process.process.send_signal(signal.SIGINT)
        code, _, complaints = process.end()
    assert code == -signal.SIGINT and complaints.rstrip().endswith("KeyboardInterrupt")
    finish(repository, "a")


def test_ctrl_c_in_a_coroutine(repository: Path) -> None:
    with victim("interrupted_in_a_coroutine", repository) as process:
        assert process.said() == {"started": True}
        process.process.send_signal(signal.SIGINT)
        code, _, complaints = process.end()
    assert code == -signal.SIGINT and complaints.rstrip().endswith("KeyboardInterrupt")
    finish(repository, "a")


def test_a_handler_of_the_program_stays(repository: Path) -> None:
    with victim("program_has_its_own_handler", repository) as process:
        assert process.said() == {"started": True}
        process.process.send_signal(signal.SIGINT)
        code, said, complaints = process.end()
    assert (code, said, complaints) == (0, [{"outcome": "ready_to_complete", "calls": 1}], "")


def test_a_forked_child_is_refused(repository: Path) -> None:
    child, parent = suffer("forked", repository)
    assert len(child["refused"]) == 2 and all("forked" in text for text in child["refused"])
    assert child["picture"] is None and child["tasks"] == 1
    assert parent == {"outcome": "ready_to_complete", "child": 3}
    child, parent = suffer("forked_in_a_loop", make_repository(repository.parent / "loop"))
    assert "forked" in child["refused"]
    assert parent == {"outcome": "ready_to_complete", "child": 3}


def test_a_child_that_was_forked_before(repository: Path) -> None:
    make_repository(repository.parent / "other")
    said = suffer("forked_before_it_opens", repository)
    assert [line["status"] for line in said if "status" in line] == ["completed", "completed"]
    assert said[-1] == {"child": 0}


@pytest.mark.parametrize("deadly", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_host_is_taken_up(repository: Path, deadly: signal.Signals) -> None:
    with victim("waits", repository) as process:
        assert process.said() == {"started": True}
        process.process.send_signal(deadly)
        assert process.end()[0] == -deadly
    finish(repository, "a", "b")
    assert git(repository, "rev-parse", "--verify", "HEAD")


def test_a_killed_host_is_taken_up_by_another_language(repository: Path) -> None:
    with victim("waits", repository) as process:
        assert process.said() == {"started": True}
        process.process.send_signal(signal.SIGKILL)
        process.end()
    # The interrupted run had an agent and a gate that only Python has.
    done = aura_command(repository, "story", "run", "--json")
    assert done.returncode == 2 and "default" in done.stderr, done.stderr
    agent = "sh -c 'echo rust > $AURA_TASK.txt'"
    done = aura_command(repository, "story", "run", "--agent-command", agent, "--no-gates", "--accept-config")
    assert done.returncode == 2 and "check" in done.stderr, done.stderr

    async def missing() -> None:
        async with aura.Orchestrator(repository) as orchestrator:
            story = await orchestrator.find_story()
            with pytest.raises(aura.BackendMissing):
                await orchestrator.run(story)
        async with opened(repository, write) as orchestrator:
            with pytest.raises(aura.GateMissing):
                await orchestrator.run(story)

    asyncio.run(missing())
    finish(repository, "a", "b")
    done = aura_command(repository, "story", "status", "--json")
    assert json.loads(done.stdout)["status"] == "ready_to_complete"


def test_python_takes_up_what_rust_began(repository: Path) -> None:
    (repository / "plan.json").write_text(json.dumps(chain("a", "b").to_dict()["tasks"]))
    done = aura_command(
        repository, "run", "plan.json", "--agent-command", "sh -c 'echo rust > $AURA_TASK.txt'", "--no-gates"
    )
    assert done.returncode == 0, done.stderr

    async def main() -> None:
        async with aura.Orchestrator(repository) as orchestrator:
            story = await orchestrator.find_story()
            with pytest.raises(aura.InvalidInput):
                await orchestrator.complete(story, merge=True)
            landing = await orchestrator.complete(story, merge=True, no_gates=True)
            assert (await landing.wait())["outcome"] == "completed"

    asyncio.run(main())
    assert git(repository, "show", "main:b.txt") == "rust\n"


def test_every_fault_is_suffered() -> None:
    text = Path(__file__).read_text()
    assert [name for name in faults.FAULTS if f'"{name}"' not in text] == []
    assert len(faults.FAULTS) >= 30 and os.name == "posix"
