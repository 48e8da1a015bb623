"""The examples, the command, and the built wheel."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from support import BINARIES, ROOT, WATCHDOG, child, git, make_repository

import aura

EXAMPLES = sorted((ROOT / "examples" / "python").glob("*.py"))


@pytest.mark.parametrize("program", EXAMPLES, ids=lambda path: path.stem)
def test_an_example(program: Path) -> None:
    assert len(program.read_text().splitlines()) < 60
    done = child(program)
    assert done.returncode == 0, done.stderr
    assert done.stdout and done.stderr == ""


def test_there_are_three_examples() -> None:
    assert [path.stem for path in EXAMPLES] == ["own_agent", "own_gate", "run_plan"]


def blocks_of_readme() -> list[str]:
    """The programs in the README."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "aura-py" / "README.md").read_text(), re.DOTALL)


def test_the_readme_runs(repository: Path, tmp_path: Path) -> None:
    first, second = blocks_of_readme()
    assert len([line for line in first.splitlines() if line]) == 10
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "my-agent").write_text("#!/bin/sh\necho done > $AURA_TASK.txt\n")
    (tools / "my-agent").chmod(0o755)
    (repository / "plan.yaml").write_text("title: Readme\ntasks: [{id: a, title: A}, {id: b, title: B}]\n")
    (repository / "Makefile").write_text("test:\n\tgrep done *.txt\n")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message=more")
    program = tmp_path / "readme.py"
    program.write_text(f"import os\nos.chdir({str(repository)!r})\n{first}")
    done = child(program, environment={"PATH": f"{tools}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "completed" and (repository / "b.txt").read_text() == "done\n"
    scope: dict[str, object] = {"aura": aura}
    exec(second, scope)
    assert isinstance(scope["scribe"], aura.FunctionAgent) and isinstance(scope["short"], aura.FunctionGate)


@pytest.mark.parametrize("what", ["aura", "aura-memory", "by-hand", "by-hand-git"])
def test_the_benchmark_measures(what: str) -> None:
    done = child(ROOT / "aura-py" / "bench" / "bench.py", "--one", what, "--tasks", "3")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["wall"] > 0 and figures["memory"] > 5


def test_the_command_is_the_same_program(repository: Path) -> None:
    script = str(Path(sys.executable).with_name("aura"))
    rust = str(BINARIES / "aura")
    for words in (["--help"], ["--version"], ["doctor"], ["story", "list"], ["nonsense"], ["plan", "nothing.yaml"]):
        found = [
            subprocess.run([*command, *words], cwd=repository, capture_output=True, text=True, timeout=WATCHDOG)
            for command in ([sys.executable, "-m", "aura"], [script], [rust])
        ]
        # What is free on the disk changes between two looks.
        said = [re.sub(r"(?m)^(ok +disk:).*$", r"\1", done.stdout) for done in found]
        assert len({(done.returncode, text, done.stderr) for done, text in zip(found, said)}) == 1, found


@pytest.mark.parametrize("script", [True, False])
def test_the_command_starts_itself_again(repository: Path, script: bool) -> None:
    (repository / "plan.json").write_text(json.dumps({"title": "T", "tasks": [{"id": "a", "title": "A"}]}))
    command = [str(Path(sys.executable).with_name("aura"))] if script else [sys.executable, "-m", "aura"]

    def run(*words: str | Path, directory: Path) -> str:
        done = subprocess.run(
            [*command, *words], cwd=directory, capture_output=True, text=True, timeout=WATCHDOG
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    agent = ["--agent-command", "sh -c 'echo a > a.txt'", "--no-gates"]
    story = run("run", "--repo", repository, repository / "plan.json", *agent, "--detach", directory=repository.parent)
    run("story", "wait", story, "--timeout", "60", directory=repository)
    # A package of that name in the current directory is not what is meant.
    (repository / "aura").mkdir()
    (repository / "aura" / "__init__.py").write_text("raise SystemExit('the wrong one')")
    if script:
        story = run("run", "plan.json", *agent, "--detach", directory=repository)
        run("story", "wait", story, "--timeout", "60", directory=repository)


def test_a_wheel_works_without_rust(tmp_path: Path) -> None:
    tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    words = ["--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(tmp_path), str(ROOT / "aura-py")]
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *words],
        env={**os.environ, "PATH": tools, "MATURIN_PEP517_ARGS": "--profile dev"}, capture_output=True, text=True, timeout=20 * WATCHDOG,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    [wheel] = tmp_path.glob("aura-*-cp39-abi3-*.whl")
    place = tmp_path / "environment"
    venv.create(place, with_pip=True)
    # Nothing of Rust, and only git of everything else.
    bare = {"PATH": f"{place / 'bin'}:/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}

    def run(*words: str | Path) -> str:
        done = subprocess.run(words, cwd=tmp_path, env=bare, capture_output=True, text=True, timeout=WATCHDOG)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("python", "-m", "pip", "install", "--quiet", "--no-index", wheel)
    assert "no-rust" in run("sh", "-c", "command -v cargo || echo no-rust")
    assert run("aura", "--version").startswith("aura ")
    for program in EXAMPLES:
        assert run("python", program)
    assert run("aura", "story", "list", "--json", "--repo", make_repository(tmp_path / "app")).strip() == "[]"
    files = run("python", "-m", "pip", "show", "--files", "aura")
    assert "aura/py.typed" in files and "aura/_aura.pyi" in files
