// The microphone, without what browsers do to voices of people: no echo or noise suppression, no gain control.

export function whyNoMicrophone() {
  if (!isSecureContext) {
    return "The microphone needs an address with https://, or localhost: a browser gives it to no other page.";
  }
  if (!navigator.mediaDevices || !window.AudioWorkletNode) return "This browser has no microphone for pages.";
  return "";
}

export async function openMicrophone() {
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    const denied = error.name === "NotAllowedError";
    throw new Error(denied ? "The microphone was not allowed: allow it in the browser's settings of this page." : `No microphone: ${error.message}`);
  }
  const context = new AudioContext();
  await context.audioWorklet.addModule("microphone.js");
  await context.resume();
  const node = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0 });
  context.createMediaStreamSource(stream).connect(node);
  const awake = await navigator.wakeLock?.request("screen").catch(() => null); // a phone that sleeps hears nothing
  return {
    rate: context.sampleRate,
    take: (give) => (node.port.onmessage = ({ data }) => give(data)),
    close: () => {
      stream.getTracks().forEach((track) => track.stop());
      context.close();
      awake?.release();
    },
  };
}
