"""A gate of one's own, in a script without an event loop: `python examples/python/own_gate.py`."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import aura


@aura.agent
def scribe(request: aura.AgentRequest) -> None:
    """Writes a file that is called like the task. A plain function runs in a thread."""
    text = "I hope that it works.\n" if request.attempt == 1 else "It works.\n"
    (request.workspace / f"{request.task['id']}.txt").write_text(text)


@aura.gate(at=["after_task", "final"])
def confident(request: aura.GateRequest) -> aura.GateResult:
    """Judges exactly the tree in `request.workspace`."""
    for path in sorted(request.workspace.glob("*.txt")):
        if "hope" in path.read_text():
            finding: aura.types.Finding = {"file": path.name, "line": 1, "message": "say it plainly"}
            return {"verdict": "failed", "findings": [finding]}
    return True


def main(repository: Path) -> None:
    """Creates, runs and lands a story; each call blocks, and Ctrl-C stops it."""
    plan = aura.Plan.new("Write the documentation", [{"id": "guide", "title": "The guide"}])
    orchestrator = aura.Orchestrator(repository, agents={"default": scribe}, gates=[confident])
    story = orchestrator.create_story_sync(plan=plan, policy={"backoff_ms": 1})
    orchestrator.run_sync(story)
    report = orchestrator.complete_sync(story, merge=True)
    print(report["outcome"], "after", report["retries"], "retry:", (repository / "guide.txt").read_text().strip())
    assert (report["outcome"], report["retries"]) == ("completed", 1)


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
        main(make_repository(Path(folder) / "app"))
