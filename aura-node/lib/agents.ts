/** Agents that are ready to use. */

import type { AcpAgent, AcpOptions, AgentOptions, PresetAgent, PresetOptions, ProgramOptions } from "./options.js";

/** A program that reads a prompt and edits its directory. */
export function command(argv: string[], options: ProgramOptions = {}): AgentOptions {
  return { ...options, command: argv };
}

/** A program that speaks the Agent Client Protocol, such as `["opencode", "acp"]`. */
export function acp(argv: string[], options: AcpOptions = {}): AcpAgent {
  return { ...options, acp: argv };
}

const preset =
  (name: string) =>
  (options: PresetOptions = {}): PresetAgent => ({ ...options, preset: name });

/** GitHub Copilot CLI. */
export const copilot = preset("copilot");
/** Claude Code. */
export const claude = preset("claude");
/** Codex. */
export const codex = preset("codex");
/** Gemini CLI. */
export const gemini = preset("gemini");
/** OpenCode. */
export const opencode = preset("opencode");
/** aider. */
export const aider = preset("aider");
