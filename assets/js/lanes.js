/* One run among others: its tokens, under them its confidence map with the steps across, its numbers. */

import { clamp, h, picture, plural, put, say, svg } from "./dom.js";
import { errorHistory } from "./errors.js";
import { readStart } from "./protocol.js";
import { DECODED, MASKED, REMASKED, Run } from "./run.js";
import { scenes } from "./scenes.js";
import { Stage } from "./stage.js";

const MAP_HEIGHT = 150;
export const [SAME, ONE_MASKED, OTHER] = [0, 1, 2];
const masked = (view, p) => view.state[p] === MASKED || view.state[p] === REMASKED;

/** How a position of two views differs; a token struck through counts as masked. */
export function difference(a, b, p) {
  if (masked(a, p) && masked(b, p)) return SAME;
  if (masked(a, p) !== masked(b, p)) return ONE_MASKED;
  return a.shown[p] === b.shown[p] ? SAME : OTHER;
}

/** Tokens in rows of fixed height, a sentence each: nothing wraps, padding is not shown. */
class Rows extends Stage {
  open(run) {
    super.open(run);
    const starts = Array.from({ length: Math.ceil(run.length / this.row) }, (_, r) => r * this.row);
    this.box.replaceChildren(...starts.map((p) => h("div", { class: "ln-row" }, ...this.chips.slice(p, p + this.row))));
    this.box.classList.add("ln-rows");
  }

  /** Cells are as wide as their words; only the type's size follows the room. */
  layout() {
    const room = this.box.clientWidth;
    if (room) this.box.style.setProperty("--ln-size", `${clamp(room / 43, 12.5, 22)}px`);
    const style = getComputedStyle(this.box);
    this.font = this.smallFont = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    this.widths.clear();
  }

  fit() {
    this.layout();
  }

  settle() {}
  grow() {}
}

/** Step across, position down: one pixel a cell on a hidden canvas, scaled onto the page. */
class LaneMap {
  constructor(run) {
    this.run = run;
    this.canvas = h("canvas", { class: "ln-map", role: "img", "data-role": "heatmap" });
    this.cursor = h("i", { class: "ln-cursor" });
    this.later = h("i", { class: "ln-later" });
    this.row = h("i", { class: "ln-hot", hidden: "" });
    this.box = h("div", { class: "ln-mapbox" }, this.canvas, this.later, this.row, this.cursor);
    this.cells = document.createElement("canvas");
    this.drawn = 0;
  }

  colour(colours, error) {
    Object.assign(this, { colours, error, drawn: 0 });
  }

  /** Draws the columns that came since the last call. */
  update() {
    const { run } = this;
    const wide = Math.max(run.expected, 1);
    if (this.cells.width !== wide || this.cells.height !== run.length) {
      Object.assign(this.cells, { width: wide, height: run.length });
      this.drawn = 0;
    }
    const room = this.box.clientWidth;
    if (!room || (this.drawn === run.count && this.room === room && run.count)) return;
    const pen = this.cells.getContext("2d");
    for (; this.drawn < run.count; this.drawn++) if (run.steps[this.drawn]) this.column(pen, this.drawn);
    this.room = room;
    const scale = window.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(room * scale), height: Math.round(MAP_HEIGHT * scale) });
    const page = this.canvas.getContext("2d");
    page.imageSmoothingEnabled = this.cells.height > this.canvas.height || this.cells.width > this.canvas.width;
    page.imageSmoothingQuality = "high";
    page.drawImage(this.cells, 0, 0, this.canvas.width, this.canvas.height);
  }

  column(pen, i) {
    const view = this.run.steps[i];
    const image = pen.createImageData(1, this.run.length);
    const pixels = new Uint32Array(image.data.buffer);
    const { kept, masked: guess, decoded, remasked, given } = this.colours;
    for (let p = 0; p < pixels.length; p++) {
      const bad = view.bad !== null && view.bad.has(p);
      const c = view.confidence[p];
      pixels[p] = [guess[c], decoded, bad ? this.error : kept[c], remasked, given][view.state[p]];
      if (bad && view.state[p] === DECODED) pixels[p] = this.error;
    }
    pen.putImageData(image, i, 0);
  }

  mark(k) {
    const share = k / Math.max(this.run.expected, 1);
    this.cursor.style.left = `${100 * share}%`;
    this.later.style.transform = `scaleX(${1 - share})`; // what is transformed is not laid out again
  }

  light(p) {
    this.row.hidden = p === undefined;
    if (p !== undefined) this.row.style.top = `${(100 * (p + 0.5)) / this.run.length}%`;
  }

  /** The step and the position under the pointer. */
  hit(event) {
    const box = this.canvas.getBoundingClientRect();
    const part = (x, from, size, n) => clamp(Math.floor(((x - from) / size) * n), 0, n - 1);
    return {
      step: part(event.clientX, box.left, box.width, Math.max(this.run.expected, 1)) + 1,
      position: part(event.clientY, box.top, box.height, this.run.length),
    };
  }

  describe(view, k) {
    const facts = `after step ${k}: ${view.masked} masked, ${plural(view.remasks, "token")} remasked so far`;
    put(this.canvas, "aria-label", `Confidence by step and position of ${plural(this.run.count, "step")}; ${facts}.`);
  }
}

