// Rows of features, as avianvox's extractor makes them: mel bands in dB, then MFCC. The filters come from page.json.

export function floats(text) {
  return new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
}

export class FeatureStream {
  constructor(front) {
    Object.assign(this, front);
    this.window = floats(front.window);
    this.weights = floats(front.weights);
    this.dct = floats(front.dct);
    this.size = this.n_mels + this.n_mfcc;
    this.fft = new RealFft(this.n_fft);
    this.power = new Float64Array(this.n_fft / 2 + 1);
    this.held = new Float32Array(this.n_fft / 2); // silence before the sound: row t is centred on sample t * hop
    this.taken = 0;
    this.rows = 0;
  }

  push(samples) {
    this.taken += samples.length;
    const held = new Float32Array(this.held.length + samples.length);
    held.set(this.held);
    held.set(samples, this.held.length);
    this.held = held;
    return this.#give(Math.max(0, Math.floor((held.length - this.n_fft) / this.hop_length) + 1));
  }

  finish() {
    const left = this.taken > 0 ? 1 + Math.floor(this.taken / this.hop_length) - this.rows : 0;
    const held = new Float32Array(this.held.length + this.n_fft);
    held.set(this.held);
    this.held = held;
    return this.#give(left);
  }

  #give(n) {
    const rows = new Float32Array(n * this.size);
    for (let t = 0; t < n; t++) this.#row(t * this.hop_length, rows.subarray(t * this.size, (t + 1) * this.size));
    this.held = this.held.slice(n * this.hop_length);
    this.rows += n;
    return rows;
  }

  #row(begin, row) {
    const { fft, power, n_mels, n_mfcc, first, count, weights, dct } = this;
    fft.power(this.held, begin, this.window, power);
    let w = 0;
    for (let band = 0; band < n_mels; band++) {
      let sum = 0;
      for (let k = 0; k < count[band]; k++) sum += weights[w++] * power[first[band] + k];
      row[band] = Math.max(10 * Math.log10(Math.max(sum, this.least_power)), this.floor_db);
    }
    for (let k = 0; k < n_mfcc; k++) {
      let sum = 0;
      for (let band = 0; band < n_mels; band++) sum += row[band] * dct[band * n_mfcc + k];
      row[n_mels + k] = sum;
    }
  }
}

// The power spectrum of n real samples, n a power of two, by a complex transform of half the length.
class RealFft {
  constructor(n) {
    this.n = n;
    this.half = n / 2;
    this.re = new Float64Array(this.half);
    this.im = new Float64Array(this.half);
    this.cos = Float64Array.from({ length: this.half + 1 }, (_, k) => Math.cos((2 * Math.PI * k) / n));
    this.sin = Float64Array.from({ length: this.half + 1 }, (_, k) => Math.sin((2 * Math.PI * k) / n));
    const bits = Math.log2(this.half);
    this.reversed = Uint32Array.from({ length: this.half }, (_, k) => {
      let r = 0;
      for (let b = 0; b < bits; b++) r |= ((k >> b) & 1) << (bits - 1 - b);
      return r;
    });
  }

  power(samples, begin, window, power) {
    const { half, re, im, cos, sin, reversed } = this;
    for (let k = 0; k < half; k++) {
      const r = reversed[k];
      re[r] = samples[begin + 2 * k] * window[2 * k];
      im[r] = samples[begin + 2 * k + 1] * window[2 * k + 1];
    }
    this.#transform();
    for (let k = 0; k <= half; k++) {
      const a = k % half;
      const b = (half - k) % half;
      const evenRe = (re[a] + re[b]) / 2;
      const evenIm = (im[a] - im[b]) / 2;
      const oddRe = (im[a] + im[b]) / 2;
      const oddIm = (re[b] - re[a]) / 2;
      const x = evenRe + cos[k] * oddRe + sin[k] * oddIm;
      const y = evenIm + cos[k] * oddIm - sin[k] * oddRe;
      power[k] = x * x + y * y;
    }
  }

  #transform() {
    const { n, half, re, im, cos, sin } = this;
    for (let size = 2; size <= half; size *= 2) {
      const step = n / size;
      for (let start = 0; start < half; start += size) {
        for (let k = 0; k < size / 2; k++) {
          const c = cos[k * step];
          const s = sin[k * step];
          const a = start + k;
          const b = a + size / 2;
          const x = re[b] * c + im[b] * s;
          const y = im[b] * c - re[b] * s;
          re[b] = re[a] - x;
          im[b] = im[a] - y;
          re[a] += x;
          im[a] += y;
        }
      }
    }
  }
}

// Whether a window holds nothing to name, by the rules of the model's features; `own` rows of it are not looped.
export function isSilent(rows, own, silence, size) {
  return silence.kind === "bands" ? bandsAreSilent(rows, own, silence, size) : soundIsSilent(rows, own, silence);
}

function bandsAreSilent(rows, own, silence, size) {
  const loudest = (begin, end, low, high) => {
    let most = -Infinity;
    for (let t = begin; t < end; t++) for (let b = low; b < high; b++) most = Math.max(most, rows[t * size + b]);
    return most;
  };
  if (loudest(0, own, 0, silence.n_bands) <= silence.level_db) return true;
  const edge = Math.min(silence.edge, Math.floor((own - 1) / 2));
  const constant = loudest(edge, own - edge, 0, silence.n_lowest);
  const heard = loudest(edge, own - edge, silence.n_lowest, silence.n_bands);
  return constant > silence.level_db && heard <= silence.level_db;
}

function soundIsSilent(samples, own, silence) {
  const level = (begin, end) => {
    let most = 0;
    for (let at = begin; at < end; at += silence.block) {
      most = Math.max(most, deviation(samples, at, Math.min(end, at + silence.block)));
    }
    return most;
  };
  const edge = Math.min(silence.edge, Math.floor((own - 1) / 2));
  if (level(edge, own - edge) >= silence.level) return false;
  let sum = 0;
  for (let i = edge; i < own - edge; i++) sum += samples[i];
  return Math.abs(sum / (own - 2 * edge)) > silence.level || level(0, own) < silence.level;
}

function deviation(samples, begin, end) {
  let sum = 0;
  for (let i = begin; i < end; i++) sum += samples[i];
  const mean = sum / (end - begin);
  let squares = 0;
  for (let i = begin; i < end; i++) squares += (samples[i] - mean) ** 2;
  return Math.sqrt(squares / (end - begin));
}
