/** code-server on a free port of this machine, and its end. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** How long a server may take to end before it is killed, in milliseconds. */
const GRACE = 10_000;
const LEASH = join(dirname(fileURLToPath(import.meta.url)), "leash.mjs");

export class Server {
  #child;
  #lines = [];
  url;

  /** Starts the server and resolves when it listens. */
  static async start(entry, { home, userData, extensions }) {
    const server = new Server();
    const quiet = ["--auth", "none", "--disable-telemetry", "--disable-update-check", "--disable-workspace-trust", "--disable-getting-started-override"];
    const places = ["--config", join(home, "config.yaml"), "--user-data-dir", userData, "--extensions-dir", extensions];
    const args = [LEASH, entry, "--bind-addr", "127.0.0.1:0", ...quiet, ...places];
    // A group of its own, so that nothing of it is left.
    server.#child = spawn(process.execPath, args, {
      cwd: home,
      detached: true,
      env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home },
      stdio: ["pipe", "pipe", "pipe"],
    });
    server.url = await server.#listening();
    return server;
  }

  /** What the server wrote. */
  get output() {
    return this.#lines.join("\n");
  }

  /** Asks the server to end, and ends what does not. */
  async stop() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const killer = setTimeout(() => this.kill(), GRACE);
      const exited = once(this.#child, "exit");
      this.#child.kill("SIGTERM");
      await exited;
      clearTimeout(killer);
    }
    this.kill();
  }

  /** Ends the server and everything that it started, at once. */
  kill() {
    try {
      process.kill(-this.#child.pid, "SIGKILL");
    } catch {
      // Nothing of it is left.
    }
  }

  #listening() {
    return new Promise((resolve, reject) => {
      for (const stream of [this.#child.stdout, this.#child.stderr]) {
        createInterface({ input: stream }).on("line", (line) => {
          this.#lines.push(line);
          const address = /server listening on (http:\/\/127\.0\.0\.1:\d+)/i.exec(line);
          if (address) resolve(address[1]);
        });
      }
      this.#child.on("error", reject);
      this.#child.on("exit", (code) => reject(new Error(`code-server ended with ${code}\n${this.output}`)));
    });
  }
}
