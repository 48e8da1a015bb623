// What the package looks like from JavaScript.

import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";

import * as aura from "@aura-dev/aura";

import { PACKAGE, directory, git, green, program, repository, scribe, start, succeed, tasks } from "./support.mjs";

const { AuraError, InvalidInput, InvalidPlan, NotFound, Orchestrator, Plan, Refused, agents, gates } = aura;

async function open(t, repo, options) {
  const opened = await Orchestrator.open(repo, { agents: { default: scribe }, gates: [green], ...options });
  t.after(() => opened.close());
  return opened;
}

test("a plan becomes merged work, and every event is told", async (t) => {
  const repo = repository(t);
  const orch = await open(t, repo);
  const [first, second] = tasks("a", "b");
  const plan = Plan.new("Two files", [first, { ...second, dependsOn: ["a"] }], { description: "At length." });
  const story = await orch.createStory({ plan, policy: { maxParallel: 2, backoffMs: 1 } });
  const run = await orch.run(story, { maxParallel: 1 });
  assert.equal(run.story, story.id);
  const events = [];
  for await (const event of run) events.push(event);
  assert.equal((await run.result).outcome, "ready_to_complete");
  const log = await orch.events(story);
  assert.deepEqual(log.map((event) => event.seq), log.map((_, index) => index + 1));
  assert.deepEqual(events.filter((event) => "seq" in event), log.filter((event) => events.some((told) => told.seq === event.seq)));
  assert.equal(log[0].policy.maxParallel, 2);
  assert.equal(log.find((event) => event.type === "run.started").options.maxParallel, 1);
  assert.equal(log.find((event) => event.type === "run.started").run, run.id);

  const report = await (await orch.complete(story, { merge: true })).wait();
  assert.deepEqual([report.outcome, report.accepted], ["completed", ["a", "b"]]);
  assert.equal(git(repo, "show", "main:b.txt"), "Write b");
  assert.deepEqual(await orch.report(story), report);
  assert.equal((await orch.status(story)).tasks[1].commit, report.commit);
  assert.equal((await orch.story(story.id)).tasks[0].status, "completed");
  assert.deepEqual((await orch.plan(story)).criticalPath, ["a", "b"]);
  assert.deepEqual((await orch.stories()).map(({ id, status }) => [id, status]), [[story.id, "completed"]]);
  assert.equal(await orch.findStory(story.id), story.id);
  assert.equal(await orch.waitUntilIdle(story, 60_000), true);
  for (const format of ["mermaid", "dot", "svg"]) {
    assert.match(await orch.graph(story, format), /Write a/);
    assert.match(plan.graph(format), /Write a/);
  }
  assert.ok((await orch.doctor()).checks.every((check) => check.ok));
  assert.equal(existsSync(join(repo, "b.txt")), true);
});

test("an agent is asked for a plan", async (t) => {
  const repo = repository(t);
  const prompts = [];
  const planner = {
    run(request) {
      prompts.push(request.prompt);
      const pattern = prompts.length === 1 ? "other" : "some_file";
      return { output: `Here: [{"id": 1, "title": "A", "description": "do", "pattern": "${pattern}"}]` };
    },
  };
  const orch = await Orchestrator.open(repo, { agents: { planner }, patterns: { some_file: "# One file each" } });
  t.after(() => orch.close());
  const story = await orch.createStory("Two files", { description: "At length." });
  const plan = await orch.decompose(story, { agent: "planner", includeTests: false, maxParallelism: 4, maxTasks: 9 });
  assert.deepEqual(plan.tasks.map(({ id, pattern }) => [id, pattern]), [["1", "some_file"]]);
  assert.deepEqual(await orch.plan(story), plan);
  assert.match(prompts[0], /At length\.[^]*`some_file`: One file each[^]*At most 9 tasks[^]*no tasks for tests/);
  assert.match(prompts[1], /unknown_pattern/);
  await assert.rejects(orch.decompose(story, { agent: "nobody" }), { kind: "backend_missing" });
});

