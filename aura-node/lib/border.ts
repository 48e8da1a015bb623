/** What crosses between JavaScript and the addon: JSON texts, and errors whose message is one. */

import * as errors from "./errors.js";

const CLASSES: Record<errors.ErrorKind, typeof errors.AuraError> = {
  invalid_plan: errors.InvalidPlan,
  invalid_config: errors.InvalidConfig,
  invalid_input: errors.InvalidInput,
  template: errors.Template,
  not_found: errors.NotFound,
  story_busy: errors.StoryBusy,
  refused: errors.Refused,
  unsupported_repository: errors.UnsupportedRepository,
  git: errors.Git,
  foreign_change: errors.ForeignChange,
  foreign_move: errors.ForeignMove,
  backend_missing: errors.BackendMissing,
  gate_missing: errors.GateMissing,
  gate_changed: errors.GateChanged,
  untrusted: errors.Untrusted,
  store: errors.Store,
  process: errors.Process,
  io: errors.Io,
  cancelled: errors.Cancelled,
  internal: errors.Internal,
};

/** The error that the addon threw, as an instance of its class. Anything else it throws is a bug. */
function translated(thrown: unknown): errors.AuraError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  let told: errors.ErrorData = { kind: "internal", message };
  try {
    const parsed = JSON.parse(message) as errors.ErrorData;
    if (parsed.kind in CLASSES) told = parsed;
  } catch {
    // The message is not one of the library's.
  }
  const cause = told.message === message ? { cause: thrown } : {};
  return new CLASSES[told.kind](told, cause);
}

/** Calls the addon and parses its answer. */
export function answer<T>(call: () => string): T {
  let text: string;
  try {
    text = call();
  } catch (thrown) {
    throw translated(thrown);
  }
  return JSON.parse(text) as T;
}

/** Waits for the addon. */
export async function settled<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (thrown) {
    throw translated(thrown);
  }
}
