/* Runs side by side under one slider: each lane has its tokens, and under them its confidence map with the steps across.
 *
 * Messages: open (titles, settings and start messages of the lanes), steps ([lane, step message] of one round), end; or
 * all of it at once, a recorded comparison. Errors have a history: when each was born and when it was repaired stands on
 * the slider, in the map and in a list, and a line of text says it when the slider passes there.
 */

import { dress } from "./colours.js";
import { clamp, h, icon, plural, put, say } from "./dom.js";
import { repair } from "./errors.js";
import { Lane, ONE_MASKED, OTHER, SAME, difference } from "./lanes.js";
import { Life } from "./life.js";
import { readEnd, readStep } from "./protocol.js";
import { REMASKED } from "./run.js";
import { buildBar } from "./transport.js";

const MOST = 4;
const LISTED = 6; // errors of a lane in the list
const PLAIN_SPEED = 8; // steps a second
const HURRY = 22; // of a recorded pair where nothing happens to an error
const LINGER = 3; // of the same around what does
const AROUND = [2, 5]; // steps before and after an event that count as around it
const SAID = 7; // steps for which the line of text speaks of an event
const BY = [["step", "step"], ["share", "share of the run"], ["nfe", "network evaluations"]];

/** What the marks mean, in one line. */
function buildLegend(sample) {
  const chip = (state, look, text) => h("span", { class: `rp-t ${look}`, "data-state": state }, text);
  const entry = (label, ...chips) => h("span", { class: "rp-key" }, ...chips, label);
  return h(
    "div",
    { class: "rp-legend ln-legend", role: "group", "aria-label": "Legend", "data-role": "legend" },
    entry("masked", chip("masked", "", "")),
    entry("decoded now", chip("decoded", "", sample)),
    entry("remasked now", chip("remasked", "", sample)),
    entry("kept: doubtful to sure when decoded", chip("kept", "rp-c1", sample), chip("kept", "rp-c5", sample), chip("kept", "rp-c8", sample)),
    ...(sample ? [entry("error", chip("kept", "rp-c8 rp-bad", sample))] : []),
  );
}

class Compare {
  constructor(root, host) {
    Object.assign(this, { root, host, panes: [], k: 0, follow: true, playing: false, id: null, by: "step" });
    this.off = new AbortController();
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    root.classList.add("rp", "rp-compare");
    this.themes = new MutationObserver(() => this.recolour());
    for (const node of [document.documentElement, document.body])
      this.themes.observe(node, { attributes: true, attributeFilter: ["class"] });
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(root);
    this.recolour();
    root.hidden = true;
  }

  push(text) {
    const message = text ? JSON.parse(text) : null;
    if (!message || message.v !== 1) return;
    if (message.kind === "open") this.open(message);
    else if (message.kind === "all") this.all(message);
    else if (message.id !== this.id) return;
    else if (message.kind === "steps") this.take(message.list);
    else if (message.kind === "end") this.finish(message);
  }

  open(message) {
    this.off.abort();
    this.off = new AbortController();
    Object.assign(this, { memo: null, told: null, id: message.id, k: 0, follow: true, playing: false, ended: false, paced: false });
    this.root.hidden = false;
    const acts = { light: (p) => this.light(p), choose: (lane, p) => this.choose(lane, p), go: (k) => this.go(k) };
    this.panes = message.panes.slice(0, MOST).map((about, place) => new Lane(about, place, acts));
    this.build(message);
    for (const pane of this.panes) pane.stage.open(pane.run);
    for (const pane of this.panes) pane.map.colour(this.colours, this.errorColour);
    this.size();
    this.listen();
    this.later();
  }

