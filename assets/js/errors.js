/* When each error of a run began, and when it was repaired. */

import { MASKED, REMASKED } from "./run.js";

const FLICKER = 3; // steps: an error that is gone for so short a time was hidden, not repaired
const masked = (view, p) => view.state[p] === MASKED || view.state[p] === REMASKED;

/** Each error of a run from the step after which it stands to the one after which it is gone (null: never).
 *
 * An error that is told otherwise as its sentence fills up stays the same error: it stands in the same row. */
export function errorHistory(run) {
  const found = [];
  const row = Number((/^rows:(\d+)$/.exec(run.layout) || [])[1]) || 1;
  const rows = (error) => error.positions.map((p) => Math.floor(p / row));
  run.steps.forEach((view, i) => {
    const open = found.filter((error) => error.end === null || i + 1 - error.end <= FLICKER);
    const taken = new Set();
    const claim = (error, fits) => {
      const known = open.find((each) => !taken.has(each) && fits(each));
      if (known) taken.add(Object.assign(known, { ...error, end: null }));
      return Boolean(known);
    };
    const same = (error) => (each) => each.kind === error.kind && String(each.positions) === String(error.positions);
    const overlaps = (error) => (each) => each.end === null && rows(each).some((p) => rows(error).includes(p));
    const left = view.errors.filter((error) => !claim(error, same(error)));
    for (const error of left.filter((each) => !claim(each, overlaps(each)))) {
      found.push({ ...error, born: i + 1, end: null });
      taken.add(found.at(-1));
    }
    for (const error of open) if (error.end === null && !taken.has(error)) error.end = i + 1;
  });
  return found;
}

/** What became of an error that is gone, in words: which token went, and what stands there instead. */
export function repair(run, error) {
  const before = run.at(error.end - 1);
  for (const p of error.positions) {
    const later = run.steps.slice(error.end - 1).find((view) => !masked(view, p) && view.shown[p] !== before.shown[p]);
    if (later && !masked(before, p)) return `“${run.name(before.shown[p])}” became “${run.name(later.shown[p])}”`;
  }
  return "what is around it changed";
}
