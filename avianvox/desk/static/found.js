// What a run has found: species on one side, their rows on the other.

import { ask } from "./ask.js";
import { counted } from "./folders.js";
import { VirtualList } from "./list.js";
import { clock } from "./axes.js";

const $ = (id) => document.getElementById(id);
const NOT_NAMED = "-";
const element = (name, text, css = "") => Object.assign(document.createElement(name), { textContent: text, className: css });

export class Found {
  constructor() {
    this.species = "";
    this.list = new VirtualList($("list"), {
      load: async (from, count) => (await ask(`runs/${this.id}/rows`, { from, count, species: this.species })).rows,
      draw: (box, row) => draw(box, row),
      pick: () => {},
    });
    $("species").addEventListener("click", (event) => {
      const one = event.target.closest("[data-species]");
      if (one) this.choose(one.dataset.species);
    });
    $("species").addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const all = [...$("species").children], at = all.findIndex((one) => one.ariaSelected === "true");
      const next = all[Math.min(all.length - 1, Math.max(0, at + step))];
      next?.scrollIntoView({ block: "nearest" });
      if (next) this.choose(next.dataset.species);
    });
  }

  // Show the rows of a run; nothing is asked for anew where they are the same.
  show(run) {
    const state = `${run.id}|${run.rows}|${run.done}`;
    $("found").hidden = !run.species;
    if (!run.species || this.state === state) return;
    this.state = state;
    this.id = run.id;
    this.totals = new Map([["", run.rows], ...run.species.map((one) => [one.species, one.rows])]);
    $("species").replaceChildren(kind("", "All", run.rows, ""), ...run.species.map((one) => {
      const name = one.species === NOT_NAMED ? "Nothing named for sure" : one.common || one.species;
      const best = one.best === null ? "" : `, best ${one.best.toFixed(2)}`;
      return kind(one.species, name, one.rows, `${one.species === NOT_NAMED ? "" : `${one.species}, `}${counted(one.recordings, "recording")}${best}`);
    }));
    this.choose("");
  }

  choose(species) {
    this.species = species;
    for (const one of $("species").children) one.ariaSelected = String(one.dataset.species === species);
    const total = this.totals.get(species) ?? 0;
    $("none").hidden = total > 0;
    this.list.reset(total);
  }
}

function kind(species, name, n, more) {
  const box = element("div", "", "kind");
  box.setAttribute("role", "option");
  box.dataset.species = species;
  box.append(element("b", name), element("span", n.toLocaleString("en")));
  if (more) box.append(element("small", more));
  return box;
}

function draw(box, row) {
  if (!row) {
    box.replaceChildren(element("span", "", "mark"), element("b", "…"));
    return;
  }
  const uncertain = row.decision && row.decision !== "named";
  const name = row.common || row.species || (row.message || row.status);
  const span = row.begin_s === null ? "" : ` ${clock(row.begin_s)} – ${clock(row.end_s)}`;
  box.title = row.path;
  box.replaceChildren(
    element("span", row.species ? (uncertain ? "?" : "") : "·", "mark"),
    element("b", row.common && row.species ? `${row.common} (${row.species})` : name),
    element("i", row.score === null ? "" : row.score.toFixed(2)),
    element("small", `${row.name}${span}${row.time ? `, ${row.time.slice(0, 19).replace("T", " ")}` : ""}`),
  );
}
