// From the numbers of a graph to an answer: activation, pooling, calibration, decision, events.
// Each rule is that of avianvox's module of the same name in avianvox/inference; page.json has the settings.

export function activate(values, activation) {
  if (activation === "sigmoid") return values.map((v) => 1 / (1 + Math.exp(-v)));
  if (activation === "softmax") return softmax(values).map(Math.fround);
  return values;
}

function softmax(values) {
  const most = Math.max(...values);
  const powers = Float64Array.from(values, (v) => Math.exp(v - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}

export function calibrated(scores, level, rules) {
  if ("slope" in level) {
    return Float64Array.from(scores, (score) => {
      const p = Math.min(Math.max(score, rules.least_odds), 1 - rules.least_odds);
      return 1 / (1 + Math.exp(-(level.slope * Math.log(p / (1 - p)) + level.intercept)));
    });
  }
  const logits = Float64Array.from(scores, (s) => Math.log(Math.max(s, rules.least_score)) / level.temperature);
  return softmax(logits).map((p) => (1 - level.uniform) * p + level.uniform / scores.length);
}

// "named", "uncertain" or "unknown"; "" where the model has no thresholds.
export function decide(score, label, level) {
  if (!level || !level.thresholds.length) return "";
  if (score < level.unknown) return "unknown";
  return level.thresholds[label] !== null && score >= level.thresholds[label] ? "named" : "uncertain";
}

// Positions of the classes that may be shown, best first; equals keep the order of the classes.
export function ranked(scores, candidates) {
  const order = candidates ? [...candidates] : [...scores.keys()];
  return order.sort((a, b) => scores[b] - scores[a] || a - b);
}

export class Pooling {
  constructor(kind, least) {
    this.kind = kind;
    this.least = least;
    this.kept = []; // of the kinds that look at the best windows
    this.total = null;
    this.weight = 0;
  }

  add(scores, confidence) {
    const n = scores.length;
    if (this.kind === "mean" || this.kind === "weighted") {
      const weight = this.kind === "mean" ? 1 : Math.max(confidence, this.least) ** 2;
      this.total ??= new Float64Array(n);
      for (let i = 0; i < n; i++) this.total[i] += weight * scores[i];
      this.weight += weight;
    } else if (this.kind === "max") {
      this.total = this.total ? this.total.map((s, i) => Math.max(s, scores[i])) : Float64Array.from(scores);
      this.weight = 1;
    } else if (this.kind === "top3") {
      this.kept = this.kept.length ? this.kept : Array.from({ length: n }, () => []);
      this.kept.forEach((best, i) => {
        best.push(scores[i]);
        best.sort((a, b) => b - a).splice(3);
      });
    } else {
      this.kept.push([confidence, Float64Array.from(scores, (s) => Math.log(Math.max(s, this.least)))]);
      this.kept.sort((a, b) => b[0] - a[0]).splice(3);
    }
  }

  scores() {
    if (this.total) return this.total.map((s) => s / this.weight);
    const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
    if (this.kind === "top3") return Float64Array.from(this.kept, mean);
    return softmax(this.kept[0][1].map((_, i) => mean(this.kept.map((row) => row[1][i]))));
  }
}

// Chains of overlapping windows in which one species counts, of which one window reaches its threshold.
export class EventFinder {
  constructor(rules) {
    Object.assign(this, rules); // enter, leave, calling, competing, no_bird, multi_label
    this.chains = new Map();
  }

  push(first, end, scores) {
    const events = this.passTo(first);
    for (const label of this.#heard(scores)) {
      const score = scores[label];
      const chain = this.chains.get(label);
      if (chain) {
        chain.end = Math.max(chain.end, end);
        chain.score = Math.max(chain.score, score);
      } else this.chains.set(label, { label, first, end, score });
    }
    return events;
  }

  passTo(sample) {
    return this.#close([...this.chains.values()].filter((chain) => sample > chain.end));
  }

  finish() {
    return this.#close([...this.chains.values()]);
  }

  #heard(scores) {
    const counts = (label) => this.leave[label] !== null && scores[label] >= this.leave[label];
    if (this.multi_label) return this.calling.filter(counts);
    let best = this.competing[0];
    for (const label of this.competing) if (scores[label] > scores[best]) best = label;
    return best !== undefined && best !== this.no_bird && counts(best) ? [best] : [];
  }

  #close(chains) {
    for (const chain of chains) this.chains.delete(chain.label);
    const events = chains.filter((c) => this.enter[c.label] !== null && c.score >= this.enter[c.label]);
    return events.sort((a, b) => a.end - b.end || a.label - b.label);
  }
}
