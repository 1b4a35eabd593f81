// The page of review: what is listed, what is shown, what is said of it.

import { ask } from "./ask.js";
import { Keys } from "./keys.js";
import { VirtualList } from "./list.js";
import { NameField, Names } from "./names.js";
import { Outbox } from "./outbox.js";
import { Player } from "./player.js";
import { clock, Spectrogram } from "./spectrogram.js";

const $ = (id) => document.getElementById(id);
const SIGNS = { accepted: "✓", other: "→", unsure: "?", noise: "✗", skipped: "»", added: "+" };
const WORDS = { accepted: "Accepted", unsure: "Unsure", noise: "Noise", skipped: "Skipped" };
const ORDERS = { uncertain: "uncertain first", best: "best first", species: "by species", time: "by time", drawn: "drawn, for precision", listed: "as in the table" };
const SPEEDS = [[1, "1×"], [2, "½×"], [4, "¼×"], [10, "1/10×"], [20, "1/20×"]];
const AROUND_S = 1.5, HEARD_S = 0.3, LONGEST_HEARD_S = 120, PAGE_S = 30, HURRY_MS = 180;

const memory = {
  get(name, other) {
    try { return JSON.parse(localStorage.getItem(`avianvox.${name}`)) ?? other; } catch { return other; }
  },
  set(name, value) {
    try { localStorage.setItem(`avianvox.${name}`, JSON.stringify(value)); } catch { /* then it is asked for again */ }
  },
};

class Review {
  async begin() {
    this.session = await ask("session");
    this.me = this.session.reviewer || memory.get("reviewer", "");
    this.names = new Names(await ask("names"));
    this.done = [];
    this.fill();
    this.outbox = new Outbox(this.session.table, (state) => this.heard(state));
    this.list = new VirtualList($("list"), {
      load: (from, count) => ask("rows", { list: this.listed, from, count, reviewer: this.me }),
      draw: (element, row, index) => this.drawRow(element, row, index),
      pick: (index) => this.go(index),
    });
    this.picture = new Spectrogram($("picture"), {
      drawn: (box) => this.drawn(box),
      changed: (mark) => this.reshaped(mark),
      chosen: (mark) => this.chosen(mark),
      sought: (seconds) => this.seek(seconds),
      viewed: () => this.viewed(),
      painted: () => this.shown(),
    });
    this.picture.stepDb = this.session.step_db;
    this.player = new Player((at) => { this.picture.playhead = at; this.picture.laterMarks(); },
      () => { if (this.player.playing) this.shown(); $("play").firstChild.textContent = this.player.playing ? "Pause " : "Play "; });
    this.naming = new NameField($("naming"), this.names, (species) => this.named(species), () => this.unnamed());
    this.connect();
    await this.outbox.settled(5000); // what waited since the last sitting is an answer too
    if (this.me) await this.relist();
    else this.who();
  }

  // What the page offers by what there is.
  fill() {
    const { title, views, orders, species, blind, reviewers } = this.session;
    const option = ([value, text]) => Object.assign(document.createElement("option"), { value, textContent: text });
    $("title").textContent = title;
    $("title").title = `Verdicts: ${this.session.table}`;
    document.title = `${title} – avianvox review`;
    $("order").replaceChildren(...orders.map((name) => option([name, ORDERS[name] ?? name])));
    $("order").value = this.session.order;
    $("species").append(...species.map(([name, common, n]) => option([name, `${common || name} (${n})`])));
    $("slow").replaceChildren(...SPEEDS.map(option));
    $("known").replaceChildren(...reviewers.map((name) => option([name, name])));
    $("view").value = views.events ? "events" : "recordings";
    $("view").parentElement.hidden = !views.events || !views.recordings;
    $("who").hidden = Boolean(this.session.reviewer);
    $("who").textContent = this.me || "Reviewer";
    for (const name of ["loud", "auto"]) $(name).setAttribute("aria-pressed", memory.get(name, name === "auto"));
    document.body.classList.toggle("blind", blind);
  }

