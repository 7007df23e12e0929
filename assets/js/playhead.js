/* Where the slider stands and how it moves: by hand, by playing, with a live run. */

import { clamp } from "./dom.js";
import { pace } from "./transport.js";

const MOST_AT_ONCE_MS = 250; // of playing: a page that was asleep does not jump

/**
 * The place `k` on the slider's axis: steps, shares of each run, or network evaluations (`by`).
 *
 * `board` is what it moves: `lanes` (each with its `run`), `ended` (nothing more comes), `history.events`, `speed`
 * (times the plain one), `seen` (whether anybody sees it), `off` (aborted when it has gone), `root`, its element,
 * `later()` to draw, `speak()` to tell those who do not see it, `destroy()` once its element is not on the page.
 */
export class Playhead {
  constructor(board) {
    Object.assign(this, { board, k: 0, by: "step", follow: true, playing: false, paced: false, owed: 0, then: 0 });
  }

  // The axis

  measure(by) {
    const share = this.k / this.expected;
    this.by = by;
    this.k = Math.round(share * this.count);
    this.board.later();
  }

  /** The step of a lane at a place of the slider. */
  stepAt({ run }, k = this.k) {
    if (this.by === "share") return Math.round((k / this.expected) * run.expected);
    if (this.by === "step") return Math.min(k, run.count);
    let step = 0;
    while (step < run.count && run.at(step + 1).forwards <= k) step++;
    return step;
  }

  /** The place of the slider at a step of a lane. */
  reach({ run }, step) {
    if (this.by === "share") return Math.ceil((step / Math.max(run.expected, 1)) * this.expected);
    return this.by === "step" ? step : run.at(step).forwards;
  }

  most(of) {
    return Math.max(0, ...this.board.lanes.map(({ run }) => of(run)));
  }

  /** The last place that has come. */
  get count() {
    return this.most(this.by === "nfe" ? (run) => run.latest.forwards : (run) => run.count);
  }

  /** The end of the axis. */
  get expected() {
    if (this.by !== "nfe") return Math.max(1, this.most((run) => run.expected));
    return Math.max(1, this.board.ended ? this.count : this.most((run) => Math.max(run.n, run.latest.forwards)));
  }

  // Moving

  go(k) {
    Object.assign(this, { k: clamp(Math.round(k), 0, this.count), follow: false, playing: false });
    this.board.speak();
    this.board.later();
  }

  /** To the next step at which an error is born or repaired. */
  next() {
    const event = this.board.history.events.find((each) => each.at > this.k);
    if (event) this.go(event.at);
  }

  /** Keeps to the newest step of a live run. */
  live() {
    Object.assign(this, { follow: true, k: this.count });
    this.board.later();
  }

  /** More has come. */
  grown() {
    if (this.follow) this.k = this.count;
  }

  play() {
    if (!this.board.lanes.length || this.playing) return;
    if (this.k >= this.count && this.board.ended) this.k = 0;
    Object.assign(this, { playing: true, follow: false, then: performance.now(), owed: 0 });
    requestAnimationFrame((now) => this.tick(now));
    this.board.later();
  }

  pause() {
    Object.assign(this, { playing: false, follow: false });
    this.board.speak();
    this.board.later();
  }

  toggle() {
    if (this.moving) this.pause();
    else this.play();
  }

  tick(now) {
    const { board } = this;
    if (!this.playing || board.off.signal.aborted) return;
    if (!board.root.isConnected) return board.destroy();
    // On a tab that is not shown it waits: what nobody sees is not played.
    const speed = pace(this.k, board.history.events, this.paced) * board.speed;
    if (board.seen) this.owed += (clamp(now - this.then, 0, MOST_AT_ONCE_MS) / 1000) * speed;
    this.then = now;
    const steps = Math.floor(this.owed);
    this.owed -= steps;
    this.k = Math.min(this.k + steps, this.count);
    if (this.k >= this.count) Object.assign(this, { playing: false, follow: !board.ended });
    if (steps) board.later();
    requestAnimationFrame((next) => this.tick(next));
  }

  get moving() {
    return this.playing || (this.follow && !this.board.ended);
  }

  get mode() {
    if (!this.board.lanes.length) return "empty";
    if (this.playing) return "playing";
    if (!this.board.ended) return this.follow ? "live" : "paused";
    return this.k >= this.count ? "done" : "paused";
  }
}
