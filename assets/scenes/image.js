/* The picture of the codes known so far, with the states of its cells over it, beside the confidence grid.
 *
 * What the decoder draws at a masked cell means nothing, so such cells are always hatched. One hover links the picture,
 * the confidence grid, the codes and the heatmap; a click chooses a cell.
 */

import { h, put, say } from "../js/dom.js";
import { MASKED, REMASKED, STATES } from "../js/run.js";
import { scenes } from "../js/scenes.js";

const [ROW, PATCH] = [32, 22]; // patches in a row of the sheet; pixels of one on the page
const ADDRESS = /^data:image\/(?:png|webp);base64,[A-Za-z0-9+/=]+$/;

const SHAPES = [
  ["Left half", (row, column, side) => column < side / 2],
  ["Lower half", (row, column, side) => row >= side / 2],
  ["All but the middle", (row, column, side) => Math.max(Math.abs(row - (side - 1) / 2), Math.abs(column - (side - 1) / 2)) > side / 4],
  ["The middle", (row, column, side) => Math.max(Math.abs(row - (side - 1) / 2), Math.abs(column - (side - 1) / 2)) < side / 4],
];

let number = 0; // tells the hatching of several players on a page apart
const pictures = new Set(); // those on the page

/** A square of SVG cells, 10 units each. */
function cells(tools, side, look) {
  const { svg } = tools;
  const all = Array.from({ length: side * side }, (_, p) => {
    const cell = svg("rect", { class: "im-cell", x: (p % side) * 10, y: Math.floor(p / side) * 10, width: 10, height: 10 });
    cell.imPosition = p;
    return cell;
  });
  const id = `im-hatch-${++number}`;
  const strike = svg("pattern", { id: `${id}-strike`, width: 10, height: 10, patternUnits: "userSpaceOnUse" },
    svg("rect", { class: "im-thrown", width: 10, height: 10 }), svg("path", { class: "im-stroke", d: "M0 10 10 0" }));
  const lines = svg("pattern", { id, width: 4, height: 4, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    svg("rect", { class: "im-ground", width: 4, height: 4 }), svg("rect", { class: "im-line", width: 1.4, height: 4 }));
  const box = svg("svg", { class: `im-grid ${look}`, viewBox: `0 0 ${side * 10} ${side * 10}`, "aria-hidden": "true" },
    svg("defs", {}, lines, strike), ...all);
  box.style.setProperty("--im-hatch", `url(#${id})`);
  box.style.setProperty("--im-strike", `url(#${id}-strike)`);
  return { box, all };
}

class Picture {
  constructor(tools) {
    const { h } = tools;
    this.tools = tools;
    this.image = h("img", { class: "im-image", alt: "", draggable: "false" });
    this.frame = h("div", { class: "im-frame", role: "img" });
    this.states = h("input", { type: "checkbox", class: "im-switch" });
    this.marking = h("input", { type: "checkbox", class: "im-switch" });
    this.marks = new Set();
    this.count = h("span", { class: "im-count", role: "status" });
    const named = [...SHAPES.map(([name]) => name), "Clear"];
    const buttons = named.map((name) => h("button", { type: "button", class: "im-shape", "data-shape": name }, name));
    this.shapes = h("div", { class: "im-shapes", hidden: "" }, ...buttons, this.count);
    this.caption = h("figcaption", { class: "im-caption" });
    this.scale = h("div", { class: "im-frame im-small" });
    this.box = h("div", { class: "im-scene" },
      h("figure", { class: "im-figure im-picture" }, this.frame,
        this.caption, h("label", { class: "im-option" }, this.states, "Show states"),
        h("label", { class: "im-option im-edit" }, this.marking, "Mark cells to redraw"), this.shapes),
      h("figure", { class: "im-figure im-sureness" }, this.scale,
        h("figcaption", { class: "im-caption" }, "How sure the model was of each cell when it was decoded: full colour is sure. " +
          "Grey: its best guess at a masked cell.")),
    );
    this.states.addEventListener("change", () => this.box.classList.toggle("im-states", this.states.checked));
    this.marking.addEventListener("change", () => this.arm(this.marking.checked));
    this.box.addEventListener("pointerover", (event) => this.over(event.target.imPosition));
    for (const frame of [this.frame, this.scale]) frame.addEventListener("pointerleave", () => this.over(undefined));
    this.box.addEventListener("click", (event) => this.click(event));
    this.frame.addEventListener("pointerdown", (event) => this.down(event));
    this.frame.addEventListener("pointermove", (event) => this.drag(event));
    this.frame.addEventListener("pointerup", () => (this.from = null));
    this.frame.addEventListener("pointercancel", () => (this.from = null));
    this.frame.addEventListener("keydown", (event) => this.key(event));
  }

  // Marking: a press marks a cell, or takes its mark away; a drag does the same to a rectangle. With the keyboard:
  // the arrows move over the cells, Space marks one, Shift and an arrow marks on the way.

  arm(on) {
    this.box.classList.toggle("im-marking", on);
    this.shapes.hidden = !on;
    put(this.frame, "tabindex", on ? 0 : null);
    if (!on) this.mark(new Set());
  }

  mark(cells, where = "") {
    for (const p of this.marks) if (!cells.has(p)) this.over_picture.all[p].removeAttribute("data-marked");
    for (const p of cells) this.over_picture.all[p].setAttribute("data-marked", "");
    this.marks = cells;
    const n = cells.size;
    const marked = n ? `${n} cell${n === 1 ? "" : "s"} marked` : "Drag over the picture, or use arrows and Space.";
    say(this.count, where + marked);
  }

  key(event) {
    const [rows, columns] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] || [0, 0];
    const moves = rows || columns;
    if (!this.marking.checked || event.altKey || (!moves && event.key !== " ")) return;
    event.preventDefault();
    event.stopPropagation(); // not a step of the run
    const inside = (x) => Math.min(this.side - 1, Math.max(0, x));
    const [row, column] = [inside(Math.floor(this.at / this.side) + rows), inside((this.at % this.side) + columns)];
    const cells = new Set(this.marks);
    if (event.shiftKey && moves) cells.add(this.at);
    this.at = row * this.side + column;
    if (event.shiftKey && moves) cells.add(this.at);
    else if (!moves) cells[cells.has(this.at) ? "delete" : "add"](this.at);
    this.over(this.at);
    this.mark(cells, `Row ${row + 1}, column ${column + 1}${cells.has(this.at) ? ", marked" : ""}. `);
  }

  place(event) {
    const box = this.frame.getBoundingClientRect();
    const at = (x, low, size) => Math.min(this.side - 1, Math.max(0, Math.floor(((x - low) / size) * this.side)));
    return [at(event.clientY, box.top, box.height), at(event.clientX, box.left, box.width)];
  }

  down(event) {
    if (!this.marking.checked || event.button) return;
    event.preventDefault();
    this.frame.setPointerCapture(event.pointerId);
    const [row, column] = this.place(event);
    this.from = { row, column, before: new Set(this.marks), add: !this.marks.has(row * this.side + column) };
    this.drag(event);
  }

  drag(event) {
    if (!this.from) return;
    const [row, column] = this.place(event);
    const { before, add } = this.from;
    const cells = new Set(before);
    for (let r = Math.min(row, this.from.row); r <= Math.max(row, this.from.row); r++)
      for (let c = Math.min(column, this.from.column); c <= Math.max(column, this.from.column); c++)
        cells[add ? "add" : "delete"](r * this.side + c);
    this.mark(cells);
  }

  shape(name) {
    const within = SHAPES.find(([each]) => each === name);
    if (!within) return this.mark(new Set());
    const all = [...Array(this.run.length).keys()];
    this.mark(new Set(all.filter((p) => within[1](Math.floor(p / this.side), p % this.side, this.side))));
  }

  /** What "Redraw" asks for: the codes that are shown, and the marked cells. */
  request() {
    return JSON.stringify({ ids: [...this.view.shown], marked: [...this.marks] });
  }

  /** Marks a shape as if by hand, and asks for it. */
  preset(name) {
    this.marking.checked = true;
    this.arm(true);
    this.shape(name);
    return this.request();
  }

  click(event) {
    const button = event.target.closest("button[data-shape]");
    if (button) return this.shape(button.dataset.shape);
    if (!this.marking.checked) this.choose(event.target.imPosition);
  }

  over(p) {
    this.tools.point(p === undefined ? null : p);
  }

  choose(p) {
    if (p !== undefined) this.tools.select(p);
  }

  open(run) {
    this.run = run;
    const side = Math.round(Math.sqrt(run.length));
    this.side = side;
    this.over_picture = cells(this.tools, side, "im-over");
    this.over_scale = cells(this.tools, side, "im-scale");
    this.frame.replaceChildren(this.image, this.over_picture.box);
    this.scale.replaceChildren(this.over_scale.box);
    this.bits = new Int32Array(run.length).fill(-1);
    this.hot = [];
    this.marks = new Set();
    this.at = 0;
    this.mark(new Set());
    pictures.add(this);
  }

  /** The little patch that a code draws, from the sheet that came with the start. */
  glyph(id) {
    const atlas = this.run.scene && this.run.scene.atlas;
    if (typeof atlas !== "string" || !ADDRESS.test(atlas)) return null;
    const patch = this.tools.h("span", { class: "im-patch", "aria-hidden": "true" });
    patch.style.backgroundImage = `url("${atlas}")`;
    patch.style.backgroundPosition = `${(-(id % ROW)) * PATCH}px ${-Math.floor(id / ROW) * PATCH}px`;
    return patch;
  }

  render(view, k) {
    this.view = view;
    this.k = k;
    put(this.box, "data-edited", this.edited ? "" : null);
    const address = view.scene && typeof view.scene.picture === "string" ? view.scene.picture : "";
    if (address && ADDRESS.test(address)) {
      if (this.image.getAttribute("src") !== address) this.image.setAttribute("src", address);
      this.image.hidden = false;
    } else this.image.hidden = true;
    let known = 0;
    for (let p = 0; p < this.run.length; p++) {
      const state = view.state[p];
      known += state !== MASKED && state !== REMASKED;
      const bits = state | (view.confidence[p] << 3);
      if (bits === this.bits[p]) continue;
      this.bits[p] = bits;
      this.paint(p, STATES[state], view.confidence[p] / 255);
    }
    const said = `${known} of ${this.run.length} cells known`;
    say(this.caption, said);
    put(this.frame, "aria-label", `The picture so far: ${said}`);
  }

  paint(p, state, confidence) {
    this.over_picture.all[p].dataset.state = state;
    const cell = this.over_scale.all[p];
    cell.dataset.state = state;
    cell.style.setProperty("--im-sure", confidence.toFixed(2));
  }

  light(positions) {
    for (const p of this.hot) for (const grid of this.grids()) grid.all[p] && grid.all[p].removeAttribute("data-hot");
    for (const p of positions) for (const grid of this.grids()) grid.all[p] && grid.all[p].setAttribute("data-hot", "");
    this.hot = [...positions];
  }

  grids() {
    return [this.over_picture, this.over_scale];
  }

  /** Whether it can be redrawn: not in the gallery or an exported page. */
  get edited() {
    return Boolean(this.box.closest("#image-player"));
  }

  destroy() {
    pictures.delete(this);
    this.box.remove();
  }
}

/** The picture that is redrawn: that of the last lane. */
const drawn = () => [...pictures].filter((picture) => picture.view && picture.edited).at(-1);

window.ReMDMPictures = {
  request: () => drawn()?.request() ?? "",
  preset: (name) => drawn()?.preset(name) ?? "",
};

scenes.image = (tools) => {
  const picture = new Picture(tools);
  return {
    box: picture.box,
    open: (run) => picture.open(run),
    render: (view, k) => picture.render(view, k),
    light: (positions) => picture.light(positions),
    glyph: (id) => picture.glyph(id),
    destroy: () => picture.destroy(),
  };
};