  get events() { return $("view").value === "events"; }
  on(name) { return $(name).getAttribute("aria-pressed") === "true"; }

  connect() {
    const click = (id, action) => $(id).addEventListener("click", (event) => {
      action();
      if (event.detail) $(id).blur(); // after a mouse, keys are for the item again
    });
    for (const id of ["view", "order", "species", "state"]) $(id).addEventListener("change", () => { $(id).blur(); this.relist(); });
    const flip = (name, then = () => {}) => () => {
      $(name).setAttribute("aria-pressed", !this.on(name));
      memory.set(name, this.on(name));
      then();
    };
    const loud = flip("loud", () => this.sound(this.player.playing)), auto = flip("auto");
    const draw = () => { this.picture.drawing = !this.picture.drawing; $("draw").setAttribute("aria-pressed", this.picture.drawing); };
    const slower = () => {
      $("slow").selectedIndex = ($("slow").selectedIndex + 1) % SPEEDS.length;
      this.sound(this.player.playing);
    };
    const contrast = (step) => {
      $("contrast").value = Number($("contrast").value) + step;
      this.picture.contrast = -Number($("contrast").value);
      this.picture.later();
    };
    const escape = () => {
      this.picture.drawing = false;
      $("draw").setAttribute("aria-pressed", false);
      this.picture.choose(this.mark ?? null);
    };
    const zoom = (factor) => () => this.row && this.picture.zoom(factor);
    const name = () => this.nameItem();
    $("slow").addEventListener("change", () => { $("slow").blur(); this.sound(this.player.playing); });
    $("contrast").addEventListener("input", () => contrast(0));
    $("strip").addEventListener("pointerdown", (event) => this.stripped(event));
    $("reviewer").form.addEventListener("submit", () => this.introduced($("reviewer").value.trim()));
    $("ask").addEventListener("cancel", (event) => { if (!this.me) event.preventDefault(); });
    addEventListener("visibilitychange", () => { if (!document.hidden && this.hiddenAt) this.shownAt += performance.now() - this.hiddenAt; this.hiddenAt = document.hidden ? performance.now() : 0; });
    const actions = {
      play: () => this.toggle(), loud, auto, out: zoom(1 / 1.6), in: zoom(1.6), fit: () => this.fit(), draw, remove: () => this.remove(),
      accept: () => this.accept(), other: name, unsure: () => this.decide("unsure"), noise: () => this.decide("noise"),
      skip: () => this.decide("skipped"), undo: () => this.undo(), who: () => this.who(), help: () => this.keys.show(),
    };
    for (const [id, action] of Object.entries(actions)) click(id, action);
    const table = [
      [["Enter", "a"], "Accept the suggestion; for a recording: all calls are marked", actions.accept],
      [["1", "2", "3", "4", "5", "6", "7", "8"], "The guess of this number", (key) => this.guess(Number(key) - 1)],
      [["o"], "Name another species, or several; rename a chosen call", name],
      [["u"], "Unsure", actions.unsure], [["n"], "Noise: no animal voice", actions.noise],
      [["s", "x"], "Skip", actions.skip], [["z", "Backspace"], "Undo", actions.undo],
      [["ArrowDown", "j"], "Next", () => this.go(this.index + 1)], [["ArrowUp", "k"], "Previous", () => this.go(this.index - 1)],
      [["g"], "Next without an answer", () => this.nextOpen(this.index)],
      [[" "], "Play or pause", actions.play], [["d"], "Another speed, slower for bats", slower],
      [["l"], "Louder", loud], [["p"], "Autoplay", auto],
      [["+", "="], "Zoom in", actions.in], [["-"], "Zoom out", actions.out],
      [["ArrowLeft"], "Move back in time", () => this.picture.pan(-0.25)], [["ArrowRight"], "Move on in time", () => this.picture.pan(0.25)],
      [["PageUp"], "A page back", () => this.picture.pan(-0.9)], [["PageDown"], "A page on", () => this.picture.pan(0.9)],
      [["h"], "Higher frequencies or all of them", () => this.height()], [["f", "0"], "Back to the item", actions.fit],
      [["]"], "More contrast", () => contrast(4)], [["["], "Less contrast", () => contrast(-4)],
      [["b"], "Draw a box around a missing call (or hold Shift and drag)", draw],
      [["Delete"], "Remove the chosen call", actions.remove], [["c"], "Write a note", () => $("note").focus()],
      [["Escape"], "Leave what was begun", escape], [["?"], "These keys", actions.help],
    ];
    $("note").addEventListener("keydown", (event) => { if (["Enter", "Escape"].includes(event.key)) $("note").blur(); });
    this.keys = new Keys(table, $("keys"));
  }

