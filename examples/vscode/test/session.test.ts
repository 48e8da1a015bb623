import assert from "node:assert/strict";
import { test } from "node:test";

import type { Engine, Plan, Report, RunEvent, RunHandle, StatusView, StoryStatus, StorySummary } from "../src/aura";
import { Session, type Listener } from "../src/session";
import { STORY, story } from "./samples";

process.env.TZ = "Asia/Tokyo";

/** A run whose events the test tells and whose end it decides. */
class FakeRun implements RunHandle {
  #queue: (RunEvent | undefined)[] = [];
  #wake: () => void = () => {};
  #end: Promise<Report>;
  #settle!: { resolve: (report: Report) => void; reject: (error: unknown) => void };

  constructor() {
    this.#end = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.#end.catch(() => undefined);
  }

  tell(kind: object): void {
    this.#put({ seq: 1, at: "2026-01-01T12:03:04Z", story: STORY, ...kind } as RunEvent);
  }

  finish(outcome: Report["outcome"]): void {
    this.#settle.resolve({ storyId: STORY, outcome } as Report);
    this.#put(undefined);
  }

  fail(error: unknown): void {
    this.#settle.reject(error);
    this.#put(undefined);
  }

  wait(): Promise<Report> {
    return this.#end;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<RunEvent> {
    for (;;) {
      while (this.#queue.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
      const event = this.#queue.shift();
      if (event === undefined) return;
      yield event;
    }
  }

  #put(event: RunEvent | undefined): void {
    this.#queue.push(event);
    this.#wake();
  }
}

/** A library with one story, that notes what it is asked. */
class FakeEngine implements Engine {
  calls: string[] = [];
  looks = 0;
  updates = 0;
  runs: FakeRun[] = [];
  refuse: Error | undefined;
  #status: StoryStatus = "planned";

  become(status: StoryStatus): void {
    this.#status = status;
    this.updates++;
  }

