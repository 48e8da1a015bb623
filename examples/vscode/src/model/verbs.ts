/** What can be asked of stories and tasks, by where they are. The library decides; this only says what is worth offering. */

import type { CompleteOptions, RunOptions, StatusView, StoryStatus, TaskLine } from "../aura";

export type StoryVerb = "run" | "pause" | "resume" | "cancel" | "complete" | "graph";
export type TaskVerb = "approve" | "retry" | "skip";

/** A run or a landing is under way, or was interrupted. */
export function isActive(status: StoryStatus): boolean {
  return status === "dispatching" || status === "running" || status === "integrating";
}

/** In the order in which they are offered. */
export function storyVerbs(status: StoryStatus): StoryVerb[] {
  switch (status) {
    case "created":
    case "analyzing":
    case "decomposing":
      return ["cancel"];
    case "planned":
      return ["run", "cancel", "graph"];
    case "dispatching":
    case "running":
      return ["pause", "resume", "cancel", "graph"];
    case "integrating":
      return ["complete", "cancel", "graph"];
    case "gate_failed":
    case "paused":
    case "failed":
      return ["resume", "complete", "cancel", "graph"];
    case "ready_to_complete":
      return ["complete", "cancel", "graph"];
    case "cancelled":
      return ["resume", "complete", "graph"];
    case "completed":
      return ["complete", "graph"];
  }
}

/** `story` is where the story of the task is: nothing changes any more in one that has landed or is about to. */
export function taskVerbs(task: Pick<TaskLine, "status" | "question">, story: StoryStatus): TaskVerb[] {
  if (story === "completed" || story === "integrating") return [];
  if (task.question !== undefined) return ["approve", "retry", "skip"];
  switch (task.status) {
    case "failed":
    case "cancelled":
      return ["retry", "skip"];
    case "skipped":
      return ["retry"];
    case "pending":
    case "blocked":
      return ["skip"];
    case "queued":
    case "running":
    case "in_review":
    case "completed":
      return [];
  }
}

/** What menus look at: `story+run+cancel+`. */
export function contextValue(kind: "story" | "task" | "gates" | "gate", verbs: readonly string[]): string {
  return `${[kind, ...verbs].join("+")}+`;
}

/** The stories of which `verb` can be asked. */
export function storiesFor(verb: StoryVerb, stories: readonly StatusView[]): StatusView[] {
  return stories.filter((story) => storyVerbs(story.status).includes(verb));
}

export interface TaskOf {
  story: StatusView;
  task: TaskLine;
}

/** The tasks of which `verb` can be asked. */
export function tasksFor(verb: TaskVerb, stories: readonly StatusView[]): TaskOf[] {
  return stories.flatMap((story) =>
    story.tasks
      .filter((task) => taskVerbs(task, story.status).includes(verb))
      .map((task) => ({ story, task })),
  );
}

export interface Choice<Options> {
  label: string;
  detail: string;
  picked: boolean;
  option: keyof Options;
}

const CLEANUP = { label: "Clean up", detail: "Remove the story's worktree and leftover workspaces afterwards", picked: false, option: "cleanup" } as const;

/** What a person chooses from before a story is completed. */
export function completeChoices(status: StoryStatus): Choice<CompleteOptions>[] {
  if (status === "completed") return [{ ...CLEANUP, picked: true }];
  const choices: Choice<CompleteOptions>[] = [
    { label: "Merge", detail: "Move the target branch to the result that the gates judged", picked: true, option: "merge" },
    CLEANUP,
    { label: "Without gates", detail: "Land although no required gate judges the result", picked: false, option: "noGates" },
  ];
  if (status !== "ready_to_complete") {
    choices.push({ label: "Partial", detail: "Land although tasks are failed or blocked", picked: false, option: "partial" });
  }
  return choices;
}

/** The consent that makes a refused run possible, by the kind of the error. */
export function consentFor(kind: string | undefined): { label: string; options: RunOptions } | undefined {
  switch (kind) {
    case "gate_changed":
      return { label: "Accept Changed Configuration", options: { acceptConfig: true } };
    case "foreign_change":
      return { label: "Accept Repository Changes", options: { acceptRepoChanges: true } };
    case "foreign_move":
      return { label: "Restore Branch", options: { restoreBranch: true } };
    default:
      return undefined;
  }
}
