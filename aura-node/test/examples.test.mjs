// The examples, as anybody would start them.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { PACKAGE, succeed } from "./support.mjs";

const folder = join(PACKAGE, "..", "examples", "node");
const programs = ["own-agent.mjs", "own-gate.mjs", "run-plan.mjs"];

test("they are all here, and short", () => {
  assert.deepEqual(readdirSync(folder).filter((name) => name.endsWith(".mjs")).sort(), [...programs, "repository.mjs"].sort());
  for (const name of programs) assert.ok(readFileSync(join(folder, name), "utf8").split("\n").length < 60, name);
});

for (const [name, expected] of Object.entries({
  "run-plan.mjs": /completed: main is at/,
  "own-agent.mjs": /ready_to_complete after 2 retries/,
  "own-gate.mjs": /ready_to_complete after 1 retry/,
})) {
  test(name, async () => assert.match(await succeed(process.execPath, [join(folder, name)]), expected));
}
