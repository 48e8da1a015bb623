/** Agents and gates that are JavaScript: takes their jobs from the engine and answers them. */

import { inspect } from "node:util";

import { answer } from "./border.js";
import type { NativeJobs } from "./native.js";
import type { AcpAgent, AgentOptions, GateOptions, LlmAgent, OwnAgent, OwnGate, PresetAgent, ProtectedGate, ReviewGate, SecretsGate } from "./options.js";

interface Job {
  id: string;
  kind: "agent" | "gate" | "cancel";
  name: string;
  request: object | null;
}

interface Own {
  run(request: never, signal: AbortSignal): unknown;
}

/** The functions of one orchestrator and the jobs that they work on. */
export class Host {
  readonly #agents = new Map<string, Own>();
  readonly #gates = new Map<string, Own>();
  readonly #open = new Map<string, AbortController>();
  jobs: NativeJobs | undefined;

  /** What the library is told of an agent: everything but the function. */
  agent(name: string, agent: AgentOptions | PresetAgent | AcpAgent | LlmAgent | OwnAgent): object {
    if (!isOwn(agent)) return told(agent);
    this.#agents.set(name, agent);
    return { host: { version: agent.version } };
  }

  /** What the library is told of a gate: everything but the function. */
  gate(gate: GateOptions | ProtectedGate | ReviewGate | SecretsGate | OwnGate): object {
    if (!isOwn(gate)) return told(gate);
    this.#gates.set(gate.name, gate);
    const { name, version, at, required, flaky, timeoutMs, countsTests, reviews } = gate;
    return { name, host: { version }, at, required, flaky, timeoutMs, countsTests, reviews };
  }

  /** Starts all jobs that wait. Never throws: it is called from the event loop. */
  readonly ring = (): void => {
    for (let text = this.jobs?.next(); text; text = this.jobs?.next()) {
      const job = JSON.parse(text) as Job;
      if (job.kind === "cancel") this.#open.get(job.id)?.abort();
      else void this.#work(job);
    }
  };

  async #work(job: Job): Promise<void> {
    const controller = new AbortController();
    this.#open.set(job.id, controller);
    // The library refuses what is no JSON of its own, such as what is nested too deeply.
    const finish = (value: unknown): unknown => answer(() => String(this.jobs?.finish(job.id, written(value))));
    try {
      const own = (job.kind === "agent" ? this.#agents : this.#gates).get(job.name);
      const output = (line: string): void => {
        if (!this.jobs?.event(job.id, String(line))) controller.abort();
      };
      const request = { ...job.request, output };
      finish(await own?.run(request as never, controller.signal));
    } catch (thrown) {
      finish({ error: traceback(thrown) });
    }
    this.#open.delete(job.id);
  }
}

function isOwn<T>(value: T): value is Extract<T, Own> {
  return typeof value === "object" && value !== null && "run" in value && typeof value.run === "function";
}

/** What is no object would be left out of the JSON text instead of being refused. */
function told(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}

/** An answer that is no value of JSON is as wrong as one of a wrong type, and must not pass for none. */
function written(value: unknown): string {
  // Half a character, as from a text that was cut, is no text elsewhere.
  const whole = (_: string, part: unknown): unknown => (typeof part === "string" ? part.toWellFormed() : part);
  const text = JSON.stringify(value ?? null, whole);
  if (text === undefined) throw new TypeError(`it returned a ${typeof value}, which cannot be written as JSON`);
  return text;
}

/** The stack, and last the line that names the error: that line is what people see first. */
function traceback(thrown: unknown): string {
  try {
    const stack = inspect(thrown, { colors: false });
    return thrown instanceof Error ? `${stack}\n${thrown.name}: ${thrown.message}` : `it threw ${stack}`;
  } catch {
    return "it threw something that cannot be shown";
  }
}
