/**
 * Keeps a server on a leash: `node leash.mjs SCRIPT ARGUMENTS..`. Started as the leader of a process group whose standard input is a pipe;
 * when the pipe is closed, because whoever holds the other end has ended however it did, the group is killed.
 */

import { spawn } from "node:child_process";

const server = spawn(process.execPath, process.argv.slice(2), { stdio: ["ignore", "inherit", "inherit"] });
server.on("exit", (code) => process.exit(code ?? 1));
process.on("SIGTERM", () => server.kill("SIGTERM"));
process.stdin.resume().on("close", () => process.kill(0, "SIGKILL"));
