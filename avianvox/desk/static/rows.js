// How items, answers and guesses are written: elements of the list and buttons beside the picture.

import { clock } from "./axes.js";

export const SIGNS = { accepted: "✓", other: "→", unsure: "?", noise: "✗", skipped: "»", added: "+" };
const WORDS = { unsure: "Unsure", noise: "Noise", skipped: "Skipped" };

const make = (tag, text, css = "") => Object.assign(document.createElement(tag), { textContent: text, className: css });

// Fill an element of the list of ``total`` rows.
export function drawRow(element, row, index, total, names) {
  if (!row) {
    element.replaceChildren(make("span", ""), make("b", "…"));
    return;
  }
  const said = row.said?.verdict ?? "";
  const place = row.begin_s === null ? "" : ` ${clock(row.begin_s, true)}`;
  const file = `${row.name}${place}`, when = (row.begin_time || "").slice(0, 16).replace("T", " ");
  const title = row.species ? names.label(row.species) : file;
  const second = row.species ? [file, when].filter(Boolean).join(" · ") : when || `${index + 1} of ${total}`;
  const score = row.score === null || row.score === undefined ? "" : row.score.toFixed(2);
  element.replaceChildren(make("span", SIGNS[said] ?? "", `mark ${said}`), make("b", title), make("i", score), make("small", second));
  element.title = said ? told(row.said, names) : "";
}

// What a reviewer has said, in words.
export function told(said, names) {
  const heard = said.species.map((species) => names.label(species)).join(", ");
  return WORDS[said.verdict] ?? (said.verdict === "accepted" ? `Accepted: ${heard}` : heard);
}

// A button for each guess of the model.
export function guessButtons(guesses, take) {
  return guesses.map((guess, i) => {
    const button = document.createElement("button");
    button.append(make("kbd", i + 1), ` ${guess.common || guess.species} `, make("i", guess.score === null ? "" : guess.score.toFixed(2)));
    button.title = guess.species + (guess.expected === "no" ? ", not expected here" : "");
    button.addEventListener("click", () => take(i));
    return button;
  });
}