  who() {
    $("reviewer").value = this.me;
    $("ask").showModal();
  }

  introduced(name) {
    const before = this.me;
    this.me = name || "reviewer";
    memory.set("reviewer", this.me);
    $("who").textContent = this.me;
    if (this.me !== before) this.relist();
  }

  async relist() {
    const [view, order, species, state] = ["view", "order", "species", "state"].map((id) => $(id).value);
    $("order").parentElement.hidden = $("guesses").hidden = view === "recordings";
    $("species").parentElement.hidden = view === "recordings" || this.session.species.length < 2;
    try {
      const made = await ask("list", { view, order, species: view === "events" ? species : "", state, reviewer: this.me });
      this.listed = made.list;
      this.list.reset(made.total);
      $("none").hidden = made.total > 0;
      this.progressed((await ask("session", { reviewer: this.me })).progress);
      this.clear();
      $("draw").setAttribute("aria-pressed", (this.picture.drawing = !this.events));
      await this.go(made.first_open ?? 0);
      $("list").focus({ preventScroll: true });
    } catch (error) {
      this.trouble(error.message);
    }
  }

  trouble(message) {
    $("trouble").textContent = message;
    $("trouble").hidden = !message;
  }

  progressed(progress) {
    const { total, done, median_s: pace } = progress[$("view").value];
    $("bar").max = Math.max(1, total);
    $("bar").value = done;
    const share = total ? ` (${Math.floor((100 * done) / total)} %)` : "";
    $("count").textContent = `${done} of ${total}${share}${pace === undefined ? "" : `, ${pace.toFixed(1)} s each`}`;
  }

  heard({ waiting, trouble, refused, progress }) {
    $("saved").textContent = waiting ? `${waiting} being saved` : "all on disk";
    $("saved").classList.toggle("waiting", waiting > 0);
    if (progress) this.progressed(progress);
    const lost = (refused ?? []).map((one) => one.error).join("; ");
    this.trouble(trouble ? `${trouble} ${waiting} ${waiting === 1 ? "verdict waits" : "verdicts wait"} in this browser.` : lost);
  }

  drawRow(element, row, index) {
    const make = (tag, text, css = "") => Object.assign(document.createElement(tag), { textContent: text, className: css });
    if (!row) {
      element.replaceChildren(make("span", ""), make("b", "…"));
      return;
    }
    const said = row.said?.verdict ?? "";
    const place = row.begin_s === null ? "" : ` ${clock(row.begin_s, true)}`;
    const file = `${row.name}${place}`, when = (row.begin_time || "").slice(0, 16).replace("T", " ");
    const title = row.species ? this.names.label(row.species) : file;
    const second = row.species ? [file, when].filter(Boolean).join(" · ") : when || `${index + 1} of ${this.list.total}`;
    const score = row.score === null || row.score === undefined ? "" : row.score.toFixed(2);
    element.replaceChildren(make("span", SIGNS[said] ?? "", `mark ${said}`), make("b", title), make("i", score), make("small", second));
    element.title = said ? `${this.told(row.said)}` : "";
  }

  told(said) {
    const names = said.species.map((species) => this.names.label(species)).join(", ");
    return WORDS[said.verdict] && said.verdict !== "accepted" ? WORDS[said.verdict] : said.verdict === "accepted" ? `Accepted: ${names}` : names;
  }

