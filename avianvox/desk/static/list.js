// A list of any length: a few dozen elements that are moved to where the reader is, and rows that are asked for by
// the hundred as they come into sight.

const ROW = 44, PAGE = 200, PAGES = 50, SPARE = 6, TALLEST = 12_000_000;

export class VirtualList {
  // `load(from, count)` promises rows; `draw(element, row, index)` fills an element; `pick(index)` hears a choice.
  constructor(box, { load, draw, pick }) {
    this.box = box;
    this.load = load;
    this.draw = draw;
    this.total = 0;
    this.current = -1;
    this.pages = new Map();
    this.elements = [];
    this.space = document.createElement("div");
    this.space.className = "space";
    box.append(this.space);
    box.addEventListener("scroll", () => this.later(), { passive: true });
    box.addEventListener("click", (event) => {
      const element = event.target.closest("[data-index]");
      if (element) pick(Number(element.dataset.index));
    });
    new ResizeObserver(() => this.later()).observe(box);
  }

  reset(total) {
    this.total = total;
    this.current = -1;
    this.pages.clear();
    this.box.scrollTop = 0;
    this.space.style.height = `${this.height()}px`;
    this.later();
  }

  // Browsers know no element of any height: a longer list is scrolled in larger steps.
  height() { return Math.min(TALLEST, this.total * ROW); }

  scale() {
    const room = this.height() - this.box.clientHeight;
    return room > 0 ? Math.max(1, (this.total * ROW - this.box.clientHeight) / room) : 1;
  }

  later() {
    this.due ??= requestAnimationFrame(() => {
      this.due = null;
      this.show();
    });
  }

  show() {
    const top = this.box.scrollTop, scale = this.scale(), place = top * scale;
    const seen = Math.ceil(this.box.clientHeight / ROW) + 1;
    const first = Math.max(0, Math.floor(place / ROW) - SPARE);
    const last = Math.min(this.total, first + seen + 2 * SPARE);
    const n = seen + 2 * SPARE;
    while (this.elements.length < n) {
      const element = document.createElement("div");
      element.className = "row";
      element.setAttribute("role", "option");
      this.elements.push(element);
      this.space.append(element);
    }
    const used = new Set();
    for (let index = first; index < last; index++) {
      const slot = index % this.elements.length, element = this.elements[slot];
      used.add(slot);
      element.style.transform = `translateY(${Math.round(index * ROW - place + top)}px)`;
      const row = this.row(index), state = `${index}|${row ? row.key + JSON.stringify(row.said) : ""}|${index === this.current}`;
      element.hidden = false;
      if (element.state === state) continue;
      element.state = state;
      element.dataset.index = index;
      element.id = `row-${index}`;
      element.setAttribute("aria-posinset", index + 1);
      element.setAttribute("aria-setsize", this.total);
      element.setAttribute("aria-selected", Boolean(row) && index === this.current);
      this.draw(element, row, index);
    }
    this.elements.forEach((element, slot) => { if (!used.has(slot)) element.hidden = true; });
    this.want(first, last);
  }

  row(index) { return this.pages.get(Math.floor(index / PAGE))?.rows?.[index % PAGE]; }

  want(first, last) {
    clearTimeout(this.wanting);
    const pages = [];
    for (let page = Math.floor(first / PAGE); page <= Math.floor(Math.max(first, last - 1) / PAGE); page++) pages.push(page);
    if (this.total && pages.some((page) => !this.pages.has(page)))
      this.wanting = setTimeout(() => pages.forEach((page) => this.fetch(page)), this.pages.size ? 60 : 0);
  }

  // Promises the rows of a page.
  fetch(page) {
    const known = this.pages.get(page);
    if (known) return known.coming;
    const entry = { rows: null }, pages = this.pages;
    entry.coming = this.load(page * PAGE, PAGE).then((rows) => {
      entry.rows = rows;
      this.later();
    }, () => pages.delete(page));
    pages.set(page, entry);
    while (pages.size > PAGES) pages.delete(pages.keys().next().value);
    return entry.coming;
  }

  async get(index) {
    if (index < 0 || index >= this.total) return undefined;
    if (!this.row(index)) await this.fetch(Math.floor(index / PAGE));
    return this.row(index);
  }

  select(index) {
    this.current = index;
    const scale = this.scale(), top = this.box.scrollTop * scale, room = this.box.clientHeight;
    const at = index * ROW;
    if (at < top || at + 2 * ROW > top + room) this.box.scrollTop = Math.max(0, at - room / 3) / scale;
    this.box.setAttribute("aria-activedescendant", `row-${index}`);
    this.later();
  }

  // Change what is known of rows: `change(row)` says whether it did.
  update(change) {
    for (const { rows } of this.pages.values()) for (const row of rows ?? []) change(row);
    this.later();
  }
}
