/* The tokens as chips. */

import { clamp, h, plural, probability, put } from "./dom.js";
import { DECODED, JUDGED, KEPT, MARKS, MASKED, named, REMASKED, REVISED, STATES } from "./run.js";

const WIDEST_CELL = 168;
const WRITTEN = 0.62; // of a row of fixed length, about so much holds words
const SLIM = 520; // pixels: a stage less wide has narrow masks and blanks

/** The tokens as chips. Every position has a cell of fixed size, so that nothing moves while steps pass. */
export class Stage {
  constructor() {
    this.box = h("div", {
      class: "rp-stage",
      role: "listbox",
      "aria-label": "Tokens",
      "aria-orientation": "horizontal",
    });
    this.readout = h("p", { class: "rp-readout" });
    this.pen = document.createElement("canvas").getContext("2d");
    this.chips = [];
    this.active = 0;
    this.selected = -1;
    this.hot = [];
  }

  /** New chips for a run. */
  open(run) {
    this.run = run;
    this.widths = new Map();
    this.cells = new Float32Array(run.length);
    this.shown = new Int32Array(run.length).fill(-1);
    this.bits = new Int32Array(run.length).fill(-1);
    this.settled = false;
    if (run.ended) this.ratchet = 0;
    this.active = Math.min(this.active, run.length - 1);
    this.selected = -1;
    this.hot = [];
    this.chips = Array.from({ length: run.length }, (_, p) => {
      const marks = { "data-role": "token", "data-position": p };
      const chip = h("span", { class: "rp-t", role: "option", tabindex: p === this.active ? "0" : "-1", ...marks }, "");
      chip.rpPosition = p;
      return chip;
    });
    put(this.box, "data-layout", run.layout);
    this.grid = run.layout === "grid";
    this.side = this.grid ? Math.round(Math.sqrt(run.length)) : 0;
    this.box.style.setProperty("--rp-side", this.side);
    const rows = /^rows:([1-9]\d{0,2})$/.exec(run.layout);
    this.row = rows ? Number(rows[1]) : 0;
    const starts = (p) => this.row > 0 && p > 0 && p % this.row === 0;
    const laid = this.chips.flatMap((chip, p) => (starts(p) ? [h("i", { class: "rp-break" }), chip] : [chip]));
    this.box.replaceChildren(...laid);
    this.layout();
  }

  textWidth(id) {
    let width = this.widths.get(id);
    if (width === undefined) {
      const special = this.run.isSpecial(id);
      this.pen.font = special ? this.smallFont : this.font;
      width = Math.ceil(this.pen.measureText(this.run.print(id)).width) + (special ? 8 : 9);
      if (this.run.name(id) === "<pad>") width = this.slim ? 7 : 11;
      width = Math.min(width, WIDEST_CELL);
      this.widths.set(id, width);
    }
    return width;
  }

  /** Widths of all cells: of what a position will ever show if the run is known, a guess while it is not. */
  layout() {
    const run = this.run;
    const style = getComputedStyle(this.box);
    this.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    this.smallFont = `${style.fontWeight} 11px ${style.fontFamily}`;
    this.widths.clear();
    this.slim = this.box.clientWidth < SLIM;
    this.box.classList.toggle("rp-slim", this.slim);
    this.settled = Boolean(run.ended);
    if (this.grid) return void (this.box.style.minHeight = "");
    for (let p = 0; p < run.length; p++) this.setCell(p, this.need(p));
    if (this.settled && this.box.clientWidth) {
      this.box.style.minHeight = "";
      this.known = { key: this.kind(this.box.clientWidth), height: this.box.offsetHeight };
    }
    this.reserve();
  }

  need(p) {
    const run = this.run;
    const events = run.life[p];
    let width = run.start[p] === run.mask ? 0 : this.textWidth(run.start[p]);
    let remasked = false;
    for (const event of events) {
      if (event.kind === "decoded") width = Math.max(width, this.textWidth(event.id));
      else if (event.kind === "remasked") remasked = true;
    }
    const mask = run.start[p] === run.mask || remasked;
    if (!mask) return width;
    return Math.max(width, this.settled ? (remasked ? 25 : width ? (this.slim ? 7 : 13) : 20) : this.slim ? 20 : 32);
  }

  setCell(p, width) {
    if (width === this.cells[p]) return;
    this.cells[p] = width;
    this.chips[p].style.width = `${width}px`;
  }

  /** While a run is not known to its end, keeps room for the lines it will probably take. */
  reserve() {
    const room = this.box.clientWidth;
    if (!room || this.grid) return;
    if (this.settled) {
      this.box.style.minHeight = this.ratchet ? `${this.ratchet}px` : "";
      return;
    }
    const line = this.chips[0].offsetHeight + 5;
    this.pen.font = this.font;
    const wide = this.pen.measureText("word").width + 13;
    const rows = this.row ? Math.ceil(this.run.length / this.row) : 1;
    // The end of a row is mostly blank.
    const lines = rows * Math.ceil(((this.row ? this.row * WRITTEN : this.run.length) * wide) / room);
    // A run of this kind that has ended here knows better than any guess.
    const likely = this.known && this.known.key === this.kind(room) ? this.known.height + line : lines * line - 5;
    this.ratchet = Math.max(likely, this.ratchetRoom === room ? this.ratchet || 0 : 0);
    this.ratchetRoom = room;
    this.box.style.minHeight = `${this.ratchet}px`;
  }

  kind(room) {
    return `${this.run.domain} ${this.run.length} ${room}`;
  }

