/** What the library tells, as data. Times are ISO texts, durations milliseconds, commits full ids. */

export type StartKind = "base" | "previous" | "repair";

/** How a try failed; decides what follows. */
export type FailureClass =
  | "gate"
  | "no_change"
  | "incomplete"
  | "base_lost"
  | "conflict"
  | "timeout"
  | "stalled"
  | "exit"
  | "killed"
  | "spawn"
  | "rate_limited"
  | "quota"
  | "auth"
  | "config"
  | "broken"
  | "cancelled"
  | "dependency";

/** Which budget a failure spends. */
export type Spends = "retry" | "restart" | "nothing";

export type TaskStatus =
  | "pending"
  | "queued"
  | "running"
  | "in_review"
  | "completed"
  | "failed"
  | "blocked"
  | "skipped"
  | "cancelled";

export type StoryStatus =
  | "created"
  | "analyzing"
  | "decomposing"
  | "planned"
  | "dispatching"
  | "running"
  | "gate_failed"
  | "paused"
  | "ready_to_complete"
  | "integrating"
  | "completed"
  | "failed"
  | "cancelled";

/** How a run or a landing ended. */
export type RunOutcome = "completed" | "ready_to_complete" | "paused" | "failed" | "cancelled";

/** When a gate judges. */
export type GateSchedule = "after_task" | "after_wave" | "final";

/** What a gate judged. */
export type GatePoint = "task" | "candidate" | "final";

/** What green after red means. */
export type FlakyPolicy = "accept" | "refuse";

/** What becomes of a chosen task that depends on one which is neither chosen nor done. */
export type OutOfScope = "refuse" | "expand" | "skip";

/** A verdict without its details. */
export type GateWord = "passed" | "failed" | "broken" | "flaky" | "cancelled" | "needs_human";

export type Complexity = "small" | "medium" | "large";
export type MergeStrategy = "rebase_fast_forward" | "merge_commit";
export type CommitStrategy = "per_task" | "squash";

/** Why a landing did not take place. */
export type ParkReason = "conflict" | "dirty" | "target_moves" | "partial" | "no_target";

/** One thing that is wrong with a plan or a configuration, and where. */
export interface Problem {
  severity: "warning" | "error";
  /** A stable name such as `unknown_dependency`. */
  code: string;
  message: string;
  task: string | null;
  file: string | null;
  /** Counted from 1. */
  line: number | null;
  /** In characters, counted from 1. */
  column: number | null;
  help: string | null;
}

/** How a story is run. Fixed when the story is created. */
export interface Policy {
  /** When a task may start. */
  scheduling: "waves";
  /** What happens when a task is out of retries. */
  onExhausted: "pause_story" | "isolate_and_continue" | "abort_story";
  /** The shape of the landed history. */
  commit: CommitStrategy;
  /** How a landing joins the target. */
  merge: MergeStrategy;
  /** Agents at once, 1 to 1,024. */
  maxParallel: number;
  /** Tries after the first one. */
  retryMax: number;
  /** Fresh starts of one task after its process died. */
  restartMax: number;
  /** First pause before a retry or a restart; doubles each time. */
  backoffMs: number;
  backoffMaxMs: number;
  /** Longest time of one attempt. */
  deadlineMs: number;
  /** Longest silence of one attempt. */
  idleMs: number;
  /** From asking to stop to stopping. */
  graceMs: number;
  /** Longest wait for a provider's limit whose end is known. */
  limitWaitMs: number;
}

/** Tokens and cost. */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
  costUsd: number;
}

export interface Finding {
  file?: string;
  line?: number;
  column?: number;
  message: string;
}

export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
}

/** What a failed try leaves for the next one. */
export interface Evidence {
  summary: string;
  gate?: string;
  outputTail?: string;
  findings?: Finding[];
  paths?: string[];
  log?: string;
}

/** What a plan says of a task. */
export interface TaskInput {
  /** Unique within the story. */
  id: string;
  /** One line for people; part of the commit message. */
  title?: string;
  /** What the agent is asked to do. */
  description?: string;
  /** Files, directories (`src/`) and globs that the task means to touch. */
  files?: string[];
  /** Tasks whose accepted work must be there before this one starts. */
  dependsOn?: string[];
  /** `false`: runs alone. */
  parallelSafe?: boolean;
  /** `true`: an attempt that changes nothing counts as done. */
  noChangeOk?: boolean;
  /** `true`: its work may leave fewer tests than there were. */
  removesTests?: boolean;
  pattern?: string;
  complexity?: Complexity;
  promptHints?: string[];
  acceptanceCriteria?: string[];
  /** The agent that does it; the default one where absent. */
  agent?: string;
  /** Carried, never interpreted. */
  metadata?: Record<string, unknown>;
}

/** A task: what the plan says of it, then what became of it. Members that have their default are left out. */
export interface StoryTask extends TaskInput {
  title: string;
  /** Index of its wave, from 0. */
  wave: number;
  status?: TaskStatus;
  attempts?: number;
  restarts?: number;
  agentSessionId?: string;
  output?: string;
  /** Why the last try was not accepted. */
  error?: string;
  toolImprovementProposal?: string;
  startedAt?: string;
  completedAt?: string;
  /** The accepted commit. */
  commit?: string;
  usage?: Usage;
}

