/** The native addon: texts and handles. */

import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** A run, as the addon holds it. */
export interface NativeRun {
  readonly story: string;
  readonly id: string;
  nextEvents(max: number): Promise<string | null>;
  wait(): Promise<string>;
  call(method: string, args: string): Promise<void>;
}

/** An opened repository, as the addon holds it. */
export interface NativeEngine {
  call(method: string, args: string): Promise<string>;
  run(args: string): Promise<NativeRun>;
  complete(args: string): Promise<NativeRun>;
  jobs(): NativeJobs;
  close(): Promise<void>;
  endWithEnvironment(): void;
}

/** The queue of jobs, as the addon holds it. */
export interface NativeJobs {
  next(): string | null;
  event(id: string, line: string): boolean;
  finish(id: string, answer: string): boolean;
}

/** What the addon exports. */
export interface Native {
  open(options: string, ring: () => void): Promise<NativeEngine>;
  call(name: string, args: string): string;
  main(args: string[], own: string[]): number;
  names(list: "methods" | "functions" | "run_methods" | "error_kinds"): string[];
}

function load(): Native {
  const name = `aura.${process.platform}-${process.arch}.node`;
  const file = join(__dirname, "..", name);
  const build = "run `npm install` in a checkout of Aura to build it (that needs Rust and a C compiler)";
  if (!existsSync(file)) {
    throw new Error(`this package has no native part for ${process.platform}-${process.arch} (${name}); ${build}`);
  }
  try {
    return createRequire(__filename)(file) as Native;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`the native part of this package cannot be loaded here: ${why}; ${build}`, { cause });
  }
}

export const native: Native = load();
