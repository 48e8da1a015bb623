/** What happened: unions told apart by `type`. */

import type {
  CompletionCheck,
  Evidence,
  FailureClass,
  Finding,
  FlakyPolicy,
  GatePoint,
  GateSchedule,
  MergeStrategy,
  ParkReason,
  PlanData,
  Policy,
  Problem,
  RunOutcome,
  Spends,
  StartKind,
  StoryContext,
  TestCounts,
  Usage,
} from "./model.js";
import type { CompleteOptions, RunOptions } from "./options.js";

/** What every durable event has. */
export interface Envelope {
  /** Counted from 1 in each story, without gaps. */
  seq: number;
  at: string;
  story: string;
  run?: string;
  task?: string;
  /** The try of that task, counted from 1. */
  attempt?: number;
}

/** The envelope of an event about a task. */
interface OfTask extends Envelope {
  task: string;
}

interface AgentDefinition {
  name: string;
  digest: string;
  provider?: string;
  /** What it said of itself when the run started, where it says so. */
  version?: string;
}

interface GateDefinition {
  name: string;
  digest: string;
  at: GateSchedule[];
  required: boolean;
  flaky: FlakyPolicy;
  timeoutMs: number;
  countsTests?: boolean;
  reviews?: boolean;
}

/** A task's place in a candidate. */
export interface Batched {
  task: string;
  commit: string;
  tree: string;
}

/** A task that did not fit into a candidate. */
export interface LeftOut {
  task: string;
  paths: string[];
  withHead: boolean;
}

type Asked =
  | { verb: "pause" | "resume" | "cancel" }
  | { verb: "retry"; id: string; note?: string }
  | { verb: "approve" | "skip"; id: string };

/** What a gate says. */
export type GateVerdict =
  | { verdict: "passed" }
  | { verdict: "failed"; findings: Finding[] }
  | { verdict: "broken"; why: string }
  | { verdict: "flaky"; runs: number }
  | { verdict: "cancelled" }
  | { verdict: "needs_human"; why: string };

/** How a try ended. */
export type AttemptOutcome = { outcome: "succeeded" } | { outcome: "failed"; class: FailureClass; until?: string };

/** What turning a workspace into a commit came to. */
export type SealOutcome =
  | { seal: "sealed"; commit: string; tree: string; paths: string[]; ignored?: string[] }
  | { seal: "no_change" };

