import assert from "node:assert/strict";
import { test } from "node:test";

import { errorHistory, repair } from "../../assets/js/errors.js";
import { opened, step } from "./messages.js";

const pronoun = [[1], "pronoun", "her does not fit Tom"];

test("an error stands from the step after which it is found to the one after which it is gone", () => {
  const run = opened(4, { row: 2 });
  run.add([
    step(0, 4, { decoded: [[0, 3, 1], [1, 1, 0.3]], errors: [] }),
    step(1, 4, { errors: [pronoun] }),
    step(2, 4, { errors: [pronoun] }),
    step(3, 4, { remasked: [1], errors: [] }),
    step(4, 4, { decoded: [[1, 2, 0.9]], errors: [] }),
  ]);
  const [error, ...others] = errorHistory(run);
  assert.deepEqual([error.born, error.end, others.length], [2, 4, 0]);
  assert.equal(repair(run, error), "“her” became “his”");
});

test("an error that is hidden for a moment is the same error, one that comes back much later is not", () => {
  const run = opened(2);
  const seen = [1, 0, 1, 0, 0, 0, 0, 0, 1];
  run.add(seen.map((here, i) => step(i, 2, { errors: here ? [pronoun] : [] })));
  assert.deepEqual(errorHistory(run).map((each) => [each.born, each.end]), [[1, 4], [9, null]]);
});

test("an error that is told otherwise in the same row goes on, one in another row is another", () => {
  const run = opened(4, { row: 2 });
  const [vague, exact, other] = [[[0], "sentence", "unknown"], [[1], "word", "her"], [[3], "word", "cat"]];
  run.add([step(0, 4, { errors: [vague] }), step(1, 4, { errors: [exact] }), step(2, 4, { errors: [exact, other] })]);
  const found = errorHistory(run).map((each) => [each.sentence, each.born, each.end]);
  assert.deepEqual(found, [["her", 1, null], ["cat", 3, null]]);
});
