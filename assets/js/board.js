/* The stage: one run or several under one slider, live or recorded.
 *
 * A run alone comes as start, step and end, or as a trace; runs side by side as open (titles, settings and starts of the
 * lanes), steps ([lane, step message]) and end; a recorded comparison as one message with all of it. Everything else
 * happens in the browser: scrubbing, playing, maps, the errors' history, a token's life. What only the server can do (go
 * on from a step with a change, name alternatives) is asked of the host.
 */

import { Apart } from "./apart.js";
import { dress } from "./colours.js";
import { clamp, h, plural, put, say } from "./dom.js";
import { Feed, whole } from "./feed.js";
import { History } from "./history.js";
import { Lane } from "./lanes.js";
import { legend, moreLegend } from "./legend.js";
import { Popover } from "./popover.js";
import { MAX_STEPS, fail, list, parse, readBeliefs, string } from "./protocol.js";
import { MARKS, REMASKED, STATES } from "./run.js";
import { StepTable } from "./table.js";
import { wanted } from "./link.js";
import { Transport, laneSwitch, pace } from "./transport.js";

const MOST = 4;
const ROLES = [[".write", "write"], [".side", "drawer"]];
const EMPTY = "Nothing has been written yet.";
const SILENCE_MS = 6000; // of a live run, after which the server is asked whether it is still there
const LOST = "The server of this run is gone. What was written so far stays here; reload the page to go on.";

class Board {
  constructor(root, host) {
    Object.assign(this, { root, host, lanes: [], k: 0, follow: true, playing: false, id: null, by: "step", past: new Set() });
    this.off = new AbortController();
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    root.classList.add("rp", "rp-compare");
    this.themes = new MutationObserver(() => (root.isConnected ? this.recolour() : this.destroy()));
    for (const node of [document.documentElement, document.body])
      this.themes.observe(node, { attributes: true, attributeFilter: ["class"] });
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(root);
    this.notice = h("p", { class: "rp-notice", role: "status" });
    this.status = h("div", { class: "rp-hidden", role: "status", "aria-live": "polite" });
    this.recolour();
    this.size();
    this.blank(EMPTY);
  }

  destroy() {
    this.off.abort();
    clearTimeout(this.silence);
    for (const lane of this.lanes) lane.feed.close();
    this.sizes.disconnect();
    this.themes.disconnect();
    this.playing = false;
  }

  /** Nothing to show, and why. */
  blank(words) {
    this.root.replaceChildren(h("div", { class: "rp-empty" }, h("p", {}, words), this.notice));
    put(this.root, "data-status", "empty");
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
    if (kind === "open") this.open(message);
    else if (kind === "all") this.all(message);
    else if (kind === "start") this.open({ id: string(message.run), panes: [{ start: message }] });
    else if (kind === "trace") this.trace(message);
    else if (kind === "blank") this.blank(string(message.words));
    else if (kind === "beliefs") this.popover && this.popover.learn(readBeliefs(message));
    else if (kind === "step" || (kind === "end" && !message.panes)) this.belongs(message);
    else if (kind !== "steps" && kind !== "end") fail("of an unknown kind");
    else if (message.id === this.id) kind === "end" ? this.finish(message.panes) : this.receive(list(message.list, "list"));
    if (kind === "beliefs") this.later();
  }

  /** A step or the end of a run alone; of one whose start never arrived, everything is asked for. */
  belongs(message) {
    const id = string(message.run);
    if (id !== this.id) {
      // What is late from a run that was replaced, or cannot be had, is not asked for again.
      if (!this.past.has(id) && this.host.frames) this.fetch(id, message.kind === "step" ? message.i : MAX_STEPS);
    } else if (message.kind === "step") this.receive([[0, message]]);
    else this.finish([{ end: message }]);
  }

  async fetch(id, to) {
    this.past.add(id);
    try {
      const found = await whole(this.host.frames, id, to);
      if (!found || this.off.signal.aborted) return;
      this.open({ id, panes: [{ start: found.start }] });
      this.receive(found.steps.map((step) => [0, step]));
      if (found.end) this.finish([{ end: found.end }]);
    } catch {
      this.warn("Some steps did not arrive.");
    }
  }

