// The types are those of what the library really says.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Orchestrator, Plan } from "@aura-dev/aura";

import { PACKAGE, camel, directory, green, repository, scribe, start, tasks } from "./support.mjs";

const samples = (name) => JSON.parse(readFileSync(join(PACKAGE, "..", "tests", "samples", name), "utf8"));

async function check(...words) {
  return start(process.execPath, [join(PACKAGE, "node_modules", "typescript", "bin", "tsc"), ...words], { cwd: PACKAGE }).done;
}

/** Compiles `const name: type = value` for each as literals, so that a member that a type does not have is an error, too. */
async function literals(t, constants) {
  const file = join(directory(t), "literals.mts");
  const types = constants.map(([type]) => /\w+/.exec(type.replace(/^(Required|Partial)</, ""))[0]);
  const lines = constants.map(([type, value, before = ""], index) => `${before}export const c${index}: ${type} = ${JSON.stringify(value)};`);
  const from = JSON.stringify(join(PACKAGE, "dist", "index.mjs"));
  writeFileSync(file, [`import type { ${[...new Set(types)].join(", ")} } from ${from};`, ...lines, ""].join("\n"));
  const options = ["--strict", "--noEmit", "--exactOptionalPropertyTypes", "--target", "ES2022", "--module", "Node16"];
  return check(...options, "--lib", "ES2022,ESNext.Disposable", "--types", "node", "--typeRoots", join(PACKAGE, "node_modules", "@types"), file);
}

test("what has to type-check does, and nothing else", async () => {
  const end = await check("--project", join(PACKAGE, "test", "types"));
  assert.equal(end.code, 0, end.stdout);
});

test("every event that a run tells is of its type", async (t) => {
  const events = samples("events.json").map(camel);
  const type = (event) => ("seq" in event ? "LogEvent" : "ProgressEvent");
  const accepted = events.find((event) => event.type === "task.accepted");
  const { commit, ...without } = accepted;
  // A member too many, one too few, and a kind that there is not.
  const wrong = [{ ...accepted, commitId: commit }, without, { ...accepted, type: "task.done" }];
  const good = events.map((event) => [type(event), event]);
  const end = await literals(t, [...good, ...wrong.map((event) => ["LogEvent", event, "// @ts-expect-error\n"])]);
  assert.equal(end.code, 0, end.stdout);
  // The samples are those that a run tells.
  const text = readFileSync(join(PACKAGE, "dist", "events.d.ts"), "utf8").replace(/type InternalEvent[^]*?\}\);/, "");
  const declared = text.matchAll(/type: "([a-z._]+)"/g);
  const names = (all) => [...new Set(all)].sort();
  assert.deepEqual(names([...declared].map(([, name]) => name)), names(events.map((event) => event.type)));
});

test("options, views and the log are of their types", async (t) => {
  const { policy, run, complete, decompose } = samples("options.json");
  const orch = await Orchestrator.open(repository(t), { agents: { default: scribe }, gates: [green] });
  t.after(() => orch.close());
  const [a, b] = tasks("a", "b");
  const plan = Plan.new("T", [a, { ...b, dependsOn: ["a"], files: ["b.txt"] }, { ...tasks("c")[0], files: ["b.txt"] }]);
  const story = await orch.createStory({ plan });
  await (await orch.run(story)).wait();
  const report = await (await orch.complete(story, { merge: true })).wait();
  const log = await orch.events(story);
  assert.ok(log.some((event) => event.type === "intent.land"), "internal events are part of the log");
  const end = await literals(t, [
    ["Required<Policy>", camel(policy)],
    ["RunOptions", camel(run)],
    ["CompleteOptions", camel(complete)],
    ["DecomposeOptions", camel(decompose)],
    ["PlanData", plan],
    ["Report", report],
    ...log.map((event) => ["LogEvent", event]),
    ["StatusView", await orch.status(story)],
    ["Story", await orch.story(story)],
    ["PlanData", await orch.plan(story)],
    ["StorySummary", (await orch.stories())[0]],
    ["DoctorReport", await orch.doctor()],
  ]);
  assert.equal(end.code, 0, end.stdout);
  // Every option is declared: the sample has all of them, and none of them is another's.
  for (const [name, value] of [["RunOptions", run], ["CompleteOptions", complete], ["DecomposeOptions", decompose]]) {
    const body = new RegExp(`interface ${name} [^]*?\\n}`).exec(readFileSync(join(PACKAGE, "dist", "options.d.ts"), "utf8"))[0];
    const declared = [...body.matchAll(/^ {4}(\w+)\?:/gm)].map(([, option]) => option);
    assert.deepEqual(declared.sort(), Object.keys(camel(value)).sort());
  }
});
