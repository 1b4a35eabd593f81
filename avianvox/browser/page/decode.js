// Compressed files, by the browser's own decoder. It holds the decoded file as a whole, so its size is asked first.

import { rateOf } from "./sound.js";

const MOST_BYTES = 1e9; // decoded; tabs on phones end soon after

export async function decodeFile(file, page) {
  const rate = (await rateOf(file)) ?? page.sample_rate;
  const seconds = await lengthOf(file);
  const bytes = seconds * rate * 4 * 2; // as for two channels
  if (bytes > MOST_BYTES) {
    const gigabytes = (bytes / 1e9).toFixed(1);
    const message =
      `it is ${(seconds / 60).toFixed(0)} min long and needs up to ${gigabytes} GB here, more than 1 GB: ` +
      "convert it to WAV, which is read in slices, or cut it";
    throw Object.assign(new Error(message), { status: "unsupported" });
  }
  const content = await file.arrayBuffer();
  let decoded;
  try {
    decoded = await new OfflineAudioContext(1, 1, rate).decodeAudioData(content);
  } catch {
    throw new Error("this browser can't decode it: it is no sound file, damaged, or of another codec");
  }
  const channels = Array.from({ length: decoded.numberOfChannels }, (_, i) => decoded.getChannelData(i).slice());
  return { channels, rate: decoded.sampleRate };
}

// What the browser says of a file without decoding it; 0 where it does not know.
function lengthOf(file) {
  return new Promise((resolve) => {
    const audio = new Audio();
    const address = URL.createObjectURL(file);
    const end = (seconds) => {
      URL.revokeObjectURL(address);
      resolve(Number.isFinite(seconds) ? seconds : 0);
    };
    audio.onloadedmetadata = () => end(audio.duration);
    audio.onerror = () => end(0);
    audio.preload = "metadata";
    audio.src = address;
  });
}
