// Any sample rate to the model's: a windowed sinc with the response of the command's resampler (soxr, quality HQ):
// flat up to 0.9136 of the lower Nyquist frequency, 125 dB down from that frequency on.

const PASS = 0.9136;
const REJECTION_DB = 125;
const MOST_PHASES = 1024; // more are interpolated

export class Resampler {
  constructor(from, to) {
    this.from = from;
    this.to = to;
    this.same = from === to;
    this.taken = 0; // samples that came in
    this.given = 0; // samples that went out
    if (this.same) return;
    const band = Math.min(from, to) / from;
    this.reach = 2 * Math.ceil((REJECTION_DB - 8) / (2.285 * Math.PI * (1 - PASS) * band) / 4 + 0.5);
    this.width = 2 * this.reach;
    const divisor = commonDivisor(from, to);
    this.exact = to / divisor <= MOST_PHASES;
    this.phases = this.exact ? to / divisor : MOST_PHASES;
    this.filters = makeFilters(this.phases, this.reach, (band * (1 + PASS)) / 2);
    this.first = -this.reach; // the sample that `held` begins with; what is before the sound is silence
    this.held = new Float64Array(this.reach); // as the filters: no number is converted twice
  }

  push(samples) {
    this.taken += samples.length;
    if (this.same) return samples;
    const held = new Float64Array(this.held.length + samples.length);
    held.set(this.held);
    held.set(samples, this.held.length);
    this.held = held;
    return this.#give(Math.floor(((this.taken - this.reach - 1) * this.to) / this.from) + 1);
  }

  finish() {
    if (this.same) return new Float32Array(0);
    const end = Math.floor((this.taken * this.to) / this.from + 0.5);
    const held = new Float64Array(this.held.length + this.width + 2);
    held.set(this.held);
    this.held = held;
    return this.#give(end);
  }

  #give(end) {
    const out = new Float32Array(Math.max(0, end - this.given));
    const { from, to, held, width, filters, phases } = this;
    for (let n = 0; n < out.length; n++) {
      const at = (this.given + n) * from;
      const whole = Math.floor(at / to);
      const begin = whole - this.reach + 1 - this.first;
      const place = ((at - whole * to) / to) * phases;
      const phase = this.exact ? Math.round(place) : Math.floor(place);
      let sum = dot(filters, phase * width, held, begin, width);
      if (!this.exact) {
        const share = place - phase;
        sum = (1 - share) * sum + share * dot(filters, (phase + 1) * width, held, begin, width);
      }
      out[n] = sum;
    }
    this.given += out.length;
    const needed = Math.floor((this.given * from) / to) - this.reach + 1 - this.first;
    if (needed > 0) {
      this.held = held.slice(needed);
      this.first += needed;
    }
    return out;
  }
}

// Four sums side by side, which a processor adds up at the same time; the width is a multiple of four.
function dot(filters, offset, samples, begin, width) {
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let k = 0; k < width; k += 4) {
    a += filters[offset + k] * samples[begin + k];
    b += filters[offset + k + 1] * samples[begin + k + 1];
    c += filters[offset + k + 2] * samples[begin + k + 2];
    d += filters[offset + k + 3] * samples[begin + k + 3];
  }
  return a + b + c + d;
}

// One filter for each phase, and one more, so that the last one has a neighbour.
function makeFilters(phases, reach, cutoff) {
  const width = 2 * reach;
  const beta = 0.1102 * (REJECTION_DB - 8.7);
  const filters = new Float64Array((phases + 1) * width);
  for (let phase = 0; phase <= phases; phase++) {
    let sum = 0;
    for (let k = 0; k < width; k++) {
      const t = k - reach + 1 - phase / phases;
      const edge = 1 - (t / reach) ** 2;
      const sinc = t === 0 ? cutoff : Math.sin(Math.PI * cutoff * t) / (Math.PI * t);
      const value = edge > 0 ? sinc * bessel(beta * Math.sqrt(edge)) : 0;
      filters[phase * width + k] = value;
      sum += value;
    }
    for (let k = 0; k < width; k++) filters[phase * width + k] /= sum;
  }
  return filters;
}

// Modified Bessel function of the first kind and order 0, by its series.
function bessel(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-16; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function commonDivisor(a, b) {
  return b ? commonDivisor(b, a % b) : a;
}
