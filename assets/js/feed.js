/* Steps on their way into a run: what did not arrive is asked for again. */

import { plural } from "./dom.js";
import { list, readEnd, readStart, readStep } from "./protocol.js";

const HEAL_DELAY_MS = 150;
const HEAL_TRIES = 3;

/** The steps of one run; `changed` is told the first one that is new, `warn` what cannot be had. */
export class Feed {
  constructor(run, frames, changed, warn) {
    Object.assign(this, { run, frames, changed, warn, tries: 0, asked: null, timer: 0, closed: false });
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }

  take(messages) {
    const { run } = this;
    const steps = messages.map((message) => readStep(message, run.length));
    const first = run.add(steps);
    if (first < 0) return;
    const hole = run.hole();
    if (hole) this.heal(hole[0], hole[1] + 1);
    this.changed(first, steps);
  }

  /** The end message of the server, or that of a recorded run. */
  end(message) {
    const { run } = this;
    const steps = message && Number.isInteger(message.n) ? message.n : message && message.stopped ? run.count : run.n;
    run.ended = readEnd(message);
    if (run.count < steps) this.heal(run.count, steps);
  }

  /** Asks for steps that did not arrive, once the rest of a burst has had time to come. */
  heal(from, to) {
    if (!this.frames) return;
    const asked = this.asked || { from, to };
    this.asked = { from: Math.min(asked.from, from), to: Math.max(asked.to, to) };
    if (!this.timer) this.timer = setTimeout(() => this.fetch(), HEAL_DELAY_MS);
  }

  async fetch() {
    const { from, to } = this.asked;
    const { run } = this;
    const missing = run.missing;
    this.asked = null;
    this.tries++;
    try {
      const found = await answered(this.frames, run.run, from, to);
      if (this.closed) return;
      this.take(found.filter((each) => each.kind === "step"));
      if (run.missing < missing) this.tries = 0;
    } catch {
      this.warn("Some steps did not arrive.");
    }
    this.timer = 0;
    const hole = run.hole();
    if (hole && this.tries < HEAL_TRIES) this.heal(hole[0], hole[1] + 1);
    else if (hole) this.warn(`${plural(run.missing, "step")} did not arrive.`);
  }
}

async function answered(frames, run, from, to) {
  const answer = await frames(run, from, to);
  return list(typeof answer === "string" ? JSON.parse(answer || "[]") : answer || [], "steps");
}

/** A run whose start never arrived: its start, steps and end so far, or null if the server knows none. */
export async function whole(frames, run, to) {
  const found = await answered(frames, run, -1, to);
  const start = found.find((each) => each.kind === "start");
  if (!start || readStart(start).run !== run) return null;
  return { start, steps: found.filter((each) => each.kind === "step"), end: found.find((each) => each.kind === "end") };
}
