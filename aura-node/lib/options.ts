/** What a caller says. Everything that is left out has the library's default. */

import type { Finding, GatePoint, GateSchedule, PlanData, Policy, StoryTask, TestCounts, Usage } from "./model.js";
import type { FailureClass, FlakyPolicy, OutOfScope } from "./model.js";

/** A story: its id, its short id or its branch, or anything that has an `id`. */
export type StoryRef = string | { readonly id: string };

/** Variables and limits of a program. */
export interface ProgramOptions {
  /** Variables to set. Where a name says that it is a secret, the value is masked everywhere. */
  env?: Record<string, string>;
  /** Variables to pass on: by name, or with a final `*` all that begin so. */
  envAllow?: string[];
  /** Words to put before the command, such as a container's `run`. */
  sandbox?: string[];
}

/** An agent that is a program: reads a prompt, edits its directory. */
export interface AgentOptions extends ProgramOptions {
  /** The program and its arguments, which no shell interprets. */
  command: string[];
}

/** A coding agent that Aura knows by its own protocol. */
export interface PresetOptions extends ProgramOptions {
  model?: string;
  /** Whether it may do everything without asking; it may where absent. */
  yolo?: boolean;
  /** Where the program is; looked up in `PATH` where absent. */
  program?: string;
  /** Further arguments. */
  args?: string[];
  /** Its configuration; where logins lie where absent. */
  configDir?: string;
  /** A text before each prompt. */
  role?: string;
  /** Servers for it to use. */
  mcp?: McpServers;
}

/** MCP servers for an agent to use, by name, and which of their tools; all of them where absent. */
export interface McpServers {
  servers: Record<string, { command: string; args?: string[]; env?: Record<string, string> }>;
  tools?: string[];
}

/** How a program of the Agent Client Protocol is used. */
export interface AcpOptions extends ProgramOptions {
  /** One that it offers. */
  model?: string;
  /** Whether whatever it asks for is allowed; it is where absent. */
  yolo?: boolean;
  /** A text before each prompt. */
  role?: string;
  /** Servers for it to use; the protocol cannot limit their tools. */
  mcp?: McpServers;
}

/** A program that speaks the Agent Client Protocol. */
export interface AcpAgent extends AcpOptions {
  /** The program and its arguments, which no shell interprets. */
  acp: string[];
}

/** How a language model is asked. */
export interface LlmOptions {
  /** The address of a server that speaks the provider's protocol; the provider's own where absent. */
  endpoint?: string;
  /** The name of the variable of the environment that has the key; the provider's usual one where absent. */
  key?: string;
  /** A text that the model is told before every question. */
  role?: string;
  /** From 0 to 2: how freely it answers; 0.2 where absent. */
  temperature?: number;
}

/** A language model that is asked over HTTP, for decompositions and reviews. Only in a build with the feature `llm`. */
export interface LlmAgent {
  /** The model is written as `provider::model`. */
  llm: LlmOptions & { model: string };
}

/** A preset under its name: `copilot`, `claude`, `codex`, `gemini`, `opencode` or `aider`. */
export interface PresetAgent extends PresetOptions {
  preset: string;
}

/** Which tasks of a source are wanted. */
export interface ScopeOptions {
  /** An id, a range `1.1-1.5`, a glob `1.*`, an epic `epic:auth`; everything where absent. */
  scope?: readonly string[];
  /** What becomes of a dependency that is not named: refused where absent, taken in, or whoever needs it is left out. */
  outOfScope?: OutOfScope;
}

/** When and how strictly a gate judges. */
export interface GateRules {
  /** When it judges; candidates and the final result where absent. */
  at?: GateSchedule[];
  /** Whether a red verdict stops anything; it does where absent. */
  required?: boolean;
  /** What green after red means; it is accepted where absent. */
  flaky?: FlakyPolicy;
  /** Longest time in milliseconds; an hour where absent. */
  timeoutMs?: number;
  /** It runs tests, and is red on a candidate on which fewer of them run than on the accepted head. */
  countsTests?: boolean;
  /** It reviews what was done, as a plan can require it. */
  reviews?: boolean;
}