  clear() {
    this.row = this.item = this.mark = null;
    this.index = -1;
    $("name").textContent = "…";
    $("facts").textContent = $("verdict").textContent = "";
    $("guesses").replaceChildren();
  }

  // Show an item. In a hurry, only its row is shown, and what is heard and seen of it follows where one stays.
  async go(index) {
    if (index < 0 || index >= this.list.total) return;
    const turn = (this.turn = (this.turn ?? 0) + 1), now = performance.now();
    const hurry = now - (this.wentAt ?? -1e9) < HURRY_MS;
    this.wentAt = now;
    this.index = index;
    this.row = this.list.row(index) ?? null;
    this.list.select(index);
    try {
      this.row ??= await this.list.get(index);
      if (turn !== this.turn) return;
      this.shownAt = performance.now();
      this.seen = false;
      this.item = null;
      this.boxed = false;
      this.player.stop();
      this.head();
      this.list.get(index + 60);
      if (hurry) await new Promise((go) => setTimeout(go, HURRY_MS));
      if (turn !== this.turn) return;
      const item = await ask("item", { key: this.row.key, reviewer: this.me });
      if (turn === this.turn) this.present(item);
    } catch (error) {
      if (turn === this.turn) this.trouble(error.message);
    }
  }

  head() {
    const { row } = this, item = this.item ?? {};
    const heading = $("name"), add = (tag, text, css = "") => heading.append(Object.assign(document.createElement(tag), { textContent: text, className: css }), " ");
    heading.replaceChildren();
    if (row.species) {
      add("span", this.names.label(row.species));
      if (this.names.common(row.species)) add("i", row.species);
      if (row.score !== null && row.score !== undefined) add("span", row.score.toFixed(2), "score quiet");
    } else add("span", this.events ? "What do you hear?" : row.name);
    const span = row.begin_s === null ? "" : `${clock(row.begin_s, true)} – ${clock(row.end_s, true)}`;
    const when = (row.begin_time || item.recorded || "").slice(0, 19).replace("T", " ");
    const where = item.latitude === null || item.latitude === undefined ? "" : `${item.latitude.toFixed(4)}, ${item.longitude?.toFixed(4)}`;
    $("facts").textContent = [row.name, span, when, item.site, where, item.credit].filter(Boolean).join(" · ");
    $("facts").title = item.path ?? "";
    $("verdict").textContent = row.said ? `${SIGNS[row.said.verdict]} ${this.told(row.said)}` : "";
    $("verdict").className = `said ${row.said?.verdict ?? ""}`;
    $("accept").firstChild.textContent = this.events ? "Accept " : "All calls marked ";
    $("accept").hidden = this.events && !row.species;
    $("noise").firstChild.textContent = this.events ? "Noise " : "No call ";
    $("other").hidden = false;
    this.guesses(item.guesses ?? []);
  }

  guesses(guesses) {
    $("guesses").replaceChildren(...guesses.map((guess, i) => {
      const button = document.createElement("button"), key = document.createElement("kbd"), score = document.createElement("i");
      key.textContent = i + 1;
      score.textContent = guess.score === null ? "" : guess.score.toFixed(2);
      button.append(key, ` ${guess.common || guess.species} `, score);
      button.title = guess.species + (guess.expected === "no" ? ", not expected here" : "");
      button.addEventListener("click", () => this.guess(i));
      return button;
    }));
  }

  present(item) {
    this.item = item;
    this.trouble("");
    this.head();
    const sound = { file: item.file, channel: item.channel, length: item.length_s, rate: item.sample_rate };
    $("slow").value = item.sample_rate > 96000 ? memory.get("slow.bats", 10) : memory.get("slow", 1);
    this.mark = null;
    this.picture.show(sound, ...this.home(item, sound.length));
    if (this.events && item.begin_s !== null) {
      const [begin, end, low, high] = item.said?.box?.[0] == null ? [item.begin_s, item.end_s, item.low_hz, item.high_hz] : item.said.box;
      this.mark = { kind: "item", begin, end, low: low ?? null, high: high ?? null, label: "" };
      this.picture.marks = [this.mark];
      this.picture.active = this.mark;
    }
    $("remove").hidden = true;
    this.span = null;
    this.near(true);
    this.sound(this.on("auto") && this.events);
    this.ahead();
  }

