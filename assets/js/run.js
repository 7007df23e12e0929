/* A run as received: its steps, and for each of them what every position shows. No element is touched here. */

export const [MASKED, DECODED, KEPT, REMASKED, GIVEN, JUDGED] = [0, 1, 2, 3, 4, 5];
export const STATES = ["masked", "decoded", "kept", "remasked", "given", "judged"];
/** A state in words. */
export const named = (state) => (state === JUDGED ? "hidden to judge" : STATES[state]);
export const PLANTED = "planted"; // the phase of a step in which something was written by hand
export const [REVISED, CHURNED] = [1, 2];
export const MARKS = ["", "revised", "churned"];
const SPECIAL = /^<\/?(?:bos|eos|pad|mask|unk|sep|cls|s)>$/i;

/** A view with nothing counted yet. */
function fresh(view) {
  const back = new Uint16Array(view.back.length);
  const mark = new Uint8Array(view.mark.length);
  return { ...view, back, mark, remasks: 0, judgings: 0, revised: 0, churned: 0 };
}

/** A run as received: its steps, and for each of them what every position shows. */
export class Run {
  constructor(start) {
    Object.assign(this, start);
    this.pieces = new Map(start.words);
    this.isGiven = new Uint8Array(this.length);
    for (const p of start.given) this.isGiven[p] = 1;
    this.raw = [];
    this.ended = null;
    this.checked = false;
    this.rewind();
  }

  /** Forgets what was derived from the steps; the steps themselves stay. */
  rewind() {
    const length = this.length;
    this.lost = new Int32Array(length).fill(-1);
    this.life = Array.from({ length }, () => []);
    this.steps = [];
    this.missing = 0;
    const shown = Int32Array.from(this.start);
    const state = shown.map((id, p) => (this.isGiven[p] ? GIVEN : id === this.mask ? MASKED : KEPT));
    this.zero = {
      shown,
      state: Uint8Array.from(state),
      confidence: this.isGiven.map((g) => g * 255),
      mark: new Uint8Array(length),
      back: new Uint16Array(length),
      draft: new Int32Array(length).fill(-1),
      planted: [],
      errors: [],
      bad: null,
      phase: "start",
      forwards: 0,
      ms: 0,
      as: 0,
      sigma: null,
      masked: state.reduce((n, x) => n + (x === MASKED), 0),
      now: 0,
      scene: this.scene,
      decodedNow: 0,
      judgedNow: 0,
      judgings: 0,
      remasks: 0,
      revised: 0,
      churned: 0,
    };
    this.latest = this.zero;
  }

  get count() {
    return this.steps.length;
  }

  /** Steps to expect: what was announced while the run goes on, what came once it has ended. */
  get expected() {
    return this.ended ? this.count : Math.max(this.n, this.count);
  }

  /** The view after k steps; where a step has not arrived, the last one before it. */
  at(k) {
    for (let i = Math.min(k, this.count) - 1; i >= 0; i--) if (this.steps[i]) return this.steps[i];
    return this.zero;
  }

  /** The ids after k steps: what is thrown away in the last of them is a mask. */
  ids(k) {
    const { shown, state } = this.at(k);
    return Array.from(shown, (id, p) => (state[p] === REMASKED ? this.mask : id));
  }

  /** Takes steps in, in any order; returns the index of the first one that changed, or -1. */
  add(steps) {
    let first = -1;
    let late = false;
    for (const step of steps) {
      if (this.raw[step.i]) continue;
      this.raw[step.i] = step;
      for (const [id, piece] of step.words) this.pieces.set(id, piece);
      if (step.errors) this.checked = true;
      if (first < 0 || step.i < first) first = step.i;
      if (step.i < this.count) late = true;
      else if (!late) this.derive(step);
    }
    if (late) this.rebuild();
    return first;
  }

  rebuild() {
    this.rewind();
    this.raw.forEach((step) => this.derive(step));
  }

  /** The first and the last step that are missing, or null. */
  hole() {
    if (!this.missing) return null;
    let first = 0;
    while (this.steps[first]) first++;
    let last = this.count - 1;
    while (this.steps[last]) last--;
    return [first, last];
  }

