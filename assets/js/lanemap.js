/* The confidence of a run, step across and position down. */

import { clamp, h, plural, probability, put } from "./dom.js";
import { DECODED, MASKED, named, REMASKED } from "./run.js";

/** One pixel a cell on a hidden canvas, scaled onto the page; what moves lies above it. */
export class LaneMap {
  constructor(run) {
    this.run = run;
    this.canvas = h("canvas", { class: "ln-map", role: "img", "data-role": "heatmap" });
    this.cursor = h("i", { class: "ln-cursor" });
    this.later = h("i", { class: "ln-later" });
    this.row = h("i", { class: "ln-hot", hidden: "" });
    this.begun = h("i", { class: "ln-begun", hidden: "", title: "Taken up here" });
    this.plot = h("div", { class: "ln-mapbox" }, this.canvas, this.later, this.begun, this.row, this.cursor);
    const ends = [h("span", {}, "step 1"), h("span", {}, "how sure: step →, position ↓"), h("span", {}, "")];
    this.last = ends[2];
    this.box = h("div", { class: "ln-mapcell" }, this.plot, h("div", { class: "ln-mapaxis", "aria-hidden": "true" }, ...ends));
    this.cells = document.createElement("canvas");
    this.drawn = 0;
  }

  colour(colours) {
    Object.assign(this, { colours, drawn: 0 });
  }

  /** Draws the columns that came since the last call. */
  update() {
    const { run } = this;
    const wide = Math.max(run.expected, 1);
    if (this.cells.width !== wide || this.cells.height !== run.length) {
      Object.assign(this.cells, { width: wide, height: run.length });
      this.drawn = 0;
    }
    const [room, high] = [this.plot.clientWidth, this.plot.clientHeight];
    if (!room || (this.drawn === run.count && this.room === room && this.high === high && run.count)) return;
    const pen = this.cells.getContext("2d");
    for (; this.drawn < run.count; this.drawn++) if (run.steps[this.drawn]) this.column(pen, this.drawn);
    Object.assign(this, { room, high });
    const scale = window.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(room * scale), height: Math.round(high * scale) });
    const page = this.canvas.getContext("2d");
    page.imageSmoothingEnabled = this.cells.height > this.canvas.height || this.cells.width > this.canvas.width;
    page.imageSmoothingQuality = "high";
    page.drawImage(this.cells, 0, 0, this.canvas.width, this.canvas.height);
    this.begun.hidden = !run.from;
    this.begun.style.left = `${(100 * run.from) / wide}%`;
    this.last.textContent = String(wide);
  }

  column(pen, i) {
    const view = this.run.steps[i];
    const image = pen.createImageData(1, this.run.length);
    const pixels = new Uint32Array(image.data.buffer);
    const { kept, masked: guess, decoded, remasked, given, judged, error } = this.colours;
    for (let p = 0; p < pixels.length; p++) {
      const bad = view.bad !== null && view.bad.has(p);
      const c = view.confidence[p];
      const stands = bad ? error : kept[c];
      pixels[p] = [guess[c], decoded, stands, remasked, given, bad ? error : judged[c]][view.state[p]];
      if (bad && view.state[p] === DECODED) pixels[p] = error;
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

  /** A cell in words. */
  facts({ step, position }) {
    const view = this.run.steps[step - 1];
    if (!view) return "";
    const state = view.state[position];
    const sure = this.run.confidence(position, view);
    const what = state === MASKED ? "masked" : this.run.name(view.shown[position]);
    const meaning = state === MASKED ? "best guess" : "when decoded";
    const more = sure === null || state === REMASKED ? "" : ` · ${meaning} ${probability(sure)}`;
    return `step ${step} · position ${position} · ${what}${state === MASKED ? "" : ` · ${named(state)}`}${more}`;
  }

  describe(view, k) {
    const facts = `after step ${k}: ${view.masked} masked, ${plural(view.remasks, "token")} remasked so far`;
    const size = `Confidence of ${this.run.length} positions over ${plural(this.run.count, "step")}`;
    put(this.canvas, "aria-label", `${size}; ${facts}.`);
  }
}
