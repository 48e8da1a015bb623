/** The handle of a run. */

import { answer, settled } from "./border.js";
import type { RunEvent } from "./events.js";
import type { Report } from "./model.js";
import type { NativeRun } from "./native.js";

/** Events that cross into JavaScript at once, at most. */
const BATCH = 256;

/**
 * A run or a landing under way. It goes on whether or not somebody looks; only waiting for it or for its events keeps the process
 * alive. When the process ends first, a later run of the story goes on from there.
 */
export class Run implements AsyncIterable<RunEvent> {
  readonly #native: NativeRun;
  readonly #ended: () => void;
  #result: Promise<Report> | undefined;

  private constructor(native: NativeRun, ended: () => void) {
    this.#native = native;
    this.#ended = ended;
  }

  /** @internal */
  static of(native: NativeRun, signal: AbortSignal | undefined): Run {
    const cancel = (): void => {
      // A run that has ended meanwhile needs no cancel.
      native.call("cancel", "{}").catch(() => undefined);
    };
    signal?.addEventListener("abort", cancel, { once: true });
    if (signal?.aborted) cancel();
    return new Run(native, () => signal?.removeEventListener("abort", cancel));
  }

  /** The id of the run. */
  get id(): string {
    return this.#native.id;
  }

  /** The id of the story. */
  get story(): string {
    return this.#native.story;
  }

  /** The report, once the run has ended; made when first asked for. */
  get result(): Promise<Report> {
    this.#result ??= this.#wait();
    return this.#result;
  }

  /**
   * Waits until the run has ended and reports what became of it.
   *
   * @throws AuraError when Aura itself could not do its job; the story can be run again and goes on from where it was.
   */
  wait(): Promise<Report> {
    return this.result;
  }

  /** Events as they come: each is told once, to whoever asks first. Leaving the loop does not end the run. */
  async *[Symbol.asyncIterator](): AsyncGenerator<RunEvent, void, undefined> {
    for (;;) {
      const batch = await settled(this.#native.nextEvents(BATCH));
      if (batch === null) break;
      yield* answer<RunEvent[]>(() => batch);
    }
    this.#ended();
  }

  /** Starts nothing new; the run ends when what runs is finished and integrated. */
  pause(): Promise<void> {
    return this.#ask("pause");
  }

  /** Takes back a pause that has not come into force. */
  resume(): Promise<void> {
    return this.#ask("resume");
  }

  /** Stops everything. Work that was accepted stays accepted. */
  cancel(): Promise<void> {
    return this.#ask("cancel");
  }

  /** Gives a failed task a fresh budget, with a note to the agent. */
  retry(task: string, note?: string): Promise<void> {
    return this.#ask("retry", { task, note });
  }

  /** Answers a gate that asks for a person about a task's work: it counts as green on exactly that work. */
  approve(task: string): Promise<void> {
    return this.#ask("approve", { task });
  }

  /** Goes on without a task. */
  skip(task: string): Promise<void> {
    return this.#ask("skip", { task });
  }

  #ask(verb: string, about: object = {}): Promise<void> {
    return settled(this.#native.call(verb, JSON.stringify(about)));
  }

  async #wait(): Promise<Report> {
    try {
      const report = await settled(this.#native.wait());
      return answer<Report>(() => report);
    } finally {
      this.#ended();
    }
  }
}
