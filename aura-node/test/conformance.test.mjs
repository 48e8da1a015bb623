// Every scenario that the library is measured with, played through this package.

import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Orchestrator } from "@aura-dev/aura";

import { PACKAGE, camel, directory, program, snake, succeed } from "./support.mjs";

const scenarios = join(PACKAGE, "..", "tests", "conformance");

for (const name of readdirSync(scenarios).filter((file) => file.endsWith(".json"))) {
  test(name, async (t) => {
    const [file, stage, tool] = [join(scenarios, name), directory(t), program("conformance")];
    const set = JSON.parse(await succeed(tool, ["set", file, stage]));
    const events = await play(set);
    const lines = events.filter((event) => event.seq !== undefined).map((event) => `${JSON.stringify(snake(event))}\n`);
    writeFileSync(join(stage, "events.jsonl"), lines.join(""));
    await succeed(tool, ["check", file, stage]);
  });
}

async function play({ repo, plan, agents, gates, policy, options, merge }) {
  const aura = await Orchestrator.open(repo, { agents, gates: camel(gates) });
  try {
    const story = await aura.createStory({ plan: camel(plan), policy: camel(policy) });
    const events = await collect(await aura.run(story, camel(options)));
    const { status } = await aura.status(story);
    if (merge && status === "ready_to_complete") events.push(...(await collect(await aura.complete(story, { merge: true }))));
    return events;
  } finally {
    await aura.close();
  }
}

async function collect(run) {
  const events = [];
  for await (const event of run) events.push(event);
  await run.result;
  return events;
}
