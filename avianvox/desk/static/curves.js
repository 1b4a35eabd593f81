// Curves of a training: loss and accuracy by epoch, of what is learned from and of what is held out.

const WIDTH = 420, HEIGHT = 170, LEFT = 40, RIGHT = 8, TOP = 8, BOTTOM = 22;

const svg = (name, attributes, text = "") => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
};

function picture(rows, key, total) {
  const lines = [["learned", key], ["held", `val_${key}`]].map(([css, name]) => [css, rows.filter((row) => name in row).map((row) => [row.epoch, row[name]])]);
  const values = lines.flatMap(([, points]) => points.map(([, y]) => y));
  const top = key === "accuracy" ? 1 : Math.max(...values) * 1.05 || 1;
  const last = Math.max(total, 2);
  const x = (epoch) => LEFT + (epoch - 1) / (last - 1) * (WIDTH - LEFT - RIGHT);
  const y = (value) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const drawn = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${key} by epoch` });
  drawn.append(svg("path", { class: "frame", d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}`, style: "stroke-width:1" }));
  for (const value of [0, top]) drawn.append(svg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, value === 0 ? "0" : value.toPrecision(2)));
  for (const epoch of [1, last]) drawn.append(svg("text", { x: x(epoch), y: HEIGHT - 6, "text-anchor": epoch === 1 ? "start" : "end" }, epoch));
  for (const [css, points] of lines) {
    if (points.length > 1) drawn.append(svg("path", { class: css, d: points.map(([e, v], n) => `${n ? "L" : "M"}${x(e).toFixed(1)} ${y(v).toFixed(1)}`).join("") }));
    const end = points.at(-1);
    if (end) drawn.append(svg("circle", { class: css, cx: x(end[0]), cy: y(end[1]), r: 3 }));
  }
  const figure = document.createElement("figure"), caption = document.createElement("figcaption");
  const now = rows.at(-1), shown = (name) => (name in now ? now[name].toFixed(3) : "");
  caption.append(Object.assign(document.createElement("b"), { textContent: key }), `learned from: ${shown(key)}`);
  if (`val_${key}` in now) caption.append(` held out: ${shown(`val_${key}`)}`);
  figure.append(caption, drawn);
  return figure;
}

export function drawCurves(box, rows, total) {
  const keys = ["loss", "accuracy"].filter((key) => rows.length && key in rows.at(-1));
  box.hidden = !keys.length;
  box.replaceChildren(...keys.map((key) => picture(rows, key, total)));
}
