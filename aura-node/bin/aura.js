#!/usr/bin/env node
"use strict";

const { native } = require("../dist/native.js");

// Node's own handlers end the process at once. Without them a run stops in an orderly way, and everything else ends as usual.
for (const signal of ["SIGINT", "SIGTERM"]) {
  const nothing = () => undefined;
  process.on(signal, nothing).off(signal, nothing);
}
process.exitCode = native.main(["aura", ...process.argv.slice(2)], [process.execPath, __filename]);
