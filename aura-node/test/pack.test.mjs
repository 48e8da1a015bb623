// The packed package, installed where there is neither Rust nor a checkout.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { PACKAGE, directory, repository, succeed } from "./support.mjs";

const PROGRAM = `
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Orchestrator, Plan } from "@aura-dev/aura";
const required = createRequire(import.meta.url)("@aura-dev/aura");
const agent = { run: ({ workspace, task }) => writeFileSync(workspace + "/" + task.id, "x") };
const aura = await Orchestrator.open(process.argv[2], { agents: { default: agent } });
const story = await aura.createStory({ plan: Plan.new("T", [{ id: "a", title: "A" }]) });
const report = await (await aura.run(story)).result;
await aura.close();
console.log(report.outcome, required.Orchestrator === Orchestrator);
`;

test("it installs and works without Rust", async (t) => {
  const place = directory(t);
  const project = join(place, "project");
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), '{ "name": "project", "private": true, "type": "module" }\n');
  writeFileSync(join(project, "use.mjs"), PROGRAM);
  // Node, git and a shell; no cargo and no compiler.
  const bin = join(place, "bin");
  mkdirSync(bin);
  const env = { ...process.env, PATH: bin, npm_config_cache: join(place, "cache"), npm_config_offline: "true" };
  const npm = process.env.npm_execpath ?? (await succeed("sh", ["-c", "readlink -f $(command -v npm)"])).trim();
  for (const program of ["git", "sh"]) await succeed("sh", ["-c", `ln -s "$(command -v ${program})" "${bin}"`]);
  await succeed("sh", ["-c", `ln -s "${process.execPath}" "${bin}/node"`]);
  const run = (...words) => succeed(process.execPath, words, { cwd: project, env });

  const packed = await succeed(process.execPath, [npm, "pack", "--ignore-scripts", "--json", "--pack-destination", place], { cwd: PACKAGE });
  const [{ filename, files }] = JSON.parse(packed);
  const names = files.map((file) => file.path);
  assert.ok(names.includes(`aura.${process.platform}-${process.arch}.node`), "the native part");
  assert.deepEqual(names.filter((name) => !/^(dist\/|bin\/aura\.js$|aura\.\S+\.node$|package\.json$|README\.md$)/.test(name)), []);
  await run(npm, "install", join(place, filename));
  assert.equal(await run("use.mjs", repository(t)), "ready_to_complete true\n");
  const command = join(project, "node_modules", ".bin", "aura");
  assert.match(await succeed(command, ["--version"], { cwd: project, env }), /^aura \d/);
});

test("the lock file names no registry", () => {
  assert.doesNotMatch(readFileSync(join(PACKAGE, "package-lock.json"), "utf8"), /"resolved": "http/);
});
