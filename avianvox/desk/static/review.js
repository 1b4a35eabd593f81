// The page of review: what is listed, what is shown, what is said of it.

import { ask } from "./ask.js";
import { clock } from "./axes.js";
import { Calls } from "./calls.js";
import { connect, memory, pressed, SPEEDS } from "./controls.js";
import { VirtualList } from "./list.js";
import { NameField, Names } from "./names.js";
import { Outbox } from "./outbox.js";
import { Player } from "./player.js";
import { drawRow, guessButtons, SIGNS, told } from "./rows.js";
import { Spectrogram } from "./spectrogram.js";

const $ = (id) => document.getElementById(id);
const ORDERS = { uncertain: "uncertain first", best: "best first", species: "by species", time: "by time", drawn: "drawn, for precision", listed: "as in the table" };
const AROUND_S = 1.5, HEARD_S = 0.3, LONGEST_HEARD_S = 120, PAGE_S = 30, HURRY_MS = 180;

class Review {
  async begin() {
    this.session = await ask("session");
    this.me = this.session.reviewer || memory.get("reviewer", "");
    this.names = new Names(await ask("names"));
    this.calls = new Calls(this);
    this.done = [];
    this.fill();
    this.outbox = new Outbox(this.session.table, (state) => this.heard(state));
    this.list = new VirtualList($("list"), {
      load: (from, count) => ask("rows", { list: this.listed, from, count, reviewer: this.me }),
      draw: (element, row, index) => drawRow(element, row, index, this.list.total, this.names),
      pick: (index) => this.go(index),
    });
    this.picture = new Spectrogram($("picture"), {
      drawn: (box) => this.calls.draw(box),
      changed: (mark) => this.calls.reshaped(mark),
      chosen: (mark) => this.calls.chosen(mark),
      sought: (seconds) => this.seek(seconds),
      viewed: () => this.viewed(),
      painted: () => this.shown(),
    });
    this.picture.stepDb = this.session.step_db;
    this.player = new Player((at) => { this.picture.playhead = at; this.picture.laterMarks(); },
      () => { if (this.player.playing) this.shown(); $("play").firstChild.textContent = this.player.playing ? "Pause " : "Play "; });
    this.naming = new NameField($("naming"), this.names, (species) => this.named(species), () => this.unnamed());
    this.keys = connect(this);
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
    $("overview").hidden = !this.session.overview;
    $("who").hidden = Boolean(this.session.reviewer);
    $("who").textContent = this.me || "Reviewer";
    for (const name of ["loud", "auto"]) $(name).setAttribute("aria-pressed", memory.get(name, name === "auto"));
    document.body.classList.toggle("blind", blind);
  }

  get events() { return $("view").value === "events"; }

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
      if (turn !== this.turn) return;
      if (error.status) this.picture.fail(error.message); // the recording can't be read; it can be answered all the same
      else this.trouble("The server doesn't answer. Start avianvox review again.");
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
    $("verdict").textContent = row.said ? `${SIGNS[row.said.verdict]} ${told(row.said, this.names)}` : "";
    $("verdict").className = `said ${row.said?.verdict ?? ""}`;
    $("accept").firstChild.textContent = this.events ? "Accept " : "All calls marked ";
    $("accept").hidden = this.events && !row.species;
    $("noise").firstChild.textContent = this.events ? "Noise " : "No call ";
    $("other").hidden = false;
    $("guesses").replaceChildren(...guessButtons(item.guesses ?? [], (i) => this.guess(i)));
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
    this.calls.span = null;
    this.calls.load(true);
    this.sound(pressed("auto") && this.events);
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
    if (!this.item) return;
    const { view, sound } = this.picture;
    view.low = 0;
    view.high = view.high < sound.rate / 2 ? sound.rate / 2 : this.picture.topHz();
    this.picture.later();
  }

  viewed() {
    if (!this.item) return;
    this.calls.load();
    this.calls.strip();
    if (!this.events && !this.player?.playing) this.sound(false);
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
    this.player.load({ file: this.item.file, channel: this.item.channel, from, to, slow, loud: pressed("loud") });
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
    } else if (this.purpose === "call") this.calls.add(species);
    else this.calls.change(this.picture.active, { species });
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

}

const review = new Review();
review.begin().catch((error) => review.trouble(error.message));
