/**
 * Does work soon after it was asked for: at once the first time, never twice at the same time, and once more for all that was
 * asked meanwhile. Between two times lies a `pause`, which is told how many milliseconds the work took. The work must not reject.
 */
export class Coalescer {
  #asked: (() => void)[] = [];
  #closed = false;
  #loop: Promise<void> | undefined;

  constructor(
    private readonly work: () => Promise<void>,
    private readonly pause: (took: number) => Promise<void>,
  ) {}

  /** Asks for the work. Resolves when work that began after this call is done, or when this is closed. */
  ask(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    const done = new Promise<void>((resolve) => this.#asked.push(resolve));
    this.#loop ??= this.#turn();
    return done;
  }

  /** Asks for nothing more; resolves when work under way is finished. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const done of this.#asked.splice(0)) done();
    await this.#loop;
  }

  async #turn(): Promise<void> {
    // So that all who ask in one go are served by the first time.
    await Promise.resolve();
    while (this.#asked.length > 0) {
      const served = this.#asked.splice(0);
      const begun = performance.now();
      await this.work();
      for (const done of served) done();
      if (!this.#closed) await this.pause(performance.now() - begun);
    }
    this.#loop = undefined;
  }
}