test("names of members are camel case, and what belongs to the user is left alone", async (t) => {
  const metadata = { snake_key: { inner_key: 1 }, camelKey: [{ deepKey: null }] };
  const repo = repository(t, { "say.sh": 'test "$MY_var" = "snake_and Camel" && test "$myVar" = x\n' });
  const seen = [];
  const my_agent = {
    run(request) {
      seen.push(request);
      scribe.run(request);
      return { output: "done", usage: { inputTokens: 3, costUsd: 0.1 }, toolImprovementProposal: "a better one" };
    },
  };
  const env = { MY_var: "snake_and Camel", myVar: "x" };
  const orch = await open(t, repo, {
    agents: { my_agent, otherAgent: agents.command(["true"], { env }) },
    gates: [gates.command("say", ["sh", "say.sh"], { env, at: ["after_wave"], timeoutMs: 60_000 })],
  });
  const plan = Plan.new("Names", [{ ...tasks("a")[0], metadata, agent: "my_agent", acceptanceCriteria: ["it is there"] }]);
  assert.deepEqual(plan.tasks[0].metadata, metadata);
  const story = await orch.createStory("Another title", { plan });
  const report = await (await orch.run(story)).wait();
  assert.equal(report.outcome, "ready_to_complete");
  assert.deepEqual(report.usage, { inputTokens: 3, outputTokens: 0, costUsd: 0.1 });
  const { title, tasks: [task] } = await orch.story(story);
  assert.equal(title, "Another title");
  assert.deepEqual([task.metadata, task.toolImprovementProposal, task.acceptanceCriteria], [metadata, "a better one", ["it is there"]]);
  assert.deepEqual(seen[0].task.metadata, metadata);
  assert.deepEqual(seen[0].environment.map((pair) => pair.length), seen[0].environment.map(() => 2));
  assert.deepEqual((await orch.plan(story)).tasks[0].metadata, metadata);
});

test("a plan is validated with a place for each problem", (t) => {
  assert.throws(() => Plan.parse("tasks:\n  - { id: a, title: A, depends_on: [z] }\n", "plan.yaml"), (error) => {
    assert.ok(error instanceof InvalidPlan && error instanceof AuraError && error instanceof Error);
    assert.deepEqual([error.name, error.kind, error.file, error.line], ["InvalidPlan", "invalid_plan", "plan.yaml", 2]);
    assert.equal(error.column > 1, true);
    assert.deepEqual(error.problems.map((problem) => [problem.code, problem.task]), [["unknown_dependency", "a"]]);
    return true;
  });
  assert.throws(() => Plan.new("T", [{ ...tasks("a")[0], noSuchMember: 1 }]), InvalidPlan);
  assert.throws(() => Plan.load("/nowhere/plan.yaml"), NotFound);
  const file = join(directory(t), "plan.json");
  writeFileSync(file, JSON.stringify({ title: "T", tasks: tasks("a", "b") }));
  assert.deepEqual(Plan.load(file).waves, [{ index: 0, tasks: ["a", "b"] }]);
  assert.match(JSON.stringify(aura.planSchema()), /"depends_on"/);
});

test("a folder of stories is a plan", (t) => {
  const folder = directory(t);
  for (const [id, depends] of [["1.1", "None"], ["1.2", "1.1"], ["1.10", "1.2"]]) {
    const text = `# Story ${id}: Number ${id}\n\n**Status**: Draft\n**Dependencies**: ${depends}\n`;
    writeFileSync(join(folder, `${id}.number.md`), text);
  }
  const ids = (options) => Plan.load(folder, options).tasks.map((task) => task.id);
  assert.deepEqual(ids(), ["1.1", "1.2", "1.10"]);
  assert.equal(Plan.load(folder).review, true);
  assert.deepEqual(ids({ scope: ["1.1-1.2"] }), ["1.1", "1.2"]);
  assert.deepEqual(ids({ scope: ["1.2"], outOfScope: "expand" }), ["1.1", "1.2"]);
  assert.throws(() => ids({ scope: ["1.2"] }), (error) => {
    const [{ code, line, column }] = error.problems;
    assert.deepEqual([error.name, code, line, column], ["InvalidPlan", "out_of_scope", 4, 19]);
    return true;
  });
  assert.throws(() => ids({ scope: ["1.1"], outOfScope: "drop" }), InvalidInput);
});

test("a plan can require a review", async (t) => {
  const repo = repository(t);
  const plan = Plan.new("T", tasks("a"), { review: true });
  const orch = await open(t, repo);
  const story = await orch.createStory({ plan });
  await assert.rejects(orch.run(story), (error) => error instanceof InvalidInput && /requires a review/.test(error.message));
  const other = await orch.createStory({ plan: { ...plan, review: false } });
  assert.equal((await (await orch.run(other)).wait()).outcome, "ready_to_complete");
  await orch.close();
  const look = { name: "look", at: ["after_task"], reviews: true, run: () => true };
  const again = await open(t, repo, { gates: [look] });
  assert.equal((await (await again.run(story.id)).wait()).outcome, "ready_to_complete");
});