/** Tasks that may run side by side. */
export interface Wave {
  index: number;
  tasks: string[];
}

/** An order that the plan does not state. */
export interface Edge {
  before: string;
  after: string;
  why: string;
}

/** A graph of tasks that has been validated and cut into waves. */
export interface PlanData {
  readonly title: string;
  readonly description?: string;
  /** In plan order. */
  readonly tasks: readonly StoryTask[];
  /** Orders added to keep overlapping and exclusive tasks apart. */
  readonly addedEdges: readonly Edge[];
  readonly waves: readonly Wave[];
  /** The longest chain of tasks. */
  readonly criticalPath: readonly string[];
  /** What a person should look at. */
  readonly warnings?: readonly Problem[];
  /** The file or folder it was read from, or what made it. */
  readonly source?: string;
  /** It is not run without a required gate that reviews. */
  readonly review?: boolean;
}

/** A story in a list. */
export interface StorySummary {
  id: string;
  title: string;
  /** Without `refs/heads/`. */
  branch: string;
  status: StoryStatus;
  createdAt: string;
  updatedAt: string;
}

/** A story with everything that became of its tasks. */
export interface Story {
  id: string;
  title: string;
  description?: string;
  status: StoryStatus;
  branch: string;
  /** Where people can look at the accepted head. */
  worktree: string | null;
  /** The commit it began at. */
  base: string;
  /** The accepted head. */
  head: string;
  /** The branch that a landing moves. */
  target: string | null;
  /** The commit that the target was moved to. */
  landed?: string;
  createdAt: string;
  tasks: StoryTask[];
  waves: Wave[];
  usage: Usage;
}

/** One task of a {@link StatusView}. */
export interface TaskLine {
  id: string;
  title: string;
  status: TaskStatus;
  wave: number;
  attempts: number;
  restarts: number;
  agent: string;
  /** How long its agent has been at work; null unless one is. */
  elapsedMs: number | null;
  /** How long agents worked on it; null before the first end. */
  durationMs: number | null;
  waitingFor: string[];
  /** The end of the pause before its next start, where a run waits for it. */
  nextStartAt?: string;
  class?: FailureClass;
  error?: string;
  /** What a gate wants a person to decide about it: approve, retry or skip. */
  question?: string;
  commit?: string;
}

/** One verdict of a {@link StatusView}. */
export interface GateLine {
  name: string;
  at: GatePoint;
  wave?: number;
  task?: string;
  verdict: GateWord;
  durationMs: number;
}

/** A story at one moment. */
export interface StatusView {
  storyId: string;
  title: string;
  status: StoryStatus;
  /** A run is under way by the log, but no process goes on with it: a new run takes it up. */
  interrupted?: boolean;
  /** Why the last run or landing ended as it did, where it was not simply done; absent while one is under way. */
  reason?: string;
  /** The wave under way, counted from 0. */
  wave: number;
  waves: number;
  branch: string;
  worktree: string | null;
  /** Share of the tasks that are accepted or skipped, from 0 to 1. */
  progress: number;
  tasks: TaskLine[];
  /** Every verdict so far, oldest first. */
  gates: GateLine[];
  agents: { running: number; waiting: number };
  /** Providers whose limit keeps their agents from starting, while a run is under way. */
  limits?: { provider: string; until?: string }[];
  usage: Usage;
}

/** What a story came to when its last run ended. Each task is in exactly one of the five lists. */
export interface Report {
  storyId: string;
  outcome: RunOutcome;
  reason?: string;
  accepted: string[];
  failed: { id: string; class: FailureClass; evidence: Evidence }[];
  blocked: string[];
  skipped: string[];
  /** Tasks about which a gate asks a person: approve, retry or skip. */
  asked?: string[];
  unfinished: string[];
  /** Where the target stands after a landing, else the accepted head. */
  commit: string;
  /** After a landing, the commit to go back to. */
  previous?: string;
  starts: number;
  retries: number;
  restarts: number;
  gateRuns: number;
  wallMs: number;
  workMs: number;
  speedup: number;
  criticalPathMs: number;
  overheadMs: number;
  readyWouldSaveMs: number;
  usage: Usage;
  flaky?: string[];
  warnings?: string[];
  salvaged?: { task: string; repository: string; ref: string; commit: string }[];
  /** After a completion was asked for: what was looked at, gates included. */
  checks?: CompletionCheck[];
}

/** What the repository says about a story. */
export interface StoryContext {
  codebase: { projectTypes: string[]; testFramework?: string; layout: string[]; existingPatterns: string[] };
  /** Files that the story seems to be about, the likeliest first; 1000 is its score. */
  related: { path: string; score: number; matched: string[]; excerpt?: { line: number; text: string }[] }[];
  notes?: string;
}

/** What was looked at before a story was completed. */
export interface CompletionCheck {
  name: string;
  state: "passed" | "failed" | "skipped";
  detail?: string;
}

/** Is everything here that a run needs? */
export interface DoctorReport {
  checks: { name: string; ok: boolean; detail: string; warning?: string; help?: string }[];
}
