// @ts-check
// A gate of one's own, and a task that is done at the second try: `node examples/node/own-gate.mjs`.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

// In a project of your own: from "@aura-dev/aura".
import { Orchestrator, Plan, agents } from "../../aura-node/dist/index.mjs";
import { repository } from "./repository.mjs";

/**
 * Wants a second line in a poem.
 *
 * @type {import("../../aura-node/dist/index.mjs").OwnGate}
 */
const twoLines = {
  name: "two-lines",
  version: "1",
  async run({ workspace }, signal) {
    const poem = await readFile(join(workspace, "poem.txt"), { encoding: "utf8", signal }).catch(() => undefined);
    // Nothing to complain of where there is no poem yet: a gate that is red before any work could blame nobody.
    if (poem === undefined || poem.trimEnd().includes("\n")) return true;
    return { verdict: "failed", findings: [{ file: "poem.txt", line: 1, message: "a poem has two lines at least" }] };
  },
};

// It adds a line to what is there, so that the second try mends the first one.
const AGENT = ["sh", "-c", 'echo "roses are red, $AURA_TASK_ATTEMPT" >> poem.txt'];

const aura = await Orchestrator.open(repository(), { agents: { default: agents.command(AGENT) }, gates: [twoLines] });
const plan = Plan.new("Poetry", [{ id: "poem", title: "A poem" }]);
const story = await aura.createStory({ plan, policy: { backoffMs: 1 } });
const run = await aura.run(story);
for await (const event of run) {
  if (event.type === "gate.finished") console.log(`${event.gate} at the ${event.point}: ${event.verdict}`);
}
const { outcome, retries } = await run.result;
console.log(`${outcome} after ${retries} retry`);
await aura.close();

if (retries !== 1) throw new Error("the gate was not heard");