  build(message) {
    this.bar = buildBar();
    this.bar.keys.remove();
    put(this.bar.box, "data-role", "transport");
    put(this.bar.slider, "data-role", "slider");
    this.events = h("div", { class: "ln-events", "aria-hidden": "true" });
    const track = h("div", { class: "ln-track" });
    this.bar.slider.replaceWith(track);
    track.append(this.bar.slider, this.events);
    this.axis = h("select", { class: "rp-speed", "aria-label": "Compare by", title: "Compare by" }, ...BY.map(([value, words]) => h("option", { value }, `by ${words}`)));
    this.axis.hidden = this.panes.length < 2;
    this.by = "step";
    this.bar.speed.before(this.axis);
    this.headline = h("p", { class: "ln-headline", hidden: "" }, message.headline || "");
    this.headline.hidden = !message.headline;
    this.caption = h("p", { class: "ln-caption", "aria-live": "polite" });
    this.switch = h(
      "div",
      { class: "ln-switch", role: "group", "aria-label": "Lane shown" },
      ...this.panes.map((pane, place) => h("button", { type: "button", "data-lane": place, "aria-pressed": String(!place) })),
    );
    this.grid = h("div", { class: "rp-panes", "data-panes": this.panes.length, "data-lane": 0 }, ...this.panes.map((pane) => pane.box));
    const plain = this.panes[0].run.layout === "grid" ? "" : "word";
    this.verdict = h("p", { class: "rp-verdict-line", role: "status" });
    this.pastTitle = h("summary", {});
    this.pastRows = h("div", { class: "ln-history" });
    this.past = h("details", { class: "rp-table", hidden: "" }, this.pastTitle, this.pastRows);
    this.life = new Life();
    this.popover = h("div", { class: "ln-popover", "data-role": "popover", role: "dialog", "aria-label": "Life of a token", hidden: "" }, this.life.box);
    this.root.replaceChildren(
      this.headline, this.bar.box, this.caption, this.switch, this.grid, buildLegend(plain),
      h("div", { class: "ln-more" }, this.past, this.buildApart()), this.popover,
    );
  }

  /** Where the runs part: step by position, folded away. */
  buildApart() {
    this.apart = h("canvas", { class: "rp-apart", role: "img" });
    this.cursor = h("div", { class: "rp-hline" });
    const legend = h(
      "p",
      { class: "rp-apart-legend" },
      h("i", { class: "rp-square rp-apart-other" }),
      "another token than in A  ",
      h("i", { class: "rp-square rp-apart-mask" }),
      "masked in one of them  ",
      h("span", { class: "rp-t rp-c4", "data-state": "kept", "data-apart": "" }, "word"),
      "differs from A",
    );
    const plot = h("div", { class: "rp-apart-plot" }, this.apart, this.cursor);
    this.picture = h("details", { class: "rp-table rp-apart-box" }, h("summary", {}, "Where and when the runs part"), this.verdict, plot, legend);
    this.picture.hidden = this.panes.length < 2;
    return this.picture;
  }

  listen() {
    const on = (target, what, act) => target.addEventListener(what, act, { signal: this.off.signal });
    on(this.root, "click", (event) => this.click(event));
    on(this.bar.slider, "input", () => this.go(Number(this.bar.slider.value)));
    on(this.axis, "change", () => this.measure(this.axis.value));
    on(this.root, "keydown", (event) => this.key(event));
    on(this.root, "pointerover", (event) => event.target.rpPosition !== undefined && this.light(event.target.rpPosition));
    on(this.root, "focusin", (event) => event.target.rpPosition !== undefined && this.light(event.target.rpPosition));
    on(this.picture, "toggle", () => this.later());
    for (const pane of this.panes) {
      on(pane.map.canvas, "pointermove", (event) => this.light(pane.map.hit(event).position));
      on(pane.map.canvas, "pointerleave", () => this.light());
      on(pane.stage.box, "pointerleave", () => this.light());
    }
  }

  click(event) {
    const { target } = event;
    const lane = this.panes.find((pane) => pane.box.contains(target));
    if (lane && target.rpPosition !== undefined) return this.choose(lane, target.rpPosition);
    if (lane && target === lane.map.canvas) {
      const { step, position } = lane.map.hit(event);
      this.go(this.reach(lane, step));
      return this.choose(lane, position);
    }
    if (target === this.apart) {
      const box = this.apart.getBoundingClientRect();
      return this.go(Math.floor(((event.clientY - box.top) / box.height) * this.expected) + 1);
    }
    const control = target.closest("[data-do],[data-seek],[data-pick],[data-lane],[data-event]");
    if (!control) return void (this.popover.contains(target) || this.choose(null, -1));
    const { do: act, seek, pick, lane: shown, event: born } = control.dataset;
    if (act) this.act(act);
    else if (seek && this.chosen) this.go(this.reach(this.chosen.lane, Number(seek)));
    else if (pick) this.choose(this.chosen && this.chosen.lane, Number(pick));
    else if (born) this.recall(born);
    else if (control.matches("button[data-lane]")) this.showLane(shown);
  }

