/* The stage: one run or several under one slider, live or recorded.
 *
 * Messages come in by inbox.js, gestures.js answers to a visitor, playhead.js moves through the steps, report.js says what
 * is shown; here the parts are put together and drawn. All of it happens in the browser: scrubbing, playing, maps, the
 * errors' history, a token's life. What only the server can do (go on from a step with a change, name alternatives) is
 * asked of the host.
 */

import { Apart } from "./apart.js";
import { dress } from "./colours.js";
import { h, put, say } from "./dom.js";
import { Feed } from "./feed.js";
import { listen } from "./gestures.js";
import { History } from "./history.js";
import { Inbox } from "./inbox.js";
import { Lane } from "./lanes.js";
import { legend, moreLegend } from "./legend.js";
import { wanted } from "./link.js";
import { Playhead } from "./playhead.js";
import { Popover } from "./popover.js";
import { describe, mark, spoken, state } from "./report.js";
import { saveable } from "./rescue.js";
import { StepTable } from "./table.js";
import { Transport, laneSwitch } from "./transport.js";

const EMPTY = "Nothing has been written yet.";
const SPEAK_AFTER_MS = 400; // not at every frame of a playing run

class Board {
  constructor(root, host) {
    Object.assign(this, { root, host, lanes: [], id: null, ended: false, chosen: null });
    this.off = new AbortController(); // of the stage
    this.gone = new AbortController(); // of the runs that it shows
    this.head = new Playhead(this);
    this.inbox = new Inbox(this, host.frames);
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    root.classList.add("rp", "rp-compare");
    this.themes = new MutationObserver(() => (root.isConnected ? this.recolour() : this.destroy()));
    for (const node of [document.documentElement, document.body])
      this.themes.observe(node, { attributes: true, attributeFilter: ["class"] });
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(root);
    this.notice = h("p", { class: "rp-notice", role: "status" });
    this.rescue = h("button", { type: "button", class: "ln-act", "data-rescue": "", hidden: "" }, "Save what was written");
    this.status = h("div", { class: "rp-hidden", role: "status", "aria-live": "polite" });
    this.recolour();
    this.size();
    this.blank(EMPTY);
  }

  destroy() {
    this.off.abort();
    this.inbox.close();
    for (const lane of this.lanes) lane.feed.close();
    this.sizes.disconnect();
    this.themes.disconnect();
  }

  /** Nothing to show, and why. */
  blank(words) {
    this.root.replaceChildren(h("div", { class: "rp-empty" }, h("p", {}, words), this.notice));
    put(this.root, "data-status", "empty");
  }

  warn(text) {
    say(this.notice, text);
  }

  /** The server has gone: what is here can be saved, where it can be made again. */
  lose(words) {
    this.warn(words);
    this.rescue.hidden = !this.lanes.some(({ run }) => saveable(run));
  }

  // What the inbox brings

  open(id, panes, headline) {
    for (const lane of this.lanes) lane.feed.close();
    this.gone.abort();
    this.gone = new AbortController();
    const alone = panes.length === 1;
    const acts = {
      light: (p) => this.light(p),
      choose: (lane, p) => this.choose(lane, p),
      go: (k) => this.head.go(k),
      samplers: () => this.host.samplers || [],
    };
    this.head.playing = false;
    this.lanes = panes.map((about, place) => new Lane(about, place, acts, alone));
    Object.assign(this, { id, ended: false, chosen: null, head: new Playhead(this) });
    for (const lane of this.lanes) {
      const changed = (first, steps) => this.changed(lane, first, steps);
      lane.feed = new Feed(lane.run, this.host.frames, changed, (words) => this.warn(words));
    }
    this.warn("");
    this.rescue.hidden = true;
    this.build(headline);
    for (const lane of this.lanes) {
      lane.stage.open(lane.run);
      lane.map.colour(this.colours);
    }
    this.size();
    listen(this, this.gone.signal);
    const { off, lanes } = this;
    if (document.fonts) document.fonts.ready.then(() => !off.signal.aborted && this.lanes === lanes && this.relayout());
    this.later();
  }

