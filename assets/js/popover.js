/* A token, close by: its alternatives, what can be done with it, and its life. */

import { clamp, h, probability, say } from "./dom.js";
import { Life } from "./life.js";
import { GIVEN, MASKED } from "./run.js";

const button = (act, words, title) => h("button", { type: "button", class: "ln-act", "data-act": act, title }, words);

export class Popover {
  /**
   * @param root the board's element
   * @param host what the page can do: `act` begins a run from here, `ask` wants the alternatives of a position
   */
  constructor(root, host) {
    Object.assign(this, { root, host, lane: null, p: -1, known: new Map() });
    this.life = new Life();
    this.options = h("div", { class: "ln-options", role: "group", "aria-label": "Alternatives" });
    this.once = h("input", { type: "checkbox" });
    this.sampler = h("select", { "aria-label": "Go on with" });
    this.hint = h("p", { class: "rp-hint" });
    this.wrong = button("wrong", "Put a wrong word here", "A token that the model gives less than 1 % here");
    this.mask = button("mask", "Send back to the mask", "Take it back by hand");
    this.on = button("on", "Go on from here", "From this step, with new random numbers only where something changed");
    const single = h("label", { class: "ln-once" }, this.once, "one step only");
    const onwards = h("div", { class: "ln-onwards" }, this.on, h("span", {}, "with"), this.sampler);
    this.acts = h("div", { class: "ln-acts" }, this.wrong, this.mask, onwards, single, this.hint);
    this.box = h(
      "div",
      { class: "ln-popover", "data-role": "popover", role: "dialog", "aria-label": "A token: its alternatives and its life", hidden: "" },
      this.life.box,
    );
    this.acts.hidden = !host.act;
  }

  get open() {
    return this.lane !== null;
  }

  show(lane, p) {
    Object.assign(this, { lane, p, drawn: "" });
    this.box.hidden = false;
    this.life.glyph = lane.glyph;
    const own = h("option", { value: "" }, "its own sampler");
    this.sampler.replaceChildren(own, ...lane.acts.samplers().map(([title, name]) => h("option", { value: name }, title)));
  }

  close() {
    Object.assign(this, { lane: null, p: -1 });
    this.box.hidden = true;
  }

  get key() {
    return `${this.lane.run.run} ${this.lane.k} ${this.p}`;
  }

  /** The server's answer: the likeliest tokens of a position. */
  learn({ key, top, words }) {
    if (this.lane) for (const [id, piece] of words) this.lane.run.pieces.set(id, piece);
    this.known.set(key, top);
  }

  /** Draws it for the lane's step; `lanes` is how many go on together, `live` whether they still run. */
  draw(lanes, live) {
    const { lane, p } = this;
    const { run, k } = lane;
    const view = run.at(k);
    this.life.render(run, p, k);
    if (this.options.parentNode !== this.life.body) this.life.body.children[0].after(this.options, this.acts);
    const [given, masked] = [view.state[p] === GIVEN, view.state[p] === MASKED];
    const able = Boolean(this.host.act) && !given && !live;
    this.acts.hidden = !this.host.act || given;
    for (const each of [this.wrong, this.mask, this.on]) each.disabled = live;
    this.mask.hidden = masked;
    const who = lanes > 1 ? `All ${lanes} lanes go on from step ${k} of ${lane.title}.` : `The run goes on from step ${k}.`;
    say(this.hint, live ? "The run still goes on: wait for its end or stop it first." : who);
    this.choices(view, able);
    this.place();
  }

  choices(view, able) {
    const { lane, p } = this;
    const told = lane.run.likeliest(p, lane.k);
    const more = told.length > 1 ? null : this.known.get(this.key);
    if (able && told.length < 2 && !more && this.asked !== this.key) this.ask();
    const all = more || told;
    const drawn = `${this.key} ${able} ${all.length} ${view.state[p]}`;
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const rows = all.map(([id, prob]) => this.row(id, prob, able && id !== view.shown[p], id === view.shown[p]));
    const title = view.state[p] === MASKED ? "Likeliest here now" : "Likeliest when it was decoded";
    const hint = able ? " · click one to put it here" : "";
    this.options.replaceChildren(...(rows.length ? [h("p", { class: "rp-hint" }, title + hint), ...rows] : []));
  }

  row(id, prob, able, here) {
    const bar = h("i");
    bar.style.width = `${clamp(prob * 100, 0, 100)}%`;
    const look = { type: "button", class: `rp-choice${here ? " rp-picked" : ""}`, "data-put": id, ...(able ? {} : { disabled: "" }) };
    return h("button", look, this.life.token(this.lane.run, id), h("b", {}, bar), h("em", {}, probability(prob)));
  }

  ask() {
    this.asked = this.key;
    if (this.host.ask) this.host.ask({ key: this.key, ...this.where });
  }

  get where() {
    return { lane: this.lane.place, step: this.lane.k, position: this.p };
  }

  /** What a click in it asks for: an act of the host, or null. */
  act(target) {
    const control = target.closest("[data-act],[data-put]");
    if (!control || control.disabled || !this.open) return null;
    const { act, put: id } = control.dataset;
    const sampler = act === "on" ? this.sampler.value : "";
    return { ...this.where, kind: act || "put", token: id === undefined ? null : Number(id), sampler, once: this.once.checked };
  }

  /** Beside its token, within the window; on a phone a sheet at the bottom, which the style sheet places. */
  place() {
    if (this.root.dataset.size.includes("tiny")) return void this.box.removeAttribute("style");
    const chip = this.lane.stage.chips[this.p].getBoundingClientRect();
    const near = chip.width ? chip : this.lane.map.canvas.getBoundingClientRect();
    const [wide, high] = [this.box.offsetWidth, this.box.offsetHeight];
    const beside = near.right + 10 + wide < window.innerWidth ? near.right + 10 : near.left - 10 - wide;
    this.box.style.left = `${clamp(beside, 8, Math.max(8, window.innerWidth - wide - 8))}px`;
    this.box.style.top = `${clamp(near.top - 20, 8, Math.max(8, window.innerHeight - high - 8))}px`;
  }
}
