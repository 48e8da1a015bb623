// @ts-check
// What the examples share: a small repository to work on.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A repository with one commit, which is gone when the program ends. */
export function repository() {
  const path = mkdtempSync(join(tmpdir(), "aura-example-"));
  process.on("exit", () => rmSync(path, { recursive: true, force: true }));
  const repo = join(path, "app");
  const git = (/** @type {string[]} */ ...words) => execFileSync("git", words, { cwd: path });
  git("init", "--quiet", "--initial-branch=main", repo);
  git("-C", repo, "config", "user.name", "Example");
  git("-C", repo, "config", "user.email", "example@example.invalid");
  writeFileSync(join(repo, "README.md"), "# A book in many parts\n");
  git("-C", repo, "add", "--all");
  git("-C", repo, "commit", "--quiet", "--message=Begin");
  return repo;
}