test("an option that is not known is refused in the words of the library", async (t) => {
  const repo = repository(t);
  await assert.rejects(Orchestrator.open(repo, { agent: {} }), { name: "InvalidInput", message: /unknown field `agent`/ });
  await assert.rejects(Orchestrator.open(repo, { agents: { mine: async () => undefined } }), InvalidInput);
  await assert.rejects(Orchestrator.open(repo, { agents: { mine: null }, gates: [7] }), InvalidInput);
  await assert.rejects(Orchestrator.open(directory(t)), AuraError);
  const orch = await open(t, repo);
  const story = await orch.createStory({ plan: Plan.new("T", tasks("a")) });
  await assert.rejects(orch.run(story, { maxParalel: 1 }), InvalidInput);
  await assert.rejects(orch.createStory("T", { policy: { retriesMax: 1 } }), InvalidInput);
  await assert.rejects(orch.command(story, "jump"), { name: "InvalidInput", help: /pause/ });
  await assert.rejects(orch.command(story, "skip"), InvalidInput);
  await assert.rejects(orch.status("no such story"), { name: "NotFound", kind: "not_found", help: /stories are/ });
});

test("gates that a repository seems to want", (t) => {
  const repo = repository(t, { "Cargo.toml": '[package]\nname = "x"\n' });
  assert.ok(gates.detect(repo).some((gate) => gate.command[0] === "cargo"));
});

test("a run is steered", async (t) => {
  const begun = deferred();
  const go = deferred();
  const slow = {
    async run(request) {
      begun.resolve();
      await go.promise;
      scribe.run(request);
    },
  };
  const orch = await open(t, repository(t), { agents: { default: slow } });
  const [a, b] = tasks("a", "b");
  const story = await orch.createStory({ plan: Plan.new("T", [a, { ...b, dependsOn: ["a"] }]) });
  const run = await orch.run(story);
  const ended = run.wait();
  await begun.promise;
  await run.pause();
  await run.resume();
  await run.pause();
  await assert.rejects(run.retry("a"), Refused);
  await assert.rejects(run.skip("nobody"), AuraError);
  await assert.rejects(run.approve("nobody"), AuraError);
  go.resolve();
  assert.equal((await ended).outcome, "paused");
  await assert.rejects(run.cancel(), Refused);
  const again = await orch.run(story);
  assert.deepEqual((await again.wait()).accepted, ["a", "b"]);
});

test("a failing task is told apart, and tried again with a note", async (t) => {
  const prompts = [];
  const fails = {
    run(request) {
      prompts.push(request.prompt);
      if (prompts.length === 1) return { failure: { class: "gate", summary: "not today" } };
      scribe.run(request);
    },
  };
  const orch = await open(t, repository(t), { agents: { default: fails } });
  const story = await orch.createStory({ plan: Plan.new("T", tasks("a")), policy: { retryMax: 0 } });
  const report = await (await orch.run(story)).wait();
  assert.deepEqual(report.failed.map(({ id, class: how, evidence }) => [id, how, evidence.summary]), [["a", "gate", "not today"]]);
  await orch.command(story, "retry", { task: "a", note: "use the other door", actor: "test" });
  assert.deepEqual((await (await orch.run(story)).wait()).accepted, ["a"]);
  assert.match(prompts[1], /use the other door/);
});

test("progress of agents and gates is told", async (t) => {
  const told = new Map(["at work", "at candidate", "at final"].map((line) => [line, deferred()]));
  // Lines are dropped for slow readers, so each waits until its line was read.
  const say = (request, line) => (request.output(line), told.get(line).promise);
  const agent = { run: (request) => (scribe.run(request), say(request, "at work")) };
  const gate = { name: "eye", run: (request) => say(request, `at ${request.at}`).then(() => ({ verdict: "passed", output: "fine" })) };
  const orch = await open(t, repository(t), { agents: { default: agent }, gates: [gate] });
  const run = await orch.run(await orch.createStory({ plan: Plan.new("T", tasks("a")) }));
  const lines = [];
  for await (const event of run) {
    if (event.type !== "agent.output" && event.type !== "gate.output") continue;
    lines.push([event.task ?? event.gate, event.line]);
    told.get(event.line).resolve();
  }
  assert.deepEqual(lines, [["a", "at work"], ["eye", "at candidate"], ["eye", "at final"]]);
});

