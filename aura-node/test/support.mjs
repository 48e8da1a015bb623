// What the tests stand on: repositories, child processes with a watchdog, agents that do what is easy to check.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the package. */
export const PACKAGE = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Where cargo puts the programs that tests start. */
const BIN = process.env.AURA_TEST_BIN ?? join(PACKAGE, "..", "target", "debug");

/** Longest time of a child; whoever needs it hangs. */
const WATCHDOG_MS = 120_000;

/** A program that cargo built. */
export function program(name) {
  const file = join(BIN, process.platform === "win32" ? `${name}.exe` : name);
  if (!existsSync(file)) throw new Error(`${file} is not there; build it with cargo, or name its folder in AURA_TEST_BIN`);
  return file;
}

/** A directory that is gone after the test. */
export function directory(t) {
  const made = realpathSync(mkdtempSync(join(tmpdir(), "aura-node-")));
  t.after(() => rmSync(made, { recursive: true, force: true, maxRetries: 10 }));
  return made;
}

export function git(repo, ...words) {
  return execFileSync("git", words, { cwd: repo, encoding: "utf8" }).trim();
}

/** A repository with one commit. */
export function repository(t, files = { "README.md": "# Something\n" }) {
  const repo = join(directory(t), "repo");
  mkdirSync(repo);
  git(repo, "init", "--quiet", "--initial-branch=main");
  git(repo, "config", "user.name", "Tester");
  git(repo, "config", "user.email", "tester@example.org");
  for (const [name, text] of Object.entries(files)) writeFileSync(join(repo, name), text);
  git(repo, "add", "--all");
  git(repo, "commit", "--quiet", "--message=start");
  return repo;
}

/** An agent that writes a file named like the task. */
export const scribe = {
  run({ workspace, task }) {
    writeFileSync(join(workspace, `${task.id}.txt`), `${task.title}\n`);
  },
};

/** A gate that everything passes. */
export const green = { name: "green", run: () => true };

/** Tasks of these names, none of which waits for another. */
export function tasks(...ids) {
  return ids.map((id) => ({ id, title: `Write ${id}`, description: `Write ${id}.txt.` }));
}

/** Starts a child. `done` is how it ended; `line(text)` waits for a line of output with that text in it. */
export function start(file, args = [], options = {}) {
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  const said = { stdout: "", stderr: "" };
  const waiting = [];
  let hung = false;
  const watchdog = setTimeout(() => {
    hung = true;
    child.kill("SIGKILL");
  }, WATCHDOG_MS);
  const look = () => {
    for (const { text, resolve } of waiting) if (said.stdout.split("\n").slice(0, -1).some((line) => line.includes(text))) resolve();
  };
  for (const stream of ["stdout", "stderr"]) {
    child[stream].setEncoding("utf8").on("data", (text) => {
      said[stream] += text;
      look();
    });
  }
  const done = new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(watchdog);
      resolve({ code, signal, hung, ...said });
    });
  });
  const line = (text) => {
    const seen = new Promise((resolve) => {
      waiting.push({ text, resolve });
      look();
    });
    const ended = done.then((end) => {
      throw new Error(`it ended without saying ${text}: ${JSON.stringify(end)}`);
    });
    return Promise.race([seen, ended]);
  };
  return { child, done, line, pid: child.pid };
}

/** Runs a child to its end, which has to be a good one, and returns its output. */
export async function succeed(file, args, options) {
  const end = await start(file, args, options).done;
  if (end.code !== 0) throw new Error(`${file} ${args.join(" ")}: ${JSON.stringify(end, null, 1)}`);
  return end.stdout;
}

const FOREIGN = ["metadata", "env"];

function walk(value, rename) {
  if (Array.isArray(value)) return value.map((item) => walk(item, rename));
  if (typeof value !== "object" || value === null) return value;
  const entry = ([key, item]) => [rename(key), FOREIGN.includes(key) ? item : walk(item, rename)];
  return Object.fromEntries(Object.entries(value).map(entry));
}

/** Data of the library's files as JavaScript has it. */
export const camel = (value) => walk(value, (key) => key.replace(/_(.)/g, (_, letter) => letter.toUpperCase()));

/** The other way round. */
export const snake = (value) => walk(value, (key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
