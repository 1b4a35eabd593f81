// A dialog in which a folder is chosen: one goes into folders by click or key, or types a path.

import { ask } from "./ask.js";

const $ = (id) => document.getElementById(id);

export class FolderDialog {
  constructor() {
    this.dialog = $("browse");
    $("browse-go").addEventListener("click", () => this.show($("browse-path").value));
    $("browse-path").addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.show($("browse-path").value);
    });
    $("browse-cancel").addEventListener("click", () => this.dialog.close());
    $("browse-choose").addEventListener("click", () => this.choose());
    $("browse-list").addEventListener("keydown", (event) => this.hear(event));
  }

  // Open at `path`; `chosen(path)` hears what was chosen.
  async open(path, chosen) {
    this.chosen = chosen;
    this.dialog.showModal();
    await this.show(path) || await this.show("");
  }

  // Promises whether the folder could be read.
  async show(path, focus = true) {
    let found;
    try {
      found = await ask("folder", { path });
    } catch (error) {
      $("browse-error").textContent = error.message;
      $("browse-error").hidden = false;
      return false;
    }
    $("browse-error").hidden = true;
    this.path = found.path;
    $("browse-path").value = found.path;
    const { folders, sounds, parent, places, separator, more } = found;
    const button = (text, to, title = "") => {
      const made = Object.assign(document.createElement("button"), { type: "button", textContent: text, title });
      made.addEventListener("click", () => this.show(to));
      return made;
    };
    const inner = found.path.endsWith(separator) ? found.path : found.path + separator;
    $("browse-places").replaceChildren(...places.map((place, n) => button(n ? place : "Home", place, place)));
    const rows = folders.map((name) => button(name, inner + name));
    if (parent) rows.unshift(button("..", parent, "The folder around it"));
    if (!folders.length) rows.push(Object.assign(document.createElement("p"), { className: "quiet", textContent: "No folders in it." }));
    $("browse-list").replaceChildren(...rows);
    $("browse-about").textContent = `${counted(sounds, "sound file")} in it${more ? "; only the first folders are shown" : ""}`;
    if (focus) $("browse-list").querySelector("button")?.focus();
    $("browse-list").scrollTop = 0;
    return true;
  }

  async choose() {
    if ($("browse-path").value !== this.path && !await this.show($("browse-path").value, false)) return;
    this.dialog.close();
    this.chosen(this.path);
  }

  hear(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const buttons = [...$("browse-list").querySelectorAll("button")];
    if (step) {
      event.preventDefault();
      buttons[Math.min(buttons.length - 1, Math.max(0, buttons.indexOf(document.activeElement) + step))]?.focus();
    } else if (event.key === "Backspace" && buttons[0]?.textContent === "..") buttons[0].click();
    else if (event.key.length === 1 && /\S/.test(event.key) && !event.ctrlKey && !event.metaKey)
      buttons.find((one) => one.textContent.toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
  }
}

export const counted = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
