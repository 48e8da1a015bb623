// A host of which only the workers use the library: `node workers.mjs REPO`.

import { Worker } from "node:worker_threads";

const repo = process.argv[2];

async function worker(name, then) {
  const made = new Worker(new URL("children.mjs", import.meta.url), { workerData: { name, repo } });
  const gone = new Promise((resolve) => made.once("exit", resolve));
  const message = await new Promise((resolve, reject) => made.once("message", resolve).once("error", reject));
  await then(made);
  await gone;
  return message;
}

// The library's threads end with the first worker and start again with the second.
await worker("a worker that is terminated", (made) => made.terminate());
console.log(JSON.stringify(await worker("a worker finishes", () => undefined)));
