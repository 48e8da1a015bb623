/** Gates that are ready to use. */

import type { GateOptions, GateRules, ProgramOptions } from "./options.js";
import { call } from "./plan.js";

/** A program whose exit code is the verdict. */
export function command(name: string, argv: string[], options: ProgramOptions & GateRules = {}): GateOptions {
  return { ...options, name, command: argv };
}

/** The gates that a repository seems to want. */
export function detect(path: string): { name: string; command: string[] }[] {
  return call("detect_gates", { path });
}
