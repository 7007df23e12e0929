/* Confidence, step by position. */

import { rgb, unpack } from "./colours.js";
import { clamp, h, plural, probability, put, say } from "./dom.js";
import { DECODED, GIVEN, KEPT, MASKED, REMASKED, STATES } from "./run.js";

/** Step by position: one pixel a cell on a hidden canvas, scaled onto the page; lines lie above it. */
export class Heatmap {
  constructor() {
    this.canvas = h("canvas", { class: "rp-heat", role: "img" });
    this.line = h("div", { class: "rp-hline" });
    this.veil = h("div", { class: "rp-veil" });
    this.column = h("div", { class: "rp-vline", hidden: "" });
    this.chosen = h("div", { class: "rp-vline rp-chosen", hidden: "" });
    this.tip = h("div", { class: "rp-tip", hidden: "" });
    this.plot = h("div", { class: "rp-plot" }, this.canvas, this.veil, this.chosen, this.column, this.line, this.tip);
    this.top = h("span");
    this.bottom = h("span");
    this.right = h("span");
    this.scale = h("div", { class: "rp-scale" });
    const across = [h("span", {}, "0"), h("span", {}, "position →"), this.right];
    this.box = h(
      "section",
      { class: "rp-heatbox", "aria-label": "Confidence heatmap" },
      h("h4", { class: "rp-h" }, "Confidence, step by position"),
      h(
        "div",
        { class: "rp-axes" },
        h("div", { class: "rp-y", "aria-hidden": "true" }, this.top, h("span", {}, "step ↓"), this.bottom),
        this.plot,
      ),
      h("div", { class: "rp-x", "aria-hidden": "true" }, ...across),
      this.scale,
    );
    this.cells = document.createElement("canvas");
    this.pen = this.cells.getContext("2d");
    this.width = 0;
  }

  open(run, colours) {
    this.run = run;
    this.rows = 0;
    this.drawn = 0;
    this.height = clamp(4 * (run.ended ? run.count : run.n + 1), 160, 400);
    this.plot.style.height = `${this.height}px`;
    this.colour(colours);
    this.fit();
  }

  colour(colours) {
    this.colours = colours;
    this.drawn = 0;
    const ramp = (f) => `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map((x) => rgb(f(x))).join(", ")})`;
    const bar = (f, words) => {
      const strip = h("i", { class: "rp-ramp" });
      strip.style.background = ramp(f);
      return h("span", { class: "rp-key" }, h("b", {}, words), "0", strip, "1");
    };
    const square = (kind, words) => {
      const cell = h("i", { class: "rp-square" });
      cell.style.background = rgb(unpack(colours[kind]));
      return h("span", { class: "rp-key" }, cell, words);
    };
    this.scale.replaceChildren(
      bar(colours.psi, "decoded: probability when it was decoded"),
      bar(colours.guess, "masked: the model's best guess now"),
      square("decoded", "decoded at this step"),
      square("remasked", "remasked at this step"),
      square("given", "given"),
    );
  }

  /** Takes the size from the page; false while there is none. */
  fit() {
    const ratio = window.devicePixelRatio || 1;
    this.width = this.plot.clientWidth;
    if (!this.width || !this.run) return;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.compose();
  }

  /** Draws the rows that came since the last call. */
  update() {
    const rows = Math.max(this.run.expected, 1);
    if (rows !== this.rows || this.cells.width !== this.run.length) {
      this.rows = rows;
      this.cells.width = this.run.length;
      this.cells.height = rows;
      this.drawn = 0;
    }
    if (this.drawn === this.run.count && this.composed === this.drawn) return;
    for (; this.drawn < this.run.count; this.drawn++) this.row(this.drawn);
    this.compose();
    say(this.top, "1");
    say(this.bottom, String(rows));
    say(this.right, String(this.run.length - 1));
  }

