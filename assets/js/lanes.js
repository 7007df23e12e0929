/* One run on the stage: its heading, its drawing if the domain has one, its tokens, its confidence map, its numbers. */

import { clamp, h, picture, plural, put, say, sigma, svg } from "./dom.js";
import { errorHistory } from "./errors.js";
import { LaneMap } from "./lanemap.js";
import { readStart } from "./protocol.js";
import { MASKED, REMASKED, Run } from "./run.js";
import { scenes } from "./scenes.js";
import { Stage } from "./stage.js";

export const [SAME, ONE_MASKED, OTHER] = [0, 1, 2];
export const LETTERS = "ABCD";
const masked = (view, p) => view.state[p] === MASKED || view.state[p] === REMASKED;

/** How a position of two views differs; a token struck through counts as masked. */
export function difference(a, b, p) {
  if (masked(a, p) && masked(b, p)) return SAME;
  if (masked(a, p) !== masked(b, p)) return ONE_MASKED;
  return a.shown[p] === b.shown[p] ? SAME : OTHER;
}

/** Tokens in rows of fixed height, a sentence each; padding is not shown. Only in a tiny room rows wrap. */
class Rows extends Stage {
  open(run) {
    super.open(run);
    const starts = Array.from({ length: Math.ceil(run.length / this.row) }, (_, r) => r * this.row);
    this.box.replaceChildren(...starts.map((p) => h("div", { class: "ln-row" }, ...this.chips.slice(p, p + this.row))));
    this.box.classList.add("ln-rows");
  }

  /** Cells are as wide as their words; only the type's size follows the room. */
  layout() {
    const room = this.box.clientWidth;
    if (room) this.box.style.setProperty("--ln-size", `${clamp(room / 43, 12.5, 22)}px`);
    const style = getComputedStyle(this.box);
    this.font = this.smallFont = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    this.widths.clear();
    this.free();
  }

  /** Rows that wrap keep as many lines free as they ever take, or two while that is not known. */
  free() {
    const lines = [...this.box.querySelectorAll(".ln-row")];
    const room = this.box.clientWidth;
    const known = this.run.ended && room && lines.length && getComputedStyle(lines[0]).flexWrap === "wrap";
    const views = known ? [this.run.zero, ...this.run.steps].filter(Boolean) : [];
    const style = getComputedStyle(this.box);
    const size = parseFloat(style.fontSize);
    const mask = parseFloat(style.getPropertyValue("--ln-mask")) * size;
    lines.forEach((line, r) => {
      const most = Math.max(0, ...views.map((view) => this.lines(view, r * this.row, room, mask, size)));
      if (most) line.style.setProperty("--ln-lines", most);
      else line.style.removeProperty("--ln-lines");
    });
  }

  /** How many lines the row from position `first` takes in a view. */
  lines(view, first, room, mask, size) {
    let [count, x] = [1, 0];
    for (let p = first; p < Math.min(first + this.row, this.run.length); p++) {
      const id = view.shown[p];
      if (view.state[p] !== MASKED && this.run.isSpecial(id) && !(view.bad && view.bad.has(p))) continue;
      const wide = view.state[p] === MASKED ? mask : Math.max(0.9 * size, this.textWidth(id) - 9 + 0.44 * size);
      if (x && x + wide > room) [count, x] = [count + 1, 0];
      x += wide + 2;
    }
    return count;
  }

  fit() {
    this.layout();
  }

  settle() {
    this.free();
  }

  grow() {}
}

/** The sampler of a lane as a list to choose from, where the page can follow. */
function chooser(samplers, chosen, label) {
  const options = samplers.map(([title, name]) =>
    h("option", name === chosen ? { value: name, selected: "" } : { value: name }, title),
  );
  return h("select", { class: "ln-sampler", "aria-label": label }, ...options);
}

export class Lane {
  /**
   * @param about what the message says of the lane: start, title, settings, about
   * @param place its place among the lanes
   * @param acts what it can ask of the board
   * @param {boolean} alone whether it is the only one
   */
  constructor(about, place, acts, alone) {
    Object.assign(this, { acts, place, k: 0 });
    this.run = new Run(readStart(about.start));
    const known = acts.samplers().find(([, name]) => name === this.run.sampler);
    this.title = about.title || (known ? known[0] : this.run.named || this.run.title) || "Run";
    this.stage = this.run.layout.startsWith("rows:") ? new Rows() : new Stage();
    put(this.stage.box, "aria-label", `Tokens of ${this.title}`);
    put(this.stage.box, "data-role", "tokens");
    this.map = new LaneMap(this.run);
    this.line = h("p", { class: "rp-pane-line" });
    this.outcome = h("p", { class: "rp-pane-outcome", hidden: "" });
    this.body = h("div", { class: "rp-pane-body" }, this.stage.box);
    this.box = h(
      "section",
      { class: "rp-pane", "aria-label": this.title, "data-role": "lane", "data-sampler": this.run.sampler },
      this.head(about, alone),
      this.body,
      this.map.box,
      this.line,
      this.outcome,
    );
    this.setScene();
  }

