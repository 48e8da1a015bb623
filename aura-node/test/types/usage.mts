// What type-checks, and what must not. Nothing here is executed.

import {
  type AgentRequest,
  AuraError,
  type DurableEvent,
  type InternalEvent,
  type LogEvent,
  Orchestrator,
  type OwnAgent,
  type OwnGate,
  Plan,
  type ProgressEvent,
  type Report,
  type RunEvent,
  StoryBusy,
  agents,
  gates,
  planSchema,
} from "@aura-dev/aura";

/** Fails to compile unless both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

const agent: OwnAgent = {
  version: "1",
  async run(request, signal) {
    same<typeof request, AgentRequest>(true);
    same<typeof signal, AbortSignal>(true);
    request.output(`${request.attempt} ${request.task.dependsOn?.join()}`);
    return { output: "x", usage: { inputTokens: 1 }, failure: { class: "quota", until: "2026-01-01T00:00:00Z" } };
  },
};
const plain: OwnAgent = { run: () => "done" };
const silent: OwnAgent = { run() {} };
const gate: OwnGate = { name: "g", at: ["final"], run: (request) => request.at === "final" };
const judge: OwnGate = { name: "j", run: async () => ({ verdict: "failed", findings: [{ message: "m" }], output: "o" }) };

export async function used(): Promise<Report> {
  await using aura = await Orchestrator.open("path", {
    agents: { agent, plain, silent, command: agents.command(["x"], { env: { A: "b" }, envAllow: ["PATH"] }), model: agents.llm("ollama::m", { role: "r" }) },
    gates: [gate, judge, gates.command("t", ["make"], { flaky: "refuse", timeoutMs: 1 })],
    store: "memory",
  });
  const plan = Plan.new("T", [{ id: "a", title: "A", metadata: { any: ["thing"] } }], { description: "d" });
  same<ReturnType<typeof planSchema>, Record<string, unknown>>(true);
  const story = await aura.createStory({ plan, policy: { onExhausted: "abort_story" } });
  await aura.createStory("title", { description: "d" });
  await aura.status(story);
  await aura.status(story.id);
  const run = await aura.run(story, { maxParallel: 3, signal: AbortSignal.timeout(1) });
  for await (const event of run) told(event);
  try {
    return await (await aura.complete(story, { merge: true })).result;
  } catch (error) {
    if (error instanceof StoryBusy) same<typeof error.kind, AuraError["kind"]>(true);
    throw error;
  }
}

export function told(event: RunEvent): string {
  switch (event.type) {
    case "agent.output":
      return event.task + event.line;
    case "attempt.finished":
      return event.outcome === "failed" ? event.class : event.task;
    case "gate.finished":
      if (event.verdict === "failed") return event.findings.map((finding) => finding.message).join();
      if (event.verdict === "flaky") return event.runs.toFixed();
      return event.verdict === "broken" ? event.why : event.gate;
    case "task.sealed":
      return event.seal === "sealed" ? event.paths.join() : event.seal;
    case "command.refused":
      return event.verb === "retry" ? `${event.id}${event.note ?? ""}` : event.why;
    case "task.accepted":
      return event.commit;
    default:
      return event.type;
  }
}

// Nothing is in two unions, and the log is all but progress.
same<LogEvent["type"], DurableEvent["type"] | InternalEvent["type"]>(true);
same<DurableEvent["type"] & InternalEvent["type"], never>(true);
same<RunEvent, DurableEvent | ProgressEvent>(true);

export async function refused(aura: Orchestrator, event: RunEvent, error: AuraError): Promise<void> {
  // @ts-expect-error: a misspelt option
  await aura.run("s", { maxParalel: 1 });
  // @ts-expect-error: an option of `complete`
  await aura.run("s", { merge: true });
  // @ts-expect-error: a misspelt policy
  await aura.createStory({ policy: { retriesMax: 1 } });
  // @ts-expect-error: no such verb
  await aura.command("s", "jump");
  // @ts-expect-error: a class that there is not
  ({ run: () => ({ failure: { class: "tired" } }) }) satisfies OwnAgent;
  // @ts-expect-error: a gate has to judge
  ({ name: "g", run: () => undefined }) satisfies OwnGate;
  // @ts-expect-error: no such kind of event
  if (event.type === "task.started.twice") return;
  // @ts-expect-error: a task is not of every event
  event.task.length;
  // @ts-expect-error: findings are of red verdicts
  if (event.type === "gate.finished" && event.verdict === "passed") event.findings;
  // @ts-expect-error: no such kind of error
  if (error.kind === "busy") return;
  // @ts-expect-error: opened with `open`
  new Orchestrator();
  // @ts-expect-error: a plan does not change
  Plan.load("p").title = "x";
  // @ts-expect-error: camel case
  (await aura.report("s")).story_id;
}
