"use strict";
// Tables: a click on a column's head sorts, numbers by their value, largest first.
for (const table of document.querySelectorAll("table")) {
  table.querySelectorAll("thead th").forEach((head, column) => head.addEventListener("click", () => {
    const numeric = head.classList.contains("num");
    const down = head.ariaSort ? head.ariaSort === "ascending" : numeric;
    const value = (row) => {
      const text = row.children[column].textContent;
      return numeric ? (Number.isNaN(parseFloat(text)) ? -Infinity : parseFloat(text)) : text;
    };
    const compare = (a, b) => (numeric ? value(a) - value(b) : value(a).localeCompare(value(b)));
    const rows = [...table.tBodies[0].rows].sort((a, b) => (down ? compare(b, a) : compare(a, b)));
    table.tBodies[0].append(...rows);
    for (const other of head.parentNode.children) other.ariaSort = null;
    head.ariaSort = down ? "descending" : "ascending";
  }));
}

// Sounds: one at a time, with a line that runs over the spectrogram.
for (const sound of document.querySelectorAll(".sound")) {
  const audio = sound.querySelector("audio"), line = sound.querySelector(".playhead");
  if (!audio || !line) continue;
  const run = () => {
    const x = +line.dataset.from + (+line.dataset.to - line.dataset.from) * (audio.currentTime / audio.duration || 0);
    line.setAttribute("x1", x);
    line.setAttribute("x2", x);
    if (!audio.paused) requestAnimationFrame(run);
  };
  audio.addEventListener("play", () => {
    for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
    sound.classList.add("playing");
    run();
  });
  audio.addEventListener("seeked", run);
}

