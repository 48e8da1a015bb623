/** The types of the library that the extension uses, and of the library itself what it calls. */

import type {
  CommandOptions,
  CompleteOptions,
  Plan,
  Report,
  RunEvent,
  RunOptions,
  StatusView,
  StorySummary,
  Verb,
} from "@aura-dev/aura";

export type {
  CommandAccepted,
  CommandRefused,
  CompleteOptions,
  DurableEvent,
  Evidence,
  GateLine,
  GateVerdict,
  OpenOptions,
  Plan,
  Problem,
  Report,
  RunEvent,
  RunOptions,
  StatusView,
  StoryStatus,
  StorySummary,
  TaskLine,
  TaskStatus,
  Verb,
} from "@aura-dev/aura";

/** A run under way, as far as the extension looks at it. */
export interface RunHandle extends AsyncIterable<RunEvent> {
  wait(): Promise<Report>;
}

/** An opened repository, as far as the extension uses it. */
export interface Engine {
  createStory(spec: { plan: Plan }): Promise<{ readonly id: string }>;
  stories(): Promise<StorySummary[]>;
  status(story: string): Promise<StatusView>;
  graph(story: string, format: "svg"): Promise<string>;
  command(story: string, verb: Verb, about?: CommandOptions): Promise<void>;
  run(story: string, options?: RunOptions): Promise<RunHandle>;
  complete(story: string, options?: CompleteOptions): Promise<RunHandle>;
  close(): Promise<void>;
}
