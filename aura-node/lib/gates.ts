/** Gates that are ready to use. */

import type { GateOptions, GateRules, ProgramOptions, ProtectedGate } from "./options.js";
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

/** The gates that a repository seems to want. */
export function detect(path: string): { name: string; command: string[] }[] {
  return call("detect_gates", { path });
}