  open(message) {
    const id = string(message.id);
    if (id === this.id && this.lanes.length && (this.count || this.ended)) return;
    if (this.id) this.past.add(this.id);
    this.past.delete(id);
    for (const lane of this.lanes) lane.feed.close();
    this.gone.abort();
    this.gone = new AbortController();
    const alone = message.panes.length === 1;
    const acts = {
      light: (p) => this.light(p),
      choose: (lane, p) => this.choose(lane, p),
      go: (k) => this.go(k),
      samplers: () => this.host.samplers || [],
    };
    this.lanes = list(message.panes, "panes").slice(0, MOST).map((about, place) => new Lane(about, place, acts, alone));
    Object.assign(this, { id, k: 0, follow: true, playing: false, ended: false, paced: false, by: "step", chosen: null });
    for (const lane of this.lanes) {
      const changed = (first, steps) => this.changed(lane, first, steps);
      lane.feed = new Feed(lane.run, this.host.frames, changed, (words) => this.warn(words));
    }
    this.warn("");
    this.build(message);
    for (const lane of this.lanes) {
      lane.stage.open(lane.run);
      lane.map.colour(this.colours);
    }
    this.size();
    this.listen();
    this.later();
    this.heard();
  }

  /** A live run has said something: if nothing follows for a while, the server is asked for the run. */
  heard() {
    clearTimeout(this.silence);
    if (!this.ended && this.host.frames) this.silence = setTimeout(() => this.askServer(), SILENCE_MS);
  }

  async askServer() {
    const { id, lanes } = this;
    const late = new Promise((done) => setTimeout(done, SILENCE_MS, null)); // a request to nobody may never be answered
    const found = await Promise.race([whole(this.host.frames, lanes[0].run.run, -1).catch(() => null), late]);
    if (this.off.signal.aborted || id !== this.id || this.ended) return;
    if (found) return this.heard();
    this.finish(lanes.map(() => ({ end: { stopped: true } })));
    this.warn(LOST);
  }

  gone = new AbortController();

  build(message) {
    const [{ run }] = this.lanes;
    const count = this.lanes.length;
    this.history = new History(this);
    this.history.caption.hidden = run.layout === "grid"; // nothing checks a picture: no line is kept free for errors
    this.apart = new Apart(this);
    this.table = new StepTable(run, count > 1);
    this.bar = new Transport(this.history.marks, moreLegend(run.layout));
    this.bar.axis.hidden = count < 2;
    this.bar.computedOn(run.device);
    this.popover = new Popover(this.root, this.host);
    this.headline = h("p", { class: "ln-headline" }, string(message.headline));
    const undo = h("button", { type: "button", class: "ln-act", "data-undo": "", hidden: "" }, "Back to the run before");
    undo.hidden = !this.host.act || !this.lanes.some((lane) => lane.run.from);
    const top = h("div", { class: "ln-top" }, this.headline, undo, ...(this.host.act ? [laneSwitch(count)] : []));
    const buttons = this.lanes.map((_, place) => h("button", { type: "button", "data-lane": place, "aria-pressed": String(!place) }));
    this.switch = h("div", { class: "ln-switch", role: "group", "aria-label": "Lane shown" }, ...(count > 1 ? buttons : []));
    this.grid = h("div", { class: "rp-panes", "data-panes": count, "data-lane": 0 }, ...this.lanes.map((lane) => lane.box));
    const more = h("div", { class: "ln-more" }, this.history.box, this.apart.box, this.table.box);
    put(this.root, "data-panes", count);
    this.root.replaceChildren(
      top, this.bar.box, this.notice, this.history.caption, this.switch, this.grid, legend(run.layout), more, this.popover.box, this.status,
    );
  }

