"""Runs a plan with a program as the agent and lands the result: `python examples/python/run_plan.py`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

import aura

PLAN = """
title: Write a trilogy
tasks:
  - { id: one,   title: The first part }
  - { id: two,   title: The second part, depends_on: [one] }
  - { id: three, title: The third part,  depends_on: [one] }
"""
# Any program that reads a prompt and edits its directory. This one writes a file that is called like the task.
AGENT = "import os; name = os.environ['AURA_TASK']; open(name + '.txt', 'w').write('A part.\\n')"


async def main(repository: Path) -> None:
    """The whole way of a story."""
    plan = aura.Plan.parse(PLAN, "plan.yaml")
    print("waves:", [wave["tasks"] for wave in plan.waves])
    agents = {"default": aura.agents.command([sys.executable, "-c", AGENT])}
    gates = [aura.gates.command("test", ["git", "grep", "-q", "part"])]
    async with aura.Orchestrator(repository, agents=agents, gates=gates) as orchestrator:
        story = await orchestrator.create_story(plan=plan)
        run = await orchestrator.run(story, max_parallel=2)
        async for event in run:
            if event["type"] == "task.accepted":
                print("accepted", event["task"], "as", event["commit"][:10])
        landing = await orchestrator.complete(story, merge=True)
        report = await landing.wait()
    print(report["outcome"], "with", len(report["accepted"]), "tasks on main")
    assert (repository / "three.txt").is_file()


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
