// The window: a list of runs, and in the middle a form or the chosen run.

import { address, ask, send } from "./ask.js";
import { drawCurves } from "./curves.js";
import { counted, FolderDialog } from "./folders.js";
import { Forms, option } from "./forms.js";
import { Found } from "./found.js";
import { Keys } from "./keys.js";

const $ = (id) => document.getElementById(id);
const STATES = { running: "running", pausing: "pausing…", paused: "paused", done: "done", failed: "failed" };
const PHASES = { classify: "naming species", train: "training", export: "making the model file", models: "trying the model" };
const LISTED = { event: "calls", recording: "recordings", window: "windows" };
const OFTEN_MS = 700, SELDOM_MS = 4000;
const base = (path) => path.replace(/[\\/]+$/, "").split(/[\\/]/).pop();
const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `"${word.replace(/(["\\$`])/g, "\\$1")}"`);
const element = (name, text, css = "") => Object.assign(document.createElement(name), { textContent: text, className: css });

class Gui {
  async begin() {
    this.runs = [];
    this.session = await ask("session");
    this.dialog = new FolderDialog();
    this.forms = new Forms(this.session, this.dialog, (run) => this.begun(run));
    this.found = new Found();
    $("format").replaceChildren(...this.session.formats.map((name) => option(name, name)));
    this.connect();
    addEventListener("hashchange", () => this.turn());
    await this.refresh();
    this.turn();
    this.later();
  }

  connect() {
    const run = () => this.run;
    const able = (id) => !$("run").hidden && !$(id).hidden && !$(id).disabled;
    const when = (id, action) => () => (able(id) ? action() : false);
    const act = (path) => () => this.act(() => send(`runs/${run().id}/${path}`, {}));
    const actions = {
      pause: act("pause"), resume: act("resume"), again: act("resume"),
      review: () => this.act(async () => { location.href = (await send(`runs/${run().id}/review`, {})).address; }),
      overview: () => this.overview(),
      download: () => this.act(() => this.download()),
      forget: () => this.act(async () => { await send(`runs/${run().id}/forget`, {}); location.hash = "new"; }),
      use: () => this.act(() => this.use(run().model)),
    };
    for (const [id, action] of Object.entries(actions)) $(id).addEventListener("click", action);
    $("go-new").addEventListener("click", () => { location.hash = "new"; });
    $("go-train").addEventListener("click", () => { location.hash = "train"; });
    $("help").addEventListener("click", () => this.keys.show());
    $("quit").addEventListener("click", () => this.quit());
    $("runs").addEventListener("click", (event) => {
      const one = event.target.closest("button");
      if (one) location.hash = `run-${one.dataset.id}`;
    });
    this.keys = new Keys([
      [["n"], "Name the species in recordings", () => { location.hash = "new"; }],
      [["t"], "Train a model", () => { location.hash = "train"; }],
      [["j"], "Next run", () => this.step(1)], [["k"], "Previous run", () => this.step(-1)],
      [["p"], "Pause or resume the run", () => (able("pause") ? actions.pause() : able("resume") ? actions.resume() : false)],
      [["r"], "Review what was found", when("review", actions.review)],
      [["o"], "Overview of the season", when("overview", actions.overview)],
      [["d"], "Download the table", when("download", actions.download)],
      [["?"], "These keys", () => this.keys.show()],
    ], $("keys"));
  }

  get chosen() { return location.hash.startsWith("#run-") ? location.hash.slice(5) : ""; }

  step(by) {
    const at = this.runs.findIndex((run) => run.id === this.chosen);
    const next = this.runs[Math.min(this.runs.length - 1, Math.max(0, at + by))];
    if (next) location.hash = `run-${next.id}`;
  }

  // Show what the address asks for.
  turn() {
    const here = location.hash.slice(1);
    const id = this.chosen;
    for (const name of ["new", "train"]) $(name).hidden = name !== here && !(name === "new" && !here);
    $("run").hidden = !id || this.run?.id !== id; // until it is known, nothing of another run is shown
    for (const name of ["new", "train"]) $(`go-${name}`).setAttribute("aria-pressed", !$(name).hidden);
    $("error").hidden = true;
    this.failed = "";
    this.list();
    if (id) this.look();
    else document.querySelector("form:not([hidden]) input")?.focus();
  }

  later() {
    clearTimeout(this.due);
    const busy = this.runs.some((run) => ["running", "pausing"].includes(run.state) || run.overview?.drawing);
    this.due = setTimeout(() => this.tick(), busy ? OFTEN_MS : SELDOM_MS);
  }

  async tick() {
    await this.refresh();
    if (this.chosen) await this.look();
    this.later();
  }

  async refresh() {
    try {
      const before = this.runs;
      this.runs = await ask("runs");
      $("trouble").textContent = "";
      const trained = (runs) => runs.filter((run) => run.kind === "train" && run.state === "done").length;
      if (trained(this.runs) !== trained(before)) this.forms.fill(this.session = await ask("session"));
      this.list();
    } catch (error) {
      $("trouble").textContent = this.trouble(error);
    }
  }

  trouble(error) {
    if (error.status === undefined) return "avianvox doesn't answer. Start it again.";
    return error.status === 404 || error.status === 403 ? "avianvox was started anew. Use its new page." : error.message;
  }