  listen() {
    const on = (target, what, act) => target.addEventListener(what, act, { signal: this.gone.signal });
    const point = (event) => event.target.rpPosition !== undefined && this.light(event.target.rpPosition);
    on(this.root, "click", (event) => this.click(event));
    on(this.root, "change", (event) => this.changes(event.target));
    on(this.bar.slider, "input", () => this.go(Number(this.bar.slider.value)));
    on(this.root, "keydown", (event) => this.key(event));
    on(this.root, "pointerover", point);
    on(this.root, "focusin", point);
    for (const box of [this.apart.box, this.table.box]) on(box, "toggle", () => this.later());
    for (const lane of this.lanes) {
      on(lane.map.canvas, "pointermove", (event) => this.light(lane.map.hit(event).position, lane, lane.map.hit(event)));
      on(lane.map.canvas, "pointerleave", () => this.light());
      on(lane.stage.box, "pointerleave", () => this.light());
    }
    const { off, lanes } = this;
    if (document.fonts) document.fonts.ready.then(() => !off.signal.aborted && this.lanes === lanes && this.relayout());
  }

  receive(steps) {
    this.lanes.forEach((lane, place) => {
      const own = steps.filter(([which]) => which === place).map(([, message]) => message);
      if (own.length) lane.feed.take(own);
    });
    this.heard();
  }

  changed(lane, first, steps) {
    if (first < lane.map.drawn) lane.map.drawn = first;
    if (!lane.run.ended) for (const step of steps) if (lane.run.steps[step.i]) lane.stage.grow(lane.run.steps[step.i]);
    if (this.follow) this.k = this.count;
    this.later();
  }

  /** The end of every lane, with what became of a planted token. */
  finish(panes) {
    if (this.ended) return;
    this.lanes.forEach((lane, place) => {
      const about = panes[place] || {};
      lane.feed.end(about.end);
      lane.stage.settle();
      say(lane.outcome, about.outcome || "");
      lane.outcome.hidden = !about.outcome;
    });
    this.ended = true;
    clearTimeout(this.silence);
    if (this.follow) this.k = this.count;
    this.show();
    this.speak();
    this.later();
  }

  /** What a link asks to be shown, once it is there. */
  show() {
    if (!this.shown || this.shown.edits-- > 0) return; // what was done by hand comes first
    const { step, lane: place, position } = this.shown;
    const lane = this.lanes[place] || this.lanes.at(-1);
    this.shown = null;
    if (step !== null) this.go(step);
    if (position !== null && position < lane.run.length) this.choose(lane, position);
  }

  /** Runs side by side, all at once: recorded ones. An opening pair plays by itself. */
  all(message) {
    this.open(message);
    this.recorded(list(message.steps, "steps"), message.panes, Boolean(message.play), Boolean(message.play));
  }

  /** A recorded run alone. */
  trace(message) {
    const messages = list(message.messages, "messages");
    const start = messages.find((m) => m && m.kind === "start") || fail("without a start");
    if (this.id === string(start.run)) this.id = null;
    this.open({ id: string(start.run), panes: [{ start }] });
    const steps = messages.filter((m) => m && m.kind === "step").map((m) => [0, m]);
    this.recorded(steps, [{ end: messages.find((m) => m && m.kind === "end") }], true, false);
  }

  recorded(steps, panes, plays, paced) {
    let bad = 0;
    for (const each of steps)
      try {
        this.receive([each]);
      } catch {
        bad++;
      }
    if (bad) this.warn(`${plural(bad, "step")} could not be read and ${bad === 1 ? "was" : "were"} left out.`);
    for (const lane of this.lanes) lane.recorded = true;
    const goesTo = this.shown;
    this.finish(panes);
    this.paced = paced;
    if (goesTo || !plays || this.calm.matches) return;
    this.k = 0;
    this.play();
  }

  warn(text) {
    say(this.notice, text);
  }

  // What a visitor does

