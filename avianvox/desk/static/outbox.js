// Verdicts on their way to the disk. What the server hasn't confirmed stays in the browser's storage, also over a
// reload and a new start of the server, and is sent again under the same id: there it counts once.

import { send } from "./ask.js";

const AT_ONCE = 50, LONGEST_WAIT = 4000;

export class Outbox {
  // `tell(state)` hears { waiting, trouble, refused, progress } after each change.
  constructor(name, tell) {
    this.name = `avianvox.outbox.${name}`;
    this.tell = tell;
    this.waiting = this.remembered();
    this.busy = false;
    this.pause = 250;
    this.trouble = "";
    if (this.waiting.length) this.deliver();
  }

  remembered() {
    try {
      return JSON.parse(localStorage.getItem(this.name)) ?? [];
    } catch {
      return [];
    }
  }

  remember() {
    try {
      if (this.waiting.length) localStorage.setItem(this.name, JSON.stringify(this.waiting));
      else localStorage.removeItem(this.name);
    } catch { /* no storage: then only this page knows */ }
  }

  put(reviewer, verdict) {
    this.waiting.push({ reviewer, verdict });
    this.remember();
    this.say({});
    this.deliver();
  }

  say(more) {
    this.tell({ waiting: this.waiting.length, trouble: this.trouble, ...more });
  }

  async deliver() {
    if (this.busy) return;
    this.busy = true;
    while (this.waiting.length) {
      const { reviewer } = this.waiting[0];
      const other = this.waiting.findIndex((one) => one.reviewer !== reviewer);
      const batch = this.waiting.slice(0, Math.min(AT_ONCE, other < 0 ? AT_ONCE : other));
      try {
        const answer = await send("verdicts", { reviewer, verdicts: batch.map((one) => one.verdict) });
        const settled = new Set([...answer.kept, ...answer.refused.map((one) => one.id)]);
        this.waiting = this.waiting.filter((one) => !settled.has(one.verdict.id));
        this.trouble = answer.error ?? "";
        this.remember();
        this.say({ refused: answer.refused, progress: answer.progress });
        if (!answer.error) {
          this.pause = 250;
          continue;
        }
      } catch (error) {
        const gone = error.status === 404 || error.status === 403;
        this.trouble = error.status === undefined
          ? "The server doesn't answer. Start avianvox review again."
          : gone ? "The server was started anew. Open the address that it printed." : error.message;
        this.say({});
      }
      await new Promise((go) => setTimeout(go, this.pause));
      this.pause = Math.min(LONGEST_WAIT, this.pause * 2);
    }
    this.busy = false;
  }

  // Wait until all is delivered, but no longer than so many milliseconds.
  async settled(most) {
    const end = performance.now() + most;
    while (this.waiting.length && performance.now() < end) await new Promise((go) => setTimeout(go, 50));
  }
}
