/** An opened repository. */

import { isMainThread } from "node:worker_threads";

import { answer, settled } from "./border.js";
import { Refused } from "./errors.js";
import type { LogEvent } from "./events.js";
import { Host } from "./host.js";
import type { DoctorReport, PlanData, Report, StatusView, Story, StoryContext, StorySummary } from "./model.js";
import { type NativeEngine, type NativeRun, native } from "./native.js";
import type { Abortable, CommandOptions, CompleteOptions, DecomposeOptions, GraphFormat, OpenOptions } from "./options.js";
import type { RunOptions, StoryOptions, StoryRef, Verb } from "./options.js";
import { Run } from "./run.js";

/** Creates stories, runs and lands them. Several may stand on one repository, in one process or in many. */
export class Orchestrator implements AsyncDisposable {
  readonly #native: NativeEngine;
  #closed: Promise<void> | undefined;

  private constructor(engine: NativeEngine) {
    this.#native = engine;
  }

  /**
   * Opens a repository.
   *
   * @throws InvalidInput for options that cannot be meant, UnsupportedRepository and others for the repository.
   */
  static async open(path: string, options: OpenOptions = {}): Promise<Orchestrator> {
    const host = new Host();
    const agents = Object.entries(options.agents ?? {}).map(([name, agent]) => [name, host.agent(name, agent)]);
    const gates = options.gates?.map((gate) => host.gate(gate));
    const told = { ...options, path, agents: Object.fromEntries(agents) as object, gates };
    const engine = await settled(native.open(JSON.stringify(told), host.ring));
    host.jobs = engine.jobs();
    if (!isMainThread) engine.endWithEnvironment();
    return new Orchestrator(engine);
  }

  /** Creates a story and its branch. */
  createStory(title: string, options?: StoryOptions): Promise<{ readonly id: string }>;
  createStory(options: StoryOptions): Promise<{ readonly id: string }>;
  async createStory(title: string | StoryOptions, options: StoryOptions = {}): Promise<{ readonly id: string }> {
    const told = typeof title === "string" ? { ...options, title } : title;
    return { id: await this.#call<string>("create_story", told) };
  }

  /**
   * Looks for what the repository says about a story, and keeps it with the story for plans and prompts. Closing ends it.
   *
   * @throws StoryBusy when somebody runs it.
   */
  analyze(story: StoryRef): Promise<StoryContext> {
    return this.#call("analyze", { story: id(story) });
  }

  /**
   * Lets an agent cut a story into tasks, and gives the story the plan. The agent is asked, not set to work: what it changes has no
   * effect. Where its plan is not sound it is asked again with what is wrong, three times at the most. Closing ends it.
   *
   * @throws InvalidPlan with all problems of the last answer, Process when the agent fails, Refused for a story that was run, StoryBusy.
   */
  decompose(story: StoryRef, options: DecomposeOptions = {}): Promise<PlanData> {
    return this.#call("decompose", { story: id(story), options });
  }

  /** All stories of the repository. */
  stories(): Promise<StorySummary[]> {
    return this.#call("stories", {});
  }

  /** The id of the story with that id, short id or branch; without a name that of the only one. */
  findStory(name?: string): Promise<string> {
    return this.#call("find_story", { name });
  }

  /** A story with everything that became of its tasks. */
  story(story: StoryRef): Promise<Story> {
    return this.#call("story", { story: id(story) });
  }

  /** A story's plan. */
  plan(story: StoryRef): Promise<PlanData> {
    return this.#call("plan", { story: id(story) });
  }

  /** Where a story is right now. */
  status(story: StoryRef): Promise<StatusView> {
    return this.#call("status", { story: id(story) });
  }

  /** What a story came to when its last run ended. */
  report(story: StoryRef): Promise<Report> {
    return this.#call("report", { story: id(story) });
  }

  /** A story's log after a sequence number, internal events included. */
  events(story: StoryRef, after?: number): Promise<LogEvent[]> {
    return this.#call("events", { story: id(story), after });
  }

  /** Draws a story's plan, tasks in the colours of their status. */
  graph(story: StoryRef, format: GraphFormat): Promise<string> {
    return this.#call("graph", { story: id(story), format });
  }

  /** Asks something of a story, whatever process runs it. */
  async command(story: StoryRef, verb: Verb, options: CommandOptions = {}): Promise<void> {
    await this.#call("command", { ...options, story: id(story), verb });
  }

  /** Waits until no process runs the story; false when that took longer. */
  waitUntilIdle(story: StoryRef, timeoutMs?: number): Promise<boolean> {
    return this.#call("wait_until_idle", { story: id(story), timeoutMs });
  }

  /** Looks at everything that a run needs and changes nothing. */
  doctor(): Promise<DoctorReport> {
    return this.#call("doctor", {});
  }

  /**
   * Runs a story: starts it, or goes on with it.
   *
   * @throws StoryBusy, BackendMissing, GateMissing, GateChanged, ... before anything starts; the reason of an aborted `signal`.
   */
  run(story: StoryRef, options: RunOptions = {}): Promise<Run> {
    return this.#start((engine, args) => engine.run(args), story, options);
  }

  /** Completes a story: final gates and, with `merge`, the move of the target branch. */
  complete(story: StoryRef, options: CompleteOptions = {}): Promise<Run> {
    return this.#start((engine, args) => engine.complete(args), story, options);
  }

  /** Cancels the runs that were started here and waits for their end. What was accepted stays; a later run goes on from there. */
  close(): Promise<void> {
    this.#closed ??= settled(this.#native.close());
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #start(
    start: (engine: NativeEngine, args: string) => Promise<NativeRun>,
    story: StoryRef,
    { signal, ...options }: Abortable,
  ): Promise<Run> {
    this.#check();
    signal?.throwIfAborted();
    const run = await settled(start(this.#native, JSON.stringify({ story: id(story), options })));
    return Run.of(run, signal);
  }

  async #call<T>(method: string, args: object): Promise<T> {
    this.#check();
    const text = await settled(this.#native.call(method, JSON.stringify(args)));
    return answer<T>(() => text);
  }

  #check(): void {
    if (this.#closed === undefined) return;
    throw new Refused({ kind: "refused", message: "this orchestrator is closed", help: "open another one" });
  }
}

function id(story: StoryRef): string {
  return typeof story === "string" ? story : story.id;
}
