// Runs in the browser's audio thread: hands the microphone's sound on, channels mixed, in blocks of about 0.1 s.

const BLOCK = 4096;

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(BLOCK);
    this.n = 0;
  }

  process([channels]) {
    const length = channels[0]?.length ?? 0;
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (const samples of channels) sum += samples[i];
      this.block[this.n++] = sum / channels.length;
      if (this.n === BLOCK) {
        this.port.postMessage(this.block, [this.block.buffer]);
        this.block = new Float32Array(BLOCK);
        this.n = 0;
      }
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
