/** Plans: made in code or read from files, validated before anything runs. */

import { answer } from "./border.js";
import type { PlanData, TaskInput } from "./model.js";
import { native } from "./native.js";
import type { GraphFormat, ScopeOptions } from "./options.js";

/** Calls a function of the library that needs no repository. It blocks for as long as it takes to read a few files. */
export function call<T>(name: string, args: object): T {
  return answer<T>(() => native.call(name, JSON.stringify(args)));
}

/** A graph of tasks that has been validated and cut into waves. */
export interface Plan extends PlanData {}

export class Plan {
  private constructor(data: PlanData) {
    Object.assign(this, data);
  }

  /**
   * A plan in code. Tasks have the members that they have in a plan file.
   *
   * @throws InvalidPlan with every problem at once.
   */
  static new(title: string, tasks: readonly TaskInput[], options: { description?: string; review?: boolean } = {}): Plan {
    return new Plan(call("plan_new", { ...options, title, tasks }));
  }

  /**
   * Reads a plan file in YAML or, where its name ends with `.json`, in JSON; or a folder of story files.
   *
   * @throws InvalidPlan with every problem at once, each with line and column; NotFound and Io for the file.
   */
  static load(path: string, options: ScopeOptions = {}): Plan {
    return new Plan(call("plan_load", { ...options, path }));
  }

  /** Reads the text of a plan file; `file` stands in messages and tells the format. */
  static parse(text: string, file?: string): Plan {
    return new Plan(call("plan_parse", { text, file }));
  }

  /** Reads the plan inside a model's answer. */
  static fromAnswer(answer: string, title: string): Plan {
    return new Plan(call("plan_from_answer", { answer, title }));
  }

  /** The text of a plan file that reads as this plan. */
  toYaml(): string {
    return call("plan_to_yaml", { plan: this });
  }

  /** Draws the plan. */
  graph(format: GraphFormat): string {
    return call("plan_graph", { plan: this, format });
  }

  /** The data alone. */
  toJSON(): PlanData {
    return { ...this };
  }
}

/** The JSON schema of plan files. */
export function planSchema(): Record<string, unknown> {
  return call("plan_schema", {});
}
