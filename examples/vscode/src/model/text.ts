/** Small pieces of text. */

/** Longest reason in one line, in characters. */
const REASON = 160;

/** The local time of day. */
export function clock(time: string): string {
  const at = new Date(time);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
}

/** A duration in milliseconds, for people. */
export function duration(millis: number): string {
  const whole = Math.floor(millis / 1000);
  if (millis < 1000) return `${Math.floor(millis)} ms`;
  if (whole < 60) return `${whole}.${Math.floor((millis % 1000) / 100)} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** The time that something has taken so far: it changes while people look, so in whole seconds. */
export function elapsed(millis: number): string {
  return millis < 60_000 ? `${Math.floor(millis / 1000)} s` : duration(millis);
}

/** The wire name of a status or a class, with blanks. */
export function words(name: string): string {
  return name.replaceAll("_", " ");
}

/** `1 task`, `2 tasks`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** The first line of a text, cut to a length in characters. */
export function firstLine(text: string, most = REASON): string {
  const line = text.split("\n").find((candidate) => candidate.trim() !== "")?.trim() ?? "";
  const characters = [...line];
  return characters.length <= most ? line : `${characters.slice(0, most - 1).join("")}…`;
}

/** A commit as people write it. */
export function short(commit: string): string {
  return commit.slice(0, 10);
}

/** Text for a place that renders Markdown, where an agent's words must not become markup. */
export function literal(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-.!<>|~$&]/g, "\\$&");
}