/** One run among others: its heading, its drawing if the domain has one, its tokens, its map, its numbers. */
export class Lane {
  constructor(about, place, acts) {
    this.acts = acts;
    this.run = new Run(readStart(about.start));
    this.title = about.title;
    this.stage = this.run.layout.startsWith("rows:") ? new Rows() : new Stage();
    put(this.stage.box, "aria-label", `Tokens of ${about.title}`);
    put(this.stage.box, "data-role", "tokens");
    this.map = new LaneMap(this.run);
    this.line = h("p", { class: "rp-pane-line" });
    this.outcome = h("p", { class: "rp-pane-outcome", hidden: "" });
    this.errors = h("b", { class: "ln-errors", "data-role": "errors" });
    this.left = h("span", { class: "ln-left", hidden: "" }, this.errors, h("span", {}, ""));
    const settings = (about.settings || []).map(([name, value, differs]) =>
      h("span", differs ? { class: "rp-set rp-set-differs" } : { class: "rp-set" }, `${name} ${value}`),
    );
    const title = h("h4", {}, h("b", { class: "rp-pane-letter" }, "ABCD"[place]), ` ${about.title}`);
    const words = h("span", { class: "ln-about" }, about.about || "");
    const head = h("div", { class: "rp-pane-head" }, title, words, ...settings, this.left);
    this.body = h("div", { class: "rp-pane-body" }, this.stage.box);
    this.box = h(
      "section",
      { class: "rp-pane", "aria-label": about.title, "data-role": "lane", "data-sampler": this.run.sampler },
      head,
      this.body,
      this.map.box,
      this.line,
      this.outcome,
    );
    this.setScene();
  }

  /** The domain's own drawing before the tokens; its faults stay its own. */
  setScene() {
    const make = scenes[this.run.domain];
    if (!make) return;
    this.guard(() => {
      const point = (p) => this.acts.light(p === null ? undefined : p);
      const select = (p) => this.acts.choose(this, p);
      this.scene = make({ h, svg, picture, point, select, go: (k) => this.acts.go(k) });
      this.body.prepend(this.scene.box);
      this.scene.open(this.run);
    });
  }

  guard(work) {
    try {
      work();
    } catch {
      if (this.scene) this.scene.box.remove();
      this.scene = null;
    }
  }

  /** Its errors with their beginnings and ends, kept while nothing arrives. */
  get history() {
    const key = `${this.run.count} ${this.run.missing}`;
    if (this.known !== key) [this.known, this.past] = [key, errorHistory(this.run)];
    return this.past;
  }

  light(p) {
    const positions = p === undefined || p >= this.run.length ? [] : [p];
    this.stage.light(positions);
    this.map.light(positions[0]);
    if (this.scene && this.scene.light) this.guard(() => this.scene.light(positions));
  }

  render(k, first, differing) {
    const view = this.run.at(k);
    this.stage.render(view);
    if (this.scene) this.guard(() => this.scene.render(view, k));
    const other = differing && this !== first;
    this.stage.chips.forEach((chip, p) => {
      const apart = other && difference(first.run.at(first.k), view, p) === OTHER;
      if (apart !== chip.hasAttribute("data-apart")) chip.toggleAttribute("data-apart", apart);
    });
    this.map.update();
    this.map.mark(Math.min(k, this.run.count));
    this.left.hidden = !this.run.checked;
    say(this.errors, String(view.errors.length));
    say(this.left.lastChild, view.errors.length === 1 ? "error" : "errors");
    put(this.left, "data-none", view.errors.length ? null : "");
    const errors = this.run.checked ? ` · ${plural(view.errors.length, "error")}` : "";
    const counts = `${view.masked} masked · ${view.remasks} remasked so far · ${view.revised} revised`;
    const step = `step ${Math.min(k, this.run.count)} / ${this.run.expected}`;
    say(this.line, `${step} · ${plural(view.forwards, "network evaluation")} · ${counts}${errors}`);
  }
}
