/** What commands ask a person for. `undefined` means that the person does not want to go on. */

import * as vscode from "vscode";

import type { CompleteOptions, StatusView } from "../aura";
import { words } from "../model/text";
import { completeChoices, storiesFor, tasksFor, type StoryVerb, type TaskOf, type TaskVerb } from "../model/verbs";

/** Which story? Not asked where there is only one. */
export async function whichStory(verb: StoryVerb, stories: readonly StatusView[]): Promise<string | undefined> {
  const candidates = storiesFor(verb, stories).map((story) => ({
    label: story.title,
    description: words(story.status),
    detail: story.branch,
    story: story.storyId,
  }));
  const chosen = await one(candidates, `No story to ${verb} now.`, `Which story to ${verb}?`);
  return chosen?.story;
}

/** Which task? Not asked where there is only one. */
export async function whichTask(verb: TaskVerb, stories: readonly StatusView[]): Promise<TaskOf | undefined> {
  const candidates = tasksFor(verb, stories).map((found) => ({
    label: found.task.title === "" ? found.task.id : found.task.title,
    description: words(found.task.status),
    detail: found.story.title,
    found,
  }));
  const chosen = await one(candidates, `No task to ${verb} now.`, `Which task to ${verb}?`);
  return chosen?.found;
}

async function one<T extends vscode.QuickPickItem>(items: T[], none: string, title: string): Promise<T | undefined> {
  if (items.length === 0) {
    void vscode.window.showInformationMessage(none);
    return undefined;
  }
  return items.length === 1 ? items[0] : vscode.window.showQuickPick(items, { title, matchOnDescription: true, matchOnDetail: true });
}

/** A file of the workspace with a plan: the one in the active editor, else one that is chosen. It is saved. */
export async function whichPlan(folder: vscode.Uri, named: vscode.Uri | undefined): Promise<vscode.Uri | undefined> {
  const active = vscode.window.activeTextEditor?.document.uri;
  const uri = named ?? (active !== undefined && isPlanFile(active) ? active : await chooseFile(folder));
  const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri?.toString());
  if (open?.isDirty === true && !(await open.save())) return undefined;
  return uri;
}

function isPlanFile(uri: vscode.Uri): boolean {
  return uri.scheme === "file" && /\.(ya?ml|json)$/i.test(uri.path);
}

async function chooseFile(folder: vscode.Uri): Promise<vscode.Uri | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    title: "Run a plan file",
    openLabel: "Run",
    defaultUri: folder,
    filters: { "Plan files": ["yaml", "yml", "json"] },
  });
  return chosen?.[0];
}

/** An empty note is none. */
export async function note(task: string): Promise<{ text: string | undefined } | undefined> {
  const text = await vscode.window.showInputBox({
    title: `Retry ${task}`,
    prompt: "A note to the agent; may be empty",
    placeHolder: "What to do differently",
  });
  return text === undefined ? undefined : { text: text.trim() === "" ? undefined : text };
}

/** `question` is what the gate wants to be decided. */
export async function sureToApprove(task: string, question: string | undefined): Promise<boolean> {
  const approve = "Approve";
  const options = { modal: true, ...(question === undefined ? {} : { detail: question }) };
  return (await vscode.window.showWarningMessage(`Approve the work of ${task} as it is?`, options, approve)) === approve;
}

export async function sureToCancel(title: string): Promise<boolean> {
  const stop = "Stop";
  const detail = "Its agents are stopped. Accepted work stays, and a later run goes on from there.";
  return (await vscode.window.showWarningMessage(`Stop "${title}"?`, { modal: true, detail }, stop)) === stop;
}

export async function howToComplete(story: StatusView): Promise<CompleteOptions | undefined> {
  const chosen = await vscode.window.showQuickPick(completeChoices(story.status), {
    title: `Complete "${story.title}"`,
    placeHolder: "The final gates judge the result first",
    canPickMany: true,
  });
  if (chosen === undefined) return undefined;
  return Object.fromEntries(chosen.map(({ option }) => [option, true]));
}
