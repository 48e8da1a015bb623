/** What the view shows, made from the state of the stories. */

import type { GateLine, StatusView, StoryStatus, TaskLine, TaskStatus } from "../aura";
import { count, duration, elapsed, firstLine, literal, short, words } from "./text";
import { contextValue, storyVerbs, taskVerbs } from "./verbs";

/** A row of the view. `id` stays the same as long as the row is about the same thing. */
export interface Row {
  id: string;
  label: string;
  description: string;
  /** Markdown. */
  tooltip: string;
  icon: Icon;
  /** What menus look at. */
  context: string;
  story: string;
  task?: string;
  expanded?: boolean;
  children: Row[];
}

/** A product icon and a theme colour; both are names of the editor. */
export interface Icon {
  name: string;
  color?: string;
}

const STORY_ICONS: Record<StoryStatus, Icon> = {
  created: { name: "circle-large-outline" },
  analyzing: { name: "loading~spin", color: "charts.blue" },
  decomposing: { name: "loading~spin", color: "charts.blue" },
  planned: { name: "circle-large-outline" },
  dispatching: { name: "loading~spin", color: "charts.blue" },
  running: { name: "loading~spin", color: "charts.blue" },
  gate_failed: { name: "warning", color: "charts.red" },
  paused: { name: "debug-pause", color: "charts.yellow" },
  ready_to_complete: { name: "git-merge", color: "charts.green" },
  integrating: { name: "loading~spin", color: "charts.green" },
  completed: { name: "verified-filled", color: "charts.green" },
  failed: { name: "error", color: "charts.red" },
  cancelled: { name: "circle-slash", color: "disabledForeground" },
};

const TASK_ICONS: Record<TaskStatus, Icon> = {
  pending: { name: "circle-outline", color: "disabledForeground" },
  queued: { name: "clock", color: "charts.yellow" },
  running: { name: "sync~spin", color: "charts.blue" },
  in_review: { name: "beaker", color: "charts.purple" },
  completed: { name: "pass-filled", color: "charts.green" },
  failed: { name: "error", color: "charts.red" },
  blocked: { name: "lock", color: "charts.orange" },
  skipped: { name: "debug-step-over", color: "disabledForeground" },
  cancelled: { name: "circle-slash", color: "disabledForeground" },
};

/** One row for each story, in the order given, its tasks and gates below it. */
export function rows(stories: readonly StatusView[]): Row[] {
  return stories.map(storyRow);
}

function storyRow(story: StatusView): Row {
  const children = story.tasks.map((task) => taskRow(story, task));
  if (story.gates.length > 0) children.push(gatesRow(story));
  return {
    id: `story:${story.storyId}`,
    label: story.title,
    description: storyDescription(story),
    tooltip: storyTooltip(story),
    icon: STORY_ICONS[story.status],
    context: contextValue("story", storyVerbs(story.status)),
    story: story.storyId,
    expanded: story.status !== "completed",
    children,
  };
}

/** How many tasks need nothing more: accepted or skipped. */
export function done(story: StatusView): number {
  return story.tasks.filter((task) => task.status === "completed" || task.status === "skipped").length;
}

function storyDescription(story: StatusView): string {
  const progress = story.tasks.length > 0 ? `${done(story)}/${story.tasks.length} ` : "";
  return progress + words(story.status);
}

function storyTooltip(story: StatusView): string {
  const lines = [
    `**${literal(story.title)}**: ${words(story.status)}`,
    `${done(story)} of ${count(story.tasks.length, "task")} done, ${count(story.agents.running, "agent")} working, ${story.agents.waiting} waiting`,
    `Wave ${story.wave + 1} of ${story.waves}, branch ${literal(story.branch)}`,
  ];
  if (story.usage.costUsd > 0) lines.push(`Cost ${story.usage.costUsd.toFixed(2)} USD`);
  return lines.join("\n\n");
}

