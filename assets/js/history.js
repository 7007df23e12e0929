/* Where errors begin and end: marks on the slider, a line of text as the slider passes, and a list of bars. */

import { h, plural, put, say } from "./dom.js";
import { repair } from "./errors.js";
import { LETTERS } from "./lanes.js";

const LISTED = 6; // errors of a lane in the list
const SAID = 7; // steps for which the line of text speaks of an event

/** What happens to the errors of all lanes; `board` says where a lane's step lies on the slider. */
export class History {
  constructor(board) {
    this.board = board;
    this.marks = h("div", { class: "ln-events", "aria-hidden": "true" });
    this.caption = h("p", { class: "ln-caption", "aria-live": "polite" });
    this.title = h("summary", {});
    this.rows = h("div", { class: "ln-history" });
    this.box = h("details", { class: "rp-table", hidden: "" }, this.title, this.rows);
  }

  /** All births and repairs by their place on the slider; kept while nothing arrives. */
  get events() {
    const { lanes, head } = this.board;
    const key = `${head.by} ${lanes.map(({ run }) => `${run.run} ${run.count} ${run.missing} ${run.expected}`).join()}`;
    if (this.key === key) return this.found;
    this.key = key;
    this.found = lanes.flatMap((lane, place) =>
      lane.history.flatMap((error) => [
        { lane, place, error, born: true, at: head.reach(lane, error.born) },
        ...(error.end === null ? [] : [{ lane, place, error, born: false, at: head.reach(lane, error.end) }]),
      ]),
    );
    this.found.sort((a, b) => a.at - b.at);
    this.mark();
    this.list();
    return this.found;
  }

  mark() {
    const { lanes, head } = this.board;
    const at = (mark, place) => {
      mark.style.left = `${(100 * place) / head.expected}%`;
      return mark;
    };
    const begun = lanes.filter(({ run }) => run.from).map((lane) => head.reach(lane, lane.run.from));
    this.marks.replaceChildren(
      ...[...new Set(begun)].map((place) => at(h("i", { class: "ln-taken", title: "Taken up here" }), place)),
      ...this.found.map((each) => at(h("i", { class: each.born ? "ln-born" : "ln-gone", "data-of": each.place }), each.at)),
    );
  }

  draw(k, over) {
    const recent = this.events.filter(({ at }) => at <= k && k < at + SAID).at(-1);
    say(this.caption, over ? this.outcome() : recent ? sentence(recent) : "");
    put(this.caption, "data-kind", over || !recent ? null : recent.born ? "born" : "gone");
  }

  outcome() {
    const { lanes } = this.board;
    // of a run that was cut off nothing is said: masks hold no errors
    if (!lanes.some((lane) => lane.run.checked) || lanes.some((lane) => lane.run.latest.masked)) return "";
    return `${lanes.map((lane) => `${lane.title} leaves ${plural(lane.run.latest.errors.length, "error")}`).join(", ")}.`;
  }

  /** Errors as bars from birth to repair, a row each: those that stand first, then those that stood long. */
  list() {
    const { lanes } = this.board;
    const lasted = (error) => (error.end === null ? Infinity : error.end - error.born);
    const rows = lanes.flatMap((lane, place) => {
      const all = lane.history.map((error, index) => [error, index]).sort(([a], [b]) => lasted(b) - lasted(a));
      const shown = all.slice(0, LISTED).map(([error, index]) => this.bar(lane, place, error, index));
      const more = all.length - shown.length;
      const letter = lanes.length > 1 ? `${LETTERS[place]} · ` : "";
      return more > 0 ? [...shown, h("p", { class: "rp-hint" }, `${letter}${plural(more, "more short-lived error")}`)] : shown;
    });
    this.box.hidden = !rows.length;
    say(this.title, `Errors from birth to repair: ${lanes.map((lane) => `${lane.title} ${lane.history.length}`).join(", ")}`);
    this.rows.replaceChildren(...rows);
  }

  bar(lane, place, error, index) {
    const wide = Math.max(lane.run.expected, 1);
    const strip = h("i", { class: error.end === null ? "ln-bar" : "ln-bar ln-repaired" });
    strip.style.left = `${(100 * error.born) / wide}%`;
    strip.style.width = `${(100 * ((error.end === null ? lane.run.count : error.end) - error.born)) / wide}%`;
    const letter = this.board.lanes.length > 1 ? `${LETTERS[place]} · ` : "";
    const outcome = error.end === null ? "stands to the end" : `repaired at step ${error.end}`;
    return h(
      "button",
      { type: "button", class: "ln-error", "data-event": `${place} ${index}` },
      h("span", { class: "ln-error-words" }, `${letter}step ${error.born}: ${error.sentence}, ${outcome}`),
      h("span", { class: "ln-life" }, strip),
    );
  }
}

function sentence({ lane, error, born }) {
  if (born) return `Step ${error.born} · ${lane.title}: ${error.sentence}`;
  return `Step ${error.end} · ${lane.title}: ${repair(lane.run, error)}; the error is gone`;
}