/** A gate that asks for a person about changes of what judges the work. */
export interface ProtectedGate {
  /** Paths besides those that every project has. */
  protected: { paths?: string[] };
}

/** A gate that looks for secrets in the lines that each task's own work adds. */
export interface SecretsGate {
  /** A program that takes the arguments of `gitleaks`, in place of the built-in rules. */
  secrets: { external?: string[] };
}

/** How an agent reviews each task's own work. */
export interface ReviewOptions extends GateRules {
  /** `review` where absent. */
  name?: string;
  /** In place of the library's prompt. */
  template?: string;
}

/** A gate that is an agent. */
export interface ReviewGate extends GateRules {
  name: string;
  /** The name of one of the orchestrator's agents. */
  review: { agent: string; template?: string };
}

/** A gate that is a program: its exit code is the verdict. */
export interface GateOptions extends ProgramOptions, GateRules {
  name: string;
  /** The program and its arguments, which no shell interprets. */
  command: string[];
}

/** What an agent of your own is given for one try. */
export interface AgentRequest {
  /** The id of the story. */
  readonly story: string;
  /** The task as the plan has it. */
  readonly task: StoryTask;
  /** The try, counted from 1. */
  readonly attempt: number;
  /** The rendered prompt, evidence of the previous try included. */
  readonly prompt: string;
  /** It is asked, not set to work: the answer is what counts, and what it changes is thrown away. */
  readonly readOnly: boolean;
  /** The directory to work in. */
  readonly workspace: string;
  /** Variables for programs that it starts. */
  readonly environment: readonly (readonly [string, string])[];
  /** The session to resume, where an earlier start of this try named one. */
  readonly session: string | null;
  /** Tells a line of progress. */
  output(line: string): void;
}

/** What an agent of your own says of its work; the engine believes only the failures. */
export interface AgentAnswer {
  /** For people, and for the prompts of dependants. */
  output?: string;
  /** Names the session for a later start. */
  session?: string;
  usage?: Partial<Usage>;
  toolImprovementProposal?: string;
  failure?: { class: FailureClass; summary?: string; until?: string };
}

/** An agent of your own. */
export interface OwnAgent {
  /** Has to change when what it does changes. */
  version?: string;
  /**
   * Does the work. Throwing or rejecting fails the try, with the stack as evidence. `signal` is aborted when the try has to stop; what
   * goes on past the grace period keeps its workspace until it ends.
   */
  run(request: AgentRequest, signal: AbortSignal): AgentReturn | Promise<AgentReturn>;
}

/** Nothing and a text mean that it ended well. */
export type AgentReturn = AgentAnswer | string | null | undefined | void;

/** What a gate of your own is given. */
export interface GateRequest {
  /** The id of the story. */
  readonly story: string;
  /** The task, when one task's work is judged. */
  readonly task: string | null;
  /** That task as the plan has it, with what it declares. */
  readonly subject: StoryTask | null;
  /** What is judged. */
  readonly at: GatePoint;
  /** The commit that is checked out in `workspace`. */
  readonly commit: string;
  /** The commit to compare with. */
  readonly base: string;
  /** A directory with exactly that commit. */
  readonly workspace: string;
  /** Variables for programs that it starts. */
  readonly environment: readonly (readonly [string, string])[];
  /** Tells a line of progress. */
  output(line: string): void;
}

/** A verdict of a gate of your own. */
export type GateAnswer = { output?: string; counts?: TestCounts } & (
  | { verdict: "passed" }
  | { verdict: "failed"; findings?: Finding[] }
  | { verdict: "broken"; why: string }
  | { verdict: "needs_human"; why: string }
);

/** A gate of your own. */
export interface OwnGate extends GateRules {
  name: string;
  /** Has to change when what it checks changes. */
  version?: string;
  /** Judges: true is green, false is red. Throwing or rejecting means that it could not judge. */
  run(request: GateRequest, signal: AbortSignal): boolean | GateAnswer | Promise<boolean | GateAnswer>;
}

