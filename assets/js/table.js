/* The steps of a run alone as a table, folded away. */

import { h } from "./dom.js";

const HEAD = ["step", "phase", "hidden to judge", "decoded", "remasked", "masked after", "errors", "ms"];

export class StepTable {
  constructor(run, hidden) {
    this.run = run;
    this.body = h("tbody");
    const head = h("tr", {}, ...HEAD.map((words) => h("th", { scope: "col" }, words)));
    const table = h("table", {}, h("thead", {}, head), this.body);
    this.box = h("details", { class: "rp-table" }, h("summary", {}, "The steps as a table"), h("div", { class: "rp-scroll" }, table));
    this.box.hidden = hidden;
  }

  draw() {
    const { body, run } = this;
    if (!this.box.open) return;
    if (this.missing !== run.missing) body.replaceChildren();
    this.missing = run.missing;
    for (let i = body.rows.length; i < run.count; i++) {
      const view = run.steps[i];
      const errors = view && run.checked ? view.errors.length : "–";
      const cells = view
        ? [view.phase, view.judgedNow, view.decodedNow, view.now, view.masked, errors, view.ms ? view.ms.toFixed(1) : "–"]
        : ["not arrived", "", "", "", "", "", ""];
      body.append(h("tr", {}, h("th", { scope: "row" }, String(i + 1)), ...cells.map((x) => h("td", {}, String(x)))));
    }
  }
}
