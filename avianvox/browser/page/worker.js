// The work, beside the page: LiteRT with the model, and one listener for a file or the microphone.
// A classic worker, because LiteRT loads its runtime with importScripts.

const MOST_WAITING = 3000; // blocks of the microphone's sound, about four minutes

const loading = load();
loading.catch((error) => postMessage({ type: "broken", message: String(error.message ?? error) }));
let jobs = loading;
const cancelled = new Set();
let live = null;

async function load() {
  const [litert, windows, sound, page, bytes] = await Promise.all([
    import("./litert/litert.js"),
    import("./windows.js"),
    import("./sound.js"),
    fetched("page.json").then((answer) => answer.json()),
    fetched("model.tflite").then((answer) => answer.arrayBuffer()),
  ]);
  const runtime = new URL("litert/litert_wasm_compat_internal.js", location.href);
  self.Module = {
    locateFile: (name) => new URL(name, runtime).href, // by itself it looks beside this script
    printErr: (line) => /^(ERROR|FATAL)/.test(line) && console.error(line),
    onAbort: (why) => postMessage({ type: "broken", message: String(why) }),
  };
  await litert.loadLiteRt(runtime.href);
  const model = await litert.loadAndCompile(new Uint8Array(bytes), { accelerator: "wasm" });
  const runner = page.signature === null ? model : model.signatures[page.signature];
  const shape = [...runner.getInputDetails()[0].shape];
  const names = runner.getOutputDetails().map((output) => output.name);
  const places = page.outputs.map((output) => output.index ?? Math.max(0, names.indexOf(output.key)));
  const run = async (rows) => {
    const input = new litert.Tensor(rows.slice(), shape);
    const outputs = await runner.run(input);
    const found = places.map((place) => Float32Array.from(outputs[place].toTypedArray()));
    for (const tensor of [input, ...outputs]) tensor.delete();
    return found;
  };
  const begin = performance.now();
  await run(new Float32Array(shape.reduce((a, b) => a * b, 1))); // the first one takes longest
  postMessage({ type: "ready", first_ms: performance.now() - begin });
  return { page, run, windows, sound };
}

async function fetched(name) {
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(`${name} is missing on the server (${answer.status})`);
  return answer;
}

onmessage = ({ data }) => {
  if (data.type === "cancel") cancelled.add(data.id);
  else if (data.type === "live") hear(data);
  else {
    jobs = jobs.then((tools) => work(tools, data).then(() => tools));
    jobs.catch(() => {}); // said by load
  }
};

async function work(tools, job) {
  const tell = (found) => postMessage({ ...found, id: job.id });
  try {
    if (job.type === "file") await classify(tools, job, tell);
    else await listen(tools, job, tell); // "listen"
  } catch (error) {
    tell({ type: "failed", message: String(error.message ?? error) });
  }
}

async function classify({ page, run, windows, sound }, { id, file, decoded, rate }, tell) {
  if (!file?.size && !decoded) return tell({ type: "failed", status: "empty", message: "the file is empty (0 bytes)" });
  const wav = decoded ? null : await sound.openWav(file);
  if (!decoded && !wav) return tell({ type: "decode" }); // the browser has to do it, and only the page can ask it
  const meter = new sound.Meter(page.meter);
  const promised = wav ? wav.promised : decoded[0].length;
  const at_hz = wav ? wav.rate : rate;
  const why = sound.whyNotRate(at_hz, page.meter.rates_hz);
  if (why) return tell({ type: "failed", status: "unsupported", message: why });
  const listener = new windows.Listener(page, run, at_hz, tell);
  tell({ type: "length", seconds: (wav ? wav.frames : promised) / at_hz });
  const begin = performance.now();
  for await (const channels of wav ? sound.wavSlices(file, wav) : slices(decoded)) {
    if (cancelled.delete(id)) return tell({ type: "cancelled" });
    const mixed = meter.mix(channels);
    for (let at = 0; at < mixed.length; at += at_hz) await listener.push(mixed.subarray(at, at + at_hz));
    tell({ type: "progress", seconds: meter.frames / at_hz });
    await new Promise((resume) => setTimeout(resume)); // let messages in
  }
  const found = await listener.finish();
  const [status, message] = meter.judge(promised, at_hz, page.sample_rate);
  const quiet = found.scored ? "" : "too quiet to name a species";
  tell({
    type: "done",
    ...found,
    status,
    message: message || quiet,
    header_s: promised / at_hz,
    decoded_s: meter.frames / at_hz,
    took_s: (performance.now() - begin) / 1000,
  });
}

function* slices(channels) {
  const step = 1 << 17;
  for (let at = 0; at < channels[0].length; at += step) yield channels.map((c) => c.subarray(at, at + step));
}

async function listen({ page, run, windows }, { id, rate }, tell) {
  live = { id, waiting: [], wake: null, over: false, slow: false };
  const listener = new windows.Listener(page, run, rate, tell);
  tell({ type: "listening" });
  let seconds = 0;
  while (!live.over || live.waiting.length) {
    if (!live.waiting.length) await new Promise((wake) => (live.wake = wake));
    for (const samples of live.waiting.splice(0)) {
      await listener.push(samples);
      seconds += samples.length / rate;
    }
    tell({ type: "progress", seconds });
  }
  const message = live.slow ? "stopped: this device needs more time for a window than the window lasts" : "";
  live = null;
  const found = await listener.finish();
  tell({ type: "done", ...found, status: "ok", message, header_s: null, decoded_s: seconds, took_s: seconds });
}

function hear({ id, samples, over }) {
  if (live?.id !== id || live.over) return;
  if (samples) live.waiting.push(samples);
  live.slow = live.waiting.length > MOST_WAITING;
  live.over = over === true || live.slow;
  live.wake?.();
}
