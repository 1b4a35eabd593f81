// Pieces of spectrograms: they come as bytes, are kept for a while, and are coloured here.

import { askBytes } from "./ask.js";

const ANCHORS = "000004 140e36 3b0f70 641a80 8c2981 b73779 de4968 f7705c fe9f6d fecf92 fcfdbf"; // "magma"
const PIECES = 24, FLOOR_DB = -120;

export const clamp = (value, least, most) => Math.min(Math.max(value, least), Math.max(least, most));

const magma = (() => {
  const at = ANCHORS.split(" ").map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  return Array.from({ length: 256 }, (_, i) => {
    const place = (i / 255) * (at.length - 1), low = Math.min(at.length - 2, Math.floor(place)), share = place - low;
    return at[low].map((value, c) => Math.round(value + share * (at[low + 1][c] - value)));
  });
})();

// Pieces of pictures that have been asked for, the youngest last.
export const pieces = new Map();

export function piece(file, channel, from, to, columns) {
  const values = { file, channel, from: from.toFixed(3), to: to.toFixed(3), columns };
  const name = JSON.stringify(values);
  if (pieces.has(name)) {
    const known = pieces.get(name);
    pieces.delete(name);
    pieces.set(name, known);
    return known;
  }
  const entry = { file, channel, name, ready: null };
  entry.coming = askBytes("spectrogram", values).then((bytes) => {
    const [rows, cols, begin, end, step, dark, bright, rate] = new Float64Array(bytes, 0, 8);
    entry.ready = { rows, cols, begin, end, step, dark, bright, rate, points: new Uint8Array(bytes, 64), canvas: null };
    return entry.ready;
  });
  entry.coming.catch(() => pieces.delete(name));
  pieces.set(name, entry);
  while (pieces.size > PIECES) pieces.delete(pieces.keys().next().value);
  return entry;
}

export function coloured(ready, contrast, stepDb) {
  if (ready.canvas && ready.contrast === contrast) return ready.canvas;
  const { rows, cols, points } = ready;
  const bright = (ready.bright - FLOOR_DB) / stepDb, range = Math.max(12, (ready.bright - ready.dark + contrast) / stepDb);
  const colours = new Uint32Array(256);
  for (let value = 0; value < 256; value++) {
    const [r, g, b] = magma[clamp(Math.round(((value - bright) / range + 1) * 255), 0, 255)];
    colours[value] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  const image = new ImageData(cols, rows), out = new Uint32Array(image.data.buffer);
  for (let row = 0; row < rows; row++) {
    const from = (rows - 1 - row) * cols, to = row * cols;
    for (let col = 0; col < cols; col++) out[to + col] = colours[points[from + col]];
  }
  ready.canvas = new OffscreenCanvas(cols, rows);
  ready.canvas.getContext("2d").putImageData(image, 0, 0);
  ready.contrast = contrast;
  return ready.canvas;
}
