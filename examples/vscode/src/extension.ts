/** Opens the workspace folder as a repository and puts its stories into the editor. */

import * as vscode from "vscode";

import { Orchestrator, Plan } from "@aura-dev/aura";
import type { Engine } from "./aura";
import { openOptions, runOptions, type Settings } from "./model/settings";
import { Session } from "./session";
import { registerCommands } from "./ui/commands";
import { Teller } from "./ui/tell";
import { StoriesView } from "./ui/view";

/** Least time between two looks at the stories, in milliseconds. */
const BETWEEN_LOOKS = 150;
/** Looks at long stories take longer; that many times as long is the pause between them. */
const REST = 4;
/** How often stories that other processes run are looked at while the view is seen, in milliseconds. */
const LOOK_AGAIN = 2000;

let session: Session | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === "file")?.uri;
  const view = new StoriesView();
  const teller = new Teller();
  context.subscriptions.push(view, teller);
  if (folder === undefined) return;
  const opened = openSession(folder, view, teller);
  session = opened;
  const around = { folder, session: opened, teller, runOptions: () => runOptions(settings(folder)), loadPlan: (path: string) => Plan.load(path) };
  context.subscriptions.push(...registerCommands(around), ...watchers(opened, view));
  void opened.refresh();
}

/** The runs of this window are cancelled; their work is kept. */
export async function deactivate(): Promise<void> {
  await session?.close();
  session = undefined;
}

function openSession(folder: vscode.Uri, view: StoriesView, teller: Teller): Session {
  const open = (): Promise<Engine> => Orchestrator.open(folder.fsPath, openOptions(settings(folder)));
  const find = (id: string): (typeof made.stories)[number] | undefined => made.stories.find((story) => story.storyId === id);
  const made: Session = new Session(
    open,
    {
      changed: (stories, trouble) => view.show(stories, made.last, trouble),
      line: (text) => teller.line(text),
      ended: (id, report) => {
        const story = find(id);
        if (story !== undefined) void teller.ended(story, report);
      },
      lost: (_id, error) => void teller.error(error),
    },
    (took) => new Promise((resolve) => setTimeout(resolve, Math.max(BETWEEN_LOOKS, REST * took))),
  );
  return made;
}

/** What makes the view current besides the events of this window's own runs. */
function watchers(opened: Session, view: StoriesView): vscode.Disposable[] {
  const look = (): void => {
    if (view.isVisible && vscode.window.state.focused) void opened.refresh();
  };
  const timer = setInterval(look, LOOK_AGAIN);
  return [
    { dispose: () => clearInterval(timer) },
    view.onDidChangeVisibility(look),
    vscode.window.onDidChangeWindowState(look),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("aura")) void opened.reopen();
    }),
  ];
}

function settings(folder: vscode.Uri): Settings {
  const values = vscode.workspace.getConfiguration("aura", folder);
  return {
    agentCommand: values.get("agent.command", []),
    gates: values.get("gates", []),
    detectGates: values.get("detectGates", true),
    maxParallel: values.get<number | null>("maxParallel", null),
  };
}
