/**
 * The extension as an unpacked folder, as editors have it in their folder of extensions: `node drive/stage.mjs FOLDER`. Of the library it
 * has what belongs to its package, native part included.
 */

import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const EXTENSION = dirname(dirname(fileURLToPath(import.meta.url)));
const LIBRARY = join(EXTENSION, "..", "..", "aura-node");

/** Puts the extension, which has been compiled, below a folder of extensions and returns its own folder. */
export function stage(extensions) {
  const { publisher, name, version } = manifest(EXTENSION);
  const target = join(extensions, `${publisher}.${name}-${version}`);
  rmSync(target, { recursive: true, force: true });
  copy(EXTENSION, target, ["package.json", "README.md", "media", join("out", "src")]);
  copy(LIBRARY, join(target, "node_modules", "@aura-dev", "aura"), ["package.json", ...packed()]);
  return target;
}

/** What the library's package consists of. */
function packed() {
  const patterns = manifest(LIBRARY).files.map((name) => new RegExp(`^${name.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}$`));
  const parts = readdirSync(LIBRARY).filter((part) => patterns.some((pattern) => pattern.test(part)));
  if (!parts.some((part) => part.endsWith(".node"))) throw new Error("the library is not built: see its README");
  return parts;
}

function copy(from, to, parts) {
  mkdirSync(to, { recursive: true });
  for (const part of parts) cpSync(join(from, part), join(to, part), { recursive: true });
}

function manifest(folder) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [extensions] = process.argv.slice(2);
  if (extensions === undefined) throw new Error("usage: node drive/stage.mjs FOLDER-OF-EXTENSIONS");
  console.log(stage(extensions));
}
