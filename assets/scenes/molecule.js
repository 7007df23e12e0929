/* The molecule beside its tokens: drawn by RDKit once it is whole. While nothing is whole, a ghost of the last molecule
 * that was, or the pieces that are whole by themselves.
 *
 * Atoms and tokens are linked both ways: hovering or choosing one lights the other. An atom is tinted by how doubtful
 * the model was of its token, in the scale of cells and maps. The frame never changes size.
 */

import { h, put, say, svg } from "../js/dom.js";
import { KEPT, STATES } from "../js/run.js";
import { scenes } from "../js/scenes.js";

const [WIDTH, HEIGHT, REACH, TINT] = [420, 240, 15, 13];
const list = (x) => (Array.isArray(x) ? x : []);
const text = (x) => (typeof x === "string" ? x : "");
const number = (x) => (typeof x === "number" && Number.isFinite(x) ? x : null);

const VALID = { whole: "valid", wrong: "not valid", open: "not whole yet" };

function caption(scene, ghost) {
  const left = `${Number(scene.masked) || 0} masked. `;
  if (ghost) return [`${scene.state === "open" ? left : "Not a molecule. "}Faint: the molecule of step ${ghost.step}: `, text(ghost.scene.smiles)];
  const smiles = text(scene.smiles);
  if (scene.state === "whole") return ["A molecule: ", smiles];
  if (scene.state === "wrong") return [`Not a molecule; ${fault(scene)}: `, smiles];
  return smiles ? [`${left}Pieces so far: `, smiles] : [`${left}No atom stands yet.`, ""];
}

function fault(scene) {
  if (!scene.piece) return "what RDKit blames is ringed";
  return scene.svg ? "drawn are the pieces that are whole by themselves" : "no piece of it is whole";
}

class Molecule {
  constructor(tools) {
    this.tools = tools;
    const layer = (name, label) => svg("svg", { class: name, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, ...label });
    this.tints = layer("mol-tints", { "aria-hidden": "true" });
    this.drawing = h("div", { class: "mol-drawing" });
    this.spots = layer("mol-spots", { role: "group", "aria-label": "Atoms" });
    this.words = h("span");
    this.smiles = h("code", { class: "mol-smiles" });
    this.facts = ["valid", "rings", "qed"].map((name) => h("span", { class: "mol-fact", "data-fact": name }));
    const frame = h("div", { class: "mol-frame" }, this.tints, this.drawing, this.spots);
    this.box = h(
      "figure",
      { class: "mol" },
      frame,
      h("figcaption", { class: "mol-caption" }, h("span", { class: "mol-facts" }, ...this.facts), h("span", { class: "mol-words" }, this.words, this.smiles)),
    );
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
    this.run = run;
    this.shown = this.ghost = undefined;
  }

  /** The last molecule that was whole before a step, unless what stands there is whole; null without one. */
  last(scene, k) {
    if (scene.state === "whole" || (scene.state === "wrong" && scene.svg && !scene.piece)) return null;
    for (let step = k - 1; step > 0; step--) {
      const view = this.run.at(step);
      const before = view.scene;
      if (before && before.state === "whole" && before.svg) return { scene: before, view, step };
    }
    return null;
  }

  render(view, k) {
    const scene = view.scene || { state: "open", masked: view.masked };
    const ghost = this.last(scene, k);
    const drawn = ghost ? ghost.scene : scene;
    if (drawn !== this.shown) this.paint(drawn);
    this.tell(scene, ghost, drawn);
    const blamed = ghost ? [] : list(scene.blamed);
    for (const { p, spot, tint } of this.atoms) {
      const state = view.state[p];
      const changed = ghost && view.shown[p] !== ghost.view.shown[p];
      const level = state === KEPT ? 1 + Math.min(7, view.confidence[p] >> 5) : 0;
      put(spot, "data-state", STATES[state]);
      put(spot, "data-blamed", blamed.includes(p) ? "" : null);
      put(tint, "data-state", changed && level ? "changed" : STATES[state]);
      put(tint, "class", level && !changed ? `mol-tint mol-c${level}` : "mol-tint");
    }
  }

  /** State, words and chips. */
  tell(scene, ghost, drawn) {
    const [words, smiles] = caption(scene, ghost);
    const state = text(scene.state) in VALID ? scene.state : "open";
    say(this.words, words);
    say(this.smiles, smiles);
    put(this.box, "data-state", state);
    put(this.box, "data-ghost", ghost ? "" : null);
    put(this.box, "data-piece", !ghost && (scene.piece || state === "open") ? "" : null);
    put(this.drawing, "role", "img");
    put(this.drawing, "aria-label", words + smiles);
    const [rings, qed] = [number(drawn.rings), number(drawn.qed)];
    const said = [VALID[state], rings === null ? "rings –" : `${rings} ring${rings === 1 ? "" : "s"}`, qed === null ? "QED –" : `QED ${qed.toFixed(2)}`];
    this.facts.forEach((fact, i) => say(fact, said[i]));
    put(this.facts[0], "data-state", state);
  }

  paint(scene) {
    this.shown = scene;
    this.drawing.replaceChildren(...(scene.svg ? [this.tools.picture(scene.svg)] : []));
    const inside = ([p, x, y]) => Number.isInteger(p) && p >= 0 && p < this.run.length && Number.isFinite(x) && Number.isFinite(y);
    this.atoms = list(scene.atoms).filter(inside).map(([p, cx, cy]) => {
      const spot = svg("circle", { class: "mol-spot", cx, cy, r: REACH });
      spot.molPosition = p;
      return { p, spot, tint: svg("circle", { class: "mol-tint", cx, cy, r: TINT }) };
    });
    this.spots.replaceChildren(...this.atoms.map(({ spot }) => spot));
    this.tints.replaceChildren(...this.atoms.map(({ tint }) => tint));
    this.near = new Map(Object.entries(scene.near || {}).map(([p, atom]) => [Number(p), this.atoms[atom]]));
  }

  light(positions) {
    const lit = new Set(positions.map((p) => this.near.get(p)).filter(Boolean));
    for (const atom of this.atoms) put(atom.spot, "data-hot", lit.has(atom) ? "" : null);
  }
}

scenes.molecule = (tools) => {
  const made = new Molecule(tools);
  return {
    box: made.box,
    open: (run) => made.open(run),
    render: (view, k) => made.render(view, k),
    light: (positions) => made.light(positions),
    destroy() {},
  };
};
