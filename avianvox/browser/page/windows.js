// One recording, or one stretch of a microphone's sound: samples in, scored windows and events out.
// Memory does not grow with the recording.

import { FeatureStream, isSilent } from "./features.js";
import { Resampler } from "./resample.js";
import { EventFinder, Pooling, activate, calibrated, decide, ranked } from "./scores.js";

const SHOWN = 3; // species of a window

export class Listener {
  // `run(rows)` gives the graph's numbers of a window, one array an output; `tell` gets what is found.
  constructor(page, run, rate, tell) {
    this.page = page;
    this.run = run;
    this.tell = tell;
    this.resampler = new Resampler(rate, page.sample_rate);
    this.picture = new FeatureStream(page.picture);
    this.features = page.front ? new FeatureStream(page.front) : null; // without one, rows are samples
    this.size = page.front ? this.features.size : 1;
    this.hop = page.hop_length;
    this.rows = new Float32Array(0);
    this.start = 0; // the row that `rows` begins with
    this.next = 0; // the row that the next window begins with
    this.samples = 0;
    this.scored = this.silent = 0;
    this.pooling = new Pooling(page.pooling.kind, page.pooling.least);
    this.events = new EventFinder(page.events);
  }

  async push(samples) {
    await this.#take(this.resampler.push(samples), false);
  }

  async finish() {
    await this.#take(this.resampler.finish(), false);
    await this.#take(new Float32Array(0), true);
    this.#tellEvents(this.events.finish());
    return { scored: this.scored, silent: this.silent, best: this.scored ? this.#recording() : [] };
  }

  async #take(samples, last) {
    this.samples += samples.length;
    const shown = last ? this.picture.finish() : this.picture.push(samples);
    if (shown.length) this.tell({ type: "columns", columns: brightness(shown, this.picture) });
    let rows = samples;
    if (this.features) rows = this.page.shared ? shown : last ? this.features.finish() : this.features.push(samples);
    const { size } = this;
    const joined = new Float32Array(this.rows.length + rows.length);
    joined.set(this.rows);
    joined.set(rows, this.rows.length);
    this.rows = joined;
    const { n_frames, hop_frames } = this.page;
    const end = this.start + joined.length / size;
    for (; this.next + n_frames <= end; this.next += hop_frames) {
      await this.#window(this.next, this.#cut(this.next, n_frames));
    }
    if (last && end > 0 && end < n_frames) await this.#window(0, this.#looped(end));
    else if (last && end > 0 && this.next - hop_frames + n_frames < end) {
      await this.#window(end - n_frames, this.#cut(end - n_frames, n_frames)); // the last one is aligned to the end
    }
    const drop = Math.max(0, Math.min(this.next, end - n_frames) - this.start);
    this.rows = this.rows.slice(drop * size);
    this.start += drop;
  }

  #cut(first, n) {
    return this.rows.subarray((first - this.start) * this.size, (first - this.start + n) * this.size);
  }

  #looped(n) {
    const length = this.page.n_frames * this.size;
    return Float32Array.from({ length }, (_, i) => this.rows[i % (n * this.size)]);
  }

  async #window(first, rows) {
    const { page, hop } = this;
    const begin = first * hop;
    const own = Math.min(page.n_frames, 1 + Math.floor((this.samples - begin) / hop));
    const end = Math.min(begin + page.n_frames * hop, this.samples);
    const place = { type: "window", begin_s: begin / page.sample_rate, end_s: end / page.sample_rate };
    if (isSilent(rows, own, page.silence, this.size)) {
      this.silent++;
      this.#tellEvents(this.events.passTo(begin));
      this.tell({ ...place, silent: true, best: [] });
      return;
    }
    const outputs = await this.run(rows);
    const found = page.outputs.map((output, i) => activate(outputs[i], output.activation));
    const level = page.calibration?.window;
    const raw = found[page.species];
    const scores = level ? Float32Array.from(calibrated(raw, level, page.rules)) : raw;
    this.scored++;
    this.pooling.add(scores, this.#confidence(found));
    this.#tellEvents(this.events.push(begin, end, scores));
    this.tell({ ...place, silent: false, best: this.#best(scores, level, SHOWN) });
  }

  #confidence(found) {
    const { by, but } = this.page.pooling;
    if (by === null) return 1;
    let most = -Infinity;
    found[by].forEach((value, i) => (most = but.includes(i) ? most : Math.max(most, value)));
    return most;
  }

  #recording() {
    const level = this.page.calibration?.recording;
    const pooled = this.pooling.scores();
    return this.#best(level ? calibrated(pooled, level, this.page.rules) : pooled, level, SHOWN);
  }

  #best(scores, level, n) {
    const shown = ranked(scores, this.page.may_be_named).slice(0, n);
    const decision = decide(scores[shown[0]], shown[0], level); // of the best one, and so of the window or recording
    return shown.map((label) => ({ label, score: scores[label], decision }));
  }

  #tellEvents(events) {
    const rate = this.page.sample_rate;
    const decision = this.page.calibration?.window.thresholds.length ? "named" : ""; // all reach their threshold
    for (const { label, first, end, score } of events) {
      this.tell({ type: "event", begin_s: first / rate, end_s: end / rate, label, score, decision });
    }
  }
}

// Mel bands in dB as bytes: 0 is -100 dB, 255 is 2 dB.
function brightness(rows, picture) {
  const { size, n_mels } = picture;
  const n = rows.length / size;
  const columns = new Uint8Array(n * n_mels);
  for (let t = 0; t < n; t++) {
    for (let b = 0; b < n_mels; b++) {
      columns[t * n_mels + b] = Math.max(0, Math.min(255, (rows[t * size + b] + 100) * 2.5));
    }
  }
  return columns;
}