test("verdicts of a gate of one's own", async (t) => {
  let asked = 0;
  const gate = {
    name: "review",
    at: ["after_task"],
    run() {
      asked += 1;
      // The second question is whether the base is red, too.
      return asked === 1 ? { verdict: "failed", findings: [{ file: "a.txt", line: 1, message: "too short" }] } : true;
    },
  };
  const orch = await open(t, repository(t), { gates: [gate] });
  const story = await orch.createStory({ plan: Plan.new("T", tasks("a")), policy: { retryMax: 0 } });
  const report = await (await orch.run(story)).wait();
  assert.deepEqual(report.failed[0].evidence.findings, [{ file: "a.txt", line: 1, message: "too short" }]);
});

test("two loops over one run share its events", async (t) => {
  const orch = await open(t, repository(t));
  const run = await orch.run(await orch.createStory({ plan: Plan.new("T", tasks("a", "b", "c")) }));
  const seen = [];
  const loop = async () => {
    for await (const event of run) if ("seq" in event) seen.push(event.seq);
  };
  await Promise.all([loop(), loop()]);
  const told = (await orch.events(run.story)).filter((event) => seen.includes(event.seq)).map((event) => event.seq);
  assert.deepEqual(seen.sort((one, other) => one - other), told);
  assert.equal(new Set(seen).size, seen.length);
});

test("the memory store forgets", async (t) => {
  const repo = repository(t);
  const orch = await open(t, repo, { store: "memory" });
  await orch.createStory({ plan: Plan.new("T", tasks("a")) });
  assert.equal((await orch.stories()).length, 1);
  assert.equal((await (await open(t, repo)).stories()).length, 0);
});

test("CommonJS and modules are the same instance", async () => {
  const required = createRequire(import.meta.url)("@aura-dev/aura");
  assert.equal(required.StoryBusy, aura.StoryBusy);
  const own = ["default", "module.exports", "__esModule"];
  assert.deepEqual(Object.keys(required).sort(), Object.keys(aura).filter((name) => !own.includes(name)).sort());
});

test("the command is the same program", async (t) => {
  const script = join(PACKAGE, "bin", "aura.js");
  const version = await succeed(process.execPath, [script, "--version"]);
  assert.equal(version, await succeed(program("aura"), ["--version"]));
  const refused = await start(process.execPath, [script, "plan", "/nowhere.yaml"]).done;
  assert.equal(refused.code, 2);
  const demo = await succeed(process.execPath, [script, "demo"], { cwd: directory(t) });
  assert.match(demo, /The demo is complete/);
});

test("Ctrl-C stops a run of the command in an orderly way", async (t) => {
  const [repo, plan] = [repository(t), join(directory(t), "plan.json")];
  writeFileSync(plan, JSON.stringify({ title: "T", tasks: tasks("a") }));
  const script = join(PACKAGE, "bin", "aura.js");
  const words = ["run", plan, "--repo", repo, "--agent-command", "sleep 600", "--no-gates", "--json"];
  const run = start(process.execPath, [script, ...words]);
  await run.line('"task.started"');
  run.child.kill("SIGINT");
  const end = await run.done;
  assert.deepEqual([end.code, end.signal, end.hung], [130, null, false], end.stderr);
  assert.match(end.stdout, /"outcome":"cancelled"/);
});

test("a platform without a native part is told so", async (t) => {
  const bare = directory(t);
  mkdirSync(join(bare, "dist"));
  for (const name of ["native.js"]) copyFileSync(join(PACKAGE, "dist", name), join(bare, "dist", name));
  const missing = await start(process.execPath, [join(bare, "dist", "native.js")]).done;
  assert.match(missing.stderr, new RegExp(`no native part for ${process.platform}-${process.arch}`));
  writeFileSync(join(bare, `aura.${process.platform}-${process.arch}.node`), "not a library");
  const broken = await start(process.execPath, [join(bare, "dist", "native.js")]).done;
  assert.match(broken.stderr, /cannot be loaded here/);
});

function deferred() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
