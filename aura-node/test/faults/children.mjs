// Hosts that behave badly, one per name; `faults.test.mjs` runs each in a process of its own: `node children.mjs NAME REPO`.
// A child tells what it saw as one line of JSON.

import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

import { Orchestrator, Plan, agents, gates } from "@aura-dev/aura";

import { green, scribe, tasks } from "../support.mjs";

const POLICY = { retryMax: 0, graceMs: 50, backoffMs: 1 };
const [name, repo] = isMainThread ? process.argv.slice(2) : [workerData.name, workerData.repo];
const never = { run: () => new Promise(() => undefined) };

const tell = (value) => console.log(JSON.stringify(value));
const said = (error) => [error.name, error.message];

async function open(agent = scribe, gates = [green]) {
  return Orchestrator.open(repo, { agents: { default: agent }, gates });
}

async function story(orch, policy = {}, ids = ["a"]) {
  return orch.createStory({ plan: Plan.new("T", tasks(...ids)), policy: { ...POLICY, ...policy } });
}

/** Runs one task with an agent and tells how it failed. */
async function failure(agent, policy) {
  const orch = await open(agent);
  const run = await orch.run(await story(orch, { restartMax: 0, ...policy }));
  const { outcome } = await run.wait();
  const finished = (await orch.events(run.story)).find((event) => event.type === "attempt.finished");
  await orch.close();
  return { outcome, class: finished.class, summary: finished.evidence.summary, tail: finished.evidence.outputTail ?? "" };
}

/** Runs one task whose gate behaves badly and tells what became of it. */
async function verdict(run) {
  const orch = await open(scribe, [{ name: "bad", run, timeoutMs: 200 }]);
  const started = await orch.run(await story(orch));
  const { outcome } = await started.wait();
  const finished = (await orch.events(started.story)).find((event) => event.type === "gate.finished");
  await orch.close();
  return { outcome, verdict: finished.verdict, why: finished.why ?? finished.findings?.[0]?.message };
}

/** An agent that lets others know that it is at work. */
function working(then = () => new Promise(() => undefined)) {
  let begin;
  const begun = new Promise((resolve) => (begin = resolve));
  return { begun, run: (request, signal) => (begin(), then(request, signal)) };
}

/** A run whose agent is at work. `ended` keeps the process alive. */
async function underWay(agent = working()) {
  const orch = await open(agent);
  const run = await orch.run(await story(orch));
  const ended = run.wait();
  await agent.begun;
  return { orch, run, ended };
}