  /** The run is over: cells take their final widths, and no more room than they need. */
  settle() {
    this.ratchet = 0;
    this.layout();
  }

  /** The room changed. */
  fit() {
    if (this.slim === this.box.clientWidth < SLIM) this.reserve();
    else this.layout();
  }

  /** A live step may bring a wider token: its cell grows, and never shrinks before the end. */
  grow(view) {
    if (this.settled || this.grid) return;
    for (let p = 0; p < this.run.length; p++) {
      if (view.state[p] === DECODED) this.setCell(p, Math.max(this.cells[p], this.textWidth(view.shown[p])));
    }
  }

  /** Draws a view; only chips that differ from what is on the page are touched. */
  render(view) {
    for (let p = 0; p < this.run.length; p++) {
      const state = view.state[p];
      const blank = state === MASKED;
      const level = state === KEPT ? 1 + Math.min(7, view.confidence[p] >> 5) : 0;
      const bad = view.bad !== null && view.bad.has(p);
      const planted = view.planted.includes(p);
      const bits =
        state | (view.mark[p] << 3) | (level << 5) | (bad << 9) | (planted << 10) | ((blank ? view.back[p] : 0) << 11);
      const shown = blank ? -2 - view.draft[p] : view.shown[p]; // drafts have numbers of their own, below zero
      if (bits === this.bits[p] && shown === this.shown[p] && !bad) continue;
      this.bits[p] = bits;
      this.shown[p] = shown;
      this.paint(p, view, level, bad);
    }
  }

  paint(p, view, level, bad) {
    const chip = this.chips[p];
    const id = view.shown[p];
    const masked = view.state[p] === MASKED;
    const mark = view.state[p] === REMASKED ? 0 : view.mark[p];
    let look = "rp-t";
    if (level) look += ` rp-c${level}`;
    if (mark) look += mark === REVISED ? " rp-revised" : " rp-churned";
    if (bad) look += " rp-bad";
    if (!masked && this.run.isSpecial(id))
      look += this.run.name(id) === "<pad>" ? " rp-special rp-pad" : " rp-special";
    if (!masked && this.textWidth(id) >= WIDEST_CELL) look += " rp-long";
    chip.dataset.state = STATES[view.state[p]];
    if (view.planted.includes(p)) look += " rp-planted";
    chip.className = look;
    const draft = masked && view.draft[p] >= 0 && !this.run.isSpecial(view.draft[p]) ? view.draft[p] : -1;
    put(chip, "data-draft", draft < 0 ? null : this.run.print(draft));
    chip.firstChild.data = masked ? (view.back[p] ? `↺${view.back[p]}` : "") : this.run.print(id);
    chip.setAttribute("aria-label", this.facts(p, view).join(", "));
    if (bad) chip.title = view.bad.get(p);
    else if (chip.title) chip.removeAttribute("title");
  }

  /** A position in words. */
  facts(p, view) {
    const state = view.state[p];
    const parts = [`position ${p}`];
    if (state === MASKED) parts.push(view.back[p] ? `masked, remasked ${plural(view.back[p], "time")}` : "masked");
    else parts.push(this.run.name(view.shown[p]), named(state));
    if (state !== REMASKED && view.mark[p]) parts.push(MARKS[view.mark[p]]);
    if (state === DECODED || state === KEPT || state === JUDGED)
      parts.push(`confidence when decoded ${probability(view.confidence[p] / 255)}`);
    if (state === MASKED && view !== this.run.zero)
      parts.push(`best guess now ${probability(view.confidence[p] / 255)}`);
    if (state === MASKED && view.draft[p] >= 0) parts.push(`draft ${this.run.name(view.draft[p])}`);
    if (view.planted.includes(p)) parts.push("written by hand");
    if (view.bad && view.bad.has(p)) parts.push(`error, ${view.bad.get(p)}`);
    return parts;
  }

  /** The position that an arrow key leads to from another; null for other keys. Up and down keep the column. */
  beside(p, key) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (way) return p + way;
    const down = { ArrowUp: -1, ArrowDown: 1 }[key];
    if (!down) return null;
    const rect = (chip) => chip.getBoundingClientRect();
    const here = rect(this.chips[p]);
    const centre = (here.left + here.right) / 2;
    let best = p;
    let least = Infinity;
    this.chips.forEach((chip, other) => {
      const box = rect(chip);
      const away = down * (box.top - here.top);
      if (away < here.height / 2) return;
      const far = away * 1000 + Math.abs((box.left + box.right) / 2 - centre);
      if (far < least) [least, best] = [far, other];
    });
    return best;
  }

  /** Moves the one chip that the Tab key reaches. */
  rove(p) {
    this.chips[this.active].tabIndex = -1;
    this.active = clamp(p, 0, this.run.length - 1);
    this.chips[this.active].tabIndex = 0;
    this.chips[this.active].focus({ preventScroll: false });
  }

  select(p) {
    if (this.selected >= 0) this.chips[this.selected].removeAttribute("aria-selected");
    this.selected = p;
    if (p < 0) return;
    this.chips[p].setAttribute("aria-selected", "true");
    this.chips[this.active].tabIndex = -1;
    this.active = p;
    this.chips[p].tabIndex = 0;
  }

  /** Lights some chips: those under the pointer in the heatmap, or those of an error. */
  light(positions) {
    for (const p of this.hot) this.chips[p] && this.chips[p].removeAttribute("data-hot");
    for (const p of positions) this.chips[p].setAttribute("data-hot", "");
    this.hot = positions;
  }
}
