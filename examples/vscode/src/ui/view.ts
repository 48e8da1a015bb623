/** The tree of stories and the entry in the status bar. */

import * as vscode from "vscode";

import type { StatusView } from "../aura";
import { bar } from "../model/bar";
import { rows, type Row } from "../model/tree";

export class StoriesView implements vscode.TreeDataProvider<Row>, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #tree: vscode.TreeView<Row>;
  readonly #bar: vscode.StatusBarItem;
  #rows: Row[] = [];
  #shown = "[]";

  constructor() {
    this.#tree = vscode.window.createTreeView("aura.stories", { treeDataProvider: this, showCollapseAll: true });
    this.#bar = vscode.window.createStatusBarItem("aura.progress", vscode.StatusBarAlignment.Left, 10);
    this.#bar.name = "Aura";
    this.#bar.command = "aura.stories.focus";
  }

  get isVisible(): boolean {
    return this.#tree.visible;
  }

  get onDidChangeVisibility(): vscode.Event<unknown> {
    return this.#tree.onDidChangeVisibility;
  }

  /** Shows the stories; `last` is the one that this window ran last. */
  show(stories: readonly StatusView[], last: string | undefined, trouble: string | undefined): void {
    this.#tree.message = trouble ?? "";
    this.#rows = rows(stories);
    const shown = JSON.stringify(this.#rows);
    if (shown !== this.#shown) {
      this.#shown = shown;
      this.#changed.fire();
    }
    const working = stories.reduce((sum, story) => sum + story.agents.running, 0);
    this.#tree.badge = working === 0 ? undefined : { value: working, tooltip: `${working} agents at work` };
    this.#showBar(stories, last);
  }

  #showBar(stories: readonly StatusView[], last: string | undefined): void {
    const shown = bar(stories, last);
    if (shown === undefined) return this.#bar.hide();
    this.#bar.text = shown.text;
    this.#bar.tooltip = shown.tooltip;
    this.#bar.show();
  }

  getChildren(row?: Row): Row[] {
    return row === undefined ? this.#rows : row.children;
  }

  getTreeItem(row: Row): vscode.TreeItem {
    const item = new vscode.TreeItem(row.label, collapsible(row));
    const { name, color } = row.icon;
    item.id = row.id;
    item.description = row.description;
    item.tooltip = new vscode.MarkdownString(row.tooltip);
    item.contextValue = row.context;
    item.iconPath = new vscode.ThemeIcon(name, color === undefined ? undefined : new vscode.ThemeColor(color));
    item.accessibilityInformation = { label: `${row.label}, ${row.description}` };
    return item;
  }

  dispose(): void {
    this.#tree.dispose();
    this.#bar.dispose();
    this.#changed.dispose();
  }
}

function collapsible(row: Row): vscode.TreeItemCollapsibleState {
  if (row.children.length === 0) return vscode.TreeItemCollapsibleState.None;
  return row.expanded === false
    ? vscode.TreeItemCollapsibleState.Collapsed
    : vscode.TreeItemCollapsibleState.Expanded;
}
