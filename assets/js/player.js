/* The player: shows a run of a masked diffusion sampler, live or recorded.
 *
 * It takes messages (protocol.js) and does everything else in the browser: scrubbing, playing, the confidence heatmap
 * and the life of a token.
 */

import { dress } from "./colours.js";
import { clamp, h, icon, picture, plural, put, say, sigma, svg } from "./dom.js";
import { Heatmap } from "./heatmap.js";
import { Life } from "./life.js";
import { MAX_STEPS, fail, list, parse, readEnd, readStart, readStep, string } from "./protocol.js";
import { MARKS, REMASKED, Run, STATES } from "./run.js";
import { scenes } from "./scenes.js";
import { Stage } from "./stage.js";
import { buildBar } from "./transport.js";

const STEPS_A_SECOND = 8;
const HEAL_DELAY_MS = 150;
const HEAL_TRIES = 3;

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

/**
 * Puts a player into an element.
 *
 * `host` may have value(), watch(callback) and frames(run, from, to). `frames` gives a JSON list of the step messages
 * from..to (both included); with from = -1 also the start message, and the end one if there is.
 */
export function mount(element, host = {}) {
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

window.ReMDMPlayer = { mount, scenes };
