// Keys and what they do: one table for the page, its help and its buttons.

const NAMES = { " ": "Space", ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", Delete: "Del", Escape: "Esc" };

export class Keys {
  // `table`: rows [keys, text, action]; an action may say false: the key is then left to the browser.
  constructor(table, dialog) {
    this.actions = new Map(table.flatMap(([keys, , action]) => keys.map((key) => [key, action])));
    this.dialog = dialog;
    dialog.querySelector("dl").replaceChildren(...table.map(([keys, text]) => {
      const line = document.createElement("div"), term = document.createElement("dt"), what = document.createElement("dd");
      const shown = keys.length > 4 ? [keys[0], "…", keys.at(-1)] : keys;
      for (const key of shown) {
        const cap = document.createElement(key === "…" ? "span" : "kbd");
        cap.textContent = NAMES[key] ?? key;
        term.append(cap, " ");
      }
      what.textContent = text;
      line.append(term, what);
      return line;
    }));
    dialog.querySelector("button").addEventListener("click", () => dialog.close());
    document.addEventListener("keydown", (event) => this.hear(event));
  }

  show() { this.dialog.showModal(); }

  hear(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input:not([type=range]), textarea, select") || document.querySelector("dialog[open]")) return;
    if (event.target.closest("button, a") && [" ", "Enter"].includes(event.key)) return; // they are meant
    const action = this.actions.get(event.key);
    if (!action || action(event.key) === false) return;
    event.preventDefault();
  }
}
