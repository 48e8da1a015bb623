import assert from "node:assert/strict";
import { test } from "node:test";

import { marks, sentence, told } from "../src/model/problems";
import { isAboutSettings, openOptions, runOptions } from "../src/model/settings";
import { completeChoices, consentFor, storiesFor, tasksFor } from "../src/model/verbs";
import { story, task } from "./samples";

const NOTHING = { agentCommand: [], gates: [], detectGates: true, maxParallel: null };

test("what is not set is left to the library", () => {
  assert.deepEqual(openOptions(NOTHING), { detectGates: true });
  assert.deepEqual(runOptions(NOTHING), {});
});

test("the agent is the default one, and gates keep their order", () => {
  const settings = {
    agentCommand: ["my-agent", "--yes"],
    gates: [
      { name: "test", command: ["make", "test"] },
      { name: "lint", command: ["make", "lint"] },
    ],
    detectGates: false,
    maxParallel: 2,
  };
  assert.deepEqual(openOptions(settings), {
    agents: { default: { command: ["my-agent", "--yes"] } },
    gates: settings.gates,
    detectGates: false,
  });
  assert.deepEqual(runOptions(settings), { maxParallel: 2 });
});

test("errors of the library keep what they carry, and others have a message", () => {
  const error = Object.assign(new Error("no agent `default`"), { kind: "backend_missing", help: "name one" });
  assert.equal(sentence(error), "no agent `default` (name one)");
  assert.ok(isAboutSettings(told(error).kind));
  assert.deepEqual(told("broken"), { message: "broken", kind: undefined, help: undefined, problems: [] });
});

test("problems get the place that an editor understands", () => {
  const problem = { severity: "error" as const, code: "cycle", message: "a cycle", task: "a", file: "/x/plan.yaml", line: 3, column: 5, help: "cut it" };
  const nowhere = { ...problem, severity: "warning" as const, file: null, line: null, column: null, help: null };
  assert.deepEqual(marks([problem, nowhere], "/x/other.yaml"), [
    { file: "/x/plan.yaml", line: 2, column: 4, message: "a cycle; cut it", isError: true, code: "cycle" },
    { file: "/x/other.yaml", line: 0, column: 0, message: "a cycle", isError: false, code: "cycle" },
  ]);
});

test("a verb is offered only where it makes sense", () => {
  const stories = [
    story({ storyId: "1", tasks: [task("a", { status: "failed" }), task("b", { status: "running" })] }),
    story({ storyId: "2", status: "completed", tasks: [task("c", { status: "skipped" })] }),
    story({ storyId: "3", status: "paused" }),
  ];
  const ids = (verb: Parameters<typeof storiesFor>[0]): string[] => storiesFor(verb, stories).map(({ storyId }) => storyId);
  assert.deepEqual([ids("pause"), ids("complete"), ids("run")], [["1"], ["2", "3"], []]);
  assert.deepEqual(tasksFor("retry", stories).map((found) => found.task.id), ["a"]);
});

test("completing offers what the story is ready for", () => {
  const offered = (status: Parameters<typeof completeChoices>[0]): string[] => completeChoices(status).map(({ option }) => option);
  assert.deepEqual(offered("ready_to_complete"), ["merge", "cleanup", "noGates"]);
  assert.deepEqual(offered("failed"), ["merge", "cleanup", "noGates", "partial"]);
  assert.deepEqual(offered("completed"), ["cleanup"]);
});

test("each refusal that a person can lift names its own consent", () => {
  const options = ["gate_changed", "foreign_change", "foreign_move"].map((kind) => consentFor(kind)?.options);
  assert.deepEqual(options, [{ acceptConfig: true }, { acceptRepoChanges: true }, { restoreBranch: true }]);
  assert.equal(consentFor("refused"), undefined);
});
