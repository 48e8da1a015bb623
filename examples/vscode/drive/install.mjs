/**
 * The editor for the drive: code-server and playwright-core from the npm registry, chromium and ripgrep from Debian, in a folder that is
 * kept between drives. Nothing is downloaded by install scripts; what is native is compiled here.
 */

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const PACKAGES = { "code-server": "4.100.3", "node-gyp": "11.4.2", "playwright-core": "1.65.1" };
/** What code-server needs of its native modules; the others are for features that a drive does not use. */
const NATIVE = ["@vscode/spdlog", "node-pty", "native-watchdog", "kerberos"];
const DEBIAN = { chromium: "/usr/bin/chromium", ripgrep: "/usr/bin/rg", "libkrb5-dev": "/usr/include/krb5.h" };

/** Installs what is missing below `folder` and returns where things are. */
export async function installEditor(folder, say) {
  await installDebian(say);
  const done = join(folder, "done");
  const wanted = createHash("sha256").update(JSON.stringify([PACKAGES, NATIVE, process.version])).digest("hex");
  if (!existsSync(done) || readFileSync(done, "utf8") !== wanted) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    await installPackages(folder, say);
    writeFileSync(done, wanted);
  }
  return {
    server: join(folder, "node_modules", "code-server", "out", "node", "entry.js"),
    chromium: DEBIAN.chromium,
    playwright: createRequire(join(folder, "package.json"))("playwright-core"),
  };
}

async function installDebian(say) {
  const missing = Object.keys(DEBIAN).filter((name) => !existsSync(DEBIAN[name]));
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) throw new Error(`please install ${missing.join(", ")}: this is not root`);
  say(`installing ${missing.join(", ")} with apt`);
  const quiet = { DEBIAN_FRONTEND: "noninteractive" };
  await run("apt-get", ["update", "-qq"], "/", quiet);
  await run("apt-get", ["install", "-qq", "-y", "--no-install-recommends", ...missing], "/", quiet);
}

async function installPackages(folder, say) {
  const manifest = { name: "aura-editor", private: true, dependencies: PACKAGES };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  say("installing code-server");
  await run("npm", ["install", ...quiet], folder);
  const code = join(folder, "node_modules", "code-server", "lib", "vscode");
  await run("npm", ["install", "--omit=dev", ...quiet], code);
  say("compiling its native modules");
  const build = { npm_config_nodedir: headers(), npm_config_build_from_source: "true" };
  await run("npm", ["rebuild", "--loglevel=error", ...NATIVE], code, build);
  await run("npm", ["rebuild", "--loglevel=error", "argon2"], folder, build);
  const bin = join(code, "node_modules", "@vscode", "ripgrep", "bin");
  mkdirSync(bin, { recursive: true });
  symlinkSync(DEBIAN.ripgrep, join(bin, "rg"));
}

/** The prefix of this Node's headers, so that none are downloaded. */
function headers() {
  const prefix = dirname(dirname(process.execPath));
  if (existsSync(join(prefix, "include", "node", "node.h"))) return prefix;
  throw new Error(`no headers of Node below ${prefix}/include`);
}

/** Runs a program to its end. Its output is shown only when it fails. */
function run(program, args, cwd, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => output.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) return resolve();
      reject(new Error(`${program} ${args.join(" ")} ended with ${code}\n${Buffer.concat(output).toString().slice(-4000)}`));
    });
  });
}

