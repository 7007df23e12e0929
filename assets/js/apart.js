/* Where runs part: step by position, folded away below the lanes. */

import { h, put, say } from "./dom.js";
import { ONE_MASKED, OTHER, SAME, difference } from "./lanes.js";

export class Apart {
  constructor(board) {
    this.board = board;
    this.verdict = h("p", { class: "rp-verdict-line", role: "status" });
    this.canvas = h("canvas", { class: "rp-apart", role: "img" });
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
    const plot = h("div", { class: "rp-apart-plot" }, this.canvas, this.cursor);
    const title = h("summary", {}, "Where and when the runs part");
    this.box = h("details", { class: "rp-table rp-apart-box" }, title, this.verdict, plot, legend);
    this.box.hidden = board.lanes.length < 2;
  }

  get steps() {
    return Math.max(1, ...this.board.lanes.map(({ run }) => run.expected));
  }

  /** The step under the pointer. */
  hit(event) {
    const box = this.canvas.getBoundingClientRect();
    return Math.floor(((event.clientY - box.top) / box.height) * this.steps) + 1;
  }

  draw() {
    const [a, ...others] = this.board.lanes;
    if (!others.length) return;
    const { first } = this.differences();
    const view = a.run.at(a.k);
    let here = 0;
    for (let p = 0; p < a.run.length; p++) here += others.some((each) => difference(view, each.run.at(each.k), p) === OTHER);
    const parted = first ? `They part at step ${first[0] + 1}, position ${first[1]}.` : "So far they are the same.";
    const now = a.k ? ` After step ${a.k}, ${here} of ${a.run.length} positions hold different tokens.` : "";
    say(this.verdict, parted + now);
    put(this.canvas, "aria-label", `Differences by step and position. ${parted}${now}`);
    if (this.box.open) this.paint(a);
  }

  paint(a) {
    const styles = getComputedStyle(this.board.root);
    const colour = { [ONE_MASKED]: styles.getPropertyValue("--rp-hatch"), [OTHER]: styles.getPropertyValue("--rp-muted") };
    Object.assign(this.canvas, { width: a.run.length, height: this.steps });
    const pen = this.canvas.getContext("2d");
    for (const [i, p, what] of this.differences().found) {
      pen.fillStyle = colour[what];
      pen.fillRect(p, i, 1, 1);
    }
    this.cursor.style.top = `${(100 * a.k) / this.steps}%`;
  }

  /** The first difference, and all of them as [step, position, kind]; kept while nothing arrives. */
  differences() {
    const { lanes } = this.board;
    const key = lanes.map(({ run }) => `${run.run} ${run.count} ${run.missing}`).join();
    if (this.memo && this.memo.key === key) return this.memo;
    const [a, ...others] = lanes;
    const found = [];
    const steps = Math.max(0, ...lanes.map(({ run }) => run.count));
    for (let i = 0; i < steps; i++)
      for (let p = 0; p < a.run.length; p++) {
        const kinds = others.map(({ run }) =>
          i < run.count || run.ended ? difference(a.run.at(i + 1), run.at(i + 1), p) : SAME,
        );
        const most = Math.max(SAME, ...kinds);
        if (most) found.push([i, p, most]);
      }
    this.memo = { key, found, first: found[0] || null };
    return this.memo;
  }
}
