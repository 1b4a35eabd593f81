// Sound files. A WAV is read in slices, so its length does not matter. Everything else is decoded by the browser,
// which holds the whole file in memory; `rateOf` finds the rate at which it then resamples nothing.

const HEAD_BYTES = 1 << 16;
const SLICE_FRAMES = 1 << 17;
const UNKNOWN_LENGTHS = [0, 0x7ffff000, 0x7fffffff, 0xffffffff]; // written by programs that stream into a pipe
const MOST_CHUNKS = 10000;

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;

// What a WAV file holds, or null where it is none that is read here.
export async function openWav(file) {
  const view = async (begin, n) => new DataView(await file.slice(begin, begin + n).arrayBuffer());
  const name = (data, at) => String.fromCharCode(...new Uint8Array(data.buffer, at, 4));
  const head = await view(0, 12);
  if (head.byteLength < 12 || !["RIFF", "RF64"].includes(name(head, 0)) || name(head, 8) !== "WAVE") return null;
  let format = null;
  let long = null; // the length of the data of an RF64
  for (let at = 12, n = 0; at + 8 <= file.size && n < MOST_CHUNKS; n++) {
    const chunk = await view(at, 8 + 40);
    const kind = name(chunk, 0);
    const length = chunk.getUint32(4, true);
    if (kind === "ds64" && chunk.byteLength >= 24) long = Number(chunk.getBigUint64(16, true));
    if (kind === "fmt " && chunk.byteLength >= 24) format = readFormat(chunk, length);
    if (kind === "data") {
      if (!format) return null;
      const there = file.size - at - 8;
      const promised = length === 0xffffffff && long !== null ? long : length;
      const known = promised === long || !UNKNOWN_LENGTHS.includes(promised);
      const frame = (format.bits / 8) * format.channels;
      const frames = Math.floor(Math.min(known ? promised : there, there) / frame);
      return { ...format, frame, frames, data: at + 8, promised: known ? Math.floor(promised / frame) : frames };
    }
    at += 8 + length + (length % 2);
  }
  return null;
}

function readFormat(chunk, length) {
  const tag = chunk.getUint16(8, true);
  const kind = tag === EXTENSIBLE && length >= 40 && chunk.byteLength >= 34 ? chunk.getUint16(32, true) : tag;
  const format = {
    kind,
    channels: chunk.getUint16(10, true),
    rate: chunk.getUint32(12, true),
    bits: chunk.getUint16(22, true),
  };
  const known = (kind === PCM && [8, 16, 24, 32].includes(format.bits)) || (kind === FLOAT && [32, 64].includes(format.bits));
  return known && format.channels > 0 && format.rate > 0 ? format : null;
}

// Slices of a WAV, one array a channel.
export async function* wavSlices(file, wav) {
  for (let first = 0; first < wav.frames; first += SLICE_FRAMES) {
    const n = Math.min(SLICE_FRAMES, wav.frames - first);
    const begin = wav.data + first * wav.frame;
    const view = new DataView(await file.slice(begin, begin + n * wav.frame).arrayBuffer());
    const read = reader(view, wav);
    const step = wav.bits / 8;
    yield Array.from({ length: wav.channels }, (_, channel) => {
      const samples = new Float32Array(n);
      for (let i = 0, at = channel * step; i < n; i++, at += wav.frame) samples[i] = read(at);
      return samples;
    });
  }
}

function reader(view, { kind, bits }) {
  if (kind === FLOAT) return bits === 32 ? (at) => view.getFloat32(at, true) : (at) => view.getFloat64(at, true);
  if (bits === 8) return (at) => (view.getUint8(at) - 128) / 128;
  if (bits === 16) return (at) => view.getInt16(at, true) / 32768;
  if (bits === 24) return (at) => ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 8388608;
  return (at) => view.getInt32(at, true) / 2147483648;
}