  /** Goes to the beginning of an error in the list and lights its words. */
  recall(name) {
    const [place, index] = name.split(" ").map(Number);
    const lane = this.panes[place];
    const error = lane.history[index];
    this.showLane(place);
    this.go(this.reach(lane, error.born));
    lane.stage.light(error.positions);
  }

  showLane(place) {
    put(this.grid, "data-lane", place);
    [...this.switch.children].forEach((each, i) => put(each, "aria-pressed", String(i === Number(place))));
    this.resize(true);
  }

  act(name) {
    const acts = {
      first: () => this.go(0),
      previous: () => this.go(this.k - 1),
      next: () => this.go(this.k + 1),
      last: () => this.go(this.count),
      play: () => this.toggle(),
      live: () => Object.assign(this, { follow: true, k: this.count }),
    };
    if (acts[name]) acts[name]();
    this.later();
  }

  key(event) {
    const { target, key } = event;
    if (target.matches("select, textarea") || event.ctrlKey || event.metaKey) return;
    const way = { ",": -1, ".": 1, ArrowLeft: -1, ArrowRight: 1 }[key];
    const pane = this.panes.find((each) => each.stage.chips.includes(target));
    const to = pane && !event.altKey ? pane.stage.beside(target.rpPosition, key) : null;
    if (to !== null) pane.stage.rove(to);
    else if (key === "Enter" && pane) this.choose(pane, target.rpPosition);
    else if (key === "Escape" && this.chosen) this.choose(null, -1);
    else if (key === "e" || key === "E") this.next();
    else if (key === " " && !target.closest("button, summary")) this.toggle();
    else if (way && target !== this.bar.slider) this.go(this.k + way);
    else return;
    event.preventDefault();
  }

  light(p) {
    for (const pane of this.panes) pane.light(p);
  }

  /** Shows the life of a token beside it; none for -1. */
  choose(lane, p) {
    if (this.chosen) this.chosen.lane.stage.select(-1);
    this.chosen = lane && p >= 0 ? { lane, p } : null;
    if (lane) lane.stage.select(p >= 0 ? p : -1);
    this.popover.hidden = !this.chosen;
    this.later();
  }

  placePopover() {
    if (!this.chosen) return;
    const { lane, p } = this.chosen;
    this.life.render(lane.run, p, lane.k);
    if (this.root.dataset.size.includes("tiny")) return void this.popover.removeAttribute("style"); // a sheet at the bottom
    const chip = lane.stage.chips[p].getBoundingClientRect();
    const near = chip.width ? chip : lane.map.canvas.getBoundingClientRect();
    const [wide, high] = [this.popover.offsetWidth, this.popover.offsetHeight];
    const beside = near.right + 10 + wide < window.innerWidth ? near.right + 10 : near.left - 10 - wide;
    const left = clamp(beside, 8, Math.max(8, window.innerWidth - wide - 8));
    const top = clamp(near.top - 20, 8, Math.max(8, window.innerHeight - high - 8));
    this.popover.style.left = `${left}px`;
    this.popover.style.top = `${top}px`;
  }

  // The slider's axis: steps, shares of each run, or network evaluations

  measure(by) {
    const share = this.k / Math.max(this.expected, 1);
    this.by = by;
    this.told = null;
    this.k = Math.round(share * this.count);
    this.later();
  }

  /** The step of a lane at a place of the slider. */
  stepAt(lane, k) {
    const { run } = lane;
    if (this.by === "share") return Math.round((k / Math.max(this.expected, 1)) * run.expected);
    if (this.by === "step") return Math.min(k, run.count);
    let step = 0;
    while (step < run.count && run.at(step + 1).forwards <= k) step++;
    return step;
  }

  /** The place of the slider at a step of a lane. */
  reach(lane, step) {
    if (this.by === "share") return Math.ceil((step / Math.max(lane.run.expected, 1)) * this.expected);
    return this.by === "step" ? step : lane.run.at(step).forwards;
  }

  most(of) {
    return Math.max(0, ...this.panes.map(of));
  }

  get count() {
    if (this.by === "nfe") return this.most((pane) => pane.run.latest.forwards);
    return this.most((pane) => pane.run.count);
  }

  get expected() {
    if (this.by === "nfe") return Math.max(1, this.ended ? this.count : this.most((pane) => Math.max(pane.run.n, pane.run.latest.forwards)));
    return Math.max(1, this.most((pane) => pane.run.expected));
  }