/** How a repository is opened. */
export interface OpenOptions {
  /** Agents by name; tasks that name none use `default`. */
  agents?: Record<string, AgentOptions | PresetAgent | AcpAgent | LlmAgent | OwnAgent>;
  gates?: (GateOptions | ProtectedGate | ReviewGate | SecretsGate | OwnGate)[];
  /** Adds the gates that the repository seems to want. */
  detectGates?: boolean;
  /** `memory` forgets all stories when the process ends; `sqlite` where absent. */
  store?: "sqlite" | "memory";
  /** The template of the prompts. */
  promptTemplate?: string;
  /** Texts that tasks follow by name: a folder of `NAME.md`, or the texts themselves. */
  patterns?: string | Record<string, string>;
  /** The folder for workspaces; one beside the repository where absent. */
  workspaceRoot?: string;
}

/** What a story is made of. */
export interface StoryOptions {
  /** One line; the plan's where absent. */
  title?: string;
  /** At length; the plan's where absent. */
  description?: string;
  /** A plan, or its data; it is validated again. */
  plan?: PlanData;
  /** The branch that a landing moves; the one that HEAD names where absent. */
  target?: string;
  policy?: Partial<Policy>;
}

/** Stops what it is given to. */
export interface Abortable {
  /** Already aborted: nothing is started. Aborted later: the run is cancelled, and its report says so. */
  signal?: AbortSignal;
}

/** What one call of `run` asks for. */
export interface RunOptions extends Abortable {
  /** Agents at once; the policy's number where absent. */
  maxParallel?: number;
  /** Only these tasks; all where empty. */
  tasks?: string[];
  /** With `tasks`: what they depend on too, instead of refusing. */
  withDependencies?: boolean;
  /** End after one wave. */
  oneWave?: boolean;
  /** Go on although a required gate or an agent is defined differently than in the earlier run. */
  acceptConfig?: boolean;
  /** Go on although the user's git configuration, hooks or attributes changed. */
  acceptRepoChanges?: boolean;
  /** Put a story branch that somebody else moved back to the accepted head. */
  restoreBranch?: boolean;
  /**
   * What the story may use up, earlier runs included. When no start fits any more the run pauses. A limit that is absent is that of the run
   * before.
   */
  limits?: Limits;
  /** Which agent stands in for which when that one's provider is at a limit. */
  fallback?: Record<string, string>;
}

/** No limit where absent. */
export interface Limits {
  /** Starts of agents, retries and restarts included. */
  attempts?: number;
  /** Tokens read and written, as agents report them. */
  tokens?: number;
  /** US dollars, as agents report them. */
  costUsd?: number;
}

/** What one call of `decompose` asks for. */
export interface DecomposeOptions {
  /** The agent that is asked; the one called `default` where absent. */
  agent?: string;
  /** Whether tests are tasks, too; true where absent. */
  includeTests?: boolean;
  /** How many agents are going to work side by side; the policy's number where absent. */
  maxParallelism?: number;
  /** A plan of more tasks is not taken; 50 where absent. */
  maxTasks?: number;
  /**
   * What the story may use up. A question is asked only while the story has used less than that; `attempts` limits the questions of this
   * call, which are three at the most anyway.
   */
  limits?: Limits;
}

/** What one call of `complete` asks for. */
export interface CompleteOptions extends Abortable {
  /** Move the target branch. */
  merge?: boolean;
  /** Land although tasks are failed or blocked. */
  partial?: boolean;
  /** Land without any required gate. */
  noGates?: boolean;
  /** Remove the story's worktree and its leftover workspaces after the landing. */
  cleanup?: boolean;
}

/** What can be asked of a story in whatever process it runs. */
export type Verb = "pause" | "resume" | "cancel" | "retry" | "approve" | "skip";

/** The rest of a request. */
export interface CommandOptions {
  /** The task; needed for `retry`, `approve` and `skip`. */
  task?: string;
  /** With `retry`: shown to the agent. */
  note?: string;
  /** Who asks, for people. */
  actor?: string;
}

/** The forms in which a graph is drawn. */
export type GraphFormat = "mermaid" | "dot" | "svg";
