// The two forms: what is to be named, and what is to be trained.

import { ask, send } from "./ask.js";
import { counted } from "./folders.js";

const $ = (id) => document.getElementById(id);
const last = (path) => path.replace(/[\\/]+$/, "").split(/[\\/]/).pop() || "recordings";

export const option = (value, text) => Object.assign(document.createElement("option"), { value, textContent: text });

export class Forms {
  // `begun(run)` hears of a run that has begun.
  constructor(session, dialog, begun) {
    this.session = session;
    this.dialog = dialog;
    this.begun = begun;
    for (const name of ["new", "train"]) this.connect($(name), name === "new" ? "classify" : "train");
    for (const button of document.querySelectorAll("[data-browse]")) {
      const field = $(button.dataset.browse);
      button.addEventListener("click", () => dialog.open(field.value, (path) => {
        field.value = path;
        field.dispatchEvent(new Event("input"));
        field.dispatchEvent(new Event("change"));
      }));
    }
    const join = (...parts) => parts.join(session.separator);
    const follow = (from, to, place) => {
      $(to).addEventListener("input", () => { $(to).dataset.typed = $(to).value ? "1" : ""; });
      $(from).addEventListener("input", () => { if (!$(to).dataset.typed) $(to).value = $(from).value.trim() ? place($(from).value.trim()) : ""; });
    };
    follow("new-folder", "new-out", (path) => join(session.base, last(path)));
    follow("train-name", "train-out", (name) => join(session.base, "models", name));
    for (const id of ["new-folder", "train-folder"]) $(id).addEventListener("change", () => this.look(id));
    $("new-model").addEventListener("change", () => this.about());
    $("new-place").addEventListener("change", () => this.about());
    $("train-what").addEventListener("change", () => this.about());
    this.fill(session);
  }

  // Models may have come since; the chosen one stays chosen.
  fill(session) {
    this.session = session;
    const fill = (select, rows) => {
      const before = select.value;
      select.replaceChildren(...rows);
      if ([...select.options].some((one) => one.value === before)) select.value = before;
    };
    fill($("new-model"), session.models.filter((one) => !one.error).map((one) =>
      option(one.name, `${one.name}${one.default ? " (default)" : ""}`)));
    fill($("train-what"), session.trainable.map((one) => option(one.name, `${one.name.replace("on:", "on ")}: ${one.summary}`)));
    this.about();
  }

  about() {
    const model = this.session.models.find((one) => one.name === $("new-model").value);
    if (model) {
      $("about-model").textContent = `${counted(model.classes, "species and other class").replace("classs", "classes")}, windows of ${model.window_s} s` +
        `${model.bundled ? "" : ", your own"}${model.licence ? `, licence: ${model.licence}` : ""}`;
      for (const one of $("new-place").options) one.disabled = Boolean(one.value) && !model.geo;
      if (!model.geo) $("new-place").value = "";
      $("about-place").textContent = model.geo ? "Scores of species that are not expected there and then become lower."
        : "This model knows nothing of places.";
    }
    $("here").hidden = $("new-place").value !== "here";
    const onEar = $("train-what").value.startsWith("on:");
    $("of-networks").hidden = onEar;
    $("about-what").textContent = onEar ? "" : "A network learns for minutes to hours; it can be paused after any epoch.";
  }

  // Say what lies in a folder that was named.
  async look(id) {
    const told = document.querySelector(`[data-about="${id}"]`);
    told.dataset.text ??= told.textContent;
    told.textContent = told.dataset.text;
    if (!$(id).value.trim()) return;
    try {
      const found = await ask("folder", { path: $(id).value });
      told.textContent = `${counted(found.sounds, "sound file")} and ${counted(found.folders.length, "folder")} in ${found.path}`;
    } catch (error) {
      told.textContent = error.message;
    }
  }

  use(model) {
    $("new-model").value = model;
    this.about();
  }

  connect(form, path) {
    const said = form.querySelector(".said"), button = form.querySelector("button.first");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (button.disabled) return;
      const values = Object.fromEntries([...form.elements].filter((one) => one.name && !one.closest("[hidden]"))
        .map((one) => [one.name, one.type === "checkbox" ? one.checked : one.value]));
      said.textContent = "";
      button.disabled = true;
      button.textContent = "Starting…";
      try {
        this.begun(await send(path, values));
      } catch (error) {
        said.textContent = error.message;
      }
      button.disabled = false;
      button.textContent = "Start";
    });
  }
}
