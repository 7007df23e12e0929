/* The scene of Countdown: the problem large, its equations as they form, and what the checker says of each.
 *
 * It is fed what remdm/domains/countdown/domain.py computes from the words alone; what a word shows (masked, decoded,
 * thrown away) is read from the player's view, so that both always agree.
 */

import { h, put, say } from "../js/dom.js";
import { STATES } from "../js/run.js";
import { scenes } from "../js/scenes.js";

const SIGNS = { right: "✓", wrong: "✗", open: "" };
const SAYS = { right: "right", wrong: "wrong", open: "open" };
const list = (x) => (Array.isArray(x) ? x : []);
const text = (x) => (typeof x === "string" || typeof x === "number" ? String(x) : "");

/** One equation: its words as buttons, its mark, its sentence. */
class Line {
  constructor(tools) {
    this.tools = tools;
    this.words = h("span", { class: "cd-words" });
    this.mark = h("span", { class: "cd-mark" });
    this.message = h("span", { class: "cd-message" });
    this.box = h("li", { class: "cd-line" }, this.words, this.mark, this.message);
    this.buttons = [];
  }

  /** As many buttons as the equation has words, kept from step to step. */
  fit(positions) {
    if (positions.join() === this.positions) return;
    this.positions = positions.join();
    this.buttons = positions.map((p) => {
      const button = h("button", { class: "cd-word", type: "button", tabindex: "-1" });
      button.addEventListener("pointerenter", () => this.tools.point(p));
      button.addEventListener("pointerleave", () => this.tools.point());
      button.addEventListener("click", () => this.tools.select(p));
      return [p, button];
    });
    this.words.replaceChildren(...this.buttons.map(([, button]) => button));
  }

  render(line, view, run) {
    this.fit(list(line.positions).filter((p) => Number.isInteger(p) && p >= 0 && p < run.length));
    for (const [p, button] of this.buttons) {
      const state = STATES[view.state[p]];
      say(button, state === "masked" ? "" : run.print(view.shown[p]));
      put(button, "data-state", state);
      put(button, "aria-label", `${state === "masked" ? "masked" : run.name(view.shown[p])}, position ${p}`);
    }
    const state = text(line.state) in SIGNS ? text(line.state) : "open";
    put(this.box, "data-state", state);
    say(this.mark, state === "open" ? "" : `${SIGNS[state]} ${SAYS[state]}`);
    say(this.message, text(line.message));
  }

  light(positions) {
    for (const [p, button] of this.buttons) put(button, "data-hot", positions.includes(p) ? "" : null);
  }
}

scenes.countdown = (tools) => {
  const numbers = h("span", { class: "cd-numbers" });
  const target = h("span", { class: "cd-target" });
  const heading = h("p", { class: "cd-problem" }, numbers, h("span", { class: "cd-to" }, "make"), target);
  const lines = h("ol", { class: "cd-lines" });
  const verdict = h("p", { class: "cd-verdict", role: "status" });
  const box = h("section", { class: "cd", "aria-label": "The problem and its equations" }, heading, lines, verdict);
  let run = null;
  let drawn = [];

  function ask(scene, answer) {
    const given = list(scene.numbers).map(text);
    while (numbers.childElementCount < given.length) numbers.append(h("span", { class: "cd-number" }));
    while (numbers.childElementCount > given.length) numbers.lastChild.remove();
    const left = answer.slice();
    given.forEach((number, i) => {
      const place = left.indexOf(number);
      if (place >= 0) left.splice(place, 1);
      say(numbers.children[i], number);
      put(numbers.children[i], "data-used", place >= 0 ? "" : null);
    });
    say(target, text(scene.target));
  }

  function conclude(scene) {
    const broken = list(scene.broken).map(text);
    const state = text(scene.state);
    const loose = scene.fair === false ? " By the paper's rules; a number was used more than once." : "";
    put(verdict, "data-state", state);
    say(verdict, state === "right" ? `✓ Solved.${loose}` : broken.join(" "));
  }

  return {
    box,
    open(opened) {
      run = opened;
      drawn = [];
      lines.replaceChildren();
    },
    render(view) {
      const scene = view.scene;
      box.hidden = !scene;
      if (!scene) return;
      const rows = list(scene.lines);
      while (drawn.length < rows.length) drawn.push(new Line(tools));
      drawn.length = rows.length;
      lines.replaceChildren(...drawn.map((line) => line.box));
      rows.forEach((row, i) => drawn[i].render(row || {}, view, run));
      const operands = rows.flatMap((row) => {
        const words = list(row && row.words);
        return words.slice(0, words.includes("=") ? words.indexOf("=") : words.length - 2);
      });
      ask(scene, operands);
      conclude(scene);
    },
    light(positions) {
      drawn.forEach((line) => line.light(positions));
    },
    destroy() {},
  };
};
