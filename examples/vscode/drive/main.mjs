/**
 * Drives the extension in a real editor: `node drive/main.mjs [--docs]`. Installs what is missing, starts code-server on this machine
 * only, does in it what a person would do, and looks at what it shows. Exit 0: everything was seen; 1: something was not.
 * With `--docs` the picture of the documentation is replaced.
 */

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { Director } from "./director.mjs";
import { Editor } from "./editor.mjs";
import { installEditor } from "./install.mjs";
import { playRefusal, playReload, playStory } from "./play.mjs";
import { makeProject } from "./project.mjs";
import { Server } from "./server.mjs";
import { stage } from "./stage.mjs";

const EXTENSION = dirname(dirname(fileURLToPath(import.meta.url)));
const ROOT = join(EXTENSION, "..", "..");
const CACHE = join(ROOT, "target", "editor");
const RESULT = join(ROOT, "target", "drive");
const PICTURE = join(RESULT, "vscode.png");
/** Longest time of each part, in milliseconds. */
const LIMITS = { installation: 20 * 60_000, start: 2 * 60_000, drive: 5 * 60_000, end: 30_000 };
/** Largest picture that goes into the documentation, in bytes. */
const LARGEST = 300_000;

const say = (text) => console.log(`drive: ${text}`);
/** What has to be undone, last first. */
const undo = [];

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));
let code = 1;
try {
  build();
  const installed = await within("installation", installEditor(CACHE, say));
  const scene = await within("start", setUp(installed));
  say("the editor is open");
  await within("drive", play(scene)).catch((error) => report(scene, error));
  if (process.argv.includes("--docs")) publish();
  say("everything was seen");
  code = 0;
} catch (error) {
  console.error(error);
}
await within("end", tearDown()).catch(console.error);
process.exit(code);

async function setUp({ server: entry, chromium, playwright }) {
  const director = await Director.start();
  undo.push(() => director.close());
  const project = makeProject(director.port);
  process.on("exit", () => rmSync(project.home, { recursive: true, force: true }));
  stage(project.extensions);
  const server = await Server.start(entry, project);
  process.on("exit", () => server.kill());
  undo.push(() => server.stop());
  const browser = await playwright.chromium.launch({ executablePath: chromium, args: ["--no-sandbox"] });
  undo.push(() => browser.close());
  const editor = await Editor.open(browser, server, project.repository);
  return { director, project, server, editor };
}

async function tearDown() {
  for (const step of undo.reverse()) await step();
}

async function play({ editor, director, project }) {
  mkdirSync(RESULT, { recursive: true });
  await playStory(editor, director, project, PICTURE);
  say("a plan became merged work");
  await playRefusal(editor);
  say("a plan was refused");
  await playReload(editor, director);
  say("a run went on in the next window");
}

/** Keeps what helps to understand a failure, and fails. */
async function report({ editor, server }, error) {
  try {
    writeFileSync(join(RESULT, "server.log"), server.output);
    console.error(`the rows were:\n  ${(await editor.rows()).join("\n  ")}\na picture and a log are in ${RESULT}`);
    await editor.picture(join(RESULT, "failure.png"));
  } catch (another) {
    console.error(another);
  }
  throw error;
}

/** Compiles the extension; what it needs for that is installed where it is missing. */
function build() {
  const quiet = { cwd: EXTENSION, stdio: ["ignore", "inherit", "inherit"] };
  if (!existsSync(join(EXTENSION, "node_modules"))) execFileSync("npm", ["ci"], quiet);
  execFileSync(process.execPath, [join("node_modules", "typescript", "bin", "tsc")], quiet);
}

function publish() {
  const { size } = statSync(PICTURE);
  if (size > LARGEST) throw new Error(`the picture has ${size} bytes`);
  const images = join(ROOT, "docs", "images");
  mkdirSync(images, { recursive: true });
  copyFileSync(PICTURE, join(images, "vscode.png"));
}

/** Gives up on a part that takes too long. */
function within(part, work) {
  let watchdog;
  const late = new Promise((_, reject) => {
    const why = new Error(`the ${part} took longer than ${LIMITS[part] / 60_000} minutes`);
    watchdog = setTimeout(() => reject(why), LIMITS[part]);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(watchdog));
}
