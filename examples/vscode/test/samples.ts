/** Values of the library's types for tests. */

import type { StatusView, TaskLine } from "../src/aura";

export const STORY = "01890a5d-ac96-774b-bcce-b302099a8057";
export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

export function task(id: string, more: Partial<TaskLine> = {}): TaskLine {
  return {
    id,
    title: `Do ${id}`,
    status: "pending",
    wave: 0,
    attempts: 0,
    restarts: 0,
    agent: "default",
    elapsedMs: null,
    durationMs: null,
    waitingFor: [],
    ...more,
  };
}

export function story(more: Partial<StatusView> = {}): StatusView {
  return {
    storyId: STORY,
    title: "Email validation",
    status: "running",
    wave: 0,
    waves: 2,
    branch: "story/email-validation",
    worktree: null,
    progress: 0,
    tasks: [],
    gates: [],
    agents: { running: 0, waiting: 0 },
    usage: { inputTokens: 0, outputTokens: 0, costUsd: 0 },
    ...more,
  };
}
