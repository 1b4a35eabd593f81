// The page: where sound comes from, and the list of results. The work is done in worker.js.

import { openMicrophone, whyNoMicrophone } from "./live.js";
import { decodeFile } from "./decode.js";
import { Result } from "./result.js";
import { download, tableOf } from "./table.js";

const $ = (id) => document.getElementById(id);
const results = new Map();
let page = null;
let listening = null; // { id, stop } of the microphone
let number = 0;

say("Loading the model …");
const worker = new Worker(new URL("worker.js", import.meta.url));
worker.onerror = (event) => broken(event.message);
worker.onmessage = ({ data }) => (data.id === undefined ? aboutModel(data) : aboutResult(data));

start();

async function start() {
  const answer = await fetch("page.json").catch(() => null);
  if (!answer?.ok) return broken("page.json is missing on the server");
  page = await answer.json();
  const animals = page.labels.length - (page.events.no_bird === null ? 0 : 1);
  document.title = `avianvox: ${page.name}`;
  $("about").textContent = `Model ${page.name}: ${animals} species, windows of ${page.window_s.toFixed(1)} s`;
  $("file").onchange = () => {
    takeFiles($("file").files);
    $("file").value = "";
  };
  const drop = $("drop");
  for (const kind of ["dragenter", "dragover"]) document.addEventListener(kind, (e) => over(e, true));
  for (const kind of ["dragleave", "drop"]) document.addEventListener(kind, (e) => over(e, false));
  document.addEventListener("drop", (event) => takeFiles(event.dataTransfer.files));
  function over(event, on) {
    event.preventDefault();
    drop.classList.toggle("over", on);
  }
  $("microphone").onclick = () => (listening ? listening.stop() : listen());
  $("download").onclick = () => {
    const by = $("by").value;
    download(`avianvox_${by}s.csv`, tableOf([...results.values()], by, page));
  };
  $("clear").onclick = clear;
  matchMedia("(prefers-color-scheme: dark)").onchange = () => results.forEach((result) => result.draw());
  prepareOffline();
}

function aboutModel({ type, message }) {
  if (type === "broken") broken(message);
  else say("");
  document.body.dataset.model = type;
}

function aboutResult(data) {
  const result = results.get(data.id);
  if (!result) return;
  if (data.type === "decode") return decode(result);
  result.take(data);
  if (data.type === "done" && listening?.id === data.id) listening.stop();
}

function takeFiles(files) {
  for (const file of files) {
    const result = show(file.name, file);
    worker.postMessage({ type: "file", id: result.id, file });
  }
}

async function decode(result) {
  try {
    const { channels, rate } = await decodeFile(result.file, page);
    const buffers = channels.map((samples) => samples.buffer);
    worker.postMessage({ type: "file", id: result.id, decoded: channels, rate }, buffers);
  } catch (error) {
    result.take({ type: "failed", status: error.status, message: error.message });
  }
}

async function listen() {
  const why = whyNoMicrophone();
  if (why) return say(why);
  const button = $("microphone");
  button.disabled = true;
  try {
    const input = await openMicrophone();
    const result = show(`microphone_${stamp(new Date())}`, null);
    const { id } = result;
    const stop = () => {
      input.close();
      worker.postMessage({ type: "live", id, over: true });
      listening = null;
      press(button, false);
    };
    listening = { id, stop };
    input.take((samples) => worker.postMessage({ type: "live", id, samples }, [samples.buffer]));
    worker.postMessage({ type: "listen", id, rate: input.rate });
    press(button, true);
    say("");
  } catch (error) {
    say(error.message);
  }
  button.disabled = false;
}

function press(button, on) {
  button.setAttribute("aria-pressed", String(on));
  button.querySelector("b").textContent = on ? "Stop" : "Microphone";
  button.querySelector("span").textContent = on ? "The microphone is on" : "Listen and name species live";
}

function stamp(date) {
  const two = (value) => String(value).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("");
  return `${day}_${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`;
}

function show(name, file) {
  const result = new Result(++number, name, file, page);
  result.oncancel = () => worker.postMessage({ type: "cancel", id: result.id });
  results.set(result.id, result);
  $("results").prepend(result.element);
  $("tables").hidden = false;
  return result;
}

function clear() {
  listening?.stop();
  for (const result of results.values()) {
    result.oncancel();
    result.remove();
  }
  results.clear();
  $("tables").hidden = true;
}

function say(text) {
  $("state").textContent = text;
  $("state").hidden = !text;
}

function broken(message) {
  say(`The model can't be run here: ${message}`);
}

async function prepareOffline() {
  const note = $("offline");
  if (!navigator.serviceWorker) {
    note.textContent = "Offline use and the microphone need an address with https://, or localhost.";
    return;
  }
  try {
    await navigator.serviceWorker.register("sw.js");
    await navigator.serviceWorker.ready;
    note.textContent = "This page is kept by the browser and opens without a network.";
    document.body.dataset.offline = "ready";
  } catch (error) {
    note.textContent = `This browser does not keep the page for offline use (${error.message}).`;
  }
}
