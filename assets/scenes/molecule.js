/* The molecule beside its tokens: drawn by RDKit once it is whole, before that only a piece that is whole by itself.
 *
 * Atoms and tokens are linked both ways: hovering or choosing one lights the other. The frame never changes size.
 */

import { h, put, say, svg } from "../js/dom.js";
import { scenes } from "../js/scenes.js";

const STATES = ["masked", "decoded", "kept", "remasked", "given"];
const [WIDTH, HEIGHT, REACH] = [360, 220, 15];
const list = (x) => (Array.isArray(x) ? x : []);
const text = (x) => (typeof x === "string" ? x : "");

function caption(scene) {
  const smiles = text(scene.smiles);
  if (scene.state === "whole") return ["A molecule: ", smiles];
  if (scene.state === "wrong") return [`Not a molecule; ${fault(scene)}: `, smiles];
  const left = `${Number(scene.masked) || 0} masked. `;
  return smiles ? [`${left}Whole by itself so far: `, smiles] : [`${left}No piece is whole yet.`, ""];
}

function fault(scene) {
  if (!scene.piece) return "what RDKit blames is ringed";
  return scene.svg ? "drawn is the longest piece that is whole by itself" : "no piece of it is whole";
}

class Molecule {
  constructor(tools) {
    this.tools = tools;
    this.drawing = h("div", { class: "mol-drawing" });
    this.spots = svg("svg", { class: "mol-spots", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": "Atoms" });
    this.words = h("span");
    this.smiles = h("code", { class: "mol-smiles" });
    const frame = h("div", { class: "mol-frame" }, this.drawing, this.spots);
    this.box = h("figure", { class: "mol" }, frame, h("figcaption", { class: "mol-caption" }, this.words, this.smiles));
    this.shown = undefined;
    this.atoms = [];
    this.near = new Map();
    for (const [name, act] of [["pointerover", "point"], ["click", "select"]]) {
      this.spots.addEventListener(name, ({ target }) => {
        if (target.molPosition !== undefined) tools[act](target.molPosition);
      });
    }
    this.spots.addEventListener("pointerleave", () => tools.point(undefined));
  }

  open(run) {
    this.length = run.length;
    this.shown = undefined;
  }

  render(view) {
    const scene = view.scene || { state: "open", masked: view.masked };
    if (scene !== this.shown) this.paint(scene);
    const blamed = list(scene.blamed);
    for (const [p, spot] of this.atoms) {
      put(spot, "data-state", STATES[view.state[p]]);
      put(spot, "data-blamed", blamed.includes(p) ? "" : null);
    }
  }

  paint(scene) {
    this.shown = scene;
    const [words, smiles] = caption(scene);
    say(this.words, words);
    say(this.smiles, smiles);
    put(this.box, "data-state", text(scene.state));
    put(this.box, "data-piece", scene.piece || scene.state === "open" ? "" : null);
    this.drawing.replaceChildren(...(scene.svg ? [this.tools.picture(scene.svg)] : []));
    put(this.drawing, "role", "img");
    put(this.drawing, "aria-label", words + smiles);
    const inside = ([p, x, y]) => Number.isInteger(p) && p >= 0 && p < this.length && Number.isFinite(x) && Number.isFinite(y);
    this.atoms = list(scene.atoms).filter(inside).map(([p, x, y]) => {
      const spot = svg("circle", { class: "mol-spot", cx: x, cy: y, r: REACH });
      spot.molPosition = p;
      return [p, spot];
    });
    this.spots.replaceChildren(...this.atoms.map(([, spot]) => spot));
    this.near = new Map(Object.entries(scene.near || {}).map(([p, atom]) => [Number(p), this.atoms[atom]]));
  }

  light(positions) {
    const lit = new Set(positions.map((p) => this.near.get(p)).filter(Boolean));
    for (const atom of this.atoms) put(atom[1], "data-hot", lit.has(atom) ? "" : null);
  }
}

scenes.molecule = (tools) => {
  const made = new Molecule(tools);
  return {
    box: made.box,
    open: (run) => made.open(run),
    render: (view) => made.render(view),
    light: (positions) => made.light(positions),
    destroy() {},
  };
};
