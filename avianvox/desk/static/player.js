// Sound of a span of a recording, at any speed, and where it is playing.

import { address } from "./ask.js";

export class Player {
  // `moved(seconds or null)` hears where in the recording the sound is; `changed()` that it began or ended.
  constructor(moved, changed) {
    this.audio = new Audio();
    this.audio.preload = "auto";
    this.moved = moved;
    this.span = null;
    const follow = () => {
      if (this.span) moved(this.span.from + this.audio.currentTime / this.span.slow);
      if (!this.audio.paused) requestAnimationFrame(follow);
    };
    this.audio.addEventListener("play", () => { changed(); follow(); });
    for (const name of ["pause", "ended"]) this.audio.addEventListener(name, changed);
  }

  get playing() { return !this.audio.paused; }

  static address(span) {
    const { file, from, to, slow, loud, channel } = span;
    return address("sound", { file, from: from.toFixed(3), to: to.toFixed(3), slow, loud: loud ? 1 : "", channel });
  }

  load(span) {
    const url = Player.address(span);
    if (this.url === url) return;
    this.url = url;
    this.span = span;
    this.audio.src = url;
    this.moved(null);
  }

  async play(at = null) {
    if (at !== null && this.span) this.audio.currentTime = Math.max(0, (at - this.span.from) * this.span.slow);
    try {
      await this.audio.play();
    } catch { /* no gesture yet, or another sound was loaded meanwhile */ }
  }

  toggle() {
    if (this.playing) this.audio.pause();
    else this.play();
  }

  stop() { this.audio.pause(); }
}