  home(item, length) {
    if (!this.events || item.begin_s === null) return [0, Math.min(length, this.events ? 60 : PAGE_S)];
    const around = Math.max(AROUND_S, (item.end_s - item.begin_s) * 0.25);
    return [item.begin_s - around, item.end_s + around];
  }

  // The pictures of the next two, so that they are there when they are wanted.
  async ahead() {
    const turn = this.turn;
    for (const step of [1, 2]) {
      const row = await this.list.get(this.index + step).catch(() => null);
      if (!row || turn !== this.turn || !this.events || row.begin_s === null) return;
      const known = row.file === this.item.file ? this.item : await ask("item", { key: row.key, reviewer: this.me }).catch(() => null);
      if (!known || turn !== this.turn) return;
      await this.picture.prefetch({ file: row.file, channel: row.channel, length: known.length_s, rate: known.sample_rate }, ...this.home(row, known.length_s)).catch(() => null);
    }
  }

  fit() { if (this.item) this.picture.span(...this.home(this.item, this.item.length_s)); }

  height() {
    const { view, sound } = this.picture;
    view.low = 0;
    view.high = view.high < sound.rate / 2 ? sound.rate / 2 : this.picture.topHz();
    this.picture.later();
  }

  // Other events and added calls around what is in sight.
  async near(now = false) {
    const { from, to } = this.picture.view, turn = this.turn;
    if (this.span && this.span[0] <= from && to <= this.span[1]) return;
    clearTimeout(this.nearing);
    this.nearing = setTimeout(async () => {
      if (turn !== this.turn || !this.item) return;
      const whole = !this.events, length = this.item.length_s;
      const span = whole ? [0, length] : [Math.max(0, from - 60), to + 60];
      try {
        const found = await ask("marks", { file: this.item.file, from: span[0], to: span[1], reviewer: this.me });
        if (turn !== this.turn) return;
        this.span = span;
        const label = (one) => (one.species ? this.names.label(one.species) : "");
        const events = found.events.filter((one) => !this.events || one.key !== this.row.key)
          .map((one) => ({ kind: "event", begin: one.begin_s, end: one.end_s, low: one.low_hz, high: one.high_hz, label: label(one) }));
        const mine = this.picture.marks.filter((one) => one.kind === "item" || one.fresh);
        const fresh = new Set(mine.map((one) => one.id));
        const added = found.added.filter((one) => !fresh.has(one.id)).map((one) => this.call(one.id, one.species, one.box));
        const gone = this.removed ?? new Set();
        this.picture.marks = [...events, ...added.filter((one) => !gone.has(one.id)), ...mine];
        this.picture.laterMarks();
        this.strip();
      } catch (error) { this.trouble(error.message); }
    }, now ? 0 : 250);
  }

  call(id, species, [begin, end, low, high]) {
    return { kind: "added", id, species, begin, end, low, high, label: species.map((one) => this.names.label(one)).join(", ") };
  }

  viewed() {
    if (!this.item) return;
    this.near();
    this.strip();
    if (!this.events && !this.player?.playing) this.sound(false);
  }

  // A long recording as a strip: where one is, and what was found in it.
  strip() {
    if (!this.item) return;
    const length = this.item.length_s, { from, to } = this.picture.view;
    $("strip").hidden = this.events || length <= to - from + 0.01;
    if ($("strip").hidden) return;
    const part = (css, begin, end) => {
      const span = document.createElement("span");
      span.className = css;
      span.style.left = `${(100 * begin) / length}%`;
      span.style.width = `${(100 * (end - begin)) / length}%`;
      return span;
    };
    $("strip").replaceChildren(...this.picture.marks.map((mark) => part(mark.kind, mark.begin, mark.end)), part("window", from, to));
  }

