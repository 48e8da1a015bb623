/** A repository with a plan, in a folder of its own, and an editor's settings for it. */

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const AGENT = join(dirname(fileURLToPath(import.meta.url)), "agent.mjs");

const FILES = {
  "README.md": "# Contacts\n\nA list of people and how to reach them.\n",
  "check.sh": 'for file in src/*; do\n  if grep -q TODO "$file"; then echo "$file:1: there is a TODO left"; exit 1; fi\ndone\n',
  "src/contacts.txt": "Ada\nGrace\n",
  "plan.yaml": `title: Email validation
description: Refuse addresses that cannot be delivered to.
tasks:
  - id: parser
    title: Parse addresses
    files: [src/parser.txt]
    description: Write \`parse\` with tests.
  - id: docs
    title: Describe the rules
    files: [docs/]
    description: Say which addresses are refused.
  - id: form
    title: Check the form
    depends_on: [parser]
    files: [src/form.txt]
    description: Use \`parse\` in the form.
  - id: import
    title: Check the import
    depends_on: [parser]
    files: [src/import.txt]
    description: Use \`parse\` when contacts are imported.
  - id: announce
    title: Announce it
    depends_on: [form, import, docs]
    description: Add a line to the news.
`,
  "later.yaml": "title: Phone numbers\ntasks:\n  - { id: phone, title: Parse numbers, description: Write it. }\n",
  "broken.yaml": "title: Broken\ntasks:\n  - { id: one, title: One, description: Do it., depends_on: [nobody] }\n",
};

/** Makes everything below a new temporary folder. `port` is where agents ask what to do. */
export function makeProject(port) {
  const home = mkdtempSync(join(tmpdir(), "aura-drive-"));
  const repository = join(home, "contacts");
  const extensions = join(home, "extensions");
  const userData = join(home, "user-data");
  for (const folder of [repository, extensions, join(userData, "User")]) mkdirSync(folder, { recursive: true });
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(repository, path)), { recursive: true });
    writeFileSync(join(repository, path), text);
  }
  const git = (...args) => execFileSync("git", ["-C", repository, ...args], { encoding: "utf8" });
  git("init", "--quiet", "--initial-branch=main");
  git("config", "user.name", "Somebody");
  git("config", "user.email", "somebody@example.com");
  git("add", ".");
  git("commit", "--quiet", "--message=Begin");
  writeFileSync(join(userData, "User", "settings.json"), JSON.stringify(settings(port), null, 2));
  return { home, repository, extensions, userData, git };
}

function settings(port) {
  return {
    "aura.agent.command": [process.execPath, AGENT, String(port)],
    "aura.gates": [{ name: "check", command: ["sh", "check.sh"] }],
    "aura.maxParallel": 2,
    "chat.commandCenter.enabled": false,
    "editor.minimap.enabled": false,
    "editor.occurrencesHighlight": "off",
    "extensions.autoCheckUpdates": false,
    "telemetry.telemetryLevel": "off",
    "workbench.colorTheme": "Default Dark Modern",
    "workbench.layoutControl.enabled": false,
    "workbench.reduceMotion": "on",
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": false,
  };
}