const faults = {
  async "throws"() {
    tell(await failure({ run() { throw new RangeError("no such thing"); } }));
  },

  async "rejects"() {
    const agent = { async run() { await sleep(1); throw new Error("outer", { cause: new TypeError("inner") }); } };
    tell(await failure(agent));
  },

  async "throws what is no error"() {
    const strange = [null, undefined, 7, Symbol("s"), Object.create(null), { toString() { throw new Error("worse"); } }];
    const hostile = new Error("x");
    Object.defineProperty(hostile, "stack", { get() { throw new Error("even worse"); } });
    Object.defineProperty(hostile, "message", { get() { throw new Error("even worse"); } });
    const answers = [];
    for (const thrown of [...strange, hostile]) answers.push((await failure({ run() { throw thrown; } })).class);
    tell(answers);
  },

  async "answers something else"() {
    const cycle = {};
    cycle.self = cycle;
    const answers = [];
    let deep = [];
    for (let depth = 0; depth < 1_000; depth += 1) deep = [deep];
    const wrong = [7, true, { outputs: "x" }, { failure: "x" }, { "\ud800": 1 }, deep, cycle, 7n, () => 1, Symbol("s")];
    for (const value of [...wrong, { output: "half a character: \ud800" }]) {
      answers.push(await failure({ run: () => value }));
    }
    tell(answers.map((answer) => answer.class));
  },

  async "a gate answers something else"() {
    const answers = [];
    for (const value of [undefined, null, 7, "green", {}, { verdict: "splendid" }, () => 1]) answers.push(await verdict(() => value));
    tell(answers.map((answer) => [answer.verdict, answer.outcome]));
  },

  async "a gate throws"() {
    tell([await verdict(() => { throw new RangeError("no eyes"); }), await verdict(() => Promise.reject(new Error("no ears")))]);
  },

  async "a gate never answers"() {
    tell(await verdict(() => new Promise(() => undefined)));
  },

  async "never resolves"() {
    let aborted = false;
    const deaf = { run: (_, signal) => new Promise(() => signal.addEventListener("abort", () => (aborted = true))) };
    tell({ ...(await failure(deaf, { deadlineMs: 100 })), aborted });
  },

  async "blocks the event loop"() {
    const agent = { run(request) { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500); scribe.run(request); } };
    const orch = await open(agent);
    const run = await orch.run(await story(orch, {}, ["a", "b"]));
    tell((await run.wait()).accepted);
    await orch.close();
  },

  async "exits"() {
    await underWay(working(() => process.exit(7)));
  },

  async "exits while awaiting"() {
    const { ended } = await underWay();
    setImmediate(() => process.exit(7));
    await ended;
  },

  async "nobody awaits"() {
    const orch = await open(never);
    await orch.run(await story(orch));
    tell("the end of the program");
  },

  async "somebody awaits"() {
    const agent = { async run(request) { await sleep(300, undefined, { ref: false }); scribe.run(request); } };
    const orch = await open(agent);
    tell((await (await orch.run(await story(orch))).result).outcome);
  },

  async "somebody iterates"() {
    const agent = { async run(request) { await sleep(300, undefined, { ref: false }); scribe.run(request); } };
    const orch = await open(agent);
    let last;
    for await (const event of await orch.run(await story(orch))) last = event;
    tell(last.type);
  },

  async "waits for a signal"() {
    const { ended } = await underWay(working(() => (console.log("working"), new Promise(() => undefined))));
    await ended;
  },

  async "already aborted"() {
    const orch = await open();
    const made = await story(orch);
    const reason = new Error("changed my mind");
    const refused = await orch.run(made, { signal: AbortSignal.abort(reason) }).catch((error) => error);
    const log = await orch.events(made);
    tell({ same: refused === reason, types: log.map((event) => event.type) });
    await orch.close();
  },

  async "aborted while it starts"() {
    const orch = await open(never);
    const controller = new AbortController();
    const starting = orch.run(await story(orch), { signal: controller.signal });
    controller.abort();
    tell((await (await starting).wait()).outcome);
    await orch.close();
  },

  async "aborted under way"() {
    const controller = new AbortController();
    let seen;
    const agent = working((_, signal) => new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => { seen = signal.reason.name; reject(signal.reason); });
    }));
    const orch = await open(agent);
    const run = await orch.run(await story(orch), { signal: controller.signal });
    const ended = run.result;
    await agent.begun;
    controller.abort();
    tell({ outcome: (await ended).outcome, seen });
    await orch.close();
  },

  async "calls back"() {
    const seen = [];
    const agent = {
      async run(request) {
        if (request.task.id === "a") {
          seen.push((await orch.status(request.story)).tasks[0].status);
          seen.push((await orch.graph(request.story, "dot")).length > 0);
          seen.push(await orch.run(request.story).catch((error) => error.name));
          seen.push((await (await orch.run(await story(orch, {}, ["b"]))).wait()).outcome);
        }
        scribe.run(request);
      },
    };
    const orch = await open(agent);
    const { outcome } = await (await orch.run(await story(orch))).wait();
    tell({ seen, outcome });
    await orch.close();
  },

  async "closes from inside"() {
    const agent = { run: () => orch.close() };
    const orch = await open(agent);
    const run = await orch.run(await story(orch));
    const { outcome } = await run.wait();
    await orch.close();
    tell(outcome);
  },

  async "closed while somebody iterates"() {
    const { orch, run, ended } = await underWay();
    const types = [];
    const loop = (async () => { for await (const event of run) types.push(event.type); })();
    await orch.close();
    await loop;
    tell({ last: types.at(-1), outcome: (await ended).outcome });
  },

  async "used after close"() {
    const orch = await open();
    const made = await story(orch);
    const run = await orch.run(made);
    await run.result;
    await Promise.all([orch.close(), orch.close()]);
    await orch[Symbol.asyncDispose]();
    const calls = [
      () => orch.stories(), () => orch.status(made), () => orch.run(made), () => orch.complete(made), () => orch.doctor(),
      () => orch.createStory("x"), () => orch.command(made, "pause"), () => orch.waitUntilIdle(made), () => run.cancel(),
    ];
    const names = [];
    for (const call of calls) names.push(await call().then(() => "nothing", (error) => error.name));
    tell({ names, outcome: (await run.wait()).outcome, message: said(await orch.stories().catch((error) => error)) });
  },

  async "two orchestrators"() {
    const { orch, run, ended } = await underWay();
    const other = await open();
    const busy = await other.run(run.story).catch((error) => error);
    const second = await (await other.run(await story(other, {}, ["b"]))).wait();
    await other.command(run.story, "cancel");
    const first = await ended;
    const again = await (await other.run(run.story)).wait();
    tell({ busy: [busy.name, busy.kind], first: first.outcome, second: second.outcome, again: again.outcome });
    await Promise.all([orch.close(), other.close()]);
  },

  async "an exception in a listener"() {
    const { run } = await underWay();
    for await (const event of run) throw new Error(`the listener does not like ${event.type}`);
  },

  async "an uncaught exception that is handled"() {
    process.on("uncaughtException", (error) => tell(error.message));
    const agent = { async run(request) { setImmediate(() => { throw new Error("out of the blue"); }); await sleep(20); scribe.run(request); } };
    const orch = await open(agent);
    tell((await (await orch.run(await story(orch))).wait()).outcome);
    await orch.close();
  },

  async "talks too late"() {
    let late;
    const agent = { run(request, signal) { late = { request, signal }; scribe.run(request); } };
    const orch = await open(agent);
    const { outcome } = await (await orch.run(await story(orch))).wait();
    late.request.output("hello?");
    tell({ outcome, aborted: late.signal.aborted });
    await orch.close();
    late.request.output({ not: "a text" });
  },

  async "collected handles"() {
    const end = new Promise((resolve) => {
      const agent = { async run(request) { await collect(); await collect(); scribe.run(request); } };
      void (async () => {
        const orch = await open(agent, [{ name: "last", run: ({ at }) => { if (at === "final") resolve(); return true; } }]);
        await orch.run(await story(orch));
      })();
    });
    const alive = setInterval(() => undefined, 1_000);
    await end;
    const orch = await open();
    await orch.waitUntilIdle(await orch.findStory(), 60_000);
    tell((await orch.stories()).map((summary) => summary.status));
    clearInterval(alive);
    await orch.close();
  },

  async "an orchestrator that nobody closes is freed"() {
    let freed;
    const gone = new Promise((resolve) => (freed = resolve));
    const registry = new FinalizationRegistry(freed);
    await (async () => {
      const agent = { run: (request) => scribe.run(request) };
      registry.register(agent, "agent");
      const orch = await open(agent);
      await (await orch.run(await story(orch))).wait();
    })();
    const collecting = setInterval(() => globalThis.gc(), 10);
    tell(await gone);
    clearInterval(collecting);
  },

  async "workers"() {
    const outcomes = await Promise.all([inWorker("a worker's run"), inWorker("a worker's run"), own()]);
    tell(outcomes);
    async function own() {
      const orch = await open();
      const { outcome } = await (await orch.run(await story(orch, {}, ["m"]))).wait();
      await orch.close();
      return outcome;
    }
  },

  async "a worker's run"() {
    const orch = await open();
    const { outcome } = await (await orch.run(await story(orch, {}, ["w"]))).wait();
    await orch.close();
    parentPort.postMessage(outcome);
  },

  async "a worker ends in the middle"() {
    const orch = await open();
    const outcomes = [];
    for (const how of ["is terminated", "exits"]) {
      const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { name: `a worker that ${how}`, repo } });
      const [id] = await new Promise((resolve) => worker.on("message", resolve));
      const gone = new Promise((resolve) => worker.on("exit", resolve));
      if (how === "is terminated") await worker.terminate();
      else worker.postMessage("exit");
      await gone;
      const idle = await orch.waitUntilIdle(id, 60_000);
      const { outcome } = await (await orch.run(id)).wait();
      outcomes.push([idle, outcome]);
    }
    tell(outcomes);
    await orch.close();
  },

  async "a worker that is terminated"() {
    const { run, ended } = await underWay();
    parentPort.postMessage([run.story]);
    await ended;
  },

  async "a worker that exits"() {
    const { run, ended } = await underWay();
    parentPort.on("message", () => process.exit(3));
    parentPort.postMessage([run.story]);
    await ended;
  },

  async "a worker finishes"() {
    const orch = await open();
    const { outcome } = await (await orch.run(await orch.findStory())).wait();
    await orch.close();
    parentPort.postMessage(outcome);
  },

  async "waits as an agent of its own"() {
    const mine = { run: () => (console.log("working"), new Promise(() => undefined)) };
    const orch = await Orchestrator.open(repo, { agents: { mine } });
    const plan = Plan.new("T", tasks("a").map((task) => ({ ...task, agent: "mine" })));
    await (await orch.run(await orch.createStory({ plan }))).wait();
  },

  async "waits with programs"() {
    const orch = await Orchestrator.open(repo, {
      agents: { default: agents.command(["sh", process.argv[4]]) },
      gates: [gates.command("green", ["true"])],
    });
    for await (const event of await orch.run(await story(orch))) if (event.type === "agent.output") console.log(event.line);
  },

  async "finishes what another host began"() {
    const orch = await open();
    const report = await (await orch.run(await orch.findStory())).wait();
    tell({ outcome: report.outcome, accepted: report.accepted });
    await orch.close();
  },

  async "without what another host had"() {
    const id = await (await open()).findStory();
    const bare = await Orchestrator.open(repo, { gates: [green] });
    const ungated = await Orchestrator.open(repo, { agents: { default: scribe } });
    const renamed = await Orchestrator.open(repo, { agents: { default: { ...scribe, version: "2" } }, gates: [green] });
    const errors = [];
    for (const orch of [bare, ungated, renamed]) errors.push((await orch.run(id).catch((error) => error)).name);
    tell(errors);
  },
};

function inWorker(name) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { name, repo } });
    worker.once("message", resolve).once("error", reject);
  });
}

/** Collects garbage, finalizers included. */
async function collect() {
  globalThis.gc();
  await new Promise((resolve) => setImmediate(resolve));
  globalThis.gc();
}

await faults[name]();