  // Messages

  take(list) {
    for (const [place, message] of list) {
      const pane = this.panes[place];
      if (!pane) continue;
      const step = readStep(message, pane.run.length);
      const first = pane.run.add([step]);
      if (first >= 0 && first < pane.map.drawn) pane.map.drawn = first;
      if (!pane.run.ended && pane.run.steps[step.i]) pane.stage.grow(pane.run.steps[step.i]);
    }
    if (this.follow) this.k = this.count;
    this.later();
  }

  /** The whole comparison at once: a recorded one. An opening pair plays by itself. */
  async all(message) {
    this.open(message);
    this.take(message.steps);
    await this.finish(message);
    this.paced = Boolean(message.play);
    if (!this.paced || this.calm.matches) return;
    this.k = 0;
    this.toggle();
  }

  async finish(message) {
    for (const [place, about] of message.panes.entries()) {
      const pane = this.panes[place];
      if (!pane) continue;
      const hole = pane.run.hole() || (pane.run.count < about.end.n ? [pane.run.count, about.end.n] : null);
      if (hole && this.host.frames) await this.heal(pane, hole);
      pane.run.ended = readEnd(about.end);
      pane.stage.settle();
      say(pane.outcome, about.outcome || "");
      pane.outcome.hidden = !about.outcome;
    }
    this.ended = true;
    if (this.follow) this.k = this.count;
    this.later();
  }

  async heal(pane, [from, to]) {
    try {
      const found = JSON.parse(await this.host.frames(pane.run.run, from, to));
      const steps = found.filter((each) => each.kind === "step");
      pane.run.add(steps.map((each) => readStep(each, pane.run.length)));
      pane.map.drawn = 0;
    } catch {
      say(pane.line, "Some steps did not arrive.");
    }
  }

  // Moving

  go(k) {
    this.k = clamp(Math.round(k), 0, this.count);
    this.follow = false;
    this.playing = false;
    this.later();
  }

  /** To the next step at which an error is born or repaired. */
  next() {
    const event = this.happened.find((each) => each.at > this.k);
    if (event) this.go(event.at);
  }

  toggle() {
    if (this.playing) {
      this.playing = false;
      return this.later();
    }
    if (this.k >= this.count && this.ended) this.k = 0;
    Object.assign(this, { playing: true, follow: false, then: performance.now(), owed: 0 });
    requestAnimationFrame((now) => this.tick(now));
  }

  /** Steps a second here: a recorded pair hurries to where something happens to an error, and lingers there. */
  get pace() {
    if (!this.paced) return PLAIN_SPEED;
    const near = this.happened.some(({ at }) => this.k >= at - AROUND[0] && this.k < at + AROUND[1]);
    return near ? LINGER : HURRY;
  }

  tick(now) {
    if (!this.playing || !this.root.isConnected) return;
    if (this.width) this.owed += (Math.min(now - this.then, 250) / 1000) * this.pace * Number(this.bar.speed.value);
    this.then = now;
    const steps = Math.floor(this.owed);
    this.owed -= steps;
    this.k = Math.min(this.k + steps, this.count);
    if (this.k >= this.count && this.ended) this.playing = false;
    if (steps) this.later();
    requestAnimationFrame((next) => this.tick(next));
  }

  // Drawing

