// Builds the native part and puts it where lib/native.ts looks for it: `node scripts/build.mjs [--release]`.

import { spawnSync } from "node:child_process";
import { copyFileSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = join(dirname(fileURLToPath(import.meta.url)), "..");
const library = { darwin: "libaura_node.dylib", win32: "aura_node.dll" }[process.platform] ?? "libaura_node.so";

const words = ["build", "--package", "aura-node", "--message-format=json-render-diagnostics"];
const cargo = spawnSync("cargo", [...words, ...process.argv.slice(2)], {
  cwd: here,
  encoding: "utf8",
  maxBuffer: 1 << 28,
  stdio: ["ignore", "pipe", "inherit"],
});
if (cargo.error) {
  console.error(`cargo cannot be started: ${cargo.error.message}\nThe native part is built from source, which needs Rust.`);
  process.exit(1);
}
if (cargo.status !== 0) process.exit(cargo.status ?? 1);

const made = cargo.stdout
  .split("\n")
  .filter((line) => line.startsWith("{"))
  .flatMap((line) => JSON.parse(line).filenames ?? [])
  .find((name) => name.endsWith(library));
if (made === undefined) throw new Error(`cargo did not name ${library}`);

// A process that has the old one loaded keeps it: it is replaced, not written over.
const addon = join(here, `aura.${process.platform}-${process.arch}.node`);
copyFileSync(made, `${addon}.new`);
renameSync(`${addon}.new`, addon);
