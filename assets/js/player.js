/* The player of ReMDM Studio: shows a run of a masked diffusion sampler, live or recorded.
 *
 * It takes messages (JSON strings: start, step, end, trace) and does everything else in the browser: scrubbing,
 * playing, the confidence heatmap and the life of a token. Text from a model or a file only ever becomes a text
 * node or an attribute, never markup.
 */
(() => {
  "use strict";
  if (window.ReMDMPlayer) return;

  // ------------------------------------------------------------------------------------------------ constants

  const MAX_LENGTH = 8192;
  const MAX_STEPS = 20000;
  const STEPS_A_SECOND = 8;
  const HEAL_DELAY_MS = 150;
  const HEAL_TRIES = 3;
  const WIDEST_CELL = 168;
  const WRITTEN = 0.62; // of a row of fixed length, about so much holds words
  const SLIM = 520; // pixels: a stage less wide has narrow masks and blanks
  const SPEEDS = [0.5, 1, 2, 4, 8];

  const [MASKED, DECODED, KEPT, REMASKED, GIVEN] = [0, 1, 2, 3, 4];
  const STATES = ["masked", "decoded", "kept", "remasked", "given"];
  const [REVISED, CHURNED] = [1, 2];
  const MARKS = ["", "revised", "churned"];
  const SPECIAL = /^<\/?(?:bos|eos|pad|mask|unk|sep|cls|s)>$/i;

  const ICONS = {
    first: "M4 4h2v12H4zM16 4v12L7 10z",
    previous: "M14 4v12L5 10z",
    play: "M6 3.5v13l10.5-6.5z",
    pause: "M5 4h3.5v12H5zM11.5 4H15v12h-3.5z",
    next: "M6 4v12l9-6z",
    last: "M14 4h2v12h-2zM4 4v12l9-6z",
  };
  const KEYS = [
    ["Space", "play or pause"],
    ["← →", "one step back or on; on a token: the token before or after"],
    ["↑ ↓", "on a token: the one above or below"],
    ["Alt ← →   or   , .", "one step back or on, from anywhere"],
    ["Home End", "first or last step"],
    ["Enter", "choose the token: its life appears"],
    ["Esc", "let the token go"],
  ];

  // --------------------------------------------------------------------------------------------------- helpers

  /** An element with attributes and children; strings become text nodes. */
  function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  /** The same for SVG. */
  function svg(tag, attributes = {}, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function icon(name) {
    return svg("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
  }

  /** Writes text only where it differs: an unchanged node costs no layout. */
  function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function put(element, name, value) {
    if (value === null) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
  }

  const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
  const probability = (x) => (x === null ? "–" : x > 0 && x < 0.005 ? "<0.01" : x.toFixed(2));
  const sigma = (x) => (x === null ? "–" : x === 0 ? "0" : x < 0.001 ? x.toExponential(1) : x.toFixed(3));
  const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

  const UNSAFE = "script, style, iframe, object, embed, foreignObject, link, meta, base, form, animate, set";

  /** Markup that the server drew (SVG or a little HTML), parsed and stripped of all that could run or load. */
  function picture(markup) {
    const parsed = new DOMParser().parseFromString(string(markup), "text/html");
    for (const node of parsed.querySelectorAll(UNSAFE)) node.remove();
    for (const node of parsed.body.querySelectorAll("*"))
      for (const { name, value } of [...node.attributes]) {
        const loads = /^(?:href|xlink:href|src|srcset|action|formaction)$/i.test(name);
        const local = /^(?:#|data:image\/(?:png|webp|gif|jpeg);)/i.test(value.trim());
        if (/^on/i.test(name) || (loads && !local) || /url\(\s*['"]?(?!#)/i.test(value)) node.removeAttribute(name);
      }
    const box = h("span", { class: "rp-picture" });
    box.append(...parsed.body.childNodes);
    return box;
  }

  // -------------------------------------------------------------------------------------------------- messages

  function fail(why) {
    throw new Error(why);
  }

  function whole(x, low, high, name) {
    return Number.isInteger(x) && x >= low && x <= high ? x : fail(`${name} out of range`);
  }

  const number = (x) => (typeof x === "number" && Number.isFinite(x) ? x : null);
  const string = (x) => (typeof x === "string" ? x : "");
  const list = (x, name) => (Array.isArray(x) ? x : fail(`${name} is not a list`));
  const identity = (x) => whole(x, 0, 2 ** 31 - 1, "token id");

  function bytes(text, length) {
    const raw = atob(text);
    if (raw.length !== length) fail("confidence has the wrong length");
    const out = new Uint8Array(length);
    for (let p = 0; p < length; p++) out[p] = raw.charCodeAt(p);
    return out;
  }

  function words(x) {
    const found = Object.entries(x && typeof x === "object" ? x : {});
    return found.map(([id, piece]) => [identity(Number(id)), string(piece)]);
  }

  /** What a domain's own drawing takes: an object, or nothing. */
  const scene = (x) => (x && typeof x === "object" && !Array.isArray(x) ? x : null);

  /** A start message, checked. */
  function readStart(m) {
    const length = whole(m.length, 1, MAX_LENGTH, "length");
    const start = list(m.start, "start").map(identity);
    if (start.length !== length) fail("start has the wrong length");
    return {
      run: string(m.run),
      n: whole(m.n, 0, MAX_STEPS, "n"),
      length,
      start,
      mask: identity(m.mask),
      given: list(m.given || [], "given").map((p) => whole(p, 0, length - 1, "position")),
      domain: string(m.domain),
      layout: string(m.layout) || "text",
      scene: scene(m.x),
      words: words(m.words),
      title: string(m.title),
      sampler: string(m.sampler),
      model: string(m.model),
      note: string(m.note),
    };
  }

  function readDecoded(entry, length) {
    const [position, id, prob, others] = list(entry, "decoded");
    return {
      position: whole(position, 0, length - 1, "position"),
      id: identity(id),
      probability: number(prob),
      others: list(others || [], "alternatives")
        .slice(0, 5)
        .map(([o, p]) => [identity(o), number(p) || 0]),
    };
  }

  function readRemasked(entry, length) {
    const [position, sig, weight] = Array.isArray(entry) ? entry : [entry];
    return { position: whole(position, 0, length - 1, "position"), sigma: number(sig), weight: number(weight) };
  }

  function readError(entry, length) {
    const [positions, kind, sentence] = list(entry, "error");
    const where = list(positions, "error positions").map((p) => whole(p, 0, length - 1, "position"));
    return { positions: where, kind: string(kind), sentence: string(sentence) };
  }

  /** A step message, checked against the length of its run. */
  function readStep(m, length) {
    return {
      i: whole(m.i, 0, MAX_STEPS - 1, "step"),
      as: number(m.as),
      sigma: number(m.sg),
      phase: string(m.ph),
      forwards: number(m.f) || 0,
      ms: number(m.ms) || 0,
      decoded: list(m.d || [], "d").map((entry) => readDecoded(entry, length)),
      remasked: list(m.r || [], "r").map((entry) => readRemasked(entry, length)),
      confidence: bytes(string(m.c), length),
      words: words(m.words),
      scene: scene(m.x),
      errors: m.e === undefined || m.e === null ? null : list(m.e, "e").map((entry) => readError(entry, length)),
    };
  }

  /** An end message; a trace may lack it. */
  function readEnd(m) {
    return { text: string(m && m.text), stopped: Boolean(m && m.stopped === true), note: string(m && m.note) };
  }

  /** The message in a string; null if there is nothing in it. */
  function parse(text) {
    if (text === null || text === undefined || text === "") return null;
    const message = typeof text === "string" ? JSON.parse(text) : text;
    if (!message || typeof message !== "object") fail("not a message");
    if (message.v !== 1) fail("made by another version");
    return message;
  }

  // ------------------------------------------------------------------------------------------------------- run

  /** A run as received: its steps, and for each of them what every position shows. */
  class Run {
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
      const before = this.latest;
      const view = {
        shown: before.shown.slice(),
        state: before.state.slice(),
        confidence: step.confidence,
        mark: before.mark.slice(),
        back: before.back.slice(),
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
        remasks: before.remasks + step.remasked.length,
        revised: before.revised,
        churned: before.churned,
      };
      this.settle(view);
      step.remasked.forEach((entry) => this.remask(view, before, step, entry));
      step.decoded.forEach((entry) => this.decode(view, step, entry));
      for (const state of view.state) view.masked += state === MASKED || state === REMASKED;
      this.blame(view);
      this.missing += step.i - this.count;
      this.steps[step.i] = view;
      this.latest = view;
    }

    /** What happened at the step before is over: decoded becomes kept, remasked becomes masked. */
    settle(view) {
      const { state, shown } = view;
      for (let p = 0; p < this.length; p++) {
        if (state[p] === DECODED) state[p] = KEPT;
        else if (state[p] === REMASKED) {
          state[p] = MASKED;
          shown[p] = this.mask;
        }
      }
    }

    /** A remasked position shows the token it loses for this one step. */
    remask(view, before, step, { position: p, sigma: sig, weight }) {
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
      view.shown[p] = id;
      view.state[p] = DECODED;
      if (view.back[p]) {
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

    isSpecial(id) {
      return SPECIAL.test(this.name(id));
    }
  }

  // --------------------------------------------------------------------------------------------------- colours

  /** OKLCH to [r, g, b] in 0..255: equal steps of lightness are seen as equal steps. */
  function oklch(lightness, chroma, hue) {
    const a = chroma * Math.cos((hue * Math.PI) / 180);
    const b = chroma * Math.sin((hue * Math.PI) / 180);
    const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
    const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
    const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
    const linear = [
      4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
      -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
      -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
    ];
    return linear.map((x) =>
      Math.round(255 * clamp(x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055, 0, 1)),
    );
  }

  const rgb = ([r, g, b]) => `rgb(${r} ${g} ${b})`;
  const pack = ([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r;

  const unpack = (x) => [x & 255, (x >> 8) & 255, (x >> 16) & 255];

  /** The colours of tokens and maps: doubt stands out in teal, sure is pale; the best guess where masked is grey. */
  function palette(dark) {
    const psi = (x) =>
      dark ? oklch(0.46 - 0.21 * x, 0.085 - 0.07 * x, 188) : oklch(0.66 + 0.315 * x, 0.1 - 0.092 * x, 188);
    const guess = (x) => (dark ? oklch(0.2 + 0.2 * x, 0.006, 260) : oklch(0.985 - 0.17 * x, 0.006, 260));
    const table = (f) => Uint32Array.from({ length: 256 }, (_, c) => pack(f(c / 255)));
    return {
      psi,
      guess,
      kept: table(psi),
      masked: table(guess),
      decoded: pack(dark ? [92, 170, 235] : [60, 132, 198]),
      remasked: pack(dark ? [245, 150, 66] : [224, 112, 20]),
      given: pack(dark ? [74, 82, 98] : [196, 202, 212]),
    };
  }

  // ----------------------------------------------------------------------------------------------------- stage

  /** The tokens as chips. Every position has a cell of fixed size, so that nothing moves while steps pass. */
  class Stage {
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
        const chip = h("span", { class: "rp-t", role: "option", tabindex: p === this.active ? "0" : "-1" }, "");
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
        else remasked = true;
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
        const bits = state | (view.mark[p] << 3) | (level << 5) | (bad << 9) | ((blank ? view.back[p] : 0) << 10);
        if (bits === this.bits[p] && view.shown[p] === this.shown[p] && !bad) continue;
        this.bits[p] = bits;
        this.shown[p] = view.shown[p];
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
      chip.className = look;
      chip.dataset.state = STATES[view.state[p]];
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
      else parts.push(this.run.name(view.shown[p]), STATES[state]);
      if (state !== REMASKED && view.mark[p]) parts.push(MARKS[view.mark[p]]);
      if (state === DECODED || state === KEPT)
        parts.push(`confidence when decoded ${probability(view.confidence[p] / 255)}`);
      if (state === MASKED && view !== this.run.zero)
        parts.push(`best guess now ${probability(view.confidence[p] / 255)}`);
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

  // --------------------------------------------------------------------------------------------------- heatmap

  /** Step by position: one pixel a cell on a hidden canvas, scaled onto the page; lines lie above it. */
  class Heatmap {
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

  // ------------------------------------------------------------------------------------------------------ life

  /** The life of one token position. */
  class Life {
    constructor() {
      this.body = h("div", { class: "rp-lifebody" });
      this.box = h(
        "aside",
        { class: "rp-life", "aria-label": "Life of a token" },
        h("h4", { class: "rp-h" }, "Life of a token"),
        this.body,
      );
      this.key = "";
    }

    /** Builds the panel anew if the token or its events changed, then marks the current step. */
    render(run, p, k) {
      const key = p < 0 ? `none ${run.ended ? run.count : -1}` : `${p} ${run.count} ${run.missing}`;
      if (key !== this.key || run !== this.run) {
        this.key = key;
        this.run = run;
        if (p < 0) this.invite(run);
        else this.tell(run, p);
      }
      if (p >= 0) this.mark(run, p, k);
    }

    /** Nothing chosen: says what the panel is for and offers the positions that went back most often. */
    invite(run) {
      this.body.replaceChildren(
        h(
          "p",
          { class: "rp-hint" },
          "Choose a token to see its life: when it was decoded and how sure the model was, " +
            "when it was remasked, and what came back.",
        ),
      );
      if (!run.ended) return;
      const often = [];
      run.latest.back.forEach((n, p) => n && !run.isSpecial(run.latest.shown[p]) && often.push([n, p]));
      often.sort((a, b) => b[0] - a[0] || a[1] - b[1]);
      if (!often.length) return;
      const offers = often
        .slice(0, 8)
        .map(([n, p]) =>
          h(
            "button",
            { type: "button", class: "rp-offer", "data-pick": p },
            h("span", {}, run.name(run.latest.shown[p])),
            h("small", {}, `↺${n}`),
          ),
        );
      this.body.append(
        h("p", { class: "rp-hint" }, "Most often remasked in this run:"),
        h("div", { class: "rp-offers" }, ...offers),
      );
    }

    tell(run, p) {
      this.title = h("strong", { class: "rp-word" });
      this.state = h("span", { class: "rp-muted" });
      this.spark = svg("line", { class: "rp-now", y1: 0, y2: 100, "vector-effect": "non-scaling-stroke" });
      this.events = run.life[p].map((event) => this.event(run, event));
      const history = this.events.length
        ? h("ol", { class: "rp-events" }, ...this.events)
        : h(
            "p",
            { class: "rp-hint" },
            run.isGiven[p] ? "Given: part of the prompt, it never changes." : "Nothing has happened here yet.",
          );
      const close = h(
        "button",
        { type: "button", class: "rp-close", "data-pick": -1, "aria-label": "Let the token go" },
        "×",
      );
      this.body.replaceChildren(
        h("div", { class: "rp-lifehead" }, this.title, this.state, close),
        ...(run.count && !run.isGiven[p] ? [this.curve(run, p)] : []),
        history,
      );
    }

    /** Confidence over the steps: solid where the token stood, dotted (best guess) where it was masked. */
    curve(run, p) {
      const paths = { psi: "", guess: "" };
      let before = "";
      run.steps.forEach((view, i) => {
        const kind = view.state[p] === MASKED || view.state[p] === REMASKED ? "guess" : "psi";
        const y = (100 - view.confidence[p] / 2.55).toFixed(1);
        paths[kind] += `${before === kind ? "V" : `M${i} `}${y}H${i + 1}`;
        before = kind;
      });
      const thrown = run.life[p]
        .filter((e) => e.kind === "remasked")
        .map((e) =>
          svg("line", {
            class: "rp-thrown",
            x1: e.step - 0.5,
            x2: e.step - 0.5,
            y1: 0,
            y2: 100,
            "vector-effect": "non-scaling-stroke",
          }),
        );
      const path = (kind) =>
        svg("path", { class: `rp-${kind}`, d: paths[kind], "vector-effect": "non-scaling-stroke" });
      const drawing = svg(
        "svg",
        { class: "rp-curve", viewBox: `0 -3 ${run.expected} 106`, preserveAspectRatio: "none", "aria-hidden": "true" },
        ...thrown,
        path("guess"),
        path("psi"),
        this.spark,
      );
      return h(
        "figure",
        { class: "rp-figure" },
        drawing,
        h(
          "figcaption",
          {},
          h("span", { class: "rp-line-psi" }, "when decoded"),
          h("span", { class: "rp-line-guess" }, "guess while masked"),
        ),
      );
    }

    event(run, event) {
      const decoded = event.kind === "decoded";
      const jump = h(
        "button",
        { type: "button", class: "rp-jump", "data-seek": event.step },
        h("span", { class: "rp-when" }, `step ${event.step}`),
        h("span", { class: `rp-what rp-${event.kind}` }, event.kind),
        this.token(run, event.id, "rp-token"),
      );
      const item = h(
        "li",
        { class: `rp-event rp-is-${event.kind}` },
        jump,
        decoded ? this.choices(run, event) : this.reasons(run, event),
      );
      item.rpStep = event.step;
      return item;
    }

    /** A token by its name, behind the drawing that the domain has for it, if any. */
    token(run, id, look = "") {
      const drawing = this.glyph ? this.glyph(id) : null;
      return h("span", look ? { class: look } : {}, ...(drawing ? [drawing] : []), run.name(id));
    }

    /** The alternatives as bars; where there are none, the probability alone. */
    choices(run, event) {
      const rows = event.others.length ? event.others : [[event.id, event.probability || 0]];
      if (!rows.some(([id]) => id === event.id)) rows.push([event.id, event.probability || 0]);
      return h(
        "div",
        { class: "rp-choices" },
        ...rows.map(([id, prob]) => {
          const bar = h("i");
          bar.style.width = `${clamp(prob * 100, 0, 100)}%`;
          return h(
            "div",
            { class: `rp-choice${id === event.id ? " rp-picked" : ""}` },
            this.token(run, id),
            h("b", {}, bar),
            h("em", {}, probability(prob)),
          );
        }),
      );
    }

    reasons(run, event) {
      const facts = [`σ ${sigma(event.sigma)}`];
      if (event.psi !== null) facts.push(`ψ ${probability(event.psi)}`);
      if (event.weight !== null) facts.push(`${(100 * event.weight).toFixed(1)} % of this step's remasking`);
      const verdicts = {
        revised: () => `revised: came back as ${run.name(event.next)} at step ${event.until}`,
        churned: () => `churned: the same token came back at step ${event.until}`,
      };
      const verdict = event.verdict ? verdicts[event.verdict]() : "still masked";
      return h(
        "div",
        { class: "rp-reasons" },
        h("span", {}, facts.join(" · ")),
        h("span", { class: `rp-verdict rp-v-${event.verdict || "open"}` }, verdict),
      );
    }

    mark(run, p, k) {
      const view = run.at(k);
      say(this.title, view.state[p] === MASKED ? "masked" : run.name(view.shown[p]));
      const confidence =
        view.state[p] === GIVEN || view === run.zero ? "" : ` · ${probability(view.confidence[p] / 255)}`;
      say(this.state, `position ${p} · ${STATES[view.state[p]]}${confidence}`);
      put(this.spark, "x1", k);
      put(this.spark, "x2", k);
      for (const item of this.events) {
        item.classList.toggle("rp-later", item.rpStep > k);
        item.classList.toggle("rp-here", item.rpStep === k);
      }
    }
  }

  // ----------------------------------------------------------------------------------------- bar, legend, rest

  function button(name, label) {
    return h(
      "button",
      { type: "button", class: "rp-button", "data-do": name, "aria-label": label, title: label },
      icon(name),
    );
  }

  /** Play, slider, speed, phase. */
  function buildBar() {
    const parts = {
      play: button("play", "Play"),
      slider: h("input", {
        type: "range",
        class: "rp-slider",
        min: 0,
        max: 1,
        value: 0,
        step: 1,
        "aria-label": "Step",
      }),
      count: h("span", { class: "rp-count" }),
      phase: h("span", { class: "rp-phase" }),
      live: h("button", { type: "button", class: "rp-live", "data-do": "live", hidden: "" }, "Jump to live"),
      speed: h(
        "select",
        { class: "rp-speed", "aria-label": "Speed" },
        ...SPEEDS.map((x) => h("option", x === 1 ? { value: x, selected: "" } : { value: x }, `${x}×`)),
      ),
      keys: h(
        "button",
        {
          type: "button",
          class: "rp-button rp-help",
          "data-do": "keys",
          "aria-expanded": "false",
          "aria-label": "Keys",
          title: "Keys",
        },
        "?",
      ),
      hints: h(
        "dl",
        { class: "rp-hints", hidden: "" },
        ...KEYS.flatMap(([key, meaning]) => [h("dt", {}, key), h("dd", {}, meaning)]),
      ),
    };
    parts.box = h(
      "div",
      { class: "rp-bar", role: "group", "aria-label": "Player" },
      h(
        "div",
        { class: "rp-buttons" },
        button("first", "First step"),
        button("previous", "Previous step"),
        parts.play,
        button("next", "Next step"),
        button("last", "Last step"),
      ),
      parts.slider,
      h("div", { class: "rp-where" }, parts.count, parts.phase),
      parts.live,
      parts.speed,
      parts.keys,
      parts.hints,
    );
    return parts;
  }

  /** What a token of the legend reads: cells of a grid have no text, tokens of a line are atoms and bonds. */
  const SAMPLES = new Map([["grid", ""], ["line", "C"]]);

  function buildLegend(layout) {
    const sample = SAMPLES.get(layout) ?? "word";
    const entry = (state, look, text, label) => {
      const chip = h("span", { class: `rp-t ${look}`, "data-state": state }, text);
      return h("span", { class: "rp-key" }, chip, label);
    };
    return h(
      "div",
      { class: "rp-legend", role: "group", "aria-label": "Legend" },
      entry("masked", "", "", "masked"),
      entry("decoded", "", sample, "decoded now"),
      h(
        "span",
        { class: "rp-key" },
        h("span", { class: "rp-t rp-c1", "data-state": "kept" }, sample),
        h("span", { class: "rp-t rp-c8", "data-state": "kept" }, sample),
        "kept, less to more confident",
      ),
      entry("remasked", "", sample, "remasked now"),
      entry("masked", "", "↺2", "masked again"),
      entry("given", "", sample, "given"),
      entry("kept", "rp-c4 rp-revised", sample, "revised"),
      entry("kept", "rp-c4 rp-churned", sample, "churned"),
      ...(sample ? [entry("kept", "rp-c4 rp-bad", sample, "error")] : []), // what has no text has no checker
    );
  }

  const NUMBERS = [
    [
      "masked",
      "masked / expected",
      "Masked positions now, and how many the schedule expects: positions that are not given times 1 − α",
    ],
    ["now", "remasked now", "Tokens sent back to the mask at this step"],
    [
      "sigma",
      "σ",
      "Probability that a decoded token goes back to the mask at this step, averaged over decoded positions",
    ],
    ["remasks", "remasks", "Tokens sent back so far"],
    ["revised", "revised", "Came back as another token, so far"],
    ["churned", "churned", "Came back as the same token, so far"],
    ["forwards", "NFE", "Network evaluations so far"],
    ["ms", "ms a step", "Time this step took, for live runs"],
  ];

  function buildNumbers() {
    const values = {};
    const items = NUMBERS.map(([key, label, title]) => {
      values[key] = h("dd", { "data-number": key }, "–");
      return h("div", { title }, h("dt", {}, label), values[key]);
    });
    return { box: h("dl", { class: "rp-numbers" }, ...items), values };
  }

  function buildTable() {
    const body = h("tbody");
    const head = ["step", "phase", "decoded", "remasked", "masked after", "errors"].map((x) =>
      h("th", { scope: "col" }, x),
    );
    const box = h(
      "details",
      { class: "rp-table" },
      h("summary", {}, "The steps as a table"),
      h("div", { class: "rp-scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ...head)), body)),
    );
    return { box, body };
  }

  const EMPTY = [
    "Nothing has been run yet.",
    "Press Run, and every step appears here: the text starts as a row of masks and is filled in parallel, " +
      "a few positions at each step. " +
      "With remasking some tokens go back to the mask, struck through for one step, and are decided again.",
  ];

  // ---------------------------------------------------------------------------------------------------- player

  class Player {
    constructor(root, host) {
      this.root = root;
      this.host = host;
      this.run = null;
      this.k = 0;
      this.follow = true;
      this.playing = false;
      this.speed = 1;
      this.selected = -1;
      this.tries = 0;
      this.past = new Set();
      this.off = new AbortController();
      this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
      this.build();
      this.width = root.clientWidth;
      this.size();
      this.listen();
      this.recolour();
      this.draw();
    }

    /** The domain's own drawing above the tokens, if one is registered; its faults stay its own. */
    setScene(run) {
      if (this.scene) this.guard(() => this.scene.destroy && this.scene.destroy());
      if (this.scene) this.scene.box.remove();
      const make = scenes[run.domain];
      this.scene = null;
      this.life.glyph = null;
      if (!make) return;
      this.guard(() => {
        const point = (p) => this.point(p === null ? undefined : p);
        const tools = { h, svg, picture, point, select: (p) => this.select(p), go: (k) => this.go(k, "user") };
        this.scene = make(tools);
        this.stage.box.before(this.scene.box);
        this.scene.open(run);
        this.life.glyph = this.scene.glyph || null;
      });
    }

    guard(work) {
      try {
        work();
      } catch (error) {
        if (this.scene) this.scene.box.remove();
        this.scene = null;
        this.warn(`The drawing above the tokens failed (${error.message}).`);
      }
    }

    build() {
      this.stage = new Stage();
      this.heat = new Heatmap();
      this.life = new Life();
      this.bar = buildBar();
      this.numbers = buildNumbers();
      this.table = buildTable();
      this.title = h("h3", { class: "rp-title" });
      this.about = h("span", { class: "rp-about" });
      this.badge = h("span", { class: "rp-badge" });
      this.notice = h("span", { class: "rp-notice" });
      this.errors = h("div", { class: "rp-errors", role: "group", "aria-label": "Errors at this step", hidden: "" });
      this.status = h("div", { class: "rp-hidden", role: "status", "aria-live": "polite" });
      const head = h("header", { class: "rp-head" }, this.title, this.about, this.notice, this.badge);
      this.page = h(
        "div",
        { class: "rp-page", hidden: "" },
        head,
        this.bar.box,
        h(
          "div",
          { class: "rp-main" },
          h("div", { class: "rp-left" }, this.stage.box, this.stage.readout, this.errors, this.numbers.box),
          this.life.box,
          h("div", { class: "rp-under" }, this.heat.box, this.table.box),
        ),
      );
      this.empty = h("div", { class: "rp-empty" }, h("p", {}, EMPTY[0]), h("p", {}, EMPTY[1]), h("p"));
      this.root.classList.add("rp");
      this.legend = buildLegend();
      this.root.replaceChildren(this.empty, this.page, this.legend, this.status);
    }

    listen() {
      const on = (target, kind, act, options = {}) =>
        target.addEventListener(kind, (event) => act(event), { signal: this.off.signal, ...options });
      on(this.root, "click", (event) => this.click(event));
      on(this.root, "keydown", (event) => this.key(event));
      on(this.bar.slider, "input", () => this.go(Number(this.bar.slider.value), "user"));
      on(this.bar.speed, "change", () => (this.speed = Number(this.bar.speed.value)));
      on(this.stage.box, "pointerover", (event) => this.point(event.target.rpPosition));
      on(this.stage.box, "pointerleave", () => this.point(undefined));
      on(this.stage.box, "focusin", (event) => this.point(event.target.rpPosition));
      on(this.heat.canvas, "pointermove", (event) => this.hover(event));
      on(this.heat.canvas, "pointerleave", () => this.leave());
      on(this.table.box, "toggle", () => this.later(), { capture: true });
      if (document.fonts) document.fonts.ready.then(() => this.run && !this.off.signal.aborted && this.relayout());
      this.sizes = new ResizeObserver(() => this.resize());
      this.sizes.observe(this.root);
      this.themes = new MutationObserver(() => (this.root.isConnected ? this.recolour() : this.destroy()));
      for (const node of [document.documentElement, document.body])
        this.themes.observe(node, { attributes: true, attributeFilter: ["class"] });
    }

    destroy() {
      this.off.abort();
      this.sizes.disconnect();
      this.themes.disconnect();
      this.playing = false;
      clearTimeout(this.healing);
      clearTimeout(this.speaking);
    }

    // Messages

    /** Takes a message in; whatever is wrong with it becomes a notice and nothing else. */
    push(text) {
      try {
        const message = parse(text);
        if (message) this.take(message);
      } catch (error) {
        const why = error instanceof SyntaxError ? "not JSON" : error.message;
        this.warn(`A message could not be read and was left out (${why}).`);
      }
    }

    take(message) {
      const { kind } = message;
      if (kind === "start") this.open(new Run(readStart(message)));
      else if (kind === "trace") this.load(message);
      else if (kind === "step" || kind === "end") this.belongs(message);
      else fail("of an unknown kind");
    }

    /** A step or an end; of a run whose start never arrived, everything is asked for. */
    belongs(message) {
      const id = string(message.run);
      if (!this.run || id !== this.run.run) {
        // What is late from a run that was replaced, or cannot be had, is not asked for again.
        if (!this.past.has(id)) this.heal(id, -1, message.kind === "step" ? message.i : MAX_STEPS);
        return;
      }
      if (message.kind === "step") this.append([readStep(message, this.run.length)]);
      else this.finish(message);
    }

    open(run) {
      if (this.run && this.run.run === run.run && this.run.count) return;
      if (this.run) this.past.add(this.run.run);
      this.past.delete(run.run);
      this.run = run;
      this.k = 0;
      this.follow = true;
      this.playing = false;
      this.selected = -1;
      this.tries = 0;
      this.warn("");
      this.page.hidden = false;
      this.empty.hidden = true;
      this.legend.remove();
      this.legend = buildLegend(run.layout);
      this.stage.readout.after(this.legend);
      this.table.body.replaceChildren();
      this.stage.open(run);
      this.heat.open(run, this.colours);
      this.setScene(run);
      this.later();
    }

    /** A recorded run: all of it is there, so it is laid out once and played. */
    load(message) {
      const messages = list(message.messages, "messages");
      const run = new Run(readStart(messages.find((m) => m && m.kind === "start") || fail("without a start")));
      let bad = 0;
      const steps = [];
      for (const m of messages) {
        if (!m || m.kind !== "step") continue;
        try {
          steps.push(readStep(m, run.length));
        } catch {
          bad++;
        }
      }
      run.add(steps);
      run.ended = readEnd(messages.find((m) => m && m.kind === "end"));
      if (this.run && this.run.run === run.run) this.run = null;
      this.open(run);
      this.follow = false;
      this.recorded = true;
      if (bad) this.warn(`${plural(bad, "step")} could not be read and ${bad === 1 ? "was" : "were"} left out.`);
      if (!this.calm.matches) return this.play();
      this.k = run.count;
      this.heat.describe(this.k);
    }

    append(steps) {
      const run = this.run;
      const first = run.add(steps);
      if (first < 0) return;
      if (first < this.heat.drawn) this.heat.drawn = first;
      if (!run.ended) for (const step of steps) if (run.steps[step.i]) this.stage.grow(run.steps[step.i]);
      if (this.follow) this.k = run.count;
      this.recorded = false;
      const hole = run.hole();
      if (hole) this.heal(run.run, hole[0], hole[1] + 1);
      this.later();
    }

    finish(message) {
      const run = this.run;
      if (run.ended) return;
      const steps = Number.isInteger(message.n) ? message.n : message.stopped ? run.count : run.n;
      if (run.count < steps) this.heal(run.run, run.count, steps);
      run.ended = readEnd(message);
      this.stage.settle();
      this.speak();
      this.later();
    }

    /** Asks for steps that did not arrive, once the rest of a burst has had time to come. */
    heal(run, from, to) {
      if (!this.host.frames) return;
      const asked = this.asked && this.asked.run === run ? this.asked : { run, from, to };
      this.asked = { run, from: Math.min(asked.from, from), to: Math.max(asked.to, to) };
      if (this.healing) return;
      this.healing = setTimeout(() => this.fetch(), HEAL_DELAY_MS);
    }

    async fetch() {
      const { run, from, to } = this.asked;
      this.asked = null;
      this.tries++;
      const missing = this.run ? this.run.missing : 0;
      try {
        const answer = await this.host.frames(run, from, to);
        const found = list(typeof answer === "string" ? JSON.parse(answer || "[]") : answer || [], "steps");
        if (!this.off.signal.aborted) this.fill(run, found);
        if (this.run && this.run.missing < missing) this.tries = 0;
      } catch {
        if (this.run && this.run.missing) this.warn("Some steps did not arrive.");
      }
      this.healing = 0;
      if (!this.run || this.run.run !== run) this.past.add(run);
      const hole = this.run && this.run.run === run && this.run.hole();
      if (hole && this.tries < HEAL_TRIES) this.heal(run, hole[0], hole[1] + 1);
      else if (hole) this.warn(`${plural(this.run.missing, "step")} did not arrive.`);
      else if (this.asked) this.heal(this.asked.run, this.asked.from, this.asked.to);
    }

    fill(run, messages) {
      const start = messages.find((m) => m.kind === "start");
      if (start && (!this.run || this.run.run !== run)) this.open(new Run(readStart(start)));
      if (!this.run || this.run.run !== run) return;
      this.append(messages.filter((m) => m.kind === "step").map((m) => readStep(m, this.run.length)));
      const end = messages.find((m) => m.kind === "end");
      if (end) this.finish(end);
      else if (this.run.ended) this.relayout();
    }

    warn(text) {
      say(this.notice, text);
      say(this.empty.lastChild, text);
    }

    // Moving through the run

    /** Shows the state after step k. */
    go(k, source) {
      const run = this.run;
      if (!run) return;
      this.k = clamp(Math.round(k), 0, run.count);
      if (source === "user") this.playing = false;
      if (source !== "play") this.follow = !run.ended && source === "live";
      if (source === "user" || source === "api") this.speak();
      this.later();
    }

    play() {
      if (!this.run || this.playing) return;
      if (this.k >= this.run.count && this.run.ended) this.k = 0;
      this.playing = true;
      this.follow = false;
      this.owed = 0;
      this.then = performance.now();
      requestAnimationFrame((now) => this.tick(now));
      this.later();
    }

    pause() {
      this.playing = false;
      this.follow = false;
      this.speak();
      this.later();
    }

    toggle() {
      if (this.playing || (this.follow && this.run && !this.run.ended)) this.pause();
      else this.play();
    }

    tick(now) {
      if (!this.playing || this.off.signal.aborted) return;
      if (!this.root.isConnected) return this.destroy();
      // A player in a tab that is not shown waits: what nobody sees is not played.
      if (this.width) this.owed += (clamp(now - this.then, 0, 250) / 1000) * STEPS_A_SECOND * this.speed;
      this.then = now;
      const steps = Math.floor(this.owed);
      if (steps) {
        this.owed -= steps;
        this.go(this.k + steps, "play");
        if (this.k >= this.run.count) return this.arrive();
      }
      requestAnimationFrame((next) => this.tick(next));
    }

    arrive() {
      this.playing = false;
      this.follow = !this.run.ended;
      this.speak();
    }

    select(p) {
      if (!this.run) return;
      this.selected = p >= 0 && p < this.run.length ? p : -1;
      this.stage.select(this.selected);
      this.later();
    }

    // Events

    click(event) {
      const chip = event.target.closest(".rp-t");
      if (chip && chip.rpPosition !== undefined) {
        this.select(chip.rpPosition);
        return chip.focus({ preventScroll: true });
      }
      if (event.target === this.heat.canvas && this.run) return this.clickHeat(event);
      const control = event.target.closest("[data-do],[data-seek],[data-pick],[data-error]");
      if (!control || !this.run) return;
      const { do: act, seek, pick, error } = control.dataset;
      if (act) this.act(act);
      else if (seek) this.go(Number(seek), "user");
      else if (pick) this.select(Number(pick));
      else if (error) this.show(this.run.at(this.k).errors[Number(error)]);
    }

    clickHeat(event) {
      const { p, i } = this.heat.hit(event);
      this.go(i + 1, "user");
      this.select(p);
    }

    act(name) {
      const acts = {
        first: () => this.go(0, "user"),
        previous: () => this.go(this.k - 1, "user"),
        play: () => this.toggle(),
        next: () => this.go(this.k + 1, "user"),
        last: () => this.go(this.run.count, "user"),
        live: () => this.go(this.run.count, "live"),
        keys: () => this.help(this.bar.hints.hidden),
      };
      acts[name]();
    }

    help(shown) {
      this.bar.hints.hidden = !shown;
      put(this.bar.keys, "aria-expanded", shown);
    }

    /** Shows the tokens of an error. */
    show(error) {
      if (!error || !error.positions.length) return;
      this.light(error.positions);
      this.stage.rove(error.positions[0]);
      this.light(error.positions);
    }

    key(event) {
      const { target, key } = event;
      if (!this.run || event.ctrlKey || event.metaKey || target.matches("select, textarea, input:not([type=range])"))
        return;
      const onToken = target.rpPosition !== undefined;
      const way = { ArrowLeft: -1, ArrowRight: 1, ",": -1, ".": 1 }[key];
      const to = onToken && !event.altKey ? this.stage.beside(target.rpPosition, key) : null;
      if (to !== null) this.stage.rove(to);
      else if (way) this.go(this.k + way, "user");
      else if (key === "Home") this.go(0, "user");
      else if (key === "End") this.go(this.run.count, "user");
      else if (key === "Enter" && onToken) this.select(target.rpPosition);
      else if (key === "Escape") this.escape();
      else if (key === " " && !target.closest("button, summary")) this.toggle();
      else return;
      event.preventDefault();
    }

    escape() {
      if (!this.bar.hints.hidden) this.help(false);
      else this.select(-1);
    }

    /** The pointer or the focus is on a token: its column lights up and one line tells about it. */
    point(p) {
      this.pointed = p;
      if (!this.run) return;
      this.light(p === undefined ? [] : this.stage.hot.includes(p) ? this.stage.hot : [p]);
      this.later();
    }

    /** Lights positions on the stage and in the domain's own drawing. */
    light(positions) {
      this.stage.light(positions);
      if (this.scene && this.scene.light) this.guard(() => this.scene.light(positions));
    }

    hover(event) {
      if (!this.run || !this.run.count) return;
      const spot = this.heat.hit(event);
      this.heat.hover(spot);
      this.light([spot.p]);
      this.pointed = spot.p;
      this.later();
    }

    leave() {
      this.heat.tip.hidden = true;
      this.point(undefined);
    }

    // Drawing

    /** Draws at the next frame, however often it is asked. */
    later() {
      if (this.waiting) return;
      this.waiting = requestAnimationFrame(() => {
        this.waiting = 0;
        if (!this.off.signal.aborted) this.draw();
      });
    }

    draw() {
      const run = this.run;
      this.describe();
      if (!run) return;
      const view = run.at(this.k);
      this.stage.render(view);
      if (this.scene) this.guard(() => this.scene.render(view, this.k));
      this.heat.update();
      this.heat.mark(this.k);
      this.heat.place(this.heat.column, this.pointed === undefined ? -1 : this.pointed);
      this.heat.place(this.heat.chosen, this.selected);
      this.drawBar(view);
      this.drawNumbers(view);
      this.drawErrors(view);
      this.drawHead();
      this.life.render(run, this.selected, this.k);
      say(this.stage.readout, this.pointed === undefined ? "" : this.stage.facts(this.pointed, view).join(" · "));
      if (this.table.box.open) this.drawTable();
    }

    get mode() {
      const run = this.run;
      if (!run) return "empty";
      if (this.playing) return "playing";
      if (!run.ended) return this.follow ? "live" : "paused";
      return this.k >= run.count ? "done" : "paused";
    }

    describe() {
      put(this.root, "data-status", this.mode);
      put(this.root, "data-step", this.k);
      put(this.root, "data-steps", this.run ? this.run.count : 0);
      put(this.root, "data-run", this.run ? this.run.run : null);
      put(this.root, "data-live", this.run && !this.run.ended ? "true" : null);
    }

    drawBar(view) {
      const { bar, run } = this;
      const moving = this.playing || (this.follow && !run.ended);
      put(bar.slider, "max", Math.max(run.expected, 1));
      if (Number(bar.slider.value) !== this.k) bar.slider.value = this.k;
      put(bar.slider, "aria-valuetext", `step ${this.k} of ${run.expected}, ${view.phase}`);
      bar.slider.style.setProperty("--rp-done", `${(100 * this.k) / Math.max(run.expected, 1)}%`);
      say(bar.count, `step ${this.k} / ${run.expected}`);
      bar.count.style.minWidth = `${5 + 2 * String(run.expected).length}ch`;
      say(bar.phase, run.steps[this.k - 1] || !this.k ? view.phase : "not arrived");
      const wanted = moving ? "pause" : "play";
      if (bar.play.rpIcon !== wanted) {
        bar.play.rpIcon = wanted;
        bar.play.replaceChildren(icon(wanted));
        put(bar.play, "aria-label", moving ? "Pause" : "Play");
        put(bar.play, "title", moving ? "Pause" : "Play");
      }
      bar.live.hidden = Boolean(run.ended);
      bar.live.disabled = this.follow;
      say(bar.live, this.follow ? "Live" : "Jump to live");
    }

    drawNumbers(view) {
      const { values } = this.numbers;
      const open = this.run.length - this.run.given.length;
      const expected = view.as === null ? "–" : (open * (1 - view.as)).toFixed(1);
      say(values.masked, `${view.masked} / ${expected}`);
      for (const key of ["now", "remasks", "revised", "churned", "forwards"]) say(values[key], String(view[key]));
      say(values.sigma, sigma(view.sigma));
      say(values.ms, view.ms ? view.ms.toFixed(view.ms < 10 ? 1 : 0) : "–");
    }

    /** The errors of this step; the box keeps its size. */
    drawErrors(view) {
      this.errors.hidden = !this.run.checked;
      if (this.listed === view.errors && this.listedRun === this.run) return;
      this.listed = view.errors;
      this.listedRun = this.run;
      const items = view.errors.map((error, i) =>
        h(
          "button",
          { type: "button", class: "rp-error", "data-error": i },
          h("b", {}, error.kind),
          ` ${error.sentence}`,
        ),
      );
      const head = view.errors.length
        ? `${plural(view.errors.length, "error")}:`
        : "No errors among the tokens decoded so far.";
      this.errors.replaceChildren(h("span", { class: "rp-muted" }, head), ...items);
    }

    drawHead() {
      const { run } = this;
      say(this.title, run.title || "Run");
      const notes = [run.model, run.note, run.ended ? run.ended.note : ""];
      say(this.about, notes.filter(Boolean).join(" · "));
      const kind = !run.ended ? "live" : run.ended.stopped ? "stopped" : this.recorded ? "recorded" : "finished";
      say(this.badge, kind);
      put(this.badge, "data-kind", kind);
    }

    drawTable() {
      const { body } = this.table;
      const { run } = this;
      for (let i = body.rows.length; i < run.count; i++) {
        const view = run.steps[i];
        const cells = view
          ? [view.phase, view.decodedNow, view.now, view.masked, run.checked ? view.errors.length : "–"]
          : ["not arrived", "", "", "", ""];
        body.append(h("tr", {}, h("th", { scope: "row" }, String(i + 1)), ...cells.map((x) => h("td", {}, String(x)))));
      }
    }

    relayout() {
      this.table.body.replaceChildren();
      this.stage.layout();
      this.later();
    }

    resize() {
      const width = this.root.clientWidth;
      if (width === this.width) return;
      const appeared = !this.width;
      this.width = width;
      this.size();
      if (!this.run || !width) return;
      if (appeared) this.stage.layout();
      else this.stage.fit();
      this.heat.fit();
      this.later();
    }

    /** The layout follows the player's own room, not the window; the host's style rewriting drops container queries. */
    size() {
      const { width } = this;
      put(
        this.root,
        "data-size",
        width >= 860 ? "wide" : width >= 720 ? "medium" : width >= 520 ? "narrow" : "narrow tiny",
      );
    }

    recolour() {
      const dark = Boolean(this.root.closest(".dark"));
      if (dark === this.dark) return;
      put(this.root, "data-theme", dark ? "dark" : "light");
      this.dark = dark;
      this.colours = dress(this.root, dark);
      if (!this.run) return;
      this.heat.colour(this.colours);
      this.later();
    }

    /** Tells those who do not see the page, not at every frame of a playing run. */
    speak() {
      clearTimeout(this.speaking);
      this.speaking = setTimeout(() => {
        if (!this.run || this.playing) return;
        const view = this.run.at(this.k);
        this.heat.describe(this.k);
        const end = this.run.ended && this.k === this.run.count ? " End of the run." : "";
        say(
          this.status,
          `Step ${this.k} of ${this.run.expected}, ${view.phase}: ${view.decodedNow} decoded, ` +
            `${view.now} remasked, ${view.masked} masked.${end}`,
        );
      }, 400);
    }

    /** What the page shows, for tests and for whoever holds the handle. */
    state() {
      const { run } = this;
      if (!run) return { status: "empty", step: 0, steps: 0 };
      const view = run.at(this.k);
      return {
        status: this.mode,
        run: run.run,
        step: this.k,
        steps: run.count,
        expected: run.expected,
        live: !run.ended,
        selected: this.selected,
        phase: view.phase,
        masked: view.masked,
        remaskedNow: view.now,
        decodedNow: view.decodedNow,
        remasks: view.remasks,
        revised: view.revised,
        churned: view.churned,
        forwards: view.forwards,
        errors: view.errors.length,
        missing: run.missing,
        states: Array.from(view.state, (x) => STATES[x]),
        marks: Array.from(view.mark, (x) => MARKS[x]),
        ids: Array.from(view.shown, (id, p) => (view.state[p] === REMASKED ? run.mask : id)),
        notice: this.notice.textContent,
      };
    }
  }

  // ----------------------------------------------------------------------------------------------------- mount

  /**
   * Puts a player into an element.
   *
   * `host` may have value(), watch(callback) and frames(run, from, to). `frames` gives a JSON list of the step messages
   * from..to (both included); with from = -1 also the start message, and the end one if there is.
   */
  function mount(element, host = {}) {
    const root = element.matches(".rp") ? element : element.querySelector(".rp") || element;
    if (root.__player) root.__player.destroy();
    const player = new Player(root, host);
    const handle = {
      push: (text) => player.push(text),
      seek: (k) => player.go(k, "api"),
      select: (p) => player.select(p),
      play: () => player.play(),
      pause: () => player.pause(),
      state: () => player.state(),
      destroy: () => player.destroy(),
    };
    root.__player = handle;
    element.__player = handle;
    if (host.value) player.push(host.value());
    if (host.watch) host.watch(() => handle === root.__player && player.push(host.value()));
    return handle;
  }

  /** Drawings that domains bring: name -> (tools) => ({ box, open(run), render(view, k), light(positions), destroy() }). */
  const scenes = {};

  /** Colours that styles cannot say: the confidence ramp. */
  function dress(root, dark) {
    const colours = palette(dark);
    for (let c = 1; c <= 8; c++) root.style.setProperty(`--rp-c${c}`, rgb(colours.psi((c - 0.5) / 8)));
    return colours;
  }

  const tools = { h, svg, icon, picture, say, put, Run, Stage, Life, scenes, buildBar, readStart, readStep, readEnd, dress };
  window.ReMDMPlayer = { mount, scenes, tools };
})();