  build(headline) {
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
    this.headline = h("p", { class: "ln-headline" }, headline);
    const undo = h("button", { type: "button", class: "ln-act", "data-undo": "", hidden: "" }, "Back to the run before");
    undo.hidden = !this.host.act || !this.lanes.some((lane) => lane.run.from);
    const top = h("div", { class: "ln-top" }, this.headline, undo, ...(this.host.act ? [laneSwitch(count)] : []));
    const buttons = this.lanes.map((_, place) => h("button", { type: "button", "data-lane": place, "aria-pressed": String(!place) }));
    this.switch = h("div", { class: "ln-switch", role: "group", "aria-label": "Lane shown" }, ...(count > 1 ? buttons : []));
    this.grid = h("div", { class: "rp-panes", "data-panes": count, "data-lane": 0 }, ...this.lanes.map((lane) => lane.box));
    const more = h("div", { class: "ln-more" }, this.history.box, this.apart.box, this.table.box);
    put(this.root, "data-panes", count);
    this.root.replaceChildren(
      top, this.bar.box, this.notice, this.rescue, this.history.caption, this.switch, this.grid, legend(run.layout), more, this.popover.box, this.status,
    );
  }

  receive(steps) {
    this.lanes.forEach((lane, place) => {
      const own = steps.filter(([which]) => which === place).map(([, message]) => message);
      if (own.length) lane.feed.take(own);
    });
  }

  changed(lane, first, steps) {
    if (first < lane.map.drawn) lane.map.drawn = first;
    if (!lane.run.ended) for (const step of steps) if (lane.run.steps[step.i]) lane.stage.grow(lane.run.steps[step.i]);
    this.head.grown();
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
    this.head.grown();
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
    if (step !== null) this.head.go(step);
    if (position !== null && position < lane.run.length) this.choose(lane, position);
  }

  /** All steps have come at once: it plays from the first, unless a link asks for another. */
  recorded(panes, plays, paced) {
    for (const lane of this.lanes) lane.recorded = true;
    const goesTo = this.shown;
    this.finish(panes);
    this.head.paced = paced;
    if (goesTo || !plays || this.calm.matches) return;
    this.head.k = 0;
    this.head.play();
  }

  /** Alternatives at a position, which were asked for. */
  learn(beliefs) {
    if (!this.popover) return;
    this.popover.learn(beliefs);
    this.later();
  }

  // What a visitor does

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
    this.head.go(this.head.reach(lane, error.born));
    lane.stage.light(error.positions);
  }

  showLane(place) {
    put(this.grid, "data-lane", place);
    [...this.switch.children].forEach((each, i) => put(each, "aria-pressed", String(i === Number(place))));
    this.resize(true);
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
    const { head, ended } = this;
    const { k, expected, moving } = head;
    const [first] = this.lanes;
    for (const lane of this.lanes) lane.k = head.stepAt(lane);
    for (const lane of this.lanes) lane.render(lane.k, first);
    const alone = this.lanes.length === 1;
    const phase = !alone ? "" : first.run.steps[k - 1] || !k ? first.run.at(k).phase : "not arrived";
    const unit = head.by === "nfe" ? "evaluation" : "step";
    this.bar.draw({ k, expected, unit, phase, moving, ended, following: head.follow });
    this.history.draw(k, ended && k >= head.count);
    this.drawSwitch();
    if (this.popover.open) this.popover.draw(this.lanes.length, !ended);
    this.apart.draw();
    this.table.draw();
    describe(this);
  }

  drawSwitch() {
    [...this.switch.children].forEach((button, place) => {
      const { run, title, k } = this.lanes[place];
      say(button, run.checked ? `${title} · ${run.at(k).errors.length}` : title);
    });
  }

  /** Tells those who do not see the page. */
  speak() {
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => {
      if (this.lanes.length && !this.head.playing) say(this.status, spoken(this));
    }, SPEAK_AFTER_MS);
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

  /** How many times the plain speed a run plays. */
  get speed() {
    return Number(this.bar.speed.value);
  }

  /** Whether it stands on a tab that is shown. */
  get seen() {
    return this.width > 0;
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
    push: (text) => board.inbox.push(text),
    seek: (k) => board.head.go(k),
    select: (p, place = 0) => board.choose(board.lanes[place], p),
    play: () => board.head.play(),
    pause: () => board.head.pause(),
    state: () => state(board),
    events: () => board.history.events.map(({ at, born, place }) => ({ at, born, place })),
    resume: () => board.lanes.length || (host.value && board.inbox.push(host.value())),
    destroy: () => board.destroy(),
  };
  root.__stage = handle;
  element.__stage = handle;
  board.shown = host.where ? wanted(host.where, location.search) : null;
  if (board.shown) board.blank("Opening what the link asks for.");
  else if (host.value) board.inbox.push(host.value());
  setTimeout(() => mark(root), 500);
  if (host.watch) host.watch(() => handle === root.__stage && board.inbox.push(host.value()));
  return handle;
}

window.ReMDMStage = { mount };
