// Species by name: what completes a few letters, over scientific and common names.

const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/gray/g, "grey");

export class Names {
  constructor(rows) {
    this.rows = [];
    this.known = new Map();
    rows.forEach(([species, common, n]) => this.learn(species, common, n));
  }

  learn(species, common = "", n = 0) {
    if (this.known.has(species)) return this.known.get(species);
    const row = { species, common, n, texts: [plain(species), plain(common)].filter(Boolean) };
    this.known.set(species, row);
    this.rows.push(row);
    return row;
  }

  common(species) { return this.known.get(species)?.common ?? ""; }

  label(species) {
    const common = this.common(species);
    return common || species;
  }

  // The scientific name of what is written in whole, or "".
  exact(text) {
    const wanted = plain(text.trim());
    return this.rows.find((row) => row.texts.includes(wanted))?.species ?? "";
  }

  find(text, most = 8) {
    const parts = plain(text.trim()).split(/\s+/).filter(Boolean);
    if (!parts.length) return [];
    const found = [];
    for (const row of this.rows) {
      let best = 0;
      for (const name of row.texts) {
        const words = name.split(/[\s'-]+/);
        const begins = parts.every((part) => words.some((word) => word.startsWith(part)));
        const place = name.startsWith(parts.join(" ")) ? 3 : begins ? 2 : parts.every((part) => name.includes(part)) ? 1 : 0;
        best = Math.max(best, place);
      }
      if (best) found.push([best, row]);
    }
    found.sort(([a, x], [b, y]) => b - a || y.n - x.n || x.species.localeCompare(y.species));
    return found.slice(0, most).map(([, row]) => row);
  }
}

// A field for one name or several: completion below it, chosen ones before it.
export class NameField {
  // `done(species)` hears the list of names, `left()` that nothing was named.
  constructor(form, names, done, left) {
    Object.assign(this, { form, names, done, left, chosen: [], shown: [], at: 0 });
    this.input = form.querySelector("input");
    this.list = form.querySelector("[role=listbox]");
    this.chips = form.querySelector(".chips");
    this.input.addEventListener("input", () => this.complete());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("pointerdown", (event) => {
      const option = event.target.closest("[role=option]");
      if (!option) return;
      event.preventDefault();
      this.at = [...this.list.children].indexOf(option);
      this.take();
      this.finish();
    });
    this.chips.addEventListener("click", (event) => {
      const chip = event.target.closest("button");
      if (!chip) return;
      this.chosen.splice([...this.chips.children].indexOf(chip), 1);
      this.show();
      this.input.focus();
    });
    form.querySelector(".keep").addEventListener("click", () => { this.take(); this.finish(); });
    form.querySelector(".leave").addEventListener("click", () => this.close());
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  get open() { return !this.form.hidden; }

  start(title, { usual = "", chosen = [] } = {}) {
    this.usual = usual;
    this.chosen = [...chosen];
    this.form.hidden = false;
    this.form.querySelector("label").textContent = title;
    this.input.value = "";
    this.input.placeholder = usual ? `${this.names.label(usual)} (Enter)` : "Name of the species";
    this.show();
    this.complete();
    this.input.focus();
  }

  show() {
    this.chips.replaceChildren(...this.chosen.map((species) => {
      const chip = document.createElement("button");
      chip.type = "button";
      chip.textContent = `${this.names.label(species)} ×`;
      chip.title = `Remove ${species}`;
      return chip;
    }));
  }

  complete() {
    const text = this.input.value.trim();
    this.shown = this.names.find(text).map((row) => row.species);
    if (text && !this.names.exact(text)) this.shown.push(text);
    this.at = 0;
    this.list.replaceChildren(...this.shown.map((species, i) => {
      const option = document.createElement("div");
      option.setAttribute("role", "option");
      option.id = `name-${i}`;
      const known = this.names.known.get(species);
      const first = document.createElement("span"), second = document.createElement("i");
      first.textContent = known ? known.common || species : `“${species}” as written`;
      second.textContent = known?.common ? species : "";
      option.append(first, " ", second);
      return option;
    }));
    this.list.hidden = !this.shown.length;
    this.mark();
  }

  mark() {
    [...this.list.children].forEach((option, i) => option.setAttribute("aria-selected", i === this.at));
    this.input.setAttribute("aria-expanded", this.shown.length > 0);
    if (this.shown.length) this.input.setAttribute("aria-activedescendant", `name-${this.at}`);
    else this.input.removeAttribute("aria-activedescendant");
  }

  take() {
    const species = this.shown[this.at];
    if (!species) return false;
    this.names.learn(species);
    if (!this.chosen.includes(species)) this.chosen.push(species);
    this.input.value = "";
    this.show();
    this.complete();
    return true;
  }

  key(event) {
    event.stopPropagation();
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.shown.length) {
      this.at = (this.at + step + this.shown.length) % this.shown.length;
      this.mark();
    } else if (event.key === "Enter") {
      this.take();
      this.finish();
    } else if (event.key === ";" || (event.key === "Tab" && this.input.value.trim())) {
      this.take();
    } else if (event.key === "Backspace" && !this.input.value && this.chosen.length) {
      this.chosen.pop();
      this.show();
    } else if (event.key === "Escape") {
      this.close();
    } else return;
    event.preventDefault();
  }

  finish() {
    const species = this.chosen.length ? this.chosen : this.usual ? [this.usual] : [];
    if (!species.length) return;
    this.hide();
    this.done(species);
  }

  hide() {
    this.form.hidden = true;
    this.input.blur();
  }

  close() {
    this.hide();
    this.left();
  }
}