// The confusion matrix: cells as SVG in units of one class, labels as text that stays in sight.
for (const figure of document.querySelectorAll(".confusion")) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const frame = figure.querySelector(".frame"), readout = figure.querySelector(".readout");
  const n = data.labels.length, hint = readout.textContent;
  const choice = { grouping: Object.keys(data.cells)[0], order: Object.keys(data.orders)[0] };
  const make = (name, attributes = {}, text = "") => {
    const svg = ["svg", "rect", "text", "line"].includes(name);
    const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    return element;
  };
  let cell = 0, chosen = null, order, found, support, grid, rows, cols, cross, mark;

  function draw() {
    order = data.orders[choice.order];
    const place = [];
    order.forEach((label, at) => { place[label] = at; });
    support = new Array(n).fill(0);
    found = new Map();
    for (const [target, named, recordings] of data.cells[choice.grouping]) {
      support[target] += recordings.length;
      found.set(target * n + named, recordings);
    }
    const svg = make("svg", { viewBox: `0 0 ${n} ${n}`, role: "img", "aria-label": "Confusion matrix" });
    order.forEach((label, at) => {
      if (choice.order !== "taxonomy" || !at || data.groups[label] === data.groups[order[at - 1]]) return;
      svg.append(make("line", { x1: 0, x2: n, y1: at, y2: at, class: "family" }));
      svg.append(make("line", { y1: 0, y2: n, x1: at, x2: at, class: "family" }));
    });
    for (const [target, named, recordings] of data.cells[choice.grouping]) {
      const x = place[named], y = place[target], css = target === named ? "s1" : "s2";
      const share = recordings.length / support[target], opacity = 0.15 + 0.85 * share;
      svg.append(make("rect", { x, y, width: 1, height: 1, class: `cell ${css}`, "fill-opacity": opacity.toFixed(2) }));
      svg.append(make("text", { x: x + 0.5, y: y + 0.68, class: share > 0.6 ? "count deep" : "count" }, recordings.length));
    }
    cross = [make("rect", { width: n, height: 1, class: "cross" }), make("rect", { width: 1, height: n, class: "cross" })];
    mark = make("rect", { width: 1, height: 1, class: "mark" });
    svg.append(...cross, mark);
    grid = make("div", { class: "grid" });
    rows = make("div", { class: "rows" });
    cols = make("div", { class: "cols" });
    for (const label of order) {
      rows.append(make("span", {}, data.labels[label]));
      cols.append(make("span", {}, data.labels[label]));
    }
    grid.append(make("div", { class: "corner" }, "named →"), cols, rows, svg);
    frame.replaceChildren(grid);
    const at = (event) => {
      const box = svg.getBoundingClientRect(), inside = (value) => Math.min(n - 1, Math.max(0, Math.floor(value)));
      return [inside((event.clientY - box.top) / box.height * n), inside((event.clientX - box.left) / box.width * n)];
    };
    svg.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse") show(at(event)); });
    svg.addEventListener("click", (event) => show(at(event)));
    size(cell);
    show(chosen);
  }

  function size(pixels) {
    cell = pixels;
    const font = Math.min(12, cell * 0.86);
    grid.style.setProperty("--cell", `${cell}px`);
    grid.style.setProperty("--font", `${font}px`);
    grid.classList.toggle("tiny", font < 5.5);
    const svg = grid.querySelector("svg");
    svg.setAttribute("width", cell * n);
    svg.setAttribute("height", cell * n);
    for (const count of svg.querySelectorAll(".count")) count.style.display = cell < 11 ? "none" : "";
  }

  function fit() {
    size(28);
    for (let turn = 0; turn < 4; turn++) {  // labels shrink with the cells, so their room is measured again
      const room = figure.clientWidth - rows.offsetWidth - 4;
      size(Math.max(2, Math.min(28, Math.floor(room / n * 10) / 10)));
    }
  }

  function zoom(factor) {  // about the chosen cell, or else about the middle of what is in sight
    const inside = () => [frame.clientWidth - rows.offsetWidth, frame.clientHeight - cols.offsetHeight];
    const [width, height] = inside();
    const middle = chosen ? [chosen[1] + 0.5, chosen[0] + 0.5]
      : [(frame.scrollLeft + width / 2) / cell, (frame.scrollTop + height / 2) / cell];
    size(Math.max(2, Math.min(48, cell * factor)));
    const [newWidth, newHeight] = inside();
    frame.scrollTo(middle[0] * cell - newWidth / 2, middle[1] * cell - newHeight / 2);
  }

  function show(place) {
    chosen = place;
    for (const label of grid.querySelectorAll(".on")) label.classList.remove("on");
    for (const part of [...cross, mark]) part.style.display = place ? "" : "none";
    if (!place) { readout.textContent = hint; return; }
    const [row, column] = place, target = order[row], named = order[column];
    cross[0].setAttribute("y", row);
    cross[1].setAttribute("x", column);
    mark.setAttribute("x", column);
    mark.setAttribute("y", row);
    rows.children[row].classList.add("on");
    cols.children[column].classList.add("on");
    const recordings = found.get(target * n + named) || [];
    const share = support[target] ? ` (${Math.round(100 * recordings.length / support[target])} %)` : "";
    const full = (label) => {
      const words = [data.common[label], data.groups[label]].filter(Boolean).join(", ");
      return [make("i", {}, data.labels[label]), words ? ` (${words})` : ""];
    };
    const ids = recordings.slice(0, 8).map((k) => data.ids[k]).join(", ") + (recordings.length > 8 ? ", …" : "");
    readout.replaceChildren(
      ...full(target), target === named ? " named correctly: " : " named ", ...(target === named ? [] : [...full(named), ": "]),
      make("b", {}, `${recordings.length} of ${support[target]}`), ` recordings${share}${ids ? `: ${ids}` : "."}`,
    );
  }

  for (const select of figure.querySelectorAll("select")) {
    select.addEventListener("change", () => { choice[select.dataset.choice] = select.value; chosen = null; draw(); });
  }
  for (const button of figure.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => {
      if (button.dataset.zoom === "fit") fit();
      else zoom(button.dataset.zoom === "in" ? 1.35 : 1 / 1.35);
    });
  }
  frame.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const [row, column] = chosen || [0, -1];
    show([Math.min(n - 1, Math.max(0, row + step[0])), Math.min(n - 1, Math.max(0, column + step[1]))]);
  });
  draw();
  fit();
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; fit(); } });  // not for a bar that hides
}
