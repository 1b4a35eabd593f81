// Calls that a reviewer adds to a recording, and the events around: boxes on the picture, and lines of the table.

import { ask } from "./ask.js";

const $ = (id) => document.getElementById(id);

export class Calls {
  // `page` is the page of review: its item, picture, names and outbox.
  constructor(page) {
    this.page = page;
    this.saidOf = new WeakMap(); // what was last said of a mark
    this.removed = new Set();
    this.usual = "";
    this.span = null; // that was asked for
  }

  // Other events and added calls around what is in sight.
  async load(now = false) {
    const { from, to } = this.page.picture.view, turn = this.page.turn;
    if (this.span && this.span[0] <= from && to <= this.span[1]) return;
    clearTimeout(this.nearing);
    this.nearing = setTimeout(async () => {
      if (turn !== this.page.turn || !this.page.item) return;
      const whole = !this.page.events, length = this.page.item.length_s;
      const span = whole ? [0, length] : [Math.max(0, from - 60), to + 60];
      try {
        const found = await ask("marks", { file: this.page.item.file, from: span[0], to: span[1], reviewer: this.page.me });
        if (turn !== this.page.turn) return;
        this.span = span;
        const label = (one) => (one.species ? this.page.names.label(one.species) : "");
        const events = found.events.filter((one) => !this.page.events || one.key !== this.page.row.key)
          .map((one) => ({ kind: "event", begin: one.begin_s, end: one.end_s, low: one.low_hz, high: one.high_hz, label: label(one) }));
        const mine = this.page.picture.marks.filter((one) => one.kind === "item" || one.fresh);
        const fresh = new Set(mine.map((one) => one.id));
        const added = found.added.filter((one) => !fresh.has(one.id)).map((one) => this.call(one.id, one.species, one.box));
        this.page.picture.marks = [...events, ...added.filter((one) => !this.removed.has(one.id)), ...mine];
        this.page.picture.laterMarks();
        this.strip();
      } catch (error) { this.page.trouble(error.message); }
    }, now ? 0 : 250);
  }

  call(id, species, [begin, end, low, high], file = this.page.item.file) {
    return { kind: "added", file, id, species, begin, end, low, high, label: this.label(species) };
  }

  label(species) { return species.map((one) => this.page.names.label(one)).join(", "); }

  // A long recording as a strip: where one is, and what was found in it.
  strip() {
    if (!this.page.item) return;
    const length = this.page.item.length_s, { from, to } = this.page.picture.view;
    $("strip").hidden = this.page.events || length <= to - from + 0.01;
    if ($("strip").hidden) return;
    const part = (css, begin, end) => {
      const span = document.createElement("span");
      span.className = css;
      span.style.left = `${(100 * begin) / length}%`;
      span.style.width = `${(100 * (end - begin)) / length}%`;
      return span;
    };
    $("strip").replaceChildren(...this.page.picture.marks.map((mark) => part(mark.kind, mark.begin, mark.end)), part("window", from, to));
  }

  stripped(event) {
    const box = $("strip").getBoundingClientRect(), { from, to } = this.page.picture.view;
    const at = ((event.clientX - box.left) / box.width) * this.page.item.length_s;
    this.page.picture.span(at - (to - from) / 2, at + (to - from) / 2);
  }

  // A box was drawn: its species is asked for.
  draw(box) {
    const draft = { kind: "draft", ...box, label: "" };
    this.page.picture.marks.push(draft);
    this.page.picture.choose(draft);
    this.page.ask_("call", "Species of the call", { usual: this.usual });
  }

  add(species, box = this.page.picture.active) {
    const id = crypto.randomUUID(), place = [box.begin, box.end, box.low, box.high];
    const file = box.file ?? this.page.item.file;
    this.usual = species[0];
    this.page.put({ id, file, verdict: "added", species, box: place, seconds: this.page.seconds(), note: "" });
    const mark = { ...this.call(id, species, place, file), fresh: true };
    this.page.done.push({ back: () => this.remove(mark, false) });
    if (file !== this.page.item?.file) return; // undone from elsewhere
    this.page.picture.marks = [...this.page.picture.marks.filter((one) => one.kind !== "draft"), mark];
    if (this.page.events) {
      this.page.picture.drawing = false;
      $("draw").setAttribute("aria-pressed", false);
    }
    this.page.picture.choose(mark);
    this.strip();
  }

  // A change is a line of its own, which replaces the one before.
  change(mark, { species = mark.species } = {}) {
    const id = crypto.randomUUID(), { file } = mark, before = this.saidOf.get(mark) ?? { ...mark };
    this.page.put({ id, file, verdict: "added", species, box: [mark.begin, mark.end, mark.low, mark.high], replaces: mark.id, note: "" });
    Object.assign(mark, { id, species, fresh: true, label: this.label(species) });
    this.saidOf.set(mark, { ...mark });
    this.page.done.push({ back: () => {
      this.page.put({ id: crypto.randomUUID(), file, verdict: "undone", replaces: id });
      Object.assign(mark, before);
      this.saidOf.set(mark, { ...mark });
      this.page.picture.laterMarks();
    } });
    this.page.picture.laterMarks();
  }

  chosen(mark) {
    if (mark?.kind === "added" && !this.saidOf.has(mark)) this.saidOf.set(mark, { ...mark });
    $("remove").hidden = mark?.kind !== "added";
  }

  reshaped(mark) {
    if (mark.kind === "added") this.change(mark);
    else if (mark.kind === "item") this.page.boxed = true;
  }

  // All that was said of a call is taken back, also what it was before a change.
  remove(mark = this.page.picture.active, undoable = true) {
    if (mark?.kind !== "added") return;
    const { file } = mark;
    this.page.put({ id: crypto.randomUUID(), file, verdict: "undone", replaces: mark.id, chain: true });
    this.removed.add(mark.id);
    this.page.picture.marks = this.page.picture.marks.filter((one) => one !== mark);
    if (undoable) this.page.done.push({ back: () => this.add(mark.species, mark) });
    this.page.picture.choose(this.page.mark ?? null);
    this.strip();
  }
}
