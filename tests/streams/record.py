#!/usr/bin/env python3
"""Records what real agents print while the scripted model answers them: one directory for each agent, two files for each case.

    cargo xtask test rust --extended        installs the agents and builds the scripted model
    tests/streams/record.py [AGENT[/CASE]..]

CASE.stdout is the standard output; CASE.json says how the agent was started, how it ended, its standard error and the files it
changed. Paths, ids and times are replaced, so that recordings of the same version can be compared.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
AGENTS = Path(os.environ.get("AURA_AGENTS", ROOT / "target/agents"))
NPM = AGENTS / "npm/node_modules"
MORE = AGENTS / "extended/node_modules"

PROMPT = """# Task

**Say hello** (task `hello` of the story "Greetings")

## Description

Create hello.txt.
"""

# The session that is begun, and one that nobody knows.
SESSIONS = ("7b1f7f0e-0000-4000-8000-000000000001", "7b1f7f0e-0000-4000-8000-00000000dead")

# What is asked of every agent: the scenario of the model, and how the agent is started otherwise than usual.
CASES = {
    "ok": ("ok", {}),
    "two": ("two", {}),
    "retried": ("s429x1+ra1", {}),
    "s429": ("s429+ra1", {}),
    "quota": ("quota", {}),
    "s401": ("s401", {}),
    "s400": ("s400", {}),
    "s500": ("s500", {}),
    "close": ("close", {}),
    "midclose": ("midclose", {}),
    "badargs": ("badargs", {}),
    "denied": ("ok", {"yolo": False}),
    "no-login": ("ok", {"login": False}),
    "no-session": ("ok", {"resume": SESSIONS[1]}),
    "stopped": ("long", {"stop": True}),
}

# Cases that say nothing about an agent: aider neither streams nor calls tools nor resumes, Gemini's arguments are objects.
NOTHING = {"aider": {"two", "midclose", "badargs", "no-session", "stopped"}, "gemini": {"badargs"}}


def copilot(url, home, yolo=True, login=True, resume=None):
    env = {"COPILOT_HOME": f"{home}/copilot", "COPILOT_CACHE_HOME": str(AGENTS / "copilot-cache"), "COPILOT_AUTO_UPDATE": "false"}
    if login:
        env |= {
            "COPILOT_OFFLINE": "true",
            "COPILOT_PROVIDER_TYPE": "openai",
            "COPILOT_PROVIDER_WIRE_API": "completions",
            "COPILOT_PROVIDER_BASE_URL": f"{url}/v1",
            "COPILOT_PROVIDER_API_KEY": "fake",
            "COPILOT_MODEL": "gpt-4.1",
        }
    argv = [str(NPM / "@github/copilot-linux-x64/copilot")] + ["--yolo"] * yolo
    argv += "--output-format json --no-color --no-auto-update --no-ask-user --disable-builtin-mcps --log-level none".split()
    argv += [f"--resume={resume}"] if resume else ["--session-id", SESSIONS[0]]
    return argv, env


def claude(url, home, yolo=True, login=True, resume=None):
    env = {
        "CLAUDE_CONFIG_DIR": f"{home}/claude",
        "ANTHROPIC_BASE_URL": url,
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "IS_SANDBOX": "1",
        "CLAUDE_CODE_MAX_RETRIES": "2",
    }
    if login:
        env["ANTHROPIC_API_KEY"] = "fake"
    argv = [str(NPM / ".bin/claude"), "-p"] + ["--dangerously-skip-permissions"] * yolo
    argv += "--output-format stream-json --verbose --model claude-sonnet-4-5".split()
    argv += ["--resume", resume] if resume else ["--session-id", SESSIONS[0]]
    return argv, env


def codex(url, home, yolo=True, login=True, resume=None):
    os.makedirs(f"{home}/codex", exist_ok=True)
    env = {"CODEX_HOME": f"{home}/codex"}
    if login:
        env["FAKE_KEY"] = "fake"
    provider = f'{{name="fake",base_url="{url}/v1",env_key="FAKE_KEY",wire_api="responses",request_max_retries=1,stream_max_retries=2,stream_idle_timeout_ms=5000}}'
    native = next((NPM / "@openai/codex-linux-x64/vendor").glob("*/bin/codex"))
    argv = [str(native), "exec"] + ["--dangerously-bypass-approvals-and-sandbox"] * yolo
    argv += "--json --skip-git-repo-check -m gpt-5 -c model_provider=fake".split() + ["-c", f"model_providers.fake={provider}"]
    argv += "--disable plugins --disable apps -c analytics.enabled=false -c check_for_update_on_startup=false".split()
    argv += (["resume", resume] if resume else []) + ["-"]
    return argv, env


def gemini(url, home, yolo=True, login=True, resume=None):
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "general": {"enableAutoUpdate": False, "disableAutoUpdate": True, "maxAttempts": 2},
        "privacy": {"usageStatisticsEnabled": False},
    }
    os.makedirs(f"{home}/gemini/.gemini", exist_ok=True)
    if login:
        Path(f"{home}/gemini/.gemini/settings.json").write_text(json.dumps(settings))
    env = {
        "GEMINI_CLI_HOME": f"{home}/gemini",
        "GOOGLE_GEMINI_BASE_URL": url,
        "GEMINI_CLI_TRUST_WORKSPACE": "true",
        "GEMINI_TELEMETRY_ENABLED": "false",
        "GEMINI_CLI_NO_RELAUNCH": "true",
    }
    if login:
        env["GEMINI_API_KEY"] = "fake"
    argv = [str(MORE / ".bin/gemini")] + ["--yolo"] * yolo + "--output-format stream-json -m gemini-2.5-pro".split()
    argv += ["--resume", resume] if resume else ["--session-id", SESSIONS[0]]
    return argv, env


def opencode(url, home, yolo=True, login=True, resume=None):
    model = {"name": "m", "limit": {"context": 100000, "output": 8000}}
    provider = {"npm": "@ai-sdk/openai-compatible", "name": "fake", "options": {"baseURL": f"{url}/v1", "apiKey": "fake"}, "models": {"m": model}}
    config = {"autoupdate": False, "share": "disabled", "model": "fake/m", "small_model": "fake/m"}
    if login:
        config["provider"] = {"fake": provider}
    env = {f"XDG_{kind}_HOME": f"{home}/opencode/{kind.lower()}" for kind in ("CONFIG", "DATA", "CACHE", "STATE")}
    env |= {f"OPENCODE_DISABLE_{what}": "1" for what in ("AUTOUPDATE", "MODELS_FETCH", "DEFAULT_PLUGINS")}
    env["OPENCODE_CONFIG_CONTENT"] = json.dumps(config)
    argv = [str(MORE / ".bin/opencode"), "run", "--format", "json", "-m", "fake/m", "--title", "hello"] + ["--auto"] * yolo
    argv += ["--session", resume] if resume else []
    return argv, env


def aider(url, home, yolo=True, login=True, resume=None):
    env = {"OPENAI_API_BASE": f"{url}/v1", "AIDER_ANALYTICS": "false", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    if login:
        env["OPENAI_API_KEY"] = "fake"
    Path(f"{home}/prompt.md").write_text(PROMPT)
    argv = [str(AGENTS / "aider/bin/aider"), "--model", "openai/fake-model", "--message-file", f"{home}/prompt.md"] + ["--yes-always"] * yolo
    argv += "--no-auto-commits --no-check-update --no-show-model-warnings --no-analytics --no-pretty --no-stream --no-gitignore".split()
    argv += "--map-tokens 0 --edit-format whole hello.txt".split()
    return argv, env


STARTS = {f.__name__: f for f in (copilot, claude, codex, gemini, opencode, aider)}
VERSIONS = {}


class Names:
    """Replaces what differs from run to run by names that do not."""

    def __init__(self, paths):
        self.paths = sorted(paths.items(), key=lambda pair: -len(pair[0]))
        self.seen = {}

    def number(self, kind, text):
        return self.seen.setdefault((kind, text), sum(k == kind for k, _ in self.seen) + 1)

    def clean(self, text):
        for path, name in self.paths:
            text = text.replace(path, name)
        text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8080", text)
        text = re.sub(rf"(?<![\w.-]){re.escape(socket.gethostname())}(?![\w-])", "host", text)
        uuid = r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
        number = lambda m: m.group() if m.group() in SESSIONS else "00000000-0000-4000-8000-%012d" % self.number("uuid", m.group())
        text = re.sub(uuid, number, text)
        ids = r"\b(ses|msg|prt|call|toolu|req|fc|resp|chatcmpl|r)_([0-9A-Za-z]{12,})\b"
        text = re.sub(ids, lambda m: "%s_%020d" % (m.group(1), self.number(m.group(1), m.group())), text)
        text = re.sub(r"\b202\d-\d\d-\d\d([T ])\d\d:\d\d:\d\d(?:\.\d+)?(Z?)", r"2026-01-01\g<1>00:00:00\2", text)
        text = re.sub(r"\b202\d-\d\d-\d\dT\d\d-\d\d-\d\d-\d+Z", "2026-01-01T00-00-00-000Z", text)
        text = re.sub(r"_1[78]\d{11}_", "_1767225600000_", text)
        times = r'"([A-Za-z_]*(?:[dD]uration|[tT]ime|timestamp|start|end|ttft|[dD]elay)[A-Za-z_]*)":\s?(\d+(?:\.\d+)?)(?=[,}\]])'
        text = re.sub(times, lambda m: f'"{m.group(1)}":{100 if m.group(2) != "0" else 0}', text)
        text = re.sub(r'"(gitCommitHash|hash|snapshot|head|baseCommit)":"[0-9a-f]{7,64}"', r'"\1":"0000000"', text)
        text = re.sub(r"\b\d+(\.\d+)?(ms|s)\b", lambda m: "1" + m.group(2), text)
        return text


def record(agent, case, port, scratch):
    scenario, options = CASES[case]
    options = dict(options)
    stop = options.pop("stop", False)
    home, place = scratch / "home", scratch / "place"
    home.mkdir(parents=True)
    (scratch / "temporary").mkdir()
    place.mkdir()
    git = ["git", "-c", "user.name=A. User", "-c", "user.email=user@example.com", "-C", str(place)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "start"], check=True)
    url = f"http://127.0.0.1:{port}/{scenario}~{agent}-{case}"
    argv, more = STARTS[agent](url, home, **options)
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "TMPDIR": str(scratch / "temporary"), "AURA_ATTEMPT": scratch.name, "TZ": "UTC"} | more
    begun = time.monotonic()
    child = subprocess.Popen(argv, cwd=place, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        if stop:
            child.stdin.write(PROMPT.encode())
            child.stdin.close()
            child.stdin = None
            while not (place / "begun.txt").exists() and child.poll() is None and time.monotonic() < begun + 60:
                time.sleep(0.05)
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGINT)
            out, err = child.communicate(timeout=30)
        else:
            out, err = child.communicate(PROMPT.encode(), timeout=150)
        timed_out = False
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        out, err = child.communicate()
        timed_out = True
    took = time.monotonic() - begun
    sweep(f"AURA_ATTEMPT={scratch.name}")
    changed = subprocess.run([*git, "status", "--porcelain", "-uall"], capture_output=True, text=True, check=True).stdout.split("\n")
    names = Names({str(place): "/work/place", str(home): "/home/agent", str(NPM): "/agents", str(MORE): "/agents", str(AGENTS): "/agents", str(scratch): "/scratch", str(Path.home()): "/home/user", re.sub(r"[^0-9A-Za-z]", "-", str(scratch)): "-scratch"})
    clean = lambda data: names.clean(data.decode(errors="replace"))
    target = HERE / agent
    target.mkdir(exist_ok=True)
    # An agent that never gives up prints the same for ever.
    lines = clean(out).splitlines(keepends=True)[:200]
    (target / f"{case}.stdout").write_text("".join(lines))
    facts = {
        "version": version(agent, argv[0], env),
        "argv": [names.clean(word) for word in argv],
        "exit": child.returncode,
        "timed_out": timed_out,
        "stopped": stop,
        "changed": sorted(line[3:] for line in changed if line),
        "stderr": clean(err)[-4000:],
    }
    (target / f"{case}.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(f"{agent}/{case}: exit {child.returncode}{' (too long)' if timed_out else ''}, {took:.1f} s, {len(out)} bytes, {facts['changed']}", flush=True)


def sweep(marker):
    """Ends what the agent left behind, in whatever session."""
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (directory / "environ").read_bytes().split(b"\0"):
                os.kill(int(directory.name), signal.SIGKILL)
        except OSError:
            pass


def version(agent, program, env):
    if agent not in VERSIONS:
        out = subprocess.run([program, "--version"], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60).stdout
        VERSIONS[agent] = (re.search(r"\d+\.\d+\.\d+", out) or ["?"])[0]
    return VERSIONS[agent]


def main():
    wanted = sys.argv[1:] or ["copilot", "claude", "codex"]
    server = subprocess.Popen([str(TARGET / "debug/scripted-llm")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    port = json.loads(server.stdout.readline())["port"]
    try:
        for word in wanted:
            agent, _, case = word.partition("/")
            for case in [case] if case else [case for case in CASES if case not in NOTHING.get(agent, ())]:
                with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
                    record(agent, case, port, Path(scratch).resolve())
    finally:
        server.stdin.close()
        server.wait(10)


if __name__ == "__main__":
    main()
