/** Agents that are ready to use. */

import type { AcpAgent, AcpOptions, AgentOptions, LlmAgent, LlmOptions, PresetAgent, PresetOptions, ProgramOptions } from "./options.js";

/** A program that reads a prompt and edits its directory. */
export function command(argv: string[], options: ProgramOptions = {}): AgentOptions {
  return { ...options, command: argv };
}

/** A program that speaks the Agent Client Protocol, such as `["opencode", "acp"]`. */
export function acp(argv: string[], options: AcpOptions = {}): AcpAgent {
  return { ...options, acp: argv };
}

/** A language model that is asked over HTTP, such as `"anthropic::claude-sonnet-4-5"`: it decomposes and reviews, and works on no task. */
export function llm(model: string, options: LlmOptions = {}): LlmAgent {
  return { llm: { ...options, model } };
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
