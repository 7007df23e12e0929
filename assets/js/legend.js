/* What the marks mean: one line under the lanes, the rest behind "?". */

import { h } from "./dom.js";

/** What a token of the legend reads: cells of a grid have no text, tokens of a line are atoms and bonds. */
const SAMPLES = new Map([["grid", ""], ["line", "C"]]);

const chip = (state, look, text) => h("span", { class: `rp-t ${look}`, "data-state": state }, text);
const entry = (label, ...chips) => h("span", { class: "rp-key" }, ...chips, label);
const group = (label, more, entries) => h("div", { class: `rp-legend ln-legend${more}`, role: "group", "aria-label": label }, ...entries);

/** Five marks in one line. */
export function legend(layout) {
  const sample = SAMPLES.get(layout) ?? "word";
  const shades = ["rp-c1", "rp-c5", "rp-c8"].map((look) => chip("kept", look, sample));
  const error = sample ? [entry("error", chip("kept", "rp-c8 rp-bad", sample))] : []; // what has no text has no checker
  const box = group("Legend", "", [
    entry("masked", chip("masked", "", "")),
    entry("decoded now", chip("decoded", "", sample)),
    entry("remasked now", chip("remasked", "", sample)),
    entry("kept: doubtful to sure when decoded", ...shades),
    ...error,
  ]);
  box.dataset.role = "legend";
  return box;
}

/** The marks that are seldom asked for. */
export function moreLegend(layout) {
  const sample = SAMPLES.get(layout) ?? "word";
  return group("More marks", " ln-legend-more", [
    entry("masked again", chip("masked", "", "↺2")),
    entry("hidden to judge", chip("judged", "", sample)),
    entry("given", chip("given", "", sample)),
    entry("revised", chip("kept", "rp-c4 rp-revised", sample)),
    entry("churned", chip("kept", "rp-c4 rp-churned", sample)),
    entry("written by hand", chip("kept", "rp-c4 rp-planted", sample)),
  ]);
}
