// The same package for CommonJS. Nothing here is executed.

import aura = require("@aura-dev/aura");

export async function used(): Promise<aura.Report> {
  const opened = await aura.Orchestrator.open("path", { agents: { default: { run: () => null } } });
  const run = await opened.run(await opened.findStory());
  const report: aura.Report = await run.result;
  // @ts-expect-error: camel case
  report.wall_ms;
  await opened.close();
  return report;
}
