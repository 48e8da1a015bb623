/**
 * Tells the scripted agents what to do. An agent that starts connects, says who it is, and waits; the drive lets it go when it has seen
 * what the editor shows meanwhile. No step of a drive takes a certain time.
 */

import { once } from "node:events";
import { createServer } from "node:http";

/** Longest wait for an agent, in milliseconds. */
const PATIENCE = 45_000;

export class Director {
  #server = createServer((request, response) => this.#arrive(request, response));
  /** Agents that wait, by task. */
  #waiting = new Map();
  /** Drives that wait for an agent, by task. */
  #expecting = new Map();

  static async start() {
    const director = new Director();
    director.#server.listen(0, "127.0.0.1");
    await once(director.#server, "listening");
    return director;
  }

  get port() {
    return this.#server.address().port;
  }

  /** The agent that works on a task, as soon as there is one: `{ attempt, prompt, gone, go(steps) }`. */
  agent(task) {
    const waiting = this.#waiting.get(task);
    if (waiting !== undefined) return Promise.resolve(waiting);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no agent works on ${task}`)), PATIENCE);
      this.#expecting.set(task, (agent) => {
        clearTimeout(late);
        resolve(agent);
      });
    });
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #arrive(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { task, attempt, prompt } = JSON.parse(Buffer.concat(chunks).toString());
    const gone = once(response, "close").then(() => this.#leave(task, agent));
    const agent = {
      attempt,
      prompt,
      /** Resolves when the agent has left, told or killed. */
      gone,
      go: async (steps) => {
        response.end(JSON.stringify(steps));
        await gone;
      },
    };
    this.#waiting.set(task, agent);
    this.#expecting.get(task)?.(agent);
    this.#expecting.delete(task);
  }

  #leave(task, agent) {
    if (this.#waiting.get(task) === agent) this.#waiting.delete(task);
  }
}
