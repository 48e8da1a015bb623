/** Errors of the library, for people and for the list of problems. */

import type { Problem } from "../aura";

/** What an error of the library carries; anything else that is thrown has only a message. */
export interface Told {
  message: string;
  kind: string | undefined;
  help: string | undefined;
  problems: readonly Problem[];
}

export function told(error: unknown): Told {
  const fields = (typeof error === "object" && error !== null ? error : {}) as Partial<Record<keyof Told, unknown>>;
  const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
  return {
    message: text(fields.message) ?? String(error),
    kind: text(fields.kind),
    help: text(fields.help),
    problems: Array.isArray(fields.problems) ? (fields.problems as Problem[]) : [],
  };
}

/** One or two sentences. */
export function sentence(error: unknown): string {
  const { message, help } = told(error);
  return help === undefined ? message : `${message} (${help})`;
}

/** A problem at a place in a file; line and column are counted from 0, as editors do. */
export interface Mark {
  file: string;
  line: number;
  column: number;
  message: string;
  isError: boolean;
  code: string;
}

/** The problems of a plan, those without a file in `file`. */
export function marks(problems: readonly Problem[], file: string): Mark[] {
  return problems.map((problem) => ({
    file: problem.file ?? file,
    line: Math.max(0, (problem.line ?? 1) - 1),
    column: Math.max(0, (problem.column ?? 1) - 1),
    message: problem.help === null ? problem.message : `${problem.message}; ${problem.help}`,
    isError: problem.severity === "error",
    code: problem.code,
  }));
}
