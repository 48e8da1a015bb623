import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import type { StoryStatus, TaskStatus } from "../src/aura";
import { contextValue, storyVerbs, taskVerbs, type StoryVerb } from "../src/model/verbs";

/** From `out/test` up to the extension. */
const HOME = join(__dirname, "..", "..");

interface Manifest {
  contributes: {
    commands: { command: string }[];
    menus: Record<string, { command: string; when: string; group?: string }[]>;
    configuration: { properties: Record<string, { default: unknown }> };
  };
}

const manifest = JSON.parse(readFileSync(join(HOME, "package.json"), "utf8")) as Manifest;

const STORY_STATUSES: StoryStatus[] = [
  "created", "analyzing", "decomposing", "planned", "dispatching", "running", "gate_failed", "paused", "ready_to_complete",
  "integrating", "completed", "failed", "cancelled",
];
const TASK_STATUSES: TaskStatus[] = [
  "pending", "queued", "running", "in_review", "completed", "failed", "blocked", "skipped", "cancelled",
];

/** The commands that the menu of a row offers, inline or not. */
function offered(context: string, inline: boolean): string[] {
  const items = manifest.contributes.menus["view/item/context"] ?? [];
  const shown = items.filter(({ when, group }) => {
    const pattern = /viewItem =~ \/(.*)\/$/.exec(when)?.[1];
    assert.ok(pattern !== undefined, when);
    return (group ?? "").startsWith("inline") === inline && new RegExp(pattern).test(context);
  });
  return shown.map(({ command }) => command.replace("aura.", "")).sort();
}

/** Beside a row is only what somebody is likely to want next; the rest is in its menu. */
function isNextStep(verb: StoryVerb, status: StoryStatus): boolean {
  if (verb === "resume") return status !== "dispatching" && status !== "running";
  if (verb === "complete") return status === "ready_to_complete" || status === "integrating";
  return verb !== "graph";
}

test("the menu of a story offers exactly what can be asked of it", () => {
  for (const status of STORY_STATUSES) {
    const verbs = storyVerbs(status);
    const context = contextValue("story", verbs);
    assert.deepEqual(offered(context, false), [...verbs].sort(), status);
    assert.deepEqual(offered(context, true), verbs.filter((verb) => isNextStep(verb, status)).sort(), status);
  }
});

test("the menu of a task offers exactly what can be asked of it", () => {
  for (const story of STORY_STATUSES) {
    for (const status of TASK_STATUSES) {
      for (const more of [{}, { question: "it touches ci.yml" }]) {
        const verbs = taskVerbs({ status, ...more }, story);
        for (const inline of [true, false]) {
          assert.deepEqual(offered(contextValue("task", verbs), inline), [...verbs].sort(), `${status} in ${story}`);
        }
      }
    }
  }
  assert.deepEqual(offered(contextValue("gates", []), false), []);
});

test("every command is declared, registered and used in no menu under another name", () => {
  const declared = manifest.contributes.commands.map(({ command }) => command).sort();
  const source = readFileSync(join(HOME, "src", "ui", "commands.ts"), "utf8");
  const registered = [...source.matchAll(/register\("(\w+)"|registerCommand\("aura\.(\w+)"/g)];
  assert.deepEqual(registered.map(([, short, full]) => `aura.${short ?? full}`).sort(), declared);
  for (const item of Object.values(manifest.contributes.menus).flat()) assert.ok(declared.includes(item.command), item.command);
});

test("the defaults that the settings state are those that the extension falls back to", () => {
  const source = readFileSync(join(HOME, "src", "extension.ts"), "utf8");
  const read = [...source.matchAll(/get(?:<[^>]*>+)?\("([\w.]+)", (.*?)\)[,;]/g)].map(([, name, value]) => [`aura.${name}`, JSON.parse(value ?? "")]);
  const stated = Object.entries(manifest.contributes.configuration.properties).map(([name, { default: value }]) => [name, value]);
  assert.deepEqual(read, stated);
});
