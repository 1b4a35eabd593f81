// The picture of a recording: spectra, axes, boxes. It is zoomed and moved in time and frequency, and boxes are
// drawn, moved and resized on it.

import { axes } from "./axes.js";
import { clamp, coloured, piece, pieces } from "./pieces.js";

const LEFT = 46, BOTTOM = 24, TOP = 4, RIGHT = 4;
const GRIP = 7, LEAST_S = 0.05, MOST_S = 1800;

export class Spectrogram {
  // Hears: `drawn(box)` a new box, `changed(mark)` one that was moved or resized, `chosen(mark or null)`,
  // `sought(seconds)` a click, `viewed(view)` another span in sight, `painted()` the first picture of a sound.
  constructor(box, hears) {
    this.box = box;
    this.hears = hears;
    this.under = box.querySelector("canvas.sound");
    this.over = box.querySelector("canvas.marks");
    this.stepDb = 0.5;
    this.contrast = 0;
    this.marks = [];
    this.active = null;
    this.playhead = null;
    this.drawing = false;
    this.sound = null;
    this.message = "";
    new ResizeObserver(() => this.resize()).observe(box);
    this.listen();
    this.resize();
  }

  // Another sound: { file, channel, length, rate }, and the span to be seen.
  show(sound, from, to) {
    this.sound = sound;
    this.marks = [];
    this.active = null;
    this.playhead = null;
    this.message = "";
    this.painted = false;
    this.box.setAttribute("aria-busy", "true");
    const top = this.topHz();
    this.view = { from: 0, to: 1, low: 0, high: top };
    this.span(from, to);
  }

  // No sound, and why.
  fail(message) {
    this.sound = this.active = null;
    this.marks = [];
    this.message = message;
    this.box.setAttribute("aria-busy", "false");
    this.later();
  }

  // What birds leave above 12 kHz is little; a recorder of a higher rate was bought for bats.
  topHz() {
    const nyquist = this.sound.rate / 2;
    return this.sound.rate > 96000 ? nyquist : Math.min(nyquist, 12000);
  }

  prefetch(sound, from, to) { return piece(sound.file, sound.channel, ...this.inside(sound, from, to), this.columns()).coming; }

  inside(sound, from, to) {
    const length = clamp(to - from, LEAST_S, Math.min(MOST_S, sound.length));
    const begin = clamp(from, 0, sound.length - length);
    return [begin, begin + length];
  }

  columns() { return clamp(Math.round(this.width * Math.min(2, devicePixelRatio)), 100, 2000); }

  span(from, to) {
    if (!this.sound) return;
    [this.view.from, this.view.to] = this.inside(this.sound, from, to);
    this.hears.viewed(this.view);
    this.ask();
    this.later();
  }

  zoom(factor, at = (this.view.from + this.view.to) / 2) {
    const { from, to } = this.view;
    this.span(at - (at - from) / factor, at + (to - at) / factor);
  }

  zoomHz(factor, at = null) {
    const nyquist = this.sound.rate / 2, { low, high } = this.view;
    const middle = at ?? (low === 0 ? 0 : (low + high) / 2);
    this.view.low = clamp(middle - (middle - low) / factor, 0, nyquist - 200);
    this.view.high = clamp(middle + (high - middle) / factor, this.view.low + 200, nyquist);
    this.later();
  }

  pan(share) {
    if (!this.sound) return;
    const length = this.view.to - this.view.from;
    this.span(this.view.from + share * length, this.view.to + share * length);
  }

  ask() {
    clearTimeout(this.asking);
    const sound = this.sound;
    const now = () => {
      const wanted = piece(sound.file, sound.channel, this.view.from, this.view.to, this.columns());
      wanted.coming.then(() => {
        if (this.sound !== sound) return;
        this.later();
        if (!this.painted) {
          this.painted = true;
          this.box.setAttribute("aria-busy", "false");
          requestAnimationFrame(() => this.hears.painted());
        }
      }, (error) => {
        if (this.sound !== sound) return;
        this.message = error.message;
        this.later();
      });
    };
    if (this.painted) this.asking = setTimeout(now, 120);
    else now();
  }