  stripped(event) {
    const box = $("strip").getBoundingClientRect(), { from, to } = this.picture.view;
    const at = ((event.clientX - box.left) / box.width) * this.item.length_s;
    this.picture.span(at - (to - from) / 2, at + (to - from) / 2);
  }

  heardSpan() {
    const { length_s: length } = this.item, mark = this.picture.active ?? this.mark;
    const { from, to } = mark ? { from: mark.begin - HEARD_S, to: mark.end + HEARD_S } : this.picture.view;
    const begin = Math.max(0, from);
    return [begin, Math.min(length, to, begin + LONGEST_HEARD_S)];
  }

  sound(play, [from, to] = this.heardSpan(), at = null) {
    if (!this.item) return;
    const slow = Number($("slow").value);
    memory.set(this.item.sample_rate > 96000 ? "slow.bats" : "slow", slow);
    this.player.load({ file: this.item.file, channel: this.item.channel, from, to, slow, loud: this.on("loud") });
    if (play) this.player.play(at);
  }

  toggle() {
    if (!this.item) return;
    if (!this.player.playing && this.player.audio.ended) this.sound(false);
    this.player.toggle();
  }

  seek(seconds) {
    if (!this.item) return;
    const { span } = this.player, { from, to } = this.picture.view;
    if (span && span.from <= seconds && seconds < span.to) this.player.play(seconds);
    else this.sound(true, [Math.max(0, from), Math.min(this.item.length_s, to, from + LONGEST_HEARD_S)], seconds);
  }

  // From here on the seconds of a verdict count: there is something to see or to hear.
  shown() {
    if (this.seen) return;
    this.seen = true;
    this.shownAt = performance.now();
  }

  seconds() { return Math.max(0, (performance.now() - this.shownAt) / 1000); }

  accept() {
    if (!this.row) return;
    if (this.events) {
      if (this.row.species) this.decide("accepted", [], [this.row.species]);
      return;
    }
    const calls = this.picture.marks.filter((mark) => mark.kind === "added");
    const species = [...new Set(calls.flatMap((mark) => mark.species))];
    this.decide(species.length ? "other" : "noise", species);
  }

  guess(i) {
    const species = this.item ? this.item.guesses[i]?.species : i === 0 ? this.row?.species : "";
    if (!species) return;
    if (species === this.row.species) this.accept();
    else this.decide("other", [species]);
  }

  nameItem() {
    const mark = this.picture.active;
    if (mark?.kind === "added") this.ask_("rename", "Species of the call", { chosen: mark.species });
    else if (this.row) this.ask_("item", this.events ? "Species heard" : "Species in the recording");
  }

  ask_(purpose, title, more = {}) {
    this.shown();
    this.purpose = purpose;
    this.naming.start(title, more);
  }

  named(species) {
    $("list").focus({ preventScroll: true });
    if (this.purpose === "item") {
      const with_ = species.includes(this.row.species);
      const others = species.filter((one) => one !== this.row.species);
      if (with_) this.decide("accepted", others, species);
      else this.decide("other", species);
    } else if (this.purpose === "call") this.addCall(species);
    else this.changeCall(this.picture.active, { species });
  }

  unnamed() {
    $("list").focus({ preventScroll: true });
    if (this.purpose !== "call") return;
    this.picture.marks = this.picture.marks.filter((mark) => mark.kind !== "draft");
    this.picture.choose(this.mark ?? null);
  }

  // Say it, remember how to take it back, and go on.
  decide(verdict, species = [], names = species) {
    if (!this.row) return;
    const { row, mark } = this, id = crypto.randomUUID(), again = row.said;
    if (again?.verdict === verdict && String(again.species) === String(names) && !this.boxed && !$("note").value.trim())
      return void this.nextOpen(this.index, true);
    const box = mark && (this.boxed || mark.low !== null) ? [mark.begin, mark.end, mark.low, mark.high] : null;
    this.put({ id, key: row.key, verdict, species, box, seconds: this.seconds(), note: $("note").value.trim() });
    $("note").value = "";
    this.done.push({ id, key: row.key, index: this.index, listed: this.listed, before: row.said });
    this.mind(row.key, { id, verdict, species: names, box });
    this.nextOpen(this.index, true);
  }

