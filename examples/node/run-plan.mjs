// @ts-check
// Runs a plan with a program as the agent and lands the result: `node examples/node/run-plan.mjs`.

import { existsSync } from "node:fs";
import { join } from "node:path";

// In a project of your own: from "@aura-dev/aura".
import { Orchestrator, Plan, agents, gates } from "../../aura-node/dist/index.mjs";
import { repository } from "./repository.mjs";

const PLAN = `
title: Write a trilogy
tasks:
  - { id: one, title: The first part }
  - { id: two, title: The second part, depends_on: [one] }
  - { id: three, title: The third part, depends_on: [one] }
`;

// Any program that reads its prompt on standard input and edits the directory that it is started in.
const AGENT = ["sh", "-c", 'grep -i part | head -n 1 > "$AURA_TASK.txt"'];

const repo = repository();
const plan = Plan.parse(PLAN, "trilogy.yaml");
console.log("waves:", plan.waves.map((wave) => wave.tasks));

const aura = await Orchestrator.open(repo, {
  agents: { default: agents.command(AGENT) },
  gates: [gates.command("test", ["git", "grep", "-q", "part"])],
});
const story = await aura.createStory({ plan });
const run = await aura.run(story, { maxParallel: 2 });
for await (const event of run) {
  if (event.type === "task.accepted") console.log(`${event.task} is accepted as ${event.commit.slice(0, 10)}`);
}
const landing = await aura.complete(story, { merge: true });
const report = await landing.result;
console.log(`${report.outcome}: main is at ${report.commit}`);
await aura.close();

if (!existsSync(join(repo, "three.txt"))) throw new Error("the result is not on main");
