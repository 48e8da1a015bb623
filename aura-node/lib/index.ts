/** Turns a plan into merged work. */

export * as agents from "./agents.js";
export * as gates from "./gates.js";
export * from "./errors.js";
export type * from "./events.js";
export type * from "./model.js";
export { Orchestrator } from "./orchestrator.js";
export type * from "./options.js";
export { Plan, planSchema } from "./plan.js";
export { Run } from "./run.js";
