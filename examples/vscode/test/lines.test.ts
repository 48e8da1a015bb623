import assert from "node:assert/strict";
import { test } from "node:test";

import type { DurableEvent, RunEvent } from "../src/aura";
import { describe } from "../src/model/lines";
import { duration } from "../src/model/text";
import { COMMIT, STORY } from "./samples";

/** A place that is nine hours ahead all year. */
process.env.TZ = "Asia/Tokyo";

/** The part of an event that differs from kind to kind, as it comes from the library. */
function show(kind: object, about: { task?: string; attempt?: number } = {}): string | undefined {
  const event = { seq: 1, at: "2026-01-01T12:03:04.5Z", story: STORY, ...about, ...kind };
  return describe(event as unknown as DurableEvent);
}

const GATE = { type: "gate.finished", gate: "test", point: "candidate", commit: COMMIT, durationMs: 1250 };

const TABLE: [object, { task?: string; attempt?: number }, string | undefined][] = [
  [{ type: "story.created", title: "Mail", branch: "story/mail" }, {}, 'story "Mail" on story/mail'],
  [{ type: "decompose.started", agent: "codex", round: 1 }, {}, "asking codex for a plan"],
  [{ type: "decompose.started", agent: "codex", round: 2 }, {}, "asking codex for a plan, request 2"],
  [{ type: "decompose.finished", round: 1 }, {}, undefined],
  [{ type: "decompose.finished", round: 1, problems: [{ message: "a cycle" }] }, {}, "the plan has 1 problem: a cycle"],
  [{ type: "decompose.finished", round: 1, why: "quota" }, {}, "no plan: quota"],
  [{ type: "plan.accepted", plan: { tasks: [1, 2], waves: [1] } }, {}, "plan: 2 tasks in 1 wave"],
  [{ type: "run.started", gates: [] }, {}, "run started; no gate judges anything"],
  [{ type: "run.started", gates: [{ name: "a" }, { name: "b" }] }, {}, "run started; gates: a, b"],
  [{ type: "run.finished", outcome: "ready_to_complete" }, {}, "run ended, ready to complete"],
  [{ type: "run.finished", outcome: "paused", reason: "requested" }, {}, "run ended, paused: requested"],
  [{ type: "wave.started", wave: 0, tasks: ["a", "b\u001b[2J"] }, {}, "wave 1: a, b\ufffd[2J"],
  [{ type: "task.queued" }, { task: "a" }, undefined],
  [{ type: "task.started", agent: "default", start: "base" }, { task: "a", attempt: 1 }, "a: started with default"],
  [
    { type: "task.started", agent: "default", start: "previous" },
    { task: "a", attempt: 2 },
    "a: started with default, attempt 2, from what it had done",
  ],
  [{ type: "attempt.finished", outcome: "succeeded", durationMs: 61_000 }, { task: "a" }, "a: agent done in 1 min 01 s"],
  [
    { type: "attempt.finished", outcome: "failed", class: "no_change", evidence: { summary: "nothing\nmore" }, durationMs: 1 },
    { task: "a" },
    "a: no change: nothing",
  ],
  [{ type: "task.sealed", seal: "sealed", paths: ["x", "y"] }, { task: "a" }, "a: changed x, y"],
  [{ type: "task.sealed", seal: "no_change" }, { task: "a" }, "a: nothing to change"],
  [{ type: "task.accepted", commit: COMMIT }, { task: "a" }, "a: accepted as 0123456789"],
  [{ type: "task.failed", class: "exit", why: "out of retries" }, { task: "a" }, "a: failed, exit: out of retries"],
  [
    { type: "candidate.built", tasks: [{ task: "a" }], leftOut: [{ task: "b", paths: ["x.py"], withHead: true }] },
    {},
    "candidate of a; b conflicts with accepted work in x.py",
  ],
  [
    { ...GATE, verdict: "passed", counts: { passed: 3, failed: 0, skipped: 0 } },
    {},
    "gate test on the candidate: passed (3 passed, 0 failed) in 1.2 s",
  ],
  [{ ...GATE, verdict: "failed", findings: [{ message: "1 != 2" }] }, {}, "gate test on the candidate: red, 1 != 2 in 1.2 s"],
  [
    { ...GATE, verdict: "failed", findings: [{ file: "c1.txt", line: 1, message: "rule\nlength" }, { file: "c2.txt", message: "rule" }] },
    {},
    "gate test on the candidate: red, c1.txt:1: rule (and 1 more) in 1.2 s",
  ],
  [
    { ...GATE, verdict: "failed", findings: [{ file: "c\u001b[2J.txt", message: "x\u0007y" }] },
    {},
    "gate test on the candidate: red, c\ufffd[2J.txt: x\ufffdy in 1.2 s",
  ],
  [{ type: "task.retrying", class: "exit", after: "2026-01-01T12:07:14.5Z" }, {}, "tried again because of: exit; next start in 4 min 10 s"],
  [{ type: "task.retrying", class: "exit", after: "2026-01-01T12:03:05Z" }, {}, "tried again because of: exit"],
  [{ ...GATE, verdict: "passed", onBase: true }, {}, "gate test on the accepted head: passed in 1.2 s"],
  [{ ...GATE, verdict: "passed", onBase: true, point: "task" }, {}, "gate test on what the task began with: passed in 1.2 s"],
  [{ ...GATE, verdict: "needs_human", why: "look" }, {}, "gate test on the candidate: a person has to decide, look in 1.2 s"],
  [{ type: "command.accepted", verb: "skip", id: "a", actor: "me" }, {}, "asked to skip a"],
  [{ type: "command.refused", verb: "pause", actor: "me", why: "nothing is running" }, {}, "refused to pause: nothing is running"],
  [{ type: "landed", commit: COMMIT, previous: COMMIT }, {}, "landed 0123456789; to go back: 0123456789"],
  [{ type: "parked", why: "dirty", paths: ["x"] }, {}, "not landed: dirty (x)"],
  [{ type: "something.newer" }, {}, undefined],
];

test("events become lines", () => {
  for (const [kind, about, expected] of TABLE) {
    const wanted = expected === undefined ? undefined : `21:03:04  ${expected}`;
    assert.equal(show(kind, about), wanted, JSON.stringify(kind));
  }
});

test("output is told as it comes, without control characters", () => {
  const line: RunEvent = { type: "agent.output", task: "a", line: "\u001b[31mred\u0007\ttab" };
  assert.equal(describe(line), "a | \ufffd[31mred\ufffd\ttab");
});

test("durations are readable", () => {
  const shown = [0, 999, 1250, 61_000, 3_660_000].map(duration);
  assert.deepEqual(shown, ["0 ms", "999 ms", "1.2 s", "1 min 01 s", "1 h 01 min"]);
});