  row(i) {
    const view = this.run.steps[i];
    if (!view) return;
    const { kept, masked, decoded, remasked, given } = this.colours;
    const image = this.pen.createImageData(this.run.length, 1);
    const pixels = new Uint32Array(image.data.buffer);
    for (let p = 0; p < pixels.length; p++) {
      const state = view.state[p];
      const c = view.confidence[p];
      pixels[p] =
        state === MASKED
          ? masked[c]
          : state === KEPT
            ? kept[c]
            : state === DECODED
              ? decoded
              : state === REMASKED
                ? remasked
                : given;
    }
    this.pen.putImageData(image, 0, i);
  }

  compose() {
    if (!this.width || !this.rows) return;
    const { canvas } = this;
    const across = this.scaled(this.cells, canvas.width, this.cells.height, "across");
    const both = this.scaled(across, across.width, canvas.height, "both");
    const pen = canvas.getContext("2d");
    // Nearest neighbour keeps the cells crisp where they are larger than a pixel.
    pen.imageSmoothingEnabled = false;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(both, 0, 0, canvas.width, canvas.height);
    this.composed = this.drawn;
  }

  /** A smaller copy where cells share a pixel: they are blended, so that no event is dropped. */
  scaled(source, width, height, name) {
    if (source.width <= width && source.height <= height) return source;
    this.copies = this.copies || {};
    const copy = (this.copies[name] = this.copies[name] || document.createElement("canvas"));
    copy.width = Math.min(source.width, width);
    copy.height = Math.min(source.height, height);
    const pen = copy.getContext("2d");
    pen.imageSmoothingQuality = "high";
    pen.drawImage(source, 0, 0, copy.width, copy.height);
    return copy;
  }

  mark(k) {
    const y = Math.round((this.height * k) / Math.max(this.rows, 1));
    this.line.style.transform = `translateY(${y}px)`;
    this.veil.style.transform = `translateY(${y}px)`;
    this.veil.style.height = `${this.height - y}px`;
  }

  place(line, p) {
    line.hidden = p < 0;
    if (p < 0) return;
    const cell = this.width / this.run.length;
    line.style.transform = `translateX(${p * cell}px)`;
    line.style.width = `${Math.max(cell, 1.5)}px`;
    line.style.borderRightWidth = cell < 5 ? "0" : "";
  }

  /** The step (as an index) and the position under the pointer. */
  hit(event) {
    const box = this.canvas.getBoundingClientRect();
    const p = Math.floor(((event.clientX - box.left) / box.width) * this.run.length);
    const i = Math.floor(((event.clientY - box.top) / box.height) * this.rows);
    return {
      p: clamp(p, 0, this.run.length - 1),
      i: clamp(i, 0, this.rows - 1),
      x: event.clientX - box.left,
      y: event.clientY - box.top,
    };
  }

  hover({ p, i, x, y }) {
    const view = this.run.steps[i];
    this.tip.hidden = !view;
    if (!view) return;
    const state = view.state[p];
    const meaning = state === MASKED ? "best guess now" : "probability when decoded";
    const detail =
      state === GIVEN
        ? "part of the prompt"
        : state === REMASKED
          ? "sent back to the mask"
          : `${meaning} ${probability(view.confidence[p] / 255)}`;
    this.tip.replaceChildren(
      h("strong", {}, state === MASKED ? "masked" : this.run.name(view.shown[p])),
      h("span", {}, `step ${i + 1} · position ${p} · ${STATES[state]}`),
      h("span", {}, detail),
    );
    const left = clamp(x + 14, 0, Math.max(0, this.width - this.tip.offsetWidth));
    const below = y + 18 + this.tip.offsetHeight < this.height;
    this.tip.style.transform = `translate(${left}px, ${below ? y + 16 : y - this.tip.offsetHeight - 10}px)`;
  }

  describe(k) {
    const view = this.run.at(k);
    put(
      this.canvas,
      "aria-label",
      `Confidence of ${this.run.length} positions over ${plural(this.run.count, "step")}; ` +
        `after step ${k}: ${view.masked} masked, ${plural(view.remasks, "remask")} so far, ` +
        `${view.revised} revised, ${view.churned} churned. ` +
        "The same numbers are in the table below.",
    );
  }
}
