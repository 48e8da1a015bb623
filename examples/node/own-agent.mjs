// @ts-check
// An agent of one's own that learns from what a gate found: `node examples/node/own-agent.mjs`.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";

// In a project of your own: from "@aura-dev/aura".
import { Orchestrator, Plan, gates } from "../../aura-node/dist/index.mjs";
import { repository } from "./repository.mjs";

/**
 * Writes a file that is called like the task; properly once it was told how.
 *
 * @type {import("../../aura-node/dist/index.mjs").OwnAgent}
 */
const scribe = {
  version: "1",
  async run({ task, attempt, prompt, workspace, output }, signal) {
    // A model would be asked `prompt`, with `signal` to stop it.
    output(`try ${attempt}`);
    const ending = prompt.includes("full stop") ? ".\n" : "\n";
    await writeFile(join(workspace, `${task.id}.txt`), task.title + ending, { signal });
    return { output: "written", usage: { inputTokens: prompt.length, outputTokens: 10 } };
  },
};

const check = "! grep -L '\\.$' *.txt | grep . || { echo 'a full stop is missing'; exit 1; }";
const aura = await Orchestrator.open(repository(), {
  agents: { default: scribe },
  gates: [gates.command("stops", ["sh", "-c", check], { at: ["after_task", "final"] })],
});
const plan = Plan.new("Write a letter", [
  { id: "greeting", title: "Dear reader" },
  { id: "end", title: "Yours" },
]);
const story = await aura.createStory({ plan, policy: { backoffMs: 1 } });
const run = await aura.run(story);
for await (const event of run) {
  if (event.type === "agent.output") console.log(`${event.task}: ${event.line}`);
  if (event.type === "task.retrying") console.log(`${event.task}: again, because of ${event.class}`);
}
const { outcome, retries, usage } = await run.result;
console.log(`${outcome} after ${retries} retries and ${usage.outputTokens} tokens`);
await aura.close();

if (outcome !== "ready_to_complete" || retries !== 2) throw new Error("the agent did not learn");
