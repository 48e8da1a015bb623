/** The commands: ask for what is missing, call the session, tell what went wrong. */

import * as vscode from "vscode";

import type { Plan, RunOptions, StatusView } from "../aura";
import { told } from "../model/problems";
import { consentFor, type StoryVerb, type TaskVerb } from "../model/verbs";
import type { Session } from "../session";
import * as ask from "./ask";
import { openSettings, type Teller } from "./tell";

/** What menus pass: a row of the view, or part of one. */
interface Target {
  story?: string;
  task?: string;
}

export interface Surroundings {
  folder: vscode.Uri;
  session: Session;
  teller: Teller;
  runOptions: () => RunOptions;
  loadPlan: (path: string) => Plan | Promise<Plan>;
}

export function registerCommands(around: Surroundings): vscode.Disposable[] {
  const commands = new Commands(around);
  const register = (name: string, act: (target: Target | undefined) => Promise<void>): vscode.Disposable =>
    vscode.commands.registerCommand(`aura.${name}`, (target?: Target) => act(target).catch((error: unknown) => around.teller.error(error)));
  return [
    vscode.commands.registerCommand("aura.runPlan", (uri?: vscode.Uri) => commands.runPlan(uri)),
    register("run", (target) => commands.run(target)),
    register("pause", (target) => commands.steer("pause", target)),
    register("resume", (target) => commands.resume(target)),
    register("cancel", (target) => commands.cancel(target)),
    register("approve", (target) => commands.approve(target)),
    register("retry", (target) => commands.retry(target)),
    register("skip", (target) => commands.skip(target)),
    register("complete", (target) => commands.complete(target)),
    register("graph", (target) => commands.graph(target)),
    register("refresh", () => around.session.refresh()),
    register("showOutput", async () => around.teller.showOutput()),
    register("openSettings", async () => void (await openSettings())),
  ];
}

class Commands {
  constructor(private readonly around: Surroundings) {}

  async runPlan(named: vscode.Uri | undefined): Promise<void> {
    const { folder, session, teller, loadPlan } = this.around;
    const uri = await ask.whichPlan(folder, named instanceof vscode.Uri ? named : undefined);
    if (uri === undefined) return;
    try {
      const plan = await loadPlan(uri.fsPath);
      teller.planProblems(uri, plan.warnings ?? []);
      const story = await session.create(plan);
      await vscode.commands.executeCommand("aura.stories.focus");
      await this.#started(story, (options) => session.run(story, options));
    } catch (error) {
      teller.planProblems(uri, told(error).problems);
      await teller.error(error);
    }
  }

  async run(target: Target | undefined): Promise<void> {
    const story = await this.#story("run", target);
    if (story !== undefined) await this.#started(story, (options) => this.around.session.run(story, options));
  }

  async resume(target: Target | undefined): Promise<void> {
    const story = await this.#story("resume", target);
    if (story !== undefined) await this.#started(story, (options) => this.around.session.resume(story, options));
  }

  async steer(verb: "pause" | "cancel", target: Target | undefined): Promise<void> {
    const story = await this.#story(verb, target);
    if (story !== undefined) await this.around.session.steer(story, verb);
  }

  async cancel(target: Target | undefined): Promise<void> {
    const story = await this.#story("cancel", target);
    const view = this.#view(story);
    if (story === undefined || view === undefined || !(await ask.sureToCancel(view.title))) return;
    await this.around.session.steer(story, "cancel");
  }

  async approve(target: Target | undefined): Promise<void> {
    const about = await this.#task("approve", target);
    const question = this.#view(about?.story)?.tasks.find((task) => task.id === about?.task)?.question;
    if (about === undefined || !(await ask.sureToApprove(about.task, question))) return;
    await this.#started(about.story, (options) =>
      this.around.session.decide(about.story, "approve", { task: about.task }, options),
    );
  }

  async retry(target: Target | undefined): Promise<void> {
    const about = await this.#task("retry", target);
    const note = about === undefined ? undefined : await ask.note(about.task);
    if (about === undefined || note === undefined) return;
    const told = { task: about.task, ...(note.text === undefined ? {} : { note: note.text }) };
    await this.#started(about.story, (options) => this.around.session.decide(about.story, "retry", told, options));
  }

  async skip(target: Target | undefined): Promise<void> {
    const about = await this.#task("skip", target);
    if (about !== undefined) await this.around.session.steer(about.story, "skip", { task: about.task });
  }

  async complete(target: Target | undefined): Promise<void> {
    const story = await this.#story("complete", target);
    const view = this.#view(story);
    if (story === undefined || view === undefined) return;
    const options = await ask.howToComplete(view);
    if (options !== undefined) await this.around.session.complete(story, options);
  }

  async graph(target: Target | undefined): Promise<void> {
    const story = await this.#story("graph", target);
    const view = this.#view(story);
    if (story === undefined || view === undefined) return;
    const svg = await this.around.session.picture(story);
    const panel = vscode.window.createWebviewPanel("aura.graph", view.title, vscode.ViewColumn.Active, {});
    // As an image, so that nothing in it can run or load anything.
    const source = `data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")}`;
    panel.webview.html = `<!DOCTYPE html><meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"><body style="background: white"><img alt="The graph of the story" src="${source}">`;
  }

  /** Starts something. What a person may consent to is asked for, and then it is started with the consent. */
  async #started(story: string, start: (options: RunOptions) => Promise<void>): Promise<void> {
    const options = this.around.runOptions();
    try {
      await start(options);
    } catch (error) {
      const consent = consentFor(told(error).kind);
      if (consent === undefined) throw error;
      // A retry was accepted before its run was refused, so that running is what is left.
      const again = (): Promise<void> =>
        this.around.session.run(story, { ...options, ...consent.options }).catch((next: unknown) => this.around.teller.error(next));
      await this.around.teller.error(error, { [consent.label]: again });
    }
  }

  async #story(verb: StoryVerb, target: Target | undefined): Promise<string | undefined> {
    await this.around.session.refresh();
    return target?.story ?? ask.whichStory(verb, this.around.session.stories);
  }

  async #task(verb: TaskVerb, target: Target | undefined): Promise<{ story: string; task: string } | undefined> {
    if (target?.story !== undefined && target.task !== undefined) return { story: target.story, task: target.task };
    await this.around.session.refresh();
    const found = await ask.whichTask(verb, this.around.session.stories);
    return found === undefined ? undefined : { story: found.story.storyId, task: found.task.id };
  }

  #view(story: string | undefined): StatusView | undefined {
    return this.around.session.stories.find((candidate) => candidate.storyId === story);
  }
}