export interface StoryCreated extends Envelope {
  type: "story.created";
  title: string;
  description: string;
  slug: string;
  branch: string;
  base: string;
  baseTree: string;
  target?: string;
  worktree?: string;
  policy: Policy;
  fingerprint: string;
}
export interface StoryAnalyzed extends Envelope {
  type: "story.analyzed";
  context: StoryContext;
}
export interface DecomposeStarted extends Envelope {
  type: "decompose.started";
  agent: string;
  round: number;
  marker: string;
}
export interface DecomposeFinished extends Envelope {
  type: "decompose.finished";
  round: number;
  problems?: Problem[];
  class?: FailureClass;
  why?: string;
  usage: Usage;
  durationMs: number;
  answer?: string;
}
export interface PlanAccepted extends Envelope {
  type: "plan.accepted";
  plan: PlanData;
}
export interface RunStarted extends Envelope {
  type: "run.started";
  options: Omit<RunOptions, "signal">;
  agents: AgentDefinition[];
  gates: GateDefinition[];
  fingerprint: string;
}
export interface RunPaused extends Envelope {
  type: "run.paused";
  reason: string;
}
export interface RunResumed extends Envelope {
  type: "run.resumed";
}
export interface RunFinished extends Envelope {
  type: "run.finished";
  outcome: RunOutcome;
  reason?: string;
}
export interface WaveStarted extends Envelope {
  type: "wave.started";
  wave: number;
  tasks: string[];
}
export interface WaveFinished extends Envelope {
  type: "wave.finished";
  wave: number;
  tasks: string[];
}
/** The task may start as soon as an agent is free. */
export interface TaskQueued extends OfTask {
  type: "task.queued";
}
export interface TaskStarted extends OfTask {
  type: "task.started";
  agent: string;
  start: StartKind;
}
/** The attempt ended, seal included. */
export type AttemptFinished = OfTask & {
  type: "attempt.finished";
  evidence?: Evidence;
  digest?: string;
  usage: Usage;
  durationMs: number;
} & AttemptOutcome;
/** The task goes back to pending. */
export interface TaskRetrying extends OfTask {
  type: "task.retrying";
  class: FailureClass;
  spends: Spends;
  start: StartKind;
  after: string;
}
/** The attempt's work is one commit. */
export type TaskSealed = OfTask & { type: "task.sealed" } & SealOutcome;
export interface TaskInReview extends OfTask {
  type: "task.in_review";
}
/** The task's work left the candidate. */
export interface TaskEjected extends OfTask {
  type: "task.ejected";
  class: FailureClass;
  evidence: Evidence;
  digest?: string;
}
/** The task's work is part of the story branch for good. */
export interface TaskAccepted extends OfTask {
  type: "task.accepted";
  commit: string;
}
export interface TaskFailed extends OfTask {
  type: "task.failed";
  class: FailureClass;
  why: string;
}
export interface TaskBlocked extends OfTask {
  type: "task.blocked";
  by: string;
}
export interface TaskSkipped extends OfTask {
  type: "task.skipped";
}
export interface TaskCancelled extends OfTask {
  type: "task.cancelled";
}
export interface CandidateBuilt extends Envelope {
  type: "candidate.built";
  candidate: number;
  base: string;
  tasks: Batched[];
  leftOut: LeftOut[];
}
export interface GateStarted extends Envelope {
  type: "gate.started";
  gate: string;
  point: GatePoint;
  commit: string;
}
export type GateFinished = Envelope & {
  type: "gate.finished";
  gate: string;
  point: GatePoint;
  commit: string;
  /** What the work began with was judged, not the work: a try's base, or the accepted head. */
  onBase?: boolean;
  counts?: TestCounts;
  outputTail?: string;
  usage?: Usage;
  log?: string;
  durationMs: number;
} & GateVerdict;
/** No new starts with agents of this provider until the limit ends. */
export interface BreakerOpened extends Envelope {
  type: "breaker.opened";
  agent: string;
  provider: string;
  until?: string;
}
export interface BreakerClosed extends Envelope {
  type: "breaker.closed";
  provider: string;
}
/** How many starts of an agent there may be at once, after ones that ended abnormally and after ones that did not. */
export interface ParallelismChanged extends Envelope {
  type: "parallelism.changed";
  agent: string;
  limit: number;
  why: string;
}
/** Nothing that is left fits into what the story may use up. */
export interface BudgetExceeded extends Envelope {
  type: "budget.exceeded";
  which: "attempts" | "tokens" | "cost";
}
export type CommandAccepted = Envelope & { type: "command.accepted"; actor: string } & Asked;
export type CommandRefused = Envelope & { type: "command.refused"; actor: string; why: string } & Asked;
export interface LandStarted extends Envelope {
  type: "land.started";
  old: string;
  new: string;
  strategy: MergeStrategy;
}
/** The target moved; `previous` is the commit to go back to. */
export interface Landed extends Envelope {
  type: "landed";
  commit: string;
  previous: string;
}
/** The landing did not take place. */
export interface Parked extends Envelope {
  type: "parked";
  reason: ParkReason;
  why: string;
  paths: string[];
}
/** Uncommitted work was kept under a ref of Aura's repository. */
export interface WorkspaceSalvaged extends Envelope {
  type: "workspace.salvaged";
  ref: string;
  commit: string;
}
export interface Warning extends Envelope {
  type: "warning";
  message: string;
}