  click(event) {
    const { target } = event;
    const asked = this.popover.box.contains(target) && this.popover.act(target);
    if (asked) return this.ask(asked);
    const lane = this.lanes.find((each) => each.box.contains(target));
    if (lane && target.rpPosition !== undefined) return this.choose(lane, target.rpPosition);
    if (lane && target === lane.map.canvas) {
      const { step, position } = lane.map.hit(event);
      this.go(this.reach(lane, step));
      return this.choose(lane, position);
    }
    if (target === this.apart.canvas) return this.go(this.apart.hit(event));
    const control = target.closest("[data-do],[data-seek],[data-pick],[data-lane],[data-event],[data-lanes],[data-undo]");
    if (!control) return void (this.popover.box.contains(target) || target.closest("select") || this.choose(null, -1));
    const { do: act, seek, pick, lane: place, event: born, lanes, undo } = control.dataset;
    if (act) this.act(act);
    else if (seek && this.chosen) this.go(this.reach(this.chosen.lane, Number(seek)));
    else if (pick) this.choose(this.chosen && this.chosen.lane, Number(pick));
    else if (born) this.recall(born);
    else if (lanes) this.ask({ kind: "lanes", lanes: Number(lanes) });
    else if (undo !== undefined) this.ask({ kind: "undo" });
    else if (control.matches("button[data-lane]")) this.showLane(place);
  }

  changes(target) {
    const lane = this.lanes.find((each) => each.sampler === target);
    if (target === this.bar.axis) this.measure(target.value);
    else if (target === this.bar.drafts) this.root.classList.toggle("ln-no-drafts", !target.checked);
    else if (lane) this.ask({ kind: "sampler", lane: lane.place, sampler: target.value });
  }

  /** Asks the host for what begins a run or changes the lanes. */
  ask(request) {
    if (!this.host.act) return;
    this.choose(null, -1);
    this.host.act(request);
  }

