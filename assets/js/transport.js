/* Play, slider, speed: the controls that a run and a comparison share. */

import { h, icon } from "./dom.js";

const SPEEDS = [0.5, 1, 2, 4, 8];
const KEYS = [
  ["Space", "play or pause"],
  ["← →", "one step back or on; on a token: the token before or after"],
  ["↑ ↓", "on a token: the one above or below"],
  ["Alt ← →   or   , .", "one step back or on, from anywhere"],
  ["Home End", "first or last step"],
  ["Enter", "choose the token: its life appears"],
  ["Esc", "let the token go"],
];

function button(name, label) {
  return h(
    "button",
    { type: "button", class: "rp-button", "data-do": name, "aria-label": label, title: label },
    icon(name),
  );
}

/** Play, slider, speed, phase. */
export function buildBar() {
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