/** Events that a run tells. */
export type DurableEvent =
  | StoryCreated
  | StoryAnalyzed
  | DecomposeStarted
  | DecomposeFinished
  | PlanAccepted
  | RunStarted
  | RunPaused
  | RunResumed
  | RunFinished
  | WaveStarted
  | WaveFinished
  | TaskQueued
  | TaskStarted
  | AttemptFinished
  | TaskRetrying
  | TaskSealed
  | TaskInReview
  | TaskEjected
  | TaskAccepted
  | TaskFailed
  | TaskBlocked
  | TaskSkipped
  | TaskCancelled
  | CandidateBuilt
  | GateStarted
  | GateFinished
  | BreakerOpened
  | BreakerClosed
  | ParallelismChanged
  | BudgetExceeded
  | CommandAccepted
  | CommandRefused
  | LandStarted
  | Landed
  | Parked
  | WorkspaceSalvaged
  | Warning;

/** Events kept for recovery: part of a story's log, never told by a run. */
export type InternalEvent = Envelope &
  (
    | { type: "intent.workspace"; path: string; base: string; start: StartKind; agent?: string; previous?: { base: string; commit: string } }
    | { type: "workspace.ready"; start: StartKind; conflicts: string[] }
    | { type: "intent.start"; marker: string; agent: string }
    | { type: "process.registered"; pid: number; startTime: number; bootId: string; marker: string }
    | {
        type: "agent.exited";
        session?: string;
        output: string;
        toolImprovementProposal?: string;
        usage: Usage;
        durationMs: number;
        log?: string;
      }
    | { type: "intent.seal"; ref: string; time: string }
    | { type: "intent.candidate"; candidate: number; base: string; tasks: string[]; time: string }
    | { type: "intent.gate"; gate: string; point: GatePoint; commit: string; tree: string }
    | { type: "intent.move_ref"; ref: string; old: string; new: string; tree: string; tasks: Batched[] }
    | { type: "ref.moved"; ref: string; new: string; tree: string }
    | { type: "ref.foreign"; ref: string; expected: string; found?: string; why: string }
    | {
        type: "landing.requested";
        options: Omit<CompleteOptions, "signal">;
        gates: GateDefinition[];
        checks?: CompletionCheck[];
      }
    | { type: "intent.landing"; round: number; time: string }
    | { type: "landing.built"; ref: string; worktree?: string; old: string; new: string; tree: string }
    | { type: "intent.land"; ref: string; old: string; new: string; worktree?: string; time: string }
    | { type: "land.target_moved"; found: string }
  );

/** A line of an agent's output. */
export interface AgentOutput {
  type: "agent.output";
  task: string;
  line: string;
}
/** Something the model wrote. */
export interface AgentText {
  type: "agent.text";
  task: string;
  text: string;
}
/** A tool began or ended; `detail` is what it is about. */
export interface AgentTool {
  type: "agent.tool";
  task: string;
  name: string;
  detail: string;
  state: "started" | "ended" | "failed";
}
/** A file that the agent says it changed. */
export interface AgentFile {
  type: "agent.file";
  task: string;
  path: string;
}
/** The agent asks its provider again. */
export interface AgentRetry {
  type: "agent.retry";
  task: string;
  attempt?: number;
  why: string;
}
/** What the start has used so far. */
export interface AgentUsage {
  type: "agent.usage";
  task: string;
  usage: Usage;
}
/** Something a person should know. */
export interface AgentWarning {
  type: "agent.warning";
  task: string;
  text: string;
}
/** A line of a gate's output. */
export interface GateOutput {
  type: "gate.output";
  gate: string;
  point: GatePoint;
  line: string;
}
/** What agents and gates say while they work; dropped for slow readers. */
export type ProgressEvent =
  | AgentOutput
  | AgentText
  | AgentTool
  | AgentFile
  | AgentRetry
  | AgentUsage
  | AgentWarning
  | GateOutput;

/** What a run tells while it goes on. */
export type RunEvent = DurableEvent | ProgressEvent;

/** What a story's log holds. */
export type LogEvent = DurableEvent | InternalEvent;
