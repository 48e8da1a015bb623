import assert from "node:assert/strict";
import { test } from "node:test";

import type { GateLine } from "../src/aura";
import { bar } from "../src/model/bar";
import { rows } from "../src/model/tree";
import { STORY, story, task } from "./samples";

test("a story shows where it is, and its tasks in the order of the plan", () => {
  const [row] = rows([
    story({
      wave: 1,
      waves: 3,
      tasks: [
        task("parser", { status: "completed", attempts: 2, commit: "0123456789abcdef0123456789abcdef01234567" }),
        task("docs", { status: "skipped" }),
        task("form", { status: "running", attempts: 2, elapsedMs: 12_340 }),
        task("page", { waitingFor: ["form", "parser"] }),
      ],
      agents: { running: 1, waiting: 1 },
    }),
  ]);
  assert.equal(row?.description, "2/4 running");
  assert.match(row?.tooltip ?? "", /1 agent working, 1 waiting\n\nWave 2 of 3, branch story\/email\\-validation$/);
  assert.equal(row?.icon.name, "loading~spin");
  assert.deepEqual(
    row?.children.map((child) => [child.label, child.description, child.icon.name]),
    [
      ["Do parser", "completed · try 2", "pass-filled"],
      ["Do docs", "skipped", "debug-step-over"],
      ["Do form", "running · 12 s · try 2", "sync~spin"],
      ["Do page", "waits for form, parser", "circle-outline"],
    ],
  );
  assert.match(row?.children[0]?.tooltip ?? "", /Accepted as 0123456789$/);
});

test("a failed task says why, in one short line and at length", () => {
  const error = `exit status 1: ${"x".repeat(100)}\nmore`;
  const [row] = rows([story({ status: "paused", tasks: [task("form", { status: "failed", attempts: 4, class: "exit", error })] })]);
  const failed = row?.children[0];
  assert.equal(row?.description, "0/1 paused");
  assert.equal(failed?.description, `failed · try 4 · exit status 1: ${"x".repeat(44)}…`);
  assert.match(failed?.tooltip ?? "", /exit: exit status 1: x{100}\nmore/);
});

test("a task that a gate asks about shows the question, and may be approved until the story is about to land", () => {
  const asked = task("ci", { status: "in_review", question: "it changes *.yml:\nci.yml" });
  const row = rows([story({ status: "paused", tasks: [asked] })])[0]?.children[0];
  assert.equal(row?.description, "in review · asks: it changes *.yml:");
  assert.match(row?.tooltip ?? "", /A person has to decide: it changes \\\*\\\.yml/);
  assert.deepEqual([row?.icon.name, row?.context], ["question", "task+approve+retry+skip+"]);
  const late = rows([story({ status: "integrating", tasks: [asked] })])[0]?.children[0];
  assert.equal(late?.context, "task+");
});

test("what an agent says does not become markup", () => {
  const [row] = rows([story({ tasks: [task("form", { status: "failed", error: "[click](command:evil) <img src=x>" })] })]);
  const tooltip = row?.children[0]?.tooltip ?? "";
  assert.ok(tooltip.includes("\\[click\\]\\(command:evil\\) \\<img src=x\\>"), tooltip);
});

test("rows keep their ids while their story goes on, and tell tasks from each other", () => {
  const before = rows([story({ tasks: [task("a"), task("b")] })]);
  const after = rows([story({ status: "completed", tasks: [task("a", { status: "completed" }), task("b")] })]);
  const ids = (all: typeof before): string[] => all.flatMap((row) => [row.id, ...row.children.map((child) => child.id)]);
  assert.deepEqual(ids(before), ids(after));
  assert.equal(new Set(ids(before)).size, 3);
  assert.deepEqual([before[0]?.story, before[0]?.children[1]?.task], [STORY, "b"]);
  assert.deepEqual([before[0]?.expanded, after[0]?.expanded], [true, false]);
});

test("gates show the last verdict at each place", () => {
  const gate = (more: Partial<GateLine>): GateLine => ({ name: "test", at: "candidate", verdict: "passed", durationMs: 1250, ...more });
  const gates = [gate({ verdict: "failed" }), gate({}), gate({ at: "final", verdict: "broken" }), gate({ at: "task", task: "form" })];
  const row = rows([story({ gates })])[0]?.children[0];
  assert.equal(row?.description, "test passed, test broken, test passed");
  assert.equal(row?.icon.color, "charts.red");
  assert.deepEqual(
    row?.children.map((child) => child.description),
    ["passed on the candidate · 1.2 s", "broken on the final result · 1.2 s", "passed on the work of form · 1.2 s"],
  );
});

test("the status bar shows what is under way, then what became of it", () => {
  const tasks = [task("a", { status: "completed" }), task("b")];
  const running = story({ tasks });
  assert.equal(bar([running], undefined)?.text, "$(sync~spin) Aura 1/2");
  assert.equal(bar([running, story({ storyId: "other", status: "integrating" })], STORY)?.text, "$(sync~spin) Aura: 2 stories");
  const ready = story({ status: "ready_to_complete", tasks });
  assert.equal(bar([ready], STORY)?.text, "$(pass) Aura ready to complete 1/2");
  assert.equal(bar([story({ status: "gate_failed", tasks })], STORY)?.text, "$(warning) Aura gate failed 1/2");
  assert.equal(bar([ready], undefined), undefined);
  assert.equal(bar([], STORY), undefined);
});
