/** An opened repository and the runs that this window started. Knows nothing of the editor. */

import type { CompleteOptions, Engine, Plan, Report, RunHandle, RunOptions, StatusView, StorySummary, Verb } from "./aura";
import { Coalescer } from "./model/coalesce";
import { describe } from "./model/lines";
import { told } from "./model/problems";
import { isActive } from "./model/verbs";

/** Who asks, in the log of a story. */
const ACTOR = "vscode";

/** What a session tells; called one at a time, never during a call into the session. */
export interface Listener {
  /** The stories, newest first, or why they cannot be shown. */
  changed(stories: readonly StatusView[], trouble: string | undefined): void;
  /** A line for the output channel. */
  line(text: string): void;
  /** A run or a landing of this window ended. */
  ended(story: string, report: Report): void;
  /** A run or a landing of this window was lost because Aura itself could not do its job. */
  lost(story: string, error: unknown): void;
}

/** How a story is started: with `run` or with `complete`. */
type Start = (engine: Engine) => Promise<RunHandle>;

export class Session {
  #engine: Promise<Engine> | undefined;
  #runs = new Map<string, RunHandle>();
  #following = new Set<Promise<void>>();
  #seen = new Map<string, { updatedAt: string; view: StatusView }>();
  #stories: readonly StatusView[] = [];
  #last: string | undefined;
  #stale = false;
  #closed = false;
  readonly #refresher: Coalescer;

  /**
   * `open` opens the repository; it is called when it is needed, and again after the settings changed. `pause` lies between two looks at
   * the stories and is told how many milliseconds the last one took.
   */
  constructor(
    private readonly open: () => Promise<Engine>,
    private readonly listener: Listener,
    pause: (took: number) => Promise<void>,
  ) {
    this.#refresher = new Coalescer(() => this.#look(), pause);
  }

  /** The stories as they were last told, newest first. */
  get stories(): readonly StatusView[] {
    return this.#stories;
  }

  /** The story that this window ran last. */
  get last(): string | undefined {
    return this.#last;
  }

  /** Whether a story that is under way was seen last time. */
  get isActive(): boolean {
    return this.#runs.size > 0 || this.#stories.some((story) => isActive(story.status));
  }

  /** Asks for a new look at the stories and resolves when it was told. Many calls become few looks. */
  refresh(): Promise<void> {
    return this.#refresher.ask();
  }

  /** Creates a story from a plan; nothing runs yet. */
  async create(plan: Plan): Promise<string> {
    const engine = await this.#opened();
    const { id } = await engine.createStory({ plan });
    void this.refresh();
    return id;
  }

  /** Runs a story or goes on with it; returns when the run is under way. */
  async run(story: string, options: RunOptions): Promise<void> {
    await this.#start(story, (engine) => engine.run(story, options));
  }

  /** Completes a story; returns when the landing is under way. */
  async complete(story: string, options: CompleteOptions): Promise<void> {
    await this.#start(story, (engine) => engine.complete(story, options));
  }

  /** Takes back a pause of a run under way, wherever it runs, or goes on with a story whose run has ended. */
  async resume(story: string, options: RunOptions): Promise<void> {
    if (this.#runs.has(story)) return this.steer(story, "resume");
    try {
      await this.run(story, options);
    } catch (error) {
      if (told(error).kind !== "story_busy") throw error;
      await this.steer(story, "resume");
    }
  }

  /**
   * Answers for a task, and goes on with the story if it is not under way: `approve` takes the work that a gate asks about as it is, `retry`
   * gives the task a fresh budget, with a note to the agent.
   */
  async decide(story: string, verb: "approve" | "retry", about: { task: string; note?: string }, options: RunOptions): Promise<void> {
    const engine = await this.#opened();
    const { status } = await engine.status(story);
    await this.steer(story, verb, about);
    if (!isActive(status)) await this.run(story, options);
  }

  /** Asks something of a story, whichever process runs it; returns when it was answered. */
  async steer(
    story: string,
    verb: Verb,
    about: { task?: string; note?: string } = {},
  ): Promise<void> {
    const engine = await this.#opened();
    try {
      await engine.command(story, verb, { ...about, actor: ACTOR });
    } finally {
      void this.refresh();
    }
  }

  /** The graph of a story with the status of its tasks, as SVG. */
  async picture(story: string): Promise<string> {
    return (await this.#opened()).graph(story, "svg");
  }

  /** Has the repository opened anew with other settings: now, or when the last run of this window has ended. */
  async reopen(): Promise<void> {
    this.#stale = true;
    await this.#renew();
    void this.refresh();
  }

  /** Cancels the runs of this window and waits for their end. Accepted work stays; a later run goes on from there. */
  async close(): Promise<void> {
    this.#closed = true;
    const engine = this.#engine;
    this.#engine = undefined;
    await engine?.then((opened) => opened.close()).catch(() => undefined);
    await Promise.all(this.#following);
    await this.#refresher.close();
  }

  async #opened(): Promise<Engine> {
    await this.#renew();
    if (this.#closed) throw new Error("the session is closed");
    this.#engine ??= this.open();
    const opening = this.#engine;
    try {
      return await opening;
    } catch (error) {
      // The next call tries again: the settings or the repository may be in order by then.
      if (this.#engine === opening) this.#engine = undefined;
      throw error;
    }
  }

  async #renew(): Promise<void> {
    if (!this.#stale || this.#runs.size > 0) return;
    this.#stale = false;
    const engine = this.#engine;
    this.#engine = undefined;
    await engine?.then((opened) => opened.close()).catch(() => undefined);
  }

  async #start(story: string, start: Start): Promise<void> {
    const run = await start(await this.#opened());
    this.#runs.set(story, run);
    this.#last = story;
    const following = this.#follow(story, run).finally(() => this.#following.delete(following));
    this.#following.add(following);
    void this.refresh();
  }

  async #follow(story: string, run: RunHandle): Promise<void> {
    let end: () => void;
    try {
      for await (const event of run) {
        const line = describe(event);
        if (line !== undefined) this.listener.line(line);
        if (event.type !== "agent.output" && event.type !== "gate.output") void this.refresh();
      }
      const report = await run.wait();
      end = () => this.listener.ended(story, report);
    } catch (error) {
      end = () => this.listener.lost(story, error);
    }
    if (this.#runs.get(story) === run) this.#runs.delete(story);
    await this.#renew();
    // Whoever hears of the end finds the story as it is then.
    await this.refresh();
    if (!this.#closed) end();
  }

  async #look(): Promise<void> {
    if (this.#closed) return;
    try {
      const engine = await this.#opened();
      const list = await engine.stories();
      this.#stories = await Promise.all(list.map((summary) => this.#view(engine, summary)));
      const present = new Set(list.map((summary) => summary.id));
      for (const id of this.#seen.keys()) if (!present.has(id)) this.#seen.delete(id);
      if (!this.#closed) this.listener.changed(this.#stories, undefined);
    } catch (error) {
      if (!this.#closed) this.listener.changed(this.#stories, told(error).message);
    }
  }

  /** A story that rests is read once. */
  async #view(engine: Engine, summary: StorySummary): Promise<StatusView> {
    const seen = this.#seen.get(summary.id);
    const isAtRest = !this.#runs.has(summary.id) && !isActive(summary.status);
    if (seen !== undefined && isAtRest && seen.updatedAt === summary.updatedAt) return seen.view;
    const view = await engine.status(summary.id);
    // Read later than the list, so that it is never older than what the list says of it.
    this.#seen.set(summary.id, { updatedAt: summary.updatedAt, view });
    return view;
  }
}
