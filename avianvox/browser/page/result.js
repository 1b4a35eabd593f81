// One recording on the page: progress, answer, spectrogram with its windows, events.

import { clock, make } from "./dom.js";
import { Spectrogram } from "./spectrogram.js";
import { download, tableOf } from "./table.js";

const MOST_ROWS = 500; // of events on the page; the table has them all
const LIVE_S = 30; // of the microphone that stay in view
const WORDS = { named: "named", uncertain: "uncertain, best guess", unknown: "unknown, most like", "": "best score" };

export class Result {
  constructor(id, name, file, page) {
    Object.assign(this, { id, name, file, page });
    this.windows = [];
    this.events = [];
    this.found = null; // the answer for the whole recording
    this.seconds = 0;
    this.total = 0;
    this.#build();
    this.picture = new Spectrogram(this.element.querySelector(".picture"), page, file ? null : LIVE_S);
  }

  #build() {
    this.element = make("article", { class: "result" });
    const head = make("div", { class: "head" });
    this.title = make("h2", {}, this.name);
    this.progress = make("progress", { max: "1", "aria-label": `Progress of ${this.name}` });
    this.stop = make("button", { type: "button" }, "Cancel");
    this.stop.onclick = () => this.oncancel();
    head.append(this.title, this.progress, this.stop);
    if (!this.file) {
      this.progress.hidden = true;
      this.stop.hidden = true;
    }
    this.note = make("p", { class: "note", role: "status" }, this.file ? "waiting" : "starting the microphone");
    this.answer = make("div", { class: "answer" });
    const picture = make("div", { class: "picture" });
    this.table = make("div", { class: "scroll" });
    this.element.append(head, this.note, this.answer, picture, this.table);
    if (this.file) this.#addSound(picture);
  }

  #addSound(picture) {
    this.address = URL.createObjectURL(this.file);
    this.audio = make("audio", { controls: "", preload: "metadata", src: this.address, "aria-label": this.name });
    this.audio.ontimeupdate = () => this.picture.mark(this.audio.currentTime);
    this.audio.onerror = () => this.audio.remove(); // it may be classified all the same
    picture.after(this.audio);
  }

  take(data) {
    const { type } = data;
    if (type === "length") {
      this.total = data.seconds;
      this.picture.expect(data.seconds);
    } else if (type === "columns") this.picture.add(data.columns);
    else if (type === "window") this.#takeWindow(data);
    else if (type === "event") this.#takeEvent(data);
    else if (type === "progress") this.#tellProgress(data.seconds);
    else if (type === "listening") this.note.textContent = `listening; the first answer needs ${this.page.window_s.toFixed(1)} s`;
    else if (type === "done") this.#finish(data);
    else if (type === "cancelled") this.#end("cancelled");
    else if (type === "failed") this.#fail(data);
  }

  #tellProgress(seconds) {
    this.seconds = seconds;
    if (!this.file) {
      this.note.textContent = `listening for ${clock(seconds)}; answer of the last window`;
      return;
    }
    this.progress.value = this.total ? Math.min(1, seconds / this.total) : 0;
    this.note.textContent = `${clock(seconds)} of ${clock(this.total)}`;
  }

  #takeWindow(window) {
    this.windows.push(window);
    this.picture.addWindow(window);
    if (!this.file) this.#showAnswer(window.silent ? [] : window.best);
  }

  #takeEvent(event) {
    this.events.push(event);
    this.#showEvents();
  }

  #finish(found) {
    this.found = found;
    this.#showAnswer(found.best);
    this.#showEvents();
    this.picture.finish();
    const { scored, silent } = found;
    const windows = `${scored} window${scored === 1 ? "" : "s"}`;
    const quiet = silent ? `, ${silent} silent` : "";
    const speed = this.file && scored ? `, ${((1000 * found.took_s) / scored).toFixed(0)} ms each` : "";
    const status = found.status === "ok" ? "" : `${found.status}: `;
    const remark = found.message ? `; ${status}${found.message}` : "";
    this.#end(`${clock(found.decoded_s)}, ${windows}${speed}${quiet}${remark}`);
    this.element.dataset.status = found.status;
  }

  // It has a row in the tables all the same, with the command's word for it.
  #fail({ status = "undecodable", message }) {
    this.found = { status, message, best: [] };
    this.#showEvents();
    this.#end(message, true);
  }

  #end(text, failed = false) {
    this.note.textContent = text;
    this.note.classList.toggle("failed", failed);
    this.progress.hidden = this.stop.hidden = true;
    this.element.dataset.state = failed ? "failed" : "done";
  }

  #showAnswer(best) {
    this.answer.replaceChildren();
    this.answer.dataset.decision = best[0]?.decision ?? "";
    best.forEach(({ label, score, decision }, i) => {
      const row = make("div", { class: i ? "guess" : "guess first" });
      const bar = make("span", { class: "bar" });
      bar.append(make("i"));
      bar.firstChild.style.width = `${100 * score}%`;
      const name = make("span", { class: "name" });
      name.append(...this.#named(label));
      row.append(name, bar, make("b", {}, score.toFixed(2)));
      if (i === 0) row.append(make("span", { class: "chip" }, WORDS[decision]));
      this.answer.append(row);
    });
  }

  #named(label) {
    const common = this.page.common_names[label];
    const scientific = this.page.labels[label];
    const parts = [make(common ? "i" : "span", {}, scientific)];
    if (common && common !== scientific) parts.unshift(`${common} `);
    return parts;
  }

  #showEvents() {
    if (!this.events.length) return;
    const table = make("table", { "aria-label": `Events in ${this.name}` });
    const head = make("tr");
    for (const text of ["from", "to", "species", "score"]) head.append(make("th", { scope: "col" }, text));
    table.append(make("thead"), make("tbody"));
    table.tHead.append(head);
    for (const event of this.events.slice(-MOST_ROWS).sort((a, b) => a.begin_s - b.begin_s)) {
      const row = make("tr");
      const play = make("button", { type: "button", class: "at" }, clock(event.begin_s, 1));
      play.disabled = !this.audio;
      play.onclick = () => this.#play(event.begin_s);
      const name = make("td", { class: "name" });
      name.append(...this.#named(event.label));
      const cells = [make("td"), make("td", { class: "num" }, clock(event.end_s, 1)), name, make("td", { class: "num" }, event.score.toFixed(2))];
      cells[0].append(play);
      row.append(...cells);
      table.tBodies[0].append(row);
    }
    const csv = make("button", { type: "button" }, "Events as CSV");
    csv.onclick = () => download(`${this.name}.events.csv`, tableOf([this], "event", this.page));
    csv.disabled = !this.found;
    const caption = make("p", { class: "tools" }, `${this.events.length} event${this.events.length === 1 ? "" : "s"} `);
    caption.append(csv);
    this.table.replaceChildren(caption, table);
  }

  #play(seconds) {
    this.audio.currentTime = seconds;
    this.audio.play().catch(() => {});
  }

  seek(seconds) {
    if (this.audio) this.audio.currentTime = seconds;
  }

  draw() {
    this.picture.draw();
  }

  remove() {
    this.element.remove();
    if (this.address) URL.revokeObjectURL(this.address);
  }
}
