// Buttons, keys and choices of the page of review: which does what, in one place.

import { Keys } from "./keys.js";

const $ = (id) => document.getElementById(id);

export const SPEEDS = [[1, "1×"], [2, "½×"], [4, "¼×"], [10, "1/10×"], [20, "1/20×"]];

export const memory = {
  get(name, other) {
    try { return JSON.parse(localStorage.getItem(`avianvox.${name}`)) ?? other; } catch { return other; }
  },
  set(name, value) {
    try { localStorage.setItem(`avianvox.${name}`, JSON.stringify(value)); } catch { /* then it is asked for again */ }
  },
};

export const pressed = (name) => $(name).getAttribute("aria-pressed") === "true";

export function connect(page) {
  const click = (id, action) => $(id).addEventListener("click", (event) => {
    action();
    if (event.detail) $(id).blur(); // after a mouse, keys are for the item again
  });
  for (const id of ["view", "order", "species", "state"]) $(id).addEventListener("change", () => { $(id).blur(); page.relist(); });
  const flip = (name, then = () => {}) => () => {
    $(name).setAttribute("aria-pressed", !pressed(name));
    memory.set(name, pressed(name));
    then();
  };
  const loud = flip("loud", () => page.sound(page.player.playing)), auto = flip("auto");
  const draw = () => { page.picture.drawing = !page.picture.drawing; $("draw").setAttribute("aria-pressed", page.picture.drawing); };
  const slower = () => {
    $("slow").selectedIndex = ($("slow").selectedIndex + 1) % SPEEDS.length;
    page.sound(page.player.playing);
  };
  const contrast = (step) => {
    $("contrast").value = Number($("contrast").value) + step;
    page.picture.contrast = -Number($("contrast").value);
    page.picture.later();
  };
  const escape = () => {
    page.picture.drawing = false;
    $("draw").setAttribute("aria-pressed", false);
    page.picture.choose(page.mark ?? null);
  };
  const zoom = (factor) => () => page.item && page.picture.zoom(factor);
  const name = () => page.nameItem();
  $("slow").addEventListener("change", () => { $("slow").blur(); page.sound(page.player.playing); });
  $("contrast").addEventListener("input", () => contrast(0));
  $("strip").addEventListener("pointerdown", (event) => page.calls.stripped(event));
  $("reviewer").form.addEventListener("submit", () => page.introduced($("reviewer").value.trim()));
  $("ask").addEventListener("cancel", (event) => { if (!page.me) event.preventDefault(); });
  addEventListener("visibilitychange", () => { if (!document.hidden && page.hiddenAt) page.shownAt += performance.now() - page.hiddenAt; page.hiddenAt = document.hidden ? performance.now() : 0; });
  const actions = {
    play: () => page.toggle(), loud, auto, out: zoom(1 / 1.6), in: zoom(1.6), fit: () => page.fit(), draw, remove: () => page.calls.remove(),
    accept: () => page.accept(), other: name, unsure: () => page.decide("unsure"), noise: () => page.decide("noise"),
    skip: () => page.decide("skipped"), undo: () => page.undo(), who: () => page.who(), help: () => page.keys.show(),
  };
  for (const [id, action] of Object.entries(actions)) click(id, action);
  const table = [
    [["Enter", "a"], "Accept the suggestion; for a recording: all calls are marked", actions.accept],
    [["1", "2", "3", "4", "5", "6", "7", "8"], "The guess of this number", (key) => page.guess(Number(key) - 1)],
    [["o"], "Name another species, or several; rename a chosen call", name],
    [["u"], "Unsure", actions.unsure], [["n"], "Noise: no animal voice", actions.noise],
    [["s", "x"], "Skip", actions.skip], [["z", "Backspace"], "Undo", actions.undo],
    [["ArrowDown", "j"], "Next", () => page.go(page.index + 1)], [["ArrowUp", "k"], "Previous", () => page.go(page.index - 1)],
    [["g"], "Next without an answer", () => page.nextOpen(page.index)],
    [[" "], "Play or pause", actions.play], [["d"], "Another speed, slower for bats", slower],
    [["l"], "Louder", loud], [["p"], "Autoplay", auto],
    [["+", "="], "Zoom in", actions.in], [["-"], "Zoom out", actions.out],
    [["ArrowLeft"], "Move back in time", () => page.picture.pan(-0.25)], [["ArrowRight"], "Move on in time", () => page.picture.pan(0.25)],
    [["PageUp"], "A page back", () => page.picture.pan(-0.9)], [["PageDown"], "A page on", () => page.picture.pan(0.9)],
    [["h"], "Higher frequencies or all of them", () => page.height()], [["f", "0"], "Back to the item", actions.fit],
    [["]"], "More contrast", () => contrast(4)], [["["], "Less contrast", () => contrast(-4)],
    [["b"], "Draw a box around a missing call (or hold Shift and drag)", draw],
    [["Delete"], "Remove the chosen call", actions.remove], [["c"], "Write a note", () => $("note").focus()],
    [["Escape"], "Leave what was begun", escape], [["?"], "These keys", actions.help],
  ];
  $("note").addEventListener("keydown", (event) => { if (["Enter", "Escape"].includes(event.key)) $("note").blur(); });
  return new Keys(table, $("keys"));
}