  derive(step) {
    // What a run inherits where it was taken up is not its own doing: its counts begin there.
    const before = step.i === this.from && this.from ? fresh(this.latest) : this.latest;
    const view = {
      shown: before.shown.slice(),
      state: before.state.slice(),
      confidence: step.confidence,
      mark: before.mark.slice(),
      back: before.back.slice(),
      draft: before.draft.slice(),
      planted: before.planted,
      errors: step.errors || [],
      bad: null,
      phase: step.phase,
      forwards: step.forwards,
      ms: step.ms,
      as: step.as,
      sigma: step.sigma,
      masked: 0,
      now: step.remasked.length,
      scene: step.scene || before.scene,
      decodedNow: step.decoded.length,
      judgedNow: step.judged.length,
      judgings: before.judgings + step.judged.length,
      remasks: before.remasks + step.remasked.length,
      revised: before.revised,
      churned: before.churned,
    };
    this.settle(view);
    for (const p of step.judged) this.judge(view, step, p);
    step.remasked.forEach((entry) => this.remask(view, before, step, entry));
    step.decoded.forEach((entry) => this.decode(view, step, entry));
    for (const [p, id] of step.drafts) view.draft[p] = id;
    if (step.phase === PLANTED) {
      const changed = [...step.decoded, ...step.remasked].map(({ position }) => position);
      view.planted = [...new Set([...before.planted, ...changed])];
    }
    for (const state of view.state) view.masked += state === MASKED || state === REMASKED;
    this.blame(view);
    this.missing += step.i - this.count;
    this.steps[step.i] = view;
    this.latest = view;
  }

  /** What happened at the step before is over: decoded and judged become kept, remasked becomes masked. */
  settle(view) {
    const { state, shown } = view;
    for (let p = 0; p < this.length; p++) {
      if (state[p] === DECODED || state[p] === JUDGED) state[p] = KEPT;
      else if (state[p] === REMASKED) {
        state[p] = MASKED;
        shown[p] = this.mask;
      }
    }
  }

  /** A token hidden to be judged is marked for this one step; it stays, unless what follows says otherwise. */
  judge(view, step, p) {
    this.lost[p] = view.shown[p];
    view.state[p] = JUDGED;
    this.life[p].push({ kind: "judged", step: step.i + 1, id: view.shown[p], verdict: "kept" });
  }

  /** A remasked position shows the token it loses for this one step. */
  remask(view, before, step, { position: p, sigma: sig, weight }) {
    if (view.state[p] === JUDGED) this.life[p].at(-1).verdict = "remasked";
    this.lost[p] = view.shown[p];
    view.state[p] = REMASKED;
    view.back[p]++;
    view.mark[p] = 0;
    this.life[p].push({
      kind: "remasked",
      step: step.i + 1,
      id: view.shown[p],
      sigma: sig,
      weight,
      psi: before === this.zero ? null : before.confidence[p] / 255,
      verdict: null,
      until: 0,
    });
  }

  decode(view, step, { position: p, id, probability: prob, others }) {
    const replaced = view.state[p] === JUDGED;
    if (replaced) Object.assign(this.life[p].at(-1), { verdict: "replaced", next: id });
    view.shown[p] = id;
    view.state[p] = DECODED;
    if (view.back[p] || replaced) {
      view.mark[p] = id === this.lost[p] ? CHURNED : REVISED;
      view[MARKS[view.mark[p]]]++;
      const thrown = this.life[p].at(-1);
      if (thrown && thrown.kind === "remasked")
        Object.assign(thrown, { verdict: MARKS[view.mark[p]], until: step.i + 1, next: id });
    }
    this.life[p].push({ kind: "decoded", step: step.i + 1, id, probability: prob, others, mark: view.mark[p] });
  }

  blame(view) {
    if (!view.errors.length) return;
    view.bad = new Map();
    for (const error of view.errors) {
      const words = `${error.kind}: ${error.sentence}`;
      for (const p of error.positions) view.bad.set(p, view.bad.has(p) ? `${view.bad.get(p)}; ${words}` : words);
    }
  }

  /** A token as words: what a reader of the list or of the tooltip sees. */
  name(id) {
    if (id === this.mask) return "mask";
    const piece = this.pieces.get(id);
    if (piece === undefined) return `#${id}`;
    return piece.trim() || (piece.includes("\n") ? "line break" : "space");
  }

  /** A token as drawn on its chip. */
  print(id) {
    const name = this.name(id);
    if (name === "<pad>") return "·";
    if (SPECIAL.test(name)) return name.replace(/[<>]/g, "");
    return name === "line break" ? "⏎" : name === "space" ? "␣" : name;
  }

  /** How sure the model was of what stands at a position, or of its best guess there; null where it was given. */
  confidence(p, view) {
    return view.state[p] === GIVEN || view === this.zero ? null : view.confidence[p] / 255;
  }

  /** The likeliest tokens of a position as [id, probability]: those it was chosen from, or its draft. */
  likeliest(p, k) {
    const view = this.at(k);
    if (view.state[p] === MASKED) return view.draft[p] < 0 ? [] : [[view.draft[p], view.confidence[p] / 255]];
    const chosen = this.life[p].findLast((event) => event.kind === "decoded" && event.step <= k);
    return chosen ? chosen.others : [];
  }

  isSpecial(id) {
    return SPECIAL.test(this.name(id));
  }
}
