// Whatever the library offers is here, under the name it has there.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";

import * as aura from "@aura-dev/aura";

import { PACKAGE } from "./support.mjs";

const { native } = createRequire(import.meta.url)(join(PACKAGE, "dist", "native.js"));
const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
const pascal = (name) => camel(`_${name}`);
const methods = (type) => Object.getOwnPropertyNames(type.prototype).filter((name) => name !== "constructor" && !name.startsWith("_"));

test("methods of an orchestrator", () => {
  const own = ["run", "complete", "close"];
  assert.deepEqual(methods(aura.Orchestrator).sort(), [...native.names("methods").map(camel), ...own].sort());
});

test("methods of a run", () => {
  const own = ["id", "story", "result", "wait"];
  assert.deepEqual(methods(aura.Run).sort(), [...native.names("run_methods"), ...own].sort());
});

test("functions", () => {
  const statics = Object.getOwnPropertyNames(aura.Plan).filter((name) => typeof aura.Plan[name] === "function");
  const plans = [...statics, ...methods(aura.Plan)].filter((name) => name !== "toJSON").map((name) => `plan${pascal(name)}`);
  const others = ["planSchema" in aura && "planSchema", "detect" in aura.gates && "detectGates"];
  assert.deepEqual([...plans, ...others].sort(), native.names("functions").map(camel).sort());
});

test("agents that are ready to use", () => {
  const text = readFileSync(join(PACKAGE, "..", "aura-core", "src", "agent", "presets.rs"), "utf8");
  const presets = [...text.matchAll(/^pub fn (\w+)\(\) -> CliAgent/gm)].map(([, name]) => name);
  assert.ok(presets.length > 5);
  assert.deepEqual(Object.keys(aura.agents).sort(), ["acp", "command", "llm", ...presets].sort());
  for (const name of presets) {
    assert.deepEqual(aura.agents[name]({ model: "m", yolo: false }), { model: "m", yolo: false, preset: name });
  }
  const mcp = { servers: { s: { command: "x" } } };
  assert.deepEqual(aura.agents.acp(["x"], { model: "m", mcp }), { model: "m", mcp, acp: ["x"] });
  const model = { endpoint: "https://m.example.com/v1", key: "A_KEY", role: "r", temperature: 0.5 };
  assert.deepEqual(aura.agents.llm("openai::m", model), { llm: { ...model, model: "openai::m" } });
  const options = readFileSync(join(PACKAGE, "..", "aura-core", "src", "embed", "llm.rs"), "utf8");
  const members = options.split("struct LlmOptions {")[1].split("\n}")[0].matchAll(/^    (\w+):/gm);
  assert.deepEqual([...members].map(([, name]) => name).sort(), Object.keys({ ...model, model: "" }).sort());
});

test("a class for each kind of error", () => {
  const kinds = native.names("error_kinds");
  for (const kind of kinds) {
    const made = new aura[pascal(kind)]({ kind, message: "m" });
    assert.ok(made instanceof aura.AuraError);
    assert.deepEqual([made.name, made.kind], [pascal(kind), kind]);
  }
  const classes = Object.values(aura).filter((value) => value?.prototype instanceof aura.AuraError);
  assert.equal(classes.length, kinds.length);
});
