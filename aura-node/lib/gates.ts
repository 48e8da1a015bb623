/** Gates that are ready to use. */

import type { GateOptions, GateRules, ProgramOptions, ProtectedGate, ReviewGate, ReviewOptions, SecretsGate } from "./options.js";
import { call } from "./plan.js";

/** A program whose exit code is the verdict. */
export function command(name: string, argv: string[], options: ProgramOptions & GateRules = {}): GateOptions {
  return { ...options, name, command: argv };
}

/**
 * A gate that asks for a person where a task changed what judges it and does not declare that in its `files`: tests that were there, the
 * configuration of CI, build and gate scripts, hooks, and the paths, directories and globs given here. New tests are welcome. The answers
 * are `approve`, `retry` and `skip`.
 */
export function protectedPaths(paths: string[] = []): ProtectedGate {
  return { protected: { paths } };
}

/**
 * An agent, named as one of the orchestrator's, that judges each task's own work against the task and its acceptance criteria. What it finds is
 * the evidence of the task's next try; one that cannot answer approves nothing.
 */
export function review(agent: string, options: ReviewOptions = {}): ReviewGate {
  const { name = "review", template, ...rules } = options;
  return { ...rules, name, review: template === undefined ? { agent } : { agent, template } };
}

/** A gate that looks for secrets in the lines that each task's own work adds: a net, not a wall. */
export function secrets(external?: string[]): SecretsGate {
  return { secrets: external === undefined ? {} : { external } };
}

/** The gates that a repository seems to want. */
export function detect(path: string): { name: string; command: string[] }[] {
  return call("detect_gates", { path });
}