  resize() {
    const { clientWidth, clientHeight } = this.box, ratio = devicePixelRatio;
    this.width = Math.max(50, clientWidth - LEFT - RIGHT);
    this.height = Math.max(50, clientHeight - TOP - BOTTOM);
    for (const canvas of [this.under, this.over]) {
      canvas.width = clientWidth * ratio;
      canvas.height = clientHeight * ratio;
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    if (this.sound) this.ask();
    this.later();
  }

  x(seconds) { return LEFT + ((seconds - this.view.from) / (this.view.to - this.view.from)) * this.width; }
  y(hz) { return TOP + (1 - (hz - this.view.low) / (this.view.high - this.view.low)) * this.height; }
  seconds(x) { return this.view.from + ((x - LEFT) / this.width) * (this.view.to - this.view.from); }
  hz(y) { return this.view.low + (1 - (y - TOP) / this.height) * (this.view.high - this.view.low); }

  later() {
    this.due ??= requestAnimationFrame(() => {
      this.due = null;
      this.paint();
      this.paintMarks();
    });
  }

  laterMarks() { this.dueMarks ??= requestAnimationFrame(() => { this.dueMarks = null; this.paintMarks(); }); }

  paint() {
    const pen = this.under.getContext("2d"), style = getComputedStyle(this.box);
    const ink = style.getPropertyValue("--muted");
    pen.clearRect(0, 0, this.box.clientWidth, this.box.clientHeight);
    pen.fillStyle = "#0a0a12";
    pen.fillRect(LEFT, TOP, this.width, this.height);
    if (this.sound) this.paintSound(pen, ink);
    const message = this.message || (this.painted || !this.sound ? "" : "The spectrogram is being drawn.");
    if (!message) return;
    pen.font = "14px system-ui, sans-serif";
    pen.fillStyle = "#fff";
    pen.textAlign = "center";
    pen.fillText(message, LEFT + this.width / 2, TOP + this.height / 2, this.width - 20);
  }

  paintSound(pen, ink) {
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, TOP, this.width, this.height);
    pen.clip();
    pen.imageSmoothingEnabled = true;
    for (const { file, channel, ready } of pieces.values()) {
      if (!ready || file !== this.sound.file || channel !== this.sound.channel) continue;
      if (ready.end < this.view.from || ready.begin > this.view.to) continue;
      const x = this.x(ready.begin), y = this.y((ready.rows - 0.5) * ready.step);
      pen.drawImage(coloured(ready, this.contrast, this.stepDb), x, y, this.x(ready.end) - x, this.y(-ready.step / 2) - y);
    }
    pen.restore();
    pen.fillStyle = ink;
    pen.strokeStyle = ink;
    pen.font = "12px system-ui, sans-serif";
    axes(pen, this, { left: LEFT, top: TOP });
  }