function taskRow(story: StatusView, task: TaskLine): Row {
  return {
    id: `task:${story.storyId}/${task.id}`,
    label: task.title === "" ? task.id : task.title,
    description: taskDescription(task),
    tooltip: taskTooltip(task),
    icon: task.question === undefined ? TASK_ICONS[task.status] : { name: "question", color: "charts.yellow" },
    context: contextValue("task", taskVerbs(task, story.status)),
    story: story.storyId,
    task: task.id,
    children: [],
  };
}

function taskDescription(task: TaskLine): string {
  const waits = task.waitingFor.length > 0;
  const parts = [waits && task.status === "pending" ? "" : words(task.status)];
  if (task.elapsedMs !== null) parts.push(elapsed(task.elapsedMs));
  if (task.attempts > 1) parts.push(`try ${task.attempts}`);
  if (waits) parts.push(`waits for ${task.waitingFor.join(", ")}`);
  else if (task.question !== undefined) parts.push(`asks: ${firstLine(task.question, 60)}`);
  else if (task.error !== undefined && (task.status === "failed" || task.status === "pending")) parts.push(firstLine(task.error, 60));
  return parts.filter((part) => part !== "").join(" · ");
}

function taskTooltip(task: TaskLine): string {
  const lines = [`**${literal(task.id)}**: ${words(task.status)}, wave ${task.wave + 1}, agent ${literal(task.agent)}`];
  const tries = [count(task.attempts, "attempt"), ...(task.restarts > 0 ? [count(task.restarts, "restart")] : [])];
  if (task.durationMs !== null) tries.push(`${duration(task.durationMs)} at work`);
  lines.push(tries.join(", "));
  if (task.question !== undefined) lines.push(`A person has to decide: ${literal(task.question)}`);
  if (task.error !== undefined) {
    const told = task.class === undefined ? "" : `${words(task.class)}: `;
    lines.push(`${told}${literal(task.error)}`);
  }
  if (task.commit !== undefined) lines.push(`Accepted as ${short(task.commit)}`);
  return lines.join("\n\n");
}

function gatesRow(story: StatusView): Row {
  const latest = lastOfEach(story.gates);
  const red = latest.filter((gate) => !isGreen(gate));
  return {
    id: `gates:${story.storyId}`,
    label: "Gates",
    description: latest.map((gate) => `${gate.name} ${words(gate.verdict)}`).join(", "),
    tooltip: "The last verdict of each gate",
    icon: red.length === 0 ? { name: "shield", color: "charts.green" } : { name: "shield", color: "charts.red" },
    context: contextValue("gates", []),
    story: story.storyId,
    expanded: false,
    children: latest.map((gate) => gateRow(story, gate)),
  };
}

const ON: Record<GateLine["at"], string> = {
  task: "a task's work",
  candidate: "the candidate",
  final: "the final result",
};

function gateRow(story: StatusView, gate: GateLine): Row {
  const on = gate.task === undefined ? ON[gate.at] : `the work of ${gate.task}`;
  return {
    id: `gate:${story.storyId}/${gate.name}/${gate.at}/${gate.task ?? ""}`,
    label: gate.name,
    description: `${words(gate.verdict)} on ${on} · ${duration(gate.durationMs)}`,
    tooltip: `${literal(gate.name)} on ${literal(on)}: ${words(gate.verdict)}`,
    icon: isGreen(gate) ? { name: "pass", color: "charts.green" } : { name: "error", color: "charts.red" },
    context: contextValue("gate", []),
    story: story.storyId,
    children: [],
  };
}

function isGreen(gate: GateLine): boolean {
  return gate.verdict === "passed" || gate.verdict === "flaky";
}

/** The last verdict of each gate at each place, in the order of their first. */
function lastOfEach(gates: readonly GateLine[]): GateLine[] {
  const last = new Map<string, GateLine>();
  for (const gate of gates) last.set(JSON.stringify([gate.name, gate.at, gate.task ?? null]), gate);
  return [...last.values()];
}
