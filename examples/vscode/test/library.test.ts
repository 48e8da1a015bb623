/** The session on a real repository, with the real library and agents that are processes. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { Orchestrator, Plan } from "@aura-dev/aura";

import type { Report, StatusView } from "../src/aura";
import { told } from "../src/model/problems";
import { openOptions } from "../src/model/settings";
import { rows } from "../src/model/tree";
import { Session } from "../src/session";

/** Fails the task `second` until somebody leaves a note; the prompt has it. */
const AGENT = `
  const { readFileSync, writeFileSync } = require("node:fs");
  const task = process.env.AURA_TASK;
  const prompt = readFileSync(0, "utf8");
  console.log("working on " + task);
  if (task === "second" && !prompt.includes("mind the gap")) process.exit(0);
  writeFileSync(task + ".txt", "done\\n");
`;

const PLAN = {
  title: "Two steps",
  tasks: [
    { id: "first", title: "First step", description: "Write first.txt." },
    { id: "second", title: "Second step", description: "Write second.txt.", depends_on: ["first"] },
  ],
};

interface Place {
  home: string;
  repository: string;
  plan: string;
  git: (...args: string[]) => string;
}

function place(): Place {
  const home = mkdtempSync(join(tmpdir(), "aura-vscode-"));
  const repository = join(home, "repository");
  const git = (...args: string[]): string => execFileSync("git", ["-C", repository, ...args], { encoding: "utf8" });
  execFileSync("git", ["init", "--quiet", "--initial-branch=main", repository]);
  git("config", "user.name", "Somebody");
  git("config", "user.email", "somebody@example.com");
  git("commit", "--quiet", "--allow-empty", "--message=Begin");
  const plan = join(home, "plan.json");
  writeFileSync(plan, JSON.stringify(PLAN));
  return { home, repository, plan, git };
}

test("a plan becomes merged work, with a retry that carries a note", { timeout: 120_000 }, async () => {
  const { home, repository, plan, git } = place();
  const settings = {
    agentCommand: [process.execPath, "-e", AGENT],
    gates: [{ name: "present", command: ["test", "-f", "first.txt"] }],
    detectGates: false,
    maxParallel: 2,
  };
  const lines: string[] = [];
  let stories: readonly StatusView[] = [];
  let ended: (report: Report) => void = () => {};
  let lost: (error: unknown) => void = () => {};
  const end = (): Promise<Report> => new Promise((resolve, reject) => ([ended, lost] = [resolve, reject]));
  const session = new Session(
    () => Orchestrator.open(repository, openOptions(settings)),
    {
      changed: (seen) => (stories = seen),
      line: (text) => lines.push(text),
      ended: (_story, report) => ended(report),
      lost: (_story, error) => lost(error),
    },
    () => new Promise((resolve) => setImmediate(resolve)),
  );
  try {
    const story = await session.create(Plan.load(plan));
    let ending = end();
    await session.run(story, { maxParallel: 2 });
    assert.equal((await ending).outcome, "paused");
    assert.deepEqual(
      rows(stories)[0]?.children.slice(0, 2).map((row) => [row.label, row.icon.name]),
      [
        ["First step", "pass-filled"],
        ["Second step", "error"],
      ],
    );

    ending = end();
    await session.decide(story, "retry", { task: "second", note: "mind the gap" }, {});
    assert.equal((await ending).outcome, "ready_to_complete");
    ending = end();
    await session.complete(story, { merge: true });
    assert.equal((await ending).outcome, "completed");
    assert.equal(rows(stories)[0]?.description, "2/2 completed");
    assert.match(await session.picture(story), /^<svg[^]*Second step/);
    assert.equal(git("show", "main:second.txt"), "done\n");
    for (const wanted of ["first | working on first", "second: failed, no change", "second: started with default, attempt 3", "landed "]) {
      assert.ok(lines.some((line) => line.includes(wanted)), `${wanted}\n${lines.join("\n")}`);
    }
  } finally {
    await session.close();
    rmSync(home, { recursive: true, force: true });
  }
});

test("a plan that is refused says where and why", () => {
  const { home, plan } = place();
  try {
    writeFileSync(plan, readFileSync(plan, "utf8").replace('"first"]', '"nobody"]'));
    assert.throws(
      () => Plan.load(plan),
      (error) => {
        const { kind, problems } = told(error);
        assert.deepEqual([kind, problems[0]?.task, problems[0]?.file], ["invalid_plan", "second", plan]);
        return true;
      },
    );
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
