/** One class for each kind of error. A failing agent, a red gate and a conflict are no errors but data in events and reports. */

import type { Problem } from "./model.js";

/** What kind of thing went wrong; stable, so that programs can act on it. */
export type ErrorKind =
  | "invalid_plan"
  | "invalid_config"
  | "invalid_input"
  | "template"
  | "not_found"
  | "story_busy"
  | "refused"
  | "unsupported_repository"
  | "git"
  | "foreign_change"
  | "foreign_move"
  | "backend_missing"
  | "gate_missing"
  | "gate_changed"
  | "untrusted"
  | "store"
  | "process"
  | "io"
  | "cancelled"
  | "internal";

/** What the library says of an error. */
export interface ErrorData {
  kind: ErrorKind;
  message: string;
  help?: string;
  problems?: Problem[];
  file?: string;
  line?: number;
  column?: number;
}

/** Aura itself could not do its job: what happened, where, and what to do about it. */
export class AuraError extends Error {
  /** The kind, for programs; each has a class of its own. */
  readonly kind: ErrorKind;
  /** The remedy, where one is known. */
  readonly help: string | undefined;
  /** Everything that is wrong with a refused plan or configuration; empty for other kinds. */
  readonly problems: readonly Problem[];
  /** The file of the first problem that has a place. */
  readonly file: string | undefined;
  /** Its line, counted from 1. */
  readonly line: number | undefined;
  /** Its column in characters, counted from 1. */
  readonly column: number | undefined;

  constructor(told: ErrorData, options?: ErrorOptions) {
    super(told.message, options);
    this.name = new.target.name;
    this.kind = told.kind;
    this.help = told.help;
    this.problems = told.problems ?? [];
    this.file = told.file;
    this.line = told.line;
    this.column = told.column;
  }
}

/** A plan was refused; every reason is in `problems`. */
export class InvalidPlan extends AuraError {}
/** The configuration was refused; every reason is in `problems`. */
export class InvalidConfig extends AuraError {}
/** An argument was refused. */
export class InvalidInput extends AuraError {}
/** A prompt template does not parse or names a variable that is not there. */
export class Template extends AuraError {}
/** A story, task or file that was named does not exist. */
export class NotFound extends AuraError {}
/** Another process holds the story's lock; the message names it. */
export class StoryBusy extends AuraError {}
/** The operation is not legal in the present state of the story, or the orchestrator is closed. */
export class Refused extends AuraError {}
/** The repository is of a form that Aura does not support, or has no commit yet. */
export class UnsupportedRepository extends AuraError {}
/** A git operation failed. */
export class Git extends AuraError {}
/** The user's git configuration, hooks or attributes changed while a run was active. */
export class ForeignChange extends AuraError {}
/** A ref that belongs to Aura was moved by somebody else. */
export class ForeignMove extends AuraError {}
/** An agent that the story was started with is not registered. */
export class BackendMissing extends AuraError {}
/** A gate that the story was started with is not registered. */
export class GateMissing extends AuraError {}
/** A gate or an agent is defined differently than when the story was started. */
export class GateChanged extends AuraError {}
/** Commands that the repository configures are not trusted yet. */
export class Untrusted extends AuraError {}
/** The store could not be read or written. */
export class Store extends AuraError {}
/** A child process could not be started or supervised. */
export class Process extends AuraError {}
/** A file could not be read or written. */
export class Io extends AuraError {}
/** The caller cancelled the operation. */
export class Cancelled extends AuraError {}
/** A bug in Aura. */
export class Internal extends AuraError {}
