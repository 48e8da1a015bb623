/** One event as one line of the output channel. */

import type { CommandAccepted, CommandRefused, DurableEvent, Evidence, GateVerdict, RunEvent } from "../aura";
import { clock, count, duration, firstLine, short, words } from "./text";

/** What happened, for people; `undefined` for what only programs want to know. */
export function describe(event: RunEvent): string | undefined {
  switch (event.type) {
    case "agent.output":
      return harmless(`${event.task} | ${event.line}`);
    case "agent.text":
      return harmless(`${event.task} | ${event.text}`);
    case "agent.tool":
      return harmless(`${event.task} | ${event.name} ${event.detail}: ${event.state}`);
    case "agent.file":
      return harmless(`${event.task} | changed ${event.path}`);
    case "agent.retry":
      return harmless(`${event.task} | asks its provider again: ${event.why}`);
    case "agent.warning":
      return harmless(`${event.task} | warning: ${event.text}`);
    case "agent.usage":
      return undefined;
    case "gate.output":
      return harmless(`${event.gate} | ${event.line}`);
    default: {
      const text = storyLine(event) ?? taskLine(event) ?? restLine(event);
      if (text === undefined) return undefined;
      const about = event.task === undefined ? text : `${event.task}: ${text}`;
      return `${clock(event.at)}  ${harmless(about)}`;
    }
  }
}

/** An agent's output may hold control characters, which are nobody's business here. */
export function harmless(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd");
}

function storyLine(event: DurableEvent): string | undefined {
  switch (event.type) {
    case "story.created":
      return `story "${event.title}" on ${event.branch}`;
    case "story.analyzed":
      return `context: ${event.context.related.map((file) => file.path).slice(0, 3).join(", ") || "nothing found"}`;
    case "decompose.started":
      return `asking ${event.agent} for a plan${event.round > 1 ? `, request ${event.round}` : ""}`;
    case "decompose.finished":
      return event.problems !== undefined && event.problems.length > 0
        ? `the plan has ${count(event.problems.length, "problem")}: ${firstLine(event.problems[0]?.message ?? "")}`
        : event.why === undefined
          ? undefined
          : `no plan: ${firstLine(event.why)}`;
    case "plan.accepted":
      return `plan: ${count(event.plan.tasks.length, "task")} in ${count(event.plan.waves.length, "wave")}`;
    case "run.started":
      return event.gates.length === 0
        ? "run started; no gate judges anything"
        : `run started; gates: ${event.gates.map((gate) => gate.name).join(", ")}`;
    case "run.paused":
      return `run paused: ${event.reason}`;
    case "run.resumed":
      return "run goes on";
    case "run.finished":
      return `run ended, ${words(event.outcome)}${event.reason === undefined ? "" : `: ${event.reason}`}`;
    case "wave.started":
      return `wave ${event.wave + 1}: ${event.tasks.join(", ")}`;
    case "command.accepted":
      return `asked to ${verbWords(event)}`;
    case "command.refused":
      return `refused to ${verbWords(event)}: ${firstLine(event.why)}`;
    default:
      return undefined;
  }
}

function taskLine(event: DurableEvent): string | undefined {
  switch (event.type) {
    case "task.started": {
      const again = event.attempt !== undefined && event.attempt > 1 ? `, attempt ${event.attempt}` : "";
      const from = { base: "", previous: ", from what it had done", repair: ", with the conflicts marked" };
      return `started with ${event.agent}${again}${from[event.start]}`;
    }
    case "attempt.finished":
      return event.outcome === "failed"
        ? `${words(event.class)}${reason(event.evidence)}`
        : `agent done in ${duration(event.durationMs)}`;
    case "task.retrying": {
      const pause = Date.parse(event.after) - Date.parse(event.at);
      return `tried again because of: ${words(event.class)}${pause < 1000 ? "" : `; next start in ${duration(pause)}`}`;
    }
    case "task.sealed":
      return event.seal === "sealed" ? `changed ${firstLine(event.paths.join(", "))}` : "nothing to change";
    case "task.ejected":
      return `sent back, ${words(event.class)}${reason(event.evidence)}`;
    case "task.accepted":
      return `accepted as ${short(event.commit)}`;
    case "task.failed":
      return `failed, ${words(event.class)}: ${firstLine(event.why)}`;
    case "task.blocked":
      return `blocked by ${event.by}`;
    case "task.skipped":
      return "skipped";
    case "task.cancelled":
      return "cancelled";
    default:
      return undefined;
  }
}

function restLine(event: DurableEvent): string | undefined {
  switch (event.type) {
    case "candidate.built": {
      const parts = event.tasks.length > 0 ? [`candidate of ${event.tasks.map((task) => task.task).join(", ")}`] : [];
      for (const out of event.leftOut) {
        const other = out.withHead ? "accepted work" : "another task";
        parts.push(`${out.task} conflicts with ${other} in ${out.paths.join(", ")}`);
      }
      return parts.length > 0 ? parts.join("; ") : undefined;
    }
    case "gate.finished": {
      const work = { task: "a task's work", candidate: "the candidate", final: "the final result" };
      const base = { task: "what the task began with", candidate: "the accepted head", final: "the final result" };
      const on = event.onBase === true ? base : work;
      const tests = event.counts === undefined ? "" : ` (${event.counts.passed} passed, ${event.counts.failed} failed)`;
      return `gate ${event.gate} on ${on[event.point]}: ${verdictWords(event)}${tests} in ${duration(event.durationMs)}`;
    }
    case "breaker.opened":
      return `${event.provider} has reached a limit${event.until === undefined ? "" : ` until ${event.until}`}; no new starts`;
    case "breaker.closed":
      return `${event.provider} may be asked again`;
    case "parallelism.changed":
      return `${event.agent}: ${event.limit} at once from now on, ${event.why}`;
    case "budget.exceeded":
      return `what the story may use up is used up: ${event.which}`;
    case "land.started":
      return `landing ${short(event.new)} on ${short(event.old)}`;
    case "landed":
      return `landed ${short(event.commit)}; to go back: ${short(event.previous)}`;
    case "parked":
      return `not landed: ${firstLine(event.why)}${event.paths.length > 0 ? ` (${event.paths.join(", ")})` : ""}`;
    case "workspace.salvaged":
      return `unfinished edits kept under ${event.ref}`;
    case "warning":
      return `warning: ${event.message}`;
    default:
      return undefined;
  }
}

function verdictWords(verdict: GateVerdict): string {
  switch (verdict.verdict) {
    case "passed":
      return "passed";
    case "failed": {
      const [first, ...others] = verdict.findings;
      if (first === undefined) return "red";
      const place = [first.file, first.file === undefined ? undefined : first.line].filter((part) => part !== undefined);
      const found = firstLine([...place, ` ${firstLine(first.message)}`].join(":"));
      return `red, ${found}${others.length > 0 ? ` (and ${others.length} more)` : ""}`;
    }
    case "broken":
      return `cannot judge, ${firstLine(verdict.why)}`;
    case "flaky":
      return `flaky, green after ${verdict.runs} runs`;
    case "cancelled":
      return "cancelled";
    case "needs_human":
      return `a person has to decide, ${firstLine(verdict.why)}`;
  }
}

function verbWords(verb: CommandAccepted | CommandRefused): string {
  return "id" in verb ? `${verb.verb} ${verb.id}` : verb.verb;
}

function reason(evidence: Evidence | undefined): string {
  const summary = firstLine(evidence?.summary ?? "");
  return summary === "" ? "" : `: ${summary}`;
}
