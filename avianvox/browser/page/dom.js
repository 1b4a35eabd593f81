// Elements, and times as they are read.

export function make(name, attributes = {}, text = null) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  return element;
}

export function clock(seconds, decimals = 0) {
  const [h, m] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const s = (seconds % 60).toFixed(decimals).padStart(decimals ? 3 + decimals : 2, "0");
  return `${h ? `${h}:${String(m).padStart(2, "0")}` : m}:${s}`;
}