  /** Goes to the beginning of an error in the list and lights its words. */
  recall(name) {
    const [place, index] = name.split(" ").map(Number);
    const lane = this.lanes[place];
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
      keys: () => this.bar.help(this.bar.hints.hidden),
    };
    acts[name]();
    this.later();
  }

  key(event) {
    const { target, key } = event;
    if (target.matches("select, textarea, input:not([type=range])") || event.ctrlKey || event.metaKey) return;
    const way = { ",": -1, ".": 1, ArrowLeft: -1, ArrowRight: 1 }[key];
    const lane = target.rpPosition === undefined ? null : this.lanes.find((each) => each.stage.chips.includes(target));
    const to = lane && !event.altKey ? lane.stage.beside(target.rpPosition, key) : null;
    if (to !== null) lane.stage.rove(to);
    else if (key === "Enter" && lane) this.choose(lane, target.rpPosition);
    else if (key === "Escape") this.escape();
    else if (key === "e" || key === "E") this.next();
    else if (key === "Home") this.go(0);
    else if (key === "End") this.go(this.count);
    else if (key === " " && !target.closest("button, summary")) this.toggle();
    else if (way) this.go(this.k + way);
    else return;
    event.preventDefault();
  }

  escape() {
    if (!this.bar.hints.hidden) this.bar.help(false);
    else this.choose(null, -1);
  }

  /** The pointer or the focus is on a position; on the map, `hit` says at which step. */
  light(p, on = null, hit = null) {
    for (const lane of this.lanes) lane.light(p, lane === on ? hit : null);
    this.later();
  }

  /** Shows a token beside it: alternatives, acts, life; none for -1. */
  choose(lane, p) {
    if (this.chosen) this.chosen.lane.stage.select(-1);
    this.chosen = lane && p >= 0 ? { lane, p } : null;
    if (this.chosen) {
      lane.stage.select(p);
      this.popover.show(lane, p);
    } else if (this.popover) this.popover.close();
    this.later();
  }

  // The slider's axis: steps, shares of each run, or network evaluations

  measure(by) {
    const share = this.k / this.expected;
    this.by = by;
    this.k = Math.round(share * this.count);
    this.later();
  }

  /** The step of a lane at a place of the slider. */
  stepAt({ run }, k) {
    if (this.by === "share") return Math.round((k / this.expected) * run.expected);
    if (this.by === "step") return Math.min(k, run.count);
    let step = 0;
    while (step < run.count && run.at(step + 1).forwards <= k) step++;
    return step;
  }

  /** The place of the slider at a step of a lane. */
  reach({ run }, step) {
    if (this.by === "share") return Math.ceil((step / Math.max(run.expected, 1)) * this.expected);
    return this.by === "step" ? step : run.at(step).forwards;
  }

  most(of) {
    return Math.max(0, ...this.lanes.map(({ run }) => of(run)));
  }

  get count() {
    return this.most(this.by === "nfe" ? (run) => run.latest.forwards : (run) => run.count);
  }

  get expected() {
    if (this.by !== "nfe") return Math.max(1, this.most((run) => run.expected));
    return Math.max(1, this.ended ? this.count : this.most((run) => Math.max(run.n, run.latest.forwards)));
  }

  // Moving

  go(k) {
    Object.assign(this, { k: clamp(Math.round(k), 0, this.count), follow: false, playing: false });
    this.speak();
    this.later();
  }

  /** To the next step at which an error is born or repaired. */
  next() {
    const event = this.history.events.find((each) => each.at > this.k);
    if (event) this.go(event.at);
  }

  play() {
    if (!this.lanes.length || this.playing) return;
    if (this.k >= this.count && this.ended) this.k = 0;
    Object.assign(this, { playing: true, follow: false, then: performance.now(), owed: 0 });
    requestAnimationFrame((now) => this.tick(now));
    this.later();
  }

  pause() {
    Object.assign(this, { playing: false, follow: false });
    this.speak();
    this.later();
  }

  toggle() {
    if (this.playing || (this.follow && !this.ended)) this.pause();
    else this.play();
  }

  tick(now) {
    if (!this.playing || this.off.signal.aborted) return;
    if (!this.root.isConnected) return this.destroy();
    // On a tab that is not shown it waits: what nobody sees is not played.
    const speed = pace(this.k, this.history.events, this.paced) * Number(this.bar.speed.value);
    if (this.width) this.owed += (clamp(now - this.then, 0, 250) / 1000) * speed;
    this.then = now;
    const steps = Math.floor(this.owed);
    this.owed -= steps;
    this.k = Math.min(this.k + steps, this.count);
    if (this.k >= this.count) Object.assign(this, { playing: false, follow: !this.ended });
    if (steps) this.later();
    requestAnimationFrame((next) => this.tick(next));
  }

  // Drawing

  /** Draws at the next frame, however often it is asked. */
  later() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      if (!this.off.signal.aborted && this.lanes.length) this.draw();
    });
  }

  draw() {
    const [first] = this.lanes;
    for (const lane of this.lanes) lane.k = this.stepAt(lane, this.k);
    for (const lane of this.lanes) lane.render(lane.k, first);
    const alone = this.lanes.length === 1;
    const phase = !alone ? "" : first.run.steps[this.k - 1] || !this.k ? first.run.at(this.k).phase : "not arrived";
    const unit = this.by === "nfe" ? "evaluation" : "step";
    const moving = this.playing || (this.follow && !this.ended);
    this.bar.draw({ k: this.k, expected: this.expected, unit, phase, moving, ended: this.ended, following: this.follow });
    this.history.draw(this.k, this.ended && this.k >= this.count);
    this.drawSwitch();
    if (this.popover.open) this.popover.draw(this.lanes.length, !this.ended);
    this.apart.draw();
    this.table.draw();
    this.describe();
  }

  get mode() {
    if (!this.lanes.length) return "empty";
    if (this.playing) return "playing";
    if (!this.ended) return this.follow ? "live" : "paused";
    return this.k >= this.count ? "done" : "paused";
  }

  /** Marks what stands around the stage, for whoever looks for it; the page may draw it later than this. */
  mark() {
    const bench = this.root.closest(".bench");
    if (bench) for (const [look, role] of ROLES) bench.querySelectorAll(look).forEach((each) => put(each, "data-role", role));
  }

  describe() {
    this.mark();
    put(this.root, "data-status", this.mode);
    put(this.root, "data-live", this.ended ? null : "true");
    put(this.root, "data-step", this.k);
    put(this.root, "data-steps", this.count);
    put(this.root, "data-run", this.id);
  }

  drawSwitch() {
    [...this.switch.children].forEach((button, place) => {
      const { run, title, k } = this.lanes[place];
      say(button, run.checked ? `${title} · ${run.at(k).errors.length}` : title);
    });
  }

  /** Tells those who do not see the page, not at every frame of a playing run. */
  speak() {
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => {
      if (!this.lanes.length || this.playing) return;
      const told = this.lanes.map(({ run, title, k }) => {
        const view = run.at(k);
        return `${title}: ${view.decodedNow} decoded, ${view.now} remasked, ${view.masked} masked`;
      });
      say(this.status, `Step ${this.k} of ${this.expected}. ${told.join("; ")}.`);
    }, 400);
  }

  recolour() {
    const dark = Boolean(this.root.closest(".dark"));
    if (dark === this.dark) return;
    this.dark = dark;
    this.colours = dress(this.root, dark);
    for (const lane of this.lanes) lane.map.colour(this.colours);
    if (this.lanes.length) this.later();
  }

  relayout() {
    for (const lane of this.lanes) lane.stage.layout();
    this.later();
  }

  resize(anyway) {
    if (anyway !== true && this.root.clientWidth === this.width) return;
    const appeared = !this.width;
    this.size();
    for (const lane of this.lanes) appeared ? lane.stage.layout() : lane.stage.fit();
    if (this.lanes.length) this.later();
  }

  /** The layout follows the board's own room, not the window; the host's style rewriting drops container queries. */
  size() {
    this.width = this.root.clientWidth;
    put(this.root, "data-size", this.width >= 860 ? "wide" : this.width >= 520 ? "narrow" : "narrow tiny");
  }

  /** What the stage shows: for links, for tests and for whoever holds the handle. */
  state() {
    if (!this.lanes.length) return { status: "empty", step: 0, steps: 0 };
    const panes = this.lanes.map((lane) => {
      const { run } = lane;
      const view = run.at(this.stepAt(lane, this.k));
      const { count, missing } = run;
      const { masked, phase, forwards, remasks, revised, churned, decodedNow, now } = view;
      const numbers = { masked, phase, forwards, remasks, revised, churned, decodedNow, remaskedNow: now };
      const states = Array.from(view.state, (x) => STATES[x]);
      const marks = Array.from(view.mark, (x) => MARKS[x]);
      const ids = Array.from(view.shown, (id, p) => (view.state[p] === REMASKED ? run.mask : id));
      return { title: lane.title, step: this.stepAt(lane, this.k), count, missing, ...numbers, errors: view.errors.length, states, marks, ids };
    });
    const own = {
      status: this.mode,
      run: this.id,
      k: this.k,
      step: this.k,
      steps: this.count,
      expected: this.expected,
      ended: this.ended,
      live: !this.ended,
      playing: this.playing,
      caption: this.history.caption.textContent,
      notice: this.notice.textContent,
      selected: this.chosen ? this.chosen.p : -1,
      lane: this.chosen ? this.chosen.lane.place : -1,
    };
    return { ...panes[0], ...own, panes, first: this.lanes.length > 1 ? this.apart.differences().first : null };
  }
}