  async createStory(spec: { plan: Plan }): Promise<{ id: string }> {
    this.calls.push(`create ${spec.plan.title}`);
    return { id: STORY };
  }
  async stories(): Promise<StorySummary[]> {
    return [{ id: STORY, title: "Email validation", branch: "b", status: this.#status, createdAt: "0", updatedAt: `${this.updates}` }];
  }
  async status(): Promise<StatusView> {
    this.looks++;
    return story({ status: this.#status });
  }
  async graph(): Promise<string> {
    return "<svg/>";
  }
  async command(_story: string, verb: string, about: object = {}): Promise<void> {
    this.calls.push(`${verb} ${JSON.stringify(about)}`);
  }
  async run(_story: string, options: object = {}): Promise<FakeRun> {
    this.calls.push(`run ${JSON.stringify(options)}`);
    if (this.refuse !== undefined) throw this.refuse;
    this.become("running");
    return this.#started();
  }
  async complete(_story: string, options: object = {}): Promise<FakeRun> {
    this.calls.push(`complete ${JSON.stringify(options)}`);
    return this.#started();
  }
  async close(): Promise<void> {
    this.calls.push("close");
    for (const run of this.runs) run.finish("cancelled");
  }

  #started(): FakeRun {
    const run = new FakeRun();
    this.runs.push(run);
    return run;
  }
}

/** Notes what a session tells. `heard` resolves with the next thing that fits. */
class Ear implements Listener {
  told: string[] = [];
  #waiting: { fits: (text: string) => boolean; resolve: (text: string) => void }[] = [];

  changed(stories: readonly StatusView[], trouble: string | undefined): void {
    this.#hear(trouble ?? `stories ${stories.map(({ status }) => status).join()}`);
  }
  line(text: string): void {
    this.#hear(`line ${text}`);
  }
  ended(_story: string, report: Report): void {
    this.#hear(`ended ${report.outcome}`);
  }
  lost(_story: string, error: unknown): void {
    this.#hear(`lost ${(error as Error).message}`);
  }
  heard(start: string): Promise<string> {
    const fits = (text: string): boolean => text.startsWith(start);
    const past = this.told.find(fits);
    return past !== undefined ? Promise.resolve(past) : new Promise((resolve) => this.#waiting.push({ fits, resolve }));
  }
  #hear(text: string): void {
    this.told.push(text);
    for (const { fits, resolve } of this.#waiting) if (fits(text)) resolve(text);
  }
}

function opened(): { engines: FakeEngine[]; engine: FakeEngine; ear: Ear; session: Session } {
  const engines = [new FakeEngine()];
  const ear = new Ear();
  let next = 0;
  const open = async (): Promise<Engine> => (engines[next] ??= new FakeEngine()) && engines[next++]!;
  return { engines, engine: engines[0]!, ear, session: new Session(open, ear, async () => {}) };
}

function kind(kindOf: string, message = kindOf): Error {
  return Object.assign(new Error(message), { kind: kindOf });
}

test("a run is followed: its lines are told, and its end after the state that it left", async () => {
  const { engine, ear, session } = opened();
  await session.run(STORY, { maxParallel: 2 });
  await ear.heard("stories running");
  engine.runs[0]?.tell({ type: "task.accepted", task: "a", commit: "0123456789abcdef" });
  engine.runs[0]?.tell({ type: "task.queued", task: "b" });
  engine.become("ready_to_complete");
  engine.runs[0]?.finish("ready_to_complete");
  await ear.heard("ended ready_to_complete");
  assert.deepEqual(engine.calls, ['run {"maxParallel":2}']);
  assert.deepEqual(ear.told.filter((text) => text.startsWith("line")), ["line 21:03:04  a: accepted as 0123456789"]);
  assert.equal(ear.told.at(-2), "stories ready_to_complete");
  assert.equal(session.last, STORY);
  await session.close();
});

test("ten thousand events are few looks", async () => {
  const { engine, ear, session } = opened();
  await session.run(STORY, {});
  for (let number = 0; number < 10_000; number++) engine.runs[0]?.tell({ type: "warning", message: `${number}` });
  engine.runs[0]?.finish("paused");
  await ear.heard("ended");
  assert.equal(ear.told.filter((text) => text.startsWith("line")).length, 10_000);
  assert.ok(engine.looks < 5_000, `${engine.looks}`);
  await session.close();
});

test("a story at rest is read once, until it changes", async () => {
  const { engine, session } = opened();
  for (let times = 0; times < 3; times++) await session.refresh();
  assert.equal(engine.looks, 1);
  engine.updates++;
  await session.refresh();
  assert.equal(engine.looks, 2);
  engine.become("running");
  await session.refresh();
  await session.refresh();
  assert.equal(engine.looks, 4);
  await session.close();
});

test("a run that is lost is told as an error", async () => {
  const { engine, ear, session } = opened();
  await session.run(STORY, {});
  engine.runs[0]?.fail(new Error("the disk is full"));
  assert.equal(await ear.heard("lost"), "lost the disk is full");
  await session.close();
});

test("resume takes back a pause here and elsewhere, else it runs the story", async () => {
  const { engine, session } = opened();
  await session.resume(STORY, {});
  await session.resume(STORY, {});
  const elsewhere = opened();
  elsewhere.engine.refuse = kind("story_busy");
  await elsewhere.session.resume(STORY, {});
  const refused = opened();
  refused.engine.refuse = kind("backend_missing", "no agent");
  await assert.rejects(refused.session.resume(STORY, {}), /no agent/);
  const resume = 'resume {"actor":"vscode"}';
  assert.deepEqual(engine.calls, ["run {}", resume]);
  assert.deepEqual(elsewhere.engine.calls, ["run {}", resume]);
  assert.deepEqual(refused.engine.calls, ["run {}"]);
  for (const each of [session, elsewhere.session, refused.session]) await each.close();
});

test("a decision runs a story that rests, and leaves one under way alone", async () => {
  const { engine, session } = opened();
  engine.become("paused");
  await session.decide(STORY, "retry", { task: "a", note: "look twice" }, {});
  await session.decide(STORY, "retry", { task: "b" }, {});
  await session.decide(STORY, "approve", { task: "c" }, {});
  assert.deepEqual(engine.calls, [
    'retry {"task":"a","note":"look twice","actor":"vscode"}',
    "run {}",
    'retry {"task":"b","actor":"vscode"}',
    'approve {"task":"c","actor":"vscode"}',
  ]);
  await session.close();
});

test("other settings wait for the end of what runs, then the repository is opened with them", async () => {
  const { engines, engine, ear, session } = opened();
  await session.run(STORY, {});
  await session.reopen();
  assert.deepEqual(engine.calls, ["run {}"]);
  engine.runs[0]?.finish("paused");
  await ear.heard("ended");
  assert.deepEqual([engine.calls.at(-1), engines.length], ["close", 2]);
  await session.run(STORY, {});
  assert.deepEqual(engines[1]?.calls, ["run {}"]);
  await session.close();
});

test("a repository that cannot be opened is told, and tried again", async () => {
  const ear = new Ear();
  let attempts = 0;
  const engine = new FakeEngine();
  const open = async (): Promise<Engine> => {
    if (attempts++ === 0) throw kind("unsupported_repository", "no commit yet");
    return engine;
  };
  const session = new Session(open, ear, async () => {});
  await session.refresh();
  await session.refresh();
  assert.deepEqual(ear.told, ["no commit yet", "stories planned"]);
  await session.close();
});

test("closing ends the runs, says nothing more and opens nothing again", async () => {
  const { engines, engine, ear, session } = opened();
  await session.run(STORY, {});
  await ear.heard("stories running");
  const told = ear.told.length;
  await session.close();
  await session.refresh();
  await assert.rejects(session.run(STORY, {}), /closed/);
  assert.deepEqual(engine.calls, ["run {}", "close"]);
  assert.deepEqual([engines.length, ear.told.length], [1, told]);
});
