/** Notifications, the list of problems and the output channel. */

import * as vscode from "vscode";

import type { Problem, Report, StatusView } from "../aura";
import { marks, sentence, told } from "../model/problems";
import { isAboutSettings } from "../model/settings";
import { firstLine, words } from "../model/text";

export class Teller implements vscode.Disposable {
  readonly #output = vscode.window.createOutputChannel("Aura", "log");
  readonly #problems = vscode.languages.createDiagnosticCollection("aura");

  line(text: string): void {
    this.#output.appendLine(text);
  }

  showOutput(): void {
    this.#output.show(true);
  }

  /** The problems of a plan file replace those that were told of it before. */
  planProblems(uri: vscode.Uri, problems: readonly Problem[]): void {
    const diagnostics = marks(problems, uri.fsPath)
      .filter((mark) => mark.file === uri.fsPath)
      .map((mark) => {
        const place = new vscode.Position(mark.line, mark.column);
        const severity = mark.isError ? vscode.DiagnosticSeverity.Error : vscode.DiagnosticSeverity.Warning;
        const diagnostic = new vscode.Diagnostic(new vscode.Range(place, place), mark.message, severity);
        diagnostic.source = "aura";
        diagnostic.code = mark.code;
        return diagnostic;
      });
    this.#problems.set(uri, diagnostics);
  }

  /** An error, with what helps: `remedies` and, where they are at fault, the settings. */
  async error(error: unknown, remedies: Record<string, () => Promise<void>> = {}): Promise<void> {
    const { kind, problems } = told(error);
    this.line(`error: ${sentence(error)}`);
    const actions: Record<string, () => unknown> = { ...remedies };
    if (isAboutSettings(kind)) actions["Open Settings"] = () => openSettings();
    if (kind === "invalid_plan") actions["Show Problems"] = () => vscode.commands.executeCommand("workbench.actions.view.problems");
    const text = problems.length > 1 ? `${problems.length} problems: ${firstLine(sentence(error))}` : sentence(error);
    const chosen = await vscode.window.showErrorMessage(`Aura: ${text}`, ...Object.keys(actions));
    if (chosen !== undefined) await actions[chosen]?.();
  }

  /** What became of a run. */
  async ended(story: StatusView, report: Report): Promise<void> {
    const why = report.reason === undefined ? "" : `: ${firstLine(report.reason)}`;
    switch (report.outcome) {
      case "completed":
        void vscode.window.showInformationMessage(`Aura: "${story.title}" has landed.`);
        return;
      case "ready_to_complete": {
        const complete = "Complete…";
        const chosen = await vscode.window.showInformationMessage(`Aura: "${story.title}" is ready to complete${why}.`, complete);
        if (chosen === complete) await vscode.commands.executeCommand("aura.complete", { story: story.storyId });
        return;
      }
      case "paused":
      case "failed": {
        const show = "Show Output";
        const chosen = await vscode.window.showWarningMessage(`Aura: "${story.title}" ${words(report.outcome)}${why}`, show);
        if (chosen === show) this.showOutput();
        return;
      }
      case "cancelled":
        return;
    }
  }

  dispose(): void {
    this.#output.dispose();
    this.#problems.dispose();
  }
}

export function openSettings(): Thenable<unknown> {
  return vscode.commands.executeCommand("workbench.action.openSettings", "aura");
}
