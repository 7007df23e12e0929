/* Play, slider, speed, and what else moves through one run or several. */

import { h, icon, put, say } from "./dom.js";

const SPEEDS = [0.5, 1, 2, 4, 8];
const BY = [["step", "step"], ["share", "share of the run"], ["nfe", "network evaluations"]];
const LANES = [1, 2, 4];
const KEYS = [
  ["Space", "play or pause"],
  ["← →", "one step back or on; on a token: the token before or after"],
  ["↑ ↓", "on a token: the one above or below"],
  ["Alt ← →   or   , .", "one step back or on, from anywhere"],
  ["Home End", "first or last step"],
  ["E", "on to the next step at which an error begins or is repaired"],
  ["Enter", "choose the token: its life appears"],
  ["Esc", "let the token go"],
];
const PLAIN_SPEED = 8; // steps a second
const HURRY = 22; // of a recorded pair where nothing happens to an error
const LINGER = 3; // of the same around what does
const AROUND = [2, 5]; // steps before and after an event that count as around it

function button(name, label) {
  const about = { type: "button", class: "rp-button", "data-do": name, "aria-label": label, title: label };
  return h("button", about, icon(name));
}

const choice = (look, label, rows) =>
  h("select", { class: `rp-speed ${look}`, "aria-label": label, title: label },
    ...rows.map(([value, words, chosen]) => h("option", chosen ? { value, selected: "" } : { value }, words)));

/** The bar: it draws what it is told and reports through the events of its elements. */
export class Transport {
  /** @param legend what the marks mean beyond the one line under the lanes */
  constructor(marks, legend) {
    this.play = button("play", "Play");
    const steps = { type: "range", class: "rp-slider", min: 0, max: 1, value: 0, step: 1, "aria-label": "Step" };
    this.slider = h("input", { ...steps, "data-role": "slider" });
    this.unit = h("span", { class: "rp-unit" });
    this.at = h("span");
    this.count = h("span", { class: "rp-count" }, this.unit, " ", this.at);
    this.phase = h("span", { class: "rp-phase" });
    this.live = h("button", { type: "button", class: "rp-live", "data-do": "live", hidden: "" }, "Jump to live");
    this.axis = choice("ln-axis", "Compare by", BY.map(([value, words]) => [value, `by ${words}`]));
    this.speed = choice("", "Speed", SPEEDS.map((x) => [x, `${x}×`, x === 1]));
    this.device = h("span", { class: "ln-device", "data-role": "device", hidden: "" });
    this.drafts = h("input", { type: "checkbox", checked: "" });
    const about = { "data-do": "keys", "aria-label": "Keys and marks", title: "Keys and marks", "aria-expanded": "false" };
    this.keys = h("button", { type: "button", class: "rp-button rp-help", ...about }, "?");
    const rows = KEYS.flatMap(([key, meaning]) => [h("dt", {}, key), h("dd", {}, meaning)]);
    const drafts = h("label", { class: "ln-once" }, this.drafts, "show the likeliest word faintly where masked");
    this.hints = h("div", { class: "rp-hints", hidden: "" }, h("dl", {}, ...rows), legend, drafts);
    const moves = [button("first", "First step"), button("previous", "Previous step"), this.play, button("next", "Next step"), button("last", "Last step")];
    this.box = h(
      "div",
      { class: "rp-bar", role: "group", "aria-label": "Player", "data-role": "transport" },
      h("div", { class: "rp-buttons" }, ...moves),
      h("div", { class: "ln-track" }, this.slider, marks),
      h("div", { class: "rp-where" }, this.count, this.phase),
      this.live, this.device, this.axis, this.speed, this.keys, this.hints,
    );
  }

  help(shown) {
    this.hints.hidden = !shown;
    put(this.keys, "aria-expanded", String(shown));
  }

  /** What the runs are computed on, if that is known. */
  computedOn(device) {
    say(this.device, device);
    this.device.hidden = !device;
  }

  draw({ k, expected, unit, phase, moving, ended, following }) {
    put(this.slider, "max", expected);
    if (Number(this.slider.value) !== k) this.slider.value = k;
    put(this.slider, "aria-valuetext", `${unit} ${k} of ${expected}${phase ? `, ${phase}` : ""}`);
    this.slider.style.setProperty("--rp-done", `${(100 * k) / expected}%`);
    say(this.unit, unit);
    say(this.at, `${k} / ${expected}`);
    this.at.style.minWidth = `${2 + 2 * String(expected).length}ch`; // a space is half a digit wide
    say(this.phase, phase);
    const wanted = moving ? "pause" : "play";
    if (this.play.rpIcon !== wanted) {
      this.play.rpIcon = wanted;
      this.play.replaceChildren(icon(wanted));
      for (const name of ["aria-label", "title"]) put(this.play, name, moving ? "Pause" : "Play");
    }
    this.live.hidden = ended;
    this.live.disabled = following;
    say(this.live, following ? "Live" : "Jump to live");
  }
}

/** The switch between one, two and four lanes. */
export function laneSwitch(shown) {
  const one = (n) => h("button", { type: "button", "data-lanes": n, "aria-pressed": String(n === shown) }, String(n));
  return h("div", { class: "ln-lanes", role: "group", "aria-label": "Lanes", title: "Runs side by side" }, ...LANES.map(one), h("span", {}, "lanes"));
}

/** How fast a run plays: a recorded pair hurries to where something happens to an error, and lingers there. */
export function pace(k, events, paced) {
  if (!paced) return PLAIN_SPEED;
  return events.some(({ at }) => k >= at - AROUND[0] && k < at + AROUND[1]) ? LINGER : HURRY;
}