  head(about, alone) {
    this.errors = h("b", { class: "ln-errors", "data-role": "errors" });
    this.left = h("span", { class: "ln-left", hidden: "" }, this.errors, h("span", {}, ""));
    this.badge = h("span", { class: "rp-badge" });
    const settings = (about.settings || []).map(([name, value, differs]) =>
      h("span", differs ? { class: "rp-set rp-set-differs" } : { class: "rp-set" }, `${name} ${value}`),
    );
    const letter = alone ? [] : [h("b", { class: "rp-pane-letter" }, LETTERS[this.place]), " "];
    const title = h("h4", { class: "rp-title" }, ...letter, this.title);
    const samplers = this.acts.samplers();
    if (samplers.length) {
      this.sampler = chooser(samplers, this.run.sampler, `Sampler of lane ${LETTERS[this.place]}`);
      title.classList.add("ln-named"); // the list says it; the words stay for those who do not see the page
    }
    const how = this.run.title.replace(`${this.run.sampler}, `, "");
    const told = about.about ? [about.about] : alone ? [how, this.run.model] : [];
    const words = [...told, this.run.note].filter(Boolean).join(" · ");
    this.about = h("span", { class: "ln-about rp-about" }, words);
    const chosen = this.sampler ? [this.sampler] : [];
    return h("div", { class: "rp-pane-head" }, title, ...chosen, this.about, ...settings, this.badge, this.left);
  }

  /** The domain's own drawing before the tokens; its faults stay its own. */
  setScene() {
    const make = scenes[this.run.domain];
    if (!make) return;
    this.guard(() => {
      const point = (p) => this.acts.light(p === null ? undefined : p);
      const select = (p) => this.acts.choose(this, p);
      this.scene = make({ h, svg, picture, point, select, go: (k) => this.acts.go(k) });
      this.body.prepend(this.scene.box);
      this.scene.open(this.run);
    });
  }

  guard(work) {
    try {
      work();
    } catch {
      if (this.scene) this.scene.box.remove();
      this.scene = null;
    }
  }

  /** A token as a small drawing, where the domain has one. */
  get glyph() {
    return (this.scene && this.scene.glyph) || null;
  }

  /** Its errors with their beginnings and ends, kept while nothing arrives. */
  get history() {
    const key = `${this.run.count} ${this.run.missing}`;
    if (this.known !== key) [this.known, this.past] = [key, errorHistory(this.run)];
    return this.past;
  }

  light(p, at = null) {
    const positions = p === undefined || p >= this.run.length ? [] : [p];
    this.pointed = at || (positions.length ? { step: this.k, position: p } : null);
    this.stage.light(positions);
    this.map.light(positions[0]);
    if (this.scene && this.scene.light) this.guard(() => this.scene.light(positions));
  }

  render(k, first) {
    this.k = k;
    const view = this.run.at(k);
    this.stage.render(view);
    if (this.scene) this.guard(() => this.scene.render(view, k));
    this.stage.chips.forEach((chip, p) => {
      const apart = this !== first && difference(first.run.at(first.k), view, p) === OTHER;
      if (apart !== chip.hasAttribute("data-apart")) chip.toggleAttribute("data-apart", apart);
    });
    this.map.update();
    this.map.mark(Math.min(k, this.run.count));
    this.map.describe(view, k);
    this.left.hidden = !this.run.checked;
    say(this.errors, String(view.errors.length));
    say(this.left.lastChild, view.errors.length === 1 ? "error" : "errors");
    put(this.left, "data-none", view.errors.length ? null : "");
    const pointed = this.pointed && this.map.facts({ ...this.pointed, step: this.pointed.step || k });
    say(this.line, pointed || this.numbers(view, k));
    const kind = !this.run.ended ? "live" : this.run.ended.stopped ? "stopped" : this.recorded ? "recorded" : "finished";
    say(this.badge, kind);
    put(this.badge, "data-kind", kind);
  }

  numbers(view, k) {
    const back = `${view.remasks} remasked so far${this.run.from ? " since it was taken up" : ""}`;
    const parts = [
      `step ${Math.min(k, this.run.count)} / ${this.run.expected}`,
      view.phase,
      plural(view.forwards, "network evaluation"),
      `${view.masked} masked`,
      view.judgedNow ? `${view.judgedNow} hidden to judge` : "",
      back,
      `${view.revised} revised`,
      view.sigma ? `σ ${sigma(view.sigma)}` : "",
    ];
    return parts.filter(Boolean).join(" · ");
  }
}