// The sample rate that the header of a FLAC, Ogg or MP3 file names; null where it is another file.
export async function rateOf(file) {
  const bytes = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  const text = String.fromCharCode(...bytes.subarray(0, 256));
  const view = new DataView(bytes.buffer);
  if (text.startsWith("fLaC") && bytes.length > 21) return view.getUint32(18) >>> 12;
  if (text.startsWith("OggS")) {
    if (text.includes("OpusHead")) return 48000;
    const vorbis = text.indexOf("\x01vorbis");
    if (vorbis >= 0) return view.getUint32(vorbis + 12, true);
    const flac = text.indexOf("fLaC");
    return flac < 0 ? null : view.getUint32(flac + 18) >>> 12;
  }
  return mp3Rate(file, bytes, text);
}

async function mp3Rate(file, bytes, text) {
  let frames = bytes;
  if (text.startsWith("ID3")) {
    const tag = bytes.subarray(6, 10).reduce((sum, byte) => sum * 128 + byte, 0) + 10;
    frames = new Uint8Array(await file.slice(tag, tag + HEAD_BYTES).arrayBuffer());
  }
  for (let i = 0; i + 2 < Math.min(frames.length, 4096); i++) {
    const layer3 = frames[i] === 0xff && (frames[i + 1] & 0xe6) === 0xe2;
    const version = (frames[i + 1] >> 3) & 3; // 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5
    const rate = (frames[i + 2] >> 2) & 3;
    if (layer3 && version !== 1 && rate < 3) return [44100, 48000, 32000][rate] / { 3: 1, 2: 2, 0: 4 }[version];
  }
  return null;
}

// Watches samples go by, as the command does, and mixes the channels.
export class Meter {
  constructor(rules) {
    this.rules = rules; // silent_range, full_scale, clipped_share, absurd
    this.low = Infinity;
    this.high = -Infinity;
    this.frames = this.values = this.full = this.absurd = 0;
  }

  mix(channels) {
    const { full_scale, absurd } = this.rules;
    for (const samples of channels) {
      for (let i = 0; i < samples.length; i++) {
        if (!(Math.abs(samples[i]) < absurd)) {
          samples[i] = 0;
          this.absurd++;
        }
        const value = samples[i];
        if (value < this.low) this.low = value;
        if (value > this.high) this.high = value;
        if (value >= full_scale || value <= -full_scale) this.full++;
      }
    }
    const n = channels[0].length;
    this.frames += n;
    this.values += n * channels.length;
    if (channels.length === 1) return channels[0];
    return Float32Array.from({ length: n }, (_, i) => channels.reduce((sum, c) => sum + c[i], 0) / channels.length);
  }

  // Status and remark, by the rules of avianvox/audio/decode.py; `wanted`: the model's sample rate.
  judge(promised, rate, wanted) {
    const [status, ...remarks] = this.#status(promised, rate);
    if (this.absurd) remarks.push(`${grouped(this.absurd)} samples are not finite or far too large, and were set to zero`);
    if (["ok", "clipped"].includes(status) && 2 * rate <= wanted) {
      remarks.push(this.rules.narrow.replace("{held}", rate / 2000).replace("{wanted}", wanted / 2000));
    }
    return [status, remarks.join("; ")];
  }

  #status(promised, rate) {
    const seconds = (frames) => (frames / rate).toFixed(1);
    if (!this.frames) return ["empty", "the file holds no samples"];
    if (promised - this.frames >= this.rules.tolerance_s * rate) {
      return ["truncated", `the header promises ${seconds(promised)} s, ${seconds(this.frames)} s decode`];
    }
    if (this.high - this.low <= this.rules.silent_range) return ["silent", "there is no sound in it"];
    if (this.full >= this.rules.clipped_share * this.values) {
      return ["clipped", `${((100 * this.full) / this.values).toFixed(1)}% of the samples are at full scale`];
    }
    return ["ok"];
  }
}

// Why the command reads no file of this rate, by the rules of avianvox/audio/sources.py; empty where it does.
export function whyNotRate(rate, [least, most]) {
  if (rate >= least && rate <= most) return "";
  return `expected a sample rate from ${grouped(least)} to ${grouped(most)} Hz, its header says ${grouped(rate)} Hz`;
}

function grouped(number) {
  return number.toLocaleString("en-US");
}
