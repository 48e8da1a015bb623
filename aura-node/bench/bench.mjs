// What the engine costs with agents in JavaScript: `npm run bench [rounds] [tasks]`.
//
// - `tasks`: 1,000 tasks that do nothing, beside the script that people would write instead: promises over a graph written by hand.
//   Each variant runs in a process of its own, in an order drawn anew for each round; wall time without start and end of the process,
//   and the peak of its memory. Ratios are medians of the ratios of the rounds.
// - `lag`: how late a timer is while 10,000 lines of progress a second are told, beside the same second without.

import { execFile, execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { Orchestrator, Plan } from "@aura-dev/aura";

const PARALLEL = 8;
const LAYER = 100;

/** Layers of a hundred tasks, each of which waits for up to three of the layer before. */
function graph(count) {
  const id = (index) => `t${index}`;
  return Array.from({ length: count }, (_, index) => {
    const before = index - LAYER;
    const dependsOn = before < 0 ? [] : [...new Set([0, 7, 31].map((step) => before - (before % LAYER) + ((before + step) % LAYER)))].map(id);
    return { id: id(index), title: `Task ${index}`, description: "Nothing.", noChangeOk: true, dependsOn };
  });
}

function repository() {
  const repo = mkdtempSync(join(tmpdir(), "aura-bench-"));
  process.on("exit", () => rmSync(repo, { recursive: true, force: true }));
  const git = (...words) => execFileSync("git", words, { cwd: repo });
  git("init", "--quiet", "--initial-branch=main");
  git("config", "user.name", "Bench");
  git("config", "user.email", "bench@example.org");
  git("commit", "--quiet", "--allow-empty", "--message=start");
  return repo;
}

async function opened(run, store) {
  return Orchestrator.open(repository(), { agents: { default: { run } }, store });
}

const variants = {
  async memory(count) {
    return engine(count, "memory");
  },

  async sqlite(count) {
    return engine(count, "sqlite");
  },

  /** A pool, a map of promises, and no word about what happened. */
  async script(count) {
    const agent = async () => undefined;
    const begin = performance.now();
    const done = new Map();
    let free = PARALLEL;
    const waiting = [];
    for (const task of graph(count)) {
      done.set(task.id, (async () => {
        await Promise.all(task.dependsOn.map((id) => done.get(id)));
        if (free === 0) await new Promise((resolve) => waiting.push(resolve));
        else free -= 1;
        await agent(task);
        if (waiting.length > 0) waiting.shift()();
        else free += 1;
      })());
    }
    await Promise.all(done.values());
    return performance.now() - begin;
  },

  /** The same, with what one would miss first: a worktree for each task. */
  async "script with worktrees"(count) {
    const repo = repository();
    const git = (...words) => promisify(execFile)("git", words, { cwd: repo });
    const begin = performance.now();
    const done = new Map();
    let lock = Promise.resolve();
    // Git refuses to add worktrees side by side.
    const alone = (work) => (lock = lock.then(work));
    for (const task of graph(count)) {
      done.set(task.id, (async () => {
        await Promise.all(task.dependsOn.map((id) => done.get(id)));
        const path = join(repo, ".work", task.id);
        await alone(() => git("worktree", "add", "--quiet", "--detach", path));
        await alone(() => git("worktree", "remove", path));
      })());
    }
    await Promise.all(done.values());
    return performance.now() - begin;
  },
};

async function engine(count, store) {
  const aura = await opened(async () => undefined, store);
  const plan = Plan.new("Nothing", graph(count));
  const story = await aura.createStory({ plan });
  const begin = performance.now();
  const run = await aura.run(story, { maxParallel: PARALLEL });
  let told = 0;
  for await (const event of run) told += event.type === "task.started" ? 1 : 0;
  const report = await run.result;
  const wall = performance.now() - begin;
  await aura.close();
  if (report.accepted.length !== count || told !== count) throw new Error(`${report.outcome}: ${report.accepted.length} of ${count}`);
  return wall;
}

/** Lines a second that a reader was told, and how late the event loop was meanwhile. */
async function lag(rate) {
  const SECONDS = 5;
  let told = 0;
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  const aura = await opened(async ({ output }) => {
    await sleep(500);
    const begin = performance.now();
    histogram.enable();
    for (let said = 0; said < rate * SECONDS; ) {
      const due = Math.min(rate * SECONDS, ((performance.now() - begin) / 1000) * rate);
      for (; said < due; said += 1) output(`line ${said}`);
      await sleep(5);
    }
    if (rate === 0) await sleep(SECONDS * 1000);
    histogram.disable();
  }, "memory");
  const story = await aura.createStory({ plan: Plan.new("Talk", [{ id: "a", title: "A", noChangeOk: true }]) });
  const run = await aura.run(story);
  for await (const event of run) if (event.type === "agent.output") told += 1;
  await aura.close();
  const ms = (nanoseconds) => nanoseconds / 1e6;
  return { told: told / SECONDS, p50: ms(histogram.percentile(50)), p99: ms(histogram.percentile(99)), max: ms(histogram.max) };
}

const median = (values) => values.sort((one, other) => one - other)[Math.floor(values.length / 2)];
const shuffled = (values) => values.map((value) => [Math.random(), value]).sort(([one], [other]) => one - other).map(([, value]) => value);

function measure(name, count) {
  const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), "one", name, String(count)], { encoding: "utf8" });
  if (child.status !== 0) throw new Error(`${name}: ${child.stderr}`);
  return JSON.parse(child.stdout);
}

function compare(rounds, count) {
  const names = Object.keys(variants);
  const found = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) for (const name of shuffled(names)) found[name].push(measure(name, count));
  console.log(`${count} tasks that do nothing, ${PARALLEL} at once, ${rounds} rounds: medians`);
  for (const name of names) {
    const of = (key, other) => median(found[name].map((one, round) => one[key] / (other ? found[other][round][key] : 1)));
    const times = names.slice(2).map((other) => `${of("wall", other).toFixed(1)} times ${other}`);
    const [wall, memory] = [of("wall").toFixed(0).padStart(8), of("memory").toFixed(0).padStart(6)];
    console.log(`  ${name.padEnd(24)}${wall} ms ${memory} MB   ${times.join(", ")}`);
  }
}

const [first, ...rest] = process.argv.slice(2);
if (first === "one") {
  const wall = await variants[rest[0]](Number(rest[1]));
  console.log(JSON.stringify({ wall, memory: process.resourceUsage().maxRSS / 1024 }));
} else {
  compare(Number(first ?? 5), Number(rest[0] ?? 1000));
  for (const rate of [0, 10_000]) {
    const { told, p50, p99, max } = await lag(rate);
    const delays = `p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, max ${max.toFixed(1)} ms`;
    console.log(`${rate} lines a second: ${told.toFixed(0)} told a second; delay of the event loop: ${delays}`);
  }
}
