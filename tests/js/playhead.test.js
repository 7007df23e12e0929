import assert from "node:assert/strict";
import { test } from "node:test";

import { Playhead } from "../../assets/js/playhead.js";
import { opened, step } from "./messages.js";

const LENGTH = 2;

/** A run of `n` steps of which `came` have come, with `nfe` network evaluations a step. */
function lane(n, came, nfe = 1) {
  const run = opened(LENGTH, { n });
  if (came) run.add(Array.from({ length: came }, (_, i) => step(i, LENGTH, { nfe: nfe * (i + 1) })));
  return { run };
}

/** A head over lanes, without a page. */
function headOver(lanes, ended = true) {
  const board = { lanes, ended, history: { events: [] }, speed: 1, seen: true, off: new AbortController() };
  Object.assign(board, { root: { isConnected: true }, later() {}, speak() {}, destroy: () => board.off.abort() });
  return new Playhead(board);
}

/** Runs `seconds` of frames at 20 a second. */
function play(head, seconds) {
  const frames = [];
  globalThis.requestAnimationFrame = (frame) => frames.push(frame);
  head.play();
  head.then = 0;
  for (let at = 50; at <= 1000 * seconds && frames.length; at += 50) frames.shift()(at);
}

test("by step, a lane that is over stands at its end", () => {
  const [long, short] = [lane(8, 8), lane(4, 4)];
  const head = headOver([long, short]);
  head.go(6);
  assert.deepEqual([head.expected, head.stepAt(long), head.stepAt(short)], [8, 6, 4]);
  head.go(99);
  assert.equal(head.k, 8);
});

test("by share, lanes of other lengths are equally far; by evaluations, equally dear", () => {
  const [long, dear] = [lane(8, 8), lane(4, 4, 4)];
  const head = headOver([long, dear]);
  head.go(4);
  head.measure("share");
  assert.deepEqual([head.stepAt(long), head.stepAt(dear)], [4, 2]);
  head.measure("nfe");
  assert.deepEqual([head.expected, head.k, head.stepAt(long), head.stepAt(dear)], [16, 8, 8, 2]);
  for (const by of ["step", "share", "nfe"]) {
    head.measure(by);
    for (const each of [long, dear])
      for (let at = 0; at <= each.run.count; at++) assert.equal(head.stepAt(each, head.reach(each, at)), at, `${by} ${at}`);
  }
});

test("a live run is followed until somebody takes hold of the slider, and again when asked", () => {
  const live = lane(8, 3);
  const head = headOver([live], false);
  head.grown();
  assert.deepEqual([head.k, head.mode], [3, "live"]);
  head.go(1);
  live.run.add([step(3, LENGTH)]);
  head.grown();
  assert.deepEqual([head.k, head.mode], [1, "paused"]);
  head.live();
  assert.deepEqual([head.k, head.mode], [4, "live"]);
});

test("it plays at its speed to the end, and from the beginning when played again", () => {
  const head = headOver([lane(16, 16)]);
  head.go(0);
  play(head, 1);
  assert.deepEqual([head.k, head.mode], [8, "playing"]);
  while (head.playing) head.tick(head.then + 100);
  assert.equal(head.mode, "done");
  head.play();
  assert.deepEqual([head.k, head.mode], [0, "playing"]);
});

test("a recorded pair hurries where nothing happens and lingers where an error is born", () => {
  const head = headOver([lane(64, 64)]);
  head.paced = true;
  head.go(0);
  play(head, 1);
  const far = head.k;
  head.pause();
  head.board.history.events = [{ at: far + 1 }];
  play(head, 1);
  assert.ok(head.k - far < far / 3, `${far} steps in the first second, ${head.k - far} in the second`);
});

test("what nobody sees is not played, and what is off the page ends", () => {
  const head = headOver([lane(16, 16)]);
  head.go(0);
  head.board.seen = false;
  play(head, 1);
  assert.deepEqual([head.k, head.mode], [0, "playing"]);
  head.board.root.isConnected = false;
  head.tick(2000);
  assert.ok(head.board.off.signal.aborted);
});