  paintMarks() {
    const pen = this.over.getContext("2d");
    pen.clearRect(0, 0, this.box.clientWidth, this.box.clientHeight);
    if (!this.sound) return;
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, TOP, this.width, this.height);
    pen.clip();
    pen.font = "600 12px system-ui, sans-serif";
    pen.textBaseline = "top";
    this.labels = [];
    const last = this.marks.find((mark) => mark === this.active);
    for (const mark of [...this.marks.filter((one) => one !== last), ...(last ? [last] : [])]) this.paintMark(pen, mark);
    if (this.draft) this.paintMark(pen, { ...this.draft, kind: "added", label: "" });
    if (this.playhead !== null) {
      pen.fillStyle = "#fff";
      pen.fillRect(this.x(this.playhead) - 0.75, TOP, 1.5, this.height);
    }
    pen.restore();
  }

  edges(mark) {
    return {
      left: this.x(mark.begin), right: this.x(mark.end),
      top: mark.high === null ? TOP + 1 : this.y(mark.high), bottom: mark.low === null ? TOP + this.height - 1 : this.y(mark.low),
    };
  }

  paintMark(pen, mark) {
    const { left, right, top, bottom } = this.edges(mark), active = mark === this.active;
    if (right < LEFT || left > LEFT + this.width) return;
    const colour = { added: "#4fe3c1", draft: "#4fe3c1", item: "#ffffff" }[mark.kind] ?? "#9cc4ff";
    if (mark.kind === "item") {
      pen.fillStyle = "rgb(0 0 0 / .38)";
      pen.fillRect(LEFT, TOP, Math.max(0, left - LEFT), this.height);
      pen.fillRect(right, TOP, Math.max(0, LEFT + this.width - right), this.height);
    }
    pen.strokeStyle = colour;
    pen.lineWidth = active ? 2.5 : mark.kind === "event" ? 1 : 1.75;
    pen.setLineDash(mark.kind === "event" ? [4, 4] : []);
    pen.strokeRect(left, top, right - left, bottom - top);
    pen.setLineDash([]);
    if (active) {
      pen.fillStyle = colour;
      for (const x of [left, (left + right) / 2, right]) for (const y of [top, (top + bottom) / 2, bottom])
        if (x !== (left + right) / 2 || y !== (top + bottom) / 2) pen.fillRect(x - 3, y - 3, 6, 6);
    }
    if (mark.label) {
      const width = pen.measureText(mark.label).width + 8, x = clamp(left, LEFT, LEFT + this.width - width);
      let y = top - 17 > TOP ? top - 17 : top + 2;
      const taken = (place) => this.labels.some((one) => Math.abs(one.y - place) < 16 && x < one.x + one.width && one.x < x + width);
      while (taken(y) && y < TOP + this.height) y += 17;
      this.labels.push({ x, y, width });
      pen.fillStyle = "rgb(0 0 0 / .65)";
      pen.fillRect(x, y, width, 16);
      pen.fillStyle = colour;
      pen.fillText(mark.label, x + 4, y + 2);
    }
  }

  // The mark at a place, and which of its edges: the active one first, then the smallest.
  under_(x, y) {
    const order = [...this.marks].sort((a, b) => (b === this.active) - (a === this.active) || a.end - a.begin - (b.end - b.begin));
    for (const mark of order) {
      if (mark.kind === "event") continue;
      const { left, right, top, bottom } = this.edges(mark);
      if (x < left - GRIP || x > right + GRIP || y < top - GRIP || y > bottom + GRIP) continue;
      const wide = right - left > 3 * GRIP, tall = bottom - top > 3 * GRIP;
      const sides = {
        left: Math.abs(x - left) <= GRIP && (wide || x <= left), right: Math.abs(x - right) <= GRIP,
        top: Math.abs(y - top) <= GRIP && (tall || y <= top), bottom: Math.abs(y - bottom) <= GRIP,
      };
      const name = `${sides.top ? "top" : sides.bottom ? "bottom" : ""}${sides.left ? "left" : sides.right ? "right" : ""}`;
      return { mark, part: name || "inside" };
    }
    return null;
  }

  listen() {
    const over = this.over;
    const place = (event) => {
      const box = over.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    const fingers = new Map();
    const apart = () => {
      const [one, other] = [...fingers.values()];
      return { at: this.seconds((one[0] + other[0]) / 2), wide: Math.max(20, Math.abs(one[0] - other[0])) };
    };
    over.addEventListener("pointerdown", (event) => {
      if (!this.sound || event.button) return;
      fingers.set(event.pointerId, place(event));
      if (fingers.size > 1) { // two fingers zoom
        this.drag = this.draft = null;
        this.pinch = apart();
        return;
      }
      over.setPointerCapture(event.pointerId);
      const [x, y] = place(event), hit = this.drawing || event.shiftKey ? null : this.under_(x, y);
      const own = hit && (hit.mark === this.active || hit.part !== "inside");
      this.drag = { x, y, moved: false, hit: own ? hit : null, first: hit, view: { ...this.view },
        draws: this.drawing || event.shiftKey, mark: own ? { ...hit.mark } : null };
    });
    over.addEventListener("pointermove", (event) => {
      const [x, y] = place(event);
      if (this.pinch && fingers.has(event.pointerId)) {
        fingers.set(event.pointerId, [x, y]);
        const { at, wide } = apart();
        this.zoom(wide / this.pinch.wide, at);
        this.pinch = apart();
        return;
      }
      if (!this.drag) {
        this.point(x, y, event.shiftKey);
        return;
      }
      const drag = this.drag;
      if (!drag.moved && Math.hypot(x - drag.x, y - drag.y) < 4) return;
      drag.moved = true;
      if (drag.draws) this.draft = this.between(drag.x, drag.y, x, y);
      else if (drag.hit) this.reshape(drag, x, y);
      else {
        const { from, to } = drag.view, moved = ((drag.x - x) / this.width) * (to - from);
        this.span(from + moved, to + moved);
        return;
      }
      this.laterMarks();
    });
    const end = (event) => {
      fingers.delete(event.pointerId);
      if (fingers.size < 2) this.pinch = null;
      const drag = this.drag;
      this.drag = null;
      if (!drag) return;
      const draft = this.draft;
      this.draft = null;
      if (event.type === "pointercancel") return;
      if (!drag.moved) {
        if (drag.first && drag.first.mark !== this.active) this.choose(drag.first.mark);
        this.hears.sought(this.seconds(drag.x));
      } else if (draft && draft.end - draft.begin > 0.005) this.hears.drawn(draft);
      else if (drag.hit) this.hears.changed(drag.hit.mark);
      this.laterMarks();
    };
    over.addEventListener("pointerup", end);
    over.addEventListener("pointercancel", end);
    over.addEventListener("wheel", (event) => {
      if (!this.sound) return;
      event.preventDefault();
      const [x, y] = place(event), strength = event.deltaMode ? 30 : 1;
      if (event.altKey || (x < LEFT && !event.shiftKey)) this.zoomHz(2 ** (-event.deltaY * strength / 400), this.hz(y));
      else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
        this.pan(((event.deltaX || event.deltaY) * strength) / this.width);
      else this.zoom(2 ** (-event.deltaY * strength / 400), this.seconds(x));
    }, { passive: false });
  }

  point(x, y, shift) {
    const hit = !this.sound || this.drawing || shift ? null : this.under_(x, y);
    const cursors = { left: "ew", right: "ew", top: "ns", bottom: "ns", topleft: "nwse", bottomright: "nwse", topright: "nesw", bottomleft: "nesw" };
    const cursor = hit && cursors[hit.part];
    this.over.style.cursor = this.drawing || shift ? "crosshair" : cursor ? `${cursor}-resize` : hit && hit.mark === this.active ? "move" : "grab";
  }

  between(x0, y0, x1, y1) {
    const nyquist = this.sound.rate / 2, length = this.sound.length;
    const times = [this.seconds(x0), this.seconds(x1)].map((t) => clamp(t, 0, length)).sort((a, b) => a - b);
    const hertz = [this.hz(y0), this.hz(y1)].map((hz) => clamp(hz, 0, nyquist)).sort((a, b) => a - b);
    return { begin: times[0], end: times[1], low: hertz[0], high: hertz[1] };
  }

  reshape({ hit: { mark, part }, mark: before, x: x0, y: y0 }, x, y) {
    const length = this.sound.length, nyquist = this.sound.rate / 2;
    const dt = this.seconds(x) - this.seconds(x0), df = this.hz(y) - this.hz(y0);
    if (part === "inside") {
      const t = clamp(dt, -before.begin, length - before.end);
      mark.begin = before.begin + t;
      mark.end = before.end + t;
      if (before.low !== null) {
        const f = clamp(df, -before.low, nyquist - before.high);
        mark.low = before.low + f;
        mark.high = before.high + f;
      }
      return;
    }
    if (part.includes("left")) mark.begin = clamp(before.begin + dt, 0, before.end - 0.01);
    if (part.includes("right")) mark.end = clamp(before.end + dt, before.begin + 0.01, length);
    if (part.includes("top") || part.includes("bottom")) {
      const low = before.low ?? this.view.low, high = before.high ?? this.view.high;
      mark.low = part.includes("bottom") ? clamp(low + df, 0, high - 20) : low;
      mark.high = part.includes("top") ? clamp(high + df, low + 20, nyquist) : high;
    }
  }

  choose(mark) {
    this.active = mark;
    this.hears.chosen(mark);
    this.laterMarks();
  }
}
