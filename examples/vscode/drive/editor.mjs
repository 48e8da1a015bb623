/** The editor as somebody uses it who sees it: by what it shows, with mouse and keyboard. */

/** Longest wait for something to be seen, in milliseconds. */
const PATIENCE = 45_000;

export class Editor {
  #page;

  /** Opens a folder in a browser's page and resolves when the editor can be used. */
  static async open(browser, server, folder) {
    const editor = new Editor();
    editor.#page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    editor.#page.setDefaultTimeout(PATIENCE);
    await editor.#page.goto(`${server.url}/?folder=${encodeURIComponent(folder)}`);
    await editor.#page.getByRole("treeitem", { name: "plan.yaml" }).waitFor();
    // From then on the palette knows the commands.
    await editor.#page.getByRole("tab", { name: "Aura" }).waitFor();
    return editor;
  }

  /** Opens a file by a double click in the explorer. */
  async openFile(name) {
    await this.command("View: Show Explorer", "File: Focus on Files Explorer");
    await this.#page.getByRole("treeitem", { name }).dblclick();
    await this.#page.locator(".tab.active", { hasText: name }).waitFor();
  }

  /** Chooses the first of these commands that the palette knows. */
  async command(...titles) {
    const [title, ...others] = titles;
    await this.#page.keyboard.press("F1");
    const input = this.#page.locator(".quick-input-widget input[type=text]").first();
    await input.fill(`>${title}`);
    const item = this.#page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first();
    const none = this.#page.locator(".quick-input-list .monaco-list-row", { hasText: "No matching commands" }).first();
    await item.or(none).first().waitFor();
    if (others.length > 0 && (await none.isVisible())) {
      await this.#page.keyboard.press("Escape");
      return this.command(...others);
    }
    await item.click();
  }

  /** Waits until a row of the view begins with that label and has that description. */
  async seesRow(label, description) {
    const name = new RegExp(`^${label}, ${description.source}`);
    await this.#sees(`the row "${label}" with ${description}`, this.#page.getByRole("treeitem", { name }));
  }

  async seesStatusBar(text) {
    await this.#sees(`${text} in the status bar`, this.#page.locator(".statusbar-item", { hasText: text }));
  }

  async seesNotification(text) {
    await this.#sees(`a notification with ${text}`, this.#page.locator(".notification-toast", { hasText: text }));
  }

  /** A problem that is counted in the status bar and listed in the panel of problems. */
  async seesProblem(text) {
    await this.command("View: Toggle Problems", "Problems: Focus on Problems View");
    await this.#sees(`the problem ${text}`, this.#page.locator(".markers-panel .monaco-list-row", { hasText: text }));
  }

  /** A line in the output channel, which has to be in front. */
  async seesOutput(text) {
    await this.#sees(`${text} in the output`, this.#page.locator(".part.panel .view-line", { hasText: text }));
  }

  /** A picture in a panel of the extension's own, drawn. */
  async seesImage(name) {
    const panel = this.#page.frameLocator("iframe.webview").frameLocator("iframe#active-frame");
    const image = panel.getByAltText(name);
    await this.#sees(`the picture "${name}"`, image);
    const { width, height } = await image.evaluate((element) => ({ width: element.naturalWidth, height: element.naturalHeight }));
    if (width === 0 || height === 0) throw new Error(`the picture "${name}" is empty`);
  }

  /** Clicks an action beside a row. */
  async clickBeside(label, action) {
    const row = this.#row(label);
    const button = row.getByRole("button", { name: action, exact: true });
    // A row that moves while the editor draws it anew loses the pointer, so the pointer follows.
    for (const deadline = Date.now() + PATIENCE; ; ) {
      await row.hover();
      try {
        return await button.click({ timeout: 1000 });
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
    }
  }

  /** Chooses from the menu of a row. */
  async chooseFromMenu(label, action) {
    await this.#row(label).click({ button: "right" });
    // A new menu ignores the mouse button for a moment, but not the keyboard.
    await this.#page.getByRole("menuitem", { name: action, exact: true }).hover();
    await this.#page.keyboard.press("Enter");
  }

  /** Answers the question in front of everything. */
  async answer(button) {
    await this.#page.locator(".monaco-dialog-box").getByRole("button", { name: button, exact: true }).click();
  }

  /** Types into the box that asks for a text, and confirms. */
  async type(title, text) {
    await this.#page.locator(".quick-input-titlebar", { hasText: title }).waitFor();
    await this.#page.keyboard.type(text);
    await this.#page.keyboard.press("Enter");
  }

  /** Ticks exactly these in a list of choices, and confirms. */
  async tick(title, labels) {
    await this.#page.locator(".quick-input-titlebar", { hasText: title }).waitFor();
    for (const row of await this.#page.locator(".quick-input-list .monaco-list-row").all()) {
      const text = await row.locator(".label-name").first().innerText();
      const isTicked = (await row.getAttribute("aria-checked")) === "true";
      if (isTicked !== labels.includes(text)) await row.click();
    }
    await this.#page.keyboard.press("Enter");
  }

  async reload() {
    await this.command("Developer: Reload Window");
    await this.#page.waitForEvent("load");
  }

  async closeNotifications() {
    await this.command("Notifications: Clear All Notifications");
  }

  /** A picture of the whole editor, without a pointer or a hover in it. */
  async picture(path) {
    await this.#page.mouse.move(900, 300);
    await this.#page.screenshot({ path });
  }

  /** The rows that can be seen, for the report of a failure. */
  async rows() {
    const rows = await this.#page.getByRole("treeitem").all();
    return Promise.all(rows.map((row) => row.getAttribute("aria-label")));
  }

  #row(label) {
    return this.#page.getByRole("treeitem", { name: new RegExp(`^${label}, `) });
  }

  async #sees(what, locator) {
    try {
      await locator.first().waitFor();
    } catch (error) {
      throw new Error(`the editor does not show ${what}`, { cause: error });
    }
  }
}
