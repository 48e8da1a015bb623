/** Agents that are ready to use. */

import type { AgentOptions, ProgramOptions } from "./options.js";

/** A program that reads a prompt and edits its directory. */
export function command(argv: string[], options: ProgramOptions = {}): AgentOptions {
  return { ...options, command: argv };
}