  later() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.draw();
    });
  }

  draw() {
    const [first] = this.panes;
    if (!first) return;
    for (const pane of this.panes) pane.k = this.stepAt(pane, this.k);
    for (const pane of this.panes) pane.render(pane.k, first, this.panes.length > 1);
    this.drawBar();
    this.drawEvents();
    this.drawSwitch();
    this.placePopover();
    this.drawVerdict();
    put(this.root, "data-live", this.ended ? null : "true");
    put(this.root, "data-step", this.k);
    put(this.root, "data-steps", this.count);
    put(this.root, "data-panes", this.panes.length);
  }

  drawBar() {
    const { bar, k, expected } = this;
    put(bar.slider, "max", expected);
    if (Number(bar.slider.value) !== k) bar.slider.value = k;
    bar.slider.style.setProperty("--rp-done", `${(100 * k) / expected}%`);
    const unit = this.by === "nfe" ? "evaluation" : "step";
    put(bar.slider, "aria-valuetext", `${unit} ${k} of ${expected}`);
    say(bar.count, `${unit} ${k} / ${expected}`);
    bar.count.style.minWidth = `${unit.length + 4 + 2 * String(expected).length}ch`;
    say(bar.phase, "");
    const wanted = this.playing ? "pause" : "play";
    if (bar.play.rpIcon !== wanted) {
      bar.play.rpIcon = wanted;
      bar.play.replaceChildren(icon(wanted));
      put(bar.play, "aria-label", this.playing ? "Pause" : "Play");
    }
    bar.live.hidden = this.ended;
    bar.live.disabled = this.follow;
    say(bar.live, this.follow ? "Live" : "Jump to live");
  }

  /** All births and repairs of errors by their place on the slider. */
  get happened() {
    const key = this.panes.map((pane) => `${pane.run.count} ${pane.run.missing}`).join() + this.by;
    if (this.told && this.told.key === key) return this.told.events;
    const events = this.panes.flatMap((lane, place) =>
      lane.history.flatMap((error) => [
        { lane, place, error, born: true, at: this.reach(lane, error.born) },
        ...(error.end === null ? [] : [{ lane, place, error, born: false, at: this.reach(lane, error.end) }]),
      ]),
    );
    events.sort((a, b) => a.at - b.at);
    this.told = { key, events };
    this.markEvents(events);
    this.listErrors();
    return events;
  }

  markEvents(events) {
    this.events.replaceChildren(
      ...events.map(({ at, born, place }) => {
        const mark = h("i", { class: born ? "ln-born" : "ln-gone", "data-of": place });
        mark.style.left = `${(100 * at) / this.expected}%`;
        return mark;
      }),
    );
  }

  drawEvents() {
    const recent = this.happened.filter(({ at }) => at <= this.k && this.k < at + SAID).at(-1);
    const over = this.ended && this.k >= this.count;
    say(this.caption, over ? this.outcome() : recent ? this.sentence(recent) : "");
    put(this.caption, "data-kind", over || !recent ? null : recent.born ? "born" : "gone");
  }

  sentence({ lane, error, born }) {
    if (born) return `Step ${error.born} · ${lane.title}: ${error.sentence}`;
    return `Step ${error.end} · ${lane.title}: ${repair(lane.run, error)}; the error is gone`;
  }

  outcome() {
    if (!this.panes.some((pane) => pane.run.checked)) return "";
    const left = this.panes.map((pane) => `${pane.title} leaves ${plural(pane.run.latest.errors.length, "error")}`);
    return `${left.join(", ")}.`;
  }

  /** Errors as bars from birth to repair, a row each. */
  listErrors() {
    const bar = (lane, place, error, index) => {
      const end = error.end === null ? lane.run.count : error.end;
      const strip = h("i", { class: error.end === null ? "ln-bar" : "ln-bar ln-repaired" });
      strip.style.left = `${(100 * error.born) / Math.max(lane.run.expected, 1)}%`;
      strip.style.width = `${(100 * (end - error.born)) / Math.max(lane.run.expected, 1)}%`;
      const outcome = error.end === null ? `stands to the end` : `repaired at step ${error.end}`;
      return h(
        "button",
        { type: "button", class: "ln-error", "data-event": `${place} ${index}` },
        h("span", { class: "ln-error-words" }, `${"ABCD"[place]} · step ${error.born}: ${error.sentence}, ${outcome}`),
        h("span", { class: "ln-life" }, strip),
      );
    };
    const rows = this.panes.flatMap((lane, place) => {
      const all = lane.history.map((error, index) => [error, index]);
      all.sort(([a], [b]) => (a.end === null ? 0 : 1) - (b.end === null ? 0 : 1) || (b.end - b.born) - (a.end - a.born));
      const shown = all.slice(0, LISTED).map(([error, index]) => bar(lane, place, error, index));
      const more = all.length - shown.length;
      return more > 0 ? [...shown, h("p", { class: "rp-hint" }, `${"ABCD"[place]} · ${plural(more, "more short-lived error")}`)] : shown;
    });
    this.past.hidden = !rows.length;
    say(this.pastTitle, `Errors from birth to repair: ${this.panes.map((lane) => `${lane.title} ${lane.history.length}`).join(", ")}`);
    this.pastRows.replaceChildren(...rows);
  }

  drawSwitch() {
    [...this.switch.children].forEach((button, place) => {
      const pane = this.panes[place];
      say(button, pane.run.checked ? `${pane.title} · ${pane.run.at(pane.k).errors.length}` : pane.title);
    });
  }

  drawVerdict() {
    if (this.panes.length < 2) return;
    const { first } = this.differences();
    const [a, ...others] = this.panes;
    const view = a.run.at(a.k);
    let here = 0;
    for (let p = 0; p < a.run.length; p++) here += others.some((pane) => difference(view, pane.run.at(pane.k), p) === OTHER);
    const parted = first ? `They part at step ${first[0] + 1}, position ${first[1]}.` : "So far they are the same.";
    const now = this.k ? ` After step ${this.k}, ${here} of ${a.run.length} positions hold different tokens.` : "";
    say(this.verdict, parted + now);
    put(this.apart, "aria-label", `Differences by step and position. ${parted}${now}`);
    if (this.picture.open) this.drawApart();
  }

  /** Step by position: where the other lanes differ from the first. */
  drawApart() {
    const [a] = this.panes;
    const rows = Math.max(1, this.most((pane) => pane.run.expected));
    const styles = getComputedStyle(this.root);
    const colour = { [ONE_MASKED]: styles.getPropertyValue("--rp-hatch"), [OTHER]: styles.getPropertyValue("--rp-muted") };
    if (this.apart.width !== a.run.length || this.apart.height !== rows)
      Object.assign(this.apart, { width: a.run.length, height: rows });
    const pen = this.apart.getContext("2d");
    pen.clearRect(0, 0, a.run.length, rows);
    for (const [i, p, what] of this.differences().found) {
      pen.fillStyle = colour[what];
      pen.fillRect(p, i, 1, 1);
    }
    this.cursor.style.top = `${(100 * a.k) / rows}%`;
  }

  /** The first difference, and all of them as [step, position, kind]; kept while nothing arrives. */
  differences() {
    const key = this.panes.map((pane) => `${pane.run.count}-${pane.run.missing}`).join();
    if (this.memo && this.memo.key === key && this.memo.id === this.id) return this.memo;
    const [a, ...others] = this.panes;
    const found = [];
    const steps = this.most((pane) => pane.run.count);
    for (let i = 0; i < steps; i++)
      for (let p = 0; p < a.run.length; p++) {
        const kinds = others.map((pane) =>
          i < pane.run.count || pane.run.ended ? difference(a.run.at(i + 1), pane.run.at(i + 1), p) : SAME,
        );
        const most = Math.max(SAME, ...kinds);
        if (most) found.push([i, p, most]);
      }
    this.memo = { key, id: this.id, found, first: found[0] };
    return this.memo;
  }

  recolour() {
    const dark = Boolean(this.root.closest(".dark"));
    if (dark === this.dark) return;
    this.dark = dark;
    this.colours = dress(this.root, dark);
    this.errorColour = dark ? 0xffc68cff : 0xff7a2ad6; // ABGR of the error's magenta, dark and light
    for (const pane of this.panes) pane.map.colour(this.colours, this.errorColour);
    if (this.panes.length) this.later();
  }

  resize(anyway) {
    if (anyway !== true && this.root.clientWidth === this.width) return;
    const appeared = !this.width;
    this.size();
    for (const pane of this.panes) appeared ? pane.stage.layout() : pane.stage.fit();
    this.later();
  }

  size() {
    this.width = this.root.clientWidth;
    put(this.root, "data-size", this.width >= 860 ? "wide" : this.width >= 520 ? "narrow" : "narrow tiny");
  }

  state() {
    return {
      k: this.k,
      ended: this.ended,
      playing: this.playing,
      caption: this.caption ? this.caption.textContent : "",
      panes: this.panes.map((pane) => {
        const view = pane.run.at(this.stepAt(pane, this.k));
        const ids = Array.from(view.shown, (id, p) => (view.state[p] === REMASKED ? pane.run.mask : id));
        const { count: steps, missing } = pane.run;
        return { count: steps, missing, masked: view.masked, remasks: view.remasks, errors: view.errors.length, ids };
      }),
      first: this.differences().first,
    };
  }
}

export function mount(root, host = {}) {
  const compare = new Compare(root, host);
  root.__compare = compare;
  if (host.value) compare.push(host.value());
  if (host.watch) host.watch(() => compare.push(host.value()));
  return compare;
}

window.ReMDMCompare = { mount };