  list() {
    $("no-runs").hidden = this.runs.length > 0;
    const state = JSON.stringify([this.runs, this.chosen]);
    if (state === this.listed) return;
    this.listed = state;
    const focus = document.activeElement?.closest?.("#runs button")?.dataset.id;
    $("runs").replaceChildren(...this.runs.map((run) => {
      const button = element("button", "");
      button.dataset.id = run.id;
      button.setAttribute("aria-current", run.id === this.chosen);
      const title = run.kind === "train" ? run.model : base(run.title);
      const what = run.kind === "train" ? "training" : `${LISTED[run.by]}, ${run.model}`;
      button.append(element("b", title), element("span", STATES[run.state], `state ${run.state}`), element("small", `${what}, ${run.begun.slice(0, 16).replace("T", " ")}`));
      if (["running", "pausing"].includes(run.state)) button.append(bar(document.createElement("progress"), run));
      return button;
    }));
    if (focus) $("runs").querySelector(`[data-id="${focus}"]`)?.focus();
  }

  async look() {
    const id = this.chosen;
    let run;
    try {
      run = await ask(`runs/${id}`);
    } catch (error) {
      if (error.status === 400) this.tell(error.message);
      return;
    }
    if (id !== this.chosen) return;
    this.run = run;
    $("run").hidden = false;
    const training = run.kind === "train";
    const busy = ["running", "pausing"].includes(run.state);
    const over = run.state === "done";
    document.title = `${training ? run.model : base(run.title)} – avianvox`;
    $("title").textContent = training ? run.model : run.title;
    $("facts").textContent = training ? `trained on ${run.title}, in ${run.out}` : `${LISTED[run.by]} by ${run.model}, in ${run.out}`;
    $("state").textContent = busy && run.phase ? `${STATES[run.state]}: ${PHASES[run.phase] ?? run.phase}` : STATES[run.state];
    $("state").className = `said ${run.state}`;
    bar($("bar"), run);
    $("count").textContent = training ? epochs(run) : files(run);
    if (run.error || this.failed || run.overview?.error) this.tell(run.error || this.failed || run.overview.error, !run.error && Boolean(this.failed));
    else $("error").hidden = true;
    const shown = {
      pause: run.state === "running", resume: ["paused", "failed"].includes(run.state), review: over && run.by === "event",
      overview: over && run.by === "event", taking: over && !training, again: over && !training, use: over && training, forget: !busy,
    };
    for (const [name, is] of Object.entries(shown)) $(name).hidden = !is;
    $("overview").firstChild.textContent = run.overview?.drawing ? "Drawing the overview… " : "Overview ";
    $("overview").disabled = Boolean(run.overview?.drawing);
    if (this.wanted === id && run.overview?.there && !run.overview.drawing) {
      this.wanted = "";
      location.href = `runs/${id}/overview/`;
    }
    const named = over ? [] : run.named ?? [];
    $("so-far").textContent = named.length ? `Named so far: ${named.slice(0, 8).map(([name, n]) => `${name} ${n}`).join(", ")}${named.length > 8 ? "…" : ""}` : "";
    this.found.show(run);
    drawCurves($("curves"), run.epochs ?? [], run.total);
    this.failures(run);
    $("commands").querySelector("pre").textContent = run.commands.map((words) => words.map(quoted).join(" ")).join("\n");
  }

  failures(run) {
    const box = $("failures"), failed = run.failures ?? [];
    box.hidden = !failed.length;
    if (!failed.length) return;
    box.querySelector("summary").textContent = `${counted(run.failed, "file")} failed`;
    box.querySelector("ul").replaceChildren(...failed.map(([path, why]) => element("li", `${path}: ${why}`)));
  }

  tell(message, stays = true) {
    if (stays) this.failed = message;
    $("error").textContent = message;
    $("error").hidden = false;
  }

  // Do something with the chosen run, and say what went wrong.
  async act(action) {
    this.failed = "";
    try {
      await action();
    } catch (error) {
      this.tell(error.status === undefined ? this.trouble(error) : error.message);
    }
    await this.refresh();
    if (this.chosen) await this.look();
    this.later();
  }

  overview() {
    const { id, overview } = this.run;
    if (overview.there) {
      location.href = `runs/${id}/overview/`;
      return;
    }
    this.wanted = id;
    this.act(() => send(`runs/${id}/overview`, {}));
  }

  // Name species with a model that training has just made: the list may not have it yet.
  async use(model) {
    this.forms.fill(this.session = await ask("session"));
    this.forms.use(model);
    location.hash = "new";
  }

  async download() {
    const { id } = this.run;
    const answer = await fetch(address(`runs/${id}/table`, { format: $("format").value }));
    if (!answer.ok) throw Object.assign(new Error((await answer.json()).error), { status: answer.status });
    const name = /filename="([^"]*)"/.exec(answer.headers.get("content-disposition"))[1];
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(await answer.blob()), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  begun(run) {
    location.hash = `run-${run.id}`;
    this.tick();
  }

  async quit() {
    clearTimeout(this.due);
    await send("quit", {});
    document.querySelector("main").replaceChildren(element("p", "avianvox has ended. Runs are paused, and go on when you start it again. This page can be closed.", "gone"));
    document.querySelector("header nav").remove();
    document.querySelector("header .far").remove();
  }
}

function bar(progress, run) {
  if (run.state === "done") progress.value = 1;
  else if (!run.total || (run.kind === "train" && run.phase && run.phase !== "train")) progress.removeAttribute("value");
  else progress.value = Math.min(1, run.done / run.total);
  if (!progress.hasAttribute("value") && !["running", "pausing"].includes(run.state)) progress.value = 0;
  return progress;
}

function files(run) {
  const of = run.total ? `${run.done.toLocaleString("en")} of ${counted(run.total, "file")}` : counted(run.done, "file");
  return `${of}${run.failed ? `, ${run.failed} failed` : ""}`;
}

function epochs(run) {
  if (!run.total) return run.state === "running" && run.phase === "train" ? "reading the recordings" : "";
  return `epoch ${run.done} of ${run.total}`;
}

new Gui().begin().catch((error) => { $("trouble").textContent = error.message; });
