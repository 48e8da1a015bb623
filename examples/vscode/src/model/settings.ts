/** The settings of the extension as options of the library. The library says what is wrong with them. */

import type { OpenOptions, RunOptions } from "../aura";

/** As they stand in `settings.json`. */
export interface Settings {
  agentCommand: readonly string[];
  gates: readonly { name: string; command: readonly string[] }[];
  detectGates: boolean;
  maxParallel: number | null;
}

/** Without a command there is no agent, which the library refuses where one is needed. */
export function openOptions(settings: Settings): OpenOptions {
  const options: OpenOptions = { detectGates: settings.detectGates };
  if (settings.agentCommand.length > 0) options.agents = { default: { command: [...settings.agentCommand] } };
  if (settings.gates.length > 0) {
    options.gates = settings.gates.map(({ name, command }) => ({ name, command: [...command] }));
  }
  return options;
}

export function runOptions(settings: Settings): RunOptions {
  return settings.maxParallel === null ? {} : { maxParallel: settings.maxParallel };
}

/** Kinds of errors for which the settings are the place to look. */
export function isAboutSettings(kind: string | undefined): boolean {
  return kind === "backend_missing" || kind === "gate_missing" || kind === "invalid_input";
}
