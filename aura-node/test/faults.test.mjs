// Hosts that behave badly: none may abort, and none may hang. Each is a process of its own with a watchdog.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { PACKAGE, directory, git, program, repository, start } from "./support.mjs";

const CHILDREN = join(PACKAGE, "test", "faults", "children.mjs");

function child(name, repo, ...more) {
  return start(process.execPath, ["--expose-gc", CHILDREN, name, repo, ...more]);
}

/** Runs a host to its end and returns what it told. */
async function told(t, name, { code = 0, repo = repository(t) } = {}) {
  const end = await child(name, repo).done;
  assert.deepEqual({ code: end.code, signal: end.signal, hung: end.hung }, { code, signal: null, hung: false }, end.stderr);
  return end.stdout.trimEnd().split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

/** A host whose story can be gone on with: by itself, to the end. */
async function goesOn(t, repo) {
  assert.deepEqual(await told(t, "finishes what another host began", { repo }), [{ outcome: "ready_to_complete", accepted: ["a"] }]);
  assert.equal(git(repo, "for-each-ref", "--format=%(refname:short)", "refs/heads").split("\n").length, 2);
}

const fault = (name, check) => test(name, async (t) => check(await told(t, name), t));

fault("throws", ([told]) => {
  assert.deepEqual([told.outcome, told.class, told.summary], ["paused", "exit", "RangeError: no such thing"]);
  assert.match(told.tail, /at Object\.run .*children\.mjs/);
});

fault("rejects", ([told]) => {
  assert.deepEqual([told.outcome, told.class, told.summary], ["paused", "exit", "Error: outer"]);
  assert.match(told.tail, /\[cause\]: TypeError: inner/);
});

fault("throws what is no error", ([classes]) => assert.deepEqual(classes, Array(7).fill("exit")));

fault("answers something else", ([classes]) => {
  assert.deepEqual(classes, [...Array(4).fill("broken"), ...Array(6).fill("exit"), "no_change"]);
});

fault("a gate answers something else", ([verdicts]) => assert.deepEqual(verdicts, Array(7).fill(["broken", "paused"])));

fault("a gate throws", ([told]) => {
  assert.deepEqual(told.map(({ verdict, why }) => [verdict, why]), [["broken", "RangeError: no eyes"], ["broken", "Error: no ears"]]);
});

fault("a gate never answers", ([told]) => assert.deepEqual([told.outcome, told.verdict], ["paused", "failed"]));

fault("never resolves", ([told]) => assert.deepEqual([told.outcome, told.class, told.aborted], ["paused", "timeout", true]));

fault("blocks the event loop", ([accepted]) => assert.deepEqual(accepted, ["a", "b"]));

for (const name of ["exits", "exits while awaiting"]) {
  test(name, async (t) => {
    const repo = repository(t);
    await told(t, name, { code: 7, repo });
    await goesOn(t, repo);
  });
}

test("nobody awaits", async (t) => {
  const repo = repository(t);
  assert.deepEqual(await told(t, "nobody awaits", { repo }), ["the end of the program"]);
  await goesOn(t, repo);
});

fault("somebody awaits", ([outcome]) => assert.equal(outcome, "ready_to_complete"));

fault("somebody iterates", ([last]) => assert.equal(last, "run.finished"));

test("SIGINT ends the host as it ends any other", async (t) => {
  const repo = repository(t);
  const host = child("waits for a signal", repo);
  await host.line("working");
  host.child.kill("SIGINT");
  const end = await host.done;
  assert.deepEqual([end.code, end.signal, end.hung], [null, "SIGINT", false]);
  await goesOn(t, repo);
});

fault("already aborted", ([told]) => assert.deepEqual(told, { same: true, types: ["story.created", "plan.accepted"] }));

fault("aborted while it starts", ([outcome]) => assert.equal(outcome, "cancelled"));

fault("aborted under way", ([told]) => assert.deepEqual(told, { outcome: "cancelled", seen: "AbortError" }));

fault("calls back", ([told]) => {
  const seen = ["running", true, "StoryBusy", "ready_to_complete"];
  assert.deepEqual(told, { seen, outcome: "ready_to_complete" });
});

fault("closes from inside", ([outcome]) => assert.equal(outcome, "cancelled"));

fault("closed while somebody iterates", ([told]) => assert.deepEqual(told, { last: "run.finished", outcome: "cancelled" }));

fault("used after close", ([told]) => {
  assert.deepEqual(told, { names: Array(9).fill("Refused"), outcome: "ready_to_complete", message: ["Refused", "this orchestrator is closed"] });
});

fault("two orchestrators", ([told]) => {
  const done = "ready_to_complete";
  assert.deepEqual(told, { busy: ["StoryBusy", "story_busy"], first: "cancelled", second: done, again: done });
});

test("an exception in a listener", async (t) => {
  const repo = repository(t);
  await told(t, "an exception in a listener", { code: 1, repo });
  await goesOn(t, repo);
});

fault("an uncaught exception that is handled", (told) => assert.deepEqual(told, ["out of the blue", "ready_to_complete"]));

fault("talks too late", ([told]) => assert.deepEqual(told, { outcome: "ready_to_complete", aborted: true }));

fault("collected handles", ([statuses]) => assert.deepEqual(statuses, ["ready_to_complete"]));

fault("an orchestrator that nobody closes is freed", ([freed]) => assert.equal(freed, "agent"));

fault("workers", ([outcomes]) => assert.deepEqual(outcomes, Array(3).fill("ready_to_complete")));

fault("a worker ends in the middle", ([outcomes]) => assert.deepEqual(outcomes, Array(2).fill([true, "ready_to_complete"])));

test("only workers use the library", async (t) => {
  const end = await start(process.execPath, [join(PACKAGE, "test", "faults", "workers.mjs"), repository(t)]).done;
  assert.deepEqual([end.code, end.signal, end.stdout], [0, null, '"ready_to_complete"\n'], end.stderr);
});

/** Kills a host whose agent is at work. */
async function killed(name, repo, ...more) {
  const host = child(name, repo, ...more);
  await host.line("working");
  host.child.kill("SIGKILL");
  assert.equal((await host.done).signal, "SIGKILL");
}

test("a host that was killed is followed by one of another language", async (t) => {
  const [repo, script] = [repository(t), join(directory(t), "agent.sh")];
  writeFileSync(script, "echo working; exec sleep 600\n");
  await killed("waits with programs", repo, script);
  writeFileSync(script, "echo done > a.txt\n");
  const words = ["story", "run", "--repo", repo, "--agent-command", `sh ${script}`, "--gate", "green=true", "--merge"];
  const end = await start(program("aura"), words).done;
  assert.deepEqual([end.code, end.hung], [0, false], end.stderr);
  assert.equal(git(repo, "show", "main:a.txt"), "done");
});

test("another language does not do what a JavaScript agent or gate has to do", async (t) => {
  const repo = repository(t);
  await killed("waits for a signal", repo);
  const refused = async (repo, why, ...words) => {
    const end = await start(program("aura"), ["story", "run", "--repo", repo, "--agent-command", "true", ...words]).done;
    assert.deepEqual([end.code, end.hung], [2, false]);
    assert.match(end.stderr, why);
  };
  await refused(repo, /no gate is called `green`/, "--no-gates", "--accept-config");
  await refused(repo, /differently/, "--gate", "green=true");
  const other = repository(t);
  await killed("waits as an agent of its own", other);
  await refused(other, /no agent is called `mine`/, "--no-gates");
  const errors = await told(t, "without what another host had", { repo });
  assert.deepEqual(errors, [["BackendMissing", "GateMissing", "GateChanged"]]);
  await goesOn(t, repo);
});
