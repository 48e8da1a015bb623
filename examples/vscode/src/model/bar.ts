/** The entry in the status bar. */

import type { StatusView } from "../aura";
import { words } from "./text";
import { done } from "./tree";
import { isActive } from "./verbs";

export interface Bar {
  text: string;
  tooltip: string;
}

/** What is under way, else what became of `last`, the story that this window ran last; nothing to show without either. */
export function bar(stories: readonly StatusView[], last: string | undefined): Bar | undefined {
  const active = stories.filter((story) => isActive(story.status));
  const [first] = active;
  if (first !== undefined && active.length === 1) {
    return { text: `$(sync~spin) Aura ${progress(first)}`, tooltip: `${first.title}: ${words(first.status)}` };
  }
  if (active.length > 1) {
    const tooltip = active.map((story) => `${story.title}: ${words(story.status)} ${progress(story)}`).join("\n");
    return { text: `$(sync~spin) Aura: ${active.length} stories`, tooltip };
  }
  const ended = stories.find((story) => story.storyId === last);
  if (ended === undefined) return undefined;
  const isGood = ended.status === "completed" || ended.status === "ready_to_complete";
  const icon = isGood ? "$(pass)" : "$(warning)";
  return { text: `${icon} Aura ${words(ended.status)} ${progress(ended)}`, tooltip: ended.title };
}

function progress(story: StatusView): string {
  return `${done(story)}/${story.tasks.length}`;
}
