import assert from "node:assert/strict";
import { test } from "node:test";

import { CHURNED, DECODED, GIVEN, JUDGED, KEPT, MASKED, REMASKED, REVISED } from "../../assets/js/run.js";
import { traceOf } from "../../assets/js/rescue.js";
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

test("a token hidden to be judged is marked for one step; it stays, is replaced or goes, and is never a remasked one", () => {
  const run = opened(3);
  run.add([
    step(0, 3, { decoded: [[0, 1, 0.5], [1, 3, 0.9], [2, 4, 0.9]] }),
    step(1, 3, { judged: [0, 1] }),
    step(2, 3, { judged: [0, 1, 2], decoded: [[1, 2, 0.6]], remasked: [2] }),
    step(3, 3),
  ]);
  const at = (p) => run.steps.map((view) => view.state[p]);
  assert.deepEqual([at(0), at(1), at(2)], [
    [DECODED, JUDGED, JUDGED, KEPT],
    [DECODED, JUDGED, DECODED, KEPT],
    [DECODED, KEPT, REMASKED, MASKED],
  ]);
  assert.deepEqual([run.latest.mark[0], run.latest.mark[1]], [0, REVISED]);
  assert.deepEqual(run.steps.map((view) => [view.judgedNow, view.masked]), [[0, 0], [2, 0], [3, 1], [0, 1]]);
  assert.deepEqual([run.latest.judgings, run.latest.remasks, run.latest.revised], [5, 1, 1]);
  const told = (p) => run.life[p].filter(({ kind }) => kind === "judged").map(({ step, verdict, next }) => [step, verdict, next]);
  assert.deepEqual(told(0), [[2, "kept", undefined], [3, "kept", undefined]]);
  assert.deepEqual(told(1), [[2, "kept", undefined], [3, "replaced", 2]]);
  assert.deepEqual(told(2), [[3, "remasked", undefined]]);
});

test("a trace that the page saves is of version 2 where tokens were hidden to be judged, else of version 1", () => {
  const run = opened(1);
  run.add([step(0, 1, { decoded: [[0, 1, 0.5]] })]);
  assert.equal(traceOf(run).version, 1);
  assert.equal("judged" in traceOf(run).steps[0], false);
  run.add([step(1, 1, { judged: [0] })]);
  assert.equal(traceOf(run).version, 2);
  assert.deepEqual(traceOf(run).steps[1].judged, [0]);
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
  assert.throws(() => step(0, 2, { judged: [2] }), /position out of range/);
  assert.throws(() => step(0, 2, { decoded: [[0, -1, 0.5]] }), /token id out of range/);
});
