/** A scripted agent: `node agent.mjs PORT`. Asks the director what to do and does it. */

import { mkdir, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { dirname } from "node:path";
import { text } from "node:stream/consumers";

const prompt = await text(process.stdin);
const task = process.env.AURA_TASK;
const about = { task, attempt: Number(process.env.AURA_TASK_ATTEMPT), prompt };
console.log(`working on ${task}`);

const { files = {}, exit = 0 } = await ask(Number(process.argv[2]), about);
for (const [path, content] of Object.entries(files)) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  console.log(`wrote ${path}`);
}
process.exitCode = exit;

function ask(port, body) {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, method: "POST" }, (response) => text(response).then((answer) => resolve(JSON.parse(answer)), reject));
    asked.on("error", reject);
    asked.end(JSON.stringify(body));
  });
}
