import assert from "node:assert/strict";
import { test } from "node:test";

import { Coalescer } from "../src/model/coalesce";

/** A promise that the test resolves. */
function gate(): { open: () => void; opened: Promise<void> } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

test("a thousand calls in one go are one piece of work", async () => {
  let times = 0;
  const coalescer = new Coalescer(async () => void times++, async () => {});
  await Promise.all(Array.from({ length: 1000 }, () => coalescer.ask()));
  assert.equal(times, 1);
});

test("what is asked for during the work is done once more, after it, and never beside it", async () => {
  const [first, second] = [gate(), gate()];
  const waits = [first.opened, second.opened];
  const started: number[] = [];
  let busy = 0;
  const coalescer = new Coalescer(
    async () => {
      assert.equal(busy++, 0);
      started.push(started.length);
      await waits[started.length - 1];
      busy--;
    },
    async () => {},
  );
  const early = coalescer.ask();
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(started, [0]);
  const late = Promise.all([coalescer.ask(), coalescer.ask(), coalescer.ask()]);
  first.open();
  await early;
  second.open();
  await late;
  assert.deepEqual(started, [0, 1]);
});

test("between two times lies a pause", async () => {
  const pause = gate();
  let [times, pauses] = [0, 0];
  const coalescer = new Coalescer(
    async () => void times++,
    () => (pauses++, pause.opened),
  );
  await coalescer.ask();
  const next = coalescer.ask();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([times, pauses], [1, 1]);
  pause.open();
  await next;
  assert.equal(times, 2);
});

test("after closing nobody waits and nothing is done", async () => {
  const pause = gate();
  let times = 0;
  const coalescer = new Coalescer(
    async () => void times++,
    () => pause.opened,
  );
  await coalescer.ask();
  const waiting = coalescer.ask();
  const closing = coalescer.close();
  await waiting;
  pause.open();
  await closing;
  await coalescer.ask();
  assert.equal(times, 1);
});