  put(verdict) { this.outbox.put(this.me, verdict); }

  mind(key, said) {
    if (this.row?.key === key) this.row.said = said;
    this.list.update((row) => { if (row.key === key) row.said = said; });
  }

  async nextOpen(index, after = false) {
    for (let next = index + 1; next < this.list.total; next++) {
      const row = this.list.row(next) ?? await this.list.get(next);
      if (row && !row.said) return this.go(next);
    }
    if (after) this.head();
    $("saved").textContent = "the end of the list";
    return undefined;
  }

  undo() {
    const last = this.done.pop();
    if (!last) return;
    if (last.back) {
      last.back();
      return;
    }
    this.put({ id: crypto.randomUUID(), key: last.key, verdict: "undone", replaces: last.id });
    this.mind(last.key, last.before);
    if (last.listed === this.listed) this.go(last.index);
  }

  drawn(box) {
    const draft = { kind: "draft", ...box, label: "" };
    this.picture.marks.push(draft);
    this.picture.choose(draft);
    this.ask_("call", "Species of the call", { usual: this.usual });
  }

  addCall(species, box = this.picture.active) {
    const id = crypto.randomUUID(), place = [box.begin, box.end, box.low, box.high];
    this.usual = species[0];
    this.put({ id, file: this.item.file, verdict: "added", species, box: place, seconds: this.seconds(), note: "" });
    const mark = { ...this.call(id, species, place), fresh: true };
    this.picture.marks = [...this.picture.marks.filter((one) => one.kind !== "draft"), mark];
    this.done.push({ back: () => this.remove(mark, false) });
    if (this.events) {
      this.picture.drawing = false;
      $("draw").setAttribute("aria-pressed", false);
    }
    this.picture.choose(mark);
    this.strip();
  }

  // A change is a line of its own, which replaces the one before.
  changeCall(mark, { species = mark.species } = {}) {
    const id = crypto.randomUUID(), { file } = this.item, before = this.saidOf.get(mark) ?? { ...mark };
    this.put({ id, file, verdict: "added", species, box: [mark.begin, mark.end, mark.low, mark.high], replaces: mark.id, note: "" });
    Object.assign(mark, { id, species, fresh: true, label: species.map((one) => this.names.label(one)).join(", ") });
    this.saidOf.set(mark, { ...mark });
    this.done.push({ back: () => {
      this.put({ id: crypto.randomUUID(), file, verdict: "undone", replaces: id });
      Object.assign(mark, before);
      this.saidOf.set(mark, { ...mark });
      this.picture.laterMarks();
    } });
    this.picture.laterMarks();
  }

  saidOf = new WeakMap();

  chosen(mark) {
    if (mark?.kind === "added" && !this.saidOf.has(mark)) this.saidOf.set(mark, { ...mark });
    $("remove").hidden = mark?.kind !== "added";
  }

  reshaped(mark) {
    if (mark.kind === "added") this.changeCall(mark);
    else if (mark.kind === "item") this.boxed = true;
  }

  remove(mark = this.picture.active, undoable = true) {
    if (mark?.kind !== "added") return;
    const { file } = this.item;
    this.put({ id: crypto.randomUUID(), file, verdict: "undone", replaces: mark.id, chain: true });
    (this.removed ??= new Set()).add(mark.id);
    this.picture.marks = this.picture.marks.filter((one) => one !== mark);
    if (undoable) this.done.push({ back: () => this.addCall(mark.species, mark) });
    this.picture.choose(this.mark ?? null);
    this.strip();
  }
}

const review = new Review();
review.begin().catch((error) => review.trouble(error.message));
