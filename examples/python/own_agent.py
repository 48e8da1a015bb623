"""An agent of one's own that learns from what a gate found: `python examples/python/own_agent.py`."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from pathlib import Path

import aura


class Scribe:
    """Writes a file that is called like the task; properly once it was told how."""

    version = "1"

    async def run(self, request: aura.AgentRequest) -> str:
        """Works on one task. A model would be asked `request.prompt`."""
        request.output(f"try {request.attempt} in {request.workspace.name}")
        ending = ".\n" if "full stop" in request.prompt else "\n"
        (request.workspace / f"{request.task['id']}.txt").write_text(request.task["title"] + ending)
        return "written"


async def main(repository: Path) -> None:
    """Runs a story in which each first try is refused."""
    plan = aura.Plan.new("Write a letter", [{"id": "greeting", "title": "Dear reader"}, {"id": "end", "title": "Yours"}])
    check = "! grep -L '\\.$' *.txt | grep . || { echo 'a full stop is missing'; exit 1; }"
    gates = [aura.gates.command("stops", ["sh", "-c", check], at=["after_task", "final"])]
    async with aura.Orchestrator(repository, agents={"default": Scribe()}, gates=gates) as orchestrator:
        story = await orchestrator.create_story(plan=plan, policy={"backoff_ms": 1})
        run = await orchestrator.run(story)
        async for event in run:
            if event["type"] == "agent.output":
                print(event["task"], "-", event["line"])
        report = await run.wait()
    print(report["outcome"], "after", report["retries"], "retries")
    assert (report["outcome"], report["retries"]) == ("ready_to_complete", 2)


def make_repository(path: Path) -> Path:
    """A repository with one commit."""
    path.mkdir()
    (path / "README.md").write_text("# A book in many parts\n")
    for words in (
        "init --quiet --initial-branch=main",
        "config user.name Example",
        "config user.email example@example.invalid",
        "add --all",
        "commit --quiet --message=Begin",
    ):
        subprocess.run(["git", *words.split()], cwd=path, check=True)
    return path


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(make_repository(Path(folder) / "app")))