/**
 * Puts a stage into an element.
 *
 * `host` may have value(), watch(callback), frames(run, from, to): a JSON list of the step messages from..to (both
 * included; with from = -1 also the start, and the end if there is one), act(request), ask(request), and samplers, a
 * list of [title, name].
 */
export function mount(element, host = {}) {
  const root = element.matches(".rp") ? element : element.querySelector(".rp") || element;
  if (root.__stage) root.__stage.destroy();
  const board = new Board(root, host);
  const handle = {
    push: (text) => board.push(text),
    seek: (k) => board.go(k),
    select: (p, place = 0) => board.choose(board.lanes[place], p),
    play: () => board.play(),
    pause: () => board.pause(),
    state: () => board.state(),
    events: () => board.history.events.map(({ at, born, place }) => ({ at, born, place })),
    resume: () => board.lanes.length || (host.value && board.push(host.value())),
    destroy: () => board.destroy(),
  };
  root.__stage = handle;
  element.__stage = handle;
  board.shown = host.where ? wanted(host.where, location.search) : null;
  if (board.shown) board.blank("Opening what the link asks for.");
  else if (host.value) board.push(host.value());
  setTimeout(() => board.mark(), 500);
  if (host.watch) host.watch(() => handle === root.__stage && board.push(host.value()));
  return handle;
}

window.ReMDMStage = { mount };
