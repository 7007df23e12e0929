/* What a stage says of itself: in attributes, in words for those who do not see it, and as an object. */

import { put } from "./dom.js";
import { MARKS, STATES } from "./run.js";

const ROLES = [[".write", "write"], [".side", "drawer"]];

/** Marks what stands around the stage, for whoever looks for it; the page may draw it later than this. */
export function mark(root) {
  const bench = root.closest(".bench");
  if (bench) for (const [look, role] of ROLES) bench.querySelectorAll(look).forEach((each) => put(each, "data-role", role));
}

/** Where it stands, as attributes of its element. */
export function describe({ root, head, ended, id }) {
  mark(root);
  put(root, "data-status", head.mode);
  put(root, "data-live", ended ? null : "true");
  put(root, "data-step", head.k);
  put(root, "data-steps", head.count);
  put(root, "data-run", id);
}

/** The step in a sentence or two. */
export function spoken({ lanes, head }) {
  const told = lanes.map(({ run, title, k }) => {
    const view = run.at(k);
    const judged = view.judgedNow ? `${view.judgedNow} hidden to judge, ` : "";
    return `${title}: ${judged}${view.decodedNow} decoded, ${view.now} remasked, ${view.masked} masked`;
  });
  return `Step ${head.k} of ${head.expected}. ${told.join("; ")}.`;
}

/** What the stage shows: for links, for tests and for whoever holds its handle. */
export function state(board) {
  const { lanes, head, id, ended, history, notice, chosen } = board;
  if (!lanes.length) return { status: "empty", step: 0, steps: 0 };
  const panes = lanes.map((lane) => shown(lane, head.stepAt(lane)));
  const own = {
    status: head.mode,
    run: id,
    k: head.k,
    step: head.k,
    steps: head.count,
    expected: head.expected,
    ended,
    live: !ended,
    playing: head.playing,
    caption: history.caption.textContent,
    notice: notice.textContent,
    selected: chosen ? chosen.p : -1,
    lane: chosen ? chosen.lane.place : -1,
  };
  return { ...panes[0], ...own, panes, first: lanes.length > 1 ? board.apart.differences().first : null };
}

function shown({ run, title }, step) {
  const view = run.at(step);
  const { count, missing } = run;
  const { masked, phase, forwards, remasks, revised, churned, decodedNow, judgedNow, now } = view;
  const numbers = { masked, phase, forwards, remasks, revised, churned, decodedNow, judgedNow, remaskedNow: now };
  const states = Array.from(view.state, (x) => STATES[x]);
  const marks = Array.from(view.mark, (x) => MARKS[x]);
  return { title, step, count, missing, ...numbers, errors: view.errors.length, states, marks, ids: run.ids(step) };
}
