// The picture of a recording: mel bands over time, and below it a line for each species with its windows.

import { clock, make } from "./dom.js";

const MOST_COLUMNS = 3000;
const MOST_LINES = 6;
const PAUSE_MS = 200; // between two drawings: the worker needs the processor more
const SHOWN_FROM = 0.05; // of a window's score

export class Spectrogram {
  // `kept_s`: only so many seconds stay in view, the newest; null: all of them.
  constructor(element, page, kept_s) {
    Object.assign(this, { element, page, kept_s });
    this.bands = page.picture.n_mels;
    this.column_s = page.picture.hop_length / page.picture.sample_rate;
    this.step = 1; // frames in a column
    this.columns = []; // arrays of a byte a band
    this.open = null; // the column that is being filled, and how many frames it has
    this.dropped = 0; // columns that went out of view
    this.windows = [];
    this.palette = makePalette(page.palette);
    this.#build();
  }

  #build() {
    this.scroll = make("div", { class: "strip" });
    this.inner = make("div", { class: "inner" });
    this.canvas = make("canvas", { role: "img", "aria-label": "Spectrogram" });
    this.lines = make("div", { class: "lines" });
    this.axis = make("div", { class: "axis", "aria-hidden": "true" });
    this.cursor = make("div", { class: "cursor" });
    this.cursor.hidden = true;
    this.inner.append(this.canvas, this.lines, this.axis, this.cursor);
    this.scroll.append(this.inner);
    this.element.append(this.scroll, this.#ticks());
    this.element.hidden = true;
    this.inner.onclick = (event) => {
      const audio = this.element.parentElement.querySelector("audio");
      const box = this.inner.getBoundingClientRect();
      if (audio) audio.currentTime = this.from_s + ((event.clientX - box.left) / box.width) * this.span_s;
    };
  }

  #ticks() {
    const ticks = make("div", { class: "ticks", "aria-hidden": "true" });
    for (const [text, height] of this.page.picture.ticks) {
      const tick = make("span", {}, text);
      tick.style.bottom = `${100 * height}%`;
      ticks.append(tick);
    }
    return ticks;
  }

  expect(seconds) {
    this.total_s = seconds;
    this.step = Math.max(1, Math.ceil(seconds / this.column_s / MOST_COLUMNS));
  }

  get from_s() {
    return this.dropped * this.step * this.column_s;
  }

  get span_s() {
    const seen = this.columns.length * this.step * this.column_s;
    return this.kept_s ?? Math.max(seen, this.total_s ?? 0);
  }

  add(bytes) {
    const { bands } = this;
    for (let at = 0; at < bytes.length; at += bands) {
      this.open ??= { most: new Uint8Array(bands), frames: 0 };
      const { most } = this.open;
      for (let b = 0; b < bands; b++) most[b] = Math.max(most[b], bytes[at + b]);
      if (++this.open.frames === this.step) {
        this.columns.push(most);
        this.open = null;
      }
    }
    const beyond = this.kept_s === null ? 0 : this.columns.length - Math.round(this.kept_s / this.column_s);
    if (beyond > 0) {
      this.columns.splice(0, beyond);
      this.dropped += beyond;
      this.windows = this.windows.filter((window) => window.end_s > this.from_s);
    }
    this.#soon();
  }

  addWindow(window) {
    if (window.best.length) this.windows.push(window);
    this.#soon();
  }

  finish() {
    if (this.open) this.columns.push(this.open.most);
    this.open = null;
    if (this.kept_s !== null) this.kept_s = Math.min(this.kept_s, this.columns.length * this.column_s);
    this.#soon();
  }

  mark(seconds) {
    this.cursor.hidden = false;
    this.cursor.style.left = `${(100 * (seconds - this.from_s)) / this.span_s}%`;
  }

  #soon() {
    this.planned ??= setTimeout(() => {
      this.planned = null;
      this.draw();
    }, PAUSE_MS);
  }

  draw() {
    const width = Math.max(1, Math.round(this.span_s / this.column_s / this.step));
    this.element.hidden = !this.columns.length;
    if (this.kept_s === null) this.inner.style.minWidth = `${Math.round(width / 2)}px`;
    this.#drawColumns(width);
    this.#drawLines(width);
    this.#drawAxis();
  }

  #drawColumns(width) {
    const { canvas, columns, bands, palette } = this;
    canvas.width = width;
    canvas.height = bands;
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, bands);
    const pixels = new Uint32Array(image.data.buffer);
    pixels.fill(palette[0]);
    const [low, high] = contrast(columns);
    const scale = (palette.length - 1) / Math.max(1, high - low);
    for (let x = 0; x < Math.min(width, columns.length); x++) {
      for (let b = 0; b < bands; b++) {
        const step = Math.max(0, Math.min(palette.length - 1, Math.round((columns[x][b] - low) * scale)));
        pixels[(bands - 1 - b) * width + x] = palette[step];
      }
    }
    context.putImageData(image, 0, 0);
  }

  #drawLines(width) {
    const colour = getComputedStyle(this.element).getPropertyValue("--s1");
    const highest = new Map();
    for (const { best } of this.windows) {
      for (const { label, score } of best) if (score >= SHOWN_FROM) highest.set(label, Math.max(score, highest.get(label) ?? 0));
    }
    const shown = [...highest].sort((a, b) => b[1] - a[1]).slice(0, MOST_LINES);
    this.lines.replaceChildren(...shown.map(([label]) => this.#line(label, width, colour)));
  }

  #line(label, width, colour) {
    const line = make("div", { class: "line" });
    const canvas = make("canvas");
    canvas.width = width;
    canvas.height = 1;
    const context = canvas.getContext("2d");
    context.fillStyle = colour;
    const x = (seconds) => ((seconds - this.from_s) / this.span_s) * width;
    for (const { begin_s, end_s, best } of this.windows) {
      const found = best.find((one) => one.label === label);
      if (!found) continue;
      context.globalAlpha = found.score;
      context.fillRect(x(begin_s), 0, x(end_s) - x(begin_s), 1);
    }
    const common = this.page.common_names[label];
    line.append(canvas, make("span", {}, common || this.page.labels[label]));
    return line;
  }

  #drawAxis() {
    const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];
    const step = steps.find((s) => this.span_s / s <= 7) ?? 28800;
    const ticks = [];
    for (let s = Math.ceil(this.from_s / step) * step; s <= this.from_s + this.span_s * 0.96; s += step) {
      const tick = make("span", {}, clock(s));
      tick.style.left = `${(100 * (s - this.from_s)) / this.span_s}%`;
      ticks.push(tick);
    }
    this.axis.replaceChildren(...ticks);
  }
}

// The bytes between which colours lie: the middle of all values, and nearly the highest.
function contrast(columns) {
  const counts = new Uint32Array(256);
  let n = 0;
  for (const column of columns) for (const value of column) counts[value]++, n++;
  const at = (share) => {
    let sum = 0;
    for (let value = 0; value < 256; value++) if ((sum += counts[value]) >= share * n) return value;
    return 255;
  };
  const low = at(0.4);
  return [low, Math.max(at(0.999), low + 40)];
}

function makePalette(anchors) {
  const colours = anchors.map((hex) => [0, 2, 4].map((k) => parseInt(hex.slice(k, k + 2), 16)));
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const place = (i / 255) * (colours.length - 1);
    const k = Math.min(colours.length - 2, Math.floor(place));
    const [r, g, b] = colours[k].map((c, j) => Math.round(c + (place - k) * (colours[k + 1][j] - c)));
    return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  });
}
