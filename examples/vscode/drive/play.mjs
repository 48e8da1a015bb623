/** What is done in the editor and what has to be seen. Agents do their work when the play lets them. */

import assert from "node:assert/strict";

/** From a plan to merged work: run, pause, resume, cancel, retry, skip, complete, graph. `picture` is where a picture goes. */
export async function playStory(editor, director, project, picture) {
  await editor.openFile("plan.yaml");
  await editor.command("Aura: Run Plan File");
  let [parser, docs] = [await director.agent("parser"), await director.agent("docs")];
  await editor.seesRow("Email validation", /0\/5 running/);
  await editor.seesRow("Parse addresses", /running/);
  await editor.seesRow("Check the form", /waits for parser/);
  await editor.seesStatusBar("Aura 0/5");
  await editor.command("Aura: Show Output");
  await editor.seesOutput("wave 1: parser, docs");

  await editor.command("Aura: Pause");
  await editor.seesOutput("asked to pause");
  await Promise.all([parser.go({ files: { "src/parser.txt": "parse\n" } }), docs.go({ files: { "docs/rules.md": "Rules\n" } })]);
  await editor.seesRow("Email validation", /2\/5 paused/);
  await editor.seesRow("Parse addresses", /completed/);
  await editor.seesStatusBar("Aura paused 2/5");

  await editor.clickBeside("Email validation", "Resume");
  let [form, other] = [await director.agent("form"), await director.agent("import")];
  await editor.seesRow("Email validation", /2\/5 running/);
  await editor.command("Aura: Cancel");
  await editor.answer("Stop");
  await Promise.all([form.gone, other.gone]);
  await editor.seesRow("Email validation", /2\/5 cancelled/);
  await editor.seesRow("Check the form", /cancelled/);

  await editor.clickBeside("Check the form", "Retry Task…");
  await editor.type("Retry form", "Mind the empty address");
  [form, other] = [await director.agent("form"), await director.agent("import")];
  assert.ok(form.prompt.includes("Mind the empty address"), form.prompt);
  await Promise.all([form.go({ files: { "src/form.txt": "TODO\n" } }), other.go({ files: { "src/import.txt": "parse\n" } })]);
  form = await director.agent("form");
  assert.ok(form.prompt.includes("there is a TODO left"), form.prompt);
  await editor.seesRow("Check the form", /running · [1-9]\d* s · try 3/);
  await editor.seesRow("Check the import", /completed/);
  await editor.seesRow("Gates", /check /);
  await editor.seesOutput("check | src/form.txt:1: there is a TODO left");
  await editor.closeNotifications();
  await editor.picture(picture);

  await editor.chooseFromMenu("Announce it", "Skip Task");
  await editor.seesRow("Announce it", /skipped/);
  await form.go({ files: { "src/form.txt": "parse, and refuse what is empty\n" } });
  await editor.seesRow("Email validation", /5\/5 ready to complete/);
  await editor.seesNotification("is ready to complete");
  await editor.command("Aura: Complete…");
  await editor.tick("Complete", ["Merge", "Clean up"]);
  await editor.seesNotification("has landed");
  await editor.seesRow("Email validation", /5\/5 completed/);
  await editor.seesStatusBar("Aura completed 5/5");
  await editor.command("Aura: Show Graph");
  await editor.seesImage("The graph of the story");
  assert.equal(project.git("show", "main:src/form.txt"), "parse, and refuse what is empty\n");
  assert.equal(project.git("status", "--porcelain"), "");
}

/** A plan that is refused is shown where it is wrong, and nothing starts. */
export async function playRefusal(editor) {
  await editor.openFile("broken.yaml");
  await editor.command("Aura: Run Plan File");
  await editor.seesNotification("nobody");
  await editor.seesProblem("nobody");
  await editor.closeNotifications();
}

/** The end of a window ends its runs and keeps them; the next window goes on. */
export async function playReload(editor, director) {
  await editor.openFile("later.yaml");
  await editor.command("Aura: Run Plan File");
  const phone = await director.agent("phone");
  await editor.seesRow("Phone numbers", /0\/1 running/);
  await editor.reload();
  await phone.gone;
  await editor.seesRow("Phone numbers", /0\/1 cancelled/);
  await editor.clickBeside("Phone numbers", "Resume");
  const again = await director.agent("phone");
  await again.go({ files: { "src/phone.txt": "parse\n" } });
  await editor.seesRow("Phone numbers", /1\/1 ready to complete/);
}
