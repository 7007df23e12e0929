import assert from "node:assert/strict";
import { test } from "node:test";

import { CHURNED, DECODED, GIVEN, KEPT, MASKED, REMASKED, REVISED } from "../../assets/js/run.js";
import { MASK, opened, step } from "./messages.js";

test("a token is decoded, kept, struck through for one step, masked, and comes back revised or churned", () => {
  const run = opened(2);
  run.add([
    step(0, 2, { decoded: [[0, 1, 0.5], [1, 3, 0.9]] }),
    step(1, 2),
    step(2, 2, { remasked: [0, 1] }),
    step(3, 2),
    step(4, 2, { decoded: [[0, 2, 0.8], [1, 3, 0.9]] }),
  ]);
  assert.deepEqual(run.steps.map((view) => view.state[0]), [DECODED, KEPT, REMASKED, MASKED, DECODED]);
  assert.equal(run.steps[2].shown[0], 1, "what is thrown away can still be read");
  assert.equal(run.steps[3].shown[0], MASK);
  assert.deepEqual([...run.latest.mark], [REVISED, CHURNED]);
  assert.deepEqual([run.latest.remasks, run.latest.revised, run.latest.churned], [2, 1, 1]);
});

test("steps may come in any order, and what is missing is known", () => {
  const [ordered, shuffled] = [opened(3), opened(3)];
  const steps = [0, 1, 2].map((i) => step(i, 3, { decoded: [[i, i + 1, 0.5]] }));
  ordered.add(steps);
  shuffled.add([steps[2]]);
  assert.deepEqual(shuffled.hole(), [0, 1]);
  shuffled.add([steps[1], steps[0]]);
  assert.equal(shuffled.hole(), null);
  assert.deepEqual([...shuffled.latest.shown], [...ordered.latest.shown]);
});

test("given positions stay given", () => {
  const run = opened(2, { start: [3, MASK] });
  run.add([step(0, 2, { decoded: [[1, 4, 1]] })]);
  assert.equal(run.latest.state[0], GIVEN);
  assert.equal(run.latest.masked, 0);
});

test("a message that will not do is refused by name", () => {
  assert.throws(() => opened(3, { start: [0, 0] }), /start has the wrong length/);
  assert.throws(() => step(0, 2, { decoded: [[2, 1, 0.5]] }), /position out of range/);
  assert.throws(() => step(0, 2, { decoded: [[0, -1, 0.5]] }), /token id out of range/);
});
